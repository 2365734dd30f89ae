//! `agentd events`: what happened, line by line.

use std::sync::Mutex;

use serde_json::Value;

use crate::asked::{Going, ask, command, run};
use crate::canned::Canned;
use crate::declare::agent;
use crate::harness::Host;

fn crasher() -> String {
    agent("crasher", &["$PROBE", "exit", "3"], "restart = \"on-failure\"\nmax_restarts = 1\nbackoff = \"0s\"")
}

#[test]
fn the_history_is_told_in_lines_and_in_json() {
    for host in Host::both() {
        host.configure(&[agent("builder", &["$PROBE", "wait"], ""), crasher()].concat());
        let daemon = host.start();
        daemon.wait_states(&[("builder", "running"), ("crasher", "failed")]);
        let said = ask(&host, &["events"]);
        assert_eq!((said.status, said.err.as_str()), (0, ""));
        assert!(said.out.contains("took the configuration: 2 agents"), "{}", said.out);
        let line = said.out.lines().find(|line| line.contains(" → backing_off")).unwrap();
        assert!(line.contains("  crasher  ") && line.contains("status 3"), "{line}");
        assert!(line.starts_with("20") && &line[10..11] == " " && &line[19..21] == "  ", "{line}");

        let of_builder = ask(&host, &["events", "BUILDER"]).out;
        assert!(of_builder.contains("starting → running") && !of_builder.contains("crasher"), "{of_builder}");
        assert_eq!(ask(&host, &["events", "-n", "1"]).out.lines().count(), 1);

        let json = ask(&host, &["events", "--json", "crasher"]).out;
        let events: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let states: Vec<&Value> =
            events.iter().filter(|event| event["type"] == "transition").map(|it| &it["to"]).collect();
        assert_eq!(states.last().unwrap().as_str(), Some("failed"), "{json}");
    }
}

#[test]
fn an_agent_that_is_gone_has_a_history() {
    let host = Host::new();
    host.configure(&crasher());
    let daemon = host.start();
    daemon.wait_state("crasher", "failed");
    host.configure("# nobody\n");
    daemon.wait_state("crasher", "none");
    let said = ask(&host, &["events", "crasher"]);
    assert_eq!(said.status, 0);
    assert!(said.out.contains(" → gone"), "{}", said.out);
}

#[test]
fn events_are_followed_over_a_restart_of_the_daemon() {
    let host = Host::new();
    host.configure(&agent("builder", &["$PROBE", "wait"], ""));
    let daemon = host.start();
    daemon.wait_state("builder", "running");
    let mut follow = Going::new(command(&host, &host.api_socket(), &["events", "--follow"]));
    follow.wait("starting → running");
    drop(daemon);
    follow.wait("waiting for it");
    let daemon = host.start();
    follow.wait_all(&["it is back", "took the configuration"]);
    host.configure(&[agent("builder", &["$PROBE", "wait"], ""), crasher()].concat());
    daemon.wait_state("crasher", "failed");
    follow.wait("crasher  backing_off → ");
}

#[test]
fn what_was_seen_is_not_told_again() {
    let host = Host::new();
    let socket = host.at("run/canned.sock");
    let asked_from = std::sync::Arc::new(Mutex::new(Vec::new()));
    let seen = std::sync::Arc::clone(&asked_from);
    let _canned = Canned::new(&socket, move |asked| {
        if !asked.path.starts_with("/v1/events") {
            return (200, "", "[]".to_owned());
        }
        let mut seen = seen.lock().unwrap();
        seen.push(asked.header("Last-Event-ID"));
        let event = |id: usize, data: &str| format!(": hello\n\nid: x-{id}\nevent: e\ndata: {data}\n\n");
        match seen.len() {
            1 => (200, "", event(1, r#"{"type":"config_loaded","at":"2026-11-21T08:20:30.000Z","agents":1}"#)),
            2 => (200, "", event(7, r#"{"type":"missed","at":"2026-11-21T08:20:31.000Z","count":5}"#)),
            _ => (503, "", r#"{"error":"too many"}"#.to_owned()),
        }
    });
    let (status, mut lines) = Going::new(command(&host, &socket, &["events", "-f", "--utc"])).ended();
    lines.sort();
    assert_eq!(status, 1);
    let expected = [
        "2026-11-21 08:20:30Z  agentd  took the configuration: 1 agent",
        "2026-11-21 08:20:31Z  agentd  5 events were missed",
        "agentd: agentd refused: too many",
    ];
    assert_eq!(lines, expected);
    let asked_from = asked_from.lock().unwrap().clone();
    assert_eq!(asked_from, [None, Some("x-1".to_owned()), Some("x-7".to_owned())]);
}

#[test]
fn hostile_reasons_are_harmless() {
    let host = Host::new();
    let socket = host.at("run/canned.sock");
    let _canned = Canned::new(&socket, |asked| {
        let data = r#"{"type":"transition","at":"\u001b[2J","agent":"a\u001b]0;x\u0007","from":"\u009b","to":"\u202e","reason":"\u001bc","restarts":0}"#;
        if asked.path.starts_with("/v1/events") {
            (200, "", format!("data: {data}\n\n"))
        } else {
            (200, "", "[]".to_owned())
        }
    });
    let said = run(command(&host, &socket, &["events"]));
    assert_eq!(said.status, 0);
    assert!(!said.out.trim_end().contains(char::is_control), "{:?}", said.out);
}
