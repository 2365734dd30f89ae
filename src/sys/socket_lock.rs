//! One daemon a socket: a lock file beside the socket, locked for as long as its holder lives.
//!
//! The file is never removed. Were it removed at exit, a second daemon could hold the lock of the removed file while
//! a third makes and locks a new one of the same name.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, openat};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd::geteuid;
use tokio::time::Instant;

use super::process::{self, PidFd};

/// How long a child that was forked may take to execute its program.
const EXECUTES_WITHIN: Duration = Duration::from_secs(2);

/// Why the lock could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another daemon has it.
    #[error("agentd{} already serves {}", .pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default(), .socket.display())]
    Held {
        /// The socket that it serves.
        socket: PathBuf,
        /// The holder, if it has written its pid.
        pid: Option<u32>,
    },
    /// Something that we did not make stands where the lock file goes.
    #[error("{} is not a lock file of ours (it is no plain file, or belongs to uid {owner}): remove it", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// The system refused.
    #[error("could not {attempt} the lock file {}: {source}", .path.display())]
    Io {
        /// The step.
        attempt: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// The right to serve a socket, until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct SocketLock {
    _file: Flock<File>,
}

impl SocketLock {
    /// Takes the lock of the socket `socket`, which is the entry `name` of the directory `dir`.
    pub(super) fn acquire(dir: &OwnedFd, name: &OsStr, socket: &Path) -> Result<Self, LockError> {
        let mut lock_name = OsString::from(name);
        lock_name.push(".lock");
        let path = socket.with_file_name(&lock_name);
        let fail = |attempt| {
            let path = path.clone();
            move |source: io::Error| LockError::Io { attempt, path, source }
        };

        // Not to follow a link or hang on a FIFO that someone else put there.
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let file = openat(dir, lock_name.as_os_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR)
            .map_err(|errno| fail("open")(errno.into()))?;
        let found = fstat(&file).map_err(|errno| fail("look at")(errno.into()))?;
        let plain = SFlag::from_bits_truncate(found.st_mode & SFlag::S_IFMT.bits()) == SFlag::S_IFREG;
        if !plain || found.st_uid != geteuid().as_raw() {
            return Err(LockError::Foreign { path, owner: found.st_uid });
        }

        match lock(File::from(file)) {
            Ok(file) => {
                let pid = format!("{}\n", std::process::id());
                file.set_len(0).and_then(|()| file.write_all_at(pid.as_bytes(), 0)).map_err(fail("write"))?;
                Ok(Self { _file: file })
            }
            Err((file, Errno::EWOULDBLOCK)) => Err(LockError::Held { socket: socket.to_owned(), pid: read_pid(&file) }),
            Err((_, errno)) => Err(fail("lock")(errno.into())),
        }
    }
}

/// Takes the lock. A holder that is gone may have been killed while it forked: its child has the lock as well, until it
/// executes its program.
#[allow(
    clippy::disallowed_methods,
    reason = "nothing tells when a lock is free but to have it; before there is a loop"
)]
fn lock(mut file: File) -> Result<Flock<File>, (File, Errno)> {
    let patience = Instant::now() + EXECUTES_WITHIN;
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Err((held, Errno::EWOULDBLOCK)) if Instant::now() < patience && is_left_behind(&held) => file = held,
            taken => return taken,
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether the holder that is written down has ended.
fn is_left_behind(file: &File) -> bool {
    match read_pid(file).map(PidFd::open) {
        Some(Ok(holder)) => holder.has_ended().unwrap_or(false),
        Some(Err(error)) => process::is_gone(&error),
        None => false,
    }
}

/// The holder's pid; nothing in the moment before it is written.
fn read_pid(file: &File) -> Option<u32> {
    let mut text = [0; 32];
    let length = file.read_at(&mut text, 0).ok()?;
    str::from_utf8(text.get(..length)?).ok()?.trim().parse().ok()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test")]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn acquire(dir: &Path) -> Result<SocketLock, LockError> {
        let handle = OwnedFd::from(File::open(dir).unwrap());
        SocketLock::acquire(&handle, OsStr::new("a.sock"), &dir.join("a.sock"))
    }

    #[test]
    fn a_second_daemon_is_told_who_holds_the_lock() {
        let temp = tempfile::tempdir().unwrap();
        let lock = acquire(temp.path()).unwrap();
        let error = acquire(temp.path()).unwrap_err().to_string();
        let socket = temp.path().join("a.sock");
        assert_eq!(error, format!("agentd (pid {}) already serves {}", std::process::id(), socket.display()));
        drop(lock);
        acquire(temp.path()).unwrap();
        assert!(temp.path().join("a.sock.lock").exists());
    }

    #[test]
    fn a_holder_that_was_killed_while_it_forked_is_not_taken_for_one() {
        let temp = tempfile::tempdir().unwrap();
        let mut gone = std::process::Command::new("true").spawn().unwrap();
        gone.wait().unwrap();
        let file = File::create(temp.path().join("a.sock.lock")).unwrap();
        file.write_all_at(format!("{}\n", gone.id()).as_bytes(), 0).unwrap();
        let left = Flock::lock(file, FlockArg::LockExclusiveNonblock).unwrap();
        let child = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            drop(left);
        });
        acquire(temp.path()).unwrap();
        child.join().unwrap();
    }

    #[test]
    fn links_and_other_things_in_its_place_are_refused() {
        let temp = tempfile::tempdir().unwrap();
        let lock = temp.path().join("a.sock.lock");
        symlink("elsewhere", &lock).unwrap();
        assert!(matches!(acquire(temp.path()), Err(LockError::Io { attempt: "open", .. })));
        assert!(!temp.path().join("elsewhere").exists());
        std::fs::remove_file(&lock).unwrap();
        nix::unistd::mkfifo(&lock, Mode::S_IRWXU).unwrap();
        assert!(matches!(acquire(temp.path()), Err(LockError::Foreign { .. })));
    }
}
