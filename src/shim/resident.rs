//! The loop, and what each thing that wakes it leads to.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use super::child::{self, Failure};
use super::leaving::Leaving;
use super::link::{Link, Received};
use super::notices::Notices;
use super::protocol::{Report, VERSION};
use super::run::Run;
use super::sys::{self, Interest, Signals, Waited};
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
    pub(super) announced: bool,
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

    pub(super) fn tell_notices(&mut self) {
        let (run, notices) = (self.notices.run(), self.notices.untold());
        if !notices.is_empty() {
            self.link.send(&Report::Noticed { run, notices });
        }
    }

    /// The child executed, or says why it could not.
    pub(super) fn read_exec_status(&mut self) {
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

    /// Takes note of every child that changed.
    pub(super) fn reap(&mut self) {
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
}
