//! The end of a run: when the daemon is told, what is done about what the run leaves, and what the person at the terminal hears
//! while the daemon is away.

use super::filter::DRAINS_WITHIN;
use super::leaving::Leaving;
use super::protocol::{NotStarted, Report, Step};
use super::resident::Resident;
use super::run::{End, Run};
use super::sys::{self, Usage};
use super::{text, tree};

impl Resident {
    /// The main process is dead: first of all the report, once its filter has written what there is.
    pub(super) fn main_ended(&mut self, wait_status: i32, usage: Usage, tree_empty: bool) {
        self.killing = false;
        // A child that was let go has closed its end of the pipe by now.
        self.read_exec_status();
        let (run, started_at) = match &self.run {
            Run::Held { run, aborted, .. } if aborted.is_some() || matches!(self.leaving, Leaving::No) => {
                let (run, errno) = (*run, aborted.unwrap_or(libc::ECANCELED));
                return self.not_started(run, Step::Fork, errno);
            }
            // It was killed with the terminal, and executed nothing.
            Run::Held { run, .. } => (*run, 0),
            // Its exec was seen just now, or not at all: it was killed in between.
            Run::Executing { run, .. } => (*run, sys::now()),
            Run::Running { run, at, .. } => (*run, *at),
            Run::None | Run::Draining { .. } | Run::NotStarted(_) | Run::Ended { .. } => return,
        };
        let at = sys::now();
        let end = End { run, started_at, at, wait_status, usage };
        if self.filter.is_some() {
            self.run = Run::Draining { end, until: at.saturating_add(DRAINS_WITHIN) };
            // Whoever is left may hold the pipe open.
            tree::kill_round(self.spared());
        } else {
            self.conclude(end, tree_empty);
        }
    }

    /// Ends the wait for the filter, if it is over.
    pub(super) fn end_drain(&mut self) {
        if let Run::Draining { end, until } = self.run
            && (self.filter.is_none() || until <= sys::now())
        {
            self.conclude(end, false);
            // The filter may have been the last.
            self.reap();
        }
    }

    /// Who still writes what the agent left behind.
    pub(super) fn spared(&self) -> Option<i32> {
        self.filter.filter(|_| matches!(self.run, Run::Draining { .. }))
    }

    /// A run is over, and the daemon is told.
    pub(super) fn conclude(&mut self, end: End, tree_empty: bool) {
        self.filter = None;
        self.notices.take();
        self.tell_notices();
        let ended = end.report(!matches!(self.leaving, Leaving::No), tree_empty);
        self.link.send(&Report::Ended(ended.clone()));
        self.run = Run::Ended { ended, acknowledged: false };
        if !tree_empty {
            // Before the terminal is restored, which what is left might undo.
            tree::kill_round(None);
        }
        self.terminal.restore();
        self.announced = false;
        self.announce();
        sys::trim_memory();
    }

    /// There is no child left at all.
    pub(super) fn tree_emptied(&mut self) {
        if let Run::Ended { ended, .. } = &mut self.run
            && !ended.tree_empty
        {
            ended.tree_empty = true;
            let run = ended.run;
            // If the daemon is away, the next hello says so.
            self.link.send(&Report::TreeEmpty { run });
            self.terminal.restore();
            sys::trim_memory();
        }
    }

    /// Reports that a run never began, and takes the terminal back.
    pub(super) fn not_started(&mut self, run: u64, step: Step, errno: i32) {
        let not_started = NotStarted { run, step, errno, at: sys::now() };
        self.run = Run::NotStarted(not_started.clone());
        self.killing = false;
        self.link.send(&Report::NotStarted(not_started));
        self.terminal.restore();
        self.announced = false;
        self.announce();
    }

    /// With the daemon away, the person at the terminal hears from the shim how the run ended; once.
    pub(super) fn announce(&mut self) {
        if self.announced || self.link.is_connected() {
            return;
        }
        let line = match &self.run {
            Run::NotStarted(not_started) => text::not_started(&self.name, not_started),
            Run::Ended { ended, acknowledged: false } => text::ended(&self.name, ended),
            Run::None
            | Run::Held { .. }
            | Run::Executing { .. }
            | Run::Running { .. }
            | Run::Draining { .. }
            | Run::Ended { .. } => return,
        };
        self.announced = true;
        self.terminal.print_line(&line);
    }
}
