//! The one owner of the world's state: takes events, plans, has the plan carried out, publishes what came of it.
//!
//! Nothing in here waits for anything but the next event or the plan's own `wake_at`.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::desired::Loaded;
use crate::event::Event;
use crate::execute::{Executor, Server};
use crate::model::{Desired, Mono, Observed, Shutdown};
use crate::reconcile::{Memory, Transition, reconcile};
use crate::status::Publisher;
use crate::sys::clock;

/// Events that are taken before the next plan, so that a burst is planned once and yet nobody waits for its end.
const MOST_EVENTS_A_PLAN: usize = 256;

/// Sent once, when the agents that were there before this daemon have been adopted.
pub type Adopted = Option<tokio::sync::oneshot::Sender<()>>;

/// The loop's state.
#[derive(Debug)]
pub struct EventLoop {
    events: mpsc::Receiver<Event>,
    outcomes: mpsc::UnboundedReceiver<crate::execute::Outcome>,
    executor: Executor,
    desired: Option<Arc<Desired>>,
    terminating: bool,
    observed: Observed,
    memory: Memory,
    publisher: Publisher,
    adopted: Adopted,
    wake_at: Option<Mono>,
}

/// Why the loop ended.
#[derive(Debug, thiserror::Error)]
pub enum LoopError {
    /// A task of the executor panicked.
    #[error("a task of the executor failed: {0}")]
    Task(#[from] tokio::task::JoinError),
    /// Nobody is left who could send an event.
    #[error("every source of events has ended")]
    NoEvents,
}

impl EventLoop {
    /// A loop that knows nothing yet.
    pub fn new(
        events: mpsc::Receiver<Event>,
        outcomes: mpsc::UnboundedReceiver<crate::execute::Outcome>,
        executor: Executor,
        publisher: Publisher,
        adopted: Adopted,
    ) -> Self {
        Self {
            events,
            outcomes,
            executor,
            desired: None,
            terminating: false,
            observed: Observed::default(),
            memory: Memory::default(),
            publisher,
            adopted,
            wake_at: None,
        }
    }

    /// Runs until everything was asked to end and has ended. It can be dropped and called again at any time.
    pub async fn run(&mut self) -> Result<(), LoopError> {
        loop {
            let wake_at = self.wake_at;
            let first = tokio::select! {
                biased;
                Some(outcome) = self.outcomes.recv() => Some(Event::Outcome(outcome)),
                event = self.events.recv() => Some(event.ok_or(LoopError::NoEvents)?),
                () = sleep_until(wake_at) => None,
                error = self.executor.task_failed() => return Err(error.into()),
            };
            if let Some(event) = first {
                self.handle(event);
                self.handle_more();
            }
            self.wake_at = self.plan();
            if self.terminating && self.memory.agents.is_empty() && self.observed.seats.is_empty() {
                return Ok(());
            }
        }
    }

    /// Begins to stop everything; called again, without waiting for grace periods. [`EventLoop::run`] does it.
    pub fn terminate(&mut self) {
        let shutdown = if self.terminating { Shutdown::Now } else { Shutdown::Graceful };
        tracing::info!(?shutdown, "stops all agents");
        self.terminating = true;
        self.publisher.stopping(clock::now());
        self.wake_at = Some(Mono(0));
        self.desired = Some(Arc::new(Desired { shutdown, ..Desired::default() }));
    }

    /// Hands out the tmux server to be ended, once everything on it has.
    pub async fn release_server(&mut self) -> Option<Server> {
        self.executor.release_server().await
    }

    /// Takes what is there already.
    fn handle_more(&mut self) {
        for _ in 0..MOST_EVENTS_A_PLAN {
            let next = self.outcomes.try_recv().ok().map(Event::Outcome).or_else(|| self.events.try_recv().ok());
            match next {
                Some(event) => self.handle(event),
                None => return,
            }
        }
    }

    fn handle(&mut self, event: Event) {
        let now = clock::now();
        let Self { executor, observed, memory, .. } = self;
        match event {
            Event::Loaded(loaded) => self.loaded(*loaded),
            Event::LoginEnvironment(environment) => executor.set_login_environment(environment, observed),
            Event::ServerUp { server, panes } => {
                executor.server_up(server, panes, observed, now.mono);
                executor.claim_all(memory, observed, now);
            }
            Event::ServerDown => executor.server_down(observed),
            Event::Hello(hello) => executor.hello(*hello, memory, observed, now),
            Event::Report(link, report) => executor.reported(link, &report, observed),
            Event::LinkLost { link, shim_is_alive } => executor.link_lost(link, shim_is_alive, observed, now.mono),
            Event::Outcome(outcome) => executor.outcome(outcome, memory, observed, now),
        }
    }

    /// A configuration that can't be taken changes nothing but what is said about it.
    fn loaded(&mut self, loaded: Loaded) {
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        let now = clock::now();
        match loaded.result {
            Ok(desired) => {
                let is_new = !self.terminating && self.desired.as_deref() != Some(&desired);
                if is_new {
                    self.desired = Some(Arc::new(desired));
                }
                self.publisher.config_loaded(self.desired.as_ref().filter(|_| is_new), now);
                if let Some(desired) = self.desired.as_ref().filter(|_| is_new) {
                    tracing::info!(agents = desired.agents.len(), "took the configuration");
                }
            }
            Err(error) => {
                // Before the log, as everything is.
                self.publisher.config_refused(error.to_string(), now);
                let kept = if self.desired.is_some() { "the last good one stays" } else { "nothing is started" };
                tracing::error!("did not take the configuration, {kept}:\n{error}");
            }
        }
    }

    /// Plans until nothing is left to do now; when to plan again.
    fn plan(&mut self) -> Option<Mono> {
        let now = clock::now();
        let recalled = self.executor.take_recalled();
        let before = std::mem::take(&mut self.memory);
        let plan = reconcile(self.desired.as_deref(), &self.observed, before, now);
        self.memory = plan.memory;
        for action in plan.actions {
            self.executor.act(action, &self.memory, &mut self.observed, now.mono);
        }
        // Before the log: who reads there that something changed, and asks the API, must not be told the old state.
        let (changed, terminal) = (plan.changed.iter().chain(&recalled), |agent: &_| self.executor.terminal(agent));
        self.publisher.publish(&self.memory, changed, (&plan.transitions, &plan.ends), terminal, now);
        plan.transitions.iter().for_each(log);
        self.publisher.planned(clock::now().mono.since(now.mono));
        if self.adopted.is_some() && self.is_settled() {
            self.adopted.take().map(|adopted| adopted.send(()));
        }
        if self.executor.take_changed() { Some(now.mono) } else { plan.wake_at }
    }

    /// Whether all that ran before this daemon is known.
    fn is_settled(&self) -> bool {
        self.observed.server == crate::model::Server::Up && !self.executor.is_adopting(&self.observed)
    }
}

fn log(transition: &Transition) {
    let Transition { agent, from, to, reason, .. } = transition;
    let (from, to) = (from.map_or("none", |state| state.as_str()), to.map_or("none", |state| state.as_str()));
    tracing::info!(%agent, from, to, reason, "changed state");
}

/// Never, if there is no time.
async fn sleep_until(at: Option<Mono>) {
    match at {
        // tokio rounds up to the next millisecond, so that the plan is never a little too early.
        Some(at) => tokio::time::sleep(at.since(clock::now().mono)).await,
        None => std::future::pending().await,
    }
}
