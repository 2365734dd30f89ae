//! What should run.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{AgentName, AgentSpec};

/// Everything that is declared, valid as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// The agents by name. Shared, so that an unchanged agent costs nothing to keep.
    pub agents: BTreeMap<AgentName, Arc<AgentSpec>>,
    /// Whether there are no agents because everything is to end.
    pub shutdown: Shutdown,
}

/// Whether everything is to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shutdown {
    /// It isn't.
    #[default]
    No,
    /// It is, with every agent's grace period.
    Graceful,
    /// It is, at once: whoever asked has asked again.
    Now,
}
