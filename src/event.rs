//! What can happen. All that the event loop learns, it learns as one of these.

use std::ffi::OsString;
use std::sync::Arc;

use crate::desired::Loaded;
use crate::execute::{Hello, LinkId, Outcome, Server};
use crate::model::{AgentName, Output};
use crate::shim::protocol::Report;
use crate::sys::tmux::command::PaneRow;

/// One thing that happened.
#[derive(Debug)]
pub enum Event {
    /// The configuration and the secrets were read.
    Loaded(Box<Loaded>),
    /// What was loaded last was loaded because somebody had asked for it.
    Reloaded,
    /// The agents' login environment is known.
    LoginEnvironment(Arc<[(OsString, OsString)]>),
    /// The tmux server is connected.
    ServerUp {
        /// The server.
        server: Server,
        /// The panes on it.
        panes: Vec<PaneRow>,
    },
    /// The tmux server is gone.
    ServerDown,
    /// A shim has introduced itself.
    Hello(Box<Hello>),
    /// A shim reports.
    Report(LinkId, Report),
    /// Terminals were looked at: whose, of which shim, and what was seen.
    Outputs(Vec<(AgentName, u32, Output)>),
    /// A shim's connection has ended.
    LinkLost {
        /// Which.
        link: LinkId,
        /// Its process lives on.
        shim_is_alive: bool,
    },
    /// An action has an outcome.
    Outcome(Outcome),
}
