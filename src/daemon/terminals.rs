//! Looks now and then when something was last written to the terminals of agents of which nothing else tells whether they
//! do anything. Only what is new is told.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;

use crate::event::Event;
use crate::model::{AgentName, Output};
use crate::status::{AgentStatus, Snapshot};
use crate::sys::clock;
use crate::sys::last_output::{Stamp, Terminal};

/// Terminals that are looked at before others have their turn: a hundred microseconds.
const AT_ONCE: usize = 64;

/// A terminal that has been found.
struct Known {
    shim: u32,
    terminal: Terminal,
    told: Option<Stamp>,
}

/// Looks every so often, until nobody listens to the events.
pub async fn follow(snapshots: watch::Receiver<Arc<Snapshot>>, every: Duration, events: mpsc::Sender<Event>) {
    let mut known = HashMap::new();
    let mut every = tokio::time::interval(every);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let snapshot = Arc::clone(&snapshots.borrow());
        let seen = look(&snapshot, &mut known).await;
        if !seen.is_empty() && events.send(Event::Outputs(seen)).await.is_err() {
            return;
        }
    }
}

/// What is new of those that are worth a look.
async fn look(snapshot: &Snapshot, known: &mut HashMap<AgentName, Known>) -> Vec<(AgentName, u32, Output)> {
    let worth = snapshot.agents.iter().filter(|agent| agent.is_watched);
    let worth: Vec<(&AgentStatus, u32)> =
        worth.filter_map(|agent| Some((agent.as_ref(), agent.terminal.as_ref()?.shim))).collect();
    let mut before = std::mem::take(known);
    let mut seen = Vec::new();
    for (index, (agent, shim)) in worth.into_iter().enumerate() {
        if index > 0 && index % AT_ONCE == 0 {
            tokio::task::yield_now().await;
        }
        let one = before.remove(&agent.name).filter(|one| one.shim == shim);
        let found = || Terminal::of(shim).ok().map(|terminal| Known { shim, terminal, told: None });
        let Some(mut one) = one.or_else(found) else { continue };
        // An error says that it is gone, as its agent will be.
        let Ok(stamp) = one.terminal.stamp() else { continue };
        if one.told.replace(stamp) != Some(stamp) {
            seen.push((agent.name.clone(), shim, stamp.output(clock::now())));
        }
        known.insert(agent.name.clone(), one);
    }
    seen
}
