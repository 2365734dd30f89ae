//! What is left of the file systems that agents and agentd write to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::sys::probe::{Disk, disk, start};

use super::LOOK_WITHIN;
use super::finding::{Finding, word};

/// Thousands of workdirs are not on as many file systems.
const MOST: usize = 64;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Looks at the file systems of these paths, each once.
pub fn look(paths: impl IntoIterator<Item = PathBuf>) -> Vec<Finding> {
    let looking: Vec<_> = paths
        .into_iter()
        .take(MOST)
        .map(|path| {
            let at = path.clone();
            (path, start(None, LOOK_WITHIN, move || disk(&at)))
        })
        .collect();
    let mut by_device = BTreeMap::new();
    for (path, pending) in looking {
        // What can't be looked at or hangs is told where it matters: an agent's workdir.
        if let Ok(Ok(disk)) = pending.wait() {
            by_device.entry(disk.device).or_insert((path, disk));
        }
    }
    by_device.values().flat_map(|(path, disk)| judge(path, *disk)).collect()
}

fn judge(path: &Path, disk: Disk) -> Vec<Finding> {
    let shown = path.display();
    let mend = format!("sudo du -xh {} | sort -h | tail    # what fills it", word(path));
    let share = |part: u64, whole: u64| part.saturating_mul(100).checked_div(whole).unwrap_or(100);
    let left = share(disk.free, disk.size);
    // So many bytes say something of a disk, nothing of a small file system in memory.
    let is_less = |than: u64| disk.free < than && disk.size > than.saturating_mul(10);
    let text = format!("{} ({left} %) free on the file system of {shown}", size(disk.free));
    let space = if left < 1 || is_less(100 * MIB) {
        Finding::problem("disk-space", text).mend(&mend)
    } else if left < 5 || is_less(GIB) {
        Finding::warning("disk-space", text).mend(&mend)
    } else {
        Finding::ok("disk-space", text)
    };
    let files = share(disk.inodes_free, disk.inodes);
    let text = format!("{} inodes ({files} %) free on the file system of {shown}", disk.inodes_free);
    let mend = format!("sudo du -x --inodes {} | sort -n | tail    # where the many files are", word(path));
    let inodes = match files {
        0 => Some(Finding::problem("disk-inodes", text).mend(&mend)),
        1..5 => Some(Finding::warning("disk-inodes", text).mend(&mend)),
        _ => None,
    };
    std::iter::once(space).chain(inodes).collect()
}

fn size(bytes: u64) -> String {
    if bytes >= GIB { format!("{} GiB", bytes / GIB) } else { format!("{} MiB", bytes / MIB) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::finding::Severity;

    #[test]
    fn a_disk_that_is_nearly_full_is_told_before_it_is() {
        let checks = |size, free, inodes, inodes_free| {
            let disk = Disk { device: 1, size, free, inodes, inodes_free };
            judge(Path::new("/d"), disk).iter().map(|finding| (finding.check, finding.severity)).collect::<Vec<_>>()
        };
        let space = |severity| [("disk-space", severity)];
        assert_eq!(checks(100 * GIB, 50 * GIB, 0, 0), space(Severity::Ok), "no inodes are counted");
        assert_eq!(checks(100 * GIB, 4 * GIB, 100, 50), space(Severity::Warning));
        assert_eq!(checks(15 * GIB, 900 * MIB, 100, 50), space(Severity::Warning));
        assert_eq!(checks(15 * GIB, 90 * MIB, 100, 50), space(Severity::Problem));
        assert_eq!(checks(50 * MIB, 49 * MIB, 100, 50), space(Severity::Ok), "a small one, but empty");
        assert_eq!(
            checks(100 * GIB, 50 * GIB, 1000, 20),
            [("disk-space", Severity::Ok), ("disk-inodes", Severity::Warning)]
        );
        assert_eq!(checks(GIB, GIB, 1000, 1)[1], ("disk-inodes", Severity::Problem));
    }
}
