//! The daemon is killed and comes back: what runs goes on untouched, and what changed meanwhile is made good.

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::declare::{Record, agent};
use crate::harness::{Daemon, Host, is_alive, kill, until};

fn pid_of(agent: &Value) -> u32 {
    u32::try_from(agent["pid"].as_u64().unwrap()).unwrap()
}

/// What must be the same before and after, if nobody touched the agent.
fn identity(daemon: &Daemon, name: &str) -> Vec<Value> {
    let agent = daemon.agent(name);
    ["state", "pid", "started_at", "restarts", "session"].map(|field| agent[field].clone()).into()
}

#[test]
fn many_agents_are_adopted_untouched_and_the_first_answer_has_them() {
    let host = Host::new();
    host.configure(&agent("many", &["$PROBE", "wait"], "replicas = 30"));
    let daemon = host.start();
    let names: Vec<String> = (0..30).map(|number| format!("many-{number}")).collect();
    daemon.wait_states(&names.iter().map(|name| (name.as_str(), "running")).collect::<Vec<_>>());
    let before: Vec<_> = names.iter().map(|name| identity(&daemon, name)).collect();
    drop(daemon);

    let daemon = host.spawn();
    let (_, first) = daemon.get("/v1/agents");
    let running = first.as_array().unwrap().iter().filter(|agent| agent["state"] == "running").count();
    assert_eq!(running, 30, "{first}");
    let after: Vec<_> = names.iter().map(|name| identity(&daemon, name)).collect();
    assert_eq!(after, before);
}

#[test]
fn exits_while_the_daemon_is_away_are_handled_by_policy() {
    let host = Host::new();
    let again = "restart = \"on-failure\"\nmax_restarts = 1\nbackoff = \"10ms\"";
    let tables = [
        agent("once", &["$PROBE", "await", "go", "exit", "7"], ""),
        agent("again", &["$PROBE", "await", "go", "exit", "8"], again),
        agent("killed", &["$PROBE", "await", "go", "signal", "9"], ""),
    ];
    host.configure(&tables.concat());
    let daemon = host.start();
    let names = ["once", "again", "killed"];
    daemon.wait_states(&names.map(|name| (name, "running")));
    let pids = names.map(|name| pid_of(&daemon.agent(name)));
    drop(daemon);
    std::fs::write(host.at("work/go"), "").unwrap();
    for pid in pids {
        until("the agent to end", || (!is_alive(pid)).then_some(()));
    }

    let daemon = host.start();
    until("all to have ended for good", || {
        names.iter().all(|name| daemon.agent(name)["state"] == "failed").then_some(())
    });
    let [once, again, killed] = names.map(|name| daemon.agent(name));
    assert_eq!((&once["exit"]["code"], &once["restarts"]), (&7.into(), &0.into()), "{once}");
    assert_eq!((&again["exit"]["code"], &again["restarts"]), (&8.into(), &1.into()), "{again}");
    assert_eq!((&killed["exit"]["signal"], &killed["restarts"]), (&9.into(), &0.into()), "{killed}");
}

#[test]
fn edits_while_the_daemon_is_away_are_made_good() {
    let host = Host::new();
    let secret = |name: &str| format!("secrets = [\"{name}\"]");
    let (kept, gone) = (agent("kept", &["$PROBE", "wait"], "secrets = []"), agent("gone", &["$PROBE", "wait"], ""));
    let reader = agent("reader", &["$PROBE", "record", "reader", "wait"], &secret("TOKEN"));
    host.secret("TOKEN", "old");
    host.configure(&[kept.clone(), gone, reader.clone(), agent("changed", &["$PROBE", "wait"], "")].concat());
    let daemon = host.start();
    let names = ["kept", "gone", "reader", "changed"];
    daemon.wait_states(&names.map(|name| (name, "running")));
    let before = identity(&daemon, "kept");
    let [gone, reader_before, changed] = ["gone", "reader", "changed"].map(|name| pid_of(&daemon.agent(name)));
    host.file("reader");
    drop(daemon);

    std::fs::remove_file(host.at("work/reader")).unwrap();
    host.secret("TOKEN", "new");
    let edited = agent("changed", &["$PROBE", "touch", "replaced", "wait"], "");
    host.configure(&[kept, reader, edited, agent("new", &["$PROBE", "touch", "started", "wait"], "")].concat());
    let daemon = host.start();
    host.file("replaced");
    host.file("started");
    assert_eq!(Record::read(&host, "reader").variable("TOKEN").as_deref(), Some("new"));
    for pid in [gone, reader_before, changed] {
        until("the old one to be gone", || (!is_alive(pid)).then_some(()));
    }
    until("it to be listed no longer", || (daemon.get("/v1/agents/gone").0 == 404).then_some(()));
    assert_eq!(identity(&daemon, "kept"), before);
}

#[test]
fn a_configuration_broken_meanwhile_leaves_everything() {
    let host = Host::new();
    host.configure(&agent("one", &["$PROBE", "wait"], ""));
    let daemon = host.start();
    daemon.wait_state("one", "running");
    let before = identity(&daemon, "one");
    drop(daemon);
    host.configure("[[agents]\n");
    let daemon = host.start();
    assert_eq!(identity(&daemon, "one"), before);
    assert!(!daemon.get("/v1/health").1["config_error"].is_null());
    host.configure(&agent("one", &["$PROBE", "wait"], ""));
    until("the error to go", || daemon.get("/v1/health").1["config_error"].is_null().then_some(()));
    assert_eq!(identity(&daemon, "one"), before);
}

#[test]
fn a_stop_that_was_cut_off_is_completed() {
    let host = Host::new();
    let stubborn = ["$PROBE", "ignore", "1", "ignore", "2", "ignore", "15", "touch", "deaf", "wait"];
    host.configure(&agent("deaf", &stubborn, "grace_period = \"1s\""));
    let daemon = host.start();
    host.file("deaf");
    daemon.wait_state("deaf", "running");
    let pid = pid_of(&daemon.agent("deaf"));
    host.configure("# nobody\n");
    daemon.wait_state("deaf", "stopping");
    drop(daemon);
    assert!(is_alive(pid));
    let _daemon = host.start();
    until("it to be gone", || (!is_alive(pid)).then_some(()));
}

#[test]
fn what_an_agent_left_whose_shim_was_killed_meanwhile_is_killed() {
    for host in Host::both() {
        host.configure(&agent(
            "one",
            &["sh", "-c", "setsid sleep 12345 & echo $! > left.new; mv left.new left; wait"],
            "",
        ));
        let daemon = host.start();
        daemon.wait_state("one", "running");
        let left: u32 = String::from_utf8(host.file("left")).unwrap().trim().parse().unwrap();
        let pid = pid_of(&daemon.agent("one"));
        let shim = parent_of(pid);
        drop(daemon);
        kill(shim, Signal::SIGKILL);
        until("the agent to be gone", || (!is_alive(pid)).then_some(()));
        assert!(is_alive(left), "nobody is there to kill it");
        host.configure("# nobody\n");
        let daemon = host.start();
        until("what it left to be gone", || (!is_alive(left)).then_some(()));
        daemon.wait("a word", |line| line["message"].as_str().is_some_and(|text| text.contains("were killed unseen")));
    }
}

fn parent_of(pid: u32) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap().trim().parse().unwrap()
}
