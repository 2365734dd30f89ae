use super::*;
use crate::cli::client::types::{Agent, ConfigError, Usage};
use crate::model::{Mono, Wall};

fn at(seconds: u64) -> Now {
    Now { mono: Mono(seconds * 1_000_000_000), wall: Wall(seconds * 1_000_000_000) }
}

fn agent(name: &str, state: &str) -> Agent {
    Agent { name: name.to_owned(), state: state.to_owned(), ..Agent::default() }
}

fn world(agents: Vec<Agent>) -> Update {
    Update::World { agents: Some(agents), health: Box::new(Health { uptime_seconds: 5, ..Health::default() }) }
}

fn many(count: usize) -> State {
    let mut state = State::new(Health::default(), at(0));
    assert!(state.take(world((0..count).map(|number| agent(&format!("a{number:04}"), "running")).collect()), at(0)));
    state.list.fit(10);
    state
}

fn shown(state: &State) -> Vec<&str> {
    state.list.visible().map(|(_, agent)| agent.name.as_str()).collect()
}

fn selected(state: &State) -> &str {
    state.list.selected().map_or("", |agent| agent.name.as_str())
}

fn type_text(state: &mut State, text: &str) {
    for c in text.chars() {
        assert_eq!(state.press(Key::Char(c)), Wish::Nothing);
    }
}

#[test]
fn the_selection_moves_and_stays_in_sight() {
    let mut state = many(1000);
    for (key, expected) in [
        (Key::Up, "a0000"),
        (Key::Down, "a0001"),
        (Key::PageDown, "a0011"),
        (Key::Char('j'), "a0012"),
        (Key::Char('k'), "a0011"),
        (Key::End, "a0999"),
        (Key::Down, "a0999"),
        (Key::PageUp, "a0989"),
        (Key::Home, "a0000"),
        (Key::Char('G'), "a0999"),
        (Key::Char('g'), "a0000"),
    ] {
        assert_eq!(state.press(key), Wish::Nothing);
        state.list.fit(10);
        assert_eq!(selected(&state), expected, "{key:?}");
        assert!(shown(&state).contains(&expected), "{key:?}");
        assert_eq!(state.list.visible().count(), 10);
    }
    assert_eq!(state.list.visible().filter(|(is_selected, _)| *is_selected).count(), 1);
}

#[test]
fn nothing_at_all_can_be_walked_through() {
    let mut state = many(0);
    for key in [Key::Up, Key::Down, Key::PageUp, Key::PageDown, Key::Home, Key::End, Key::Char('f'), Key::Char('s')] {
        assert_eq!(state.press(key), Wish::Nothing);
        state.list.fit(0);
    }
    assert_eq!((state.list.counts(), selected(&state)), ((0, 0, 0), ""));
}

#[test]
fn the_selected_agent_stays_so_wherever_it_goes() {
    let mut state = many(5);
    type_text(&mut state, "jj");
    state.take(world(["a0000", "a00000", "a0001", "a0002"].map(|name| agent(name, "running")).to_vec()), at(1));
    assert_eq!(selected(&state), "a0002");
    // It is gone: its place is taken by the one that was next, or the last.
    state.take(world(["a0000", "a0001"].map(|name| agent(name, "running")).to_vec()), at(2));
    assert_eq!(selected(&state), "a0001");
    state.take(world(vec![]), at(2));
    assert_eq!(selected(&state), "");
}

#[test]
fn a_search_lists_while_it_is_typed() {
    let mut state = many(30);
    type_text(&mut state, "/A002");
    assert_eq!((state.mode, state.list.counts().1), (Mode::Search, 10));
    assert_eq!(selected(&state), "a0020");
    type_text(&mut state, "q9");
    assert_eq!((state.list.counts().1, selected(&state)), (0, ""));
    state.press(Key::Backspace);
    state.press(Key::Backspace);
    state.press(Key::Down);
    assert_eq!(state.press(Key::Enter), Wish::Nothing, "it ends the search, and does not attach");
    assert_eq!((state.mode, selected(&state), state.list.counts()), (Mode::Browse, "a0021", (30, 10, 2)));
    state.press(Key::Escape);
    assert_eq!((state.list.counts().1, selected(&state)), (30, "a0021"));
}

#[test]
fn the_failing_are_listed_alone() {
    let mut state = State::new(Health::default(), at(0));
    let odd = Agent { error: Some("no session".into()), ..agent("odd", "running") };
    let agents =
        vec![agent("a", "running"), agent("b", "failed"), agent("c", "backing_off"), agent("d", "exited"), odd];
    state.take(world(agents), at(0));
    state.list.fit(10);
    type_text(&mut state, "f");
    assert_eq!(shown(&state), ["b", "c", "odd"]);
    type_text(&mut state, "f");
    assert_eq!(shown(&state).len(), 5);
}

#[test]
fn the_order_is_chosen() {
    let mut state = State::new(Health::default(), at(0));
    let agents = vec![agent("a", "running"), agent("b", "failed"), agent("c", "backing_off"), agent("d", "exited")];
    state.take(world(agents), at(0));
    let usage = |name: &str, load, memory| Usage {
        name: name.to_owned(),
        cpu_load: load,
        memory_bytes: memory,
        ..Usage::default()
    };
    assert!(state.take(
        Update::Usage(Some(vec![usage("d", None, 7), usage("c", Some(0.5), 1), usage("a", Some(0.1), 9)])),
        at(0)
    ));
    state.list.fit(10);
    let mut orders = Vec::new();
    for _ in 0..4 {
        orders.push(shown(&state).concat());
        type_text(&mut state, "s");
    }
    assert_eq!(orders, ["abcd", "bcda", "cabd", "adcb"]);
    // A daemon that does not tell.
    assert!(state.take(Update::Usage(None), at(0)));
    assert_eq!(state.list.usage("a"), None);
}

#[test]
fn only_what_can_be_seen_is_new() {
    let mut state = many(2);
    let output = |of: &str, text: &str| Update::Output { of: of.to_owned(), text: Ok(text.to_owned()) };
    assert!(state.take(output("a0000", "x"), at(0)));
    assert!(!state.take(output("a0000", "x"), at(0)));
    assert_eq!(state.output(), Some(&Ok("x".to_owned())));
    assert!(!state.take(output("a0001", "y"), at(0)), "another one is selected by now");
    assert_eq!(state.output(), None);
    assert!(!state.take(Update::Usage(Some(vec![])), at(0)));
    // The uptime is shown by the second for a while, and later by the minute.
    assert!(state.tick(at(1)));
    state.take(
        Update::World { agents: None, health: Box::new(Health { uptime_seconds: 3_600, ..Health::default() }) },
        at(2),
    );
    assert!(!state.tick(at(3)));
    assert!(state.tick(at(2 + 60)));
}

#[test]
fn a_daemon_that_is_gone_leaves_the_last_picture() {
    let mut state = many(3);
    assert!(state.take(Update::Lost("no answer".into()), at(2)));
    assert!(!state.take(Update::Lost("no answer".into()), at(3)));
    assert!(state.tick(at(4)));
    assert_eq!((state.list.counts().0, state.silence()), (3, Duration::from_secs(4)));
    assert!(state.take(world(vec![agent("b", "running")]), at(9)));
    assert_eq!((state.lost.as_deref(), state.silence(), state.list.counts().0), (None, Duration::ZERO, 1));
}

#[test]
fn keys_mean_what_the_mode_says() {
    let mut state = many(3);
    assert_eq!(state.press(Key::Enter), Wish::Attach { read_only: false });
    assert_eq!(state.press(Key::Char('v')), Wish::Attach { read_only: true });
    type_text(&mut state, "e");
    assert_eq!(state.mode, Mode::Browse, "there is no report");
    state.health.config_error = Some(ConfigError::default());
    type_text(&mut state, "e");
    assert_eq!(state.mode, Mode::Report);
    type_text(&mut state, "jq?");
    assert_eq!((state.mode, selected(&state)), (Mode::Help, "a0000"));
    assert_eq!(state.press(Key::Enter), Wish::Nothing);
    type_text(&mut state, "/q");
    assert_eq!(state.press(Key::Interrupt), Wish::Quit);
    assert_eq!(state.press(Key::Suspend), Wish::Suspend);
    assert_eq!(state.press(Key::Redraw), Wish::Redraw);
    state.press(Key::Escape);
    assert_eq!(state.press(Key::Char('q')), Wish::Quit);
}
