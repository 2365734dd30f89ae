use std::time::Duration;

use super::*;
use crate::cli::client::types::{Activity, Health, ModelUsage};
use crate::cli::table::width;
use crate::cli::time::Zone;
use crate::desired::diagnostic::Look;

const NOW: &str = "2026-11-21T08:20:31.000Z";

fn now() -> Wall {
    time::parse(NOW).unwrap()
}

fn at(seconds_ago: i64) -> String {
    let ago = Duration::from_secs(seconds_ago.unsigned_abs());
    let now = humantime::parse_rfc3339(NOW).unwrap();
    let time = if seconds_ago < 0 { now + ago } else { now - ago };
    humantime::format_rfc3339_millis(time).to_string()
}

fn style(width: impl Into<Option<usize>>) -> Style {
    Style { look: Look::Plain, zone: Zone::Utc, width: width.into() }
}

fn agent(name: &str, state: &str, seconds_ago: i64) -> Agent {
    Agent {
        name: name.to_owned(),
        session: name.to_owned(),
        state: state.to_owned(),
        since: Some(at(seconds_ago)),
        ..Agent::default()
    }
}

fn exited(code: u8) -> Exit {
    Exit { kind: "exited".to_owned(), code: Some(code), at: at(9), ..Exit::default() }
}

fn killed(signal: u8, name: Option<&str>) -> Exit {
    let signal_name = name.map(str::to_owned);
    Exit { kind: "killed".to_owned(), signal: Some(signal), signal_name, at: at(9), ..Exit::default() }
}

fn does(name: &str, word: &str, seconds_ago: i64, question: &str) -> Agent {
    let activity =
        Activity { state: word.into(), since: at(seconds_ago), question: question.into(), ..Activity::default() };
    Agent { running: true, activity: Some(activity), ..agent(name, "running", 7_200) }
}

fn came_to(name: &str, state: &str, outcome: &str, code: u8) -> Agent {
    Agent { exit: Some(Exit { outcome: Some(outcome.into()), ..exited(code) }), ..agent(name, state, 300) }
}

/// Those whose harnesses tell something.
fn tellers() -> Vec<Agent> {
    let mut limited = came_to("limited", "failed", "rate_limited", 1);
    limited.exit.as_mut().unwrap().reset_at = Some(at(-1_920));
    limited.error = Some("exited with status 1; its provider limits its rate: You've hit your session limit".into());
    let comes_back =
        Agent { next_restart_at: Some(at(-1_921)), ..came_to("limited-too", "backing_off", "rate_limited", 1) };
    let mut denied = came_to("denied", "failed", "permission_denied", 0);
    denied.error = Some("exited with status 0; a tool that it wanted to use was refused".into());
    vec![
        does("asks", "waiting", 200, "Claude needs your permission to use Bash \u{1b}]0;x\u{7}\nin /srv"),
        does("asks-not", "waiting", 1, ""),
        does("busy", "busy", 42, ""),
        does("idle", "idle", 86_400, ""),
        does("new", "starting", 0, ""),
        does("odd", "\u{1b}[2Jdancing", 5, "not shown"),
        agent("silent", "running", 60),
        denied,
        limited,
        comes_back,
        came_to("done", "exited", "succeeded", 0),
        came_to("crashed", "failed", "failed", 1),
        came_to("cut-off", "failed", "interrupted", 0),
    ]
}

/// One of each kind, and hostile ones.
fn zoo() -> Vec<Agent> {
    let kind = |kind: &str| Some(Exit { kind: kind.to_owned(), at: at(9), ..Exit::default() });
    let error = |text: &str| Some(text.to_owned());
    vec![
        agent("assistant", "running", 3 * 86_400 + 4 * 3_600),
        Agent { restarts: 12, exit: Some(exited(139)), ..agent("builder", "running", 5) },
        Agent {
            restarts: 2,
            exit: Some(exited(3)),
            next_restart_at: Some(at(-12)),
            error: error("exited with status 3"),
            ..agent("crawler", "backing_off", 3)
        },
        Agent { exit: Some(exited(0)), ..agent("done", "exited", 7_200) },
        Agent {
            exit: kind("not_started"),
            error: error("could not execute \"/opt/agents/bin/claude\": No such file or directory (os error 2)"),
            ..agent("no-such-program", "failed", 700)
        },
        Agent {
            restarts: 5,
            exit: Some(killed(9, Some("SIGKILL"))),
            error: error("was killed by signal 9 (SIGKILL); restarted 5 times, which is its max_restarts"),
            ..agent("out-of-memory", "failed", 61)
        },
        Agent { exit: Some(killed(34, None)), ..agent("realtime", "starting", 0) },
        Agent { exit: kind("unknown"), ..agent("shim-lost", "pending", 1) },
        Agent { error: error("stopped: its timeout of 2h has passed"), ..agent("slow", "timed_out", 86_400) },
        Agent { ..agent("翻訳エージェント", "running", 60) },
        Agent {
            error: error("\u{1b}]52;c;ZXZpbA==\u{7}\u{1b}[2J\nsecond \u{202e}line\u{9b}31m"),
            ..agent("\u{1b}[31mevil\u{202e}", "failed", 1)
        },
        Agent { session: "elsewhere".to_owned(), ..agent("x".repeat(64).as_str(), "stopping", 2) },
        agent("from-the-future", "hibernating", 1),
    ]
}

fn usage(agents: &[Agent]) -> std::collections::HashMap<String, Usage> {
    let running = agents.iter().filter(|agent| agent.state == "running");
    let usage = running.enumerate().map(|(number, agent)| {
        let cpu_load = [None, Some(0.0), Some(0.004), Some(0.123), Some(2.5)][number % 5];
        let memory_bytes = [0, 900, 57 << 10, 312 << 20, 1_288_490_189][number % 5];
        (agent.name.clone(), Usage { name: agent.name.clone(), cpu_load, memory_bytes, ..Usage::default() })
    });
    usage.collect()
}

fn view(agents: Vec<Agent>) -> View {
    let health = Health { config: "/etc/stereos/jcard.toml".to_owned(), ..Health::default() };
    View { etag: None, usage: usage(&agents), agents, health }
}

fn many(count: usize) -> Vec<Agent> {
    let state = |number| ["running", "running", "running", "running", "failed"][number % 5];
    (0..count).map(|number| agent(&format!("worker-{number}"), state(number), 3_600)).collect()
}

fn text(lines: &[String]) -> String {
    lines.join("\n")
}

fn assert_fits(lines: &[String], limit: usize) {
    for line in lines {
        assert!(width(line) <= limit, "{} > {limit}: {line:?}", width(line));
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
}

#[test]
fn twenty_agents_on_small_and_large_terminals_and_none() {
    let mut agents = zoo();
    agents.extend(many(7));
    let view = view(agents);
    for limit in [80, 200] {
        let lines = plain(&view, now(), style(limit));
        assert_fits(&lines, limit);
        insta::assert_snapshot!(format!("twenty_{limit}"), text(&lines));
    }
    insta::assert_snapshot!("twenty_unlimited", text(&plain(&view, now(), style(None))));
}

#[test]
fn what_agents_tell_is_seen_at_a_glance() {
    let view = view(tellers());
    for limit in [40, 80, 120, 200] {
        let lines = plain(&view, now(), style(limit));
        assert_fits(&lines, limit);
        insta::assert_snapshot!(format!("told_{limit}"), text(&lines));
    }
    for limit in 20..120 {
        assert_fits(&plain(&view, now(), style(limit)), limit.max(34));
    }
    let painted = text(&plain(&view, now(), Style { look: Look::Colour, ..style(120) }));
    for part in ["\x1b[33mwaiting 3m20s\x1b[0m", "\x1b[33m (2 waiting)\x1b[0m", "\x1b[31mpermission_denied\x1b[0m"] {
        assert!(painted.contains(part), "{part:?} in {painted}");
    }
}

#[test]
fn what_changes_all_the_time_is_no_news() {
    let was = view(tellers());
    let mut is = view(tellers());
    is.agents[2].model_usage = Some(ModelUsage::default());
    is.agents[2].activity.as_mut().unwrap().source = "hook PostToolUse".into();
    assert!(is.is_same(&was));
    is.agents[2].activity.as_mut().unwrap().state = "idle".into();
    assert!(!is.is_same(&was));
}

#[test]
fn one_agent_on_small_and_large_terminals() {
    let view = view(vec![agent("reviewer", "running", 59)]);
    let expected = "\
        NAME      STATE    FOR  RESTARTS  LAST EXIT  CPU  MEMORY  SESSION\n\
        reviewer  running  59s         0  -            -      0B  reviewer\n\
        \n\
        1 agent: 1 running";
    for limit in [Some(80), Some(200), None] {
        assert_eq!(text(&plain(&view, now(), style(limit))), expected);
    }
}

#[test]
fn a_thousand_agents_are_all_listed_and_fit() {
    let view = view(many(1_000));
    for limit in [80, 200] {
        let lines = plain(&view, now(), style(limit));
        assert_fits(&lines, limit);
        assert_eq!(lines.len(), 1_000 + 3);
        insta::assert_snapshot!(format!("thousand_{limit}"), text(&[&lines[..4], &lines[999..]].concat()));
    }
}

#[test]
fn narrow_terminals_lose_what_matters_least() {
    let view = view(zoo());
    for limit in 20..120 {
        assert_fits(&plain(&view, now(), style(limit)), limit.max(34));
    }
    insta::assert_snapshot!(text(&plain(&view, now(), style(40))));
}

#[test]
fn a_screen_is_filled_and_says_what_is_below() {
    let mut agents = zoo();
    agents.extend(many(1_000));
    let view = view(agents);
    for height in [5, 23, 49] {
        let lines = fitted(&view, now(), style(80), height);
        assert!(lines.len() <= height && lines.len() + 2 > height, "{}", lines.len());
        assert_fits(&lines, 80);
    }
    insta::assert_snapshot!(text(&fitted(&view, now(), style(80), 23)));
    let few = View { agents: many(3), ..View::default() };
    assert_eq!(fitted(&few, now(), style(80), 6).len(), 6, "all fit exactly");
    assert!(!text(&fitted(&few, now(), style(80), 6)).contains("more"));
}

#[test]
fn a_refused_configuration_is_told_with_its_report() {
    let mut view = view(many(2));
    let message = "error: unknown harness `codx`\n --> /etc/stereos/jcard.toml:2:11\n  |\n2 | harness = \"codx\u{1b}[2J\"\n  |           ^^^^^^ did you mean `codex`?\n";
    view.health.config_error = Some(ConfigError { message: message.to_owned(), at: at(720) });
    let lines = plain(&view, now(), style(80));
    assert_fits(&lines, 80);
    insta::assert_snapshot!(text(&lines));
    view.health.config_error = Some(ConfigError { message: "line\n".repeat(100), at: at(720) });
    assert_eq!(fitted(&view, now(), style(80), 24).len(), 1 + 1 + REPORT_LINES + 1 + 1 + 1 + 2);
}

#[test]
fn no_agents_at_all() {
    assert_eq!(text(&plain(&view(Vec::new()), now(), style(80))), "no agents are declared in /etc/stereos/jcard.toml");
    assert_eq!(text(&fitted(&View::default(), now(), style(80), 24)), "no agents are declared");
    let stopping = Health { state: "stopping".to_owned(), ..Health::default() };
    let lines = plain(&View { health: stopping, ..View::default() }, now(), style(80));
    assert_eq!(lines[0], "agentd is stopping: it ends all agents, and then itself");
}

#[test]
fn colours_say_what_a_state_means_and_nothing_else_changes() {
    let view = view(zoo());
    let painted = text(&plain(&view, now(), Style { look: Look::Colour, ..style(200) }));
    for part in [
        "\x1b[32mrunning\x1b[0m",
        "\x1b[33mbacking_off, 12s\x1b[0m",
        "\x1b[31mfailed\x1b[0m",
        "\x1b[31m3 failed\x1b[0m",
    ] {
        assert!(painted.contains(part), "{part:?} in {painted}");
    }
    let mut unpainted = painted;
    for sgr in ["0", "1", "2", "31", "32", "33", "36"] {
        unpainted = unpainted.replace(&format!("\x1b[{sgr}m"), "");
    }
    assert_eq!(unpainted, text(&plain(&view, now(), style(200))));
}

#[test]
fn numbers_are_short() {
    for (load, text) in [(0.0, "0%"), (0.0004, "0%"), (0.004, "0.4%"), (0.0994, "9.9%"), (0.0996, "10%"), (2.5, "250%")]
    {
        assert_eq!(percent(load), text);
    }
    for (memory_bytes, text) in [
        (0, "0B"),
        (999, "999B"),
        (1_000, "1.0K"),
        (57 << 10, "57K"),
        (312 << 20, "312M"),
        (1_023 << 20, "1.0G"),
        (u64::MAX, "16777216T"),
    ] {
        assert_eq!(memory(&Usage { memory_bytes, ..Usage::default() }), text);
    }
}

#[test]
fn a_start_that_is_due_is_said_to_be_now() {
    let due = |seconds_ago| next_start(&Agent { next_restart_at: Some(at(seconds_ago)), ..Agent::default() }, now());
    assert_eq!(due(-12).as_deref(), Some("12s"));
    assert_eq!(due(0).as_deref(), Some("now"));
    assert_eq!(due(5).as_deref(), Some("now"));
    assert_eq!(next_start(&Agent::default(), now()), None);
}
