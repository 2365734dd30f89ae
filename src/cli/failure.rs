//! Why a command can't do what it was asked, said so that the next step is clear, and the exit status that tells a script.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use hyper::StatusCode;

use crate::desired::diagnostic::nearest;

/// For `--help` and the manual.
pub const EXIT_CODES: &str = "Exit status: 0 done, 1 it failed or found something wrong, 2 wrong usage, \
    3 agentd isn't running, 4 access denied, 5 no such agent.";

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Nobody listens.
    #[error("agentd isn't running: nobody listens on {}", list(.tried))]
    NotRunning {
        /// Where was looked.
        tried: Vec<PathBuf>,
    },
    /// The socket is others'.
    #[error("access denied: {} is for root{}", .socket.display(), .group.as_ref().map(|group| format!(" and the group {group}")).unwrap_or_default())]
    Denied {
        /// The socket.
        socket: PathBuf,
        /// The group that may connect.
        group: Option<String>,
    },
    /// No agent is called that.
    #[error("there is no agent {name:?}{}", hint(name, known))]
    NoSuchAgent {
        /// As asked for.
        name: String,
        /// All that there are.
        known: Vec<String>,
    },
    /// The daemon refused.
    #[error("agentd refused: {message}")]
    Refused {
        /// Its status.
        status: StatusCode,
        /// Its sentence.
        message: String,
    },
    /// The conversation broke off.
    #[error("could not talk to agentd on {}: {cause}", .socket.display())]
    Conversation {
        /// The socket.
        socket: PathBuf,
        /// What happened.
        cause: String,
    },
    /// The system refused something.
    #[error("could not {what}: {error}")]
    System {
        /// What was attempted.
        what: String,
        /// The system's answer.
        error: io::Error,
    },
    /// What is written can't be delivered. A reader that went away is no failure.
    #[error("could not write: {0}")]
    Output(#[from] io::Error),
    /// Anything else, as a sentence that says what to do.
    #[error("{0}")]
    Other(String),
}

impl Failure {
    /// The command that would help, or what else to do.
    fn advice(&self) -> Option<String> {
        match self {
            Self::NotRunning { .. } => Some(if std::path::Path::new("/run/systemd/system").exists() {
                "start it with `sudo systemctl start agentd`, or name its socket with --api-socket".to_owned()
            } else {
                "start it with `agentd --config FILE`, or name its socket with --api-socket".to_owned()
            }),
            Self::Denied { group, .. } => Some(match group {
                Some(group) => format!("use sudo, or `sudo usermod -aG {group} $USER` and log in again"),
                None => "use sudo".to_owned(),
            }),
            Self::NoSuchAgent { .. }
            | Self::Refused { .. }
            | Self::Conversation { .. }
            | Self::System { .. }
            | Self::Output(_)
            | Self::Other(_) => None,
        }
    }

    fn status(&self) -> u8 {
        match self {
            Self::NotRunning { .. } => 3,
            Self::Denied { .. } => 4,
            Self::NoSuchAgent { .. } => 5,
            Self::Refused { .. }
            | Self::Conversation { .. }
            | Self::System { .. }
            | Self::Output(_)
            | Self::Other(_) => 1,
        }
    }
}

/// The end of a command: its exit status, and on standard error why it isn't 0.
pub fn finish(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            let mut stderr = io::stderr().lock();
            // There is nowhere else to say it.
            let _ = writeln!(stderr, "agentd: {failure}");
            if let Some(advice) = failure.advice() {
                let _ = writeln!(stderr, "  {advice}");
            }
            ExitCode::from(failure.status())
        }
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" or ")
}

fn hint(name: &str, known: &[String]) -> String {
    match (nearest(name, known.iter().map(String::as_str)), known) {
        (Some(similar), _) => format!(": did you mean {similar:?}?"),
        (None, []) => ": none is declared".to_owned(),
        (None, known) if known.len() <= 10 => format!("; there are {}", known.join(", ")),
        (None, known) => format!("; there are {}: see `agentd status`", known.len()),
    }
}
