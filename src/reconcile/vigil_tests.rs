use std::num::NonZeroU32;
use std::sync::Arc;

use super::super::fake::{Fake, SECOND, exited, name, policy, spec};
use super::*;
use crate::model::{AgentSpec, Outcome, Policy, Restart, State};
use crate::reconcile::{Phase, StopSignal};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// An agent that runs since 100 s, and was last seen to write before.
fn running(spec: Arc<AgentSpec>) -> Fake {
    let mut fake = Fake::new();
    fake.declare(spec);
    fake.settle();
    assert_eq!(fake.state("a"), Some(State::Running));
    fake
}

fn starting(policy: Policy) -> Fake {
    running(spec("a", 1, Policy { startup_deadline: Some(seconds(60)), ..policy }))
}

fn stall(on_stall: OnStall) -> Policy {
    Policy { stall: Some(Stall { after: seconds(600), max_nudges: 2, on_stall }), ..policy() }
}

fn nudged(on_stall: OnStall) -> Fake {
    let mut spec = spec("a", 1, stall(on_stall));
    Arc::get_mut(&mut spec).unwrap().nudge = Some("Continue.".into());
    let mut fake = running(spec);
    fake.tell(&name("a"), "ACTIVITY=idle");
    fake.settle();
    fake
}

/// What was told of its silence, and when.
fn told(fake: &Fake) -> Vec<&str> {
    fake.stalls.iter().map(|news| news.reason.as_str()).collect()
}

fn nudges(fake: &Fake) -> Vec<u64> {
    let nudge = |(at, action): &(Mono, Action)| matches!(action, Action::Nudge { .. }).then_some(at.0 / SECOND - 100);
    fake.planned.iter().filter_map(nudge).collect()
}

fn detail(fake: &Fake) -> (Outcome, String) {
    let end = fake.memory.agents[&name("a")].last_end.clone().unwrap();
    assert_eq!(end.evidence.source, "agentd");
    (end.outcome, end.evidence.detail)
}

#[test]
fn a_dialog_at_the_deadline_is_a_start_that_failed() {
    let mut fake = starting(Policy { restart: Restart::OnFailure, max_restarts: NonZeroU32::new(1), ..policy() });
    fake.screen = Screen::Dialog("asks whether it may trust this directory".into());
    fake.pass(seconds(59));
    assert!(fake.signals().is_empty());
    fake.pass(seconds(1));
    assert_eq!(fake.signals(), [(160, StopSignal::Interrupt)]);
    assert_eq!(fake.state("a"), Some(State::BackingOff));
    let told = "after 1 m it asks whether it may trust this directory".to_owned();
    assert_eq!(detail(&fake), (Outcome::StartFailed, told));
    fake.pass(seconds(63));
    let Phase::Failed { error } = &fake.memory.agents[&name("a")].phase else { panic!() };
    let expected = "was killed by signal 15 (SIGTERM); it had not begun to work: after 1 m it asks whether it may trust this directory; \
                    restarted 1 time, which is its max_restarts";
    assert_eq!(error, expected);
}

#[test]
fn who_has_told_of_work_has_begun_and_who_has_told_nothing_has_no_dialog() {
    for word in ["busy", "idle", "waiting"] {
        let mut fake = starting(policy());
        fake.screen = Screen::Dialog("asks something".into());
        fake.pass(seconds(30));
        fake.tell(&name("a"), &format!("ACTIVITY={word}"));
        fake.pass(seconds(100));
        assert_eq!(fake.state("a"), Some(State::Running), "{word}");
        fake.tell(&name("a"), "ACTIVITY=starting");
        fake.pass(seconds(100));
        assert_eq!(fake.state("a"), Some(State::Running), "it has begun once");
    }
    for screen in [Screen::Other("$".into()), Screen::Unknown("tmux: no".into())] {
        let mut fake = starting(policy());
        fake.screen = screen.clone();
        fake.pass(seconds(1_000));
        assert_eq!(fake.state("a"), Some(State::Running), "{screen:?}");
        let reads = fake.planned.iter().filter(|(_, action)| matches!(action, Action::Read { .. })).count();
        assert_eq!(reads, 1);
    }
}

#[test]
fn who_should_have_told_has_not_begun_whatever_its_screen_shows() {
    let mut fake = starting(policy());
    fake.tell(&name("a"), "ACTIVITY=starting");
    fake.screen = Screen::Other("please wait".into());
    fake.pass(seconds(60));
    assert_eq!(fake.state("a"), Some(State::Failed));
    assert_eq!(detail(&fake), (Outcome::StartFailed, "after 1 m its screen ends with: please wait".into()));

    let mut fake = starting(policy());
    fake.tell(&name("a"), "ACTIVITY=starting");
    fake.screen = Screen::Prompt;
    fake.pass(seconds(600));
    assert_eq!(fake.state("a"), Some(State::Running), "it waits for work");

    for hears in [false, true] {
        let mut spec = spec("a", 1, Policy { startup_deadline: Some(seconds(60)), ..policy() });
        Arc::get_mut(&mut spec).unwrap().launch.extra.events = vec![c"--events".into()];
        let mut fake = running(spec);
        fake.observed.seats.get_mut(&name("a")).unwrap().hears = hears;
        fake.pass(seconds(60));
        assert_eq!(fake.state("a"), Some(if hears { State::Failed } else { State::Running }), "{hears}");
    }
}

#[test]
fn a_deadline_applies_to_what_runs_and_each_run_has_its_own() {
    let mut fake = running(spec("a", 1, policy()));
    fake.screen = Screen::Dialog("asks something".into());
    fake.pass(seconds(50));
    fake.declare(spec("a", 1, Policy { startup_deadline: Some(seconds(60)), restart: Restart::Always, ..policy() }));
    fake.pass(seconds(10));
    assert_eq!(fake.state("a"), Some(State::BackingOff));
    fake.pass(seconds(3 + 59));
    assert_eq!(fake.state("a"), Some(State::Running));
    fake.pass(seconds(1));
    assert_eq!((fake.state("a"), fake.starts()), (Some(State::BackingOff), 2));
}

#[test]
fn silence_is_told_once_and_so_is_its_end() {
    let mut fake = running(spec("a", 1, stall(OnStall::Notify)));
    fake.pass(seconds(599));
    assert_eq!(told(&fake), [""; 0]);
    fake.pass(seconds(10_000));
    assert_eq!(told(&fake), ["no sign of life for 10 m"]);
    let memory = &fake.memory.agents[&name("a")];
    assert_eq!((memory.state(), memory.stalled_since()), (State::Running, memory.started.map(|at| at.wall)));
    assert_eq!(fake.wake_at, None);
    fake.tell(&name("a"), "TURNS=1");
    fake.pass(seconds(599));
    assert_eq!(told(&fake)[1..], ["gives signs of life"]);
    assert_eq!(fake.memory.agents[&name("a")].stalled_since(), None);
    fake.pass(seconds(1));
    assert_eq!(told(&fake)[2..], ["no sign of life for 10 m"]);
}

#[test]
fn what_is_written_to_the_terminal_is_a_sign_of_life_also_when_nobody_has_looked_before() {
    let mut fake = running(spec("a", 1, stall(OnStall::Stop)));
    for _ in 0..5 {
        fake.written = fake.now.mono.after(seconds(400));
        fake.pass(seconds(600));
        assert_eq!(fake.state("a"), Some(State::Running));
    }
    fake.pass(seconds(600));
    assert_eq!(fake.state("a"), Some(State::Failed));
    let looks = fake.planned.iter().filter(|(_, action)| matches!(action, Action::Look { .. })).count();
    assert!(looks <= 10, "{looks}");
}

#[test]
fn what_has_stalled_is_restarted_or_stopped_as_declared() {
    for restart in [Restart::No, Restart::OnFailure, Restart::Always] {
        let policy = Policy { restart, max_restarts: NonZeroU32::new(1), ..stall(OnStall::Restart) };
        let mut fake = running(spec("a", 1, policy));
        fake.pass(seconds(600));
        assert_eq!(fake.state("a"), Some(State::BackingOff), "{restart:?}");
        assert_eq!(detail(&fake), (Outcome::Failed, "no sign of life for 10 m".into()));
        assert_eq!(told(&fake), ["no sign of life for 10 m; is stopped"]);
        fake.pass(seconds(700));
        assert_eq!((fake.state("a"), fake.starts()), (Some(State::Failed), 2), "its maximum");

        let mut fake = running(spec("a", 1, Policy { restart, ..stall(OnStall::Stop) }));
        fake.pass(seconds(2_000));
        assert_eq!((fake.state("a"), fake.starts()), (Some(State::Failed), 1), "{restart:?}");
        let Phase::Failed { error } = &fake.memory.agents[&name("a")].phase else { panic!() };
        assert_eq!(error, "was killed by signal 15 (SIGTERM); agentd stopped it: no sign of life for 10 m");
    }
    // By itself it ends as ever.
    let mut fake = running(spec("a", 1, stall(OnStall::Restart)));
    fake.end(&name("a"), exited(1), true);
    fake.settle();
    assert_eq!(fake.state("a"), Some(State::Failed));
}

#[test]
fn another_policy_applies_to_what_has_stalled() {
    let mut fake = running(spec("a", 1, stall(OnStall::Notify)));
    fake.pass(seconds(700));
    fake.declare(spec("a", 1, stall(OnStall::Restart)));
    fake.settle();
    assert_eq!(fake.state("a"), Some(State::BackingOff));
    let mut fake = running(spec("a", 1, stall(OnStall::Notify)));
    fake.pass(seconds(700));
    fake.declare(spec("a", 1, policy()));
    fake.settle();
    assert_eq!(fake.memory.agents[&name("a")].stalled_since(), None);
}

#[test]
fn it_is_nudged_before_anything_else_and_the_echo_of_that_is_no_life() {
    let mut fake = nudged(OnStall::Stop);
    fake.pass(seconds(600));
    assert_eq!((nudges(&fake), fake.state("a")), (vec![600], Some(State::Running)));
    fake.pass(seconds(20));
    fake.tell(&name("a"), "ACTIVITY=idle");
    fake.pass(seconds(599));
    assert_eq!(nudges(&fake), [600], "it has as much time as ever");
    fake.pass(seconds(1));
    assert_eq!(nudges(&fake), [600, 1220]);
    fake.pass(seconds(600));
    assert_eq!(fake.state("a"), Some(State::Failed));
    let why = "no sign of life for 10 m, also after 2 nudges";
    assert_eq!(detail(&fake), (Outcome::Failed, why.into()));
    let stopped = format!("{why}; is stopped");
    assert_eq!(
        told(&fake),
        ["no sign of life for 10 m; nudge 1 of 2", "no sign of life for 10 m; nudge 2 of 2", stopped.as_str()]
    );
}

#[test]
fn a_nudge_that_helps_is_forgotten() {
    let mut fake = nudged(OnStall::Stop);
    fake.pass(seconds(600));
    fake.pass(seconds(61));
    fake.tell(&name("a"), "TURNS=1");
    fake.pass(seconds(599));
    assert_eq!(told(&fake)[1..], ["gives signs of life"]);
    fake.pass(seconds(1));
    assert_eq!(nudges(&fake), [600, 1261]);
    assert_eq!(told(&fake)[2..], ["no sign of life for 10 m; nudge 1 of 2"]);
}

#[test]
fn a_nudge_that_fails_counts_and_is_told() {
    let mut fake = nudged(OnStall::Notify);
    fake.nudging = Err("somebody types there".into());
    fake.pass(seconds(10_000));
    assert_eq!(nudges(&fake), [600, 1200]);
    let expected = [
        "no sign of life for 10 m; nudge 1 of 2",
        "nudge 1 of 2 failed: somebody types there",
        "no sign of life for 10 m; nudge 2 of 2",
        "nudge 2 of 2 failed: somebody types there",
        "no sign of life for 10 m, also after 2 nudges",
    ];
    assert_eq!(told(&fake), expected);
    assert_eq!(fake.state("a"), Some(State::Running));
}

#[test]
fn only_who_is_idle_is_nudged() {
    for word in ["busy", "waiting", "starting"] {
        let mut fake = nudged(OnStall::Notify);
        fake.tell(&name("a"), &format!("ACTIVITY={word}"));
        fake.pass(seconds(10_000));
        assert_eq!(nudges(&fake), [0; 0]);
        let failed = |number| format!("no sign of life for 10 m; nudge {number} of 2 failed: it is {word}");
        assert_eq!(told(&fake), [&failed(1), &failed(2), "no sign of life for 10 m, also after 2 nudges"]);
    }
    let mut fake = nudged(OnStall::Notify);
    fake.tell(&name("a"), "ACTIVITY=");
    fake.pass(seconds(600));
    assert_eq!(nudges(&fake), [600], "its terminal says that it is idle");
}
