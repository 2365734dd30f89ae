//! What the daemon says, as far as the commands read it. The daemon may be older or newer than this program: what isn't
//! known is passed over, and what may be missing is optional.

use serde::{Deserialize, Serialize};

/// `/v1/health`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Health {
    /// `running` or `stopping`.
    pub state: String,
    /// Whole seconds.
    pub uptime_seconds: u64,
    /// Of the daemon.
    pub version: String,
    /// Grows with every change.
    pub revision: u64,
    /// The daemon's process.
    pub pid: u32,
    /// The user that agents run as.
    pub user: String,
    /// The file that declares the agents.
    pub config: String,
    /// The directory of their secrets.
    pub secret_dir: String,
    /// Secrets that came with the service.
    pub credentials_dir: Option<String>,
    /// Where to attach.
    pub tmux_socket: String,
    /// Why the newest configuration was not taken, if it wasn't.
    pub config_error: Option<ConfigError>,
}

/// Why a configuration was not taken.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ConfigError {
    /// The report, several lines.
    pub message: String,
    /// RFC 3339.
    pub at: String,
}

/// One agent.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Agent {
    /// Its name.
    pub name: String,
    /// A process of it is alive.
    pub running: bool,
    /// Its tmux session.
    pub session: String,
    /// Restarts by policy.
    pub restarts: u32,
    /// Its harness.
    pub harness: String,
    /// Its state: one of the eight words, or one that a newer daemon knows.
    pub state: String,
    /// When the state began, RFC 3339.
    pub since: Option<String>,
    /// Its process.
    pub pid: Option<u32>,
    /// Its pane.
    pub pane: Option<String>,
    /// When its last run began.
    pub started_at: Option<String>,
    /// How its last run ended.
    pub exit: Option<Exit>,
    /// When it is started again.
    pub next_restart_at: Option<String>,
    /// Why it isn't running.
    pub error: Option<String>,
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Exit {
    /// `exited`, `killed`, `unknown` or `not_started`.
    pub kind: String,
    /// The status of one that exited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u8>,
    /// The signal of one that was killed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<u8>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal_name: Option<String>,
    /// `terminal_lost` or `shim_lost`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// When, RFC 3339.
    pub at: String,
}

/// What an agent and all that it started use: `/v1/usage`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Whose.
    pub name: String,
    /// CPU time so far.
    pub cpu_seconds: f64,
    /// The share of one core that it used lately, 1.0 for all of it; none before it is known.
    pub cpu_load: Option<f64>,
    /// Resident memory of all its processes.
    pub memory_bytes: u64,
    /// How many there are.
    pub processes: u64,
}
