//! Makes the directories that sockets live in. A directory that exists is never touched: whoever made it chose its
//! owner and mode. One that is missing gets them through its own descriptor, so that a hostile owner of the parent
//! can't have a link of theirs followed.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, fchmod, fstat, mkdirat};
use nix::unistd::{Gid, Uid, fchown, geteuid};

/// Who may use a file. `None` keeps what the system gives it: our user, our group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Its owner's uid.
    pub owner: Option<u32>,
    /// Its gid.
    pub group: Option<u32>,
    /// Its permission bits, `0o7777` at most.
    pub mode: u32,
}

impl Access {
    pub(super) fn uid(self) -> Option<Uid> {
        self.owner.map(Uid::from_raw)
    }

    pub(super) fn gid(self) -> Option<Gid> {
        self.group.map(Gid::from_raw)
    }

    pub(super) fn mode(self) -> Mode {
        Mode::from_bits_truncate(self.mode)
    }

    /// Whether a file has come out as asked.
    pub(super) fn matches(self, found: &FileStat) -> bool {
        self.owner.is_none_or(|uid| uid == found.st_uid)
            && self.group.is_none_or(|gid| gid == found.st_gid)
            && self.mode == found.st_mode & 0o7777
    }
}

/// Why a directory could not be made.
#[derive(Debug, thiserror::Error)]
#[error("could not {attempt} the directory {}: {source}", .path.display())]
pub struct DirError {
    attempt: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// Makes `path` with `access` if it is missing. Missing parents are made too, owned by us with mode 0755.
pub fn ensure_dir(path: &Path, access: Access) -> Result<(), DirError> {
    let mut parts = path.components().peekable();
    let mut at = PathBuf::new();
    let mut dir: Option<OwnedFd> = None;
    while let Some(part) = parts.next() {
        at.push(part);
        let wanted = if parts.peek().is_some() { Access { owner: None, group: None, mode: 0o755 } } else { access };
        let fail = |(attempt, errno): Failed| DirError { attempt, path: at.clone(), source: errno.into() };
        dir = Some(match part {
            Component::Normal(name) => enter_or_make(dir.as_ref(), name, wanted).map_err(fail)?,
            Component::RootDir | Component::CurDir | Component::ParentDir | Component::Prefix(_) => {
                enter(dir.as_ref(), part.as_os_str(), OFlag::empty()).map_err(|errno| fail(("enter", errno)))?
            }
        });
    }
    Ok(())
}

/// What was attempted, and the system's answer.
type Failed = (&'static str, Errno);

fn enter_or_make(parent: Option<&OwnedFd>, name: &OsStr, access: Access) -> Result<OwnedFd, Failed> {
    let made = match parent {
        Some(parent) => mkdirat(parent, name, Mode::S_IRWXU),
        None => mkdirat(AT_FDCWD, name, Mode::S_IRWXU),
    };
    match made {
        Ok(()) => {}
        Err(Errno::EEXIST) => return enter(parent, name, OFlag::empty()).map_err(|errno| ("enter", errno)),
        // A read-only or forbidden parent says so before it says that the directory exists.
        Err(errno) => return enter(parent, name, OFlag::empty()).map_err(|_| ("make", errno)),
    }
    let dir = enter(parent, name, OFlag::O_NOFOLLOW).map_err(|errno| ("enter", errno))?;
    let found = fstat(&dir).map_err(|errno| ("look at", errno))?;
    // The owner of the parent may have put another one in its place since.
    if found.st_uid != geteuid().as_raw() || found.st_mode & 0o077 != 0 {
        return Err(("give away", Errno::ESTALE));
    }
    fchown(&dir, access.uid(), access.gid()).map_err(|errno| ("set the owner of", errno))?;
    fchmod(&dir, access.mode()).map_err(|errno| ("set the mode of", errno))?;
    Ok(dir)
}

fn enter(parent: Option<&OwnedFd>, name: &OsStr, more: OFlag) -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | more;
    // A parent that may only be passed through can't be opened for reading.
    let path_only = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | more;
    let open = |flags| match parent {
        Some(parent) => openat(parent, name, flags, Mode::empty()),
        None => openat(AT_FDCWD, name, flags, Mode::empty()),
    };
    match open(flags) {
        Err(Errno::EACCES) => open(path_only),
        opened => opened,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    const PRIVATE: Access = Access { owner: None, group: None, mode: 0o750 };

    #[test]
    fn missing_directories_are_made_with_parents() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("a/b/c");
        ensure_dir(&path, PRIVATE).unwrap();
        assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o750);
        assert_eq!(temp.path().join("a/b").metadata().unwrap().mode() & 0o7777, 0o755);
    }

    #[test]
    fn an_existing_directory_is_left_alone_also_behind_a_link() {
        let temp = tempfile::tempdir().unwrap();
        let real = temp.path().join("real");
        std::fs::create_dir(&real).unwrap();
        std::fs::set_permissions(&real, PermissionsExt::from_mode(0o711)).unwrap();
        symlink("real", temp.path().join("link")).unwrap();
        ensure_dir(&temp.path().join("link"), PRIVATE).unwrap();
        assert_eq!(real.metadata().unwrap().mode() & 0o7777, 0o711);
        ensure_dir(&temp.path().join("link/in"), PRIVATE).unwrap();
        assert_eq!(real.join("in").metadata().unwrap().mode() & 0o7777, 0o750);
    }

    #[test]
    fn a_file_or_a_dangling_link_in_the_way_is_an_error_that_names_it() {
        let temp = tempfile::tempdir().unwrap();
        std::fs::write(temp.path().join("file"), "").unwrap();
        symlink("nowhere", temp.path().join("dangling")).unwrap();
        let error = ensure_dir(&temp.path().join("file/below"), PRIVATE).unwrap_err().to_string();
        assert!(error.contains("could not enter the directory") && error.contains("/file: "), "{error}");
        assert!(ensure_dir(&temp.path().join("dangling"), PRIVATE).is_err());
        assert!(!temp.path().join("nowhere").exists());
    }

    #[test]
    fn root_gives_a_new_directory_away() {
        if !geteuid().is_root() {
            eprintln!("SKIPPED: needs root");
            return;
        }
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("run/agentd");
        ensure_dir(&path, Access { owner: Some(12_345), group: Some(23_456), mode: 0o2750 }).unwrap();
        let found = path.metadata().unwrap();
        assert_eq!((found.uid(), found.gid(), found.mode() & 0o7777), (12_345, 23_456, 0o2750));
        assert_eq!(temp.path().join("run").metadata().unwrap().uid(), 0);
    }
}
