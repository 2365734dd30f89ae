//! A daemon that lives long holds no more than one that has just begun.

use std::collections::BTreeMap;

use crate::checker::View;
use crate::processes;

/// Descriptors that come and go: a client that connects, a shim that is being replaced.
const SLACK: usize = 3;

/// More memory than any daemon needs that is warm.
const GROWTH_KIB: usize = 4096;

/// How the descriptors of cgroups are counted.
const CGROUP: &str = "a cgroup";

/// Quiet points after which a daemon has had everything once.
const WARM: usize = 8;

/// What is remembered of daemons.
#[derive(Debug, Default)]
pub struct Resources {
    /// The fewest descriptors that a daemon had with so many sessions.
    fewest: BTreeMap<usize, usize>,
    /// The present daemon: its process, its quiet points, and its memory when it was warm.
    daemon: Option<(u32, usize, usize)>,
    /// What the last look found: sessions, descriptors, memory in KiB.
    pub now: (usize, usize, usize),
}

impl Resources {
    /// What has grown.
    pub fn look(&mut self, view: &View) -> Vec<String> {
        let Some(pid) = view.place.daemon() else { return Vec::new() };
        let Some(memory) = processes::resident(pid) else { return vec!["the daemon is gone".to_owned()] };
        let (kinds, sessions) = (kinds(pid), view.panes.len());
        let cgroups = kinds.get(CGROUP).copied().unwrap_or(0);
        let others = kinds.values().sum::<usize>() - cgroups;
        let mut wrong = Vec::new();
        // Of what has ended, a daemon that was started later has none.
        if cgroups > sessions + 1 {
            wrong.push(format!("{cgroups} descriptors of cgroups for {sessions} sessions"));
        }
        let fewest = self.fewest.get(&sessions).copied().unwrap_or(others);
        if others > fewest + SLACK {
            wrong.push(format!("{others} descriptors with {sessions} sessions; {fewest} were enough: {kinds:?}"));
        }
        let (known, points, before) = self.daemon.unwrap_or_default();
        if known == pid && points > WARM && memory > before + GROWTH_KIB {
            wrong.push(format!("the daemon has grown from {before} KiB to {memory} KiB"));
        }
        self.now = (sessions, others, memory);
        wrong
    }

    /// Another quiet point has passed.
    pub fn passed(&mut self, pid: u32) {
        let (sessions, descriptors, memory) = self.now;
        let fewest = self.fewest.entry(sessions).or_insert(descriptors);
        *fewest = descriptors.min(*fewest);
        self.daemon = Some(match self.daemon {
            Some((known, points, before)) if known == pid => {
                (pid, points + 1, if points < WARM { memory } else { before })
            }
            _ => (pid, 0, memory),
        });
    }
}

/// What the descriptors of a process are, counted by kind.
fn kinds(pid: u32) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
        let target = std::fs::read_link(entry.path()).unwrap_or_default().to_string_lossy().into_owned();
        let kind = if target.starts_with("/sys/fs/cgroup") { CGROUP } else { target.split(":[").next().unwrap_or("") };
        *kinds.entry(kind.to_owned()).or_default() += 1;
    }
    kinds
}
