//! One agent's turn in a plan: what it sees, what it may order, and whom it tells.

use std::sync::Arc;
use std::time::Duration;

use super::memory::{AgentMemory, Phase, Pulse, Rung, StopReason};
use super::{Action, StopSignal, Transition, World, line, restart};
use crate::model::{AgentName, AgentSpec, Child, End, Ending, Mono, Now, Seat, SeatState, Shutdown, State, Told};

/// A session whose shim hasn't answered for this long is given up.
pub(super) const OPEN_WITHIN: Duration = Duration::from_secs(10);

/// What is left of a run is killed again if it is still there after this.
const KILL_AGAIN: Duration = Duration::from_secs(1);

/// Whether a phase is done for this plan.
pub(super) enum Next {
    /// The agent changed: look at it again.
    Again,
    /// Nothing more to do until something happens.
    Rest,
    /// Nothing is left of it.
    Forget,
}

/// One agent's turn in a plan.
pub(super) struct Turn<'w, 'a> {
    pub world: &'w mut World<'a>,
    pub name: &'w AgentName,
    pub spec: Option<&'a Arc<AgentSpec>>,
    pub seat: Option<&'a Seat>,
    /// The public state that was last told.
    pub told: Option<State>,
    /// How the newest run ended, if this plan is the first to see it.
    pub news: Option<End>,
    /// The same, until a transition has told it.
    pub untold: Option<End>,
    /// The shim's memo is out of date.
    pub stale_memo: bool,
}

impl<'a> Turn<'_, 'a> {
    /// Orders a session, if there is room for one more at once.
    pub(super) fn open(&mut self, memory: &mut AgentMemory, spec: &'a Arc<AgentSpec>) -> Next {
        if !self.world.occupy(&spec.session) {
            return Next::Rest;
        }
        memory.run = self.world.new_run();
        let (agent, session) = (self.name.clone(), spec.session.clone());
        self.world.actions.push(Action::Open { agent, session, run: memory.run });
        self.world.wake(self.world.now.mono.after(OPEN_WITHIN));
        self.enter(memory, Phase::Opening, "declared");
        Next::Rest
    }

    /// Orders the program in a session that is there.
    pub(super) fn start(&mut self, memory: &mut AgentMemory, spec: &'a Arc<AgentSpec>, child: &Child) -> Next {
        match child {
            Child::Starting(run) | Child::Running { run, .. } => {
                // A program that we don't remember, so we can't know what it is.
                memory.run = *run;
                return self.begin_stop(memory, StopReason::Replaced, "an unknown program is in its session");
            }
            Child::Ended { tree_empty: false, at, run, .. } => {
                memory.run = *run;
                self.kill_leftovers(memory, *at);
                return Next::Rest;
            }
            // Its shim leaves as well, and would take a program that it was handed now with it.
            Child::Ended { ending: Ending::TerminalLost(_), .. } => {
                self.close();
                return Next::Rest;
            }
            Child::None | Child::Ended { .. } => {}
        }
        if self.seat.is_some_and(|seat| seat.session != spec.session) {
            self.close();
            return Next::Rest;
        }
        let now = self.world.now;
        let line = self.news.take().map(|end| line::after_run(self.name, memory, &end, now)).unwrap_or_default();
        if memory.phase != Phase::Opening {
            memory.run = self.world.new_run();
        }
        let begin = memory.conversation.next(self.name, spec, memory.run, now);
        let why = begin.reason(&memory.conversation);
        memory.conversation = memory.conversation.during(&begin, spec);
        (memory.started, memory.last_end) = (None, None);
        memory.spent = memory.spent.plus(memory.told.spent);
        memory.told = Arc::new(Told::of(memory.run));
        (memory.seen, memory.pulse) = (None, Pulse::default());
        self.stale_memo = false;
        let (agent, run, spec) = (self.name.clone(), memory.run, spec.clone());
        self.world.actions.push(Action::Start { agent, run, spec, begin, line });
        self.enter(memory, Phase::Starting, why);
        Next::Rest
    }

    /// Begins to stop what runs, or is about to.
    pub(super) fn begin_stop(&mut self, memory: &mut AgentMemory, reason: StopReason, why: &str) -> Next {
        let pid = match memory.phase {
            Phase::Running { pid } => Some(pid),
            Phase::Pending
            | Phase::Opening
            | Phase::Starting
            | Phase::Stopping { .. }
            | Phase::BackingOff { .. }
            | Phase::Exited
            | Phase::Failed { .. }
            | Phase::TimedOut { .. }
            | Phase::Closing => None,
        };
        let stopping = Phase::Stopping { reason, since: self.world.now.mono, rung: Rung::Ground, pid };
        self.enter(memory, stopping, why)
    }

    /// Begins again as what is declared now. The run's number stays, to tell late news of it from news of the next.
    pub(super) fn new_life(memory: &mut AgentMemory, spec: &AgentSpec) -> Next {
        let (started, last_end, told) = (memory.started, memory.last_end.take(), memory.told.clone());
        // What was spent is spent, whatever is declared now.
        let spent = memory.spent;
        *memory = AgentMemory { run: memory.run, started, last_end, told, spent, ..AgentMemory::new(spec) };
        Next::Again
    }

    pub(super) fn time_out(&mut self, memory: &mut AgentMemory, limit: Duration) -> Next {
        self.stale_memo = true;
        self.enter(memory, Phase::TimedOut { limit }, "its timeout has passed")
    }

    /// Closes a session whose shim has been silent since then for too long.
    pub(super) fn give_up_after(&mut self, since: Mono) -> Next {
        let until = since.after(OPEN_WITHIN);
        if self.world.now.mono < until {
            self.world.wake(until);
        } else {
            self.close();
        }
        Next::Rest
    }

    /// The shim kills what a program leaves by itself; when that takes long, it is done again with all means.
    pub(super) fn kill_leftovers(&mut self, memory: &AgentMemory, ended: Mono) {
        let now = self.world.now.mono;
        let again = ended.after(KILL_AGAIN);
        if now >= again {
            self.signal(memory, StopSignal::KillTree);
        }
        self.world.wake(again.max(now.after(KILL_AGAIN)));
    }

    pub(super) fn signal(&mut self, memory: &AgentMemory, signal: StopSignal) {
        self.world.actions.push(Action::Signal { agent: self.name.clone(), run: memory.run, signal });
    }

    pub(super) fn close(&mut self) {
        self.world.actions.push(Action::Close { agent: self.name.clone() });
    }

    /// Hands the memory to the shim, with news for the person at the terminal, unless a start did.
    pub(super) fn note(&mut self, memory: &AgentMemory) {
        let lasting = matches!(
            memory.phase,
            Phase::Running { .. }
                // Why it is stopped is known to nobody else.
                | Phase::Stopping { reason: StopReason::Unstarted | StopReason::Stalled, .. }
                | Phase::BackingOff { .. }
                | Phase::Exited
                | Phase::Failed { .. }
                | Phase::TimedOut { .. }
        );
        let child = match self.seat.map(|seat| &seat.state) {
            Some(SeatState::Ready(child)) => child.run(),
            Some(
                SeatState::Opening { .. } | SeatState::Refused { .. } | SeatState::Sweeping | SeatState::Closing { .. },
            )
            | None => None,
        };
        if !(self.stale_memo && lasting && child == Some(memory.run)) {
            return;
        }
        let now = self.world.now;
        let end = memory.last_end.as_ref();
        let line = end.map(|end| line::after_run(self.name, memory, end, now)).unwrap_or_default();
        self.world.actions.push(Action::Note { agent: self.name.clone(), run: memory.run, line });
    }

    pub(super) fn enter(&mut self, memory: &mut AgentMemory, phase: Phase, why: &str) -> Next {
        memory.phase = phase;
        // Pending is passed through within one plan more often than it is stayed in.
        if memory.phase != Phase::Pending {
            self.tell(memory, Some(memory.state()), why);
        }
        Next::Again
    }

    pub(super) fn tell(&mut self, memory: &AgentMemory, to: Option<State>, why: &str) {
        if to != self.told {
            let (agent, from, reason) = (self.name.clone(), self.told, why.to_owned());
            let end = self.untold.take().or_else(|| memory.last_end.clone().filter(|_| to.is_none()));
            self.world.transitions.push(Transition { agent, from, to, reason, end, restarts: memory.restarts });
            self.told = to;
        }
    }

    pub(super) fn why_gone(&self) -> &'static str {
        match self.world.shutdown {
            Shutdown::No => "no longer declared",
            Shutdown::Graceful | Shutdown::Now => "agentd ends",
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        self.spec.is_none() && self.world.declarations_known
    }

    pub(super) fn is_changed(&self, memory: &AgentMemory) -> bool {
        self.spec.is_some_and(|spec| spec.fingerprint != memory.declared.fingerprint)
    }

    pub(super) fn overdue(&self, memory: &AgentMemory) -> Option<Duration> {
        restart::overdue(memory, &memory.declared.policy, self.world.now.mono)
    }

    pub(super) fn wake_at_deadline(&mut self, memory: &AgentMemory) {
        if let Some(deadline) = restart::deadline(memory, &memory.declared.policy) {
            self.world.wake(deadline);
        }
    }

    pub(super) fn stamp(&self, at: Mono) -> Now {
        Now { mono: at, wall: self.world.now.wall_at(at) }
    }
}
