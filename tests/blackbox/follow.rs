//! What a program sees that follows along: events, changes, and what agents write.

use std::io::Write;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::declare::agent;
use crate::harness::{Daemon, Host, kill, until};

/// An agent's changes of state, with what they came with.
fn changes(daemon: &Daemon, name: &str) -> Vec<Value> {
    let events = daemon.events().into_iter().filter(|event| event["agent"] == name);
    events
        .map(|event| {
            json!([event["from"], event["to"], event["exit"]["kind"], event["exit"]["signal"], event["restarts"]])
        })
        .collect()
}

#[test]
fn every_transition_is_told_with_its_reason() {
    let host = Host::new();
    let policy = "restart = \"on-failure\"\nmax_restarts = 1\nbackoff = \"0s\"";
    host.configure(&agent("one", &["$PROBE", "wait"], policy));
    let daemon = host.start();
    // Killed only once it was told to run: a run that ends sooner may be told by its end alone.
    for restarts in 0..2 {
        let pid = until("the run", || {
            let one = daemon.agent("one");
            (one["state"] == "running" && one["restarts"] == restarts).then(|| one["pid"].as_u64().unwrap())
        });
        kill(u32::try_from(pid).unwrap(), Signal::SIGKILL);
    }
    daemon.wait_state("one", "failed");
    let mut changes = changes(&daemon, "one");
    assert_eq!(changes[0][0], json!(null));
    // Where tmux is up before the configuration is read, nobody waits for it.
    if changes[0][1] == "pending" {
        assert_eq!(changes.remove(0), json!([null, "pending", null, null, 0]));
    }
    assert_eq!(changes.remove(0)[1], "starting");
    assert_eq!(
        changes,
        [
            json!(["starting", "running", null, null, 0]),
            json!(["running", "backing_off", "killed", 9, 0]),
            json!(["backing_off", "starting", null, null, 1]),
            json!(["starting", "running", null, null, 1]),
            json!(["running", "failed", "killed", 9, 1]),
        ]
    );
    host.configure("# nobody\n");
    daemon.wait_state("one", "none");
    let last = daemon.events().pop().unwrap();
    assert_eq!((&last["from"], &last["to"]), (&json!("stopping"), &json!(null)));
    assert!(!last["reason"].as_str().unwrap().is_empty() && last["at"].is_string(), "{last}");
}

#[test]
fn configurations_that_are_taken_or_not_are_told_once() {
    let host = Host::new();
    host.configure(&agent("one", &["$PROBE", "wait"], ""));
    let daemon = host.start();
    host.configure("[agent]\nharness = 3\n");
    daemon.wait("the refusal", |line| line["message"].as_str().is_some_and(|text| text.starts_with("did not take")));
    host.configure(&agent("one", &["$PROBE", "wait"], "# mended"));
    until("the configuration to be taken", || daemon.get("/v1/health").1.get("config_error").is_none().then_some(()));
    daemon.wait_state("one", "running");
    let events = daemon.events();
    let of_config: Vec<_> = events.iter().filter(|event| event.get("agent").is_none()).collect();
    let types: Vec<_> = of_config.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["config_loaded", "config_error", "config_loaded"]);
    assert_eq!(of_config[0]["agents"], 1);
    assert!(of_config[1]["message"].as_str().unwrap().contains("jcard.toml:2:11"), "{}", of_config[1]);
}

#[test]
fn who_waits_for_a_change_sees_it_in_the_answer() {
    let host = Host::new();
    host.configure(&agent("one", &["$PROBE", "wait"], "restart = \"no\""));
    let daemon = host.start();
    daemon.wait_state("one", "running");
    let mut connection = daemon.connect();
    write!(connection, "GET /v1/agents HTTP/1.0\r\n\r\n").unwrap();
    let answer = std::io::read_to_string(connection).unwrap();
    let tag = answer.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    let mut waiting = daemon.connect();
    write!(waiting, "GET /v1/agents?wait=1m HTTP/1.0\r\nIf-None-Match: {tag}\r\n\r\n").unwrap();
    kill(u32::try_from(daemon.agent("one")["pid"].as_u64().unwrap()).unwrap(), Signal::SIGKILL);
    let answer = std::io::read_to_string(waiting).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200") && answer.contains("\"state\":\"failed\""), "{answer}");
}

#[test]
fn what_an_agent_wrote_can_be_read_after_its_end_too() {
    for host in Host::both() {
        let text = "\x1b[31mred\x1b[0m\x1b]0;title\x07 日本";
        host.configure(&agent("one", &["$PROBE", "print", "first", "print", text, "exit", "0"], ""));
        let daemon = host.start();
        daemon.wait_state("one", "exited");
        let output = |query: &str| daemon.get_text(&format!("/v1/agents/ONE/output{query}"));
        let (status, plain) = output("");
        assert_eq!(status, 200, "{plain}");
        assert!(plain.starts_with("first\nred 日本\n") && !plain.contains('\x1b'), "{plain:?}");
        let (_, styled) = output("?format=ansi&lines=10000");
        assert!(styled.contains("\x1b[31mred\x1b[39m 日本") && !styled.contains("title"), "{styled:?}");
        assert_eq!(output("?lines=1").1.lines().count(), 1);
        assert_eq!(daemon.get("/v1/agents/two/output").0, 404);
        assert_eq!(output("?lines=x").0, 400);
    }
}

#[test]
fn what_a_daemon_finds_is_told_by_its_events() {
    let host = Host::new();
    let restless = "restart = \"always\"\nbackoff = \"1h\"";
    host.configure(
        &[
            agent("runs", &["$PROBE", "wait"], ""),
            agent("failed", &["$PROBE", "exit", "3"], ""),
            agent("waits", &["$PROBE", "exit", "4"], restless),
        ]
        .concat(),
    );
    let states = [("runs", "running"), ("failed", "failed"), ("waits", "backing_off")];
    let daemon = host.start();
    daemon.wait_states(&states);
    drop(daemon);
    let daemon = host.start();
    for (name, state) in states {
        until("its adoption", || (daemon.agent(name)["state"] == state).then_some(()));
        let changes = changes(&daemon, name);
        assert_eq!(changes[0][0], json!(null), "{changes:?}");
        assert!(changes.windows(2).all(|pair| pair[0][1] == pair[1][0]), "{changes:?}");
        let last = changes.last().unwrap();
        let exit = if state == "running" { json!(null) } else { json!("exited") };
        assert_eq!(last, &json!([last[0], state, exit, null, 0]), "{changes:?}");
    }
}

#[test]
fn an_agent_cannot_forge_another_answer_in_its_output() {
    let host = Host::new();
    // As if the answer of a control client had ended, and others came.
    let forged = "%end 1 1 0\n%begin 1 1 0\n$1 %1 1 |other|other\n%end 1 1 0";
    let other = agent("other", &["$PROBE", "print", "of the other", "wait"], "");
    host.configure(&format!("{}{other}", agent("one", &["$PROBE", "print", forged, "wait"], "")));
    let daemon = host.start();
    daemon.wait_states(&[("one", "running"), ("other", "running")]);
    let output = |name: &str| daemon.get_text(&format!("/v1/agents/{name}/output")).1;
    until("the text", || (output("one") == format!("{forged}\n")).then_some(()));
    until("the other's text", || (output("other") == "of the other\n").then_some(()));
}

#[test]
fn a_session_that_was_renamed_or_split_still_shows_the_agents_own_pane() {
    let host = Host::new();
    host.configure(&agent("one", &["$PROBE", "print", "mine", "wait"], ""));
    let daemon = host.start();
    daemon.wait_state("one", "running");
    host.tmux(&["split-window", "-t", "=one:", "sleep", "1000"]).unwrap();
    host.tmux(&["rename-session", "-t", "=one", "elsewhere"]).unwrap();
    until("its own text", || (daemon.get_text("/v1/agents/one/output").1 == "mine\n").then_some(()));
}
