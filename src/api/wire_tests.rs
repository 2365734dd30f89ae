use std::sync::Arc;

use super::*;
use crate::model::{StartError, StartStage};
use crate::status::{AgentName, ConfigError as StatusConfigError, Mono, SessionName};

const AT: Wall = Wall(1_700_000_000_123_000_000);

fn status(state: State) -> AgentStatus {
    AgentStatus {
        name: AgentName::new("claude-code").unwrap(),
        session: SessionName::new("claude-code").unwrap(),
        harness: "claude-code".into(),
        state,
        since: AT,
        restarts: 0,
        pid: None,
        started_at: None,
        last_end: None,
        next_restart_at: None,
        error: None,
        terminal: None,
        ends: crate::status::EndCounts::default(),
    }
}

fn text(bytes: &Bytes) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// So that a release changes no test.
fn without_version(body: &Bytes) -> String {
    text(body).replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

fn ended(exit: Exit) -> (Ending, Wall) {
    (Ending::Exited { exit, cpu: Duration::ZERO, max_rss_kib: 0 }, AT)
}

#[test]
fn every_state_has_its_word_and_says_whether_a_process_is_alive() {
    let lines: Vec<_> = State::ALL.map(|state| text(&agent(&status(state))).to_owned()).into();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    {"name":"claude-code","running":false,"session":"claude-code","restarts":0,"type":"native","harness":"claude-code","state":"pending","since":"2023-11-14T22:13:20.123Z"}
    {"name":"claude-code","running":false,"session":"claude-code","restarts":0,"type":"native","harness":"claude-code","state":"starting","since":"2023-11-14T22:13:20.123Z"}
    {"name":"claude-code","running":true,"session":"claude-code","restarts":0,"type":"native","harness":"claude-code","state":"running","since":"2023-11-14T22:13:20.123Z"}
    {"name":"claude-code","running":true,"session":"claude-code","restarts":0,"type":"native","harness":"claude-code","state":"stopping","since":"2023-11-14T22:13:20.123Z"}
    {"name":"claude-code","running":false,"session":"claude-code","restarts":0,"type":"native","harness":"claude-code","state":"backing_off","since":"2023-11-14T22:13:20.123Z"}
    {"name":"claude-code","running":false,"session":"claude-code","restarts":0,"type":"native","harness":"claude-code","state":"exited","since":"2023-11-14T22:13:20.123Z"}
    {"name":"claude-code","running":false,"session":"claude-code","restarts":0,"type":"native","harness":"claude-code","state":"failed","since":"2023-11-14T22:13:20.123Z"}
    {"name":"claude-code","running":false,"session":"claude-code","restarts":0,"type":"native","harness":"claude-code","state":"timed_out","since":"2023-11-14T22:13:20.123Z"}
    "#);
}

#[test]
fn what_there_is_to_say_is_said() {
    let running = AgentStatus {
        restarts: 2,
        pid: Some(4_242),
        started_at: Some(AT),
        last_end: Some(ended(Exit::Code(3))),
        ..status(State::Running)
    };
    insta::assert_snapshot!(text(&agent(&running)), @r#"{"name":"claude-code","running":true,"session":"claude-code","restarts":2,"type":"native","harness":"claude-code","state":"running","since":"2023-11-14T22:13:20.123Z","pid":4242,"started_at":"2023-11-14T22:13:20.123Z","exit":{"kind":"exited","code":3,"at":"2023-11-14T22:13:20.123Z"}}"#);
    let backing_off = AgentStatus {
        last_end: Some(ended(Exit::Signal(9))),
        next_restart_at: Some(Wall(AT.0 + 3_000_000_000)),
        error: Some("was killed by signal 9 (SIGKILL)".into()),
        ..status(State::BackingOff)
    };
    insta::assert_snapshot!(text(&agent(&backing_off)), @r#"{"name":"claude-code","running":false,"session":"claude-code","restarts":0,"type":"native","harness":"claude-code","state":"backing_off","since":"2023-11-14T22:13:20.123Z","exit":{"kind":"killed","signal":9,"signal_name":"SIGKILL","at":"2023-11-14T22:13:20.123Z"},"next_restart_at":"2023-11-14T22:13:23.123Z","error":"was killed by signal 9 (SIGKILL)"}"#);
}

#[test]
fn every_ending_is_visible_as_what_it_was() {
    let start = StartError { stage: StartStage::Exec, message: "could not execute `claude`: not found".into() };
    let endings = [
        Ending::Exited { exit: Exit::Code(0), cpu: Duration::ZERO, max_rss_kib: 0 },
        Ending::Exited { exit: Exit::Signal(15), cpu: Duration::ZERO, max_rss_kib: 0 },
        Ending::Exited { exit: Exit::Signal(40), cpu: Duration::ZERO, max_rss_kib: 0 },
        Ending::Exited { exit: Exit::Unknown, cpu: Duration::ZERO, max_rss_kib: 0 },
        Ending::NotStarted(start),
        Ending::TerminalLost(Exit::Signal(9)),
        Ending::ShimLost,
    ];
    let lines: Vec<_> = endings.iter().map(|ending| text(&to_bytes(&LastEnd::of(ending, AT))).to_owned()).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    {"kind":"exited","code":0,"at":"2023-11-14T22:13:20.123Z"}
    {"kind":"killed","signal":15,"signal_name":"SIGTERM","at":"2023-11-14T22:13:20.123Z"}
    {"kind":"killed","signal":40,"at":"2023-11-14T22:13:20.123Z"}
    {"kind":"unknown","at":"2023-11-14T22:13:20.123Z"}
    {"kind":"not_started","at":"2023-11-14T22:13:20.123Z"}
    {"kind":"killed","signal":9,"signal_name":"SIGKILL","cause":"terminal_lost","at":"2023-11-14T22:13:20.123Z"}
    {"kind":"unknown","cause":"shim_lost","at":"2023-11-14T22:13:20.123Z"}
    "#);
}

#[test]
fn health_counts_all_states_and_shows_a_refused_configuration() {
    let started = Now { mono: Mono(1_000_000_000), wall: AT };
    let now = Now { mono: Mono(124_999_999_999), wall: AT };
    let mut snapshot = Snapshot { revision: 7, started, ..Snapshot::default() };
    insta::assert_snapshot!(without_version(&health(&snapshot, now)), @r#"{"state":"running","uptime_seconds":123,"version":"VERSION","revision":7,"pid":0,"user":"","config":"","secret_dir":"","tmux_socket":"","agents":{"total":0,"pending":0,"starting":0,"running":0,"stopping":0,"backing_off":0,"exited":0,"failed":0,"timed_out":0}}"#);
    snapshot.phase = Phase::Stopping;
    snapshot.agents = [State::Running, State::Running, State::TimedOut].map(|state| Arc::new(status(state))).into();
    snapshot.config_error =
        Some(Arc::new(StatusConfigError { message: "jcard.toml:3:1: expected \"=\"\n  hint".into(), at: AT }));
    insta::assert_snapshot!(without_version(&health(&snapshot, now)), @r#"{"state":"stopping","uptime_seconds":123,"version":"VERSION","revision":7,"pid":0,"user":"","config":"","secret_dir":"","tmux_socket":"","agents":{"total":3,"pending":0,"starting":0,"running":2,"stopping":0,"backing_off":0,"exited":0,"failed":0,"timed_out":1},"config_error":{"message":"jcard.toml:3:1: expected \"=\"\n  hint","at":"2023-11-14T22:13:20.123Z"}}"#);
}

#[test]
fn times_beyond_the_notation_are_shown_as_its_last() {
    assert_eq!(text(&to_bytes(&Time(Wall(0)))), "\"1970-01-01T00:00:00.000Z\"");
    assert_eq!(text(&to_bytes(&Time(Wall(u64::MAX)))), "\"2554-07-21T23:34:33.709Z\"");
}

#[test]
fn names_are_text_and_nothing_else() {
    let odd = AgentStatus { name: AgentName::new("a\"b\\c<ä>").unwrap(), ..status(State::Pending) };
    let parsed: serde_json::Value = serde_json::from_slice(&agent(&odd)).unwrap();
    assert_eq!(parsed["name"], "a\"b\\c<ä>");
}
