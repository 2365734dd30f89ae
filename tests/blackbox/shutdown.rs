//! How the daemon is asked to end, and who may not start beside it.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::declare::agent;
use crate::harness::{AGENTD, Host, kill, until};

const STUBBORN: [&str; 8] = ["$PROBE", "ignore", "1", "ignore", "2", "ignore", "15", "wait"];

#[test]
fn stubborn_agents_are_stopped_at_the_same_time() {
    let host = Host::new();
    host.configure(&agent("deaf", &STUBBORN, "replicas = 20\ngrace_period = \"1s\""));
    let daemon = host.start();
    let names: Vec<String> = (0..20).map(|number| format!("deaf-{number}")).collect();
    daemon.wait_states(&names.iter().map(|name| (name.as_str(), "running")).collect::<Vec<_>>());
    let asked = Instant::now();
    daemon.signal(Signal::SIGINT);
    daemon.wait_states(&names.iter().map(|name| (name.as_str(), "none")).collect::<Vec<_>>());
    assert!(asked.elapsed() < Duration::from_secs(15), "one after another they would take 20 s");
    assert!(daemon.ended().success());
}

#[test]
fn a_daemon_whose_log_nobody_reads_goes_on_and_ends_well() {
    for format in ["json", "text"] {
        let host = Host::new();
        host.configure(&agent("one", &["$PROBE", "touch", "up", "wait"], ""));
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = host.command(AGENTD);
        command.arg("--config").arg(host.at("etc/jcard.toml")).arg("--secret-dir").arg(host.at("secrets"));
        let mut daemon = command.args(["--log-format", format]).stderr(writer).spawn().unwrap();
        let up = || host.at("work/up").exists().then_some(true);
        assert!(until("its agent, or its end", || up().or_else(|| daemon.try_wait().unwrap().map(|_| false))));
        kill(daemon.id(), Signal::SIGTERM);
        assert!(daemon.wait().unwrap().success());
        until("all to be gone", || host.processes().iter().all(|pid| *pid == std::process::id()).then_some(()));
    }
}

#[test]
fn a_second_signal_cuts_the_grace_short() {
    let host = Host::new();
    host.configure(&agent("deaf", &STUBBORN, "grace_period = \"10m\""));
    let daemon = host.start();
    daemon.wait_state("deaf", "running");
    daemon.signal(Signal::SIGTERM);
    daemon.wait_state("deaf", "stopping");
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.ended().success());
}

#[test]
fn detached_agents_go_on_for_the_next_daemon() {
    let mut host = Host::new();
    host.configure(&agent("one", &["$PROBE", "wait"], ""));
    host.arguments = vec!["--on-exit".to_owned(), "detach".to_owned()];
    let daemon = host.start();
    daemon.wait_state("one", "running");
    let pid = daemon.agent("one")["pid"].clone();
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.ended().success());
    assert_eq!(host.start().agent("one")["pid"], pid);
}

#[test]
fn a_second_daemon_is_told_who_came_first() {
    let mut host = Host::new();
    host.configure(&agent("one", &["$PROBE", "wait"], ""));
    let daemon = host.start();
    daemon.wait_state("one", "running");
    let pid = daemon.agent("one")["pid"].clone();
    let elsewhere = host.at("run/agentd/other.sock").into_os_string().into_string().unwrap();
    for arguments in [vec![], vec!["--api-socket".to_owned(), elsewhere]] {
        host.arguments = arguments;
        let second = host.spawn();
        let holder = format!("(pid {})", daemon.pid());
        second.wait("the refusal", |line| line["message"].as_str().is_some_and(|text| text.contains(&holder)));
        assert_eq!(second.ended().code(), Some(1));
    }
    assert_eq!(daemon.agent("one")["pid"], pid);
}
