//! The cgroups that a killed daemon leaves for the next one, and no test may leave for nobody.

use std::fs;
use std::path::{Path, PathBuf};

/// The cgroup that a daemon made for a server and its agents, if this process is in one.
pub fn base_of(pid: u32) -> Option<PathBuf> {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let path = Path::new(groups.lines().find_map(|line| line.strip_prefix("0::/"))?);
    let is_base = |path: &&Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"agentd-"));
    Some(mount()?.join(path.ancestors().find(is_base)?))
}

fn mount() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "))?;
    mount.split(' ').nth(4).map(PathBuf::from)
}

/// Removes a cgroup and those in it. False while there are processes.
pub fn remove(path: &Path) -> bool {
    let below = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let all_below = below.filter(|path| path.is_dir()).all(|path| remove(&path));
    all_below && (fs::remove_dir(path).is_ok() || !path.exists())
}
