//! What a memo says of how an agent is kept and stopped.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Interrupt, Limits, Policy, Restart, Shows, Stall};

use super::super::memo_pulse::StallMemo;
use super::{is_default, nanos};

#[derive(Serialize, Deserialize)]
pub(super) struct PolicyMemo {
    restart: RestartMemo,
    max_restarts: Option<NonZeroU32>,
    backoff_ns: u64,
    backoff_max_ns: u64,
    timeout_ns: Option<u64>,
    #[serde(default)]
    max_turns: Option<NonZeroU32>,
    #[serde(default)]
    max_cost_micros: Option<u64>,
    grace_ns: u64,
    interrupt: InterruptMemo,
    #[serde(default, skip_serializing_if = "is_default")]
    shows: ShowsMemo,
    #[serde(default, skip_serializing_if = "is_default")]
    startup_deadline_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    stall: Option<StallMemo>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RestartMemo {
    No,
    OnFailure,
    Always,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum InterruptMemo {
    Sigint,
    Sigterm,
    TypeCtrlC(u8),
}

#[derive(Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ShowsMemo {
    #[default]
    Nothing,
    Motion,
    Title,
}

impl From<Policy> for PolicyMemo {
    fn from(policy: Policy) -> Self {
        Self {
            restart: match policy.restart {
                Restart::No => RestartMemo::No,
                Restart::OnFailure => RestartMemo::OnFailure,
                Restart::Always => RestartMemo::Always,
            },
            max_restarts: policy.max_restarts,
            backoff_ns: nanos(policy.backoff),
            backoff_max_ns: nanos(policy.backoff_max),
            timeout_ns: policy.timeout.map(nanos),
            max_turns: policy.limits.turns,
            max_cost_micros: policy.limits.cost_micros,
            grace_ns: nanos(policy.grace_period),
            interrupt: match policy.interrupt {
                Interrupt::Sigint => InterruptMemo::Sigint,
                Interrupt::Sigterm => InterruptMemo::Sigterm,
                Interrupt::TypeCtrlC(times) => InterruptMemo::TypeCtrlC(times),
            },
            shows: match policy.shows {
                Shows::Nothing => ShowsMemo::Nothing,
                Shows::Motion => ShowsMemo::Motion,
                Shows::Title => ShowsMemo::Title,
            },
            startup_deadline_ns: policy.startup_deadline.map(nanos),
            stall: policy.stall.map(StallMemo::from),
        }
    }
}

impl From<PolicyMemo> for Policy {
    fn from(memo: PolicyMemo) -> Self {
        Self {
            restart: match memo.restart {
                RestartMemo::No => Restart::No,
                RestartMemo::OnFailure => Restart::OnFailure,
                RestartMemo::Always => Restart::Always,
            },
            max_restarts: memo.max_restarts,
            backoff: Duration::from_nanos(memo.backoff_ns),
            backoff_max: Duration::from_nanos(memo.backoff_max_ns),
            timeout: memo.timeout_ns.map(Duration::from_nanos),
            limits: Limits { turns: memo.max_turns, cost_micros: memo.max_cost_micros },
            grace_period: Duration::from_nanos(memo.grace_ns),
            interrupt: match memo.interrupt {
                InterruptMemo::Sigint => Interrupt::Sigint,
                InterruptMemo::Sigterm => Interrupt::Sigterm,
                InterruptMemo::TypeCtrlC(times) => Interrupt::TypeCtrlC(times),
            },
            shows: match memo.shows {
                ShowsMemo::Nothing => Shows::Nothing,
                ShowsMemo::Motion => Shows::Motion,
                ShowsMemo::Title => Shows::Title,
            },
            startup_deadline: memo.startup_deadline_ns.map(Duration::from_nanos),
            stall: memo.stall.map(Stall::from),
        }
    }
}
