//! Replaces a small file by another version of it, whole or not at all, beside others that do the same.
//!
//! Who replaces holds a lock of the file's directory, and where a program says by a lock of its own that it does (a
//! directory `FILE.lock`, as npm's proper-lockfile makes it), that one too. A link that leads to the file stays, and so do
//! the file's mode and group. A file of another user is never touched.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use nix::poll::{PollTimeout, poll};
use nix::unistd::geteuid;

use super::clock;
use super::read_file::{ReadError, read_regular};
use crate::model::Wall;

/// As many links as the kernel follows in one path.
const MAX_LINKS: usize = 40;
/// Who holds the other lock is waited for in such steps, and so often.
const STEP: u16 = 5;
const STEPS: u16 = 400;
/// The holder of that lock renews it before it is so old.
const STALE_AFTER: Duration = Duration::from_secs(10);

/// Why a file could not be replaced. The message goes on after the name of the file.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// A system call failed.
    #[error("can't be written: {0}")]
    Io(#[from] io::Error),
    /// What is there can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It, or for root its directory, belongs to somebody else.
    #[error("belongs to user {0}, and is left alone")]
    Foreign(u32),
}

/// A file that nobody else who asks replaces meanwhile.
#[derive(Debug)]
pub struct Held {
    /// Without a link at its end.
    path: PathBuf,
    limit: u64,
    _other: Option<OtherLock>,
    _directory: Option<Flock<File>>,
}

impl Held {
    /// Waits for the file, which need not exist and has at most `limit` bytes. Makes its directory.
    pub fn take(path: &Path, limit: u64, has_other_lock: bool) -> Result<Self, ReplaceError> {
        let real = end_of_links(path)?;
        let directory = real.parent().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let owner = directory.metadata()?.uid();
        if geteuid().is_root() && owner != 0 {
            return Err(ReplaceError::Foreign(owner));
        }
        // File systems of other machines may know no such lock: whoever replaces looks again before and after.
        let lock = Flock::lock(File::open(directory)?, FlockArg::LockExclusive).ok();
        let other = has_other_lock.then(|| OtherLock::take(path)).flatten();
        Ok(Self { path: real, limit, _other: other, _directory: lock })
    }

    /// What is there; none if nothing is.
    pub fn read(&self) -> Result<Option<Vec<u8>>, ReplaceError> {
        match read_regular(&self.path, self.limit) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts `new` in the place of `seen`. False, and nothing is done, if something else is there by now.
    pub fn replace(&self, seen: Option<&[u8]>, new: &[u8]) -> Result<bool, ReplaceError> {
        let old = match self.path.metadata() {
            Ok(old) => Some(old),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        if let Some(old) = old.as_ref().filter(|old| old.uid() != geteuid().as_raw()) {
            return Err(ReplaceError::Foreign(old.uid()));
        }
        let mut name = OsString::from(".");
        name.push(self.path.file_name().unwrap_or_default());
        name.push(format!(".agentd-{}", std::process::id()));
        let temporary = self.path.with_file_name(name);
        let done = write(&temporary, old.as_ref(), new).map_err(ReplaceError::from).and_then(|()| {
            if self.read()?.as_deref() != seen {
                return Ok(false);
            }
            std::fs::rename(&temporary, &self.path)?;
            Ok(true)
        });
        if !matches!(done, Ok(true)) {
            let _ = std::fs::remove_file(&temporary);
        }
        done
    }
}

fn write(path: &Path, old: Option<&Metadata>, content: &[u8]) -> io::Result<()> {
    // Left behind by a process of the same number that was killed.
    let _ = std::fs::remove_file(path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    if let Some(old) = old {
        if old.gid() != file.metadata()?.gid() {
            fchown(&file, None, Some(old.gid()))?;
        }
        file.set_permissions(std::fs::Permissions::from_mode(old.mode() & 0o7777))?;
    }
    file.sync_data()
}

/// Where the links at the end of a path lead, which need not exist.
fn end_of_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = std::path::absolute(path)?;
    for _ in 0..MAX_LINKS {
        match path.read_link() {
            Ok(target) => path = path.parent().unwrap_or(Path::new("/")).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::from_raw_os_error(libc::ELOOP))
}

/// A directory that says that a file is being replaced.
#[derive(Debug)]
struct OtherLock(PathBuf);

impl OtherLock {
    /// None if it could not be had: whoever holds it that long is not waited for.
    fn take(file: &Path) -> Option<Self> {
        let mut path = file.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        for _ in 0..STEPS {
            match std::fs::create_dir(&path) {
                Ok(()) => return Some(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(_) => return None,
            }
            if path.metadata().is_ok_and(|found| is_stale(&found)) {
                let _ = std::fs::remove_dir(&path);
            } else {
                let _ = poll(&mut [], PollTimeout::from(STEP));
            }
        }
        None
    }
}

/// Whether its holder has died. Only the clock of the file system tells, in seconds.
fn is_stale(found: &Metadata) -> bool {
    let Wall(now) = clock::now().wall;
    let now = Duration::from_nanos(now).as_secs();
    u64::try_from(found.mtime()).is_ok_and(|then| now.saturating_sub(then) > STALE_AFTER.as_secs())
}

impl Drop for OtherLock {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[cfg(test)]
#[path = "replace_file_tests.rs"]
mod tests;
