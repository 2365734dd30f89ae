//! `agentd drain`: stops all agents and then the tmux server, by the daemon that runs or, without one, here.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use nix::libc::SIGUSR1;

use crate::daemon::{self, DaemonError, Options};
use crate::sys::process::{PidFd, is_gone};
use crate::sys::systemd::ServiceManager;
use crate::sys::tmux::server;

use super::ground;
use super::run::{LogFormat, anything, report, start_log};

/// The flags.
#[derive(Debug, Args)]
pub struct Flags {
    #[command(flatten)]
    ground: ground::Flags,
    /// How the log is written
    #[arg(long, env = "AGENTD_LOG_FORMAT", value_name = "FORMAT", default_value = "auto")]
    log_format: LogFormat,
}

/// A daemon is asked again this often, as it may have had no tmux server yet when it was asked before; the service
/// manager hears as often that the end takes longer.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// A daemon that has just come, or gone, is looked for again after this.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Drains, and says how that went.
pub fn run(flags: Flags) -> ExitCode {
    start_log(flags.log_format, flags.ground.debug);
    report(flags.ground.options().map_err(anything).and_then(|options| drain(&options)))
}

/// Until there is no tmux server. It leaves its socket, which is removed here: whoever starts the next one waits for us.
fn drain(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    while let Some(tmux) = server::find(&options.tmux_socket)? {
        let Some(tmux) = opened(tmux.pid)? else { continue };
        match daemon::drain(options.clone()) {
            Ok(()) => return Ok(()),
            Err(error) => by_the_daemon(error, options, &tmux)?,
        }
    }
    Ok(options.remove_tmux_socket()?)
}

/// Has the daemon do it that is in our way, until the tmux server has ended or that daemon has.
fn by_the_daemon(error: DaemonError, options: &Options, tmux: &PidFd) -> Result<(), Box<dyn std::error::Error>> {
    let Some(other) = error.other_daemon() else { return Err(error.into()) };
    let daemon = other.pid.map_or(Ok(None), opened)?;
    // The process that is held now is the daemon, if that number still is.
    let (Some(pid), Some(daemon)) = (other.pid, daemon.filter(|_| daemon::serving(options) == Some(other))) else {
        PidFd::one_ends(&[tmux], LOOK_AGAIN)?;
        return Ok(());
    };
    tracing::info!(pid, "the daemon stops all agents");
    let manager = ServiceManager::from_environment();
    loop {
        match daemon.signal(SIGUSR1) {
            Err(error) if is_gone(&error) => return Ok(()),
            sent => sent?,
        }
        manager.extend_timeout();
        if PidFd::one_ends(&[tmux, &daemon], ASK_EVERY)? {
            return Ok(());
        }
    }
}

/// The process, unless it has ended.
fn opened(pid: u32) -> std::io::Result<Option<PidFd>> {
    match PidFd::open(pid) {
        Ok(process) => Ok(Some(process)),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}
