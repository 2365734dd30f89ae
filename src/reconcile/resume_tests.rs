//! What is gone on with, and what is not, with literal times.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::fake::{Fake, SECOND, exited, name, policy, resumable, spec};
use super::*;
use crate::model::{Doing, Ending, Evidence, Exit, Policy, Restart, StartError, StartStage, Told, Verdict, Wall};

fn restarting(most: u32) -> Policy {
    Policy { restart: Restart::OnFailure, max_restarts: NonZeroU32::new(most), ..policy() }
}

/// One agent that runs, whose harness tells of itself or not.
fn running(policy: Policy, tells: bool) -> Fake {
    let mut fake = Fake::new();
    fake.declare(resumable("a", 1, policy, tells));
    fake.settle();
    fake
}

/// It tells what its session is, and that it works.
fn tell(fake: &mut Fake, session: Option<&str>, activity: Option<crate::model::Activity>) {
    let since = fake.now.mono;
    let doing = |activity| Doing { activity, since, source: "a test".into(), question: String::new() };
    let told = Told {
        session: session.map(str::to_owned),
        activity: activity.map(doing),
        ..Told::of(fake.memory.agents[&name("a")].run)
    };
    fake.observed.seats.get_mut(&name("a")).unwrap().told = Arc::new(told);
    fake.settle();
}

/// It tells how its last turn ended.
fn tell_verdict(fake: &mut Fake, verdict: Option<Verdict>) {
    let seat = fake.observed.seats.get_mut(&name("a")).unwrap();
    let verdict = verdict.map(|verdict| (verdict, Evidence::default()));
    seat.told = Arc::new(Told { verdict, ..Told::clone(&seat.told) });
    fake.settle();
}

/// The program ends after so many seconds, and its backoff passes.
fn end(fake: &mut Fake, ending: Ending, after: u64) {
    fake.pass(Duration::from_secs(after));
    fake.end(&name("a"), ending, true);
    fake.settle();
    wait(fake);
}

/// Until it is started again, or isn't to be.
fn wait(fake: &mut Fake) {
    while matches!(fake.memory.agents[&name("a")].phase, Phase::BackingOff { .. }) {
        fake.pass(Duration::from_secs(1));
    }
}

fn begun(fake: &Fake) -> Vec<Begin> {
    let start = |(_, action): &(Mono, Action)| match action {
        Action::Start { begin, .. } => Some(begin.clone()),
        Action::Open { .. }
        | Action::Signal { .. }
        | Action::Note { .. }
        | Action::Close { .. }
        | Action::Look { .. }
        | Action::Read { .. }
        | Action::Nudge { .. } => None,
    };
    fake.planned.iter().filter_map(start).collect()
}

/// For each start the conversation that it went on with.
fn resumed(fake: &Fake) -> Vec<String> {
    let session = |begin| match begin {
        Begin::Fresh { .. } => FRESH.to_owned(),
        Begin::Resumed { session } => session,
    };
    begun(fake).into_iter().map(session).collect()
}

const FRESH: &str = "-";

fn killed() -> Ending {
    Ending::Exited { exit: Exit::Signal(9), cpu: Duration::ZERO, max_rss_kib: 0 }
}

#[test]
fn what_was_not_finished_is_gone_on_with() {
    for ending in [killed(), exited(1), Ending::ShimLost, Ending::TerminalLost(Exit::Signal(9))] {
        let mut fake = running(restarting(0), true);
        tell(&mut fake, Some("5f0c"), None);
        fake.pass(Duration::from_secs(5));
        if matches!(ending, Ending::ShimLost) {
            fake.observed.seats.clear();
        } else {
            fake.end(&name("a"), ending.clone(), true);
        }
        fake.pass(Duration::from_secs(4));
        assert_eq!(resumed(&fake), [FRESH, "5f0c"], "{ending:?}");
    }
    let mut fake = running(restarting(0), true);
    tell(&mut fake, Some("5f0c"), None);
    end(&mut fake, killed(), 5);
    let told: Vec<_> = fake.transitions.iter().map(|transition| &*transition.reason).collect();
    assert_eq!(told[3..], ["goes on with its conversation", "its program was executed"]);
}

#[test]
fn what_was_finished_or_is_declared_otherwise_begins_anew() {
    let mut fake = running(Policy { restart: Restart::Always, ..policy() }, true);
    tell(&mut fake, Some("5f0c"), None);
    end(&mut fake, exited(0), 5);
    tell(&mut fake, Some("6f0c"), None);
    fake.declare(resumable("a", 2, restarting(0), true));
    fake.pass(Duration::from_secs(1));
    assert_eq!(resumed(&fake), [FRESH, FRESH, FRESH]);

    // Of one that waits for its restart too.
    tell(&mut fake, Some("7f0c"), None);
    fake.end(&name("a"), killed(), true);
    fake.settle();
    fake.declare(resumable("a", 3, restarting(0), true));
    fake.pass(Duration::from_secs(9));
    assert_eq!(resumed(&fake), [FRESH, FRESH, FRESH, FRESH]);
}

#[test]
fn who_is_not_to_or_can_not_begins_anew() {
    let mut fake = Fake::new();
    fake.declare(spec("a", 1, restarting(0)));
    fake.settle();
    tell(&mut fake, Some("5f0c"), None);
    end(&mut fake, killed(), 5);
    assert_eq!(resumed(&fake), [FRESH, FRESH]);

    // It may be said while it runs, which isn't touched.
    let mut fake = running(restarting(0), true);
    tell(&mut fake, Some("5f0c"), None);
    fake.declare(spec("a", 1, restarting(0)));
    end(&mut fake, killed(), 5);
    assert_eq!(resumed(&fake), [FRESH, FRESH]);
}

#[test]
fn a_harness_that_tells_nothing_is_told_what_its_conversation_is() {
    let mut fake = running(restarting(0), false);
    end(&mut fake, killed(), 5);
    let [Begin::Fresh { session }, second] = &begun(&fake)[..] else { panic!() };
    assert_eq!(*second, Begin::Resumed { session: session.clone() });
    // Unless it says otherwise.
    tell(&mut fake, Some("5f0c"), None);
    end(&mut fake, killed(), 5);
    assert_eq!(resumed(&fake)[2], "5f0c");
}

#[test]
fn who_is_asked_to_tell_and_did_not_has_no_conversation() {
    let mut fake = running(restarting(0), true);
    end(&mut fake, killed(), 5);
    assert_eq!(resumed(&fake), [FRESH, FRESH]);
}

#[test]
fn who_has_told_of_work_alone_is_in_the_conversation_that_it_was_to_begin() {
    let mut fake = running(restarting(0), true);
    tell(&mut fake, None, Some(crate::model::Activity::Busy));
    end(&mut fake, killed(), 5);
    let [Begin::Fresh { session }, second] = &begun(&fake)[..] else { panic!() };
    assert_eq!(*second, Begin::Resumed { session: session.clone() });
}

#[test]
fn a_name_that_could_be_an_option_is_none() {
    for session in ["--yolo", "-", "", "a b", "../x", "a;b", "ä", ".a"] {
        let mut fake = running(restarting(0), true);
        tell(&mut fake, Some(session), None);
        end(&mut fake, killed(), 5);
        assert_eq!(resumed(&fake), [FRESH, FRESH], "{session:?}");
    }
}

#[test]
fn a_conversation_that_is_lost_costs_one_restart_and_is_not_tried_again() {
    let mut fake = running(restarting(1), true);
    tell(&mut fake, Some("5f0c"), None);
    end(&mut fake, killed(), 5);
    end(&mut fake, exited(1), 1);
    assert_eq!(resumed(&fake), [FRESH, "5f0c", FRESH]);
    assert_eq!(fake.memory.agents[&name("a")].restarts, 1);
    let told: Vec<_> = fake.transitions.iter().map(|transition| &*transition.reason).collect();
    assert!(told.contains(&"begins anew, as its conversation could not be gone on with"), "{told:?}");
    end(&mut fake, exited(1), 1);
    assert_eq!((fake.state("a"), fake.starts()), (Some(State::Failed), 3));
}

#[test]
fn a_run_that_went_on_can_be_gone_on_with() {
    use crate::model::Activity::{Busy, Idle, Starting, Waiting};
    let at = |second: u64| Now { mono: Mono(second * SECOND), wall: Wall(second * SECOND) };
    let after = |session: Option<&str>, activity: Option<_>, seconds: u64| {
        let doing = |activity| Doing { activity, since: Mono(1), source: "a test".into(), question: String::new() };
        let told = Told { session: session.map(str::to_owned), activity: activity.map(doing), ..Told::default() };
        let continued = Conversation::Continued { session: "5f0c".into(), in_vain: 1 };
        continued.after(&End::bare(killed(), at(100 + seconds)), &told, Some(at(100)))
    };
    let unfinished = |session: &str| Conversation::Unfinished { session: session.to_owned(), in_vain: 1 };
    assert_eq!(after(Some("5f0c"), None, 1), unfinished("5f0c"));
    assert_eq!(after(Some("6f0c"), None, 1), unfinished("6f0c"));
    assert_eq!(after(None, Some(Busy), 1), unfinished("5f0c"));
    assert_eq!(after(None, Some(Waiting), 1), unfinished("5f0c"));
    assert_eq!(after(None, Some(Starting), 1), Conversation::Lost);
    assert_eq!(after(None, Some(Idle), 1), Conversation::Lost);
    assert_eq!(after(None, None, 59), Conversation::Lost);
    assert_eq!(after(None, None, 60), unfinished("5f0c"));
}

#[test]
fn what_was_not_executed_was_not_tried() {
    let error = || StartError { stage: StartStage::Exec, message: "no".into() };
    let mut fake = running(restarting(0), true);
    tell(&mut fake, Some("5f0c"), None);
    end(&mut fake, killed(), 5);
    end(&mut fake, Ending::NotStarted(error()), 1);
    assert_eq!(resumed(&fake), [FRESH, "5f0c", "5f0c"]);

    // The session that is refused in between isn't a run of it either.
    let mut fake = running(restarting(0), true);
    tell(&mut fake, Some("5f0c"), None);
    fake.observed.seats.clear();
    fake.pass(Duration::from_secs(2));
    fake.move_clock(fake.now.mono.after(Duration::from_secs(1)));
    fake.plan();
    let Some(Action::Open { run, .. }) = fake.todo.pop() else { panic!() };
    fake.set(&name("a"), SeatState::Refused { run, error: error() });
    fake.pass(Duration::from_secs(70));
    assert_eq!(resumed(&fake), [FRESH, "5f0c"]);

    // Nor does one that refuses to open keep a lost conversation's restart from being counted.
    let lost = |end: &End| Conversation::Lost.after(end, &Told::default(), None);
    assert_eq!(lost(&End::bare(Ending::NotStarted(error()), Now::default())), Conversation::None);
}

#[test]
fn a_conversation_that_comes_to_nothing_three_times_is_given_up() {
    let mut fake = running(restarting(0), true);
    for _ in 0..5 {
        tell(&mut fake, Some("5f0c"), None);
        end(&mut fake, exited(1), 90);
    }
    assert_eq!(resumed(&fake), [FRESH, "5f0c", "5f0c", "5f0c", FRESH, "5f0c"]);
    assert_eq!(fake.memory.agents[&name("a")].restarts, 5, "each is a restart like any other");
    let reasons = fake.transitions.iter().map(|transition| (&*transition.reason, transition.to));
    let given_up: Vec<_> = reasons.filter(|(reason, _)| reason.contains("three times in a row")).collect();
    let reason = "begins anew, as its conversation came to nothing three times in a row";
    assert_eq!(given_up, [(reason, Some(State::Starting))]);
}

#[test]
fn a_turn_that_was_finished_speaks_for_a_conversation() {
    let mut fake = running(restarting(0), true);
    for round in 0..7 {
        tell(&mut fake, Some("5f0c"), None);
        if round == 2 {
            tell_verdict(&mut fake, Some(Verdict::Succeeded));
            // The next one has begun.
            tell_verdict(&mut fake, None);
        }
        end(&mut fake, killed(), 5);
    }
    assert_eq!(resumed(&fake), [FRESH, "5f0c", "5f0c", "5f0c", "5f0c", "5f0c", FRESH, "5f0c"]);

    // One that has failed speaks against it.
    let mut fake = running(restarting(0), true);
    for _ in 0..4 {
        tell(&mut fake, Some("5f0c"), None);
        tell_verdict(&mut fake, Some(Verdict::Failed));
        end(&mut fake, killed(), 5);
    }
    assert_eq!(resumed(&fake)[4], FRESH);
}

#[test]
fn no_conversation_is_to_blame_for_what_happens_to_its_terminal_or_its_provider() {
    let at = Now { mono: Mono(200 * SECOND), wall: Wall(200 * SECOND) };
    let told = Told { session: Some("5f0c".into()), ..Told::default() };
    let after = |end: &End| Conversation::Continued { session: "5f0c".into(), in_vain: 3 }.after(end, &told, None);
    let unfinished = |in_vain| Conversation::Unfinished { session: "5f0c".into(), in_vain };
    let limited = End { outcome: crate::model::Outcome::RateLimited, ..End::bare(exited(1), at) };
    let error = StartError { stage: StartStage::Exec, message: "no".into() };
    for end in [
        limited,
        End::bare(Ending::ShimLost, at),
        End::bare(Ending::TerminalLost(Exit::Signal(9)), at),
        End::bare(Ending::NotStarted(error), at),
    ] {
        assert_eq!(after(&end), unfinished(2), "{end:?}");
    }
    assert_eq!(after(&End::bare(exited(1), at)), Conversation::Futile);
    assert_eq!(after(&End::bare(exited(0), at)), Conversation::None);
}

#[test]
fn each_start_has_a_uuid_of_its_own() {
    let mut seen = BTreeSet::new();
    for agent in ["a", "b", "reviewer-7"] {
        for run in 1_790_000_000_000_000_000..1_790_000_000_000_001_000_u64 {
            let session = resume::mint(&name(agent), RunId(run), Now { mono: Mono(1), wall: Wall(run) });
            let parts: Vec<usize> = session.split('-').map(str::len).collect();
            assert_eq!(parts, [8, 4, 4, 4, 12], "{session}");
            assert!(session.chars().all(|c| c == '-' || matches!(c, '0'..='9' | 'a'..='f')), "{session}");
            assert!(session[14..].starts_with('8') && session[19..].starts_with(['8', '9', 'a', 'b']), "{session}");
            assert!(resume::is_plain(&session));
            assert!(seen.insert(session));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// However runs end, and whatever they say: one that went on with a conversation for less than a minute, and gave no sign
    /// of it, is followed by one that begins anew; and of such a pair one is counted.
    #[test]
    fn nothing_is_gone_on_with_in_vain_twice(
        runs in prop::collection::vec((0..4_u8, any::<bool>(), 0..80_u64), 1..20), most in 0..4_u32, tells in any::<bool>(),
    ) {
        let mut fake = running(restarting(most), tells);
        let mut vain = Vec::new();
        for (said, is_signal, seconds) in &runs {
            let starts = fake.starts();
            match said {
                0 => tell(&mut fake, Some("5f0c"), None),
                1 => tell(&mut fake, None, Some(crate::model::Activity::Busy)),
                _ => {}
            }
            if fake.state("a") != Some(State::Running) {
                break;
            }
            fake.pass(Duration::from_secs(*seconds));
            fake.end(&name("a"), if *is_signal { killed() } else { exited(1) }, true);
            fake.settle();
            wait(&mut fake);
            let was_resumed = matches!(begun(&fake)[starts - 1], Begin::Resumed { .. });
            let is_vain = was_resumed && *said > 1 && *seconds < 60;
            vain.push(is_vain);
            if is_vain {
                prop_assert!(matches!(begun(&fake)[starts..], [Begin::Fresh { .. }]), "{:?}", begun(&fake));
            }
        }
        let counted = fake.starts() - 1 - vain.iter().filter(|vain| **vain).count();
        prop_assert_eq!(fake.memory.agents[&name("a")].restarts as usize, counted);
        prop_assert!(most == 0 || counted <= most as usize);
    }

    /// However runs end, and whatever becomes of their turns: of four runs in a row that finished no turn, one begins anew.
    #[test]
    fn nothing_is_gone_on_with_for_ever(
        runs in prop::collection::vec((0..3_u8, any::<bool>(), 0..200_u64), 1..30),
    ) {
        let mut fake = running(restarting(0), true);
        let mut in_vain = 0;
        for (finishes, is_signal, seconds) in runs {
            let was_resumed = matches!(begun(&fake).last(), Some(Begin::Resumed { .. }));
            in_vain = if was_resumed && finishes != 0 { in_vain + 1 } else { 0 };
            prop_assert!(in_vain <= 3, "{:?}", resumed(&fake));
            tell(&mut fake, Some("5f0c"), None);
            if finishes == 0 {
                tell_verdict(&mut fake, Some(Verdict::Succeeded));
                tell_verdict(&mut fake, None);
            }
            end(&mut fake, if is_signal { killed() } else { exited(1) }, seconds);
            let goes_on = matches!(begun(&fake).last(), Some(Begin::Resumed { .. }));
            prop_assert_eq!(goes_on, in_vain < 3, "{:?}", resumed(&fake));
        }
    }
}
