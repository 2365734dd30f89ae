//! Memory becomes snapshots, and transitions become entries of the journal: only what changed is made anew.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{
    ActivityStatus, AgentStatus, ConfigError, EndCounts, Happening, Journal, Phase as DaemonPhase, PlanTimes, Snapshot,
    Views,
};
use crate::model::{AgentName, Desired, Doing, End, Now, State, Terminal, Wall};
use crate::reconcile::{AgentMemory, Memory, Phase, StallNews, Transition};

/// Publishes to whoever watches.
#[derive(Debug)]
pub struct Publisher {
    snapshots: watch::Sender<Arc<Snapshot>>,
    journal: watch::Sender<Journal>,
    declared: watch::Sender<Option<Arc<Desired>>>,
    plans: watch::Sender<PlanTimes>,
    agents: BTreeMap<AgentName, Arc<AgentStatus>>,
    /// Of those that are known.
    ends: BTreeMap<AgentName, EndCounts>,
    config_error: Option<Arc<ConfigError>>,
    phase: DaemonPhase,
    dirty: bool,
}

impl Publisher {
    /// Begins with what is known at the start, and tells where to look.
    pub fn new(first: Snapshot) -> (Self, Views) {
        let (snapshots, snapshot) = watch::channel(Arc::new(first));
        let (journal, entries) = watch::channel(Journal::default());
        let (declared, declarations) = watch::channel(None);
        let (plans, plan_times) = watch::channel(PlanTimes::default());
        let publisher = Self {
            snapshots,
            journal,
            declared,
            plans,
            agents: BTreeMap::new(),
            ends: BTreeMap::new(),
            config_error: None,
            phase: DaemonPhase::Running,
            dirty: false,
        };
        (publisher, Views { snapshots: snapshot, journal: entries, declared: declarations, plans: plan_times })
    }

    /// Says that a configuration was taken, and whether it is another one than before.
    pub fn config_loaded(&mut self, desired: Option<&Arc<Desired>>, now: Now) {
        let had_error = self.config_error.take().is_some();
        self.dirty |= had_error;
        self.show();
        if let Some(desired) = desired {
            self.declared.send_replace(Some(Arc::clone(desired)));
        }
        if had_error || desired.is_some() {
            let agents = self.declared.borrow().as_ref().map_or(0, |desired| desired.agents.len());
            self.note(now.wall, Happening::ConfigLoaded { agents });
        }
    }

    /// Says why the newest configuration was not taken.
    pub fn config_refused(&mut self, message: String, now: Now) {
        if self.config_error.as_ref().is_some_and(|known| known.message == message) {
            return;
        }
        self.config_error = Some(Arc::new(ConfigError { message: message.clone(), at: now.wall }));
        self.dirty = true;
        self.show();
        self.note(now.wall, Happening::ConfigRefused { message });
    }

    /// Says that everything is being stopped.
    pub fn stopping(&mut self, now: Now) {
        if self.phase == DaemonPhase::Stopping {
            return;
        }
        self.phase = DaemonPhase::Stopping;
        self.dirty = true;
        self.show();
        self.note(now.wall, Happening::Stopping);
    }

    /// Says that what is declared is kept running, again.
    pub fn running(&mut self) {
        self.dirty |= self.phase != DaemonPhase::Running;
        self.phase = DaemonPhase::Running;
        self.show();
    }

    /// Publishes what changed of agents, and what happened to them. `terminal` tells where one runs.
    pub fn publish<'a>(
        &mut self,
        memory: &Memory,
        changed: impl Iterator<Item = &'a AgentName>,
        (transitions, ends, stalls): (&[Transition], &[(AgentName, End)], &[StallNews]),
        terminal: impl Fn(&AgentName) -> Option<Terminal>,
        now: Now,
    ) {
        for (agent, end) in ends {
            self.ends.entry(agent.clone()).or_default().count(end);
        }
        let mut activities = Vec::new();
        for name in changed {
            let Some(agent) = memory.agents.get(name) else {
                self.dirty = true;
                self.agents.remove(name);
                self.ends.remove(name);
                continue;
            };
            let (before, ends) = (self.agents.get(name), self.ends.get(name).copied().unwrap_or_default());
            let status = status_of(name, agent, before.map(Arc::as_ref), terminal(name), ends, now);
            if before.is_some_and(|before| **before == status) {
                continue;
            }
            self.dirty = true;
            if status.state.has_process() && !is_same(before.and_then(|it| it.activity.as_ref()), &status) {
                let (agent, activity) = (name.clone(), status.activity.clone());
                activities.push(Happening::Activity { agent, activity });
            }
            self.agents.insert(name.clone(), Arc::new(status));
        }
        self.show();
        let happenings: Vec<_> =
            transitions.iter().map(happening).chain(activities).chain(stalls.iter().map(stall)).collect();
        if !happenings.is_empty() {
            self.journal.send_modify(|journal| {
                for happening in happenings {
                    journal.push(now.wall, happening);
                }
            });
        }
    }

    /// The state of an agent that was last told.
    pub fn told(&self, agent: &AgentName) -> Option<State> {
        self.agents.get(agent).map(|status| status.state)
    }

    /// Counts a plan.
    pub fn planned(&self, took: Duration) {
        self.plans.send_modify(|plans| plans.add(took));
    }

    fn show(&mut self) {
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        let (agents, config_error) = (self.agents.values().cloned().collect(), self.config_error.clone());
        self.snapshots.send_modify(|snapshot| {
            *snapshot = Arc::new(Snapshot {
                revision: snapshot.revision + 1,
                started: snapshot.started,
                about: Arc::clone(&snapshot.about),
                phase: self.phase,
                config_error,
                agents,
            });
        });
    }

    fn note(&self, at: Wall, happening: Happening) {
        self.journal.send_modify(|journal| journal.push(at, happening));
    }
}

fn happening(transition: &Transition) -> Happening {
    let Transition { agent, from, to, reason, end, restarts } = transition.clone();
    Happening::Transition { agent, from, to, reason, end, restarts }
}

fn stall(news: &StallNews) -> Happening {
    let StallNews { agent, since, reason } = news.clone();
    Happening::Stall { agent, since, reason }
}

fn status_of(
    name: &AgentName,
    memory: &AgentMemory,
    before: Option<&AgentStatus>,
    terminal: Option<Terminal>,
    ends: EndCounts,
    now: Now,
) -> AgentStatus {
    let (pid, next_restart_at) = match &memory.phase {
        Phase::Running { pid } => (Some(*pid), None),
        Phase::Stopping { pid, .. } => (*pid, None),
        // By the clock that the end was noted by, so that the two differ by the delay exactly, whenever this is asked.
        Phase::BackingOff { until } => (None, Some(memory.last_end.as_ref().map_or(now, |end| end.at).wall_at(*until))),
        Phase::Pending
        | Phase::Opening
        | Phase::Starting
        | Phase::Exited
        | Phase::Failed { .. }
        | Phase::TimedOut { .. }
        | Phase::Closing => (None, None),
    };
    let last_end = memory.last_end.clone();
    let started_at = memory.started.map(|started| started.wall);
    AgentStatus {
        name: name.clone(),
        session: memory.declared.session.clone(),
        harness: memory.declared.harness.clone(),
        state: memory.state(),
        since: since(memory.state(), started_at, last_end.as_ref(), before, now),
        restarts: memory.restarts,
        pid,
        started_at,
        next_restart_at,
        error: error_of(memory),
        terminal: terminal.map(Arc::new),
        ends,
        last_end,
        activity: activity_of(memory, now),
        stalled_since: memory.stalled_since(),
        is_watched: memory.is_watched(),
        conversation: memory.told.session.clone().or_else(|| memory.conversation.worked_in(&memory.told)),
        spent: memory.told.spent,
        spent_total: memory.spent.plus(memory.told.spent),
    }
}

/// Whether an agent does what it did, whatever tells it now.
fn is_same(before: Option<&ActivityStatus>, now: &AgentStatus) -> bool {
    let what = |status: &ActivityStatus| (status.activity, status.since, status.question.clone());
    before.map(what) == now.activity.as_ref().map(what)
}

fn activity_of(memory: &AgentMemory, now: Now) -> Option<ActivityStatus> {
    let Doing { activity, since, source, question } = memory.doing()?.clone();
    // By the clock that the start was noted by, so that a clock that is set makes no news.
    let since = memory.started.unwrap_or(now).wall_at(since);
    Some(ActivityStatus { activity, since, source, question })
}

/// When the state began. An end and a start have a time of their own, which outlives the daemon.
fn since(
    state: State,
    started_at: Option<Wall>,
    last_end: Option<&End>,
    before: Option<&AgentStatus>,
    now: Now,
) -> Wall {
    let known = match state {
        State::Running => started_at,
        State::BackingOff | State::Exited | State::Failed | State::TimedOut => last_end.map(|end| end.at.wall),
        State::Pending | State::Starting | State::Stopping => None,
    };
    let same = before.filter(|before| before.state == state).map(|before| before.since);
    known.or(same).unwrap_or(now.wall)
}

fn error_of(memory: &AgentMemory) -> Option<String> {
    match &memory.phase {
        Phase::Failed { error } => Some(error.clone()),
        Phase::TimedOut { limit } => {
            Some(format!("stopped: its timeout of {} has passed", humantime::format_duration(*limit)))
        }
        Phase::BackingOff { .. } => {
            let end = memory.last_end.as_ref()?;
            (!end.is_success()).then(|| end.to_string())
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
