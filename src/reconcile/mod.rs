//! What should run, what does run, and what was planned before, become the next actions.
//!
//! Pure: no I/O, no tokio, no clock. `now` is an argument and a timer is data (`Plan::wake_at`), so every policy of
//! agentd is tested here with literal times. It never acts: `execute/` carries the plan out and decides nothing.

mod ending;
#[cfg(test)]
mod fake;
mod lifecycle;
mod line;
mod memory;
mod outcome;
#[cfg(test)]
mod properties;
mod restart;
mod resume;
#[cfg(test)]
mod resume_tests;
mod seen;
mod stop;
#[cfg(test)]
mod tests;
mod turn;
mod vigil;

use std::cell::OnceCell;
use std::collections::{BTreeSet, btree_map};
use std::iter::Peekable;
use std::sync::Arc;

use crate::model::{
    AgentName, AgentSpec, Desired, End, Mono, Now, Observed, RunId, Seat, SeatState, Server, SessionName, Shutdown,
    State, Wall,
};

use lifecycle::Fate;
pub use memory::{AgentMemory, Declared, Memory, Phase, Pulse, Rung, Stalled, StopReason};
pub use resume::{Begin, Conversation};

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
    pub ends: Vec<(AgentName, End)>,
    /// What is new of agents that give no sign of life.
    pub stalls: Vec<StallNews>,
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
    /// How a run ended, if this is what came of it; of an agent that is gone, how its last one did.
    pub end: Option<End>,
    /// Restarts by policy so far.
    pub restarts: u32,
}

/// News of an agent that gives no sign of life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StallNews {
    /// Who.
    pub agent: AgentName,
    /// Since when; none if it does again.
    pub since: Option<Wall>,
    /// What is done about it, in a few words.
    pub reason: String,
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
        /// With which conversation.
        begin: Begin,
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
    /// Look when something was last written to its terminal.
    Look {
        /// Whose.
        agent: AgentName,
    },
    /// Read what its terminal shows.
    Read {
        /// Whose.
        agent: AgentName,
        /// Which run.
        run: RunId,
        /// Whose dialogs are known.
        harness: Arc<str>,
        /// What it runs as, if that is known: its values are shown to nobody.
        spec: Option<Arc<AgentSpec>>,
    },
    /// Type a line into its terminal, if that can be done safely.
    Nudge {
        /// Whose.
        agent: AgentName,
        /// Whose prompt is known.
        harness: Arc<str>,
        /// What.
        text: Arc<str>,
        /// When that was decided, which tells it from others.
        at: Mono,
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
            | Self::Look { agent }
            | Self::Read { agent, .. }
            | Self::Nudge { agent, .. }
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
pub fn reconcile(desired: Option<&Desired>, observed: &Observed, mut memory: Memory, now: Now) -> Plan {
    let mut world = World::new(desired, observed, now, memory.last_run);
    let mut declared = desired.map(|desired| desired.agents.iter()).into_iter().flatten().peekable();
    let mut seats = observed.seats.iter().peekable();
    let (mut changed, mut new, mut gone) = (Vec::new(), Vec::new(), Vec::new());

    // All maps are sorted, so one walk over them meets everything of an agent at once; and what is remembered of most
    // agents stays as it is, and where it is.
    for (name, memory) in &mut memory.agents {
        while let Some((other, spec)) = declared.next_if(|(other, _)| *other < name) {
            let begun = lifecycle::begin(&mut world, other, spec, at(&mut seats, other));
            new.extend(begun.map(|memory| (other.clone(), memory)));
        }
        let spec = declared.next_if(|(declared, _)| *declared == name).map(|(_, spec)| spec);
        let seat = at(&mut seats, name);
        let (before, told) = (memory.clone(), Some(memory.state()));
        match lifecycle::advance(&mut world, name, spec, seat, told, memory) {
            Fate::Stays if *memory == before => continue,
            Fate::Stays => {}
            Fate::Forgotten => gone.push(name.clone()),
        }
        changed.push(name.clone());
    }
    for (other, spec) in declared {
        let begun = lifecycle::begin(&mut world, other, spec, at(&mut seats, other));
        new.extend(begun.map(|memory| (other.clone(), memory)));
    }
    changed.extend(new.iter().map(|(name, _)| name.clone()));
    memory.agents.extend(new);
    for name in gone {
        memory.agents.remove(&name);
    }
    let World { actions, transitions, ends, stalls, wake_at, last_run, .. } = world;
    Plan { actions, memory: Memory { last_run, ..memory }, changed, transitions, ends, stalls, wake_at }
}

/// The seat of this agent, in a walk over all of them that asks for one agent after the other, by name.
fn at<'a>(seats: &mut Peekable<btree_map::Iter<'a, AgentName, Seat>>, name: &AgentName) -> Option<&'a Seat> {
    while seats.next_if(|(other, _)| *other < name).is_some() {}
    seats.next_if(|(other, _)| *other == name).map(|(_, seat)| seat)
}

/// What the agents' plans share.
struct World<'a> {
    observed: &'a Observed,
    now: Now,
    /// Whether `spec: None` means "not declared" or "not known".
    declarations_known: bool,
    shutdown: Shutdown,
    last_run: RunId,
    opening: OnceCell<usize>,
    occupied: OnceCell<BTreeSet<&'a SessionName>>,
    actions: Vec<Action>,
    transitions: Vec<Transition>,
    ends: Vec<(AgentName, End)>,
    stalls: Vec<StallNews>,
    wake_at: Option<Mono>,
}

impl<'a> World<'a> {
    fn new(desired: Option<&Desired>, observed: &'a Observed, now: Now, last_run: RunId) -> Self {
        Self {
            observed,
            now,
            declarations_known: desired.is_some(),
            shutdown: desired.map(|desired| desired.shutdown).unwrap_or_default(),
            last_run,
            opening: OnceCell::new(),
            occupied: OnceCell::new(),
            actions: Vec::new(),
            transitions: Vec::new(),
            ends: Vec::new(),
            stalls: Vec::new(),
            wake_at: None,
        }
    }

    /// A run that no other run of any daemon on this host has been called: the time, made to grow.
    fn new_run(&mut self) -> RunId {
        self.last_run = RunId(self.now.wall.0.max(self.last_run.0 + 1));
        self.last_run
    }

    /// Takes a session's place, if it is free and there is room for one more at once. Only who wants one pays for the count.
    fn occupy(&mut self, session: &'a SessionName) -> bool {
        let (observed, opening) = (self.observed, |seat: &&Seat| matches!(seat.state, SeatState::Opening { .. }));
        let occupies = |seat: &&Seat| !matches!(seat.state, SeatState::Refused { .. });
        let opening = *self.opening.get_or_init(|| observed.seats.values().filter(opening).count());
        if observed.server != Server::Up || opening >= MAX_OPENING {
            return false;
        }
        self.occupied.get_or_init(|| observed.seats.values().filter(occupies).map(|seat| &seat.session).collect());
        let is_free = self.occupied.get_mut().is_some_and(|occupied| occupied.insert(session));
        if is_free {
            self.opening = opening.saturating_add(1).into();
        }
        is_free
    }

    /// Look again at `at`, or before.
    fn wake(&mut self, at: Mono) {
        self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
    }
}
