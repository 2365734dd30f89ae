//! Cgroups (v2), for one thing: killing all that an agent ever started, at once, and knowing when it is gone.
//!
//! Nothing here sets limits. Every path below the mount is opened from a directory's descriptor, one name at a time and
//! never through a link, as an agent may make directories beside ours.

mod root;

use std::ffi::OsStr;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use tokio::io::Interest;

pub use root::{CgroupRoot, Sighting, Unavailable, look};

/// Nesting that a removal follows. The kernel's own limit is as the administrator sets it, by default none.
const MAX_DEPTH: usize = 64;

/// The cgroup of one agent.
#[derive(Debug)]
pub struct Cgroup {
    parent: Arc<OwnedFd>,
    name: String,
    dir: OwnedFd,
}

impl Cgroup {
    /// Makes it, or opens it if it is there.
    fn create(parent: Arc<OwnedFd>, name: &str) -> io::Result<Self> {
        make_dir(&parent, name)?;
        let dir = open_dir(&parent, name)?;
        Ok(Self { parent, name: name.to_owned(), dir })
    }

    fn open(parent: Arc<OwnedFd>, name: &str) -> io::Result<Self> {
        let dir = open_dir(&parent, name)?;
        Ok(Self { parent, name: name.to_owned(), dir })
    }

    /// Moves a process into it. What the process forks later is in it as well; what it has forked already is not.
    pub fn place(&self, pid: u32) -> io::Result<()> {
        write(&self.dir, "cgroup.procs", &pid.to_string())
    }

    /// Kills all that is in it and below it.
    pub fn kill(&self) -> io::Result<()> {
        write(&self.dir, "cgroup.kill", "1")
    }

    /// Whether any process is in it or below it. Zombies don't count.
    pub fn populated(&self) -> io::Result<bool> {
        populated(&mut self.events()?)
    }

    /// Waits until no process is in it or below it. The kernel tells of changes at most every 10 ms. Cancel-safe.
    pub async fn empty(&self) -> io::Result<()> {
        let events = self.events()?;
        let waiting = super::fd::watch(events.as_fd(), Interest::PRIORITY)?;
        // The kernel raises an event when the content is another than at the last read of this descriptor.
        while populated(&events)? {
            waiting.ready(Interest::PRIORITY).await?.clear_ready();
        }
        Ok(())
    }

    /// Removes it, and what the agent has made below it. Nothing may live in it any more.
    pub fn remove(self) -> io::Result<()> {
        let Self { parent, name, dir } = self;
        drop(dir);
        remove_tree(&parent, Path::new(&name), MAX_DEPTH)
    }

    fn events(&self) -> io::Result<std::fs::File> {
        open_file(&self.dir, "cgroup.events", OFlag::O_RDONLY)
    }
}

fn populated(mut events: impl Read + Seek) -> io::Result<bool> {
    let mut text = String::new();
    events.rewind()?;
    events.read_to_string(&mut text)?;
    let value = text.lines().find_map(|line| line.strip_prefix("populated "));
    value.map(|value| value != "0").ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

fn write(dir: &OwnedFd, name: &str, value: &str) -> io::Result<()> {
    open_file(dir, name, OFlag::O_WRONLY)?.write_all(value.as_bytes())
}

fn open_file(dir: &OwnedFd, name: &str, mode: OFlag) -> io::Result<std::fs::File> {
    Ok(openat(dir, name, mode | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty())?.into())
}

fn open_dir(parent: impl AsFd, name: impl AsRef<Path>) -> io::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    Ok(openat(parent, name.as_ref(), flags, Mode::empty())?)
}

fn make_dir(parent: &OwnedFd, name: &str) -> io::Result<()> {
    match mkdirat(parent, name, Mode::from_bits_truncate(0o755)) {
        Ok(()) | Err(Errno::EEXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The directories in a directory.
fn subdirectories(dir: impl AsFd) -> io::Result<Vec<std::ffi::CString>> {
    // Opened anew, as reading moves a position that copies of a descriptor share.
    let mut listing = Dir::from_fd(open_dir(dir, ".")?)?;
    let mut found = Vec::new();
    for entry in listing.iter() {
        let entry = entry?;
        let is_dir = entry.file_type() == Some(nix::dir::Type::Directory);
        if is_dir && ![c".", c".."].contains(&entry.file_name()) {
            found.push(entry.file_name().to_owned());
        }
    }
    Ok(found)
}

/// The deepest first, as a cgroup with others in it can't be removed.
fn remove_tree(parent: &OwnedFd, name: &Path, depth: usize) -> io::Result<()> {
    let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let dir = match open_dir(parent, name) {
        Ok(dir) => dir,
        Err(error) if gone(&error) => return Ok(()),
        Err(error) => return Err(error),
    };
    let deeper = depth.checked_sub(1).ok_or(Errno::ELOOP)?;
    for child in subdirectories(&dir)? {
        remove_tree(&dir, Path::new(OsStr::from_bytes(child.as_bytes())), deeper)?;
    }
    match unlinkat(parent, name, UnlinkatFlags::RemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
#[path = "cgroup/tests.rs"]
mod tests;
