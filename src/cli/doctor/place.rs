//! What there is to look at: as the running daemon says, as the flags say, or as a daemon would find it by itself.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::cli::client::{Client, block_on, types::Health};
use crate::cli::failure::Failure;
use crate::cli::{CONFIG, ROOT_API_SOCKET, SECRET_DIR};
use crate::sys::identity::{AccessGroup, Identity, IdentityError, is_root};

use super::Flags;

/// The daemon, if one runs.
#[derive(Debug)]
pub enum Daemon {
    /// It answers.
    Runs(Box<Health>),
    /// It doesn't.
    Silent(Failure),
}

/// With whose rights what is the agents' can be looked at.
#[derive(Clone, Debug)]
pub enum Sight {
    /// We are their user.
    Own,
    /// We are root and can be that user.
    As(Identity),
    /// We can't.
    None,
}

/// The agents' user's rights can't be had.
#[derive(Clone, Copy, Debug)]
pub struct Blind;

/// Everything that the checks start from.
#[derive(Debug)]
pub struct Place {
    /// The daemon.
    pub daemon: Daemon,
    /// Whether the daemon is or would be root's.
    pub is_roots: bool,
    /// The declared agents.
    pub config: PathBuf,
    /// Their secrets.
    pub secret_dir: PathBuf,
    /// Secrets that came with its service.
    pub credentials_dir: Option<PathBuf>,
    /// The tmux server's socket; none if nobody says where it would be.
    pub tmux_socket: Option<PathBuf>,
    /// The API's socket.
    pub api_socket: Option<PathBuf>,
    /// The agents' user.
    pub user: Result<Identity, IdentityError>,
    /// The group of those who may attach, if the daemon is root's.
    pub admins: Option<Result<AccessGroup, IdentityError>>,
    /// With whose rights to look.
    pub sight: Sight,
    /// The tmux program.
    pub tmux: PathBuf,
    /// This program.
    pub agentd: io::Result<PathBuf>,
}

impl Place {
    /// Asks the daemon, and fills in the rest.
    pub fn find(flags: &Flags) -> Self {
        let (daemon, socket) = match ask(flags) {
            Ok((health, socket)) => (Daemon::Runs(Box::new(health)), Some(socket)),
            Err(failure) => {
                let denied = if let Failure::Denied { socket, .. } = &failure { Some(socket.clone()) } else { None };
                (Daemon::Silent(failure), denied)
            }
        };
        let is_roots = match (&daemon, &socket) {
            (Daemon::Runs(health), Some(socket)) => {
                let process = Path::new("/proc").join(health.pid.to_string());
                owner(&process).or_else(|| owner(socket)) == Some(0)
            }
            (Daemon::Silent(_), Some(denied)) => denied == Path::new(ROOT_API_SOCKET) || owner(denied) == Some(0),
            (_, None) => is_root(),
        };
        let health = if let Daemon::Runs(health) = &daemon { Some(&**health) } else { None };
        let user = find_user(flags.agent_user.as_deref().or(health.map(|health| &*health.user)), is_roots);
        let sight = match &user {
            Ok(user) if user.uid == Identity::current().uid => Sight::Own,
            Ok(user) if is_root() => Sight::As(user.clone()),
            Ok(_) | Err(_) => Sight::None,
        };
        let said = |text: fn(&Health) -> &String| {
            health.map(|health| PathBuf::from(text(health))).filter(|path| !path.as_os_str().is_empty())
        };
        let run = if is_roots { Some("/run/agentd".into()) } else { runtime_dir() };
        let own_api =
            if is_roots { Some(ROOT_API_SOCKET.into()) } else { run.as_ref().map(|run| run.join("agentd.sock")) };
        let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let wanted = |flag: &Option<PathBuf>| flag.as_ref().map(absolute);
        Self {
            config: wanted(&flags.config).or_else(|| said(|health| &health.config)).unwrap_or_else(|| CONFIG.into()),
            secret_dir: wanted(&flags.secret_dir)
                .or_else(|| said(|health| &health.secret_dir))
                .unwrap_or_else(|| SECRET_DIR.into()),
            credentials_dir: health.and_then(|health| health.credentials_dir.as_ref()).map(PathBuf::from),
            tmux_socket: wanted(&flags.tmux_socket)
                .or_else(|| said(|health| &health.tmux_socket))
                .or_else(|| Some(run?.join("tmux.sock"))),
            api_socket: socket.or_else(|| wanted(&flags.connect.api_socket)).or(own_api),
            admins: is_roots.then(|| AccessGroup::of_name(flags.admin_group.as_deref().unwrap_or("admin"))),
            agentd: std::env::current_exe(),
            tmux: flags.tmux.clone(),
            daemon,
            is_roots,
            user,
            sight,
        }
    }

    /// The daemon's process.
    pub fn daemon_pid(&self) -> Option<u32> {
        match &self.daemon {
            Daemon::Runs(health) => Some(health.pid),
            Daemon::Silent(_) => None,
        }
    }

    /// Whether we may do what the daemon may.
    pub fn has_daemons_rights(&self) -> bool {
        is_root() || !self.is_roots
    }
}

impl Sight {
    /// Whom to become, if anybody.
    pub fn user(&self) -> Result<Option<&Identity>, Blind> {
        match self {
            Self::Own => Ok(None),
            Self::As(user) => Ok(Some(user)),
            Self::None => Err(Blind),
        }
    }
}

fn ask(flags: &Flags) -> Result<(Health, PathBuf), Failure> {
    let client = Client::connect(&flags.connect)?;
    let health = block_on(client.health())?;
    Ok((health, client.socket().to_owned()))
}

fn find_user(name: Option<&str>, is_roots: bool) -> Result<Identity, IdentityError> {
    let current = Identity::current();
    match name {
        // A user that no database knows can only be ourselves.
        Some(name) if name == current.name => Ok(current),
        Some(name) => Identity::of_user(name),
        None if is_roots => Identity::of_user("agent"),
        None => Ok(current),
    }
}

fn runtime_dir() -> Option<PathBuf> {
    let dir = PathBuf::from(std::env::var_os("XDG_RUNTIME_DIR")?);
    dir.is_absolute().then(|| dir.join("agentd"))
}

fn owner(path: &Path) -> Option<u32> {
    path.metadata().ok().map(|meta| meta.uid())
}
