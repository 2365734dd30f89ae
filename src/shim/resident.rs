//! The loop, and what each thing that wakes it leads to.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use super::child::{self, Failure};
use super::filter::DRAINS_WITHIN;
use super::leaving::Leaving;
use super::link::{Link, Received};
use super::notices::Notices;
use super::protocol::{NotStarted, Report, Step, VERSION};
use super::run::{End, Run};
use super::sys::{self, Interest, Signals, Usage, Waited};
use super::terminal::Terminal;
use super::{text, tree};

/// Dead processes taken in one go: a tree that forks without end must not keep the shim from its other work.
const MAX_REAPED: usize = 1024;
/// The shim's whole state.
pub(super) struct Resident {
    pub(super) name: String,
    pub(super) link: Link,
    pub(super) terminal: Terminal,
    pub(super) run: Run,
    pub(super) notices: Notices,
    /// What stands between the agent's output and the terminal, while it is there.
    pub(super) filter: Option<i32>,
    /// Of the last order that had one.
    pub(super) memo: Vec<u8>,
    /// What of the shim's own environment an agent gets: where it is, which only tmux knows.
    pub(super) inherited: Vec<Vec<u8>>,
    /// A kill of the whole tree was ordered and the main process isn't dead yet.
    pub(super) killing: bool,
    pub(super) leaving: Leaving,
    /// What the shim itself has to say of the run's end is said.
    announced: bool,
    signals: File,
    /// More children may be waiting to be reaped, without a signal.
    more_to_reap: bool,
}

impl Resident {
    /// Sets the process up. Fails only where nothing would work.
    pub(super) fn new(socket: &Path, name: &str) -> io::Result<Self> {
        let signals = sys::route_signals()?;
        // Before it hides, as its own files in /proc then belong to root.
        let terminal = Terminal::open();
        sys::adopt_orphans_and_hide();
        let inherited = ["TERM", "TMUX", "TMUX_PANE"].into_iter().filter_map(|name| {
            let value = std::env::var_os(name)?;
            Some([name.as_bytes(), b"=", value.as_encoded_bytes()].concat())
        });
        Ok(Self {
            name: text::printable(name),
            link: Link::new(std::path::absolute(socket)?),
            terminal,
            run: Run::None,
            notices: Notices::default(),
            filter: None,
            memo: Vec::new(),
            inherited: inherited.collect(),
            killing: false,
            leaving: Leaving::No,
            announced: false,
            signals,
            more_to_reap: false,
        })
    }

    /// Serves until it is time to leave.
    pub(super) fn run(&mut self) {
        if self.link.connect() {
            self.greet();
        }
        while !self.is_done() {
            let status = match &self.run {
                Run::Held { status, .. } | Run::Executing { status, .. } => Some(status.as_fd()),
                Run::None | Run::Running { .. } | Run::Draining { .. } | Run::NotStarted(_) | Run::Ended { .. } => None,
            };
            let interests = [
                Interest { fd: Some(self.signals.as_fd()), read: true, write: false },
                Interest { fd: status, read: true, write: false },
                self.link.interest(),
                self.terminal.interest(),
                self.notices.interest(),
            ];
            let [signals, status, link, terminal, notices] = sys::poll(&interests, self.timeout());
            let signals = if signals.read { sys::pending_signals(&mut self.signals) } else { Signals::default() };
            if status.read {
                self.read_exec_status();
            }
            // Before an end is told: what the agent said last is a part of it.
            if notices.read {
                self.notices.take();
            }
            if signals.child || self.more_to_reap {
                self.reap();
            }
            self.end_drain();
            if self.notices.tell_at().is_some_and(|at| at <= sys::now()) {
                self.tell_notices();
            }
            if signals.leave || terminal.hangup {
                self.leave();
            }
            self.serve_link(signals.directory, link);
            if terminal.write || self.terminal.write_at().is_some_and(|at| at <= sys::now()) {
                self.terminal.flush();
            }
        }
        self.notices.close();
    }

    fn timeout(&self) -> i32 {
        if self.more_to_reap {
            return 0;
        }
        let leave_at = match self.leaving {
            Leaving::Killing { until } | Leaving::Telling { until } => Some(until),
            Leaving::No | Leaving::Now => None,
        };
        let drained_at = match self.run {
            Run::Draining { until, .. } => Some(until),
            Run::None
            | Run::Held { .. }
            | Run::Executing { .. }
            | Run::Running { .. }
            | Run::NotStarted(_)
            | Run::Ended { .. } => None,
        };
        let waits = [self.link.retry_at(), leave_at, drained_at, self.terminal.write_at(), self.notices.tell_at()];
        let next = waits.into_iter().flatten().min();
        next.map_or(-1, |at| i32::try_from(at.saturating_sub(sys::now()).div_ceil(1_000_000)).unwrap_or(i32::MAX))
    }

    fn serve_link(&mut self, directory_changed: bool, ready: sys::Ready) {
        if ready.write {
            self.link.flush();
        }
        if ready.read {
            while let Received::Order(order) = self.link.receive() {
                self.obey(*order);
            }
        }
        let retry = self.link.retry_at().is_some_and(|at| at <= sys::now());
        let connected = if self.link.is_broken() {
            self.link.reconnect()
        } else if directory_changed || ready.read {
            self.link.directory_changed()
        } else {
            retry && self.link.connect()
        };
        if connected {
            self.greet();
        }
        // Also when the daemon went after it was told, and before it said what comes next.
        self.announce();
    }

    fn greet(&mut self) {
        self.link.send(&Report::Hello {
            version: VERSION,
            name: self.name.clone(),
            child: self.run.report(),
            memo: self.memo.clone(),
            notices: self.notices.all(),
        });
    }

    fn tell_notices(&mut self) {
        let (run, notices) = (self.notices.run(), self.notices.untold());
        if !notices.is_empty() {
            self.link.send(&Report::Noticed { run, notices });
        }
    }

    /// The child executed, or says why it could not.
    fn read_exec_status(&mut self) {
        let (run, pid, failure) = match &self.run {
            Run::Executing { run, pid, status } => (*run, *pid, child::read_failure(status)),
            // Only its death closes a held child's end, and that is told by a signal.
            Run::Held { .. }
            | Run::None
            | Run::Running { .. }
            | Run::Draining { .. }
            | Run::NotStarted(_)
            | Run::Ended { .. } => return,
        };
        if let Some(Failure { step, errno }) = failure {
            return self.not_started(run, step, errno);
        }
        let at = sys::now();
        self.run = Run::Running { run, pid, at };
        self.link.send(&Report::Started { run, pid: u32::try_from(pid).unwrap_or(0), at });
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
    fn announce(&mut self) {
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

    /// Takes note of every child that changed.
    fn reap(&mut self) {
        let mut end = None;
        let mut none_left = false;
        self.more_to_reap = true;
        for _ in 0..MAX_REAPED {
            let main = self.run.main().map(|(_, pid)| pid);
            match sys::wait_any() {
                Waited::Changed(pid, status, _) if libc::WIFSTOPPED(status) => {
                    if main == Some(pid) {
                        self.main_stopped(pid, libc::WSTOPSIG(status));
                    }
                }
                Waited::Changed(pid, status, usage) => {
                    if main == Some(pid) {
                        end = Some((status, usage));
                    } else if self.filter == Some(pid) {
                        self.filter = None;
                    }
                }
                Waited::Nothing => {
                    self.more_to_reap = false;
                    break;
                }
                Waited::NoChildren => {
                    self.more_to_reap = false;
                    none_left = true;
                    break;
                }
            }
        }
        if let Some((status, usage)) = end {
            self.main_ended(status, usage, none_left);
        } else if none_left {
            self.tree_emptied();
        } else if self.killing || (self.run.main().is_none() && self.run.alive().is_some()) {
            tree::kill_round(self.spared());
        }
    }

    /// Who still writes what the agent left behind.
    fn spared(&self) -> Option<i32> {
        self.filter.filter(|_| matches!(self.run, Run::Draining { .. }))
    }

    /// There is no shell here that could continue what C-z stopped. SIGSTOP is somebody's will.
    fn main_stopped(&self, pid: i32, signal: i32) {
        if !matches!(signal, libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU) {
            return;
        }
        let group = sys::group_of(pid).unwrap_or(pid);
        if signal != libc::SIGTSTP {
            // It wants the terminal and has been left without it; continued as it is, it would stop again at once.
            self.terminal.give_to(group);
        }
        sys::kill(-group, libc::SIGCONT);
    }

    /// The main process is dead: first of all the report, once its filter has written what there is.
    fn main_ended(&mut self, wait_status: i32, usage: Usage, tree_empty: bool) {
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
    fn end_drain(&mut self) {
        if let Run::Draining { end, until } = self.run
            && (self.filter.is_none() || until <= sys::now())
        {
            self.conclude(end, false);
            // The filter may have been the last.
            self.reap();
        }
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
    fn tree_emptied(&mut self) {
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
}
