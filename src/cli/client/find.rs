//! Where the running daemon's socket is.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use crate::cli::ROOT_API_SOCKET;
use crate::cli::failure::Failure;

/// The socket of a daemon that takes connections. Without a wish, root's comes first, as there may be agents of both.
pub fn socket(wanted: Option<&Path>) -> Result<PathBuf, Failure> {
    let candidates = match wanted {
        Some(path) => vec![path.to_owned()],
        None => defaults(std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from)),
    };
    let mut denied = None;
    for socket in &candidates {
        match UnixStream::connect(socket) {
            Ok(_) => return Ok(socket.clone()),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => denied = denied.or(Some(socket)),
            // Not there, a daemon that died, or no socket at all: nobody to ask.
            Err(_) => {}
        }
    }
    match denied {
        Some(socket) => Err(Failure::Denied { socket: socket.clone(), group: group_of(socket) }),
        None => Err(Failure::NotRunning { tried: candidates }),
    }
}

fn defaults(runtime_dir: Option<PathBuf>) -> Vec<PathBuf> {
    let own = runtime_dir.filter(|dir| dir.is_absolute()).map(|dir| dir.join("agentd/agentd.sock"));
    std::iter::once(PathBuf::from(ROOT_API_SOCKET)).chain(own).collect()
}

/// The group that may connect, unless that is root's alone.
fn group_of(socket: &Path) -> Option<String> {
    let gid = socket.metadata().ok().map(|metadata| metadata.gid()).filter(|gid| *gid != 0)?;
    nix::unistd::Group::from_gid(gid.into()).ok().flatten().map(|group| group.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_daemon_is_asked_first() {
        let root = PathBuf::from(ROOT_API_SOCKET);
        assert_eq!(defaults(Some("/run/user/1".into())), [root.clone(), "/run/user/1/agentd/agentd.sock".into()]);
        assert_eq!(defaults(None), [root]);
        assert_eq!(defaults(Some("relative".into())), defaults(None));
    }

    #[test]
    fn a_socket_that_nobody_serves_is_no_daemon() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agentd.sock");
        assert!(matches!(socket(Some(&path)), Err(Failure::NotRunning { .. })));
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert_eq!(socket(Some(&path)).ok(), Some(path.clone()));
        drop(listener);
        assert!(matches!(socket(Some(&path)), Err(Failure::NotRunning { tried }) if tried == [path]));
    }
}
