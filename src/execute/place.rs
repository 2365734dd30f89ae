//! The handles of each agent's seat: its tmux session, the connection of its shim, its cgroup.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::model::{AgentName, AgentSpec, RunId};
use crate::sys::cgroup::Cgroup;
use crate::sys::process::PidFd;
use crate::sys::shim_link::ShimSender;
use crate::sys::tmux::command::PaneRow;
use crate::sys::tmux::control::Control;

/// Names one seat for its whole life, to tell late news of it from news of the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlaceId(pub u64);

/// Names one connection of a shim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// Where one agent sits.
#[derive(Debug)]
pub struct Place {
    /// Its name.
    pub id: PlaceId,
    /// The client of the server that the session is on. Ids of sessions mean something else on another server.
    pub control: Control,
    /// The pane, once tmux has told.
    pub pane: Option<PaneRow>,
    /// The shim, while it is connected.
    pub link: Option<Link>,
    /// The shim's process, from its first connection on.
    pub shim: Option<Arc<PidFd>>,
    /// Whether a shim has ever connected.
    pub has_connected: bool,
    /// Where the agent's processes are kept together, if they are.
    pub cgroup: Option<Arc<Cgroup>>,
    /// The newest run, for its marker.
    pub run: Option<RunId>,
    /// What this daemon launched in it last.
    pub spec: Option<Arc<AgentSpec>>,
}

/// A shim's connection.
#[derive(Debug)]
pub struct Link {
    /// Its name.
    pub id: LinkId,
    /// The way to the shim.
    pub sender: ShimSender,
    /// The protocol's version that the shim speaks.
    pub version: u16,
    /// The connection ends when this is dropped.
    pub _wanted: oneshot::Sender<Infallible>,
}

/// All places, by agent.
#[derive(Debug, Default)]
pub struct Places {
    by_agent: HashMap<AgentName, Place>,
    links: HashMap<LinkId, AgentName>,
    last_id: u64,
}

impl Places {
    /// Makes a place for an agent; one that it had is forgotten.
    pub fn add(&mut self, agent: &AgentName, control: Control) -> &mut Place {
        self.remove(agent);
        self.last_id += 1;
        let id = PlaceId(self.last_id);
        let place = Place {
            id,
            control,
            pane: None,
            link: None,
            shim: None,
            has_connected: false,
            cgroup: None,
            run: None,
            spec: None,
        };
        self.by_agent.entry(agent.clone()).or_insert(place)
    }

    /// An agent's place.
    pub fn get(&self, agent: &AgentName) -> Option<&Place> {
        self.by_agent.get(agent)
    }

    /// An agent's place.
    pub fn get_mut(&mut self, agent: &AgentName) -> Option<&mut Place> {
        self.by_agent.get_mut(agent)
    }

    /// The pane of an agent whose session is there, with its place's name and the client of its server.
    pub fn pane(&self, agent: &AgentName) -> Option<(PlaceId, Control, &PaneRow)> {
        let place = self.get(agent)?;
        Some((place.id, place.control.clone(), place.pane.as_ref()?))
    }

    /// An agent's place, if it is still this one.
    pub fn get_same(&mut self, agent: &AgentName, id: PlaceId) -> Option<&mut Place> {
        self.by_agent.get_mut(agent).filter(|place| place.id == id)
    }

    /// Forgets an agent's place; its connection ends.
    pub fn remove(&mut self, agent: &AgentName) {
        if let Some(link) = self.by_agent.remove(agent).and_then(|place| place.link) {
            self.links.remove(&link.id);
        }
    }

    /// Connects a shim to its place; a connection that it had before ends.
    pub fn attach(&mut self, agent: &AgentName, link: Link, shim: Option<Arc<PidFd>>) {
        let Some(place) = self.by_agent.get_mut(agent) else { return };
        self.links.insert(link.id, agent.clone());
        place.shim = shim;
        place.has_connected = true;
        if let Some(old) = place.link.replace(link) {
            self.links.remove(&old.id);
        }
    }

    /// The agent whose shim has ended this connection, which is forgotten.
    pub fn detach(&mut self, link: LinkId) -> Option<AgentName> {
        let agent = self.links.remove(&link)?;
        if let Some(place) = self.by_agent.get_mut(&agent) {
            place.link = None;
        }
        Some(agent)
    }

    /// The agent that a connection belongs to.
    pub fn agent_of(&self, link: LinkId) -> Option<&AgentName> {
        self.links.get(&link)
    }

    /// The agents whose session was ordered or found, and whose shim has never connected.
    pub fn silent(&self) -> Vec<AgentName> {
        self.by_agent.iter().filter(|(_, place)| !place.has_connected).map(|(agent, _)| agent.clone()).collect()
    }
}
