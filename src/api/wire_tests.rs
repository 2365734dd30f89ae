use std::sync::Arc;

use super::*;
use crate::model::{StartError, StartStage};
use crate::status::{
    Activity, ActivityStatus, AgentName, ConfigError as StatusConfigError, Evidence, Mono, Outcome, SessionName, Spent,
};

const AT: Wall = Wall(1_700_000_000_123_000_000);

fn status(state: State) -> AgentStatus {
    let (name, session) = (AgentName::new("claude-code").unwrap(), SessionName::new("claude-code").unwrap());
    AgentStatus { since: AT, ..AgentStatus::new(name, session, "claude-code", state) }
}

fn text(bytes: &Bytes) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// So that a release changes no test.
fn without_version(body: &Bytes) -> String {
    text(body).replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

fn bare(ending: Ending) -> End {
    End::bare(ending, Now { mono: Mono(0), wall: AT })
}

fn ended(exit: Exit) -> End {
    bare(Ending::Exited { exit, cpu: Duration::ZERO, max_rss_kib: 0 })
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
    insta::assert_snapshot!(text(&agent(&running)), @r#"{"name":"claude-code","running":true,"session":"claude-code","restarts":2,"type":"native","harness":"claude-code","state":"running","since":"2023-11-14T22:13:20.123Z","pid":4242,"started_at":"2023-11-14T22:13:20.123Z","exit":{"kind":"exited","code":3,"outcome":"failed","at":"2023-11-14T22:13:20.123Z"}}"#);
    let backing_off = AgentStatus {
        last_end: Some(ended(Exit::Signal(9))),
        next_restart_at: Some(Wall(AT.0 + 3_000_000_000)),
        error: Some("was killed by signal 9 (SIGKILL)".into()),
        ..status(State::BackingOff)
    };
    insta::assert_snapshot!(text(&agent(&backing_off)), @r#"{"name":"claude-code","running":false,"session":"claude-code","restarts":0,"type":"native","harness":"claude-code","state":"backing_off","since":"2023-11-14T22:13:20.123Z","exit":{"kind":"killed","signal":9,"signal_name":"SIGKILL","outcome":"failed","at":"2023-11-14T22:13:20.123Z"},"next_restart_at":"2023-11-14T22:13:23.123Z","error":"was killed by signal 9 (SIGKILL)"}"#);
}

#[test]
fn what_its_harness_tells_is_said() {
    let activity = ActivityStatus {
        activity: Activity::Waiting,
        since: AT,
        source: "hook Notification".to_owned(),
        question: "May I use Bash?".to_owned(),
    };
    let evidence =
        Evidence { source: "stream result".into(), detail: "limit".into(), reset_at: Some(Wall(AT.0 + 5_000_000_000)) };
    let end = End { outcome: Outcome::RateLimited, evidence, ..ended(Exit::Code(1)) };
    let running = AgentStatus {
        activity: Some(activity),
        conversation: Some("5f0c".to_owned()),
        last_end: Some(end),
        spent: Spent { turns: Some(3), cost_micros: Some(12_300), ..Spent::default() },
        spent_total: Spent { turns: Some(4), cost_micros: Some(20_000), input_tokens: Some(7), ..Spent::default() },
        ..status(State::Running)
    };
    insta::assert_snapshot!(text(&agent(&running)), @r#"{"name":"claude-code","running":true,"session":"claude-code","restarts":0,"type":"native","harness":"claude-code","state":"running","since":"2023-11-14T22:13:20.123Z","exit":{"kind":"exited","code":1,"outcome":"rate_limited","source":"stream result","detail":"limit","reset_at":"2023-11-14T22:13:25.123Z","at":"2023-11-14T22:13:20.123Z"},"activity":{"state":"waiting","since":"2023-11-14T22:13:20.123Z","source":"hook Notification","question":"May I use Bash?"},"conversation":"5f0c","model_usage":{"run":{"turns":3,"cost_usd":0.0123},"total":{"turns":4,"cost_usd":0.02,"input_tokens":7}}}"#);
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
    let lines: Vec<_> = endings.map(|ending| text(&to_bytes(&LastEnd::of(&bare(ending)))).to_owned()).into();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    {"kind":"exited","code":0,"outcome":"succeeded","at":"2023-11-14T22:13:20.123Z"}
    {"kind":"killed","signal":15,"signal_name":"SIGTERM","outcome":"failed","at":"2023-11-14T22:13:20.123Z"}
    {"kind":"killed","signal":40,"outcome":"failed","at":"2023-11-14T22:13:20.123Z"}
    {"kind":"unknown","outcome":"failed","at":"2023-11-14T22:13:20.123Z"}
    {"kind":"not_started","outcome":"failed","at":"2023-11-14T22:13:20.123Z"}
    {"kind":"killed","signal":9,"signal_name":"SIGKILL","cause":"terminal_lost","outcome":"failed","at":"2023-11-14T22:13:20.123Z"}
    {"kind":"unknown","cause":"shim_lost","outcome":"failed","at":"2023-11-14T22:13:20.123Z"}
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
