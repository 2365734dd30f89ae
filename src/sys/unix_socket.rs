//! Listening Unix sockets that are right from the moment they appear: owner, group and mode included, ready to
//! accept, and ours alone.
//!
//! The directory may belong to someone hostile, so nothing here changes a file by its path. A socket is bound to a
//! temporary name, by a thread whose umask, working directory and file-system identity are its own; it listens; then it
//! is renamed into place. A stale socket is replaced, anything else in its place is left alone and reported.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat, renameat};
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind as bind_socket, connect, getsockopt, listen, socket,
    sockopt::PeerCredentials,
};
use nix::sys::stat::{FileStat, Mode, SFlag, fstatat, umask};
use nix::unistd::{UnlinkatFlags, fchdir, unlinkat};

use super::privileges::FsIdentity;
use super::runtime_dir::Access;
use super::socket_lock::{LockError, SocketLock};

/// The longest path of a socket, in bytes: `sun_path` less its final NUL.
pub const MAX_PATH_BYTES: usize = 107;

/// Why a socket could not be served.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The path doesn't fit a socket address.
    #[error("the socket path {} is {} bytes long, and the system allows {MAX_PATH_BYTES}: choose a shorter one", .path.display(), .path.as_os_str().len())]
    TooLong {
        /// As asked for.
        path: PathBuf,
    },
    /// The path ends in no file name.
    #[error("the socket path `{}` names no file", .path.display())]
    NoName {
        /// As asked for.
        path: PathBuf,
    },
    /// Another daemon serves it, or the lock could not be had.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A program that doesn't take our lock serves it.
    #[error("another program{} already serves {}", .pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default(), .path.display())]
    Served {
        /// As asked for.
        path: PathBuf,
        /// That program, where the system tells.
        pid: Option<u32>,
    },
    /// A file of another kind stands in its place.
    #[error("{} exists and is not a socket: move it away, or choose another path", .path.display())]
    Occupied {
        /// As asked for.
        path: PathBuf,
    },
    /// It did not come out as asked.
    #[error("{} came out as {found}, not as {wanted}: look at its directory's setgid bit and its access control list", .path.display())]
    WrongAccess {
        /// As asked for.
        path: PathBuf,
        /// Owner, group and mode that it got.
        found: String,
        /// Owner, group and mode that it was to get.
        wanted: String,
    },
    /// The system refused.
    #[error("could not {attempt} {}: {source}", .path.display())]
    Io {
        /// The step.
        attempt: &'static str,
        /// As asked for.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// The file of a socket that we serve. Dropping it removes the file if it is still ours, then gives up the lock.
#[derive(Debug)]
pub struct SocketFile {
    dir: OwnedFd,
    name: OsString,
    inode: (u64, u64),
    _lock: SocketLock,
}

/// Whether a socket of this path can be at all, whoever serves it.
pub fn check_length(path: &Path) -> Result<(), SocketError> {
    let fits = path.as_os_str().len() <= MAX_PATH_BYTES;
    if fits { Ok(()) } else { Err(SocketError::TooLong { path: path.to_owned() }) }
}

/// Serves `path`: the listener is non-blocking, and whoever can see the file can connect.
pub fn serve(path: &Path, access: Access) -> Result<(UnixListener, SocketFile), SocketError> {
    check_length(path)?;
    let Some(name) = path.file_name() else { return Err(SocketError::NoName { path: path.to_owned() }) };
    let fail = |attempt| {
        let path = path.to_owned();
        move |errno: Errno| SocketError::Io { attempt, path, source: errno.into() }
    };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let dir = openat(AT_FDCWD, parent, flags, Mode::empty()).map_err(fail("open the directory of"))?;
    let lock = SocketLock::acquire(&dir, name, path)?;
    check_free(&dir, name, path)?;

    let temporary = temporary_name(name);
    // A daemon that died between its bind and its rename left one.
    match unlinkat(&dir, temporary.as_os_str(), UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => {}
        Err(errno) => return Err(fail("clear the way for")(errno)),
    }
    let socket = bind_in_own_thread(&dir, &temporary, access).map_err(|(attempt, source)| SocketError::Io {
        attempt,
        path: path.to_owned(),
        source,
    })?;
    let inode = finish(&dir, &temporary, name, &socket, access, path).inspect_err(|_| {
        // Nothing more can be done about a file that can't be removed; the first error is the one to report.
        let _ = unlinkat(&dir, temporary.as_os_str(), UnlinkatFlags::NoRemoveDir);
    })?;
    Ok((UnixListener::from(socket), SocketFile { dir, name: name.to_owned(), inode, _lock: lock }))
}

/// Checks, listens, and moves into place; answers which inode it is.
fn finish(
    dir: &OwnedFd,
    temporary: &OsStr,
    name: &OsStr,
    socket: &OwnedFd,
    access: Access,
    path: &Path,
) -> Result<(u64, u64), SocketError> {
    let fail = |attempt| {
        let path = path.to_owned();
        move |errno: Errno| SocketError::Io { attempt, path, source: errno.into() }
    };
    let found = fstatat(dir, temporary, AtFlags::AT_SYMLINK_NOFOLLOW).map_err(fail("look at"))?;
    if !is_socket(&found) || !access.matches(&found) {
        let show = |uid: u32, gid: u32, mode: u32| format!("{uid}:{gid} {:04o}", mode & 0o7777);
        return Err(SocketError::WrongAccess {
            path: path.to_owned(),
            found: show(found.st_uid, found.st_gid, found.st_mode),
            wanted: show(access.owner.unwrap_or(found.st_uid), access.group.unwrap_or(found.st_gid), access.mode),
        });
    }
    listen(socket, Backlog::MAXALLOWABLE).map_err(fail("listen on"))?;
    renameat(dir, temporary, dir, name).map_err(fail("move into place"))?;
    Ok((found.st_dev, found.st_ino))
}

/// Where the socket is made. Always short enough for an address, and telling enough for `ss -xl`, which goes on
/// showing it.
fn temporary_name(name: &OsStr) -> OsString {
    let end = name.as_bytes().get(name.len().saturating_sub(32)..).unwrap_or_default();
    OsString::from_vec([b".", end, b".new"].concat())
}

/// Makes sure that nothing but a stale socket stands in the way.
fn check_free(dir: &OwnedFd, name: &OsStr, path: &Path) -> Result<(), SocketError> {
    let fail = |errno: Errno| SocketError::Io { attempt: "look at", path: path.to_owned(), source: errno.into() };
    match fstatat(dir, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Err(Errno::ENOENT) => return Ok(()),
        Err(errno) => return Err(fail(errno)),
        Ok(found) if !is_socket(&found) => return Err(SocketError::Occupied { path: path.to_owned() }),
        Ok(_) => {}
    }
    let probe = new_socket().map_err(fail)?;
    match UnixAddr::new(path).and_then(|address| connect(probe.as_raw_fd(), &address)) {
        // A full queue is a sign of life too.
        Ok(()) | Err(Errno::EAGAIN) => {
            let pid = peer_cred(&probe).ok().and_then(|peer| peer.pid);
            Err(SocketError::Served { path: path.to_owned(), pid })
        }
        Err(_) => Ok(()),
    }
}

/// Binds by a thread of its own, because the umask and the working directory that this takes belong to a whole
/// process, unless a thread asks for its own. Where a sandbox forbids that (Docker's default does), the process's umask
/// is changed for the time of one system call; it only gets stricter, and sockets are bound at startup, before
/// there are threads that make files.
fn bind_in_own_thread(dir: &OwnedFd, name: &OsStr, access: Access) -> Result<OwnedFd, (&'static str, io::Error)> {
    let bind = || {
        let alone = unshare(CloneFlags::CLONE_FS).is_ok();
        bind_with_access(dir, name, access, alone)
    };
    std::thread::scope(|scope| match std::thread::Builder::new().name("bind".into()).spawn_scoped(scope, bind) {
        Ok(thread) => {
            thread.join().unwrap_or_else(|_| Err(("bind", io::Error::other("the thread that binds it panicked"))))
        }
        Err(error) => Err(("start a thread to bind", error)),
    })
}

/// `alone`: whether the thread's working directory is its own.
fn bind_with_access(
    dir: &OwnedFd,
    name: &OsStr,
    access: Access,
    alone: bool,
) -> Result<OwnedFd, (&'static str, io::Error)> {
    let fail = |attempt| move |errno: Errno| (attempt, errno.into());
    let socket = new_socket().map_err(fail("make a socket for"))?;
    // Through the directory that was opened, whatever its path leads to by now. The first way is tried first because
    // the address stays on show, in `ss -xl` for one.
    let address = if alone {
        fchdir(dir).map_err(fail("enter the directory of"))?;
        UnixAddr::new(name)
    } else {
        let mut path = OsString::from(format!("/proc/self/fd/{}/", dir.as_raw_fd()));
        path.push(name);
        UnixAddr::new(path.as_os_str())
    }
    .map_err(fail("bind"))?;
    let _identity = FsIdentity::assume(access.owner, access.group).map_err(|error| ("take the identity for", error))?;
    // A new socket's own mode is 0777.
    let previous = umask(Mode::from_bits_truncate(0o777 & !access.mode));
    let bound = bind_socket(socket.as_raw_fd(), &address);
    umask(previous);
    bound.map_err(fail("bind"))?;
    Ok(socket)
}

fn new_socket() -> Result<OwnedFd, Errno> {
    socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, None)
}

fn is_socket(found: &FileStat) -> bool {
    found.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFSOCK.bits()
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // No other agentd can come between these two: we still hold the lock.
        let found = fstatat(&self.dir, self.name.as_os_str(), AtFlags::AT_SYMLINK_NOFOLLOW);
        if found.is_ok_and(|found| (found.st_dev, found.st_ino) == self.inode) {
            // A file that stays is stale, and replaced by the next daemon.
            let _ = unlinkat(&self.dir, self.name.as_os_str(), UnlinkatFlags::NoRemoveDir);
        }
    }
}

/// Who is at the other end of a connection, as of its `connect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerCred {
    /// Its pid, unless it lives in a pid namespace that we can't see.
    pub pid: Option<u32>,
    /// Its uid.
    pub uid: u32,
    /// Its gid.
    pub gid: u32,
}

/// Asks the kernel who is at the other end.
pub fn peer_cred(stream: &impl AsFd) -> io::Result<PeerCred> {
    let found = getsockopt(stream, PeerCredentials)?;
    let pid = u32::try_from(found.pid()).ok().filter(|pid| *pid != 0);
    Ok(PeerCred { pid, uid: found.uid(), gid: found.gid() })
}

#[cfg(test)]
#[path = "unix_socket_tests.rs"]
mod tests;
