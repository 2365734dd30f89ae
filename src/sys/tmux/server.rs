//! The tmux server: found on its socket, or started alone.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::fcntl::{AtFlags, OFlag, open};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd::{Gid, fchownat};

use crate::sys::identity::Identity;
use crate::sys::privileges::FsIdentity;
use crate::sys::spawn;

/// A server was given this long to open its socket.
const READY_WITHIN: Duration = Duration::from_secs(5);

/// One that is ending hangs up within this; one that isn't never does.
const HANGS_UP_WITHIN: Duration = Duration::from_secs(1);

/// A running server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerProcess {
    /// Its process.
    pub pid: u32,
    /// The user that it runs as.
    pub uid: u32,
}

/// The server that listens on `socket`, if one does. It isn't spoken to.
pub fn find(socket: &Path) -> io::Result<Option<ServerProcess>> {
    let stream = match UnixStream::connect(socket) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    peer(&stream).map(Some)
}

/// Whoever listens at the other end.
pub(super) fn peer(stream: &impl AsFd) -> io::Result<ServerProcess> {
    let peer = getsockopt(stream, PeerCredentials)?;
    Ok(ServerProcess { pid: u32::try_from(peer.pid()).unwrap_or(0), uid: peer.uid() })
}

/// Whether the server on `socket` hangs up on whoever connects: that is how tmux is while it ends, and it stays so for ever
/// if a session was made meanwhile, by a client that had connected before (tmux 3.3a).
pub async fn is_ending(socket: &Path) -> bool {
    let hangs_up = async {
        let mut stream = tokio::net::UnixStream::connect(socket).await.ok()?;
        let read = tokio::io::AsyncReadExt::read(&mut stream, &mut [0]).await;
        // Nothing was asked: a server that is well says nothing.
        read.ok().filter(|length| *length == 0)
    };
    tokio::time::timeout(HANGS_UP_WITHIN, hangs_up).await.ok().flatten().is_some()
}

/// What the server on `socket` says that its version is, such as `3.5a`. The program on the disk may be another.
pub async fn version(tmux: &Path, socket: &Path, user: Option<&Identity>) -> io::Result<String> {
    let mut command = spawn::command(tmux, user);
    command.args(["-N", "-S"]).arg(socket).args(["display-message", "-p", "#{version}"]);
    command.stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = command.output().await?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        Err(io::Error::other(format!("tmux: {}", String::from_utf8_lossy(&output.stderr).trim())))
    }
}

/// Starts a server that outlives us and waits until it listens.
///
/// `-D` keeps it in the foreground of its own session, so its pid is known and its command line holds nothing but
/// the socket; the environment that every pane inherits from it is the clean one of [`spawn::command`].
pub async fn start(tmux: &Path, socket: &Path, user: Option<&Identity>) -> io::Result<ServerProcess> {
    let mut command = spawn::command(tmux, user);
    spawn::new_session(&mut command);
    command.args(["-u", "-D", "-f", "/dev/null", "-S"]).arg(socket);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(false);
    let mut child = command.spawn()?;
    let deadline = tokio::time::sleep(READY_WITHIN);
    tokio::pin!(deadline);
    let mut look = tokio::time::interval(Duration::from_millis(1));
    loop {
        tokio::select! {
            _ = look.tick() => {
                if let Some(found) = find(socket)? {
                    // Whoever listens is the server now: another daemon may have been faster.
                    return Ok(found);
                }
            }
            status = child.wait() => {
                let text = read_all(child.stderr.take()).await;
                return Err(io::Error::other(format!("tmux ended at once ({}): {}", status?, text.trim())));
            }
            () = &mut deadline => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "tmux did not open its socket within 5 s"));
            }
        }
    }
}

/// Lets a group connect. tmux makes its socket for its own user only.
///
/// The socket's directory may be that user's, who could put anything in the socket's place: what is found there is held
/// first, and changed only if it is a socket of that user's. The group is that of the directory where it has the
/// set-group-id bit; where somebody else made the directory, it may not.
pub fn open_to_group(socket: &Path, uid: u32, group: Option<u32>) -> io::Result<()> {
    let held = open(socket, OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty())?;
    let found = fstat(&held)?;
    let is_socket = SFlag::from_bits_truncate(found.st_mode & SFlag::S_IFMT.bits()) == SFlag::S_IFSOCK;
    if !is_socket || found.st_uid != uid {
        return Err(io::Error::other("it is no socket of the user that agents run as"));
    }
    if let Some(gid) = group.filter(|gid| *gid != found.st_gid) {
        fchownat(&held, "", None, Some(Gid::from_raw(gid)), AtFlags::AT_EMPTY_PATH)?;
    }
    let _user = FsIdentity::assume(Some(uid), None)?;
    std::fs::set_permissions(format!("/proc/self/fd/{}", held.as_raw_fd()), PermissionsExt::from_mode(0o770))
}

/// Removes the socket of a server that has ended, which tmux leaves. With its user's rights, as the directory may be theirs.
pub fn remove_socket(socket: &Path, uid: Option<u32>) -> io::Result<()> {
    let _user = FsIdentity::assume(uid, None)?;
    if find(socket)?.is_some() {
        return Ok(());
    }
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

async fn read_all(stderr: Option<tokio::process::ChildStderr>) -> String {
    let mut text = String::new();
    if let Some(mut stderr) = stderr {
        let _ = tokio::io::AsyncReadExt::read_to_string(&mut stderr, &mut text).await;
    }
    text
}
