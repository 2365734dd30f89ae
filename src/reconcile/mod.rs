//! What should run, what does run, and what was planned before, become the next actions.
//!
//! Pure: no I/O, no tokio, no clock. `now` is an argument and a timer is data (`Plan::wake_at`), so every policy of
//! agentd is tested here with literal times. It never acts: `execute/` carries the plan out and decides nothing.

#[cfg(test)]
mod fake;
mod lifecycle;
mod line;
mod memory;
#[cfg(test)]
mod properties;
mod restart;
mod stop;
#[cfg(test)]
mod tests;
mod turn;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{
    AgentName, AgentSpec, Desired, Ending, Mono, Now, Observed, RunId, SeatState, SessionName, Shutdown, State,
};

pub use memory::{AgentMemory, Declared, Memory, Phase, Rung, StopReason};

/// Sessions that are being made at once. More make none of them faster, and the others wait in no queue of tmux.
pub const MAX_OPENING: usize = 64;

/// What to do, what to remember, and when to look again.
#[derive(Debug)]
pub struct Plan {
    /// In order; at most one launch and any number of signals for one agent.
    pub actions: Vec<Action>,
    /// Takes the place of the memory that was passed in.
    pub memory: Memory,
    /// The agents of whom anything changed, gone ones included.
    pub changed: Vec<AgentName>,
    /// The public states that changed, for the log and for those who follow.
    pub transitions: Vec<Transition>,
    /// The runs whose end was seen, each once.
    pub ends: Vec<(AgentName, Ending)>,
    /// When to plan again if nothing happens before.
    pub wake_at: Option<Mono>,
}

/// One change of an agent's public state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Who.
    pub agent: AgentName,
    /// From; none for an agent that is new.
    pub from: Option<State>,
    /// To; none for an agent that is gone.
    pub to: Option<State>,
    /// Why, in a few words.
    pub reason: String,
    /// How a run ended, and when, if this is what came of it; of an agent that is gone, how its last one did.
    pub end: Option<(Ending, Now)>,
    /// Restarts by policy so far.
    pub restarts: u32,
}

/// One thing to do for one agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Make the tmux session with its shim.
    Open {
        /// For whom.
        agent: AgentName,
        /// The session's name.
        session: SessionName,
        /// The run that it is made for.
        run: RunId,
    },
    /// Have the shim execute the program.
    Start {
        /// Who.
        agent: AgentName,
        /// The new run.
        run: RunId,
        /// What is executed.
        spec: Arc<AgentSpec>,
        /// For the person at the terminal; may be empty.
        line: String,
    },
    /// Ask the program to end.
    Signal {
        /// Who.
        agent: AgentName,
        /// Which run.
        run: RunId,
        /// How.
        signal: StopSignal,
    },
    /// Keep the memory of this agent in its shim; the end of the run has been handled.
    Note {
        /// Who.
        agent: AgentName,
        /// Which run.
        run: RunId,
        /// For the person at the terminal; may be empty.
        line: String,
    },
    /// Close the session. Its program has ended.
    Close {
        /// Who.
        agent: AgentName,
    },
}

impl Action {
    /// The agent that the action is for.
    pub fn agent(&self) -> &AgentName {
        match self {
            Self::Open { agent, .. }
            | Self::Start { agent, .. }
            | Self::Signal { agent, .. }
            | Self::Note { agent, .. }
            | Self::Close { agent } => agent,
        }
    }
}

/// One step of a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGINT to the process group.
    Interrupt,
    /// C-c typed into the pane, this many times.
    TypeCtrlC(u8),
    /// SIGTERM to the process group.
    Terminate,
    /// SIGKILL to everything that the run started.
    KillTree,
}

/// Plans the next actions. `desired` is none while no valid configuration has been read yet: then everything that
/// runs goes on, and nothing is started.
///
/// Linear in the number of agents. Planning again after the actions were carried out plans nothing.
pub fn reconcile(desired: Option<&Desired>, observed: &Observed, memory: Memory, now: Now) -> Plan {
    let mut world = World::new(desired, observed, now, memory.last_run);
    let mut remembered = memory.agents;
    let mut next = BTreeMap::new();
    let mut changed = Vec::new();
    let mut declared = desired.map(|desired| desired.agents.iter()).into_iter().flatten().peekable();

    // Both maps are sorted, so one walk over the two finds who is declared, who is remembered, and who is both.
    let names: Vec<AgentName> = remembered.keys().cloned().collect();
    let mut names = names.into_iter().peekable();
    loop {
        let name = match (declared.peek(), names.peek()) {
            (Some((declared, _)), Some(remembered)) => (*declared).min(remembered).clone(),
            (Some((declared, _)), None) => (*declared).clone(),
            (None, Some(remembered)) => remembered.clone(),
            (None, None) => break,
        };
        let spec = declared.next_if(|(declared, _)| **declared == name).map(|(_, spec)| spec);
        names.next_if(|remembered| *remembered == name);
        let before = remembered.remove(&name);
        let after = lifecycle::advance(&mut world, &name, spec, before.clone());
        if before != after {
            changed.push(name.clone());
        }
        if let Some(after) = after {
            next.insert(name, after);
        }
    }
    let World { actions, transitions, ends, wake_at, last_run, .. } = world;
    Plan { actions, memory: Memory { agents: next, last_run }, changed, transitions, ends, wake_at }
}

/// What the agents' plans share.
struct World<'a> {
    observed: &'a Observed,
    now: Now,
    /// Whether `spec: None` means "not declared" or "not known".
    declarations_known: bool,
    shutdown: Shutdown,
    last_run: RunId,
    opening: usize,
    occupied: BTreeSet<&'a SessionName>,
    actions: Vec<Action>,
    transitions: Vec<Transition>,
    ends: Vec<(AgentName, Ending)>,
    wake_at: Option<Mono>,
}

impl<'a> World<'a> {
    fn new(desired: Option<&Desired>, observed: &'a Observed, now: Now, last_run: RunId) -> Self {
        let opening = observed.seats.values().filter(|seat| matches!(seat.state, SeatState::Opening { .. })).count();
        let occupies = |state: &SeatState| !matches!(state, SeatState::Refused { .. });
        Self {
            observed,
            now,
            declarations_known: desired.is_some(),
            shutdown: desired.map(|desired| desired.shutdown).unwrap_or_default(),
            last_run,
            opening,
            occupied: observed.seats.values().filter(|s| occupies(&s.state)).map(|seat| &seat.session).collect(),
            actions: Vec::new(),
            transitions: Vec::new(),
            ends: Vec::new(),
            wake_at: None,
        }
    }

    /// A run that no other run of any daemon on this host has been called: the time, made to grow.
    fn new_run(&mut self) -> RunId {
        self.last_run = RunId(self.now.wall.0.max(self.last_run.0 + 1));
        self.last_run
    }

    /// Look again at `at`, or before.
    fn wake(&mut self, at: Mono) {
        self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
    }
}
