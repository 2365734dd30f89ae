//! What trees of processes use, from one reading of /proc for all of them: it costs the same whoever it is about, and
//! nothing while nobody asks. See proc_pid_stat(5).

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use nix::unistd::{SysconfVar, sysconf};

use super::process;

/// What all processes below one use. The one itself is left out, but not the time of those that it has waited for: so
/// the CPU time only grows, also when the last of the tree ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TreeUsage {
    /// CPU time, of the user and of the system, in clock ticks' precision.
    pub cpu: Duration,
    /// Resident memory in bytes. What several processes share is counted in each.
    pub memory: u64,
    /// Processes, zombies too.
    pub processes: u64,
}

/// All processes of a moment.
#[derive(Debug)]
pub struct ProcessTable {
    processes: HashMap<u32, Process>,
    children: HashMap<u32, Vec<u32>>,
    ticks_a_second: u64,
    page_size: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process {
    parent: u32,
    /// Ticks of its own.
    own: u64,
    /// Ticks of those that it has waited for, and they for theirs.
    waited_for: u64,
    pages: u64,
}

impl ProcessTable {
    /// Reads it. A process that ends meanwhile is left out.
    pub fn read() -> io::Result<Self> {
        let (mut processes, mut children) = (HashMap::new(), HashMap::<u32, Vec<u32>>::new());
        for pid in process::all()? {
            let stat = std::fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
            if let Some(process) = parse(&stat) {
                children.entry(process.parent).or_default().push(pid);
                processes.insert(pid, process);
            }
        }
        let (ticks_a_second, page_size) = (setting(SysconfVar::CLK_TCK)?, setting(SysconfVar::PAGE_SIZE)?);
        Ok(Self { processes, children, ticks_a_second, page_size })
    }

    /// What is below this process; none if there is no such process.
    pub fn below(&self, root: u32) -> Option<TreeUsage> {
        let mut ticks = self.processes.get(&root)?.waited_for;
        let (mut pages, mut count) = (0, 0);
        let mut next = vec![root];
        while let Some(parent) = next.pop() {
            // A process can't be its own ancestor in one reading of its parent's number, but /proc is read in many.
            for (pid, process) in
                self.children.get(&parent).into_iter().flatten().filter_map(|pid| Some((pid, self.processes.get(pid)?)))
            {
                count += 1;
                if count > self.processes.len() as u64 {
                    return None;
                }
                ticks += process.own + process.waited_for;
                pages += process.pages;
                next.push(*pid);
            }
        }
        let cpu = Duration::from_nanos(ticks.saturating_mul(1_000_000_000 / self.ticks_a_second));
        Some(TreeUsage { cpu, memory: pages.saturating_mul(self.page_size), processes: count })
    }
}

fn setting(variable: SysconfVar) -> io::Result<u64> {
    let value = sysconf(variable)?.and_then(|value| u64::try_from(value).ok()).filter(|value| *value > 0);
    value.ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))
}

fn parse(stat: &[u8]) -> Option<Process> {
    let mut fields = process::fields_from_state(stat)?;
    // Fields 4, 14 to 17, and 24.
    let parent = fields.nth(1)?.parse().ok()?;
    let own = fields.nth(9)?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    let waited_for = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    let pages = fields.nth(6)?.parse().ok()?;
    Some(Process { parent, own, waited_for, pages })
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests' children")]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_line_of_stat_is_understood_whatever_the_name() {
        let stat =
            b"7 (a) b (c)) S 3 7 7 0 -1 4194560 100 0 0 0 11 12 13 14 20 0 1 0 500 1000000 42 18446744073709551615 1";
        assert_eq!(parse(stat), Some(Process { parent: 3, own: 23, waited_for: 27, pages: 42 }));
        assert_eq!(parse(b"7 (a) S 3"), None);
        assert_eq!(parse(b""), None);
    }

    fn of(processes: &[(u32, u32)]) -> ProcessTable {
        let mut children = HashMap::<u32, Vec<u32>>::new();
        for (pid, parent) in processes {
            children.entry(*parent).or_default().push(*pid);
        }
        let process =
            |(pid, parent): &(u32, u32)| (*pid, Process { parent: *parent, own: 100, waited_for: 50, pages: 2 });
        let processes = processes.iter().map(process).collect();
        ProcessTable { processes, children, ticks_a_second: 100, page_size: 4096 }
    }

    #[test]
    fn a_tree_is_added_up_without_its_root() {
        let table = of(&[(1, 0), (2, 1), (3, 2), (4, 2), (9, 0)]);
        let expected = TreeUsage { cpu: Duration::from_secs(5), memory: 3 * 2 * 4096, processes: 3 };
        assert_eq!(table.below(1), Some(expected));
        assert_eq!(table.below(9), Some(TreeUsage { cpu: Duration::from_millis(500), memory: 0, processes: 0 }));
        assert_eq!(table.below(77), None);
    }

    #[test]
    fn a_table_that_can_not_be_has_an_end() {
        assert_eq!(of(&[(1, 2), (2, 1)]).below(1), None);
    }

    #[test]
    fn real_processes_are_found_below_us() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let look = || ProcessTable::read().unwrap().below(std::process::id()).unwrap();
        // The kernel counts pages by processor, and adds them up a little later.
        let seen = (0..1_000).map(|_| look()).find(|usage| usage.processes >= 1 && usage.memory >= 4096);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(seen.is_some());
    }
}
