//! `agentd attach NAME`: becomes a tmux client at the agent's pane.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::client::{Client, Connect, block_on};
use super::failure::{Failure, finish};
use super::pane::{self, Pane};
use crate::sys::tmux::client::Attach;

/// What whoever attaches needs to know.
const HELP: &str = "\
To detach: C-b d. The agent goes on.
To scroll: C-b [, then the arrows, PgUp and PgDn; q to leave.
Windows are 200x50 and stay so. To see what does not fit your terminal: C-b, then Shift and the arrows.
In a tmux of your own, its keys come first: C-b C-b d detaches the inner one.";

/// The flags.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Flags {
    /// Which agent
    name: String,
    /// Look only: what you type is not passed on
    #[arg(short, long)]
    read_only: bool,
    /// Detach everybody else
    #[arg(short, long)]
    detach_others: bool,
    #[command(flatten)]
    connect: Connect,
}

/// Runs it.
pub fn run(flags: &Flags) -> ExitCode {
    finish(attach(flags))
}

fn attach(flags: &Flags) -> Result<(), Failure> {
    let pane = block_on(async { Pane::find(&Client::connect(&flags.connect)?, &flags.name).await })?;
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return Err(Failure::Other(
            "this is not a terminal; `agentd logs` shows what an agent wrote, and `agentd send` types".to_owned(),
        ));
    }
    if is_inside(&pane.socket, std::env::var_os("TMUX").as_deref()) {
        return Err(Failure::Other(
            "this terminal is itself in that tmux server, and would show itself; C-b s lists its sessions".to_owned(),
        ));
    }
    let how = Attach { read_only: flags.read_only, detach_others: flags.detach_others };
    Err(pane::failure(pane.clients.exec_attach(&pane.target, how)))
}

/// Whether tmux's variable (socket, server, session) names that server.
fn is_inside(socket: &Path, variable: Option<&std::ffi::OsStr>) -> bool {
    let variable = variable.and_then(std::ffi::OsStr::to_str).unwrap_or_default();
    let mut parts = variable.rsplitn(3, ',');
    parts.nth(2).is_some_and(|outer| Path::new(outer) == socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_server_may_be_around_us() {
        let socket = Path::new("/run/a,b/tmux.sock");
        assert!(is_inside(socket, Some("/run/a,b/tmux.sock,123,0".as_ref())));
        assert!(!is_inside(socket, Some("/tmp/tmux-0/default,123,0".as_ref())));
        assert!(!is_inside(socket, Some("".as_ref())));
        assert!(!is_inside(socket, None));
    }
}
