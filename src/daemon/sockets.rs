//! The daemon's own sockets.

use std::path::Path;

use crate::sys::runtime_dir::{Access, DirError, ensure_dir};
use crate::sys::shim_link::ShimListener;
use crate::sys::socket_lock::LockError;
use crate::sys::unix_socket::{self, SocketError, SocketFile};

use super::{DaemonError, Options};

/// The sockets, bound before anything else: whoever comes second is told so before it can do harm.
pub(super) struct Sockets {
    pub api: (std::os::unix::net::UnixListener, SocketFile),
    pub shims: (ShimListener, SocketFile),
}

impl Sockets {
    pub fn bind(options: &Options) -> Result<Self, DaemonError> {
        let group = options.admins.as_ref().map(|group| group.gid);
        let user = options.other_uid();
        let private = !options.drop_to_user;
        let api_dir = Access { owner: None, group: None, mode: if private { 0o700 } else { 0o755 } };
        // Set-group-id, so that the socket that tmux makes in it is the group's; the user owns it, as tmux runs as that.
        let run_dir = Access { owner: user, group, mode: if private { 0o700 } else { 0o2750 } };
        // tmux would fail again and again, and tell nobody why.
        unix_socket::check_length(&options.tmux_socket)?;
        make_parent(&options.tmux_socket, run_dir)?;
        make_parent(&options.shim_socket, run_dir)?;
        make_parent(&options.api_socket, api_dir)?;
        let api_access = Access { owner: None, group, mode: if private { 0o600 } else { 0o660 } };
        let api = unix_socket::serve(&options.api_socket, api_access)?;
        let shim_access = Access { owner: user, group: None, mode: 0o600 };
        let (listener, file) = unix_socket::serve(&options.shim_socket, shim_access)?;
        let listener = ShimListener::new(listener).map_err(|error| DaemonError::System("listen for shims", error))?;
        Ok(Self { api, shims: (listener, file) })
    }
}

/// A daemon that serves the sockets already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Other {
    /// Its process; not known in the moment before it has written that down.
    pub pid: Option<u32>,
}

/// The daemon that serves these sockets now, if one does.
pub fn serving(options: &Options) -> Option<Other> {
    Sockets::bind(options).err().as_ref().and_then(DaemonError::other_daemon)
}

impl DaemonError {
    /// The daemon that is in the way, if that is what is wrong.
    pub fn other_daemon(&self) -> Option<Other> {
        match self {
            Self::Socket(SocketError::Lock(LockError::Held { pid, .. })) => Some(Other { pid: *pid }),
            Self::Socket(_) | Self::Directory(_) | Self::Api(_) | Self::System(..) | Self::Loop(_) | Self::Task(_) => {
                None
            }
        }
    }
}

fn make_parent(socket: &Path, access: Access) -> Result<(), DirError> {
    socket.parent().map_or(Ok(()), |directory| ensure_dir(directory, access))
}
