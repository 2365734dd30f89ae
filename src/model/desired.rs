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

impl Desired {
    /// Takes the specs of an earlier one where they are the same, so that a fleet of which one agent changes is kept once.
    pub fn share(&mut self, earlier: &Self) {
        for (name, spec) in &mut self.agents {
            if let Some(same) = earlier.agents.get(name).filter(|earlier| *earlier == spec) {
                *spec = Arc::clone(same);
            }
        }
    }
}
