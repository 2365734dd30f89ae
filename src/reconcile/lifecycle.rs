//! The life of one agent: what each phase does when it meets what is declared and what was seen.

use std::sync::Arc;

use super::memory::{AgentMemory, Phase, Rung, StopReason};
use super::turn::{Next, OPEN_WITHIN, Turn};
use super::{World, outcome, stop};
use crate::model::{AgentName, AgentSpec, Child, Ending, Mono, Seat, SeatState, Server, Shutdown, StartStage, State};

/// What a plan leaves of an agent.
pub(super) enum Fate {
    /// It is remembered.
    Stays,
    /// Nothing is left of it.
    Forgotten,
}

/// Brings an agent that is new as far as it gets now.
pub(super) fn begin<'a>(
    world: &mut World<'a>,
    name: &AgentName,
    spec: &'a Arc<AgentSpec>,
    seat: Option<&'a Seat>,
) -> Option<AgentMemory> {
    let mut memory = AgentMemory::new(spec);
    match advance(world, name, Some(spec), seat, None, &mut memory) {
        Fate::Stays => Some(memory),
        Fate::Forgotten => None,
    }
}

/// Brings an agent as far as it gets now. `told` is the public state that was last told of it.
pub(super) fn advance<'a>(
    world: &mut World<'a>,
    name: &AgentName,
    spec: Option<&'a Arc<AgentSpec>>,
    seat: Option<&'a Seat>,
    told: Option<State>,
    memory: &mut AgentMemory,
) -> Fate {
    let mut turn = Turn { world, name, spec, seat, told, news: None, untold: None, stale_memo: false };
    loop {
        match turn.step(memory) {
            Next::Again => {}
            Next::Rest => break,
            Next::Forget => {
                turn.tell(memory, None, "it is gone");
                return Fate::Forgotten;
            }
        }
    }
    turn.note(memory);
    turn.tell(memory, Some(memory.state()), "declared");
    Fate::Stays
}

impl Turn<'_, '_> {
    fn step(&mut self, memory: &mut AgentMemory) -> Next {
        if let Some(seat) = self.seat.filter(|seat| seat.told.run == memory.run && seat.told != memory.told) {
            memory.told = seat.told.clone();
            self.stale_memo |= memory.conversation.hear(&memory.told);
        }
        if let Some(spec) = self.spec.filter(|spec| spec.fingerprint == memory.declared.fingerprint) {
            self.stale_memo |= memory.declared.policy != spec.policy;
            memory.declared.policy = spec.policy;
        }
        match memory.phase {
            Phase::Pending => self.pending(memory),
            Phase::Opening => self.opening(memory),
            Phase::Starting | Phase::Running { .. } => self.alive(memory),
            Phase::Stopping { reason, since, rung, pid } => self.stopping(memory, reason, since, rung, pid),
            Phase::BackingOff { .. } | Phase::Exited | Phase::Failed { .. } => self.settled(memory),
            Phase::TimedOut { limit } => self.timed_out(memory, limit),
            Phase::Closing => self.closing(memory),
        }
    }

    /// Wants to run: gets a session, then its program.
    fn pending(&mut self, memory: &mut AgentMemory) -> Next {
        if self.is_gone() {
            return self.enter(memory, Phase::Closing, self.why_gone());
        }
        let Some(spec) = self.spec else { return Next::Rest };
        if self.is_changed(memory) {
            return Self::new_life(memory, spec);
        }
        if let Some(limit) = self.overdue(memory) {
            return self.time_out(memory, limit);
        }
        match self.seat.map(|seat| &seat.state) {
            None | Some(SeatState::Refused { .. }) => self.open(memory, spec),
            Some(SeatState::Ready(child)) => self.start(memory, spec, child),
            Some(SeatState::Opening { since }) => self.give_up_after(*since),
            Some(SeatState::Sweeping | SeatState::Closing { .. }) => Next::Rest,
        }
    }

    /// Its session was ordered.
    fn opening(&mut self, memory: &mut AgentMemory) -> Next {
        if self.is_gone() || self.is_changed(memory) {
            return self.enter(memory, Phase::Pending, "declared differently");
        }
        match self.seat.map(|seat| &seat.state) {
            Some(SeatState::Ready(child)) => match self.spec {
                Some(spec) => self.start(memory, spec, child),
                None => Next::Rest,
            },
            Some(SeatState::Refused { run, error }) if *run == memory.run => {
                self.ended(memory, Ending::NotStarted(error.clone()), self.world.now.mono)
            }
            Some(SeatState::Opening { since }) => {
                if self.world.now.mono < since.after(OPEN_WITHIN) {
                    return self.give_up_after(*since);
                }
                self.give_up_after(*since);
                let message = format!("the shim in the new session did not answer within {} s", OPEN_WITHIN.as_secs());
                self.not_started(memory, StartStage::Shim, message)
            }
            None if self.world.observed.server == Server::Down => {
                self.enter(memory, Phase::Pending, "the tmux server is gone")
            }
            None => {
                let message = "the new session was closed before its shim answered".to_owned();
                self.not_started(memory, StartStage::Session, message)
            }
            Some(SeatState::Refused { .. } | SeatState::Sweeping | SeatState::Closing { .. }) => Next::Rest,
        }
    }

    /// Its program was ordered or runs.
    fn alive(&mut self, memory: &mut AgentMemory) -> Next {
        match self.seat.map(|seat| &seat.state) {
            Some(SeatState::Ready(child)) if child.run() == Some(memory.run) => match child {
                Child::Ended { ending, started, at, .. } => {
                    if let Some(started) = started {
                        self.started(memory, *started);
                    }
                    return self.ended(memory, ending.clone(), *at);
                }
                Child::Running { pid, at, .. } if memory.phase == Phase::Starting => {
                    self.started(memory, *at);
                    return self.enter(memory, Phase::Running { pid: *pid }, "its program was executed");
                }
                Child::None | Child::Starting(_) | Child::Running { .. } => {}
            },
            // What it says now is about the past; our order is on its way.
            Some(SeatState::Ready(_)) => {}
            // Its connection was lost. It comes back, or it goes.
            Some(SeatState::Opening { since }) => {
                self.give_up_after(*since);
            }
            None | Some(SeatState::Refused { .. } | SeatState::Sweeping | SeatState::Closing { .. }) => {
                return self.ended(memory, Ending::ShimLost, self.world.now.mono);
            }
        }
        self.see(memory);
        let (reason, why) = if self.is_gone() {
            (StopReason::Undeclared, self.why_gone())
        } else if self.is_changed(memory) {
            (StopReason::Replaced, "declared differently")
        } else if let Some(limit) = self.overdue(memory) {
            (StopReason::Timeout { limit }, "its timeout has passed")
        } else if let Some((reason, why)) = self.vigil(memory) {
            (reason, why)
        } else if outcome::is_over_budget(&memory.told, &memory.declared.policy.limits) {
            (StopReason::OverBudget, "it has used what one run may")
        } else {
            self.wake_at_deadline(memory);
            return Next::Rest;
        };
        self.begin_stop(memory, reason, why)
    }

    fn started(&mut self, memory: &mut AgentMemory, at: Mono) {
        self.stale_memo = true;
        let started = self.stamp(at);
        memory.started.get_or_insert(started);
        memory.first_started.get_or_insert(started);
    }

    /// Its program was asked to end.
    fn stopping(
        &mut self,
        memory: &mut AgentMemory,
        reason: StopReason,
        since: Mono,
        rung: Rung,
        pid: Option<u32>,
    ) -> Next {
        match self.seat.map(|seat| &seat.state) {
            Some(SeatState::Ready(child)) => match child {
                Child::Ended { run, ending, at, tree_empty, .. } if *run == memory.run => {
                    if *tree_empty {
                        return self.stopped(memory, reason, ending.clone(), *at);
                    }
                    self.kill_leftovers(memory, *at);
                    return Next::Rest;
                }
                Child::None | Child::Starting(_) | Child::Running { .. } | Child::Ended { .. } => {}
            },
            Some(SeatState::Opening { since }) => return self.give_up_after(*since),
            Some(SeatState::Sweeping | SeatState::Closing { .. }) => return Next::Rest,
            None | Some(SeatState::Refused { .. }) => {
                return self.stopped(memory, reason, Ending::ShimLost, self.world.now.mono);
            }
        }
        let (hurry, now) = (self.world.shutdown == Shutdown::Now, self.world.now.mono);
        let climb = stop::climb(&memory.declared.policy, since, rung, hurry, now);
        if let Some(signal) = climb.signal {
            self.signal(memory, signal);
        }
        self.world.wake(climb.wake_at);
        memory.phase = Phase::Stopping { reason, since, rung: climb.rung, pid };
        if stop::is_hopeless(&memory.declared.policy, since, climb.rung, hurry, now) {
            self.close();
        }
        Next::Rest
    }

    /// No longer declared: ends when its session is closed.
    fn closing(&mut self, memory: &mut AgentMemory) -> Next {
        if let Some(spec) = self.spec {
            return Self::new_life(memory, spec);
        }
        match self.seat.map(|seat| &seat.state) {
            None => Next::Forget,
            Some(SeatState::Refused { .. }) => {
                self.close();
                Next::Forget
            }
            Some(SeatState::Sweeping | SeatState::Closing { .. }) => Next::Rest,
            Some(SeatState::Opening { since }) => self.give_up_after(*since),
            Some(SeatState::Ready(child)) => match child {
                Child::Starting(run) | Child::Running { run, .. } => {
                    memory.run = *run;
                    self.begin_stop(memory, StopReason::Undeclared, self.why_gone())
                }
                Child::Ended { tree_empty: false, at, .. } => {
                    self.kill_leftovers(memory, *at);
                    Next::Rest
                }
                Child::None | Child::Ended { .. } => {
                    self.close();
                    Next::Rest
                }
            },
        }
    }
}
