//! What the daemon shows of itself: immutable snapshots, published whole. Readers never wait for the event loop,
//! and the event loop never waits for a reader.

mod publish;

use std::sync::Arc;

pub use crate::model::{AgentName, Ending, Exit, Mono, Now, SessionName, State, Wall};
pub use publish::Publisher;

/// Everything that the API can show, as of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Grows with every change of what follows.
    pub revision: u64,
    /// When the daemon started.
    pub started: Now,
    /// What the daemon is about.
    pub phase: Phase,
    /// Why the last read of the configuration or of the secrets was not taken, if it wasn't.
    pub config_error: Option<Arc<ConfigError>>,
    /// Sorted by name. Includes agents that are being replaced or, no longer declared, are being stopped.
    pub agents: Vec<Arc<AgentStatus>>,
}

/// A configuration that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The report, several lines, without colours or values of secrets.
    pub message: String,
    /// When it was read.
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
    /// Restarts by policy since it was declared or last changed.
    pub restarts: u32,
    /// Its process, while there is one.
    pub pid: Option<u32>,
    /// When its last run began.
    pub started_at: Option<Wall>,
    /// How its last run ended and when.
    pub last_end: Option<(Ending, Wall)>,
    /// When it is started again, while it is backing off.
    pub next_restart_at: Option<Wall>,
    /// One sentence: why it isn't running, if that is anything but its own success.
    pub error: Option<String>,
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
