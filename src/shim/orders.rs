//! What each order leads to. An order for a run that isn't there is late, and ignored.

use std::ffi::OsStr;
use std::io::{self, PipeWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::leaving::Leaving;
use super::protocol::{Ended, NotStarted, Order, Report, Start, Step};
use super::resident::Resident;
use super::run::Run;
use super::{child, filter, sys, tree};

impl Resident {
    /// Does what the daemon says.
    pub(super) fn obey(&mut self, order: Order) {
        match order {
            Order::Start(start) => {
                self.start(&start);
                // The secrets are gone with the order; the memory that held them goes too.
                drop(start);
                sys::trim_memory();
            }
            Order::Go { run } => self.go(run),
            Order::Abort { run, errno } => self.abort(run, errno),
            Order::Signal { run, signal } => self.signal(run, signal),
            Order::KillTree { run } => self.kill_tree(run),
            Order::Note { run, memo, line } => {
                self.memo = memo;
                self.run.acknowledge(run);
                self.terminal.print_line(&line);
            }
            Order::Quit => {
                if self.run.alive().is_none() {
                    self.leaving = Leaving::Now;
                }
            }
        }
    }

    fn start(&mut self, start: &Start) {
        let run = start.run;
        if !matches!(self.leaving, Leaving::No) {
            // What it would run in is gone, and so is the run: nobody is to wait for it.
            return self.link.send(&Report::Ended(lost_with_the_terminal(run)));
        }
        match self.run.alive() {
            None => {}
            // The daemon repeats itself.
            Some(alive) if alive == run => return,
            // It must not wait for an answer that never comes. What is alive stays what the shim tells of.
            Some(_) => {
                let not_started = NotStarted { run, step: Step::Fork, errno: libc::EBUSY, at: sys::now() };
                return self.link.send(&Report::NotStarted(not_started));
            }
        }
        self.memo.clone_from(&start.memo);
        self.terminal.print_line(&start.line);
        self.terminal.prepare();
        self.notices.open(Path::new(OsStr::from_bytes(&start.notify)), run);
        let output = match self.filtered(start) {
            Ok(output) => output,
            Err(error) => return self.not_started(run, Step::Fork, error.raw_os_error().unwrap_or(libc::EAGAIN)),
        };
        match child::spawn(start, &self.inherited, &self.terminal, output) {
            Ok(child::Spawned { pid, go: Some(go), status }) => {
                self.run = Run::Held { run, pid, go, status, aborted: None };
                self.link.send(&Report::Forked { run, pid: u32::try_from(pid).unwrap_or(0) });
            }
            Ok(child::Spawned { pid, go: None, status }) => self.run = Run::Executing { run, pid, status },
            Err(error) => self.not_started(run, Step::Fork, error.raw_os_error().unwrap_or(libc::EAGAIN)),
        }
    }

    /// Starts the filter, if there is to be one: where the agent writes then.
    fn filtered(&mut self, start: &Start) -> io::Result<Option<PipeWriter>> {
        self.filter = None;
        if start.filter.is_empty() {
            return Ok(None);
        }
        let (pid, output) = filter::spawn(start, &self.inherited)?;
        self.filter = Some(pid);
        Ok(Some(output))
    }

    fn go(&mut self, wanted: u64) {
        if !matches!(&self.run, Run::Held { run, aborted: None, .. } if *run == wanted) {
            return;
        }
        if let Run::Held { run, pid, mut go, status, .. } = std::mem::replace(&mut self.run, Run::None) {
            // A child that is dead already is told by its own signal.
            let _ = go.write_all(&[1]);
            self.run = Run::Executing { run, pid, status };
        }
    }

    fn abort(&mut self, wanted: u64, errno: i32) {
        if let Run::Held { run, pid, aborted, .. } = &mut self.run
            && *run == wanted
        {
            *aborted = Some(errno);
            sys::kill(*pid, libc::SIGKILL);
        }
    }

    fn signal(&self, wanted: u64, signal: i32) {
        let Some((run, pid)) = self.run.main() else { return };
        if run != wanted || !(1..=64).contains(&signal) {
            return;
        }
        let mut targets = vec![-pid];
        if sys::group_of(pid) != Some(pid) {
            // It left the group that it was given.
            targets.push(pid);
        }
        for target in targets {
            sys::kill(target, signal);
            // A stopped process would not hear it.
            if signal != libc::SIGKILL {
                sys::kill(target, libc::SIGCONT);
            }
        }
    }

    fn kill_tree(&mut self, wanted: u64) {
        if self.run.alive() != Some(wanted) {
            return;
        }
        if let Run::Draining { end, .. } = self.run {
            return self.conclude(end, false);
        }
        self.killing = self.run.main().is_some();
        tree::kill_round(None);
    }
}

/// The end of a run that had no time to begin.
fn lost_with_the_terminal(run: u64) -> Ended {
    let (wait_status, at) = (libc::SIGKILL, sys::now());
    Ended { run, wait_status, terminal_lost: true, cpu_micros: 0, max_rss_kib: 0, started_at: 0, at, tree_empty: true }
}
