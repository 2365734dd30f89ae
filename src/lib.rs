//! agentd.

pub mod cli;
pub mod desired;
pub mod model;
pub mod reconcile;
pub mod shim;
pub mod status;
pub mod sys;
