//! What an agent tells of itself is shown, outlives the daemon, and decides what comes of its end.

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::asked::ask;
use crate::declare::agent;
use crate::harness::{AGENTD, Host, kill, until};

fn tell(host: &Host, agent: &str, text: &str) {
    let path = host.tmux_socket().with_file_name("notify").join(agent);
    UnixDatagram::unbound().unwrap().send_to(text.as_bytes(), &path).unwrap();
}

#[test]
fn what_is_told_is_shown_and_known_to_the_next_daemon() {
    for host in Host::both() {
        host.configure(&agent("one", &["$PROBE", "await", "go"], ""));
        let daemon = host.start();
        daemon.wait_state("one", "running");
        assert_eq!(daemon.agent("one").get("activity"), None);
        tell(
            &host,
            "one",
            "ACTIVITY=waiting\nQUESTION=May I?\u{1b}[2J\nACTIVITY_SOURCE=a test\nSESSION=5f0c\nCOST_USD=0.5",
        );
        let shown = |daemon: &crate::harness::Daemon| {
            until("the activity", || Some(daemon.agent("one")).filter(|agent| agent["activity"]["state"] == "waiting"))
        };
        let before = shown(&daemon);
        assert_eq!((&before["activity"]["question"], &before["conversation"]), (&"May I?[2J".into(), &"5f0c".into()));
        assert_eq!(before["model_usage"]["run"]["cost_usd"], 0.5);
        let event = daemon.events().into_iter().find(|event| event["type"] == "activity").unwrap();
        assert_eq!((&event["agent"], &event["activity"]["state"]), (&"one".into(), &"waiting".into()));
        let (_, metrics) = daemon.get_text("/metrics");
        assert!(metrics.contains("agentd_agent_activity{agent=\"one\",activity=\"waiting\"} 1"), "{metrics}");
        drop(daemon);

        let daemon = host.start();
        let after = shown(&daemon);
        assert_eq!(after["model_usage"], before["model_usage"]);
        for field in ["state", "question", "source"] {
            assert_eq!(after["activity"][field], before["activity"][field]);
        }
    }
}

#[test]
fn a_script_tells_of_itself_and_people_see_it() {
    let host = Host::new();
    let script = format!(
        "{AGENTD} notify ACTIVITY=waiting QUESTION='Go on?' TURNS=2 && $PROBE await go && {AGENTD} notify ACTIVITY=busy && \
         $PROBE await on && {AGENTD} notify OUTCOME=permission_denied DETAIL='rm was refused'"
    );
    host.configure(&agent("one", &["/bin/sh", "-c", &script], ""));
    let daemon = host.start();
    let status = |arguments: &[&str]| ask(&host, &[&["status"], arguments].concat()).out;
    let shows = |arguments: &'static [&str], what: &str| {
        until(what, || status(arguments).contains(what).then_some(()));
    };
    shows(&[], "waiting");
    shows(&[], "Go on?");
    shows(&[], "1 running (1 waiting)");
    shows(&["one"], "(by agentd notify)");
    shows(&["one"], "2 turns");
    std::fs::write(host.at("work/go"), "").unwrap();
    shows(&[], "busy");
    assert!(!status(&[]).contains("Go on?"), "its question goes with what it did");
    std::fs::write(host.at("work/on"), "").unwrap();
    shows(&[], "permission_denied");
    shows(&["one"], "rm was refused");
    drop(daemon);

    let out = host.command(AGENTD).args(["notify", "ACTIVITY=idle"]).output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&out.stderr).contains("AGENTD_NOTIFY_SOCKET is not set"));
    let out = host.command(AGENTD).args(["notify", "ACTIVTY=idle"]).output().unwrap();
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).contains("did you mean ACTIVITY?"));
}

#[test]
fn a_secret_that_an_agent_tells_is_cut_out() {
    let host = Host::new();
    host.secret("KEY", "sk-0123456789abcdef\n");
    host.configure(&agent("one", &["$PROBE", "await", "go", "exit", "1"], ""));
    let daemon = host.start();
    daemon.wait_state("one", "running");
    tell(
        &host,
        "one",
        "ACTIVITY=waiting\nQUESTION=May I say sk-0123456789abcdef?\nOUTCOME=auth_failed\nDETAIL=it is sk-0123456789a",
    );
    let shown = |daemon: &crate::harness::Daemon| {
        let question = |agent: &serde_json::Value| agent["activity"]["question"] == "May I say …?";
        until("the question", || Some(daemon.agent("one")).filter(question));
    };
    shown(&daemon);
    drop(daemon);
    let daemon = host.start();
    shown(&daemon);
    std::fs::write(host.at("work/go"), "").unwrap();
    daemon.wait_state("one", "failed");
    let agent = daemon.agent("one").to_string();
    assert!(agent.contains("it is …") && !agent.contains("sk-0123"), "{agent}");
    let all = format!("{:?} {}", daemon.events(), daemon.log());
    assert!(!all.contains("sk-0123"), "{all}");
}

#[test]
fn a_refused_key_is_held_until_a_secret_changes() {
    let host = Host::new();
    host.secret("A", "wrong");
    let command = ["/bin/sh", "-c", "exec $PROBE await go-$A"];
    host.configure(&agent("one", &command, "restart = \"on-failure\"\nbackoff = \"10ms\""));
    let daemon = host.start();
    daemon.wait_state("one", "running");
    tell(&host, "one", "OUTCOME=auth_failed\nDETAIL=invalid x-api-key\nOUTCOME_SOURCE=a test");
    std::fs::write(host.at("work/go-wrong"), "").unwrap();
    daemon.wait_state("one", "failed");
    let held = daemon.agent("one");
    assert_eq!(held["exit"]["outcome"], "auth_failed", "{held}");
    let error = held["error"].as_str().unwrap();
    assert!(error.contains("exited with status 0; its provider doesn't accept its key"), "{error}");
    assert!(error.contains("invalid x-api-key; not restarted before a secret of it changes"), "{error}");
    drop(daemon);

    let daemon = host.start();
    assert_eq!(daemon.agent("one"), held, "the next daemon knows it");
    host.secret("A", "right");
    daemon.wait_state("one", "running");
    // What the earlier run told is not about this one.
    assert_eq!(daemon.agent("one").get("exit"), None);
    std::fs::write(host.at("work/go-right"), "").unwrap();
    daemon.wait_state("one", "exited");
    let exit = &daemon.agent("one")["exit"];
    assert_eq!((&exit["outcome"], &exit["source"]), (&"succeeded".into(), &"exit".into()));
}

#[test]
fn a_rate_limit_is_waited_out() {
    let host = Host::new();
    host.configure(&agent(
        "one",
        &["$PROBE", "await", "go", "exit", "1"],
        "restart = \"on-failure\"\nbackoff = \"10ms\"",
    ));
    let daemon = host.start();
    daemon.wait_state("one", "running");
    let reset = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() + 2;
    tell(&host, "one", &format!("OUTCOME=rate_limited\nRESET_AT={reset}"));
    std::fs::write(host.at("work/go"), "").unwrap();
    daemon.wait_state("one", "backing_off");
    let limited = daemon.agent("one");
    assert_eq!(limited["exit"]["outcome"], "rate_limited", "{limited}");
    std::fs::remove_file(host.at("work/go")).unwrap();
    daemon.wait_state("one", "running");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    assert!(now >= Duration::from_secs(reset), "restarted before the limit is over");
}

#[test]
fn a_good_exit_amid_work_is_an_interruption() {
    let host = Host::new();
    host.configure(&agent("one", &["$PROBE", "await", "go"], ""));
    let daemon = host.start();
    daemon.wait_state("one", "running");
    tell(&host, "one", "ACTIVITY=busy\nACTIVITY_SOURCE=stream");
    std::fs::write(host.at("work/go"), "").unwrap();
    daemon.wait_state("one", "failed");
    let exit = &daemon.agent("one")["exit"];
    let what = |field: &str| exit[field].clone();
    assert_eq!(
        [what("kind"), what("code"), what("outcome"), what("source")],
        ["exited".into(), Value::from(0), "interrupted".into(), "exit after stream".into()]
    );
}

#[test]
fn what_agentd_stops_is_called_stopped_and_others_are_not() {
    let host = Host::new();
    host.configure(&["one", "two"].map(|name| agent(name, &["$PROBE", "wait"], "")).concat());
    let daemon = host.start();
    daemon.wait_states(&[("one", "running"), ("two", "running")]);
    let pid = daemon.agent("two")["pid"].as_u64().unwrap();
    kill(u32::try_from(pid).unwrap(), Signal::SIGINT);
    daemon.wait_state("two", "failed");
    assert_eq!(daemon.agent("two")["exit"]["outcome"], "interrupted");
    host.configure(&agent("two", &["$PROBE", "wait"], ""));
    daemon.wait_state("one", "none");
    let gone = daemon.events().into_iter().find(|event| event["agent"] == "one" && event["to"].is_null()).unwrap();
    assert_eq!(gone["exit"]["outcome"], "stopped", "{gone}");
}

#[test]
fn who_uses_more_than_one_run_may_is_stopped_and_held() {
    let host = Host::new();
    let limits = "max_turns = 3\nmax_cost_usd = 0.5\nrestart = \"on-failure\"\nbackoff = \"10ms\"";
    host.configure(&agent("one", &["$PROBE", "wait"], limits));
    let daemon = host.start();
    daemon.wait_state("one", "running");
    tell(&host, "one", "TURNS=3\nCOST_USD=0.5");
    until("the usage", || Some(daemon.agent("one")).filter(|agent| agent["model_usage"]["run"]["turns"] == 3));
    assert_eq!(daemon.agent("one")["state"], "running", "its limit is its own");
    tell(&host, "one", "COST_USD=0.51");
    daemon.wait_state("one", "failed");
    let held = daemon.agent("one");
    assert_eq!((&held["exit"]["outcome"], &held["exit"]["source"]), (&"over_budget".into(), &"agentd".into()));
    assert_eq!(held["exit"]["detail"], "3 turns, $0.5100");
    assert!(held["error"].as_str().unwrap().contains("not restarted before its limits change"), "{held}");
    host.configure(&agent("one", &["$PROBE", "wait"], &limits.replace("0.5", "2")));
    daemon.wait_state("one", "running");
}
