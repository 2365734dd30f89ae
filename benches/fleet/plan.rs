//! The plan by itself, for a world in which one agent has just been changed.

use std::fmt::Write as _;
use std::sync::Arc;

use agentd::desired::{Sources, load};
use agentd::model::{Child, Desired, Mono, Now, Observed, Seat, SeatState, Server, Wall};
use agentd::reconcile::{Action, Memory, reconcile};

use crate::ground::now;

const ROUNDS: u64 = 100;

fn declared(count: usize, changed: bool) -> Desired {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("jcard.toml");
    let mut text = String::new();
    for group in 0..count / 1000 {
        let _ = write!(
            text,
            "[[agents]]\nname = \"a{group}\"\nharness = \"custom\"\ncommand = ['true']\nworkdir = \"/\"\nrestart = \"always\"\nreplicas = 999\n"
        );
        let command = if changed && group == 0 { "false" } else { "true" };
        let _ = write!(
            text,
            "[[agents]]\nname = \"b{group}\"\nharness = \"custom\"\ncommand = ['{command}']\nworkdir = \"/\"\nrestart = \"always\"\n"
        );
    }
    std::fs::write(&config, text).unwrap();
    load(&Sources::new(config, "/".into())).result.unwrap()
}

/// Nanoseconds, of each round.
pub fn of_one_change(count: usize) -> Vec<u64> {
    let (desired, changed) = (declared(count, false), declared(count, true));
    let at = |round: u64| Now { mono: Mono(1_000_000_000 + round), wall: Wall(1) };
    let mut observed = Observed { server: Server::Up, ..Observed::default() };
    let mut memory = Memory::default();
    let mut running = false;
    while !running {
        let plan = reconcile(Some(&desired), &observed, memory, at(0));
        memory = plan.memory;
        running = plan.actions.is_empty();
        for action in plan.actions {
            match action {
                Action::Open { agent, session, .. } => {
                    observed.seats.insert(agent, Seat::new(session, SeatState::Ready(Child::None)));
                }
                Action::Start { agent, run, .. } => {
                    let child = Child::Running { run, pid: 1, at: at(0).mono };
                    observed.seats.get_mut(&agent).unwrap().state = SeatState::Ready(child);
                    running = false;
                }
                Action::Signal { .. }
                | Action::Note { .. }
                | Action::Look { .. }
                | Action::Read { .. }
                | Action::Nudge { .. }
                | Action::Close { .. } => {}
            }
        }
    }
    let changed = Arc::new(changed);
    let mut taken = Vec::new();
    for round in 0..ROUNDS {
        let before = memory.clone();
        let begin = now();
        let plan = reconcile(Some(&changed), &observed, before, at(round));
        taken.push(now() - begin);
        assert_eq!(plan.changed.len(), 1, "one agent is changed, and no other touched");
    }
    taken
}
