//! agentd.

pub mod api;
pub mod model;
pub mod shim;
pub mod status;
pub mod sys;
