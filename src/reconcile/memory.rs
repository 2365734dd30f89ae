//! What reconcile remembers from one plan to the next. All that must outlive the daemon is kept by the shims too.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::restart;
use super::resume::Conversation;
use crate::model::{
    AgentName, AgentSpec, Doing, End, Fingerprint, Interrupt, Limits, Mono, Now, Policy, Restart, RunId, SessionName,
    Shows, Spent, State, Told, Wall,
};

/// Everything remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The agents that are declared, or still being taken down.
    pub agents: BTreeMap<AgentName, AgentMemory>,
    /// The newest run of any agent.
    pub last_run: RunId,
}

/// What is remembered of one agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentMemory {
    /// What it was declared as when its present life began.
    pub declared: Declared,
    /// Where it is.
    pub phase: Phase,
    /// Its newest run; `RunId(0)` if it has had none.
    pub run: RunId,
    /// Restarts by policy in this life.
    pub restarts: u32,
    /// Restarts since the last run of a minute or more; the delay doubles with each.
    pub streak: u32,
    /// When its first run of this life began.
    pub first_started: Option<Now>,
    /// When its newest run began, if its program was executed.
    pub started: Option<Now>,
    /// How its newest run ended; none while it lasts.
    pub last_end: Option<End>,
    /// What it told of its newest run.
    pub told: Arc<Told>,
    /// What its terminal shows of what it does, while it runs, and doesn't say or is contradicted by it.
    pub seen: Option<Doing>,
    /// What the runs before that have spent, in this life.
    pub spent: Spent,
    /// What there is to go on with, in this life.
    pub conversation: Conversation,
    /// How its newest run lives.
    pub pulse: Pulse,
}

/// How a run lives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pulse {
    /// It has begun to work, as far as a deadline for that is concerned.
    pub is_active: bool,
    /// It gives no sign of life.
    pub stalled: Option<Stalled>,
    /// While it tells that it waits: its screen has shown anything but its prompt, as the question is likely to.
    pub has_shown_question: bool,
    /// What agentd stops it for, if that is how it lives: in a few words.
    pub blame: String,
}

/// A run that gives no sign of life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stalled {
    /// Since its last one.
    pub since: Now,
    /// How many times it has been nudged since.
    pub nudges: u32,
    /// When, the last time.
    pub nudged: Option<Mono>,
    /// How that went is told.
    pub is_answered: bool,
    /// That nothing more is done is told.
    pub is_given_up: bool,
}

/// What a running agent was declared as. The policy is kept up to date while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Of what was launched.
    pub fingerprint: Fingerprint,
    /// Its tmux session.
    pub session: SessionName,
    /// For display.
    pub harness: Arc<str>,
    /// How it is kept and stopped.
    pub policy: Policy,
}

impl Declared {
    /// What stays of a spec without its arguments and values.
    pub fn of(spec: &AgentSpec) -> Self {
        Self {
            fingerprint: spec.fingerprint,
            session: spec.session.clone(),
            harness: spec.harness.clone(),
            policy: spec.policy,
        }
    }
}

/// Where an agent is.
///
/// ```text
/// Pending ─▶ Opening ─▶ Starting ─▶ Running ─▶ Stopping ─▶ Closing ─▶ forgotten
///    │  ▲───────┼───────────┼──────────┼───────────┤            (no longer declared)
///    │  │       ▼           ▼          ▼           ▼
///    │  └──── BackingOff · Exited · Failed · TimedOut
///    └──▶ Starting (the pane is still there)
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Wants to run; nothing was done for it yet.
    Pending,
    /// Its session was ordered.
    Opening,
    /// Its program was ordered.
    Starting,
    /// Its program runs.
    Running {
        /// The program.
        pid: u32,
    },
    /// Its program was asked to end.
    Stopping {
        /// Why.
        reason: StopReason,
        /// Since when.
        since: Mono,
        /// The last step taken.
        rung: Rung,
        /// The program, if it was executed.
        pid: Option<u32>,
    },
    /// Ended; waits for its next start.
    BackingOff {
        /// When that is.
        until: Mono,
    },
    /// Ended well; stays.
    Exited,
    /// Ended badly; stays.
    Failed {
        /// One sentence.
        error: String,
    },
    /// Stopped by its timeout; stays.
    TimedOut {
        /// The timeout that it had.
        limit: Duration,
    },
    /// No longer declared: its session is being closed.
    Closing,
}

/// Why a running program is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// It is no longer declared, or everything is to end.
    Undeclared,
    /// It is declared differently.
    Replaced,
    /// It has not begun to work in time.
    Unstarted,
    /// It gives no sign of life.
    Stalled,
    /// Its timeout has passed.
    Timeout {
        /// The timeout that it had then.
        limit: Duration,
    },
    /// It has used what one run may.
    OverBudget,
}

/// The last step of the stop ladder that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rung {
    /// None yet.
    Ground,
    /// The harness's interrupt.
    Interrupted,
    /// SIGTERM.
    Terminated,
    /// SIGKILL to the tree, last at this time.
    Killed {
        /// When.
        at: Mono,
    },
}

impl AgentMemory {
    /// A new life for what is declared.
    pub fn new(spec: &AgentSpec) -> Self {
        Self::of(Declared::of(spec))
    }

    fn of(declared: Declared) -> Self {
        Self {
            declared,
            phase: Phase::Pending,
            run: RunId(0),
            restarts: 0,
            streak: 0,
            first_started: None,
            started: None,
            last_end: None,
            told: Arc::default(),
            seen: None,
            spent: Spent::default(),
            pulse: Pulse::default(),
            conversation: Conversation::None,
        }
    }

    /// What is in a session of ours and can't be known: it will be taken for undeclared, or replaced.
    pub fn unknown(session: SessionName) -> Self {
        let seconds = Duration::from_secs;
        let policy = Policy {
            restart: Restart::No,
            max_restarts: None,
            backoff: seconds(3),
            backoff_max: seconds(60),
            timeout: None,
            limits: Limits::default(),
            grace_period: seconds(30),
            interrupt: Interrupt::Sigint,
            shows: Shows::Nothing,
            startup_deadline: None,
            stall: None,
        };
        let declared = Declared { fingerprint: Fingerprint::default(), session, harness: "unknown".into(), policy };
        Self::of(declared)
    }

    /// The phase that follows an end that was recorded in `last_end`, by the policy it was declared with.
    pub fn settled(&self) -> Phase {
        match &self.last_end {
            Some(end) => restart::settle(self, end, &self.declared.policy),
            None => Phase::Pending,
        }
    }

    /// What it does, by the best account there is.
    pub fn doing(&self) -> Option<&Doing> {
        self.seen.as_ref().or(self.told.activity.as_ref()).filter(|_| self.state().has_process())
    }

    /// Since when it gives no sign of life, if it has a policy for that.
    pub fn stalled_since(&self) -> Option<Wall> {
        self.pulse.stalled.as_ref().filter(|_| self.state().has_process()).map(|stalled| stalled.since.wall)
    }

    /// Whether its terminal is worth a look now and then.
    pub fn is_watched(&self) -> bool {
        matches!(self.phase, Phase::Running { .. })
            && (self.told.activity.is_none()
                || self.declared.policy.stall.is_some()
                || self.declared.policy.shows == Shows::Title
                || self.is_doubtful())
    }

    /// Whether it tells that it works or waits, and its terminal would show it if it didn't.
    pub(super) fn is_doubtful(&self) -> bool {
        self.declared.policy.shows == Shows::Motion && self.told.is_at_work()
    }

    /// The public state.
    pub fn state(&self) -> State {
        match &self.phase {
            Phase::Pending => State::Pending,
            Phase::Opening | Phase::Starting => State::Starting,
            Phase::Running { .. } => State::Running,
            Phase::Stopping { .. } | Phase::Closing => State::Stopping,
            Phase::BackingOff { .. } => State::BackingOff,
            Phase::Exited => State::Exited,
            Phase::Failed { .. } => State::Failed,
            Phase::TimedOut { .. } => State::TimedOut,
        }
    }
}
