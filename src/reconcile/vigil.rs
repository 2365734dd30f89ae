//! Whether a run lives: that it has begun to work in time, and gives a sign of life now and then.
//!
//! Who can't be looked at is taken for alive. What an agent's terminal tells is no more exact than eight seconds, in its
//! favour.

use std::time::Duration;

use super::line::short;
use super::memory::{AgentMemory, Phase, Stalled, StopReason};
use super::turn::Turn;
use super::{Action, StallNews};
use crate::model::{Activity, Child, Mono, OnStall, Screen, SeatState, Shown, Stall};

/// What comes within this time of a nudge may come of the typing alone.
const ECHO: Duration = Duration::from_secs(60);

impl Turn<'_, '_> {
    /// Why a running agent is to be stopped, by how it lives.
    pub(super) fn vigil(&mut self, memory: &mut AgentMemory) -> Option<(StopReason, &'static str)> {
        let runs = match self.seat.map(|seat| &seat.state) {
            Some(SeatState::Ready(Child::Running { run, .. })) => *run == memory.run,
            Some(_) | None => false,
        };
        if !(runs && matches!(memory.phase, Phase::Running { .. })) {
            return None;
        }
        if let Some(blame) = self.is_unstarted(memory) {
            memory.pulse.blame = blame;
            self.stale_memo = true;
            return Some((StopReason::Unstarted, "it has not begun to work in time"));
        }
        let blame = self.is_stalled(memory)?;
        memory.pulse.blame = blame;
        self.stale_memo = true;
        Some((StopReason::Stalled, "it gives no sign of life"))
    }

    /// What keeps a run from its work whose time to begin with it is over.
    fn is_unstarted(&mut self, memory: &mut AgentMemory) -> Option<String> {
        let limit = memory.declared.policy.startup_deadline.filter(|_| !memory.pulse.is_active)?;
        let told = memory.told.activity.as_ref().map(|doing| doing.activity);
        if let Some(Activity::Busy | Activity::Idle | Activity::Waiting) = told {
            return self.is_active(memory);
        }
        let deadline = memory.started?.mono.after(limit);
        if self.world.now.mono < deadline {
            self.world.wake(deadline);
            return None;
        }
        let seat = self.seat?;
        let tells = seat.hears && self.spec.is_some_and(|spec| spec.launch.extra.tells());
        let late = short(limit);
        let is_new = |shown: &&Shown| shown.run == memory.run && shown.asked >= deadline;
        match seat.shown.as_ref().filter(is_new).map(|shown| &shown.screen) {
            None => {
                self.read(memory);
                None
            }
            Some(Screen::Asked) => None,
            Some(Screen::Dialog(dialog)) => Some(format!("after {late} it {dialog}")),
            // Some tell nothing before their first turn.
            Some(Screen::Prompt | Screen::Working | Screen::Asking(_)) => self.is_active(memory),
            // One that tells nothing may well be at work.
            Some(Screen::Other(_) | Screen::Typed(_) | Screen::Unknown(_)) if told.is_none() && !tells => {
                self.is_active(memory)
            }
            Some(Screen::Other(words) | Screen::Typed(words)) => {
                Some(format!("after {late} its screen ends with: {words}"))
            }
            Some(Screen::Unknown(why)) => Some(format!("after {late} its screen can't be read: {why}")),
        }
    }

    /// Has its screen read.
    pub(super) fn read(&mut self, memory: &AgentMemory) {
        let (agent, run, harness) = (self.name.clone(), memory.run, memory.declared.harness.clone());
        self.world.actions.push(Action::Read { agent, run, harness, spec: self.spec.cloned() });
    }

    fn is_active(&mut self, memory: &mut AgentMemory) -> Option<String> {
        memory.pulse.is_active = true;
        self.stale_memo = true;
        None
    }

    /// What is to be said of an agent that is to be stopped because nothing happens.
    fn is_stalled(&mut self, memory: &mut AgentMemory) -> Option<String> {
        let Some(stall) = memory.declared.policy.stall else {
            self.is_alive(memory);
            return None;
        };
        let life = self.last_life(memory)?;
        let nudged = memory.pulse.stalled.as_ref().and_then(|stalled| stalled.nudged);
        let since = memory.pulse.stalled.as_ref().map(|stalled| stalled.since.mono);
        let echo = nudged.map(|at| at.after(ECHO.min(stall.after)));
        if since.max(echo).is_some_and(|quiet| life > quiet) {
            self.is_alive(memory);
        }
        self.hear_of_nudge(memory, stall);
        let due = life.max(nudged.unwrap_or_default()).after(stall.after);
        if self.world.now.mono < due {
            self.world.wake(due);
            return None;
        }
        if self.seat.and_then(|seat| seat.output).is_none_or(|output| output.looked < due) {
            self.world.actions.push(Action::Look { agent: self.name.clone() });
            return None;
        }
        self.silent(memory, stall, life)
    }

    /// Nothing has happened for long enough.
    fn silent(&mut self, memory: &mut AgentMemory, stall: Stall, life: Mono) -> Option<String> {
        let since = self.stamp(life);
        let mut stalled = memory.pulse.stalled.take().unwrap_or(Stalled {
            since,
            nudges: 0,
            nudged: None,
            is_answered: true,
            is_given_up: false,
        });
        let silence = format!("no sign of life for {}", short(stall.after));
        let nudge = self.spec.and_then(|spec| spec.nudge.clone()).filter(|_| stalled.nudges < stall.max_nudges);
        let is_new = !std::mem::replace(&mut stalled.is_given_up, nudge.is_none());
        let blame = match (nudge, stalled.nudges) {
            (Some(text), _) => {
                let at = self.world.now.mono;
                stalled.nudges += 1;
                (stalled.nudged, stalled.is_answered) = (Some(at), false);
                self.world.wake(at.after(stall.after));
                let number = format!("nudge {} of {}", stalled.nudges, stall.max_nudges);
                let doing = memory.doing().map(|doing| doing.activity);
                if let Some(Activity::Idle) = doing {
                    let (agent, harness) = (self.name.clone(), memory.declared.harness.clone());
                    self.world.actions.push(Action::Nudge { agent, harness, text, at });
                    self.tell_stall(&stalled, format!("{silence}; {number}"));
                } else {
                    stalled.is_answered = true;
                    let what = doing.map_or("not known to be idle", Activity::as_str);
                    self.tell_stall(&stalled, format!("{silence}; {number} failed: it is {what}"));
                }
                None
            }
            (None, 0) => Some(silence),
            (None, 1) => Some(format!("{silence}, also after a nudge")),
            (None, nudges) => Some(format!("{silence}, also after {nudges} nudges")),
        };
        let blame = match (blame, stall.on_stall) {
            (Some(blame), OnStall::Notify) => {
                if is_new {
                    self.tell_stall(&stalled, blame);
                }
                None
            }
            (Some(blame), OnStall::Restart | OnStall::Stop) => {
                self.tell_stall(&stalled, format!("{blame}; is stopped"));
                Some(blame)
            }
            (None, _) => None,
        };
        self.stale_memo |= is_new;
        memory.pulse.stalled = Some(stalled);
        blame
    }

    /// It lives, as far as anybody cares.
    fn is_alive(&mut self, memory: &mut AgentMemory) {
        if memory.pulse.stalled.take().is_some() {
            self.stale_memo = true;
            let (agent, reason) = (self.name.clone(), "gives signs of life".to_owned());
            self.world.stalls.push(StallNews { agent, since: None, reason });
        }
    }

    /// Says once how a nudge went, if it failed.
    fn hear_of_nudge(&mut self, memory: &mut AgentMemory, stall: Stall) {
        let Some(stalled) = memory.pulse.stalled.as_mut().filter(|stalled| !stalled.is_answered) else { return };
        let Some((at, result)) = self.seat.and_then(|seat| seat.nudged.as_ref()) else { return };
        if stalled.nudged != Some(*at) {
            return;
        }
        stalled.is_answered = true;
        if let Err(why) = result {
            let reason = format!("nudge {} of {} failed: {why}", stalled.nudges, stall.max_nudges);
            let stalled = stalled.clone();
            self.tell_stall(&stalled, reason);
        }
    }

    fn tell_stall(&mut self, stalled: &Stalled, reason: String) {
        let (agent, since) = (self.name.clone(), Some(stalled.since.wall));
        self.world.stalls.push(StallNews { agent, since, reason });
    }

    /// The last sign of life of a run: its start, what it told, what it wrote.
    pub(super) fn last_life(&self, memory: &AgentMemory) -> Option<Mono> {
        let started = memory.started?.mono;
        let told = memory.told.heard.unwrap_or_default();
        let wrote = self.seat.and_then(|seat| seat.output).map(|output| output.until).unwrap_or_default();
        Some(started.max(told).max(wrote))
    }
}

#[cfg(test)]
#[path = "vigil_tests.rs"]
mod tests;
