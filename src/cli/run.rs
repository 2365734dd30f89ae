//! `agentd run`: the daemon.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::daemon::{self, Keeper, Options};
use crate::desired::duration;
use crate::sys::limits;
use crate::sys::systemd::{self, journal::Journal};

use super::ground::{self, FlagError, absolute};
use super::{CONFIG, SECRET_DIR};

/// The flags of the daemon. Each can be given as a variable, too.
#[derive(Debug, Args)]
pub struct Flags {
    /// The declared agents
    #[arg(long, env = "AGENTD_CONFIG", value_name = "FILE", default_value = CONFIG)]
    config: PathBuf,
    /// The secrets, one file each
    #[arg(long, env = "AGENTD_SECRET_DIR", value_name = "DIR", default_value = SECRET_DIR)]
    secret_dir: PathBuf,
    #[command(flatten)]
    ground: ground::Flags,
    /// Who runs the tmux server
    #[arg(long, env = "AGENTD_TMUX_SERVER", value_name = "WHO", default_value = "managed")]
    tmux_server: TmuxServer,
    /// Where agents look for programs first; colons between
    #[arg(long, env = "AGENTD_AGENT_PATH", value_name = "DIRS", value_parser = parse_path)]
    agent_path: Option<OsString>,
    /// How often to look for changes that inotify can't see
    #[arg(long, env = "AGENTD_RECONCILE_INTERVAL", value_name = "DURATION", default_value = "5s",
          value_parser = parse_duration)]
    reconcile_interval: Duration,
    /// What happens to the agents when the daemon is asked to end
    #[arg(long, env = "AGENTD_ON_EXIT", value_name = "WHAT", default_value = "stop")]
    on_exit: OnExit,
    /// How the log is written
    #[arg(long, env = "AGENTD_LOG_FORMAT", value_name = "FORMAT", default_value = "auto")]
    log_format: LogFormat,
}

/// What happens to the agents when the daemon is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OnExit {
    /// They are stopped gracefully, then the tmux server.
    Stop,
    /// They go on; the next daemon adopts them.
    Detach,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// The journal with its fields, if standard error goes there; else text.
    Auto,
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Who runs the tmux server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TmuxServer {
    /// The daemon: it starts the server where there is none, and ends it once it has stopped all agents.
    Managed,
    /// Somebody else, such as a unit of its own: the daemon waits for it.
    External,
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration = duration::parse(text).map_err(|error| error.to_string())?;
    if duration < Duration::from_millis(100) { Err("at least 100ms".to_owned()) } else { Ok(duration) }
}

/// Agents have other working directories than we do.
fn parse_path(text: &str) -> Result<OsString, String> {
    match std::env::split_paths(text).find(|directory| !directory.is_absolute()) {
        Some(relative) => Err(format!("{:?} is not an absolute path", relative.display().to_string())),
        None => Ok(text.into()),
    }
}

/// Runs the daemon to its end.
pub fn run(flags: Flags) -> ExitCode {
    start_log(flags.log_format, flags.ground.debug);
    if let Err(error) = limits::raise_open_files() {
        tracing::warn!(%error, "could not raise the limit of open files");
    }
    let ended = options(flags).map_err(anything).and_then(|options| daemon::run(options).map_err(anything));
    report(ended)
}

fn options(flags: Flags) -> Result<Options, FlagError> {
    let options = flags.ground.options()?;
    Ok(Options {
        config: absolute(flags.config),
        secret_dir: absolute(flags.secret_dir),
        credentials_dir: systemd::credentials_dir(),
        keeper: match flags.tmux_server {
            TmuxServer::Managed => Keeper::Daemon,
            TmuxServer::External => Keeper::Other,
        },
        agent_path: flags.agent_path,
        resync: flags.reconcile_interval,
        detach_on_exit: flags.on_exit == OnExit::Detach,
        ..options
    })
}

/// The exit status; what went wrong is logged.
pub(super) fn report(ended: Result<(), Box<dyn std::error::Error>>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

pub(super) fn anything(error: impl std::error::Error + 'static) -> Box<dyn std::error::Error> {
    Box::new(error)
}

/// Logs go to standard error, or to the journal behind it. A reader that goes away doesn't end the daemon.
pub(super) fn start_log(format: LogFormat, debug: bool) {
    let level = if debug { LevelFilter::DEBUG } else { LevelFilter::INFO };
    if format == LogFormat::Auto
        && let Some(journal) = Journal::behind_standard_error()
    {
        tracing_subscriber::registry().with(level).with(journal).init();
        return;
    }
    let builder = tracing_subscriber::fmt().with_max_level(level).with_target(false).with_writer(std::io::stderr);
    // What can't be written would be told there too, by what panics where it can't be.
    let builder = builder.log_internal_errors(false);
    match format {
        LogFormat::Auto | LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}
