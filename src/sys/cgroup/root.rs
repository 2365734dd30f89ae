//! Where the agents' cgroups go: into that of the tmux server, which systemd has delegated, or into the daemon's own.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::unistd::{AccessFlags, Gid, Uid, faccessat, fchownat};

use super::{Cgroup, MAX_DEPTH, make_dir, open_dir, remove_tree, subdirectories, write};

/// The leaf for the tmux server: a cgroup with processes of its own can't give controllers to those below it.
const SERVER_LEAF: &str = "tmux";
/// What a base that we made ourselves is called, before the server's pid.
const OWN_BASE: &str = "agentd-";
/// What an agent's cgroup is called, after its name.
const AGENT: &str = ".agent";

/// Why there are no cgroups to be had. Agents then are killed by their shim, process by process.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// No cgroup v2 hierarchy.
    #[error("no cgroup2 file system is mounted")]
    NotMounted,
    /// A process is not in the hierarchy that is seen here, as in some containers.
    #[error("the cgroup of process {0} can't be found")]
    Unplaced(u32),
    /// Linux before 5.14.
    #[error("the kernel has no cgroup.kill")]
    NoKill,
    /// Not ours to write to.
    #[error("{} can't be used: {source}", path.display())]
    NotWritable {
        /// The cgroup's directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The cgroup that holds those of all agents.
#[derive(Debug)]
pub struct CgroupRoot {
    dir: Arc<OwnedFd>,
    path: PathBuf,
}

impl CgroupRoot {
    /// Finds the agents' base by the tmux server's cgroup. A server in the daemon's own cgroup was started by the daemon: it
    /// gets a base of its own, and is moved there.
    pub fn find_or_create(server_pid: u32) -> Result<Self, Unavailable> {
        let (mount, mount_root) = mount_point().ok_or(Unavailable::NotMounted)?;
        let place = |pid: u32| {
            let path = cgroup_of(pid).ok_or(Unavailable::Unplaced(pid))?;
            let below = path.strip_prefix(&mount_root).map_err(|_| Unavailable::Unplaced(pid))?;
            Ok(below.to_owned())
        };
        let (server, own) = (place(server_pid)?, place(std::process::id())?);
        let base = if server == own {
            make_own_base(&mount, &own, server_pid)?
        } else if server.ends_with(SERVER_LEAF) {
            server.parent().unwrap_or(&server).to_owned()
        } else {
            server
        };
        let root = open_below(&mount, &base).map(|dir| Self { dir: Arc::new(dir), path: mount.join(&base) });
        let root = root.map_err(|source| not_writable(&mount, &base, source))?;
        let can_kill = root.secure().and_then(|()| root.can_kill());
        if can_kill.map_err(|source| not_writable(&mount, &base, source))? {
            Ok(root)
        } else {
            Err(Unavailable::NoKill)
        }
    }

    /// Where it is, for the log.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the cgroup for an agent's processes is, or would be.
    pub fn agent_path(&self, name: &str) -> Option<PathBuf> {
        Some(self.path.join(agent_dir(name).ok()?))
    }

    /// The cgroup for an agent's processes, made if need be.
    pub fn agent(&self, name: &str) -> io::Result<Cgroup> {
        Cgroup::create(Arc::clone(&self.dir), &agent_dir(name)?)
    }

    /// The cgroup of an agent, if there is one.
    pub fn existing_agent(&self, name: &str) -> io::Result<Option<Cgroup>> {
        match Cgroup::open(Arc::clone(&self.dir), &agent_dir(name)?) {
            Ok(cgroup) => Ok(Some(cgroup)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The names of all agents that have a cgroup here, of this daemon or of an earlier one.
    pub fn agents(&self) -> io::Result<Vec<String>> {
        let names = subdirectories(&*self.dir)?.into_iter().filter_map(|name| name.into_string().ok());
        Ok(names.filter_map(|name| name.strip_suffix(AGENT).map(str::to_owned)).collect())
    }

    /// Removes it, if it was made for a server that the daemon had started, and that is gone now.
    pub fn remove_own(&self) -> io::Result<()> {
        let own = self.path.file_name().and_then(|name| name.to_str()).filter(|name| name.starts_with(OWN_BASE));
        let (Some(name), Some(parent)) = (own, self.path.parent()) else { return Ok(()) };
        remove_tree(&OwnedFd::from(fs::File::open(parent)?), Path::new(name), MAX_DEPTH)
    }

    /// Makes a cgroup to see whether one can be made, and killed.
    fn can_kill(&self) -> io::Result<bool> {
        let name = format!("probe-{}", std::process::id());
        make_dir(&self.dir, &name)?;
        let probe = open_dir(&*self.dir, name.as_str())?;
        let found = faccessat(&probe, "cgroup.kill", AccessFlags::W_OK, AtFlags::AT_EACCESS);
        drop(probe);
        remove_tree(&self.dir, Path::new(&name), 1)?;
        Ok(found.is_ok())
    }

    /// Whether this process may work here; and sees to it that an agent can't leave its own cgroup. Systemd
    /// gives a delegated cgroup to the unit's user, who then may move any process of his own to anywhere in it.
    fn secure(&self) -> Result<(), io::Error> {
        let access = AccessFlags::R_OK | AccessFlags::W_OK | AccessFlags::X_OK;
        faccessat(&*self.dir, ".", access, AtFlags::AT_EACCESS)?;
        let files = ["cgroup.procs", "cgroup.threads", "cgroup.subtree_control"];
        if Uid::effective().is_root() {
            for file in std::iter::once(".").chain(files) {
                let (user, group) = (Some(Uid::from_raw(0)), Some(Gid::from_raw(0)));
                fchownat(&*self.dir, file, user, group, AtFlags::AT_SYMLINK_NOFOLLOW)?;
            }
        } else {
            faccessat(&*self.dir, "cgroup.procs", AccessFlags::W_OK, AtFlags::AT_EACCESS)?;
        }
        Ok(())
    }
}

/// What [`CgroupRoot::find_or_create`] would find, as far as looking tells.
#[derive(Debug)]
pub struct Sighting {
    /// Where cgroup2 is mounted.
    pub mount: PathBuf,
    /// Where the agents' cgroups would be made.
    pub base: PathBuf,
    /// Whether this process may make some there.
    pub writable: io::Result<()>,
    /// Whether the kernel can kill a cgroup; unknown where there is none to look at.
    pub can_kill: Option<bool>,
    /// The controllers that there are.
    pub controllers: Vec<String>,
}

/// Looks where the agents' cgroups of a server (or of a daemon that has none yet) are or would be. Makes nothing.
pub fn look(pid: u32) -> Result<Sighting, Unavailable> {
    let (mount, mount_root) = mount_point().ok_or(Unavailable::NotMounted)?;
    let path = cgroup_of(pid).ok_or(Unavailable::Unplaced(pid))?;
    let below = path.strip_prefix(&mount_root).map_err(|_| Unavailable::Unplaced(pid))?;
    let below = if below.ends_with(SERVER_LEAF) { below.parent().unwrap_or(below) } else { below };
    let dir = open_below(&mount, below).map_err(|source| not_writable(&mount, below, source))?;
    let access = AccessFlags::R_OK | AccessFlags::W_OK | AccessFlags::X_OK;
    let writable = faccessat(&dir, ".", access, AtFlags::AT_EACCESS).map_err(io::Error::from);
    let base = mount.join(below);
    // The top of the hierarchy can't be killed and has no such file, but those below it have.
    let samples = std::iter::once(base.clone()).chain(below_of(&base));
    let can_kill = samples.into_iter().find(|dir| dir.join("cgroup.events").exists());
    let controllers = fs::read_to_string(base.join("cgroup.controllers")).unwrap_or_default();
    Ok(Sighting {
        can_kill: can_kill.map(|dir| dir.join("cgroup.kill").exists()),
        controllers: controllers.split_whitespace().map(ToOwned::to_owned).collect(),
        mount,
        base,
        writable,
    })
}

fn below_of(dir: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// An agent's name is not a path.
fn agent_dir(name: &str) -> io::Result<String> {
    if name.is_empty() || name.contains(['/', '\0', '\n']) {
        Err(Errno::EINVAL.into())
    } else {
        Ok(format!("{name}{AGENT}"))
    }
}

/// `<own>/agentd-<pid>/tmux`, with the server in it. Returns the base, below the mount.
fn make_own_base(mount: &Path, own: &Path, server_pid: u32) -> Result<PathBuf, Unavailable> {
    let name = format!("{OWN_BASE}{server_pid}");
    let make = || {
        let own_dir = open_below(mount, own)?;
        remove_abandoned(&own_dir);
        make_dir(&own_dir, &name)?;
        let base = open_dir(&own_dir, name.as_str())?;
        make_dir(&base, SERVER_LEAF)?;
        write(&open_dir(&base, SERVER_LEAF)?, "cgroup.procs", &server_pid.to_string())
    };
    make().map_err(|source| not_writable(mount, own, source))?;
    Ok(own.join(name))
}

/// Bases of servers that are gone. What can't be removed is in use, or stays.
fn remove_abandoned(own: &OwnedFd) {
    for name in subdirectories(own).unwrap_or_default() {
        let Ok(name) = name.into_string() else { continue };
        let pid = name.strip_prefix(OWN_BASE).and_then(|pid| pid.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            let _ = remove_tree(own, Path::new(&name), MAX_DEPTH);
        }
    }
}

fn not_writable(mount: &Path, below: &Path, source: io::Error) -> Unavailable {
    Unavailable::NotWritable { path: mount.join(below), source }
}

/// Opens a directory below the mount, name by name, following no link.
fn open_below(mount: &Path, below: &Path) -> io::Result<OwnedFd> {
    let mut dir = OwnedFd::from(fs::File::open(mount)?);
    for part in below.components() {
        match part {
            Component::Normal(name) => dir = open_dir(&dir, Path::new(name))?,
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => return Err(Errno::EINVAL.into()),
        }
    }
    Ok(dir)
}

/// Where cgroup2 is mounted, and which cgroup is at its top.
fn mount_point() -> Option<(PathBuf, PathBuf)> {
    parse_mountinfo(&fs::read_to_string("/proc/self/mountinfo").ok()?)
}

pub(super) fn parse_mountinfo(text: &str) -> Option<(PathBuf, PathBuf)> {
    text.lines().find_map(|line| {
        let (fields, of_type) = line.split_once(" - ")?;
        let mut fields = fields.split(' ').skip(3);
        let (root, mount) = (fields.next()?, fields.next()?);
        let is_cgroup2 = of_type.split(' ').next() == Some("cgroup2");
        is_cgroup2.then(|| (unescape(mount), unescape(root)))
    })
}

/// Blanks and the like are written as three octal digits.
fn unescape(text: &str) -> PathBuf {
    let plain = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    plain.iter().fold(text.to_owned(), |text, (code, character)| text.replace(code, character)).into()
}

/// A process's cgroup, from the root of the hierarchy.
fn cgroup_of(pid: u32) -> Option<PathBuf> {
    parse_cgroup(&fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?)
}

pub(super) fn parse_cgroup(text: &str) -> Option<PathBuf> {
    let path = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    // Outside of the namespace's root, or removed.
    if path.starts_with("/..") || path.ends_with(" (deleted)") { None } else { Some(path.into()) }
}
