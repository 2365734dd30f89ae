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
    /// What it does, by its harness's account.
    pub activity: Option<Activity>,
    /// Its harness's own name for the conversation.
    pub conversation: Option<String>,
    /// What it used of its model.
    pub model_usage: Option<ModelUsage>,
}

impl Agent {
    /// Whether it says the same, apart from what changes with all that an agent does.
    pub fn is_same(&self, other: &Self) -> bool {
        let at_rest = |agent: &Self| {
            let mut agent = Self { model_usage: None, ..agent.clone() };
            if let Some(activity) = &mut agent.activity {
                activity.source.clear();
            }
            agent
        };
        self == other || at_rest(self) == at_rest(other)
    }
}

/// What an agent does.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Activity {
    /// One of four words, or one that a newer daemon knows.
    pub state: String,
    /// RFC 3339.
    pub since: String,
    /// What told it.
    pub source: String,
    /// What it waits on; may be empty.
    pub question: String,
}

/// What an agent used of its model.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ModelUsage {
    /// In the newest run.
    pub run: Amounts,
    /// In all runs.
    pub total: Amounts,
}

/// As far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Amounts {
    /// Turns of the model.
    pub turns: Option<u64>,
    /// US dollars.
    pub cost_usd: Option<f64>,
    /// Sent, without those that a cache had.
    pub input_tokens: Option<u64>,
    /// Came back.
    pub output_tokens: Option<u64>,
    /// Sent, and a cache had them.
    pub cache_read_tokens: Option<u64>,
    /// Put into a cache.
    pub cache_write_tokens: Option<u64>,
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
    /// What came of it, in one word; an older daemon has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// What told that.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// The harness's own words for it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// When a rate limit ends, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_at: Option<String>,
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
