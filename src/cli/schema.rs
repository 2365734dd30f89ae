//! `agentd schema`.

use std::process::ExitCode;

use clap::Args;

use super::failure::{Failure, finish};

/// The flags.
#[derive(Debug, Args)]
pub struct Flags {}

/// Runs it.
pub fn run(flags: &Flags) -> ExitCode {
    let _ = flags;
    finish(Err(Failure::Other("not yet".to_owned())))
}
