//! `agentd run`: the daemon.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::daemon::{self, Options};
use crate::desired::duration;
use crate::sys::identity::{AccessGroup, Identity, IdentityError, is_root};
use crate::sys::systemd::journal::Journal;

use super::{CONFIG, ROOT_API_SOCKET, SECRET_DIR};

/// The flags of the daemon. Each can be given as a variable, too.
#[derive(Debug, Args)]
pub struct Flags {
    /// The declared agents
    #[arg(long, env = "AGENTD_CONFIG", value_name = "FILE", default_value = CONFIG)]
    config: PathBuf,
    /// The secrets, one file each
    #[arg(long, env = "AGENTD_SECRET_DIR", value_name = "DIR", default_value = SECRET_DIR)]
    secret_dir: PathBuf,
    /// The tmux server's socket [default: /run/agentd/tmux.sock as root, else $XDG_RUNTIME_DIR/agentd/tmux.sock]
    #[arg(long, env = "AGENTD_TMUX_SOCKET", value_name = "PATH")]
    tmux_socket: Option<PathBuf>,
    /// The API's socket [default: /run/stereos/agentd.sock as root, else $XDG_RUNTIME_DIR/agentd/agentd.sock]
    #[arg(long, env = "AGENTD_API_SOCKET", value_name = "PATH")]
    api_socket: Option<PathBuf>,
    /// The shims' socket [default: shim.sock beside the tmux server's]
    #[arg(long, env = "AGENTD_SHIM_SOCKET", value_name = "PATH")]
    shim_socket: Option<PathBuf>,
    /// The user that agents run as; only root can choose
    #[arg(long, env = "AGENTD_AGENT_USER", value_name = "USER", default_value = "agent")]
    agent_user: String,
    /// The group that may use the API and attach to agents; only root can choose
    #[arg(long, env = "AGENTD_ADMIN_GROUP", value_name = "GROUP", default_value = "admin")]
    admin_group: String,
    /// The tmux program
    #[arg(long, env = "AGENTD_TMUX", value_name = "PROGRAM", default_value = "tmux")]
    tmux: PathBuf,
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
    /// Log what is launched (no values of the environment) and the last lines of a pane whose program ended
    #[arg(long, env = "AGENTD_DEBUG", value_parser = clap::builder::FalseyValueParser::new())]
    debug: bool,
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

/// Why the flags can't be followed.
#[derive(Debug, thiserror::Error)]
enum FlagError {
    #[error("XDG_RUNTIME_DIR is not set to an absolute path: set it, or give --tmux-socket and --api-socket")]
    NoRuntimeDir,
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error("could not find the path of this program: {0}")]
    OwnPath(#[from] std::io::Error),
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration = duration::parse(text).map_err(|error| error.to_string())?;
    if duration < Duration::from_millis(100) { Err("at least 100ms".to_owned()) } else { Ok(duration) }
}

/// Runs the daemon to its end.
pub fn run(flags: Flags) -> ExitCode {
    start_log(flags.log_format, flags.debug);
    let ended = options(flags).map_err(anything).and_then(|options| daemon::run(options).map_err(anything));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn anything(error: impl std::error::Error + 'static) -> Box<dyn std::error::Error> {
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
    match format {
        LogFormat::Auto | LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}

/// What root runs differs from what an ordinary user runs: whose agents, and where the sockets are.
fn options(flags: Flags) -> Result<Options, FlagError> {
    let agentd = std::env::current_exe()?;
    let (user, admins, run, api) = if is_root() {
        let user = Identity::of_user(&flags.agent_user)?;
        let admins = match AccessGroup::of_name(&flags.admin_group) {
            Ok(group) => Some(group),
            Err(error) => {
                tracing::warn!("{error}; until then only root can use the API and attach");
                None
            }
        };
        (user, admins, Some(PathBuf::from("/run/agentd")), Some(PathBuf::from(ROOT_API_SOCKET)))
    } else {
        // The specification has whoever finds another path ignore it.
        let runtime_dir = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|dir| dir.is_absolute());
        let run = runtime_dir.map(|dir| dir.join("agentd"));
        let api = run.as_ref().map(|run| run.join("agentd.sock"));
        (Identity::current(), None, run, api)
    };
    let tmux_socket = flags.tmux_socket.or_else(|| Some(run?.join("tmux.sock"))).ok_or(FlagError::NoRuntimeDir)?;
    let api_socket = flags.api_socket.or(api).ok_or(FlagError::NoRuntimeDir)?;
    let shim_socket = flags.shim_socket.unwrap_or_else(|| tmux_socket.with_file_name("shim.sock"));
    Ok(Options {
        config: absolute(flags.config),
        secret_dir: absolute(flags.secret_dir),
        tmux_socket: absolute(tmux_socket),
        api_socket: absolute(api_socket),
        shim_socket: absolute(shim_socket),
        drop_to_user: is_root(),
        user,
        admins,
        shim: daemon::find_shim(&agentd),
        agentd,
        tmux: flags.tmux,
        resync: flags.reconcile_interval,
        detach_on_exit: flags.on_exit == OnExit::Detach,
        debug: flags.debug,
    })
}

/// tmux and the agents' shims have another working directory than we do.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}
