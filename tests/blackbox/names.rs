//! Names are taken literally, and one agent's name inside another's confuses nobody.

use crate::declare::{agent, quoted};
use crate::harness::{Daemon, Host};

const WAIT: [&str; 2] = ["$PROBE", "wait"];

fn running(daemon: &Daemon, names: &[&str]) {
    let _ = daemon.wait_states(&names.iter().map(|name| (*name, "running")).collect::<Vec<_>>());
}

fn sessions(host: &Host) -> Vec<String> {
    let list = host.tmux(&["list-sessions", "-F", "#{session_name}"]).unwrap();
    let mut names: Vec<String> = list.lines().map(str::to_owned).filter(|name| name != "_agentd").collect();
    names.sort();
    names
}

#[test]
fn stopping_one_leaves_those_whose_names_begin_like_its_own() {
    let host = Host::new();
    let names = ["rev", "rev-1", "rev-10", "rev-1 0", "re"];
    let table = |name: &&str| agent(name, &WAIT, "");
    host.configure(&names.iter().map(table).collect::<String>());
    let daemon = host.start();
    running(&daemon, &names);
    let mut left = names.to_vec();
    for gone in ["rev-1", "rev", "re"] {
        let before: Vec<_> = left.iter().map(|name| daemon.agent(name)).filter(|shown| shown["name"] != gone).collect();
        left.retain(|name| *name != gone);
        host.configure(&left.iter().map(table).collect::<String>());
        daemon.wait_state(gone, "none");
        assert_eq!(left.iter().map(|name| daemon.agent(name)).collect::<Vec<_>>(), before);
        let mut wanted = left.clone();
        wanted.sort_unstable();
        assert_eq!(sessions(&host), wanted);
    }
}

#[test]
fn odd_names_are_names() {
    for host in Host::both() {
        let names = [
            "two words",
            "it's",
            "\"quoted\"",
            "#{pane_id}",
            "#(touch owned)",
            "##",
            "semi;",
            ";",
            "~",
            "Grüße 世界",
            "*?[x]",
            "`touch owned`",
            "a$(touch owned)",
            "50%",
            "a,b",
            "}",
            "|",
            "<tag>",
        ];
        let table = |name: &&str| agent(name, &["$PROBE", "print", "hello", "wait"], "");
        host.configure(&names.iter().map(table).collect::<String>());
        let daemon = host.start();
        running(&daemon, &names);
        let mut wanted = names.to_vec();
        wanted.sort_unstable();
        assert_eq!(sessions(&host), wanted);
        let (_, shown) = daemon.get("/v1/agents");
        let shown: Vec<_> = shown.as_array().unwrap().iter().map(|agent| agent["session"].as_str().unwrap()).collect();
        assert_eq!(shown, wanted);
        host.configure(&names[1..].iter().map(table).collect::<String>());
        daemon.wait_state("two words", "none");
        host.configure("# nobody\n");
        let gone = names[1..].iter().map(|name| (*name, "none")).collect::<Vec<_>>();
        let _ = daemon.wait_states(&gone);
        assert_eq!(sessions(&host), [""; 0]);
        assert!(!host.at("work/owned").exists() && !host.path().join("owned").exists());
    }
}

#[test]
fn names_that_tmux_would_rewrite_are_mistakes() {
    let host = Host::new();
    let daemon = host.start();
    for (name, instead) in [("a\\b", "a_b"), ("a$HOME", "a_HOME"), ("a.b", "a_b")] {
        host.configure(&agent(name, &WAIT, ""));
        let refusal = daemon.wait("the refusal", |line| line["level"] == "ERROR");
        let message = refusal["message"].as_str().unwrap();
        assert!(message.contains(&format!("write session = {instead:?}")), "{message}");
        host.configure(&agent(name, &WAIT, &format!("session = {instead:?}")));
        running(&daemon, &[name]);
        assert_eq!(sessions(&host), [instead]);
        host.configure("# nobody\n");
        daemon.wait_state(name, "none");
    }
}

#[test]
fn a_session_may_have_a_name_of_its_own() {
    let host = Host::new();
    host.configure(&agent("one", &WAIT, &format!("session = {}", quoted("the #{session}'s 1"))));
    let daemon = host.start();
    running(&daemon, &["one"]);
    assert_eq!(sessions(&host), ["the #{session}'s 1"]);
    assert_eq!(daemon.agent("ONE")["session"], "the #{session}'s 1");
    // A session is the agent's place: with another, it moves.
    host.configure(&agent("one", &WAIT, "session = \"two\""));
    daemon.wait_state("one", "running");
    assert_eq!(sessions(&host), ["two"]);
}

#[test]
fn replicas_come_and_go_alone() {
    let host = Host::new();
    let table = |replicas: u32| agent("w", &WAIT, &format!("replicas = {replicas}"));
    host.configure(&table(3));
    let daemon = host.start();
    running(&daemon, &["w-0", "w-1", "w-2"]);
    assert_eq!(sessions(&host), ["w-0", "w-1", "w-2"]);
    let kept = [daemon.agent("w-0"), daemon.agent("w-1")];
    host.configure(&table(2));
    daemon.wait_state("w-2", "none");
    host.configure(&table(4));
    let _ = daemon.wait_states(&[("w-2", "running"), ("w-3", "running")]);
    assert_eq!([daemon.agent("w-0"), daemon.agent("w-1")], kept);
    host.configure(&table(1));
    let _ = daemon.wait_states(&[("w", "running"), ("w-0", "none"), ("w-1", "none"), ("w-2", "none"), ("w-3", "none")]);
    assert_eq!(sessions(&host), ["w"]);
}
