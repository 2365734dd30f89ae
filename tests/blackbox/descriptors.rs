//! A daemon that runs out of descriptors or threads while it runs, and what it makes up for when it has some again.

use std::collections::HashSet;
use std::fs;

use nix::sys::signal::Signal;

use crate::declare::{Record, agent};
use crate::harness::{Daemon, Host, is_alive, kill, until};

/// Takes from the running daemon all descriptors but so many. What is limited are their numbers.
pub fn take(host: &Host, daemon: &Daemon, but: usize) {
    let open = open(daemon);
    limit(host, daemon, (0..).filter(|number| !open.contains(number)).nth(but).unwrap());
}

/// What the daemon has open.
pub fn open(daemon: &Daemon) -> HashSet<u32> {
    let entries = fs::read_dir(format!("/proc/{}/fd", daemon.pid())).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect()
}

fn limit(host: &Host, daemon: &Daemon, first_refused: u32) {
    set(host, daemon, &format!("--nofile={first_refused}:"));
}

fn set(host: &Host, daemon: &Daemon, limit: &str) {
    let status = host.command("prlimit").args(["--pid", &daemon.pid().to_string(), limit]).status().unwrap();
    assert!(status.success());
}

/// What can't be read is told once, and read by itself when it can be again.
fn reads_again(want: impl Fn(&Host, &Daemon), refusal: &str, relief: &str) {
    let mut host = Host::new();
    host.arguments = ["--reconcile-interval", "1h"].map(Into::into).into();
    host.configure(&agent("one", &["$PROBE", "wait"], ""));
    let daemon = host.start();
    daemon.wait_state("one", "running");
    let before = daemon.agent("one");
    want(&host, &daemon);
    daemon.signal(Signal::SIGHUP);
    daemon.wait("the refusal", |line| line["message"].as_str().is_some_and(|text| text.contains(refusal)));
    // Long enough for several attempts; each finds the same.
    std::thread::sleep(std::time::Duration::from_millis(500));
    set(&host, &daemon, relief);
    until("the error to go", || daemon.get("/v1/health").1["config_error"].is_null().then_some(()));
    assert_eq!(daemon.agent("one"), before);
    assert_eq!(daemon.log().matches("did not take the configuration").count(), 1, "told once");
}

#[test]
fn files_that_could_not_be_read_are_read_as_soon_as_they_can_be() {
    reads_again(|host, daemon| take(host, daemon, 0), "Too many open files", "--nofile=1024:");
}

#[test]
fn files_that_no_thread_could_read_too() {
    reads_again(|host, daemon| set(host, daemon, "--nproc=1:"), "temporarily unavailable", "--nproc=10000:");
}

/// What a killed shim ran is found and killed all the same.
fn leaves_nothing(want: impl Fn(&Host, &Daemon), relief: Option<&str>) {
    let host = Host::new();
    host.configure(&agent("one", &["$PROBE", "setsid", "child", "wait"], ""));
    let daemon = host.start();
    daemon.wait_state("one", "running");
    let main = u32::try_from(daemon.agent("one")["pid"].as_u64().unwrap()).unwrap();
    let child = Record::read(&host, "child").pid;
    let pane = host.tmux(&["display-message", "-p", "-t", "=one:", "#{pane_pid}"]).unwrap();
    want(&host, &daemon);
    kill(pane.trim().parse().unwrap(), Signal::SIGKILL);
    if let Some(relief) = relief {
        // Long enough for several attempts.
        std::thread::sleep(std::time::Duration::from_millis(500));
        set(&host, &daemon, relief);
    }
    for pid in [main, child] {
        until("what it ran to be gone", || (!is_alive(pid)).then_some(()));
    }
    daemon.wait_state("one", "failed");
}

#[test]
fn what_a_killed_shim_ran_is_gone_once_there_are_descriptors_to_find_it() {
    leaves_nothing(|host, daemon| take(host, daemon, 0), Some("--nofile=1024:"));
}

/// Its agents may have taken all that their user may have.
#[test]
fn what_a_killed_shim_ran_is_gone_though_there_is_no_thread_to_find_it() {
    leaves_nothing(|host, daemon| set(host, daemon, "--nproc=1:"), None);
}
