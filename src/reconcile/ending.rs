//! The end of a run: how it is taken in, what follows by the agent's policy, and what becomes of an agent that rests there.

use std::time::Duration;

use super::memory::{AgentMemory, Phase, StopReason};
use super::resume::Conversation;
use super::turn::{Next, Turn};
use super::{outcome, restart};
use crate::model::{End, Ending, Mono, Now, StartError, StartStage};

impl Turn<'_, '_> {
    /// A stop is complete: nothing of the run is left.
    pub(super) fn stopped(&mut self, memory: &mut AgentMemory, reason: StopReason, ending: Ending, at: Mono) -> Next {
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
    pub(super) fn ended(&mut self, memory: &mut AgentMemory, ending: Ending, at: Mono) -> Next {
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

    pub(super) fn not_started(&mut self, memory: &mut AgentMemory, stage: StartStage, message: String) -> Next {
        self.ended(memory, Ending::NotStarted(StartError { stage, message }), self.world.now.mono)
    }

    /// Ended, and stays or waits as its policy says; a changed policy can say otherwise.
    pub(super) fn settled(&mut self, memory: &mut AgentMemory) -> Next {
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
    pub(super) fn timed_out(&mut self, memory: &mut AgentMemory, limit: Duration) -> Next {
        if self.is_gone() {
            return self.enter(memory, Phase::Closing, self.why_gone());
        }
        match self.spec {
            Some(spec) if self.is_changed(memory) || spec.policy.timeout != Some(limit) => Self::new_life(memory, spec),
            Some(_) | None => Next::Rest,
        }
    }

    /// A run has ended. What follows of it goes by what this leaves in the memory.
    fn note_end(&mut self, memory: &mut AgentMemory, end: &End) {
        memory.conversation = memory.conversation.after(end, &memory.told, memory.started);
        self.untold = Some(end.clone());
        self.world.ends.push((self.name.clone(), end.clone()));
        self.news = Some(end.clone());
        memory.last_end = Some(end.clone());
        self.stale_memo = true;
    }
}
