//! Deadlines, delays and times of the past are an agent's, not the daemon's: they survive its death.

use std::fs;
use std::time::{Duration, Instant, SystemTime};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::declare::agent;
use crate::harness::{Daemon, Host, is_alive, kill, until};

/// What the API shows of each, before a daemon's death and after.
fn across_death(host: &Host, daemon: Daemon, names: &[&str]) -> (Daemon, Vec<Value>, Vec<Value>) {
    let shown = |daemon: &Daemon| names.iter().map(|name| daemon.agent(name)).collect::<Vec<_>>();
    let before = shown(&daemon);
    drop(daemon);
    let daemon = host.start();
    let after = shown(&daemon);
    (daemon, before, after)
}

/// The next restart is told by another clock than the past: to about a second here.
fn assert_same(before: &Value, after: &Value) {
    let parts = |agent: &Value| {
        let mut agent = agent.clone();
        let next = agent.as_object_mut().unwrap().remove("next_restart_at");
        (agent, next)
    };
    let ((before, next_before), (after, next_after)) = (parts(before), parts(after));
    assert_eq!(before, after);
    let far =
        next_before.zip(next_after).is_some_and(|(before, after)| millis(&before).abs_diff(millis(&after)) > 1000);
    assert!(!far, "{before}");
}

/// An instant as the API writes it, in milliseconds since midnight.
fn millis(time: &Value) -> u64 {
    let (_, clock) = time.as_str().unwrap().trim_end_matches('Z').split_once('T').unwrap();
    let (seconds, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let seconds = seconds.split(':').fold(0, |sum, part| sum * 60 + part.parse::<u64>().unwrap());
    seconds * 1000 + format!("{fraction:0<3}")[..3].parse::<u64>().unwrap()
}

#[test]
fn what_has_ended_is_remembered_with_its_times() {
    for host in Host::both() {
        let again = "restart = \"always\"\nbackoff = \"1ms\"\nmax_restarts = 2";
        let tables = [
            agent("good", &["$PROBE", "exit", "0"], ""),
            agent("bad", &["$PROBE", "exit", "3"], ""),
            agent("killed", &["$PROBE", "signal", "9"], ""),
            agent("exhausted", &["$PROBE", "exit", "4"], again),
            agent("late", &["$PROBE", "wait"], "timeout = \"10ms\""),
            agent("delayed", &["$PROBE", "exit", "5"], "restart = \"always\"\nbackoff = \"1h\"\nbackoff_max = \"2h\""),
            agent("absent", &["/no/such"], ""),
        ];
        host.configure(&tables.concat());
        let daemon = host.start();
        let ends = [
            ("good", "exited"),
            ("bad", "failed"),
            ("killed", "failed"),
            ("exhausted", "failed"),
            ("late", "timed_out"),
            ("delayed", "backing_off"),
            ("absent", "failed"),
        ];
        daemon.wait_states(&ends);
        // What was told to a shim just now is on its way to it for a moment: another answer of each is behind that.
        until("the last lines on the panes", || {
            ends.iter().all(|(name, _)| host.screen(name).contains("detach")).then_some(())
        });
        let (_daemon, before, after) = across_death(&host, daemon, &ends.map(|(name, _)| name));
        for (before, after) in before.iter().zip(&after) {
            assert_same(before, after);
        }
    }
}

#[test]
fn a_delay_goes_on_and_still_doubles() {
    let host = Host::new();
    let script = "n=$(cat count 2>/dev/null || echo 0); n=$((n + 1)); echo $n >count; [ $n -le 4 ] && exit 1; \
                  exec $PROBE touch fifth await go exit 1";
    let table = |backoff: &str| {
        let fields = format!("restart = \"always\"\nbackoff = {backoff:?}\nbackoff_max = \"3h\"");
        agent("one", &["/bin/sh", "-c", script], &fields)
    };
    host.configure(&table("1ms"));
    let daemon = host.start();
    host.file("fifth");
    until("it to run", || (daemon.agent("one")["state"] == "running").then_some(()));
    drop(daemon);
    host.configure(&table("1m"));
    let daemon = host.start();
    assert_eq!(daemon.agent("one")["restarts"], 4);
    fs::write(host.at("work/go"), "").unwrap();
    daemon.wait_state("one", "backing_off");
    let one = daemon.agent("one");
    let day = 24 * 3_600_000;
    let delay = (millis(&one["next_restart_at"]) + day - millis(&one["exit"]["at"])) % day;
    assert!(delay.abs_diff(16 * 60_000) <= 1000, "{one}");

    until("the line on the pane", || host.screen("one").contains("restarts in").then_some(()));
    let (daemon, before, after) = across_death(&host, daemon, &["one"]);
    assert_same(&before[0], &after[0]);
    host.configure(&table("1ms"));
    daemon.wait_state("one", "running");
}

#[test]
fn a_timeout_strikes_when_it_is_due_however_often_the_daemon_died() {
    const TIMEOUT: Duration = Duration::from_secs(2);
    let host = Host::new();
    host.configure(&agent("one", &["$PROBE", "wait"], "timeout = \"2s\""));
    let daemon = host.start();
    daemon.wait_state("one", "running");
    let running = Instant::now();
    let (daemon, before, after) = across_death(&host, daemon, &["one"]);
    assert_eq!(before, after);
    drop(daemon);
    until("the timeout to have passed", || (running.elapsed() > TIMEOUT).then_some(()));
    let started = Instant::now();
    // Not until it has read its configuration: it may have stopped the agent by then.
    let daemon = host.spawn();
    daemon.wait_state("one", "timed_out");
    assert!(started.elapsed() < TIMEOUT, "it began anew");
}

#[test]
fn what_a_timeout_stops_has_timed_out_also_if_the_daemon_dies_meanwhile() {
    let host = Host::new();
    let stubborn = ["$PROBE", "ignore", "2", "ignore", "15", "touch", "up", "wait"];
    host.configure(&agent("one", &stubborn, "timeout = \"50ms\"\ngrace_period = \"1h\""));
    let daemon = host.start();
    daemon.wait_state("one", "stopping");
    host.file("up");
    let pid = u32::try_from(daemon.agent("one")["pid"].as_u64().unwrap()).unwrap();
    drop(daemon);
    kill(pid, Signal::SIGKILL);
    until("it to be gone", || (!is_alive(pid)).then_some(()));
    let daemon = host.start();
    daemon.wait_state("one", "timed_out");
    assert_eq!(daemon.agent("one")["exit"]["signal"], 9);
}

#[test]
fn an_exit_while_the_daemon_is_away_is_shown_at_its_own_time() {
    let host = Host::new();
    host.configure(&agent("one", &["$PROBE", "await", "go", "exit", "7"], ""));
    let daemon = host.start();
    daemon.wait_state("one", "running");
    let pid = u32::try_from(daemon.agent("one")["pid"].as_u64().unwrap()).unwrap();
    let started = daemon.agent("one")["started_at"].clone();
    drop(daemon);
    fs::write(host.at("work/go"), "").unwrap();
    // Its shim has noted the time when it is reaped, not before.
    until("its end", || (!std::path::Path::new(&format!("/proc/{pid}")).exists()).then_some(()));
    let ended = SystemTime::now();
    until("some time to have passed", || (ended.elapsed().unwrap() > Duration::from_millis(50)).then_some(()));
    let daemon = host.spawn();
    let first = daemon.wait("the start", |line| line["message"] == "agentd starts");
    until("the state", || (daemon.agent("one")["state"] == "failed").then_some(()));
    let one = daemon.agent("one");
    assert_eq!((&one["exit"]["code"], &one["started_at"]), (&7.into(), &started), "{one}");
    let day = 24 * 3_600_000;
    let earlier = (millis(&first["timestamp"]) + day - millis(&one["exit"]["at"])) % day;
    assert!((50..day / 2).contains(&earlier), "{one} {first}");
}
