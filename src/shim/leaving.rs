//! The shim's own end: the tree first, then the daemon is told, and only then it goes.

use super::resident::Resident;
use super::run::Run;
use super::{sys, tree};

/// After a hangup: for the tree to die. Only what can't be killed takes longer, and the shim's end changes nothing for it.
const KILL_NANOS: u64 = 10_000_000_000;
/// After a hangup: for the daemon to take the last reports.
const FAREWELL_NANOS: u64 = 1_000_000_000;

/// Whether the shim is on its way out.
pub(super) enum Leaving {
    /// No.
    No,
    /// The tree is being killed, for so long at most.
    Killing { until: u64 },
    /// The daemon is being told, for so long at most.
    Telling { until: u64 },
    /// The loop ends here.
    Now,
}

impl Resident {
    /// The terminal is gone, or somebody wants the shim gone: nothing of the agent may stay behind.
    pub(super) fn leave(&mut self) {
        self.terminal.close();
        if matches!(self.leaving, Leaving::No) {
            self.leaving = Leaving::Killing { until: sys::now().saturating_add(KILL_NANOS) };
            if self.run.alive().is_some() {
                self.killing = self.run.main().is_some();
                tree::kill_round(None);
            }
        }
    }

    /// Whether there is nothing left to do.
    pub(super) fn is_done(&mut self) -> bool {
        let now = sys::now();
        if let Leaving::Killing { until } = self.leaving
            && (self.run.alive().is_none() || now >= until)
        {
            self.leaving = Leaving::Telling { until: now.saturating_add(FAREWELL_NANOS) };
        }
        match self.leaving {
            Leaving::No | Leaving::Killing { .. } => false,
            Leaving::Telling { until } => matches!(self.run, Run::None) || !self.link.is_connected() || now >= until,
            Leaving::Now => true,
        }
    }
}
