//! The life of one agent: what each phase does when it meets what is declared and what was seen.

use std::sync::Arc;
use std::time::Duration;

use super::memory::{AgentMemory, Phase, Rung, StopReason};
use super::resume::Conversation;
use super::turn::{Next, OPEN_WITHIN, Turn};
use super::{World, outcome, restart, stop};
use crate::model::{
    AgentName, AgentSpec, Child, End, Ending, Mono, Now, Seat, SeatState, Server, Shutdown, StartError, StartStage,
    State,
};

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

    /// A stop is complete: nothing of the run is left.
    fn stopped(&mut self, memory: &mut AgentMemory, reason: StopReason, ending: Ending, at: Mono) -> Next {
        let mut end = outcome::judge(ending, &memory.told, Some(reason), self.stamp(at));
        if let StopReason::Unstarted | StopReason::Stalled = reason {
            end.evidence.detail = std::mem::take(&mut memory.pulse.blame);
        }
        let why = end.to_string();
        self.note_end(memory, &end);
        if self.is_gone() {
            return self.enter(memory, Phase::Closing, &why);
        }
        match (reason, self.spec) {
            // Its end is one like any other, and its policy says what follows.
            (StopReason::Unstarted | StopReason::Stalled | StopReason::OverBudget, Some(_) | None)
                if !self.is_changed(memory) =>
            {
                let phase = Self::follow(memory, &end);
                self.enter(memory, phase, &why)
            }
            (StopReason::Timeout { limit }, Some(_) | None) if !self.is_changed(memory) => {
                self.enter(memory, Phase::TimedOut { limit }, &why)
            }
            (_, Some(spec)) => Self::new_life(memory, spec),
            (_, None) => self.enter(memory, Phase::Pending, &why),
        }
    }

    /// What follows an end, once that is noted, by the policy that it was declared with.
    fn follow(memory: &mut AgentMemory, end: &End) -> Phase {
        let good = |started: &Now| end.at.mono.since(started.mono) >= restart::GOOD_RUN;
        let ran = !matches!(end.ending, Ending::NotStarted(_));
        if ran && memory.started.as_ref().is_some_and(good) {
            memory.streak = 0;
        }
        restart::settle(memory, end, &memory.declared.policy)
    }

    /// A run ended by itself.
    fn ended(&mut self, memory: &mut AgentMemory, ending: Ending, at: Mono) -> Next {
        let ended = self.stamp(at);
        // A daemon that stops it may die before it sees the end; to the next one the time of the end says why it came.
        let late = restart::overdue(memory, &memory.declared.policy, at);
        let over = outcome::is_over_budget(&memory.told, &memory.declared.policy.limits) && !ending.is_success();
        let stopped = late.map(|limit| StopReason::Timeout { limit }).or(over.then_some(StopReason::OverBudget));
        let end = outcome::judge(ending, &memory.told, stopped, ended);
        self.note_end(memory, &end);
        let phase = Self::follow(memory, &end);
        let phase = late.map_or(phase, |limit| Phase::TimedOut { limit });
        self.enter(memory, phase, &end.to_string())
    }

    fn not_started(&mut self, memory: &mut AgentMemory, stage: StartStage, message: String) -> Next {
        self.ended(memory, Ending::NotStarted(StartError { stage, message }), self.world.now.mono)
    }

    /// Ended, and stays or waits as its policy says; a changed policy can say otherwise.
    fn settled(&mut self, memory: &mut AgentMemory) -> Next {
        if self.is_gone() {
            return self.enter(memory, Phase::Closing, self.why_gone());
        }
        let Some(spec) = self.spec else { return Next::Rest };
        if self.is_changed(memory) {
            return Self::new_life(memory, spec);
        }
        let Some(end) = memory.last_end.as_ref() else {
            return self.enter(memory, Phase::Pending, "never ran");
        };
        let phase = restart::settle(memory, end, &spec.policy);
        if phase != memory.phase {
            self.stale_memo = true;
            return self.enter(memory, phase, "its policy changed");
        }
        let Phase::BackingOff { until } = phase else { return Next::Rest };
        if let Some(limit) = self.overdue(memory) {
            return self.time_out(memory, limit);
        }
        if self.world.now.mono < until {
            self.world.wake(until);
            self.wake_at_deadline(memory);
            return Next::Rest;
        }
        // Who begins anew in place of a run that could not go on is restarted once, not twice.
        if memory.conversation != Conversation::Lost {
            memory.restarts = memory.restarts.saturating_add(1);
            memory.streak = memory.streak.saturating_add(1);
        }
        self.enter(memory, Phase::Pending, "its backoff is over")
    }

    /// Stopped by its timeout, until it is declared otherwise.
    fn timed_out(&mut self, memory: &mut AgentMemory, limit: Duration) -> Next {
        if self.is_gone() {
            return self.enter(memory, Phase::Closing, self.why_gone());
        }
        match self.spec {
            Some(spec) if self.is_changed(memory) || spec.policy.timeout != Some(limit) => Self::new_life(memory, spec),
            Some(_) | None => Next::Rest,
        }
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
