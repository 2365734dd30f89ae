//! Sessions and shims that are there: which belongs to which agent, and what they remember.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::model::{self, AgentName, Child, Mono, Now, Observed, Seat, SeatState, SessionName};
use crate::reconcile::{AgentMemory, Memory};
use crate::shim::protocol::{ChildReport, Notice, Report};
use crate::sys::process::PidFd;
use crate::sys::shim_link::ShimSender;
use crate::sys::tmux::command::{self, PaneRow};
use crate::sys::tmux::control::Control;

use super::place::Link;
use super::stop::kill_orphans;
use super::{Executor, LinkId, Server, memo};

/// Connections that are held until tmux says which pane they come from; more are turned away.
const MOST_UNCLAIMED: usize = 4096;

/// They are held no longer than this.
const CLAIM_WITHIN: Duration = Duration::from_secs(10);

/// A shim that has introduced itself.
#[derive(Debug)]
pub struct Hello {
    /// Its connection.
    pub link: LinkId,
    /// The way to it.
    pub sender: ShimSender,
    /// The protocol's version that it speaks.
    pub version: u16,
    /// The process at the other end, as the kernel says.
    pub pid: u32,
    /// That process, whatever becomes of the number.
    pub process: Option<Arc<PidFd>>,
    /// Its user, as the kernel says.
    pub uid: u32,
    /// The agent that it says it is for.
    pub agent: AgentName,
    /// Its child.
    pub child: ChildReport,
    /// The last memo that it was handed.
    pub memo: Vec<u8>,
    /// What the agent has told of its run.
    pub notices: Vec<Notice>,
    /// What it has reported since, if it has waited; the link bounds how much.
    pub reports: Vec<Report>,
    /// The connection ends when this is dropped.
    pub wanted: oneshot::Sender<Infallible>,
}

impl Executor {
    /// A server is connected. The sessions on it that are marked as ours become seats, whose shims will connect.
    pub fn server_up(&mut self, server: Server, panes: Vec<PaneRow>, observed: &mut Observed, now: Mono) {
        let control = server.control.clone();
        self.server = Some(server);
        observed.server = model::Server::Up;
        self.tasks.spawn(kill_orphans(self.ground.orphans(None)));
        for pane in panes {
            // Without a mark it is somebody else's.
            if let Ok(agent) = AgentName::new(&pane.agent) {
                self.add_found(&agent, pane, control.clone(), observed, now);
            }
        }
    }

    /// Gives a session that was there a seat, whose shim will connect.
    fn add_found(&mut self, agent: &AgentName, pane: PaneRow, control: Control, observed: &mut Observed, now: Mono) {
        // The name that was declared is in the shim's memo; this one may have been changed since.
        let session = SessionName::new(&pane.session_name).or_else(|_| SessionName::new(agent.as_str()));
        let (None, Ok(session)) = (self.places.get(agent), session) else { return };
        tracing::info!(%agent, session = %pane.session_name, "found its session");
        if !pane.keeps_size {
            // The daemon that made it ended before it could say so.
            drop(control.send(command::keep_size(&pane.session_id)));
        }
        self.places.add(agent, control).pane = Some(pane);
        observed.seats.insert(agent.clone(), Seat::new(session, SeatState::Opening { since: now }));
    }

    /// The server is gone, and with it the sessions whose shims have not connected; the others tell by themselves.
    pub fn server_down(&mut self, observed: &mut Observed) {
        self.server = None;
        observed.server = model::Server::Down;
        for agent in self.places.silent() {
            self.places.remove(&agent);
            observed.seats.remove(&agent);
        }
    }

    /// A shim has connected. It is believed to be an agent's when it is the process that tmux runs in that agent's
    /// pane; anybody else can say any name.
    pub fn hello(&mut self, hello: Hello, memory: &mut Memory, observed: &mut Observed, now: Now) {
        self.unclaimed.retain(|(_, since)| now.mono.since(*since) < CLAIM_WITHIN);
        if hello.uid != self.ground.agent_uid {
            tracing::warn!(pid = hello.pid, uid = hello.uid, "turned away a connection of another user");
            return;
        }
        let pane = self.places.get(&hello.agent).map(|place| place.pane.as_ref().map(|pane| pane.pane_pid));
        match pane {
            Some(Some(pid)) if pid == hello.pid => self.seat_shim(hello, memory, observed, now),
            Some(Some(_)) => {
                tracing::warn!(agent = %hello.agent, pid = hello.pid, "turned away a stranger to its pane");
            }
            Some(None) | None if self.unclaimed.len() < MOST_UNCLAIMED => {
                tracing::debug!(agent = %hello.agent, pid = hello.pid, "a shim waits for its pane to be known");
                self.unclaimed.push((hello, now.mono));
            }
            Some(None) | None => tracing::warn!(pid = hello.pid, "turned away one connection too many"),
        }
    }

    /// tmux has told about panes: seats the shims that connected before.
    pub fn claim_all(&mut self, memory: &mut Memory, observed: &mut Observed, now: Now) {
        for (hello, _) in std::mem::take(&mut self.unclaimed) {
            self.hello(hello, memory, observed, now);
        }
    }

    /// A shim reports before it is known which pane it comes from: kept with its hello.
    pub(super) fn reported_early(&mut self, link: LinkId, report: &Report) {
        if let Some((hello, _)) = self.unclaimed.iter_mut().find(|(hello, _)| hello.link == link) {
            hello.reports.push(report.clone());
        }
    }

    /// A connection ends before it is known which pane it comes from.
    pub(super) fn lost_early(&mut self, link: LinkId) {
        self.unclaimed.retain(|(hello, _)| hello.link != link);
    }

    fn seat_shim(&mut self, hello: Hello, memory: &mut Memory, observed: &mut Observed, now: Now) {
        let Hello { link, sender, version, process, agent, child: reported, memo, notices, reports, wanted, .. } =
            hello;
        let mut child = crate::observed::child_of(&reported);
        self.explain_ending(&mut child, &agent);
        self.places.attach(&agent, Link { id: link, sender, version, _wanted: wanted }, process);
        let cgroups = self.cgroups().cloned();
        if let Some(place) = self.places.get_mut(&agent) {
            place.run = child.run().or(place.run);
            if child.run().is_some()
                && let Some(root) = cgroups
            {
                place.cgroup = root.existing_agent(agent.as_str()).ok().flatten().map(Arc::new);
            }
        }
        if let ChildReport::Starting { run, pid: Some(pid) } = reported {
            self.forked(&agent, run, pid);
        }
        let known = memory.agents.get(&agent).is_some_and(|known| known.run.0 != 0);
        if !known {
            self.recall(&agent, &memo, &child, memory, observed, now);
        }
        self.hold_until_cgroup_is_empty(&agent, &mut child);
        let hears = self.hears(&agent);
        if let Some(seat) = observed.seats.get_mut(&agent)
            && matches!(seat.state, SeatState::Opening { .. } | SeatState::Ready(_))
        {
            seat.hears = hears;
            let run = child.run().unwrap_or_default();
            seat.state = SeatState::Ready(child);
            self.hear(&agent, run, &notices, observed);
        }
        for report in reports {
            self.reported(link, &report, observed);
        }
    }

    /// Remembers through the shim what an earlier daemon knew. What it can't tell is unknown, and is replaced.
    fn recall(
        &mut self,
        agent: &AgentName,
        memo: &[u8],
        child: &Child,
        memory: &mut Memory,
        observed: &mut Observed,
        now: Now,
    ) {
        self.recalled.push(agent.clone());
        let Some(recalled) = memo::recall(memo, child, now) else {
            if child.run().is_some() {
                tracing::warn!(%agent, "what its shim remembers can't be read");
            }
            if let Some(seat) = observed.seats.get(agent) {
                memory.agents.entry(agent.clone()).or_insert_with(|| AgentMemory::unknown(seat.session.clone()));
            }
            return;
        };
        tracing::info!(%agent, restarts = recalled.restarts, state = recalled.state().as_str(), "adopted");
        memory.last_run = memory.last_run.max(recalled.run);
        if let Some(seat) = observed.seats.get_mut(agent) {
            seat.session = recalled.declared.session.clone();
        }
        memory.agents.insert(agent.clone(), recalled);
    }
}
