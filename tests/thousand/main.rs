//! What is promised of one agent, held by a thousand: the real daemon on a real tmux, told only what a user would tell it,
//! and `/proc` asked for the truth. In a binary of its own, as nothing else should run beside it.

#![allow(clippy::disallowed_methods, reason = "tests start processes and read clocks")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]

#[allow(dead_code, reason = "the black-box tests use the rest")]
#[path = "../blackbox/account.rs"]
mod account;
#[path = "../blackbox/cgroups.rs"]
mod cgroups;
#[allow(dead_code, reason = "the black-box tests use the rest")]
#[path = "../blackbox/harness.rs"]
mod harness;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use nix::sys::signal::Signal;
use serde_json::Value;

use harness::{Daemon, Host, is_alive, kill, until};

const COUNT: usize = 1_000;
const SECRET: &str = "a-secret-of-a-thousand-agents";

/// The program and one that it leaves in a session of its own.
const TABLE: &str = r#"
[[agents]]
name = "many"
replicas = 999
harness = "custom"
command = ["/bin/sh", "-c", "setsid sleep 1000000 & exec sleep 1000000"]
workdir = "$DIR/work"
restart = "always"
backoff = "0s"

[[agents]]
name = "edited"
harness = "custom"
command = ["/bin/sh", "-c", "setsid sleep 1000000 & exec sleep 1000000"]
workdir = "$DIR/work"
env = { VERSION = "1" }
"#;

/// A process that carries an agent's mark.
#[derive(Debug)]
struct Marked {
    agent: String,
    run: String,
    pid: u32,
}

/// All of them on this host, programs that have begun only.
fn marked(host: &Host) -> Vec<Marked> {
    let read = |pid: u32| {
        let environ = fs::read(format!("/proc/{pid}/environ")).ok()?;
        let value = |name: &str| {
            let entry = environ.split(|byte| *byte == 0).find(|entry| entry.starts_with(name.as_bytes()))?;
            Some(String::from_utf8_lossy(&entry[name.len()..]).into_owned())
        };
        Some(Marked { agent: value("AGENTD_AGENT=")?, run: value("AGENTD_RUN=")?, pid })
    };
    host.processes().into_iter().filter(|pid| is_alive(*pid)).filter_map(read).collect()
}

fn agents(daemon: &Daemon) -> BTreeMap<String, Value> {
    let (status, list) = daemon.get("/v1/agents");
    assert_eq!(status, 200);
    let agent = |agent: &Value| {
        let mut agent = agent.clone();
        // What their terminals alone say of them may be another thing at each look.
        agent.as_object_mut().unwrap().remove("activity");
        (agent["name"].as_str().unwrap().to_owned(), agent)
    };
    list.as_array().unwrap().iter().map(agent).collect()
}

fn pid(agent: &Value) -> u32 {
    u32::try_from(agent["pid"].as_u64().unwrap()).unwrap()
}

/// Each agent runs once: its program, which the API knows, and what that left, both of one run; nobody else does.
fn each_runs_once(host: &Host, agents: &BTreeMap<String, Value>) {
    let mut processes: BTreeMap<String, Vec<Marked>> = BTreeMap::new();
    for process in marked(host) {
        processes.entry(process.agent.clone()).or_default().push(process);
    }
    assert!(processes.keys().eq(agents.keys()), "what runs is what is declared");
    for (name, own) in processes {
        let runs: BTreeSet<&str> = own.iter().map(|process| process.run.as_str()).collect();
        assert_eq!((own.len(), runs.len()), (2, 1), "{name}: {own:?}");
        assert!(own.iter().any(|process| process.pid == pid(&agents[&name])), "{name}: {own:?}, {}", agents[&name]);
    }
}

/// Nowhere but in the environment of who is to have it.
fn the_secret_is_hidden(host: &Host, daemon: &Daemon) {
    let hides = |what: &str, text: &str| assert!(!text.contains(SECRET), "the secret is in {what}");
    for pid in host.processes() {
        let command_line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        hides("a command line", &String::from_utf8_lossy(&command_line));
    }
    hides("the API", &daemon.get_text("/v1/agents").1);
    hides("the log", &daemon.log());
    hides("tmux's environment", &host.tmux(&["show-environment", "-g"]).unwrap());
    hides("a session's environment", &host.tmux(&["show-environment", "-t", "=edited"]).unwrap());
}

#[test]
fn what_is_promised_of_one_agent_is_kept_for_a_thousand() {
    let host = Host::new();
    host.secret("TOKEN", SECRET);
    host.configure(TABLE);
    let daemon = host.start();
    let all_run = |daemon: &Daemon| {
        let agents = agents(daemon);
        (agents.len() == COUNT && agents.values().all(|agent| agent["state"] == "running")).then_some(agents)
    };
    let first = until("all to run", || all_run(&daemon));
    // Their programs begin a child, which takes a moment.
    until("what they start", || (marked(&host).len() == 2 * COUNT).then_some(()));
    each_runs_once(&host, &first);
    the_secret_is_hidden(&host, &daemon);

    // Ends are told exactly, and nothing of an ended run is left beside the next.
    let signals = [Signal::SIGKILL, Signal::SIGTERM, Signal::SIGSEGV, Signal::SIGUSR1];
    let victims: Vec<(String, Signal)> =
        (0..100).map(|number| (format!("many-{}", number * 9), signals[number % signals.len()])).collect();
    for (name, signal) in &victims {
        kill(pid(&first[name]), *signal);
    }
    let second = until("the killed ones to run again", || {
        let agents = all_run(&daemon)?;
        victims.iter().all(|(name, _)| agents[name]["restarts"] == 1).then_some(agents)
    });
    let log = daemon.log();
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    for (name, signal) in &victims {
        let end = lines.iter().find(|line| line["agent"] == **name && line["to"] == "backing_off").unwrap();
        assert_eq!(end["reason"], format!("was killed by signal {} ({signal})", *signal as i32), "{name}");
    }
    let untouched = |name: &&String| victims.iter().all(|(victim, _)| victim != *name);
    for name in first.keys().filter(untouched) {
        assert_eq!(second[name], first[name]);
    }
    until("what they start", || (marked(&host).len() == 2 * COUNT).then_some(()));
    each_runs_once(&host, &second);

    // A daemon that is killed costs nobody anything, and the next one's first answer has all.
    drop(daemon);
    let daemon = host.start();
    assert_eq!(agents(&daemon), second);

    // An edit touches whom it is about.
    host.configure(&TABLE.replace("VERSION = \"1\"", "VERSION = \"2\""));
    let third = until("the edited one to be replaced", || {
        all_run(&daemon).filter(|agents| pid(&agents["edited"]) != pid(&second["edited"]))
    });
    for name in second.keys().filter(|name| *name != "edited") {
        assert_eq!(third[name], second[name]);
    }
    the_secret_is_hidden(&host, &daemon);

    // Whoever is stopped is gone, with everything it started, by the time that the daemon is.
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.ended().success());
    assert!(marked(&host).is_empty());
}
