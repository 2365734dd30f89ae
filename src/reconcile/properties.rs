//! Whatever happens in whatever order: what must hold always, and what must hold in the end.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use proptest::prelude::*;

use super::fake::{Fake, exited, name, policy, spec};
use super::*;
use crate::model::{Child, Ending, Exit, Policy, Restart, Server};

const AGENTS: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
enum Step {
    Declare(usize, u8, Restart, u32),
    Undeclare(usize),
    Act(usize),
    Exit(usize, u8, bool),
    TreeEmpty(usize),
    RefuseOpen,
    ShimDies(usize),
    Swept(usize),
    ServerDies,
    ServerBack,
    Pass(u64),
    Stubborn(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let agent = 0..AGENTS.len();
    let restart = prop_oneof![Just(Restart::No), Just(Restart::OnFailure), Just(Restart::Always)];
    prop_oneof![
        4 => (agent.clone(), 1..4_u8, restart, 0..3_u32).prop_map(|(a, v, r, m)| Step::Declare(a, v, r, m)),
        1 => agent.clone().prop_map(Step::Undeclare),
        8 => (1..6_usize).prop_map(Step::Act),
        3 => (agent.clone(), 0..3_u8, any::<bool>()).prop_map(|(a, c, e)| Step::Exit(a, c, e)),
        2 => agent.clone().prop_map(Step::TreeEmpty),
        1 => Just(Step::RefuseOpen),
        1 => agent.clone().prop_map(Step::ShimDies),
        2 => agent.prop_map(Step::Swept),
        1 => Just(Step::ServerDies),
        1 => Just(Step::ServerBack),
        3 => (0..20_000_u64).prop_map(Step::Pass),
        1 => any::<bool>().prop_map(Step::Stubborn),
    ]
}

fn take(fake: &mut Fake, step: &Step) {
    match *step {
        Step::Declare(agent, version, restart, most) => {
            let policy = Policy {
                limits: crate::model::Limits::default(),
                restart,
                max_restarts: NonZeroU32::new(most),
                grace_period: Duration::from_secs(6),
                timeout: (version == 3).then_some(Duration::from_secs(25)),
                ..policy()
            };
            fake.declare(spec(AGENTS[agent], version, policy));
        }
        Step::Undeclare(agent) => drop(fake.desired.agents.remove(&name(AGENTS[agent]))),
        Step::Act(times) => {
            for _ in 0..times {
                fake.act();
            }
        }
        Step::Exit(agent, code, empty) => {
            if matches!(fake.child(&name(AGENTS[agent])), Some(Child::Running { .. })) {
                fake.end(&name(AGENTS[agent]), exited(code), empty);
            }
        }
        Step::TreeEmpty(agent) => fake.empty(&name(AGENTS[agent])),
        Step::RefuseOpen => {
            let open = fake.todo.iter().position(|action| matches!(action, Action::Open { .. }));
            if let Some(Action::Open { agent, run, .. }) = open.map(|at| fake.todo.remove(at)) {
                let error = crate::model::StartError { stage: crate::model::StartStage::Session, message: "no".into() };
                // What was ordered for the seat that never was comes to nothing.
                fake.todo.retain(|action| *action.agent() != agent);
                fake.set(&agent, SeatState::Refused { run, error });
            }
        }
        Step::ShimDies(agent) => {
            let agent = name(AGENTS[agent]);
            if fake.child(&agent).is_some() {
                fake.todo.retain(|action| *action.agent() != agent);
                fake.set(&agent, SeatState::Sweeping);
            }
        }
        Step::Swept(agent) => {
            let agent = name(AGENTS[agent]);
            if fake.observed.seats.get(&agent).is_some_and(|seat| seat.state == SeatState::Sweeping) {
                fake.observed.seats.remove(&agent);
            }
        }
        Step::ServerDies => {
            fake.observed.server = Server::Down;
            fake.todo.clear();
            for seat in fake.observed.seats.values_mut() {
                if let SeatState::Ready(Child::Running { run, at: started, .. }) = seat.state {
                    let ending = Ending::TerminalLost(Exit::Signal(9));
                    seat.state = SeatState::Ready(Child::Ended {
                        run,
                        ending,
                        started: Some(started),
                        at: fake.now.mono,
                        tree_empty: true,
                    });
                }
            }
            fake.plan();
            fake.todo.clear();
            fake.observed.seats.clear();
        }
        Step::ServerBack => fake.observed.server = Server::Up,
        Step::Pass(millis) => {
            let to = fake.now.mono.after(Duration::from_millis(millis));
            fake.move_clock(to);
        }
        Step::Stubborn(stubborn) => fake.stubborn = stubborn,
    }
}

/// No kill before the grace period of the stop has passed, unless the program itself had ended.
fn check_kills(fake: &Fake, asked: &mut BTreeMap<RunId, Mono>, from: usize) {
    for (at, action) in &fake.planned[from..] {
        let Action::Signal { agent, run, signal } = action else { continue };
        let first = *asked.entry(*run).or_insert(*at);
        let ended = matches!(fake.child(agent), Some(Child::Ended { .. }));
        if *signal == StopSignal::KillTree && !ended {
            assert!(at.since(first) >= Duration::from_secs(6), "killed {:?} after it was asked", at.since(first));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_converges_and_keeps_its_promises_on_the_way(steps in prop::collection::vec(step(), 1..60)) {
        let mut fake = Fake::new();
        let mut asked = BTreeMap::new();
        for step in steps {
            take(&mut fake, &step);
            let from = fake.planned.len();
            let before: BTreeMap<_, _> =
                fake.memory.agents.iter().map(|(name, memory)| (name.clone(), memory.restarts)).collect();
            // Fake::note asserts that no program is started beside another.
            fake.plan();
            check_kills(&fake, &mut asked, from);
            for (name, memory) in &fake.memory.agents {
                let most = memory.declared.policy.max_restarts.map_or(u32::MAX, NonZeroU32::get);
                let restarted = before.get(name).is_some_and(|before| *before < memory.restarts);
                prop_assert!(!restarted || memory.restarts <= most, "restart {} of {}", memory.restarts, most);
            }
        }

        fake.observed.server = Server::Up;
        fake.observed.seats.retain(|_, seat| seat.state != SeatState::Sweeping);
        fake.stubborn = false;
        for agent in AGENTS {
            fake.empty(&name(agent));
        }
        fake.pass(Duration::from_secs(200));
        let planned = fake.planned.len();
        fake.plan();
        prop_assert_eq!(fake.planned.len(), planned, "planning again plans nothing");
        prop_assert!(fake.memory.agents.keys().eq(fake.desired.agents.keys()), "who is declared, and nobody else");
        prop_assert!(fake.observed.seats.keys().all(|name| fake.desired.agents.contains_key(name)));
        for (name, memory) in &fake.memory.agents {
            let state = memory.state();
            let rests = matches!(state, State::Running | State::Exited | State::Failed | State::TimedOut);
            prop_assert!(rests, "{} is {:?}", name, memory);
            let alive = matches!(fake.child(name), Some(Child::Running { run, .. }) if *run == memory.run);
            prop_assert_eq!(alive, state == State::Running, "{} is {:?} at {:?}", name, memory, fake.child(name));
        }
    }
}
