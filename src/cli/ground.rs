//! Where agents run and as whom: what the daemon and `agentd drain` have to agree on.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::daemon::{self, Keeper, Options};
use crate::sys::identity::{AccessGroup, Identity, IdentityError, is_root};

use super::{CONFIG, ROOT_API_SOCKET, SECRET_DIR};

/// Each can be given as a variable, too.
#[derive(Debug, Args)]
#[group(skip)]
pub struct Flags {
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
    /// Log what is launched (no values of the environment) and the last lines of a pane whose program ended
    #[arg(long, env = "AGENTD_DEBUG", value_parser = clap::builder::FalseyValueParser::new())]
    pub(super) debug: bool,
}

/// Why the flags can't be followed.
#[derive(Debug, thiserror::Error)]
pub enum FlagError {
    /// It is no root's, and has no place of its own.
    #[error("XDG_RUNTIME_DIR is not set to an absolute path: set it, or give --tmux-socket and --api-socket")]
    NoRuntimeDir,
    /// The agents' user.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// `/proc/self/exe`.
    #[error("could not find the path of this program: {0}")]
    OwnPath(#[from] std::io::Error),
}

impl Flags {
    /// What a daemon has to know on this ground, with the defaults of everything else.
    ///
    /// What root runs differs from what an ordinary user runs: whose agents, and where the sockets are.
    pub fn options(self) -> Result<Options, FlagError> {
        let agentd = std::env::current_exe()?;
        let (user, admins, run, api) = if is_root() {
            let user = Identity::of_user(&self.agent_user)?;
            let admins = match AccessGroup::of_name(&self.admin_group) {
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
        let tmux_socket = self.tmux_socket.or_else(|| Some(run?.join("tmux.sock"))).ok_or(FlagError::NoRuntimeDir)?;
        let api_socket = self.api_socket.or(api).ok_or(FlagError::NoRuntimeDir)?;
        let shim_socket = self.shim_socket.unwrap_or_else(|| tmux_socket.with_file_name("shim.sock"));
        Ok(Options {
            config: CONFIG.into(),
            secret_dir: SECRET_DIR.into(),
            credentials_dir: None,
            tmux_socket: absolute(tmux_socket),
            keeper: Keeper::Daemon,
            api_socket: absolute(api_socket),
            shim_socket: absolute(shim_socket),
            drop_to_user: is_root(),
            user,
            agent_path: None,
            admins,
            shim: daemon::find_shim(&agentd),
            agentd,
            tmux: self.tmux,
            resync: Duration::from_secs(5),
            detach_on_exit: false,
            debug: self.debug,
        })
    }
}

/// tmux and the agents' shims have another working directory than we do.
pub fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}
