//! A stop takes as long as the agent needs and its grace period allows, and leaves nothing.

use std::time::{Duration, Instant};

use crate::declare::{Record, agent};
use crate::harness::{Host, is_alive, until, until_within};

/// Ignores what can be ignored, and has children that left its session and its parentage.
const STUBBORN: [&str; 13] = [
    "$PROBE",
    "ignore",
    "1",
    "ignore",
    "2",
    "ignore",
    "15",
    "setsid",
    "child",
    "double-fork",
    "orphan",
    "record",
    "main",
];

fn family(host: &Host) -> Vec<u32> {
    ["main", "child", "orphan"].iter().map(|name| Record::read(host, name).pid).collect()
}

fn gone(pids: &[u32]) {
    let left = || pids.iter().all(|pid| !is_alive(*pid)).then_some(());
    until_within(Duration::from_secs(5), "the whole family to be gone", left);
}

/// With cgroups, an agent is in its own; the test would prove nothing of them otherwise.
fn check_mode(host: &Host, pid: u32) {
    let cgroup = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    if host.account.is_some() && !cgroup.contains(".agent") {
        eprintln!("SKIPPED: there are no cgroups here, so root's mode is tested without them");
    }
}

#[test]
fn who_ignores_everything_is_gone_right_after_its_grace_period() {
    for host in Host::both() {
        host.configure(&agent("stubborn", &[&STUBBORN[..], &["wait"]].concat(), "grace_period = \"1s\""));
        let daemon = host.start();
        daemon.wait_state("stubborn", "running");
        let pids = family(&host);
        check_mode(&host, pids[0]);
        let asked = Instant::now();
        host.configure("# nobody\n");
        daemon.wait_state("stubborn", "stopping");
        assert_eq!(daemon.agent("stubborn")["state"], "stopping");
        daemon.wait_state("stubborn", "none");
        let took = asked.elapsed();
        assert!(took >= Duration::from_secs(1), "gone after {took:?}");
        assert!(took < Duration::from_secs(5), "gone after {took:?}");
        assert!(pids.iter().all(|pid| !is_alive(*pid)), "something is left");
        assert!(host.tmux(&["has-session", "-t", "=stubborn"]).is_err());
    }
}

#[test]
fn without_grace_the_kill_is_at_once() {
    for host in Host::both() {
        host.configure(&agent("stubborn", &[&STUBBORN[..], &["wait"]].concat(), "grace_period = \"0s\""));
        let daemon = host.start();
        daemon.wait_state("stubborn", "running");
        let pids = family(&host);
        host.configure("# nobody\n");
        let gone = daemon.wait_state("stubborn", "none");
        assert!(gone["reason"].is_string());
        assert!(pids.iter().all(|pid| !is_alive(*pid)), "something is left");
    }
}

#[test]
fn who_obeys_is_gone_at_once_with_all_its_children() {
    for host in Host::both() {
        let words = ["$PROBE", "setsid", "child", "double-fork", "orphan", "record", "main", "wait"];
        host.configure(&agent("obedient", &words, "grace_period = \"30s\""));
        let daemon = host.start();
        daemon.wait_state("obedient", "running");
        let pids = family(&host);
        let asked = Instant::now();
        host.configure("# nobody\n");
        daemon.wait_state("obedient", "none");
        assert!(asked.elapsed() < Duration::from_secs(5), "gone after {:?}", asked.elapsed());
        assert!(pids.iter().all(|pid| !is_alive(*pid)), "something is left");
    }
}

#[test]
fn what_an_agent_leaves_at_its_own_end_is_gone_too() {
    for host in Host::both() {
        let ready = ["await", "child", "await", "orphan", "exit", "4"];
        host.configure(&agent("leaver", &[&STUBBORN[..], &ready].concat(), ""));
        let daemon = host.start();
        daemon.wait_state("leaver", "failed");
        gone(&family(&host));
        assert_eq!(daemon.agent("leaver")["exit"]["code"], 4);
    }
}

#[test]
fn a_restart_waits_until_nothing_of_the_last_run_is_left() {
    for host in Host::both() {
        let script = "if [ -e main ]; then mv main first-main; mv child first-child; mv orphan first-orphan; fi; exec \
            $PROBE ignore 15 setsid child double-fork orphan record main await child await orphan exit 1";
        let fields = "restart = \"on-failure\"\nmax_restarts = 1\nbackoff = \"0s\"";
        host.configure(&agent("leaver", &["/bin/sh", "-c", script], fields));
        let daemon = host.start();
        daemon.wait_state("leaver", "failed");
        let first: Vec<u32> =
            ["first-main", "first-child", "first-orphan"].iter().map(|name| Record::read(&host, name).pid).collect();
        assert!(first.iter().all(|pid| !is_alive(*pid)), "something of the first run is left");
        gone(&family(&host));
        assert_eq!(daemon.agent("leaver")["restarts"], 1);
    }
}

#[test]
fn an_interactive_harness_is_interrupted_in_its_own_way() {
    for host in Host::both() {
        std::fs::create_dir(host.at("bin")).unwrap();
        let program = host.at("bin/claude");
        std::fs::write(&program, host.fill_in("#!/bin/sh\nexec $PROBE two-interrupts interrupted\n")).unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        host.configure(
            "[[agents]]\nharness = \"claude-code\"\nworkdir = \"$DIR/work\"\nenv = { PATH = \"$DIR/bin:/usr/bin:/bin\" }",
        );
        let daemon = host.start();
        daemon.wait_state("claude-code", "running");
        host.file("ready");
        // Whoever scrolls in the pane isn't in the way.
        host.tmux(&["copy-mode", "-t", "=claude-code:"]).unwrap();
        let asked = Instant::now();
        host.configure("# nobody\n");
        let gone = daemon.wait("its end", |line| line["agent"] == "claude-code" && line["to"] == "none");
        assert!(asked.elapsed() < Duration::from_secs(5), "gone after {:?}: {gone}", asked.elapsed());
        host.file("interrupted");
        until("the session to be gone", || host.tmux(&["has-session", "-t", "=claude-code"]).err());
    }
}
