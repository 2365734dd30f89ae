//! The tmux server, its sessions and its socket come to harm, by accident or by an operator's hand.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use nix::sys::signal::Signal;

use crate::declare::agent;
use crate::harness::{Host, is_alive, kill, until};

const ALWAYS: &str = "restart = \"always\"\nbackoff = \"10ms\"";

fn server_of(host: &Host) -> u32 {
    host.tmux(&["display-message", "-p", "#{pid}"]).unwrap().trim().parse().unwrap()
}

/// Runs an agent of each kind, does `harm`, and expects the one that is to run again on a server that lives.
fn survive(harm: impl Fn(&Host)) {
    let host = Host::new();
    host.configure(&[agent("again", &["$PROBE", "wait"], ALWAYS), agent("once", &["$PROBE", "wait"], "")].concat());
    let daemon = host.start();
    daemon.wait_states(&[("again", "running"), ("once", "running")]);
    let old = ["again", "once"].map(|name| u32::try_from(daemon.agent(name)["pid"].as_u64().unwrap()).unwrap());
    harm(&host);
    daemon.wait_states(&[("again", "running"), ("once", "failed")]);
    for pid in old {
        until("the old one to be gone", || (!is_alive(pid)).then_some(()));
    }
    // Once: a start in a terminal that is about to go would be lost with it, and be counted.
    assert_eq!(daemon.agent("again")["restarts"], 1);
    assert!(is_alive(server_of(&host)));
}

#[test]
fn agents_run_again_on_a_new_server_when_theirs_is_killed() {
    survive(|host| kill(server_of(host), Signal::SIGKILL));
}

#[test]
fn agents_run_again_on_a_new_server_when_theirs_is_told_to_end() {
    survive(|host| drop(host.tmux(&["kill-server"])));
}

/// Such a server refuses everybody and never ends: it has a session, of a client that had connected when it was told to.
#[test]
fn agents_run_again_on_a_new_server_when_theirs_can_not_end() {
    let host = Host::new();
    host.configure(&agent("one", &["$PROBE", "wait"], ALWAYS));
    let daemon = host.start();
    daemon.wait_state("one", "running");
    let server = server_of(&host);
    daemon.signal(Signal::SIGKILL);
    daemon.ended();
    kill(server, Signal::SIGSTOP);
    // In this order: the one has told it to end by the time that the other is heard.
    let clients = [&["kill-server"][..], &["-C", "new-session", "-s", "late"]].map(|words| {
        let mut client = host.command("tmux");
        client.args(["-N", "-S"]).arg(host.tmux_socket()).args(words).stdin(Stdio::null()).stdout(Stdio::null());
        let client = client.spawn().unwrap();
        until("it to be connected", || is_connected(client.id()).then_some(()));
        client
    });
    kill(server, Signal::SIGCONT);
    for mut client in clients {
        client.wait().unwrap();
    }
    assert!(is_alive(server) && host.tmux(&["list-sessions"]).is_err(), "it ended");
    let daemon = host.start();
    daemon.wait_state("one", "running");
    assert_ne!(server_of(&host), server);
    assert!(!is_alive(server));
}

/// A tmux before 3.7 crashes where a session comes, goes or is renamed just when a `tmux -C` connects.
#[test]
fn a_server_whose_sessions_come_and_go_survives_daemons_that_connect() {
    let host = Host::new();
    host.configure(&agent("one", &["$PROBE", "wait"], ALWAYS));
    let daemon = host.start();
    daemon.wait_state("one", "running");
    let pid = daemon.agent("one")["pid"].clone();
    host.tmux(&["new-session", "-d", "-s", "mine", "--", "sleep", "1000"]).unwrap();
    let mut restless = host.command("tmux");
    restless.args(["-N", "-S"]).arg(host.tmux_socket()).args([
        "-C",
        "attach-session",
        "-t",
        "=mine",
        "-f",
        "no-output",
    ]);
    let mut restless = restless.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut words = restless.stdin.take().unwrap();
    let mut answers = BufReader::new(restless.stdout.take().unwrap()).lines().map_while(Result::ok);
    // It is one of those itself, until it is answered.
    answers.find(|line| line.starts_with("%end")).unwrap();
    let rest = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // As many as it answers: so there are some at every moment.
        scope.spawn(|| {
            let change = "rename-session -t =mine ours ; rename-session -t =ours mine\n";
            words.write_all(change.repeat(100).as_bytes()).unwrap();
            for _answer in answers.filter(|line| line.starts_with("%end")).step_by(2) {
                if rest.load(Relaxed) || words.write_all(change.as_bytes()).is_err() {
                    return;
                }
            }
        });
        let mut last = daemon;
        for _connection in 0..20 {
            last.signal(Signal::SIGKILL);
            last.ended();
            last = host.start();
            // A server that crashed takes the agent with it, and it is started again.
            last.wait("the agent", |line| line["message"] == "adopted" || line["to"] == "running");
            if last.agent("one")["pid"] != pid {
                break;
            }
        }
        rest.store(true, Relaxed);
        assert_eq!(last.agent("one")["pid"], pid);
    });
    kill(restless.id(), Signal::SIGTERM);
    restless.wait().unwrap();
}

/// Whether a tmux client has sent all that it has to say, and waits.
fn is_connected(pid: u32) -> bool {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let has_socket =
        open.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|at| at.to_string_lossy().starts_with("socket:"));
    has_socket && fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") S "))
}

#[test]
fn agents_run_again_when_their_sessions_are_closed() {
    survive(|host| ["=again", "=once"].iter().for_each(|name| drop(host.tmux(&["kill-session", "-t", name]).unwrap())));
}

#[test]
fn a_server_that_is_just_being_started_is_not_left_behind() {
    let host = Host::new();
    host.configure(&agent("one", &["$PROBE", "wait"], ""));
    let daemon = host.start();
    daemon.wait_state("one", "running");
    kill(server_of(&host), Signal::SIGKILL);
    daemon.wait("the loss", |line| line["message"] == "the connection to the tmux server was lost");
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.ended().success());
    until("every process to be gone", || host.processes().iter().all(|pid| *pid == std::process::id()).then_some(()));
}

#[test]
fn a_foreign_session_is_left_alone_to_the_end() {
    let host = Host::new();
    host.configure(&agent("one", &["$PROBE", "wait"], ""));
    let daemon = host.start();
    daemon.wait_state("one", "running");
    host.tmux(&["new-session", "-d", "-s", "mine", "--", "sleep", "1000"]).unwrap();
    daemon.signal(Signal::SIGTERM);
    daemon.wait("the reason", |line| {
        line["message"].as_str().is_some_and(|text| text.starts_with("leaves the tmux server running"))
    });
    assert!(daemon.ended().success());
    host.tmux(&["has-session", "-t", "=mine"]).unwrap();
}

#[test]
fn an_agents_name_in_the_servers_environment_makes_no_session_an_agents() {
    let host = Host::new();
    host.configure(&agent("one", &["$PROBE", "wait"], ""));
    let daemon = host.start();
    daemon.wait_state("one", "running");
    let pid = daemon.agent("one")["pid"].clone();
    host.tmux(&["new-session", "-d", "-s", "mine", "--", "sleep", "1000"]).unwrap();
    host.tmux(&["set-environment", "-g", "AGENTD_AGENT", "two"]).unwrap();
    drop(daemon);
    // An agent's session that isn't declared would be closed.
    let daemon = host.start();
    daemon.wait("the adoption", |line| line["message"] == "adopted");
    assert_eq!(daemon.agent("one")["pid"], pid);
    assert_eq!(daemon.get("/v1/agents").1.as_array().map(Vec::len), Some(1));
    host.tmux(&["has-session", "-t", "=mine"]).unwrap();
}

#[test]
fn a_window_whose_size_nobody_fixed_is_fixed_by_the_next_daemon() {
    let host = Host::new();
    host.configure(&agent("one", &["$PROBE", "wait"], ""));
    let size = || host.tmux(&["display-message", "-p", "-t", "=one:", "#{window-size} #{window_width}"]).unwrap();
    let fixed = || (size().trim() == "manual 200").then_some(());
    let daemon = host.start();
    daemon.wait_state("one", "running");
    until("the size to be fixed", fixed);
    drop(daemon);
    // As if the daemon had died between the two commands.
    host.tmux(&["set-option", "-uw", "-t", "=one:", "window-size"]).unwrap();
    assert_eq!(size().trim(), "latest 200");
    let _daemon = host.start();
    until("the size to be fixed", fixed);
}
