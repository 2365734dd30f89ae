//! What the daemon is told at its start, and what each of its parts gets of that.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::desired::Sources;
use crate::execute::Ground;
use crate::execute::hooks::{self, HookFiles};
use crate::status::About;
use crate::sys::identity::{AccessGroup, Identity};
use crate::sys::tmux::{capture, server as tmux_server};

use super::server::{Keeper, ServerAccess};

/// What the daemon needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// The declared agents.
    pub config: PathBuf,
    /// Their secrets.
    pub secret_dir: PathBuf,
    /// Secrets that came with the service, if it has any. The directory's go before them.
    pub credentials_dir: Option<PathBuf>,
    /// The tmux server's socket.
    pub tmux_socket: PathBuf,
    /// Who runs the tmux server.
    pub keeper: Keeper,
    /// The API's socket.
    pub api_socket: PathBuf,
    /// Where shims connect to.
    pub shim_socket: PathBuf,
    /// The user that agents run as.
    pub user: Identity,
    /// That user isn't us: drop to it for whatever is its.
    pub drop_to_user: bool,
    /// Where agents look for programs before they look where a login of that user would; colons between.
    pub agent_path: Option<OsString>,
    /// Who may use the API and attach, beside root and the user.
    pub admins: Option<AccessGroup>,
    /// This program.
    pub agentd: PathBuf,
    /// The shim's program.
    pub shim: PathBuf,
    /// The tmux program.
    pub tmux: PathBuf,
    /// How often to look for changes that nobody reported.
    pub resync: Duration,
    /// Leave the agents running at the end.
    pub detach_on_exit: bool,
    /// Log launches and last lines.
    pub debug: bool,
}

/// The shim beside this program; this program itself, if there is none.
pub fn find_shim(agentd: &Path) -> PathBuf {
    let sibling = agentd.with_file_name("agentd-shim");
    if sibling.is_file() { sibling } else { agentd.to_owned() }
}

impl Options {
    /// The user to be for whatever is that user's; none if that is us.
    fn other_user(&self) -> Option<&Identity> {
        self.drop_to_user.then_some(&self.user)
    }

    /// The same, by its number.
    pub(super) fn other_uid(&self) -> Option<u32> {
        self.other_user().map(|user| user.uid)
    }

    /// Removes the socket that the tmux server leaves when it ends.
    pub fn remove_tmux_socket(&self) -> io::Result<()> {
        tmux_server::remove_socket(&self.tmux_socket, self.other_uid())
    }

    pub(super) fn about(&self) -> About {
        About {
            config: self.config.clone(),
            secret_dir: self.secret_dir.clone(),
            credentials_dir: self.credentials_dir.clone(),
            tmux_socket: self.tmux_socket.clone(),
            user: self.user.name.clone(),
            pid: std::process::id(),
        }
    }

    pub(super) fn terminals(&self) -> capture::Access {
        capture::Access { tmux: self.tmux.clone(), socket: self.tmux_socket.clone(), user: self.other_user().cloned() }
    }

    pub(super) fn ground(&self, hooks: HookFiles) -> Ground {
        Ground {
            agentd: self.agentd.clone(),
            hooks,
            shim: self.shim.clone(),
            shim_socket: self.shim_socket.clone(),
            tmux_socket: self.tmux_socket.clone(),
            agent_uid: self.user.uid,
            debug: self.debug,
        }
    }

    /// Makes the files for hooks, beside the socket that is ours whoever the agents' user is.
    pub(super) fn make_hooks(&self) -> HookFiles {
        HookFiles::make(&hooks::directory(&self.api_socket), &self.agentd, self.drop_to_user)
    }

    pub(super) fn server_access(&self) -> ServerAccess {
        ServerAccess {
            tmux: self.tmux.clone(),
            socket: self.tmux_socket.clone(),
            shim: self.shim.clone(),
            keeper: self.keeper,
            user: self.other_user().cloned(),
            group: self.admins.as_ref().map(|group| group.gid),
            admins: self.admins.as_ref().map(|group| group.members.clone()).unwrap_or_default(),
        }
    }

    pub(super) fn sources(&self) -> Sources {
        Sources {
            credentials_dir: self.credentials_dir.clone(),
            secret_dir: Some(self.secret_dir.clone()),
            ..Sources::new(self.config.clone(), self.user.home.clone())
        }
    }
}
