//! The one owner of the world's state: takes events, plans, has the plan carried out, publishes what came of it.
//!
//! Nothing in here waits for anything but the next event or the plan's own `wake_at`. That it turns is what systemd's
//! watchdog is told, from the loop itself: a loop that hangs is silent.

mod ending;

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::desired::Loaded;
use crate::event::Event;
use crate::execute::Executor;
use crate::model::{AgentName, Desired, Mono, Observed, Shutdown};
use crate::reconcile::{Memory, StallNews, Transition, reconcile};
use crate::status::Publisher;
use crate::sys::clock;
use crate::sys::systemd::{Pulse, ServiceManager};

/// Events that are taken before the next plan, so that a burst is planned once and yet nobody waits for its end.
const MOST_EVENTS_A_PLAN: usize = 256;

/// What is said once, to whoever waits for it.
#[derive(Debug, Default)]
pub struct Milestones {
    /// The agents that were there before this daemon have been adopted.
    pub adopted: Option<oneshot::Sender<()>>,
    /// What is declared has been read for the first time, taken or not, and planned for.
    pub loaded: Option<oneshot::Sender<()>>,
}

/// What the loop is after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    /// What is declared runs.
    Keep,
    /// Nothing runs; then the tmux server is to be ended.
    Drain,
    /// Nothing runs until the tmux server that was drained is gone.
    Drained,
    /// Nothing runs; then the daemon ends.
    End(Shutdown),
}

/// Why [`EventLoop::run`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// Everything has been stopped that was to be before the tmux server ends. [`EventLoop::take_server`] is next.
    Drained,
    /// Everything has ended, and there is nothing left to do.
    Ended,
}

/// The loop's state.
#[derive(Debug)]
pub struct EventLoop {
    events: mpsc::Receiver<Event>,
    outcomes: mpsc::UnboundedReceiver<crate::execute::Outcome>,
    executor: Executor,
    desired: Option<Arc<Desired>>,
    goal: Goal,
    manager: ServiceManager,
    pulse: Option<Pulse>,
    observed: Observed,
    memory: Memory,
    publisher: Publisher,
    milestones: Milestones,
    has_loaded: bool,
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
        milestones: Milestones,
        manager: ServiceManager,
    ) -> Self {
        Self {
            events,
            outcomes,
            executor,
            desired: None,
            goal: Goal::Keep,
            manager,
            pulse: manager.pulse(),
            observed: Observed::default(),
            memory: Memory::default(),
            publisher,
            milestones,
            has_loaded: false,
            wake_at: None,
        }
    }

    /// Runs until everything was asked to end and has ended. It can be dropped and called again at any time.
    pub async fn run(&mut self) -> Result<Finished, LoopError> {
        loop {
            let wake_at = self.pulse();
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
            if self.memory.agents.is_empty() && self.observed.seats.is_empty() {
                match self.goal {
                    Goal::Keep | Goal::Drained => {}
                    Goal::Drain => return Ok(Finished::Drained),
                    Goal::End(_) => return Ok(Finished::Ended),
                }
            }
        }
    }

    /// Waits for the connection to the tmux server, if there is none. What is found on the server is the next
    /// [`EventLoop::run`]'s to stop.
    pub async fn connected(&mut self) {
        while !self.is_connected() {
            let Some(event) = self.events.recv().await else { return };
            self.handle(event);
        }
    }

    /// Plans at once when it runs.
    pub fn wake(&mut self) {
        self.wake_at = Some(Mono(0));
    }

    /// Whether there is a connection to the tmux server.
    pub fn is_connected(&self) -> bool {
        self.observed.server == crate::model::Server::Up
    }

    fn aim(&mut self, goal: Goal) {
        self.goal = goal;
        match goal {
            Goal::Keep => {
                self.publisher.running();
                self.executor.begin_again();
            }
            Goal::Drain | Goal::Drained | Goal::End(_) => self.publisher.stopping(clock::now()),
        }
        self.wake();
    }

    /// What is to run now, if that is known.
    fn wanted(&self) -> Option<Arc<Desired>> {
        let nothing = |shutdown| Some(Arc::new(Desired { shutdown, ..Desired::default() }));
        match self.goal {
            Goal::Keep => self.desired.clone(),
            Goal::Drain | Goal::Drained => nothing(Shutdown::Graceful),
            Goal::End(shutdown) => nothing(shutdown),
        }
    }

    /// Says that the loop turns, if it is time to; when to wake up for the plan or to say it again.
    fn pulse(&mut self) -> Option<Mono> {
        let Some(pulse) = &mut self.pulse else { return self.wake_at };
        let next = pulse.beat(clock::now().mono);
        Some(self.wake_at.map_or(next, |wake_at| wake_at.min(next)))
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
            Event::Reloaded => self.manager.ready(),
            Event::LoginEnvironment(environment) => executor.set_login_environment(environment, observed),
            Event::ServerUp { server, panes } => {
                executor.server_up(server, panes, observed, now.mono);
                executor.claim_all(memory, observed, now);
            }
            Event::ServerDown => {
                executor.server_down(observed);
                if matches!(self.goal, Goal::Drain | Goal::Drained) {
                    self.aim(Goal::Keep);
                }
            }
            Event::Hello(hello) => executor.hello(*hello, memory, observed, now),
            Event::Report(link, report) => executor.reported(link, &report, observed),
            Event::Outputs(seen) => executor.outputs(seen, observed),
            Event::LinkLost { link, shim_is_alive } => executor.link_lost(link, shim_is_alive, observed, now.mono),
            Event::Outcome(outcome) => executor.outcome(outcome, memory, observed, now),
        }
    }

    /// A configuration that can't be taken changes nothing but what is said about it.
    fn loaded(&mut self, loaded: Loaded) {
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        self.has_loaded = true;
        let now = clock::now();
        match loaded.result {
            Ok(mut desired) => {
                if let Some(old) = &self.desired {
                    desired.share(old);
                }
                let is_new = !matches!(self.goal, Goal::End(_)) && self.desired.as_deref() != Some(&desired);
                if is_new {
                    let desired = Arc::new(desired);
                    self.executor.declare(Arc::clone(&desired), &mut self.observed);
                    self.desired = Some(desired);
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
        let mut told = self.adoptions(&recalled);
        let adopted = told.len();
        let before = std::mem::take(&mut self.memory);
        let plan = reconcile(self.wanted().as_deref(), &self.observed, before, now);
        self.memory = plan.memory;
        for action in plan.actions {
            self.executor.act(action, &self.memory, &mut self.observed, now.mono);
        }
        // Before the log: who reads there that something changed, and asks the API, must not be told the old state.
        let (changed, terminal) = (plan.changed.iter().chain(&recalled), |agent: &_| self.executor.terminal(agent));
        told.extend(plan.transitions);
        self.publisher.publish(&self.memory, changed, (&told, &plan.ends, &plan.stalls), terminal, now);
        told.iter().skip(adopted).for_each(log);
        plan.stalls.iter().for_each(log_stall);
        self.publisher.planned(clock::now().mono.since(now.mono));
        if self.milestones.adopted.is_some() && self.is_settled() {
            self.milestones.adopted.take().map(|adopted| adopted.send(()));
        }
        if self.has_loaded {
            self.milestones.loaded.take().map(|loaded| loaded.send(()));
        }
        if self.executor.take_changed() { Some(now.mono) } else { plan.wake_at }
    }

    /// What came of agents that were found, for those who follow: they know them as pending, or not at all. The log has it
    /// from who found them.
    fn adoptions(&self, recalled: &[AgentName]) -> Vec<Transition> {
        let adoption = |agent: &AgentName| {
            let memory = self.memory.agents.get(agent)?;
            let (from, to) = (self.publisher.told(agent), Some(memory.state()));
            let (reason, end) = ("adopted".to_owned(), memory.last_end.clone());
            (from != to).then(|| Transition { agent: agent.clone(), from, to, reason, end, restarts: memory.restarts })
        };
        recalled.iter().filter_map(adoption).collect()
    }

    /// Whether all that ran before this daemon is known.
    fn is_settled(&self) -> bool {
        self.is_connected() && !self.executor.is_adopting(&self.observed)
    }
}

fn log(transition: &Transition) {
    let Transition { agent, from, to, reason, .. } = transition;
    let (from, to) = (from.map_or("none", |state| state.as_str()), to.map_or("none", |state| state.as_str()));
    tracing::info!(%agent, from, to, reason, "changed state");
}

fn log_stall(news: &StallNews) {
    let StallNews { agent, since, reason } = news;
    if since.is_some() {
        tracing::warn!(%agent, reason, "stalled");
    } else {
        tracing::info!(%agent, reason, "no longer stalled");
    }
}

/// Never, if there is no time.
async fn sleep_until(at: Option<Mono>) {
    match at {
        // tokio rounds up to the next millisecond, so that the plan is never a little too early.
        Some(at) => tokio::time::sleep(at.since(clock::now().mono)).await,
        None => std::future::pending().await,
    }
}
