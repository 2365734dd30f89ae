//! What the daemon shows of itself: immutable snapshots, published whole, and a journal of what happened. Readers never
//! wait for the event loop, and the event loop never waits for a reader.

mod journal;
mod plan_times;
mod publish;
pub mod summary;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;

pub use crate::model::{
    Activity, AgentName, Desired, End, Ending, Evidence, Exit, Mono, Now, Outcome, SessionName, Spent, State, Terminal,
    Wall,
};
pub use journal::{Entry, Happening, Journal};
pub use plan_times::PlanTimes;
pub use publish::Publisher;

/// Where the daemon shows itself. Each holds the latest only, so nobody can keep anything from being shown.
#[derive(Clone, Debug)]
pub struct Views {
    /// What is.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// What happened. An entry comes after the snapshot in which it can be seen.
    pub journal: watch::Receiver<Journal>,
    /// What is declared, as last taken; none before that.
    pub declared: watch::Receiver<Option<Arc<Desired>>>,
    /// How long plans took.
    pub plans: watch::Receiver<PlanTimes>,
}

/// Everything that the API can show, as of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Grows with every change of what follows.
    pub revision: u64,
    /// When the daemon started. Its nanoseconds tell this daemon from an earlier one.
    pub started: Now,
    /// What was decided at its start.
    pub about: Arc<About>,
    /// What the daemon is about.
    pub phase: Phase,
    /// Why the last read of the configuration or of the secrets was not taken, if it wasn't.
    pub config_error: Option<Arc<ConfigError>>,
    /// Sorted by name. Includes agents that are being replaced or, no longer declared, are being stopped.
    pub agents: Vec<Arc<AgentStatus>>,
}

/// What a daemon is told at its start, as far as those who use it want to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The declared agents.
    pub config: PathBuf,
    /// Their secrets.
    pub secret_dir: PathBuf,
    /// Secrets that came with the service, if it has any.
    pub credentials_dir: Option<PathBuf>,
    /// Where to attach.
    pub tmux_socket: PathBuf,
    /// The login name of the user that agents run as.
    pub user: String,
    /// The daemon's process.
    pub pid: u32,
}

/// A configuration that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The report, several lines, without colours or values of secrets.
    pub message: String,
    /// When that was found first.
    pub at: Wall,
}

/// One agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentStatus {
    /// Its name.
    pub name: AgentName,
    /// Its tmux session.
    pub session: SessionName,
    /// Its harness.
    pub harness: Arc<str>,
    /// Where it is in its life.
    pub state: State,
    /// Since when.
    pub since: Wall,
    /// Restarts by policy since it was declared or last changed.
    pub restarts: u32,
    /// Its process, while there is one.
    pub pid: Option<u32>,
    /// When its last run began.
    pub started_at: Option<Wall>,
    /// How its last run ended.
    pub last_end: Option<End>,
    /// What it does, while it runs and as far as anybody can tell.
    pub activity: Option<ActivityStatus>,
    /// Since when it gives no sign of life, if it has a policy for that.
    pub stalled_since: Option<Wall>,
    /// Only its terminal tells whether it does anything, or it counts too: it is looked at now and then.
    pub is_watched: bool,
    /// The harness's own name for the conversation of its newest run.
    pub conversation: Option<String>,
    /// What its newest run has spent.
    pub spent: Spent,
    /// What it has spent in all, that run included.
    pub spent_total: Spent,
    /// When it is started again, while it is backing off.
    pub next_restart_at: Option<Wall>,
    /// One sentence: why it isn't running, if that is anything but its own success.
    pub error: Option<String>,
    /// Where it runs, once tmux has told.
    pub terminal: Option<Arc<Terminal>>,
    /// How its runs ended.
    pub ends: EndCounts,
}

impl AgentStatus {
    /// One of which nothing else is known, since the beginning of time.
    pub fn new(name: AgentName, session: SessionName, harness: &str, state: State) -> Self {
        Self {
            name,
            session,
            harness: harness.into(),
            state,
            since: Wall(0),
            restarts: 0,
            pid: None,
            started_at: None,
            last_end: None,
            activity: None,
            stalled_since: None,
            is_watched: false,
            conversation: None,
            spent: Spent::default(),
            spent_total: Spent::default(),
            next_restart_at: None,
            error: None,
            terminal: None,
            ends: EndCounts::default(),
        }
    }
}

/// What an agent does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivityStatus {
    /// What.
    pub activity: Activity,
    /// Since when.
    pub since: Wall,
    /// What told it.
    pub source: String,
    /// What it waits on; empty if it doesn't say.
    pub question: String,
}

/// How the runs of an agent ended since this daemon started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndCounts {
    /// With status 0.
    pub success: u64,
    /// With another status.
    pub failure: u64,
    /// By a signal.
    pub signal: u64,
    /// Before there was a process.
    pub not_started: u64,
    /// With its terminal or its shim.
    pub lost: u64,
    /// Nobody knows.
    pub unknown: u64,
    /// What came of them, in the order of [`Outcome::ALL`].
    pub outcomes: [u64; Outcome::ALL.len()],
}

impl EndCounts {
    fn count(&mut self, end: &End) {
        for (outcome, count) in Outcome::ALL.into_iter().zip(&mut self.outcomes) {
            *count += u64::from(outcome == end.outcome);
        }
        let counter = match &end.ending {
            Ending::Exited { exit: Exit::Code(0), .. } => &mut self.success,
            Ending::Exited { exit: Exit::Code(_), .. } => &mut self.failure,
            Ending::Exited { exit: Exit::Signal(_), .. } => &mut self.signal,
            Ending::Exited { exit: Exit::Unknown, .. } => &mut self.unknown,
            Ending::NotStarted(_) => &mut self.not_started,
            Ending::TerminalLost(_) | Ending::ShimLost => &mut self.lost,
        };
        *counter += 1;
    }
}

/// Where the daemon itself is in its life, as seen by those it serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// It keeps what is declared running.
    #[default]
    Running,
    /// It was asked to end and is stopping its agents.
    Stopping,
}
