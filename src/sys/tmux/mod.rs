//! tmux: one server that runs alone, and one control client through which every command goes.
//!
//! No command is ever typed into a shell, and tmux is never asked whether an agent runs: the shims say so.

pub mod capture;
pub mod client;
pub mod command;
pub mod control;
mod identify;
pub mod install;
pub mod server;
