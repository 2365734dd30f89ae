//! The messages between a shim and the daemon, and how they look on the wire.
//!
//! A message is one frame: its length (`u32`, little endian, of what follows), its type (`u8`), its fields. A later
//! version may append fields to a message and may add messages; an older reader ignores both. Nothing that was ever
//! written may change its meaning: the golden bytes in `codec` hold us to that.
//!
//! Decoding never panics and never reserves memory on the word of a peer alone.

mod codec;
mod frames;
mod wire;

pub use codec::{decode_order, decode_report, encode_order, encode_report};
pub use frames::{Frame, FrameBuffer, MAX_FRAME};
pub use wire::{WireError, wipe};

/// The version that this build speaks. A daemon must understand every older one: shims outlive upgrades.
pub const VERSION: u16 = 2;

/// The first version with [`Report::Noticed`], and with `notify`, `before` and `filter` in [`Start`].
pub const VERSION_WITH_NOTICES: u16 = 2;

/// From the shim to the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The first message of every connection.
    Hello {
        /// The version that the shim speaks.
        version: u16,
        /// The name that the shim was started with.
        name: String,
        /// The child, as it is.
        child: ChildReport,
        /// The memo of the last order that had one; empty if there was none.
        memo: Vec<u8>,
        /// What the agent has told of the child's run: the newest of each key.
        notices: Vec<Notice>,
    },
    /// The child is forked and waits for `Go`.
    Forked {
        /// The run.
        run: u64,
        /// The child.
        pid: u32,
    },
    /// The program was executed.
    Started {
        /// The run.
        run: u64,
        /// The child.
        pid: u32,
        /// `CLOCK_MONOTONIC`, nanoseconds.
        at: u64,
    },
    /// The program was not executed.
    NotStarted(NotStarted),
    /// The program ended.
    Ended(Ended),
    /// Nothing of the run is left.
    TreeEmpty {
        /// The run.
        run: u64,
    },
    /// The agent has told something of itself that is new since the hello or the last of these.
    Noticed {
        /// The run.
        run: u64,
        /// The newest of each key.
        notices: Vec<Notice>,
    },
}

/// What an agent told of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// When: `CLOCK_MONOTONIC`, nanoseconds.
    pub at: u64,
    /// `KEY=VALUE`, as it came: whatever the agent likes.
    pub text: Vec<u8>,
}

/// A shim's child, for [`Report::Hello`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChildReport {
    /// There has been none.
    None,
    /// Between the order and the exec. A shim forks at once, so that it always knows the child.
    Starting {
        /// The run.
        run: u64,
        /// The child, that waits for `Go`, if it is already forked.
        pid: Option<u32>,
    },
    /// It runs.
    Running {
        /// The run.
        run: u64,
        /// The child.
        pid: u32,
        /// When it was executed: `CLOCK_MONOTONIC`, nanoseconds.
        at: u64,
    },
    /// It was not executed.
    NotStarted(NotStarted),
    /// It ended.
    Ended(Ended),
}

/// Why a program was not executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotStarted {
    /// The run.
    pub run: u64,
    /// What failed.
    pub step: Step,
    /// The errno of it.
    pub errno: i32,
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub at: u64,
}

/// The step that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// fork, or what surrounds it.
    Fork,
    /// Entering the workdir.
    Workdir,
    /// Executing the program.
    Exec,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The run.
    pub run: u64,
    /// The status as wait(2) gives it.
    pub wait_status: i32,
    /// The shim killed it because its terminal was taken away.
    pub terminal_lost: bool,
    /// User and system time of it and of the children that it waited for, microseconds.
    pub cpu_micros: u64,
    /// Largest resident set of any of these, KiB.
    pub max_rss_kib: u64,
    /// When it was executed: `CLOCK_MONOTONIC`, nanoseconds. 0: it had not come to that when its terminal was lost.
    pub started_at: u64,
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub at: u64,
    /// Whether nothing of the run is left. If not, `TreeEmpty` follows.
    pub tree_empty: bool,
}

/// From the daemon to the shim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Fork and execute. While anything of an earlier run is alive it is answered with `NotStarted`, `Step::Fork` and
    /// `EBUSY`; a repetition of the order for the run that is alive is ignored.
    Start(Start),
    /// Let the forked child execute.
    Go {
        /// The run.
        run: u64,
    },
    /// Don't let the forked child execute: kill it, and report `NotStarted` with `Step::Fork` and this errno.
    Abort {
        /// The run.
        run: u64,
        /// Why.
        errno: i32,
    },
    /// Send a signal, and SIGCONT, to the child's process group.
    Signal {
        /// The run; a signal for another run is ignored.
        run: u64,
        /// The signal's number.
        signal: i32,
    },
    /// SIGKILL to every descendant, until there is none.
    KillTree {
        /// The run.
        run: u64,
    },
    /// Keep this memo; if this run has ended, or could not be started, that has been handled and need not be told again.
    /// Print the line if there is one.
    Note {
        /// The run.
        run: u64,
        /// Opaque to the shim.
        memo: Vec<u8>,
        /// For the person at the terminal, without a line end; may be empty.
        line: String,
    },
    /// Exit, which closes the session. Ignored while anything of a run is alive.
    Quit,
}

/// What to execute.
#[derive(Clone, PartialEq, Eq)]
pub struct Start {
    /// The run.
    pub run: u64,
    /// Wait for `Go` between fork and exec.
    pub hold: bool,
    /// Opaque to the shim.
    pub memo: Vec<u8>,
    /// For the person at the terminal, without a line end; may be empty.
    pub line: String,
    /// Where to run.
    pub workdir: Vec<u8>,
    /// The program, looked up in the `PATH` of `env`, and its arguments; without NUL.
    pub argv: Vec<Vec<u8>>,
    /// `NAME=value`, without NUL; the shim adds `TERM`, `TMUX` and `TMUX_PANE` of its own where they are missing.
    pub env: Vec<Vec<u8>>,
    /// The path of a Unix datagram socket at which to take the agent's notices; empty: none are taken. Its directory is made
    /// if need be. A variable in `env` tells the agent of it.
    pub notify: Vec<u8>,
    /// A program and its arguments, to be run in the agent's place and for ten seconds at most before the agent is, as
    /// systemd's `ExecStartPre=-`; empty if there is none.
    pub before: Vec<Vec<u8>>,
    /// A program and its arguments that stands between the agent's standard output and the terminal; empty if there is
    /// none.
    pub filter: Vec<Vec<u8>>,
}

/// Without the environment, which may hold secrets, and the arguments, which may hold a prompt.
impl std::fmt::Debug for Start {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Start").field("run", &self.run).field("hold", &self.hold).finish_non_exhaustive()
    }
}

/// The environment may hold secrets, and the arguments a prompt: their memory is overwritten.
impl Drop for Start {
    fn drop(&mut self) {
        for value in self.argv.iter_mut().chain(&mut self.env) {
            wipe(value);
        }
    }
}
