//! Memory becomes snapshots: only what changed is made anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::{AgentStatus, ConfigError, Phase as DaemonPhase, Snapshot};
use crate::model::{AgentName, Now};
use crate::reconcile::{AgentMemory, Memory, Phase};

/// Publishes snapshots to whoever watches.
#[derive(Debug)]
pub struct Publisher {
    snapshots: watch::Sender<Arc<Snapshot>>,
    agents: BTreeMap<AgentName, Arc<AgentStatus>>,
    config_error: Option<Arc<ConfigError>>,
    phase: DaemonPhase,
    dirty: bool,
}

impl Publisher {
    /// Goes on from the snapshot that is there.
    pub fn new(snapshots: watch::Sender<Arc<Snapshot>>) -> Self {
        Self { snapshots, agents: BTreeMap::new(), config_error: None, phase: DaemonPhase::Running, dirty: false }
    }

    /// Says why the newest configuration was not taken, or that it was.
    pub fn set_config_error(&mut self, error: Option<Arc<ConfigError>>) {
        self.dirty |= self.config_error != error;
        self.config_error = error;
    }

    /// Says that everything is being stopped.
    pub fn set_stopping(&mut self) {
        self.dirty |= self.phase != DaemonPhase::Stopping;
        self.phase = DaemonPhase::Stopping;
    }

    /// Publishes, if anything changed.
    pub fn publish<'a>(&mut self, memory: &Memory, changed: impl Iterator<Item = &'a AgentName>, now: Now) {
        for name in changed {
            self.dirty = true;
            match memory.agents.get(name) {
                Some(agent) => self.agents.insert(name.clone(), Arc::new(status_of(name, agent, now))),
                None => self.agents.remove(name),
            };
        }
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        let (agents, config_error) = (self.agents.values().cloned().collect(), self.config_error.clone());
        self.snapshots.send_modify(|snapshot| {
            *snapshot = Arc::new(Snapshot {
                revision: snapshot.revision + 1,
                started: snapshot.started,
                phase: self.phase,
                config_error,
                agents,
            });
        });
    }
}

fn status_of(name: &AgentName, memory: &AgentMemory, now: Now) -> AgentStatus {
    let (pid, next_restart_at) = match &memory.phase {
        Phase::Running { pid } => (Some(*pid), None),
        Phase::Stopping { pid, .. } => (*pid, None),
        // By the clock that the end was noted by, so that the two differ by the delay exactly, whenever this is asked.
        Phase::BackingOff { until } => {
            (None, Some(memory.last_end.as_ref().map_or(now, |(_, at)| *at).wall_at(*until)))
        }
        Phase::Pending
        | Phase::Opening
        | Phase::Starting
        | Phase::Exited
        | Phase::Failed { .. }
        | Phase::TimedOut { .. }
        | Phase::Closing => (None, None),
    };
    AgentStatus {
        name: name.clone(),
        session: memory.declared.session.clone(),
        harness: memory.declared.harness.clone(),
        state: memory.state(),
        restarts: memory.restarts,
        pid,
        started_at: memory.started.map(|started| started.wall),
        last_end: memory.last_end.as_ref().map(|(ending, at)| (ending.clone(), at.wall)),
        next_restart_at,
        error: error_of(memory),
    }
}

fn error_of(memory: &AgentMemory) -> Option<String> {
    match &memory.phase {
        Phase::Failed { error } => Some(error.clone()),
        Phase::TimedOut { limit } => {
            Some(format!("stopped: its timeout of {} has passed", humantime::format_duration(*limit)))
        }
        Phase::BackingOff { .. } => {
            let ending = memory.last_end.as_ref().map(|(ending, _)| ending)?;
            (!ending.is_success()).then(|| ending.to_string())
        }
        Phase::Pending
        | Phase::Opening
        | Phase::Starting
        | Phase::Running { .. }
        | Phase::Stopping { .. }
        | Phase::Exited
        | Phase::Closing => None,
    }
}
