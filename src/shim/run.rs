//! One run's state, from the order to its end, and what of it the daemon is told.

use std::io::{PipeReader, PipeWriter};

use super::protocol::{ChildReport, Ended, NotStarted};
use super::sys::Usage;

/// The child of the last order to start one.
pub(super) enum Run {
    /// There has been none.
    None,
    /// Forked, and waiting to be let go. An errno if it was told to give up instead.
    Held { run: u64, pid: i32, go: PipeWriter, status: PipeReader, aborted: Option<i32> },
    /// Between the go and the exec.
    Executing { run: u64, pid: i32, status: PipeReader },
    /// Executed at this time.
    Running { run: u64, pid: i32, at: u64 },
    /// The main process is dead, and its filter still has to write what it left in the pipe. For this long at most.
    Draining { end: End, until: u64 },
    /// Never executed. Kept until the next order, for a daemon that comes back.
    NotStarted(NotStarted),
    /// Ended. Kept until the next order, for a daemon that comes back.
    Ended { ended: Ended, acknowledged: bool },
}

/// The end of a main process.
#[derive(Clone, Copy)]
pub(super) struct End {
    pub run: u64,
    pub started_at: u64,
    pub at: u64,
    pub wait_status: i32,
    pub usage: Usage,
}

impl End {
    /// What the daemon is told of it.
    pub(super) fn report(self, terminal_lost: bool, tree_empty: bool) -> Ended {
        let Self { run, started_at, at, wait_status, usage: Usage { cpu_micros, max_rss_kib } } = self;
        Ended { run, wait_status, terminal_lost, cpu_micros, max_rss_kib, started_at, at, tree_empty }
    }
}

impl Run {
    /// The main process, while it is there, and its run.
    pub(super) fn main(&self) -> Option<(u64, i32)> {
        match self {
            Self::Held { run, pid, .. } | Self::Executing { run, pid, .. } | Self::Running { run, pid, .. } => {
                Some((*run, *pid))
            }
            Self::None | Self::Draining { .. } | Self::NotStarted(_) | Self::Ended { .. } => None,
        }
    }

    /// The run that anything is left of: its main process, or what that left behind.
    pub(super) fn alive(&self) -> Option<u64> {
        match self {
            Self::Ended { ended, .. } if !ended.tree_empty => Some(ended.run),
            Self::Draining { end, .. } => Some(end.run),
            Self::None
            | Self::Held { .. }
            | Self::Executing { .. }
            | Self::Running { .. }
            | Self::NotStarted(_)
            | Self::Ended { .. } => self.main().map(|(run, _)| run),
        }
    }

    /// What remains to be told to a daemon that may have missed it.
    pub(super) fn report(&self) -> ChildReport {
        let pid_of = |pid: &i32| u32::try_from(*pid).unwrap_or(0);
        match self {
            Self::None => ChildReport::None,
            Self::Held { run, pid, .. } | Self::Executing { run, pid, .. } => {
                ChildReport::Starting { run: *run, pid: Some(pid_of(pid)) }
            }
            Self::Running { run, pid, at } => ChildReport::Running { run: *run, pid: pid_of(pid), at: *at },
            Self::Draining { end, .. } => ChildReport::Ended(end.report(false, false)),
            Self::NotStarted(not_started) => ChildReport::NotStarted(not_started.clone()),
            Self::Ended { ended, .. } => ChildReport::Ended(ended.clone()),
        }
    }

    /// The daemon knows how this run ended.
    pub(super) fn acknowledge(&mut self, acknowledged_run: u64) {
        match self {
            Self::Ended { ended, acknowledged } if ended.run == acknowledged_run => *acknowledged = true,
            Self::None
            | Self::Held { .. }
            | Self::Executing { .. }
            | Self::Running { .. }
            | Self::Draining { .. }
            | Self::NotStarted(_)
            | Self::Ended { .. } => {}
        }
    }
}
