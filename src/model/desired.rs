//! What should run.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{AgentName, AgentSpec};

/// Everything that is declared, valid as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// The agents by name. Shared, so that an unchanged agent costs nothing to keep.
    pub agents: BTreeMap<AgentName, Arc<AgentSpec>>,
    /// Stops no longer wait for grace periods: whoever asked for the end of everything has asked again.
    pub hurry: bool,
}
