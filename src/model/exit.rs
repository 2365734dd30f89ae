//! How a run ended.

use std::fmt;
use std::time::Duration;

/// What the kernel said about the end of a process. An unknown status is a variant, never a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Ended by itself with this status, 0 to 255.
    Code(u8),
    /// Ended by this signal, 1 to 64.
    Signal(u8),
    /// Nobody was there to be told: its shim is gone.
    Unknown,
}

impl Exit {
    /// Whether the program said that all went well.
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with status {code}"),
            Self::Signal(signal) => write!(f, "was killed by signal {signal}{}", signal_name(*signal)),
            Self::Unknown => f.write_str("ended with an unknown status"),
        }
    }
}

/// ` (SIGTERM)` for the signals that people know by name, else nothing.
fn signal_name(signal: u8) -> &'static str {
    match signal {
        1 => " (SIGHUP)",
        2 => " (SIGINT)",
        3 => " (SIGQUIT)",
        4 => " (SIGILL)",
        5 => " (SIGTRAP)",
        6 => " (SIGABRT)",
        7 => " (SIGBUS)",
        8 => " (SIGFPE)",
        9 => " (SIGKILL)",
        10 => " (SIGUSR1)",
        11 => " (SIGSEGV)",
        12 => " (SIGUSR2)",
        13 => " (SIGPIPE)",
        14 => " (SIGALRM)",
        15 => " (SIGTERM)",
        24 => " (SIGXCPU)",
        25 => " (SIGXFSZ)",
        31 => " (SIGSYS)",
        _ => "",
    }
}

/// The step of a launch that failed, in the order in which the steps are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartStage {
    /// Making the tmux session.
    Session,
    /// The shim in the pane did not answer.
    Shim,
    /// Making the process.
    Fork,
    /// Putting it into its cgroup.
    Cgroup,
    /// Entering the workdir.
    Workdir,
    /// Executing the program.
    Exec,
}

/// Why a run never began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError {
    /// The step that failed.
    pub stage: StartStage,
    /// One sentence without a full stop, for people: what was attempted and what the system answered.
    pub message: String,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// How a run ended, with its cause where that isn't the program's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The program ended.
    Exited {
        /// Its status.
        exit: Exit,
        /// CPU time of the program and of the children that it waited for, user and system together.
        cpu: Duration,
        /// The largest resident set of any of these, in KiB.
        max_rss_kib: u64,
    },
    /// The program never ran.
    NotStarted(StartError),
    /// The pane's terminal was taken away: its session was closed or the tmux server died. The program was killed.
    TerminalLost(Exit),
    /// The shim died and took the program with it.
    ShimLost,
}

impl Ending {
    /// The exit status, if there was a program.
    pub fn exit(&self) -> Option<Exit> {
        match self {
            Self::Exited { exit, .. } | Self::TerminalLost(exit) => Some(*exit),
            Self::ShimLost => Some(Exit::Unknown),
            Self::NotStarted(_) => None,
        }
    }

    /// Whether the agent did what it was for.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Exited { exit, .. } if exit.is_success())
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited { exit, .. } => exit.fmt(f),
            Self::NotStarted(error) => error.fmt(f),
            Self::TerminalLost(_) => f.write_str("lost its terminal: its tmux session was closed or the server died"),
            Self::ShimLost => f.write_str("lost its shim, which was killed"),
        }
    }
}
