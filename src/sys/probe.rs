//! Looks at a system without changing it: with another user's rights, and never longer than it is given. What hangs (a
//! network file system whose server is gone) costs a thread that ends with the process, not the one who asked.

mod disk;
mod program;

use std::ffi::CString;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use nix::fcntl::AT_FDCWD;
use nix::fcntl::AtFlags;
use nix::unistd::{AccessFlags, faccessat};

use super::identity::Identity;
use super::privileges::become_for_good;

pub use disk::{Disk, disk, is_in_memory};
pub use program::{RunError, Said, ask};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Missed {
    /// It takes too long.
    #[error("no answer within {} s", .0.as_secs())]
    Slow(Duration),
    /// The user's rights could not be had, or a thread.
    #[error("the user's rights can't be taken on: {0}")]
    Rights(#[from] io::Error),
    /// Whoever looked has panicked.
    #[error("looking failed")]
    Failed,
}

/// An answer to come.
#[derive(Debug)]
pub struct Pending<T> {
    answer: Receiver<io::Result<T>>,
    within: Duration,
}

impl<T> Pending<T> {
    /// Waits for it, from now on.
    pub fn wait(self) -> Result<T, Missed> {
        match self.answer.recv_timeout(self.within) {
            Ok(answer) => Ok(answer?),
            Err(RecvTimeoutError::Timeout) => Err(Missed::Slow(self.within)),
            Err(RecvTimeoutError::Disconnected) => Err(Missed::Failed),
        }
    }
}

/// Has a thread of its own look, as `user` or as whoever we are.
pub fn start<T: Send + 'static>(
    user: Option<&Identity>,
    within: Duration,
    look: impl FnOnce() -> T + Send + 'static,
) -> Pending<T> {
    let (sender, answer) = channel();
    let user = user.cloned();
    let spawned = std::thread::Builder::new().spawn({
        let sender = sender.clone();
        move || {
            let entered = user.as_ref().map_or(Ok(()), become_for_good);
            // Who no longer waits doesn't want it.
            let _ = sender.send(entered.map(|()| look()));
        }
    });
    if let Err(error) = spawned {
        let _ = sender.send(Err(error));
    }
    Pending { answer, within }
}

/// [`start`], and waits.
pub fn bounded<T: Send + 'static>(
    user: Option<&Identity>,
    within: Duration,
    look: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Missed> {
    start(user, within, look).wait()
}

/// Whether this thread may read (`r`), write (`w`) and execute or enter (`x`) what is there.
pub fn may(path: &Path, rights: &str) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let flags = rights.chars().fold(AccessFlags::F_OK, |flags, right| {
        flags
            | match right {
                'r' => AccessFlags::R_OK,
                'w' => AccessFlags::W_OK,
                'x' => AccessFlags::X_OK,
                _ => AccessFlags::F_OK,
            }
    });
    Ok(faccessat(AT_FDCWD, path.as_c_str(), flags, AtFlags::AT_EACCESS)?)
}

/// The first bytes of a regular file, `limit` at most.
pub fn head(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    // What is no file could hold us up.
    let file = std::fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hangs_is_left_behind() {
        let (held, holds) = channel::<()>();
        let missed = bounded(None, Duration::from_millis(10), move || holds.recv().is_ok());
        assert!(matches!(missed, Err(Missed::Slow(_))));
        drop(held);
        assert_eq!(bounded(None, Duration::from_secs(10), || 7).unwrap(), 7);
        assert!(matches!(bounded(None, Duration::from_secs(10), || panic!("on purpose")), Err(Missed::Failed)));
    }

    #[test]
    fn another_users_rights_are_that_threads_alone() {
        if !super::super::identity::is_root() {
            eprintln!("SKIPPED: needs root");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_owned();
        let other = Identity {
            uid: 12_345,
            gid: 12_345,
            groups: vec![12_345],
            name: "x".into(),
            home: "/".into(),
            shell: "/bin/sh".into(),
        };
        let look = move || may(&path, "rwx").is_ok();
        assert!(!bounded(Some(&other), Duration::from_secs(10), look).unwrap());
        assert!(may(dir.path(), "rwx").is_ok());
    }
}
