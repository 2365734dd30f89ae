//! The part of a memo that says how a run lives, and what follows when it doesn't.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Mono, OnStall, Stall};
use crate::reconcile::{AgentMemory, Phase, Pulse, Rung, Stalled, StopReason};

use super::memo::{Stamp, is_default, nanos};

#[derive(PartialEq, Serialize, Deserialize)]
pub(super) struct StallMemo {
    after_ns: u64,
    #[serde(default)]
    max_nudges: u32,
    #[serde(default)]
    on_stall: OnStallMemo,
}

#[derive(Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum OnStallMemo {
    #[default]
    Notify,
    Restart,
    Stop,
}

impl From<Stall> for StallMemo {
    fn from(stall: Stall) -> Self {
        let on_stall = match stall.on_stall {
            OnStall::Notify => OnStallMemo::Notify,
            OnStall::Restart => OnStallMemo::Restart,
            OnStall::Stop => OnStallMemo::Stop,
        };
        Self { after_ns: nanos(stall.after), max_nudges: stall.max_nudges, on_stall }
    }
}

impl From<StallMemo> for Stall {
    fn from(memo: StallMemo) -> Self {
        let on_stall = match memo.on_stall {
            OnStallMemo::Notify => OnStall::Notify,
            OnStallMemo::Restart => OnStall::Restart,
            OnStallMemo::Stop => OnStall::Stop,
        };
        Self { after: Duration::from_nanos(memo.after_ns), max_nudges: memo.max_nudges, on_stall }
    }
}

#[derive(Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct PulseMemo {
    #[serde(skip_serializing_if = "is_default")]
    active: bool,
    #[serde(skip_serializing_if = "is_default")]
    stalled: Option<StalledMemo>,
    /// Why it is being stopped: only what nobody else could know.
    #[serde(skip_serializing_if = "is_default")]
    stop: Option<StopMemo>,
}

#[derive(PartialEq, Serialize, Deserialize)]
struct StalledMemo {
    since: Stamp,
    #[serde(default)]
    nudges: u32,
    #[serde(default)]
    nudged_ns: Option<u64>,
    #[serde(default)]
    given_up: bool,
}

#[derive(PartialEq, Serialize, Deserialize)]
struct StopMemo {
    reason: ReasonMemo,
    #[serde(default)]
    detail: String,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ReasonMemo {
    Unstarted,
    Stalled,
}

impl PulseMemo {
    pub(super) fn of(memory: &AgentMemory) -> Self {
        let Pulse { is_active, stalled, has_shown_question: _, blame } = &memory.pulse;
        let reason = match memory.phase {
            Phase::Stopping { reason: StopReason::Unstarted, .. } => Some(ReasonMemo::Unstarted),
            Phase::Stopping { reason: StopReason::Stalled, .. } => Some(ReasonMemo::Stalled),
            Phase::Pending
            | Phase::Opening
            | Phase::Starting
            | Phase::Running { .. }
            | Phase::Stopping { .. }
            | Phase::BackingOff { .. }
            | Phase::Exited
            | Phase::Failed { .. }
            | Phase::TimedOut { .. }
            | Phase::Closing => None,
        };
        let stalled = stalled.as_ref().map(|stalled| StalledMemo {
            since: stalled.since.into(),
            nudges: stalled.nudges,
            nudged_ns: stalled.nudged.map(|at| at.0),
            given_up: stalled.is_given_up,
        });
        Self { active: *is_active, stalled, stop: reason.map(|reason| StopMemo { reason, detail: blame.clone() }) }
    }

    pub(super) fn read(&self) -> Pulse {
        let stalled = self.stalled.as_ref().map(|memo| Stalled {
            since: memo.since.into(),
            nudges: memo.nudges,
            nudged: memo.nudged_ns.map(Mono),
            // Whoever waited for an answer is gone.
            is_answered: true,
            is_given_up: memo.given_up,
        });
        let blame = self.stop.as_ref().map(|stop| stop.detail.clone()).unwrap_or_default();
        Pulse { is_active: self.active, stalled, has_shown_question: false, blame }
    }

    /// The stop that was under way, from its beginning.
    pub(super) fn stop(&self, pid: Option<u32>, now: Mono) -> Option<Phase> {
        let reason = match self.stop.as_ref()?.reason {
            ReasonMemo::Unstarted => StopReason::Unstarted,
            ReasonMemo::Stalled => StopReason::Stalled,
        };
        Some(Phase::Stopping { reason, since: now, rung: Rung::Ground, pid })
    }
}
