//! The JSON of the API: the only place that knows it.
//!
//! Clients of the older agentd decode `name`, `running`, `session` and `restarts`; these keep their types, and they and
//! the fields without "where known" are always there. Times are RFC 3339 in UTC.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use hyper::body::Bytes;
use serde::Serialize;

use crate::model::{Exit, Now, State, Wall};
use crate::status::{AgentStatus, Phase, Snapshot};

#[derive(Serialize)]
struct Health<'a> {
    state: &'static str,
    uptime_seconds: u64,
    version: &'static str,
    revision: u64,
    agents: Counts,
    #[serde(skip_serializing_if = "Option::is_none")]
    config_error: Option<ConfigError<'a>>,
}

#[derive(Serialize)]
struct Counts {
    total: usize,
    #[serde(flatten)]
    by_state: BTreeMap<&'static str, usize>,
}

#[derive(Serialize)]
struct ConfigError<'a> {
    message: &'a str,
    at: String,
}

#[derive(Serialize)]
struct Agent<'a> {
    name: &'a str,
    running: bool,
    session: &'a str,
    restarts: u32,
    r#type: &'static str,
    harness: &'a str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit: Option<ExitWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_restart_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// Exactly one of `code` and `signal`; neither where the status is not known.
#[derive(Serialize)]
struct ExitWire {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<u8>,
    at: String,
}

#[derive(Serialize)]
struct Error<'a> {
    error: &'a str,
}

pub(super) fn health(snapshot: &Snapshot, now: Now) -> Bytes {
    let mut by_state: BTreeMap<_, _> = State::ALL.iter().map(|state| (state.as_str(), 0)).collect();
    for agent in &snapshot.agents {
        *by_state.entry(agent.state.as_str()).or_default() += 1;
    }
    let config_error = snapshot.config_error.as_deref();
    json(&Health {
        state: match snapshot.phase {
            Phase::Running => "running",
            Phase::Stopping => "stopping",
        },
        uptime_seconds: now.mono.since(snapshot.started.mono).as_secs(),
        version: env!("CARGO_PKG_VERSION"),
        revision: snapshot.revision,
        agents: Counts { total: snapshot.agents.len(), by_state },
        config_error: config_error.map(|error| ConfigError { message: &error.message, at: time(error.at) }),
    })
}

pub(super) fn agent(status: &AgentStatus) -> Bytes {
    json(&Agent {
        name: status.name.as_str(),
        running: status.pid.is_some(),
        session: status.session.as_str(),
        restarts: status.restarts,
        r#type: "native",
        harness: &status.harness,
        state: status.state.as_str(),
        pid: status.pid,
        started_at: status.started_at.map(time),
        exit: status.last_end.as_ref().and_then(|(ending, at)| ending.exit().map(|exit| exit_wire(exit, *at))),
        next_restart_at: status.next_restart_at.map(time),
        error: status.error.as_deref(),
    })
}

/// Joins what [`agent`] made.
pub(super) fn list(agents: &[Bytes]) -> Bytes {
    let mut list = Vec::with_capacity(agents.iter().map(|agent| agent.len() + 1).sum::<usize>() + 2);
    list.push(b'[');
    for (index, agent) in agents.iter().enumerate() {
        if index > 0 {
            list.push(b',');
        }
        list.extend_from_slice(agent);
    }
    list.push(b']');
    list.into()
}

pub(super) fn error(message: &str) -> Bytes {
    json(&Error { error: message })
}

fn exit_wire(exit: Exit, at: Wall) -> ExitWire {
    let (code, signal) = match exit {
        Exit::Code(code) => (Some(code), None),
        Exit::Signal(signal) => (None, Some(signal)),
        Exit::Unknown => (None, None),
    };
    ExitWire { code, signal, at: time(at) }
}

fn time(wall: Wall) -> String {
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_nanos(wall.0)).to_string()
}

/// None of these types can fail to serialize: they have no maps with keys that aren't text.
fn json(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).unwrap_or_default().into()
}
