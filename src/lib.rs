//! agentd.

pub mod api;
pub mod cli;
pub mod daemon;
pub mod desired;
pub mod event;
pub mod event_loop;
pub mod execute;
pub mod model;
pub mod observed;
pub mod reconcile;
pub mod shim;
pub mod status;
pub mod sys;
