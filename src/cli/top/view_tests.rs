use insta::assert_snapshot;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::cli::client::types::{Activity, Agent, ConfigError, Exit, Health, Usage};
use crate::cli::top::data::Update;
use crate::cli::top::input::Key;
use crate::model::{Mono, Now, Wall};

/// The 21st of November 2026.
fn now() -> Now {
    Now { mono: Mono(1_000_000_000_000), wall: Wall(1_795_219_200_000_000_000) }
}

fn later(seconds: u64) -> Now {
    let nanos = seconds * 1_000_000_000;
    Now { mono: Mono(now().mono.0 + nanos), wall: Wall(now().wall.0 + nanos) }
}

fn health() -> Health {
    Health { state: "running".into(), version: "1.2.3".into(), uptime_seconds: 273_600, ..Health::default() }
}

/// Agents of all kinds, over and over.
fn agent(number: usize) -> Agent {
    let states = ["running", "running", "backing_off", "running", "failed", "running", "exited", "starting"];
    let state = states[number % states.len()];
    let exit = match state {
        "backing_off" => Some(Exit { kind: "exited".into(), code: Some(139), ..Exit::default() }),
        "failed" => Some(Exit { kind: "not_started".into(), ..Exit::default() }),
        "exited" => Some(Exit { kind: "killed".into(), signal_name: Some("SIGKILL".into()), ..Exit::default() }),
        _ => None,
    };
    Agent {
        name: format!("reviewer-{number}"),
        running: state == "running",
        state: state.into(),
        restarts: u32::try_from(number % 3).unwrap(),
        since: Some(format!("2026-11-20T{:02}:{:02}:03.000Z", 23 - number % 20, 59 - number % 50)),
        exit,
        next_restart_at: (state == "backing_off").then(|| "2026-11-21T00:00:07.000Z".into()),
        error: (state == "failed").then(|| "the program /no/such does not exist".into()),
        ..Agent::default()
    }
}

fn usage(number: usize) -> Usage {
    #[allow(clippy::cast_precision_loss)]
    let load = Some(number as f64 / 70.0);
    Usage {
        name: format!("reviewer-{number}"),
        cpu_load: load,
        memory_bytes: 3_000_000 << (number % 9),
        ..Usage::default()
    }
}

fn with(agents: usize) -> State {
    let mut state = State::new(health(), now());
    state.take(Update::World { agents: Some((0..agents).map(agent).collect()), health: Box::new(health()) }, now());
    state.take(Update::Usage(Some((0..agents).step_by(2).map(usage).collect())), now());
    let text = (1..=100).map(|line| format!("line {line} of what it wrote")).collect::<Vec<_>>().join("\n") + "\n\n\n";
    state.take(Update::Output { of: "reviewer-0".into(), text: Ok(text) }, now());
    state
}

fn screen(state: &mut State, (width, height): (u16, u16), look: Look) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| {
            state.list.fit(Areas::of(state, frame.area()).rows.height.into());
            draw(state, look, frame.buffer_mut());
        })
        .unwrap();
    terminal
}

fn picture(state: &mut State, width: u16, height: u16) -> String {
    screen(state, (width, height), Look::Plain).backend().to_string()
}

fn press(state: &mut State, keys: &str) {
    for c in keys.chars() {
        state.press(Key::Char(c));
    }
}

#[test]
fn one_agent_on_a_small_terminal() {
    assert_snapshot!(picture(&mut with(1), 80, 24));
}

#[test]
fn twenty_agents_on_a_small_terminal() {
    assert_snapshot!(picture(&mut with(20), 80, 24));
}

#[test]
fn twenty_agents_on_a_large_terminal() {
    assert_snapshot!(picture(&mut with(20), 200, 50));
}

#[test]
fn a_thousand_agents_on_a_small_terminal() {
    let mut state = with(1000);
    press(&mut state, "sG");
    assert_snapshot!(picture(&mut state, 80, 24));
}

#[test]
fn a_thousand_agents_on_a_large_terminal() {
    assert_snapshot!(picture(&mut with(1000), 200, 50));
}

#[test]
fn help() {
    let mut state = with(20);
    press(&mut state, "?");
    assert_snapshot!(picture(&mut state, 80, 24));
}

#[test]
fn a_search() {
    let mut state = with(1000);
    press(&mut state, "/wer-99");
    assert_snapshot!(picture(&mut state, 80, 24));
}

#[test]
fn the_failing() {
    let mut state = with(20);
    press(&mut state, "f/2");
    state.press(Key::Enter);
    assert_snapshot!(picture(&mut state, 80, 24));
}

/// Some of them tell of themselves.
fn tellers() -> State {
    let does = |word: &str, question: &str| {
        let since = "2026-11-20T23:56:40.000Z".to_owned();
        Some(Activity { state: word.into(), since, question: question.into(), ..Activity::default() })
    };
    let mut agents: Vec<Agent> = (0..9).map(agent).collect();
    agents[0].activity = does("waiting", "May I use Bash \u{1b}[2J in /srv?");
    agents[1].activity = does("busy", "");
    agents[3].activity = does("idle", "");
    agents[2].exit.as_mut().unwrap().outcome = Some("rate_limited".into());
    agents[4].exit = Some(Exit { code: Some(0), outcome: Some("permission_denied".into()), ..Exit::default() });
    let mut state = with(0);
    state.take(Update::World { agents: Some(agents), health: Box::new(health()) }, now());
    state
}

#[test]
fn what_agents_tell() {
    for width in [80, 120, 160] {
        assert_snapshot!(format!("told_{width}"), picture(&mut tellers(), width, 24));
    }
    let mut state = tellers();
    press(&mut state, "f");
    assert!(picture(&mut state, 80, 24).contains("waiting 3m20s"));
    assert!(!picture(&mut state, 80, 24).contains("busy"));
    for width in 0..100 {
        screen(&mut state, (width, 12), Look::Plain);
    }
    assert!(state.tick(later(1)), "its activity is a second older");
}

#[test]
fn a_refused_configuration() {
    let mut state = with(3);
    let message = "error: unknown harness `cladue`\n --> /etc/stereos/jcard.toml:3:11\n  |\n3 | harness = \"cladue\"\n  |           ^^^^^^^^ did you mean `claude-code`?";
    let config_error = Some(ConfigError { message: message.into(), at: String::new() });
    state.take(Update::World { agents: None, health: Box::new(Health { config_error, ..health() }) }, now());
    assert_snapshot!("refused", picture(&mut state, 80, 24));
    press(&mut state, "e");
    assert_snapshot!("refused_in_full", picture(&mut state, 80, 24));
}

#[test]
fn a_daemon_that_is_gone() {
    let mut state = with(20);
    state.take(
        Update::Lost("could not talk to agentd on /run/stereos/agentd.sock: connection refused".into()),
        later(3),
    );
    state.notice = Some("tmux: can't find pane: %3".into());
    assert_snapshot!(picture(&mut state, 80, 24));
    // All that is old is faint, with colours and without.
    for look in [Look::Colour, Look::Plain] {
        let terminal = screen(&mut state, (80, 24), look);
        let cell = |x: u16, y: u16| terminal.backend().buffer().cell((x, y)).unwrap().clone();
        let row = (0..24).find(|y| cell(20, *y).symbol() == "r").unwrap();
        let faint = if look == Look::Colour {
            cell(20, row).fg == Color::DarkGray
        } else {
            cell(20, row).modifier.contains(Modifier::DIM)
        };
        assert!(faint, "{look:?}");
    }
}

#[test]
fn without_colours_there_is_none() {
    let terminal = screen(&mut with(20), (80, 24), Look::Plain);
    let plain = |cell: &ratatui::buffer::Cell| cell.fg == Color::Reset && cell.bg == Color::Reset;
    assert!(terminal.backend().buffer().content().iter().all(plain));
    let terminal = screen(&mut with(20), (80, 24), Look::Colour);
    assert!(terminal.backend().buffer().content().iter().any(|cell| cell.fg == Color::Red));
}

#[test]
fn no_size_is_too_small() {
    let mut states = [with(0), with(1), with(1000), with(1000), with(1000)];
    press(&mut states[3], "?");
    press(&mut states[4], "/x");
    states[2].take(Update::Lost("x".repeat(500)), later(1));
    for state in &mut states {
        for width in (0..40).chain([79, 149, 150, 151, 500]) {
            for height in (0..16).chain([24, 120]) {
                screen(state, (width, height), Look::Plain);
            }
        }
    }
    assert_snapshot!(picture(&mut with(20), 20, 5));
}

#[test]
fn nothing_is_shown_that_a_terminal_would_obey() {
    let mut state = State::new(health(), now());
    let evil = "a\u{1b}]0;owned\u{7}\u{9b}2J\r\u{202e}";
    let agent = Agent { name: evil.into(), state: evil.into(), error: Some(evil.into()), ..Agent::default() };
    state.take(Update::World { agents: Some(vec![agent]), health: Box::new(health()) }, now());
    state.take(Update::Output { of: evil.into(), text: Ok(format!("{evil}\n{evil}")) }, now());
    let terminal = screen(&mut state, (80, 24), Look::Plain);
    for cell in terminal.backend().buffer().content() {
        assert!(!cell.symbol().contains(|c: char| c.is_control() || c == '\u{202e}'), "{:?}", cell.symbol());
    }
}

#[test]
fn wide_characters_take_their_room() {
    let mut state = State::new(health(), now());
    let agent = Agent { name: "測試".repeat(20), state: "running".into(), ..Agent::default() };
    state.take(Update::World { agents: Some(vec![agent]), health: Box::new(health()) }, now());
    let text = picture(&mut state, 80, 8);
    let row = text.lines().find(|line| line.contains('測')).unwrap();
    assert!(row.contains("running"), "{text}");
}
