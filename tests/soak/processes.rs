//! All processes of the host, as /proc shows them: the one source of truth that nobody can talk round.

use std::collections::BTreeMap;
use std::fs;

/// One process.
#[derive(Clone, Debug)]
pub struct Process {
    pub pid: u32,
    pub parent: u32,
    pub is_zombie: bool,
    pub uid: u32,
    pub gid: u32,
    pub name: String,
    pub command: String,
    /// Empty where it can't be read.
    pub environment: Vec<String>,
}

impl Process {
    /// One process, if it is there.
    pub fn read(pid: u32) -> Option<Self> {
        let text = |name: &str| {
            let bytes = fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let status = text("status");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.split_whitespace().next().map(str::to_owned)
        };
        Some(Self {
            pid,
            parent: field("PPid")?.parse().ok()?,
            is_zombie: matches!(field("State")?.as_str(), "Z" | "X"),
            uid: field("Uid")?.parse().ok()?,
            gid: field("Gid")?.parse().ok()?,
            name: status.lines().next()?.strip_prefix("Name:")?.trim().to_owned(),
            command: text("cmdline").replace('\0', " "),
            environment: text("environ").split_terminator('\0').map(str::to_owned).collect(),
        })
    }

    /// A variable of its environment.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment.iter().find_map(|entry| entry.strip_prefix(name)?.strip_prefix('='))
    }
}

/// All of them, by number.
pub fn all() -> BTreeMap<u32, Process> {
    let names = fs::read_dir("/proc").unwrap().filter_map(Result::ok).map(|entry| entry.file_name());
    let numbers = names.filter_map(|name| name.to_str()?.parse().ok());
    numbers.filter_map(|pid| Some((pid, Process::read(pid)?))).collect()
}

/// Whether one descends from the other.
pub fn descends(processes: &BTreeMap<u32, Process>, pid: u32, from: u32) -> bool {
    let mut at = pid;
    while let Some(process) = processes.get(&at) {
        if process.parent == from {
            return true;
        }
        at = process.parent;
    }
    false
}

/// The resident memory of a process, in KiB.
pub fn resident(pid: u32) -> Option<usize> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok())
}
