use super::*;
use crate::cli::client::types::{Activity, Amounts, Health, ModelUsage};
use crate::cli::time::Zone;
use crate::desired::diagnostic::Look;

fn style(width: impl Into<Option<usize>>) -> Style {
    Style { look: Look::Plain, zone: Zone::Utc, width: width.into() }
}

fn now() -> Wall {
    time::parse("2026-11-21T08:20:31.000Z").unwrap()
}

fn one() -> One {
    let exit = Exit {
        kind: "killed".to_owned(),
        signal: Some(9),
        signal_name: Some("SIGKILL".to_owned()),
        cause: Some("terminal_lost".to_owned()),
        at: "2026-11-21T08:20:01.000Z".to_owned(),
        ..Exit::default()
    };
    let agent = Agent {
        name: "code reviewer".to_owned(),
        session: "review".to_owned(),
        restarts: 2,
        harness: "claude-code".to_owned(),
        state: "backing_off".to_owned(),
        since: Some("2026-11-21T08:20:01.000Z".to_owned()),
        pid: None,
        pane: Some("%3".to_owned()),
        started_at: Some("2026-11-21T08:00:00.000Z".to_owned()),
        exit: Some(exit),
        next_restart_at: Some("2026-11-21T08:21:01.000Z".to_owned()),
        error: Some("lost its terminal: its tmux session was closed or the server died \u{1b}[2J".to_owned()),
        ..Agent::default()
    };
    let usage = Usage {
        name: agent.name.clone(),
        cpu_seconds: 65.5,
        cpu_load: Some(0.123),
        memory_bytes: 312 << 20,
        processes: 4,
    };
    let view = View { usage: [(agent.name.clone(), usage)].into(), health: Health::default(), ..View::default() };
    let output = last_lines(
        "one\n\n\u{1b}[31mtwo   \nlong long long long long long long long long long long long long long long line 日本語\n\n\n",
    );
    let attach = attach(&agent.name, Some("/run/a b.sock"));
    One { view, agent, output: Some(output), attach }
}

#[test]
fn an_agent_in_full() {
    insta::assert_snapshot!("one_80", one().lines(now(), style(80)).join("\n"));
    insta::assert_snapshot!("one_unlimited", one().lines(now(), style(None)).join("\n"));
    for limit in [32, 40, 80, 200] {
        for line in one().lines(now(), style(limit)) {
            assert!(width(&line) <= limit && !line.contains(char::is_control), "{limit}: {line:?}");
        }
    }
}

#[test]
fn an_agent_that_tells_of_itself() {
    let mut one = one();
    let amounts = Amounts { turns: Some(12), cost_usd: Some(0.42), input_tokens: Some(1_234), ..Amounts::default() };
    let total = Amounts { turns: Some(48), cost_usd: Some(1.9), output_tokens: Some(9_100), ..amounts.clone() };
    let exit = Exit {
        kind: "exited".to_owned(),
        code: Some(1),
        outcome: Some("rate_limited".to_owned()),
        source: "stream result".to_owned(),
        detail: "You've hit your session limit \u{1b}[2J".to_owned(),
        reset_at: Some("2026-11-21T09:00:00.000Z".to_owned()),
        at: "2026-11-21T08:00:00.000Z".to_owned(),
        ..Exit::default()
    };
    one.agent = Agent {
        name: "reviewer".to_owned(),
        running: true,
        session: "reviewer".to_owned(),
        harness: "claude-code".to_owned(),
        state: "running".to_owned(),
        since: Some("2026-11-21T08:00:01.000Z".to_owned()),
        activity: Some(Activity {
            state: "waiting".to_owned(),
            since: "2026-11-21T08:17:11.000Z".to_owned(),
            source: "hook Notification".to_owned(),
            question: "Claude needs your permission to use Bash \u{9b}31m and there is more of it than fits".to_owned(),
        }),
        conversation: Some("5f0c2d1e-1111-2222-3333-444455556666".to_owned()),
        model_usage: Some(ModelUsage { run: amounts, total }),
        exit: Some(exit),
        ..Agent::default()
    };
    one.output = None;
    insta::assert_snapshot!("told_80", one.lines(now(), style(80)).join("\n"));
    for limit in [32, 40, 80, 200] {
        for line in one.lines(now(), style(limit)) {
            assert!(width(&line) <= limit && !line.contains(char::is_control), "{limit}: {line:?}");
        }
    }
    // What its error says need not be said again, nor what the exit does.
    one.agent.error = Some(format!("exited: {}", one.agent.exit.as_ref().unwrap().detail));
    let told = one.lines(now(), style(None)).join("\n");
    assert_eq!(told.matches("session limit").count(), 1, "{told}");
    one.agent.exit = Some(Exit { outcome: Some("failed".into()), source: "exit".into(), ..Exit::default() });
    assert!(one.lines(now(), style(None)).contains(&"Outcome     failed".to_owned()));
}

#[test]
fn an_agent_of_which_little_is_known() {
    let agent =
        Agent { name: "a".to_owned(), state: "pending".to_owned(), session: "a".to_owned(), ..Agent::default() };
    let one = One { view: View::default(), agent, output: None, attach: String::new() };
    let expected = "Name        a\nState       pending\nRestarts    0\nSession     a";
    assert_eq!(one.lines(now(), style(80)).join("\n"), expected);
}

#[test]
fn the_last_lines_are_those_with_something_on_them() {
    assert_eq!(last_lines(""), [""; 0]);
    assert_eq!(last_lines("\n\n"), [""; 0]);
    assert_eq!(last_lines("\na\n\nb\n \n"), ["a", "", "b"]);
    let many: Vec<String> = (0..50).map(|number| number.to_string()).collect();
    assert_eq!(last_lines(&many.join("\n")).first().map(String::as_str), Some("40"));
}

#[test]
fn a_command_can_be_copied_into_a_shell() {
    assert_eq!(attach("reviewer", None), "agentd attach reviewer");
    assert_eq!(attach("日本", None), "agentd attach 日本");
    assert_eq!(attach("a b'c", None), r"agentd attach 'a b'\''c'");
    assert_eq!(attach("-a", Some("/x")), "agentd attach --api-socket /x -- '-a'");
}

#[test]
fn ends_are_told_in_words() {
    let exit = |kind: &str| Exit { kind: kind.to_owned(), ..Exit::default() };
    assert_eq!(how(&Exit { code: Some(3), ..exit("exited") }), "exited with status 3");
    assert_eq!(how(&Exit { signal: Some(40), ..exit("killed") }), "killed by signal 40");
    assert_eq!(how(&exit("not_started")), "could not be started");
    assert_eq!(
        how(&Exit { cause: Some("shim_lost".into()), ..exit("unknown") }),
        "ended, nobody knows how, as its shim was killed"
    );
    assert_eq!(how(&exit("vanished")), "vanished");
}

#[test]
fn lines_are_broken_between_words() {
    assert_eq!(wrap("one two three", None), ["one two three"]);
    assert_eq!(wrap("one two three", Some(7)), ["one two", "three"]);
    assert_eq!(wrap("extraordinary thing", Some(5)), ["extra", "ordin", "ary", "thing"]);
    assert_eq!(wrap("日本語です", Some(5)), ["日本", "語で", "す"]);
    assert_eq!(wrap("", Some(5)), [""]);
}
