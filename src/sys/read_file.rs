//! Reads whole small files that others may be writing, or may have put there to trick us.
//!
//! The daemon may be root while the file sits where an agent can write, so reading must never block (a fifo), never
//! touch a device, never fill the memory, and never hand an agent what only root may read: a symbolic link is followed
//! only if it belongs to root, to us, or to the owner of the file that it leads to (the rule of the kernel's
//! `fs.protected_symlinks`, here for every directory; for hard links, rely on `fs.protected_hardlinks`).

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};

/// As many links as the kernel follows in one path.
const MAX_LINKS: usize = 40;

/// Why a file could not be read. The message goes on after the name of the file.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A system call failed.
    #[error("can't be read: {0}")]
    Io(#[from] io::Error),
    /// There is something, but it is no file with content.
    #[error("is {0}, not a regular file")]
    NotRegular(&'static str),
    /// Longer than the caller takes.
    #[error("is larger than {0} bytes")]
    TooLarge(u64),
    /// A link on the way belongs to somebody who could be using us to read what isn't theirs.
    #[error("is reached through a symbolic link of user {link}, but belongs to user {file}")]
    ForeignLink {
        /// Owner of the link.
        link: u32,
        /// Owner of the file.
        file: u32,
    },
}

impl ReadError {
    /// Whether there is no such file: missing, or a link that leads nowhere.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }

    /// Whether that says nothing of the file: see [`is_passing`].
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Io(error) if is_passing(error))
    }
}

/// Whether a failure is one of this moment or of the disk, and not of what was asked for: the same may succeed later, with
/// nothing to be seen from outside.
pub fn is_passing(error: &io::Error) -> bool {
    is_of_the_moment(error) || matches!(errno(error), Errno::EIO | Errno::ESTALE | Errno::ETIMEDOUT)
}

/// Whether it failed for want of what others give back: descriptors, memory, threads.
pub(super) fn is_of_the_moment(error: &io::Error) -> bool {
    matches!(errno(error), Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM | Errno::EINTR | Errno::EAGAIN)
}

fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw)
}

impl From<Errno> for ReadError {
    fn from(errno: Errno) -> Self {
        Self::Io(errno.into())
    }
}

/// The content of the regular file at `path`, which has at most `limit` bytes.
pub fn read_regular(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    let (file, link_owners) = open_regular(path)?;
    let stat = fstat(&file)?;
    check_regular(&stat)?;
    let ours = nix::unistd::geteuid().as_raw();
    let is_trusted = |owner: u32| owner == 0 || owner == ours || owner == stat.st_uid;
    if let Some(link) = link_owners.into_iter().find(|owner| !is_trusted(*owner)) {
        return Err(ReadError::ForeignLink { link, file: stat.st_uid });
    }
    let mut content = Vec::new();
    // The size may grow while we read, and some file systems don't know it: the limit is on what is read.
    File::from(file).take(limit.saturating_add(1)).read_to_end(&mut content)?;
    if content.len() as u64 > limit { Err(ReadError::TooLarge(limit)) } else { Ok(content) }
}

/// Walks to `path` link by link and opens it for reading, without ever opening anything but directories and a
/// regular file. Also returns who owns the links.
fn open_regular(path: &Path) -> Result<(OwnedFd, Vec<u32>), ReadError> {
    let root = || open("/", OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty());
    let mut todo = steps(&std::path::absolute(path)?);
    let mut here = root()?;
    let mut link_owners = Vec::new();
    while let Some(step) = todo.pop_front() {
        if step == "/" {
            here = root()?;
            continue;
        }
        let next =
            openat(&here, step.as_os_str(), OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty())?;
        let stat = fstat(&next)?;
        if kind(&stat) == SFlag::S_IFLNK {
            link_owners.push(stat.st_uid);
            if link_owners.len() > MAX_LINKS {
                return Err(Errno::ELOOP.into());
            }
            let mut target = steps(Path::new(&readlinkat(&next, "")?));
            target.append(&mut todo);
            todo = target;
        } else if todo.is_empty() {
            check_regular(&stat)?;
            // Opened anew by name, because an O_PATH descriptor can't be read; what it is now is checked by the caller.
            let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
            return Ok((openat(&here, step.as_os_str(), flags, Mode::empty())?, link_owners));
        } else {
            here = next;
        }
    }
    Err(ReadError::NotRegular("a directory"))
}

/// The names on the way, `/` first if the path is absolute.
fn steps(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter(|component| *component != Component::CurDir)
        .map(|component| OsStr::from_bytes(component.as_os_str().as_bytes()).to_owned())
        .collect()
}

fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT
}

fn check_regular(stat: &FileStat) -> Result<(), ReadError> {
    let kind = kind(stat);
    if kind == SFlag::S_IFREG {
        return Ok(());
    }
    Err(ReadError::NotRegular(match kind {
        SFlag::S_IFDIR => "a directory",
        SFlag::S_IFIFO => "a fifo",
        SFlag::S_IFSOCK => "a socket",
        SFlag::S_IFCHR | SFlag::S_IFBLK => "a device",
        _ => "something else",
    }))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{lchown, symlink};

    use super::*;

    #[test]
    fn only_regular_files_within_the_limit_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("file"), b"12345").unwrap();
        symlink("file", path("one")).unwrap();
        symlink(path("one"), path("two")).unwrap();
        symlink("loop", path("loop")).unwrap();
        symlink("nowhere", path("dangling")).unwrap();
        nix::unistd::mkfifo(&path("fifo"), Mode::from_bits_truncate(0o600)).unwrap();

        assert_eq!(read_regular(&path("two"), 5).unwrap(), b"12345");
        assert!(matches!(read_regular(&path("file"), 4), Err(ReadError::TooLarge(4))));
        assert!(matches!(read_regular(&path("fifo"), 9), Err(ReadError::NotRegular("a fifo"))));
        assert!(matches!(read_regular(dir.path(), 9), Err(ReadError::NotRegular("a directory"))));
        assert!(matches!(read_regular(Path::new("/dev/tty"), 9), Err(ReadError::NotRegular("a device"))));
        assert!(read_regular(&path("dangling"), 9).unwrap_err().is_missing());
        assert!(read_regular(&path("loop"), 9).unwrap_err().to_string().contains("symbolic links"));
        assert!(read_regular(&path("file/x"), 9).is_err());
    }

    /// An agent must not make root read `/etc/shadow` into its prompt. Only root can set this stage.
    #[test]
    fn a_link_of_somebody_else_to_a_file_of_root_is_refused() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        std::fs::write(&file, b"root's").unwrap();
        symlink("file", &link).unwrap();
        lchown(&link, Some(1234), None).unwrap();
        assert!(matches!(read_regular(&link, 9), Err(ReadError::ForeignLink { link: 1234, file: 0 })));
        std::os::unix::fs::chown(&file, Some(1234), None).unwrap();
        assert_eq!(read_regular(&link, 9).unwrap(), b"root's");
    }
}
