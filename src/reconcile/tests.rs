//! Scenarios with literal times.

use std::num::NonZeroU32;
use std::time::Duration;

use super::fake::{Fake, SECOND, exited, name, policy, spec};
use super::*;
use crate::model::{Child, Ending, Exit, Limits, Outcome, Policy, Restart, Server, StartError, StartStage};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn running(policy: Policy) -> Fake {
    let mut fake = Fake::new();
    fake.declare(spec("a", 1, policy));
    fake.settle();
    assert_eq!(fake.state("a"), Some(State::Running));
    fake
}

fn words(fake: &Fake) -> Vec<&'static str> {
    fake.transitions.iter().map(|transition| transition.to.map_or("none", State::as_str)).collect()
}

#[test]
fn what_is_declared_runs_and_what_is_not_declared_is_gone() {
    let mut fake = running(policy());
    assert_eq!(words(&fake), ["starting", "running"]);
    fake.desired.agents.clear();
    fake.settle();
    assert_eq!(fake.signals(), [(100, StopSignal::Interrupt)]);
    assert_eq!((fake.state("a"), fake.observed.seats.len()), (None, 0));
    assert_eq!(words(&fake), ["starting", "running", "stopping", "none"]);
}

#[test]
fn each_transition_is_told_with_its_reason() {
    let mut fake = running(Policy { restart: Restart::Always, backoff: seconds(0), ..policy() });
    fake.end(&name("a"), exited(3), true);
    fake.settle();
    fake.desired.agents.clear();
    fake.settle();
    let told: Vec<_> =
        fake.transitions.iter().map(|one| (one.to.map_or("none", State::as_str), &*one.reason)).collect();
    let launch = [("starting", "declared"), ("running", "its program was executed")];
    let end = [("stopping", "no longer declared"), ("none", "it is gone")];
    assert_eq!(told, [&launch[..], &[("backing_off", "exited with status 3")], &launch, &end].concat());

    for shutdown in [Shutdown::Graceful, Shutdown::Now] {
        let mut fake = running(policy());
        fake.desired = Desired { shutdown, ..Desired::default() };
        fake.settle();
        assert_eq!(fake.transitions[2].reason, "agentd ends");
    }
}

#[test]
fn each_policy_follows_each_end() {
    let ends = [exited(0), exited(3), Ending::ShimLost];
    let expected = [
        (Restart::No, [State::Exited, State::Failed, State::Failed]),
        (Restart::OnFailure, [State::Exited, State::BackingOff, State::BackingOff]),
        (Restart::Always, [State::BackingOff; 3]),
    ];
    for (restart, states) in expected {
        for (end, state) in ends.iter().zip(states) {
            let mut fake = running(Policy { restart, ..policy() });
            fake.end(&name("a"), end.clone(), true);
            fake.settle();
            assert_eq!(fake.state("a"), Some(state), "{restart:?} after {end:?}");
        }
    }
}

#[test]
fn delays_double_and_a_good_run_resets_them() {
    let mut fake = running(Policy { restart: Restart::Always, ..policy() });
    let mut delays = Vec::new();
    for run in [1, 1, 1, 60, 1] {
        fake.pass(seconds(run));
        fake.end(&name("a"), exited(1), true);
        fake.settle();
        let Phase::BackingOff { until } = fake.memory.agents[&name("a")].phase else { panic!() };
        delays.push(until.since(fake.now.mono).as_secs());
        fake.pass(seconds(delays[delays.len() - 1]));
        assert_eq!(fake.state("a"), Some(State::Running));
    }
    assert_eq!(delays, [3, 6, 12, 3, 6]);
    assert_eq!(fake.memory.agents[&name("a")].restarts, 5);
}

#[test]
fn a_good_run_resets_the_delay_also_if_it_ends_over_its_budget() {
    let limits = Limits { turns: NonZeroU32::new(3), cost_micros: None };
    let mut fake = running(Policy { restart: Restart::Always, limits, ..policy() });
    let mut delays = Vec::new();
    for run in [1, 1, 60, 1] {
        fake.pass(seconds(run));
        fake.tell(&name("a"), "TURNS=4");
        fake.settle();
        let memory = &fake.memory.agents[&name("a")];
        assert_eq!(memory.last_end.as_ref().map(|end| end.outcome), Some(Outcome::OverBudget));
        let Phase::BackingOff { until } = memory.phase else { panic!() };
        delays.push(until.since(fake.now.mono).as_secs());
        fake.pass(seconds(delays[delays.len() - 1]));
        assert_eq!(fake.state("a"), Some(State::Running));
    }
    assert_eq!(delays, [3, 6, 3, 6]);
}

#[test]
fn a_run_that_ends_by_itself_over_its_budget_failed_of_that_alone() {
    let limits = Limits { turns: NonZeroU32::new(3), cost_micros: None };
    for (code, outcome) in [(0, Outcome::Succeeded), (1, Outcome::OverBudget)] {
        let mut fake = running(Policy { limits, ..policy() });
        fake.tell(&name("a"), "TURNS=4");
        fake.end(&name("a"), exited(code), true);
        fake.settle();
        assert_eq!(fake.memory.agents[&name("a")].last_end.as_ref().map(|end| end.outcome), Some(outcome));
    }
}

#[test]
fn who_is_declared_anew_while_it_is_stopped_has_neither_failed_nor_timed_out() {
    let limits = Limits { turns: NonZeroU32::new(3), cost_micros: None };
    let timeout = Some(seconds(60));
    for policy in [Policy { limits, ..policy() }, Policy { timeout, ..policy() }] {
        let mut fake = running(policy);
        fake.tell(&name("a"), "TURNS=4");
        fake.move_clock(fake.now.mono.after(seconds(61)));
        fake.plan();
        assert_eq!(fake.state("a"), Some(State::Stopping));
        let before = fake.transitions.len();
        fake.declare(spec("a", 2, policy));
        fake.settle();
        assert_eq!(fake.state("a"), Some(State::Running));
        let to: Vec<_> = fake.transitions[before..].iter().map(|transition| transition.to).collect();
        assert!(!to.iter().any(|to| matches!(to, Some(State::Failed | State::TimedOut))), "{to:?}");
    }
}

#[test]
fn who_has_used_what_it_may_goes_on_once_it_may_use_more() {
    let limits = |turns| Limits { turns: NonZeroU32::new(turns), cost_micros: None };
    let mut fake = running(Policy { restart: Restart::OnFailure, limits: limits(3), ..policy() });
    fake.tell(&name("a"), "TURNS=5");
    fake.settle();
    assert_eq!(fake.state("a"), Some(State::Failed));
    for (turns, state) in [(4, State::Failed), (5, State::BackingOff)] {
        fake.declare(spec("a", 1, Policy { restart: Restart::OnFailure, limits: limits(turns), ..policy() }));
        fake.settle();
        assert_eq!(fake.state("a"), Some(state), "{turns}");
    }
}

#[test]
fn restarts_have_a_maximum() {
    let policy = Policy { restart: Restart::Always, max_restarts: NonZeroU32::new(2), backoff: seconds(0), ..policy() };
    let mut fake = running(policy);
    for _ in 0..5 {
        fake.end(&name("a"), exited(7), true);
        fake.settle();
    }
    assert_eq!((fake.state("a"), fake.starts()), (Some(State::Failed), 3));
    let Phase::Failed { error } = &fake.memory.agents[&name("a")].phase else { panic!() };
    assert_eq!(error, "exited with status 7; restarted 2 times, which is its max_restarts");

    fake.declare(spec("a", 1, Policy { max_restarts: NonZeroU32::new(3), ..policy }));
    fake.settle();
    assert_eq!(fake.state("a"), Some(State::Running), "a raised maximum is heeded without a change of the program");
}

#[test]
fn a_restart_waits_for_the_whole_tree() {
    let mut fake = running(Policy { restart: Restart::Always, backoff: seconds(0), ..policy() });
    fake.end(&name("a"), exited(0), false);
    fake.plan();
    assert!(fake.todo.iter().all(|action| matches!(action, Action::Note { .. })), "{:?}", fake.todo);
    fake.empty(&name("a"));
    fake.settle();
    assert_eq!((fake.state("a"), fake.starts()), (Some(State::Running), 2));
}

#[test]
fn what_a_run_leaves_is_killed_again_each_second() {
    let mut fake = running(Policy { restart: Restart::Always, backoff: seconds(0), ..policy() });
    fake.end(&name("a"), exited(0), false);
    for second in [100, 101, 102] {
        fake.plan();
        // Nobody does it.
        fake.todo.clear();
        assert_eq!(fake.wake_at, Some(Mono((second + 1) * SECOND)));
        fake.move_clock(fake.wake_at.unwrap());
    }
    assert_eq!(fake.signals(), [(101, StopSignal::KillTree), (102, StopSignal::KillTree)]);
}

#[test]
fn what_lost_its_terminal_is_started_in_another() {
    let mut fake = running(Policy { restart: Restart::Always, backoff: seconds(0), ..policy() });
    fake.end(&name("a"), Ending::TerminalLost(Exit::Signal(9)), true);
    fake.settle();
    let opened = fake.planned.iter().filter(|(_, action)| matches!(action, Action::Open { .. })).count();
    assert_eq!((fake.state("a"), opened, fake.starts()), (Some(State::Running), 2, 2));
    assert_eq!(fake.memory.agents[&name("a")].restarts, 1);
}

#[test]
fn the_timeout_covers_restarts_and_delays_and_stays() {
    let policy = Policy { restart: Restart::Always, timeout: Some(seconds(10)), ..policy() };
    let mut fake = running(policy);
    fake.pass(seconds(2));
    fake.end(&name("a"), exited(1), true);
    fake.pass(seconds(4));
    assert_eq!(fake.state("a"), Some(State::Running));
    fake.pass(seconds(5));
    assert_eq!(fake.signals(), [(110, StopSignal::Interrupt)]);
    fake.pass(seconds(1_000));
    assert_eq!((fake.state("a"), fake.starts()), (Some(State::TimedOut), 2));

    fake.declare(spec("a", 1, Policy { timeout: Some(seconds(20)), ..policy }));
    fake.settle();
    assert_eq!(fake.state("a"), Some(State::Running), "another timeout is another life");

    let mut fake = running(Policy { backoff: seconds(30), backoff_max: seconds(30), ..policy });
    fake.end(&name("a"), exited(1), true);
    fake.settle();
    assert_eq!(fake.wake_at, Some(Mono(110 * SECOND)), "it strikes between two runs too");
    fake.pass(seconds(10));
    assert_eq!(fake.state("a"), Some(State::TimedOut));
}

#[test]
fn a_stubborn_program_is_killed_at_the_end_of_its_grace() {
    let mut fake = running(policy());
    fake.stubborn = true;
    fake.desired.agents.clear();
    fake.pass(seconds(60));
    let ladder = [(100, StopSignal::Interrupt), (110, StopSignal::Terminate), (130, StopSignal::KillTree)];
    assert_eq!((fake.signals(), fake.state("a")), (ladder.to_vec(), None));
}

#[test]
fn a_shim_that_never_tells_of_the_end_is_closed_over() {
    let mut fake = running(policy());
    fake.desired.agents.clear();
    for _ in 0..100 {
        fake.plan();
        // Nobody does anything, but for tmux, which closes sessions.
        fake.todo.retain(|action| matches!(action, Action::Close { .. }));
        if !fake.todo.is_empty() {
            break;
        }
        fake.move_clock(fake.wake_at.unwrap());
    }
    assert_eq!(fake.now.mono.0 / SECOND, 135);
    fake.settle();
    assert_eq!((fake.state("a"), fake.observed.seats.len()), (None, 0));
}

#[test]
fn a_second_request_to_end_cuts_the_grace_short() {
    let mut fake = running(policy());
    fake.stubborn = true;
    fake.desired.agents.clear();
    fake.pass(seconds(1));
    fake.desired.shutdown = crate::model::Shutdown::Now;
    fake.settle();
    assert_eq!(fake.signals(), [(100, StopSignal::Interrupt), (101, StopSignal::KillTree)]);
    assert_eq!(fake.state("a"), None);
}

#[test]
fn a_changed_program_is_replaced_in_its_pane_and_a_changed_policy_touches_nobody() {
    let mut fake = running(policy());
    fake.declare(spec("a", 1, Policy { grace_period: seconds(5), restart: Restart::Always, ..policy() }));
    fake.settle();
    assert_eq!((fake.starts(), fake.signals().len()), (1, 0));
    fake.declare(spec("a", 2, policy()));
    fake.settle();
    assert_eq!((fake.state("a"), fake.starts(), fake.signals().len()), (Some(State::Running), 2, 1));
    let opened = fake.planned.iter().filter(|(_, action)| matches!(action, Action::Open { .. })).count();
    assert_eq!(opened, 1, "the session stays");
    assert_eq!(fake.memory.agents[&name("a")].restarts, 0);
}

#[test]
fn a_replacement_tells_of_the_run_before_it() {
    let mut fake = running(policy());
    fake.stubborn = true;
    fake.pass(seconds(5));
    fake.declare(spec("a", 2, policy()));
    fake.settle();
    fake.end(&name("a"), exited(0), false);
    fake.pass(Duration::from_millis(500));
    fake.empty(&name("a"));
    fake.settle();
    let (_, start) = fake.planned.iter().rfind(|(_, action)| matches!(action, Action::Start { .. })).unwrap();
    let Action::Start { line, .. } = start else { panic!() };
    let expected = "agentd: a exited with status 0 after 5 s; starts anew, as it is declared now (to detach: C-b d)";
    assert_eq!(line, expected, "what was left for half a second is not counted");
}

#[test]
fn the_newest_run_is_known_until_the_next_is_ordered() {
    let mut fake = running(policy());
    let before = fake.memory.agents[&name("a")].clone();
    fake.declare(spec("a", 2, policy()));
    fake.plan();
    fake.todo.clear();
    fake.observed.server = Server::Down;
    fake.observed.seats.clear();
    fake.plan();
    assert_eq!(fake.state("a"), Some(State::Pending));
    let memory = &fake.memory.agents[&name("a")];
    assert_eq!((memory.run, memory.started), (before.run, before.started));
    assert_eq!(memory.last_end.as_ref().map(|end| (&end.ending, end.at)), Some((&Ending::ShimLost, fake.now)));
}

#[test]
fn a_session_is_made_for_the_run_that_is_started_in_it() {
    let fake = running(policy());
    let runs: Vec<RunId> = fake
        .planned
        .iter()
        .filter_map(|(_, action)| match action {
            Action::Open { run, .. } | Action::Start { run, .. } => Some(*run),
            Action::Signal { .. }
            | Action::Note { .. }
            | Action::Look { .. }
            | Action::Read { .. }
            | Action::Nudge { .. }
            | Action::Close { .. } => None,
        })
        .collect();
    let run = fake.memory.agents[&name("a")].run;
    assert_eq!(runs, [run, run]);
}

#[test]
fn a_changed_session_is_another_session() {
    let mut fake = running(policy());
    let mut renamed = (*spec("a", 2, policy())).clone();
    renamed.session = SessionName::new("b").unwrap();
    fake.declare(Arc::new(renamed));
    fake.settle();
    assert_eq!(fake.observed.seats[&name("a")].session.as_str(), "b");
    assert_eq!(fake.state("a"), Some(State::Running));
}

#[test]
fn two_agents_can_swap_their_sessions() {
    let mut fake = Fake::new();
    fake.declare(spec("a", 1, policy()));
    fake.declare(spec("b", 1, policy()));
    fake.settle();
    for (agent, session) in [("a", "b"), ("b", "a")] {
        let mut swapped = (*spec(agent, 2, policy())).clone();
        swapped.session = SessionName::new(session).unwrap();
        fake.declare(Arc::new(swapped));
    }
    fake.settle();
    assert_eq!((fake.state("a"), fake.state("b")), (Some(State::Running), Some(State::Running)));
    assert_eq!(fake.observed.seats[&name("a")].session.as_str(), "b");
}

#[test]
fn a_session_that_cannot_be_made_is_a_failed_start() {
    let mut fake = Fake::new();
    fake.declare(spec("a", 1, Policy { restart: Restart::OnFailure, ..policy() }));
    fake.plan();
    let error = StartError { stage: StartStage::Session, message: "no more ptys".into() };
    let refuse = |fake: &mut Fake| {
        let run = fake.memory.agents[&name("a")].run;
        fake.todo.clear();
        fake.set(&name("a"), SeatState::Refused { run, error: error.clone() });
        fake.plan();
    };
    refuse(&mut fake);
    assert_eq!(fake.state("a"), Some(State::BackingOff));
    fake.move_clock(fake.wake_at.unwrap());
    fake.plan();
    assert_eq!(fake.state("a"), Some(State::Starting), "an old refusal doesn't count twice");
    refuse(&mut fake);
    assert_eq!(fake.memory.agents[&name("a")].streak, 1);
}

#[test]
fn a_silent_shim_is_given_up() {
    let mut fake = Fake::new();
    fake.declare(spec("a", 1, policy()));
    fake.plan();
    fake.todo.clear();
    fake.move_clock(fake.wake_at.unwrap());
    fake.settle();
    assert_eq!((fake.state("a"), fake.now.mono.0 / SECOND), (Some(State::Failed), 110));
    assert!(fake.observed.seats.is_empty());
}

#[test]
fn nothing_is_opened_while_the_server_is_down_and_everything_after() {
    let mut fake = Fake::new();
    fake.observed.server = Server::Down;
    fake.declare(spec("a", 1, policy()));
    fake.settle();
    assert_eq!(fake.state("a"), Some(State::Pending));
    fake.observed.server = Server::Up;
    fake.settle();
    assert_eq!(fake.state("a"), Some(State::Running));
}

#[test]
fn an_unknown_declaration_stops_nobody_and_starts_nobody() {
    let mut fake = running(policy());
    let plan = reconcile(None, &fake.observed, fake.memory.clone(), fake.now);
    assert!(plan.actions.is_empty(), "{:?}", plan.actions);
    fake.end(&name("a"), exited(1), true);
    let plan = reconcile(None, &fake.observed, plan.memory, fake.now);
    assert_eq!(plan.memory.agents[&name("a")].state(), State::Failed, "an end is an end all the same");
}

#[test]
fn a_program_that_nobody_remembers_is_replaced() {
    let mut fake = Fake::new();
    let session = SessionName::new("a").unwrap();
    let stranger = Child::Running { run: RunId(77), pid: 7, at: Mono(0) };
    let seat = crate::model::Seat::new(session.clone(), SeatState::Ready(stranger));
    fake.observed.seats.insert(name("a"), seat);
    fake.memory.agents.insert(name("a"), AgentMemory::unknown(session));
    fake.declare(spec("a", 1, policy()));
    fake.settle();
    assert_eq!((fake.state("a"), fake.signals().len(), fake.starts()), (Some(State::Running), 1, 1));
}

#[test]
fn not_more_sessions_than_the_limit_are_made_at_once() {
    let mut fake = Fake::new();
    for n in 0..200 {
        fake.declare(spec(&format!("a{n}"), 1, policy()));
    }
    fake.plan();
    assert_eq!(fake.todo.len(), MAX_OPENING);
    fake.settle();
    assert_eq!(fake.starts(), 200);
}

#[test]
fn the_line_says_what_comes_next() {
    let mut fake = running(Policy { restart: Restart::OnFailure, ..policy() });
    fake.pass(seconds(12));
    fake.end(&name("a"), exited(3), true);
    fake.settle();
    let line = fake.planned.iter().find_map(|(_, action)| match action {
        Action::Note { line, .. } => Some(line.as_str()).filter(|line| !line.is_empty()),
        Action::Open { .. }
        | Action::Start { .. }
        | Action::Signal { .. }
        | Action::Look { .. }
        | Action::Read { .. }
        | Action::Nudge { .. }
        | Action::Close { .. } => None,
    });
    assert_eq!(line, Some("agentd: a exited with status 3 after 12 s; restarts in 3 s (to detach: C-b d)"));
}

#[test]
fn what_is_declared_as_before_is_kept_once() {
    let policy = policy();
    let desired = |version| {
        let agents = [spec("a", 1, policy), spec("b", version, policy)].map(|spec| (spec.name.clone(), spec));
        Desired { agents: agents.into(), ..Desired::default() }
    };
    let (earlier, mut later) = (desired(1), desired(2));
    later.share(&earlier);
    assert_eq!(later, desired(2));
    assert!(Arc::ptr_eq(&later.agents[&name("a")], &earlier.agents[&name("a")]));
    assert!(!Arc::ptr_eq(&later.agents[&name("b")], &earlier.agents[&name("b")]));
}

/// An agent whose session was ordered.
fn opening() -> Fake {
    let mut fake = Fake::new();
    fake.declare(spec("a", 1, policy()));
    fake.plan();
    fake.todo.clear();
    fake
}

#[test]
fn what_is_told_of_an_earlier_run_is_nothing_of_this_one() {
    let run = RunId(1);
    let error = StartError { stage: StartStage::Session, message: "no".into() };
    let (at, ending) = (Mono(0), exited(1));
    let ended = SeatState::Ready(Child::Ended { run, ending, started: None, at, tree_empty: true });

    let mut fake = opening();
    fake.set(&name("a"), SeatState::Refused { run, error });
    fake.plan();
    assert_eq!(fake.state("a"), Some(State::Starting));

    let mut fake = opening();
    fake.set(&name("a"), SeatState::Ready(Child::None));
    fake.plan();
    fake.set(&name("a"), ended.clone());
    fake.plan();
    assert_eq!((fake.state("a"), fake.starts()), (Some(State::Starting), 1));

    let mut fake = running(policy());
    fake.desired.agents.clear();
    fake.plan();
    fake.set(&name("a"), ended);
    fake.plan();
    let phase = &fake.memory.agents[&name("a")].phase;
    assert!(matches!(phase, Phase::Stopping { .. }), "{phase:?}");
}

#[test]
fn a_session_that_went_with_the_server_is_no_failure_of_its_agent() {
    for (server, state) in [(Server::Down, State::Pending), (Server::Up, State::Failed)] {
        let mut fake = opening();
        fake.observed.seats.clear();
        fake.observed.server = server;
        fake.plan();
        assert_eq!(fake.state("a"), Some(state), "{server:?}");
    }
}

#[test]
fn a_shim_is_waited_for_as_long_as_it_is_said() {
    let mut fake = opening();
    fake.move_clock(Mono(110 * SECOND - 1));
    fake.plan();
    assert_eq!((fake.state("a"), fake.wake_at), (Some(State::Starting), Some(Mono(110 * SECOND))));
    fake.move_clock(Mono(110 * SECOND));
    fake.plan();
    assert_eq!(fake.state("a"), Some(State::Failed));
}

#[test]
fn a_policy_is_heeded_at_once_by_its_own_program_only() {
    let shorter = Policy { grace_period: seconds(5), ..policy() };
    for (version, killed) in [(1, 105), (2, 130)] {
        let mut fake = running(policy());
        fake.stubborn = true;
        fake.declare(spec("a", version, shorter));
        fake.plan();
        fake.desired.agents.clear();
        fake.pass(seconds(60));
        let kill = fake.signals().into_iter().find(|(_, signal)| *signal == StopSignal::KillTree);
        assert_eq!(kill, Some((killed, StopSignal::KillTree)), "version {version}");
    }
}

#[test]
fn another_timeout_while_the_old_one_stops_it_is_another_life() {
    let timed = |limit| Policy { timeout: Some(seconds(limit)), ..policy() };
    for other in [5, 20, 1_000] {
        let mut fake = running(timed(10));
        fake.stubborn = true;
        fake.pass(seconds(10));
        assert_eq!(fake.state("a"), Some(State::Stopping));
        fake.declare(spec("a", 1, timed(other)));
        fake.end(&name("a"), exited(0), true);
        fake.settle();
        assert_eq!((fake.state("a"), fake.starts()), (Some(State::Running), 2), "{other}");
    }
}

#[test]
fn what_ended_after_its_deadline_has_timed_out_whatever_its_policy() {
    for restart in [Restart::No, Restart::OnFailure, Restart::Always] {
        for code in [0, 1] {
            let mut fake = running(Policy { restart, timeout: Some(seconds(10)), ..policy() });
            // As for a daemon that comes when all is over.
            fake.move_clock(Mono(110 * SECOND));
            fake.end(&name("a"), exited(code), true);
            fake.settle();
            assert_eq!(fake.state("a"), Some(State::TimedOut), "{restart:?} after {code}");
        }
    }
}

#[test]
fn what_timed_out_and_was_changed_meanwhile_is_a_new_life() {
    let mut fake = running(Policy { timeout: Some(seconds(10)), ..policy() });
    fake.stubborn = true;
    fake.pass(seconds(10));
    fake.declare(spec("a", 2, policy()));
    fake.end(&name("a"), exited(0), true);
    fake.plan();
    assert!(!words(&fake).contains(&"timed_out"), "{:?}", words(&fake));
    fake.settle();
    assert_eq!(fake.state("a"), Some(State::Running));
}
