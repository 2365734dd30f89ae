use std::sync::Arc;

use super::super::fake::{Fake, SECOND, name, policy, spec};
use super::*;
use crate::model::{AgentSpec, Notices, OnStall, Output, Policy, Stall, Told};

/// An agent that runs since 100 s.
fn running() -> Fake {
    let mut fake = Fake::new();
    fake.declare(spec("a", 1, policy()));
    fake.settle();
    fake
}

fn write(fake: &mut Fake, at: u64) {
    let output = Output { at: Mono(at * SECOND), until: Mono(at * SECOND), looked: fake.now.mono };
    fake.observed.seats.get_mut(&name("a")).unwrap().output = Some(output);
    fake.settle();
}

fn does(fake: &Fake) -> Option<(Activity, u64)> {
    let doing = fake.memory.agents[&name("a")].doing()?;
    Some((doing.activity, doing.since.0 / SECOND))
}

#[test]
fn a_terminal_is_busy_until_it_has_been_quiet_for_long_enough() {
    let mut fake = running();
    assert_eq!((does(&fake), fake.wake_at), (None, None), "nobody has looked yet");
    write(&mut fake, 50);
    assert_eq!(does(&fake), Some((Activity::Busy, 100)), "what an earlier run wrote is not counted");
    fake.pass(Duration::from_secs(10));
    write(&mut fake, 109);
    assert_eq!(does(&fake), Some((Activity::Busy, 100)), "it goes on");
    fake.pass(Duration::from_secs(13));
    assert_eq!(does(&fake), Some((Activity::Busy, 100)));
    fake.pass(Duration::from_secs(1));
    assert_eq!(does(&fake), Some((Activity::Idle, 109)));
    assert_eq!(fake.wake_at, None, "an idle agent wakes nobody");
    write(&mut fake, 123);
    assert_eq!(does(&fake), Some((Activity::Busy, 123)));
}

#[test]
fn what_it_tells_itself_always_wins() {
    let mut fake = running();
    write(&mut fake, 99);
    let run = fake.memory.agents[&name("a")].run;
    let mut told = Told::of(run);
    let mut tell = |fake: &mut Fake, text: &[u8]| {
        told.hear(&Notices::parse(text), fake.now.mono);
        fake.observed.seats.get_mut(&name("a")).unwrap().told = Arc::new(told.clone());
        fake.settle();
    };
    tell(&mut fake, b"ACTIVITY=waiting");
    assert_eq!(does(&fake), Some((Activity::Waiting, 100)));
    assert_eq!((fake.memory.agents[&name("a")].is_watched(), fake.wake_at), (false, None));
    tell(&mut fake, b"ACTIVITY=");
    assert_eq!(does(&fake), Some((Activity::Busy, 100)), "it has taken that back");
    assert!(fake.memory.agents[&name("a")].is_watched());
}

/// One that runs since 100 s, moves while it works, and has told at 100 s that it does.
fn at_work(screen: Screen) -> Fake {
    let mut fake = Fake::new();
    fake.screen = screen;
    fake.declare(spec("a", 1, Policy { shows: Shows::Motion, ..policy() }));
    fake.settle();
    fake.tell(&name("a"), "ACTIVITY=busy\nACTIVITY_SOURCE=hook");
    fake.settle();
    fake
}

fn pass(fake: &mut Fake, seconds: u64) {
    fake.pass(Duration::from_secs(seconds));
}

fn source(fake: &Fake) -> &str {
    &fake.memory.agents[&name("a")].doing().unwrap().source
}

fn reads(fake: &Fake) -> Vec<u64> {
    let reads = fake.planned.iter().filter(|(_, action)| matches!(action, Action::Read { .. }));
    reads.map(|(at, _)| at.0 / SECOND).collect()
}

#[test]
fn who_told_that_it_works_rests_once_its_prompt_stands_still() {
    for screen in [Screen::Prompt, Screen::Typed("half a li".into())] {
        let mut fake = at_work(screen);
        assert!(fake.memory.agents[&name("a")].is_watched());
        fake.written = Mono(110 * SECOND);
        pass(&mut fake, 29);
        assert_eq!((does(&fake), source(&fake)), (Some((Activity::Busy, 100)), "hook"));
        assert_eq!(reads(&fake), [0; 0], "nobody reads a screen that may move");
        pass(&mut fake, 1);
        assert_eq!((does(&fake), source(&fake)), (Some((Activity::Idle, 110)), "screen"));
        pass(&mut fake, 1000);
        assert_eq!((reads(&fake), fake.wake_at), (vec![130], None), "who rests wakes nobody");

        // A person types, and goes.
        fake.written = fake.now.mono;
        write(&mut fake, 1130);
        assert_eq!((does(&fake), source(&fake)), (Some((Activity::Busy, 1130)), "hook"));
        pass(&mut fake, 20);
        assert_eq!((does(&fake), source(&fake)), (Some((Activity::Idle, 1130)), "screen"));

        // A new turn, of which it tells what it told before.
        fake.tell(&name("a"), "ACTIVITY=busy\nACTIVITY_SOURCE=hook");
        fake.settle();
        assert_eq!((does(&fake), source(&fake)), (Some((Activity::Busy, 1150)), "hook"));
        fake.tell(&name("a"), "ACTIVITY=busy\nACTIVITY_SOURCE=another");
        fake.settle();
        assert_eq!((does(&fake), source(&fake)), (Some((Activity::Busy, 1150)), "another"));
        fake.tell(&name("a"), "ACTIVITY=idle\nACTIVITY_SOURCE=hook");
        fake.settle();
        assert_eq!((does(&fake), source(&fake)), (Some((Activity::Idle, 1150)), "hook"));
    }
}

#[test]
fn who_moves_is_at_work_whatever_it_shows() {
    let mut fake = at_work(Screen::Prompt);
    for second in 101..400 {
        pass(&mut fake, 1);
        if second % 8 == 0 {
            fake.written = Mono(second * SECOND);
            write(&mut fake, second);
        }
        assert_eq!((does(&fake), source(&fake)), (Some((Activity::Busy, 100)), "hook"));
    }
    assert_eq!(reads(&fake), [0; 0]);
}

#[test]
fn what_is_no_prompt_does_not_speak_against_it_and_is_read_once() {
    let unknown = Screen::Unknown("tmux: no".into());
    for screen in [Screen::Other("Compacting".into()), Screen::Dialog("asks something".into()), unknown] {
        let mut fake = at_work(screen.clone());
        pass(&mut fake, 300);
        assert_eq!((does(&fake), source(&fake)), (Some((Activity::Busy, 100)), "hook"), "{screen:?}");
        assert_eq!(reads(&fake), [120], "{screen:?}");
        // It is read anew after it has moved.
        fake.screen = Screen::Prompt;
        fake.written = fake.now.mono;
        write(&mut fake, 400);
        pass(&mut fake, 20);
        assert_eq!((does(&fake), reads(&fake)), (Some((Activity::Idle, 400)), vec![120, 420]), "{screen:?}");
    }
}

#[test]
fn only_who_moves_at_work_and_says_that_it_works_is_doubted() {
    let mut fake = Fake::new();
    fake.screen = Screen::Prompt;
    fake.declare(spec("a", 1, policy()));
    fake.settle();
    fake.tell(&name("a"), "ACTIVITY=busy");
    pass(&mut fake, 300);
    assert_eq!((does(&fake), reads(&fake), fake.wake_at), (Some((Activity::Busy, 100)), vec![], None));
    let mut fake = at_work(Screen::Prompt);
    fake.tell(&name("a"), "ACTIVITY=starting");
    pass(&mut fake, 300);
    assert_eq!((does(&fake), reads(&fake), fake.wake_at), (Some((Activity::Starting, 100)), vec![], None));
}

#[test]
fn who_waits_has_been_answered_once_its_prompt_takes_the_place_of_the_question() {
    let mut fake = at_work(Screen::Other("1. Yes 2. No".into()));
    fake.tell(&name("a"), "ACTIVITY=waiting\nQUESTION=May I?\nACTIVITY_SOURCE=hook");
    pass(&mut fake, 300);
    assert_eq!((does(&fake), reads(&fake), fake.wake_at), (Some((Activity::Waiting, 100)), vec![102, 120], None));
    // Escape.
    (fake.screen, fake.written) = (Screen::Prompt, fake.now.mono);
    write(&mut fake, 400);
    assert_eq!(does(&fake), Some((Activity::Waiting, 100)));
    pass(&mut fake, 20);
    assert_eq!((does(&fake), source(&fake)), (Some((Activity::Idle, 400)), "screen"));
    // Somebody types, who has no question before them.
    fake.written = fake.now.mono;
    write(&mut fake, 420);
    pass(&mut fake, 30);
    assert_eq!((does(&fake), source(&fake)), (Some((Activity::Idle, 400)), "screen"));
    // The next question is another.
    fake.tell(&name("a"), "ACTIVITY=busy");
    pass(&mut fake, 10);
    fake.tell(&name("a"), "ACTIVITY=waiting\nQUESTION=And this?");
    pass(&mut fake, 300);
    assert_eq!(does(&fake), Some((Activity::Waiting, 460)));
}

/// It need not have stood there for long.
#[test]
fn a_question_that_is_answered_soon_has_been_answered_too() {
    let mut fake = at_work(Screen::Dialog("asks something".into()));
    fake.tell(&name("a"), "ACTIVITY=waiting\nQUESTION=May I?");
    pass(&mut fake, 3);
    (fake.screen, fake.written) = (Screen::Typed("half a li".into()), fake.now.mono);
    pass(&mut fake, 20);
    assert_eq!((does(&fake), reads(&fake)), (Some((Activity::Idle, 103)), vec![102, 123]));
}

#[test]
fn who_waits_beside_its_prompt_waits() {
    let mut fake = at_work(Screen::Prompt);
    fake.tell(&name("a"), "ACTIVITY=waiting\nQUESTION=Your helper asks");
    for _ in 0..3 {
        pass(&mut fake, 100);
        fake.written = fake.now.mono;
        let now = fake.now.mono.0 / SECOND;
        write(&mut fake, now);
    }
    assert_eq!((does(&fake), fake.memory.agents[&name("a")].is_watched()), (Some((Activity::Waiting, 100)), true));
}

/// One that runs since 100 s, whose terminal's title says what it does.
fn titled(screen: Screen) -> Fake {
    let mut fake = Fake::new();
    fake.screen = screen;
    fake.declare(spec("a", 1, Policy { shows: Shows::Title, ..policy() }));
    fake.settle();
    fake
}

#[test]
fn a_title_says_what_who_tells_nothing_of_it_does() {
    let mut fake = titled(Screen::Working);
    assert_eq!((does(&fake), reads(&fake)), (None, vec![]), "nobody has looked yet");
    assert!(fake.memory.agents[&name("a")].is_watched());
    write(&mut fake, 100);
    assert_eq!((does(&fake), source(&fake)), (Some((Activity::Busy, 100)), "title"));
    pass(&mut fake, 10);
    write(&mut fake, 109);
    assert_eq!((does(&fake), reads(&fake)), (Some((Activity::Busy, 100)), vec![100, 101, 110]), "it goes on");
    fake.screen = Screen::Asking("May I?".into());
    pass(&mut fake, 5);
    write(&mut fake, 115);
    assert_eq!((does(&fake), source(&fake)), (Some((Activity::Waiting, 115)), "title"));
    assert_eq!(fake.memory.agents[&name("a")].doing().unwrap().question, "May I?");
    // It is answered after the last look, within the time that the kernel is exact to.
    fake.screen = Screen::Prompt;
    pass(&mut fake, 1);
    assert_eq!((does(&fake), source(&fake)), (Some((Activity::Idle, 116)), "title"));
    pass(&mut fake, 1000);
    assert_eq!((reads(&fake).last(), fake.wake_at), (Some(&116), None), "who rests wakes nobody");
}

#[test]
fn a_title_knows_of_a_turn_that_is_not_told_of_until_it_ends() {
    let mut fake = titled(Screen::Typed("half a li".into()));
    fake.tell(&name("a"), "ACTIVITY=idle\nACTIVITY_SOURCE=notify");
    fake.settle();
    pass(&mut fake, 20);
    write(&mut fake, 120);
    pass(&mut fake, 10);
    assert_eq!((does(&fake), source(&fake)), (Some((Activity::Idle, 100)), "notify"), "somebody types");
    fake.screen = Screen::Working;
    write(&mut fake, 130);
    pass(&mut fake, 5);
    assert_eq!((does(&fake), source(&fake)), (Some((Activity::Busy, 130)), "title"));
    fake.tell(&name("a"), "ACTIVITY=idle\nACTIVITY_SOURCE=again");
    fake.settle();
    assert_eq!((does(&fake), source(&fake)), (Some((Activity::Idle, 100)), "again"), "told after it was read");
}

#[test]
fn a_terminal_without_a_known_title_is_as_any_other() {
    for screen in [Screen::Other("Loading".into()), Screen::Unknown("tmux: no".into())] {
        let mut fake = titled(screen);
        write(&mut fake, 100);
        assert_eq!((does(&fake), source(&fake)), (Some((Activity::Busy, 100)), "terminal"));
        pass(&mut fake, 20);
        assert_eq!((does(&fake), source(&fake)), (Some((Activity::Idle, 100)), "terminal"));
    }
}

/// What was seen before it told anything is of no account, and what is seen of one that is being stopped either.
#[test]
fn what_was_seen_before_it_told_anything_is_forgotten() {
    let mut fake = Fake::new();
    fake.declare(spec("a", 1, Policy { shows: Shows::Motion, ..policy() }));
    fake.settle();
    write(&mut fake, 50);
    pass(&mut fake, 20);
    assert_eq!(does(&fake), Some((Activity::Idle, 100)));
    fake.tell(&name("a"), "ACTIVITY=busy\nACTIVITY_SOURCE=hook");
    fake.settle();
    assert_eq!((does(&fake), source(&fake)), (Some((Activity::Busy, 120)), "hook"));
}

/// Who has come to rest without a word is nudged as one that told it.
#[test]
fn who_is_seen_to_rest_is_nudged() {
    let stall = Stall { after: Duration::from_secs(60), max_nudges: 1, on_stall: OnStall::Notify };
    let mut fake = Fake::new();
    fake.screen = Screen::Prompt;
    let policy = Policy { shows: Shows::Motion, stall: Some(stall), ..policy() };
    let mut spec = AgentSpec::clone(&spec("a", 1, policy));
    spec.nudge = Some("Go on.".into());
    fake.declare(spec.into());
    fake.settle();
    fake.tell(&name("a"), "ACTIVITY=busy");
    pass(&mut fake, 60);
    assert!(fake.planned.iter().any(|(_, action)| matches!(action, Action::Nudge { .. })), "{:?}", fake.stalls);
}
