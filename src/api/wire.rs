//! The JSON of the API, and the only place that knows it. These structs are the contract with other programs: they
//! change by addition only, and apart from what the daemon thinks in (`status`). Fields that have nothing to say are
//! left out, except for `name`, `running`, `session` and `restarts`, which every client may rely on.

pub(super) mod journal;
mod told;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use hyper::body::Bytes;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::declared::Declared;
use super::usage::Usage;
use crate::status::{AgentStatus, End, Ending, Exit, Now, Phase, Snapshot, State, Wall};

/// `/v1/health`.
pub(super) fn health(snapshot: &Snapshot, now: Now) -> Bytes {
    to_bytes(&Health {
        state: match snapshot.phase {
            Phase::Running => "running",
            Phase::Stopping => "stopping",
        },
        uptime_seconds: now.mono.since(snapshot.started.mono).as_secs(),
        version: env!("CARGO_PKG_VERSION"),
        revision: snapshot.revision,
        pid: snapshot.about.pid,
        user: &snapshot.about.user,
        config: snapshot.about.config.to_string_lossy(),
        secret_dir: snapshot.about.secret_dir.to_string_lossy(),
        credentials_dir: snapshot.about.credentials_dir.as_ref().map(|dir| dir.to_string_lossy()),
        tmux_socket: snapshot.about.tmux_socket.to_string_lossy(),
        agents: AgentCounts::of(snapshot),
        config_error: snapshot
            .config_error
            .as_deref()
            .map(|error| ConfigError { message: &error.message, at: Time(error.at) }),
    })
}

/// `/v1/agents`: `[` and agents and `]`, with this between two of them.
pub(super) const LIST: (u8, u8, u8) = (b'[', b',', b']');

/// `/v1/agents/{name}`.
pub(super) fn agent(status: &AgentStatus) -> Bytes {
    to_bytes(&Agent::of(status))
}

/// The same, at the end of a list.
pub(super) fn append_agent(body: &mut Vec<u8>, status: &AgentStatus) {
    append(body, &Agent::of(status));
}

/// `/v1/usage`.
pub(super) fn usage(usage: &[(Arc<AgentStatus>, Usage)]) -> Bytes {
    let of = |(agent, usage): &'_ (Arc<AgentStatus>, Usage)| AgentUsage {
        name: agent.name.as_str().to_owned(),
        cpu_seconds: usage.tree.cpu.as_secs_f64(),
        cpu_load: usage.load,
        memory_bytes: usage.tree.memory,
        processes: usage.tree.processes,
    };
    to_bytes(&UsageList { agents: usage.iter().map(of).collect() })
}

/// The body of every answer that isn't 200.
pub(super) fn error(message: &str) -> Bytes {
    to_bytes(&ErrorBody { error: message })
}

fn to_bytes(value: &impl Serialize) -> Bytes {
    let mut body = Vec::with_capacity(512);
    append(&mut body, value);
    Bytes::from(body)
}

fn append(body: &mut Vec<u8>, value: &impl Serialize) {
    // A vector takes all that is written, there are no maps with odd keys, and no `Serialize` of ours fails.
    let written = serde_json::to_writer(body, value);
    debug_assert!(written.is_ok(), "{written:?}");
}

/// What the agents that have a terminal use.
#[derive(Serialize, ToSchema)]
struct UsageList {
    agents: Vec<AgentUsage>,
}

/// What an agent and all that it started use.
#[derive(Serialize, ToSchema)]
struct AgentUsage {
    name: String,
    /// CPU time in this session, runs that have ended included.
    cpu_seconds: f64,
    /// The share of one core that it used lately.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_load: Option<f64>,
    /// Resident memory of all its processes.
    memory_bytes: u64,
    processes: u64,
}

/// Why there is no answer.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
struct ErrorBody<'a> {
    /// One sentence.
    error: &'a str,
}

#[derive(Serialize, ToSchema)]
struct Health<'a> {
    state: &'static str,
    uptime_seconds: u64,
    version: &'static str,
    revision: u64,
    /// The daemon's process.
    pid: u32,
    /// The login name of the user that agents run as.
    user: &'a str,
    /// The file that declares the agents.
    config: Cow<'a, str>,
    /// The directory of their secrets.
    secret_dir: Cow<'a, str>,
    /// Secrets that came with the service: its credentials directory, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials_dir: Option<Cow<'a, str>>,
    /// Where to attach.
    tmux_socket: Cow<'a, str>,
    agents: AgentCounts,
    #[serde(skip_serializing_if = "Option::is_none")]
    config_error: Option<ConfigError<'a>>,
}

#[derive(Serialize, ToSchema)]
struct ConfigError<'a> {
    message: &'a str,
    at: Time,
}

/// All states are listed, also those that no agent is in.
#[derive(Default, Serialize, ToSchema)]
struct AgentCounts {
    total: usize,
    pending: usize,
    starting: usize,
    running: usize,
    stopping: usize,
    backing_off: usize,
    exited: usize,
    failed: usize,
    timed_out: usize,
}

impl AgentCounts {
    fn of(snapshot: &Snapshot) -> Self {
        let mut counts = Self { total: snapshot.agents.len(), ..Self::default() };
        for agent in &snapshot.agents {
            *counts.of_state(agent.state) += 1;
        }
        counts
    }

    fn of_state(&mut self, state: State) -> &mut usize {
        match state {
            State::Pending => &mut self.pending,
            State::Starting => &mut self.starting,
            State::Running => &mut self.running,
            State::Stopping => &mut self.stopping,
            State::BackingOff => &mut self.backing_off,
            State::Exited => &mut self.exited,
            State::Failed => &mut self.failed,
            State::TimedOut => &mut self.timed_out,
        }
    }
}

#[derive(Serialize, ToSchema)]
struct Agent<'a> {
    name: &'a str,
    /// A process of it is alive, also while that is being stopped.
    running: bool,
    session: &'a str,
    restarts: u32,
    r#type: &'static str,
    harness: &'a str,
    #[schema(value_type = StateWord)]
    state: &'static str,
    /// When the state began.
    since: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    /// Its tmux pane, `%N`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pane: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit: Option<LastEnd>,
    /// What it does, as far as anybody can tell; only while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    activity: Option<told::Activity<'a>>,
    /// Since when it gives no sign of life, if it is declared what follows then.
    #[serde(skip_serializing_if = "Option::is_none")]
    stalled_since: Option<Time>,
    /// The harness's own name for its session or thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_usage: Option<told::ModelUsage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_restart_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

impl<'a> Agent<'a> {
    fn of(status: &'a AgentStatus) -> Self {
        Self {
            name: status.name.as_str(),
            running: status.state.has_process(),
            session: status.session.as_str(),
            restarts: status.restarts,
            r#type: "native",
            harness: &status.harness,
            state: status.state.as_str(),
            since: Time(status.since),
            pid: status.pid,
            pane: status.terminal.as_deref().map(|terminal| terminal.pane.as_str()),
            started_at: status.started_at.map(Time),
            exit: status.last_end.as_ref().map(LastEnd::of),
            activity: status.activity.as_ref().map(told::Activity::of),
            stalled_since: status.stalled_since.map(Time),
            conversation: status.conversation.as_deref(),
            model_usage: told::ModelUsage::of(status),
            next_restart_at: status.next_restart_at.map(Time),
            error: status.error.as_deref(),
        }
    }
}

/// How the last run ended: `kind` says which of the other fields to expect.
#[derive(Serialize, ToSchema)]
struct LastEnd {
    #[serde(flatten)]
    how: How,
    /// What took the agent down, where that wasn't itself or a signal sent to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
    #[serde(flatten)]
    what: told::Outcome,
    at: Time,
}

#[derive(Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum How {
    Exited {
        code: u8,
    },
    Killed {
        signal: u8,
        /// Real-time signals have none.
        #[serde(skip_serializing_if = "Option::is_none")]
        signal_name: Option<&'static str>,
    },
    /// It ended, and nobody can say how.
    Unknown,
    /// There was no process; the agent's `error` says why.
    NotStarted,
}

impl LastEnd {
    fn of(end: &End) -> Self {
        let (how, cause) = match &end.ending {
            Ending::Exited { exit, .. } => (How::of(*exit), None),
            Ending::NotStarted(_) => (How::NotStarted, None),
            Ending::TerminalLost(exit) => (How::of(*exit), Some("terminal_lost")),
            Ending::ShimLost => (How::Unknown, Some("shim_lost")),
        };
        Self { how, cause, what: told::Outcome::of(end), at: Time(end.at.wall) }
    }
}

impl How {
    fn of(exit: Exit) -> Self {
        match exit {
            Exit::Code(code) => Self::Exited { code },
            Exit::Signal(signal) => {
                let known = nix::sys::signal::Signal::try_from(i32::from(signal));
                Self::Killed { signal, signal_name: known.ok().map(nix::sys::signal::Signal::as_str) }
            }
            Exit::Unknown => Self::Unknown,
        }
    }
}

/// RFC 3339, UTC, milliseconds.
#[derive(ToSchema)]
#[schema(value_type = String, format = DateTime)]
struct Time(Wall);

/// The states of an agent, as words.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "for the description only")]
enum StateWord {
    Pending,
    Starting,
    Running,
    Stopping,
    BackingOff,
    Exited,
    Failed,
    TimedOut,
}

/// The shapes of all that is sent, by name, for the description of the API.
pub(super) fn schemas() -> serde_json::Value {
    fn of<T: ToSchema>() -> Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)> {
        let mut schemas = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut schemas);
        schemas
    }
    let all =
        [of::<Health>(), of::<Agent>(), of::<UsageList>(), of::<Declared>(), of::<ErrorBody>(), of::<journal::Event>()]
            .concat();
    all.into_iter().map(|(name, schema)| (name, serde_json::json!(schema))).collect()
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The latest time that fits, in 2554, has four digits for its year, which is all that the notation has.
        let time = UNIX_EPOCH + Duration::from_nanos(self.0.0);
        // Not `collect_str`, which looks for characters to escape in each of the pieces that it is handed.
        serializer.serialize_str(&humantime::format_rfc3339_millis(time).to_string())
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
