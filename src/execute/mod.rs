//! Carries plans out, and brings back what came of it as events.
//!
//! It decides nothing: it doesn't know policies, keeps no timers beyond bounds on its own steps, and never waits in
//! the event loop. All that takes time is a task of its own, so one slow stop never delays another agent. A plan has
//! at most one launch or close for an agent, and the next comes only after the outcome of that one was seen, so no
//! two actions of one agent ever run at once.

mod adopt;
mod arguments;
mod explain;
mod hear;
pub mod hooks;
mod look;
mod mask;
mod memo;
mod memo_pulse;
mod nudge;
mod place;
mod start;
mod stop;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::model::{
    AgentName, Desired, Mono, Now, Observed, Output, RunId, Seat, SeatState, Shown, StartError, Terminal,
};
use crate::reconcile::{Action, Memory};
use crate::shim::protocol::{Order, Report};
use crate::sys::cgroup::CgroupRoot;
use crate::sys::orphans::Orphans;
use crate::sys::process::PidFd;
use crate::sys::tmux::command::{self, PaneRow};
use crate::sys::tmux::control::Control;

pub use adopt::Hello;
use hear::Unheard;
use place::Places;
pub use place::{LinkId, PlaceId};
use start::{Launch, RUN_VARIABLE};

/// What came of an action, for the agent's place that it was done in.
#[derive(Debug)]
pub struct Outcome {
    /// Whose.
    pub agent: AgentName,
    /// Which of its places.
    pub place: PlaceId,
    /// What.
    pub what: What,
}

/// What came of an action.
#[derive(Debug)]
pub enum What {
    /// tmux made the session.
    Opened(PaneRow),
    /// tmux did not.
    Refused(RunId, StartError),
    /// The server went away before it answered.
    ServerLost,
    /// What its terminal shows of a run.
    Shown(Shown),
    /// How the nudge of that time went.
    Nudged(Mono, Result<(), String>),
    /// The cgroup of a run that the shim called empty is empty.
    CgroupEmpty(RunId),
    /// The session is closed and nothing that ran in it is left.
    Swept,
}

/// What launches need to know of this host.
#[derive(Debug)]
pub struct Ground {
    /// agentd's own program, which agents' hooks and filters run.
    pub agentd: PathBuf,
    /// The files for hooks that it has made.
    pub hooks: hooks::HookFiles,
    /// The shim's program.
    pub shim: PathBuf,
    /// Where shims connect to.
    pub shim_socket: PathBuf,
    /// The tmux server's socket, for messages.
    pub tmux_socket: PathBuf,
    /// The user that agents run as.
    pub agent_uid: u32,
    /// Log what is launched, and the pane's last lines at an exit.
    pub debug: bool,
}

impl Ground {
    /// What shims left, of all agents on our tmux server or of one, that were killed while nobody looked.
    fn orphans(&self, agent: Option<&AgentName>) -> Orphans {
        let run = agent.map_or_else(|| format!("{RUN_VARIABLE}="), |agent| format!("{RUN_VARIABLE}={agent}:"));
        let mut terminal = OsString::from("TMUX=");
        terminal.push(&self.tmux_socket);
        terminal.push(",");
        // Also of those of other versions, which may have been agentd itself.
        Orphans { uid: self.agent_uid, marks: vec![run.into(), terminal], shim: "agentd" }
    }
}

/// A tmux server that is connected.
#[derive(Debug)]
pub struct Server {
    /// The way to it.
    pub control: Control,
    /// Its process, whatever becomes of its number.
    pub process: Arc<PidFd>,
    /// Where the agents' cgroups are, if they get any.
    pub cgroups: Option<Arc<CgroupRoot>>,
}

/// Carries plans out.
#[derive(Debug)]
pub struct Executor {
    ground: Ground,
    places: Places,
    server: Option<Server>,
    /// While everything is being stopped for the server to be ended: who else was on it.
    ends_all: Option<BTreeSet<String>>,
    /// None until the login shell has answered.
    login_environment: Option<Arc<[(OsString, OsString)]>>,
    /// Launches that wait for it.
    waiting: Vec<Launch>,
    /// Shims that connected before tmux told which pane they are in.
    unclaimed: Vec<(Hello, Mono)>,
    /// Agents whose memory came from their shims, since somebody last asked.
    recalled: Vec<AgentName>,
    /// What is declared, once that is known.
    declared: Option<Arc<Desired>>,
    /// What agents told before that.
    unheard: Vec<Unheard>,
    /// See [`Executor::take_changed`].
    changed: bool,
    outcomes: mpsc::UnboundedSender<Outcome>,
    tasks: JoinSet<()>,
}

impl Executor {
    /// Nothing can be launched before [`Executor::server_up`].
    pub fn new(ground: Ground, outcomes: mpsc::UnboundedSender<Outcome>) -> Self {
        Self {
            ground,
            places: Places::default(),
            server: None,
            ends_all: None,
            login_environment: None,
            waiting: Vec::new(),
            unclaimed: Vec::new(),
            recalled: Vec::new(),
            declared: None,
            unheard: Vec::new(),
            changed: false,
            outcomes,
            tasks: JoinSet::new(),
        }
    }

    /// Whether an action changed at once what a plan rests on: then plan again.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// The agents whose memory came from their shims since the last call.
    pub fn take_recalled(&mut self) -> Vec<AgentName> {
        std::mem::take(&mut self.recalled)
    }

    /// The environment of launches from now on, and of those that waited for it.
    pub fn set_login_environment(&mut self, environment: Arc<[(OsString, OsString)]>, observed: &mut Observed) {
        self.login_environment = Some(environment);
        for launch in std::mem::take(&mut self.waiting) {
            self.start(launch, observed);
        }
    }

    /// Where an agent runs, once tmux has told.
    pub fn terminal(&self, agent: &AgentName) -> Option<Terminal> {
        let place = self.places.get(agent)?;
        let pane = place.pane.as_ref()?;
        let own = self.cgroups().filter(|_| place.cgroup.is_some());
        let cgroup = own.and_then(|root| root.agent_path(agent.as_str()));
        Some(Terminal { pane: pane.pane_id.clone(), shim: pane.pane_pid, cgroup })
    }

    /// Carries out one action, and notes in `observed` what that makes true at once.
    pub fn act(&mut self, action: Action, memory: &Memory, observed: &mut Observed, now: Mono) {
        match action {
            Action::Open { agent, session, run } => self.open(agent, session, run, observed, now),
            Action::Start { agent, run, spec, begin, line } => {
                let memo = memory.agents.get(&agent).map(memo::encode).unwrap_or_default();
                self.start(Launch { agent, run, spec, begin, line, memo }, observed);
            }
            Action::Signal { agent, run, signal } => self.signal(&agent, run, signal, observed, now),
            Action::Note { agent, run, line } => {
                let memo = memory.agents.get(&agent).map(memo::encode).unwrap_or_default();
                self.order(&agent, Order::Note { run: run.0, memo, line });
            }
            Action::Look { agent } => self.look(&agent, observed),
            Action::Read { agent, run, harness, spec } => self.read(&agent, run, (harness, spec), observed),
            Action::Nudge { agent, harness, text, at } => self.nudge(&agent, (harness, text), at, observed),
            Action::Close { agent } => self.close(&agent, observed, now),
        }
    }

    /// Handles what a shim reported: mechanism here, the rest in `observed`.
    pub fn reported(&mut self, link: LinkId, report: &Report, observed: &mut Observed) {
        let Some(agent) = self.places.agent_of(link).cloned() else {
            self.reported_early(link, report);
            return;
        };
        if let Report::Forked { run, pid } = report {
            self.forked(&agent, *run, *pid);
            return;
        }
        if let Report::Noticed { run, notices } = report {
            self.hear(&agent, RunId(*run), notices, observed);
            return;
        }
        let Some(SeatState::Ready(child)) = observed.seats.get_mut(&agent).map(|seat| &mut seat.state) else { return };
        let Some(mut news) = crate::observed::child_after(child, report) else { return };
        self.explain_ending(&mut news, &agent);
        self.hold_until_cgroup_is_empty(&agent, &mut news);
        self.log_ending(&agent, &news);
        *child = news;
    }

    /// Takes in when terminals were last written to, if they are still these agents'.
    pub fn outputs(&self, seen: Vec<(AgentName, u32, Output)>, observed: &mut Observed) {
        for (agent, shim, output) in seen {
            let pane = self.places.get(&agent).and_then(|place| place.pane.as_ref());
            let is_its = pane.is_some_and(|pane| pane.pane_pid == shim);
            if let Some(seat) = observed.seats.get_mut(&agent).filter(|_| is_its) {
                seat.output = Some(output);
            }
        }
    }

    /// Handles the outcome of an action.
    pub fn outcome(&mut self, outcome: Outcome, memory: &mut Memory, observed: &mut Observed, now: Now) {
        let Outcome { agent, place, what } = outcome;
        let Some(own) = self.places.get_same(&agent, place) else {
            self.close_late_session(&agent, what);
            return;
        };
        let Some(seat) = observed.seats.get_mut(&agent) else { return };
        match what {
            What::Opened(pane) => {
                own.pane = Some(pane);
                self.claim_all(memory, observed, now);
            }
            What::Refused(run, error) => {
                seat.state = SeatState::Refused { run, error };
                self.places.remove(&agent);
            }
            What::Nudged(at, result) => seat.nudged = Some((at, result)),
            What::Shown(shown) => seat.shown = Some(shown),
            What::CgroupEmpty(run) => {
                if let SeatState::Ready(child) = &mut seat.state {
                    let empty = crate::observed::child_after(child, &Report::TreeEmpty { run: run.0 });
                    *child = empty.unwrap_or_else(|| child.clone());
                }
            }
            What::Swept | What::ServerLost => {
                observed.seats.remove(&agent);
                self.places.remove(&agent);
            }
        }
    }

    /// A session that tmux made after it was given up belongs to nobody.
    fn close_late_session(&mut self, agent: &AgentName, what: What) {
        if let (What::Opened(pane), Some(server)) = (what, &self.server) {
            tracing::warn!(%agent, session = pane.session_id, "closes a session that came too late");
            let closed = server.control.send(command::kill_session(&pane.session_id));
            self.tasks.spawn(async move { drop(closed.await) });
        }
    }

    /// Whether sessions that were found still wait for their shims to connect.
    pub fn is_adopting(&self, observed: &Observed) -> bool {
        self.places.silent().iter().any(|agent| {
            let seat = observed.seats.get(agent).map(|seat: &Seat| &seat.state);
            let found = self.places.get(agent).is_some_and(|place| place.run.is_none());
            found && matches!(seat, Some(SeatState::Opening { .. }))
        })
    }

    /// Ends tasks that have ended; a task that panicked is an error.
    pub async fn task_failed(&mut self) -> tokio::task::JoinError {
        loop {
            match self.tasks.join_next().await {
                Some(Err(error)) => return error,
                Some(Ok(())) => {}
                None => std::future::pending().await,
            }
        }
    }

    fn cgroups(&self) -> Option<&Arc<CgroupRoot>> {
        self.server.as_ref()?.cgroups.as_ref()
    }

    fn order(&self, agent: &AgentName, order: Order) {
        let Some(link) = self.places.get(agent).and_then(|place| place.link.as_ref()) else { return };
        if let Err(error) = link.sender.send(order) {
            // Its reader tells the rest of us, as the end of the connection.
            tracing::warn!(%agent, %error, "could not reach its shim");
        }
    }

    /// Sends an outcome when `what` is there.
    fn report_later(&mut self, agent: AgentName, place: PlaceId, what: impl Future<Output = What> + 'static + Send) {
        let outcomes = self.outcomes.clone();
        self.tasks.spawn(async move {
            let what = what.await;
            // The loop that would hear it is gone only when the daemon is.
            let _ = outcomes.send(Outcome { agent, place, what });
        });
    }
}
