//! Killing everything that descends from the shim, whatever it does against that.
//!
//! As the shim is a subreaper its descendants can't leave it: who loses its parent becomes the shim's child. A kill is a
//! round: stop all that can be seen until nobody new is seen, so that nobody forks meanwhile, then kill them. Who
//! slipped through becomes the shim's child when its parent dies, which sends SIGCHLD, and that is when the caller
//! makes the next round. Who can't be killed sends none, so it isn't tried in vain.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::sys;

/// A fork in flight is over after the first passes; the next round gets who is still missing.
const MAX_PASSES: usize = 32;

/// One round. Who is spared, if anybody, is left as it is, with all that descends from it.
pub(super) fn kill_round(spared: Option<i32>) {
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let mut stopped: Vec<i32> = Vec::new();
    for _ in 0..MAX_PASSES {
        let mut any_new = false;
        for pid in descendants(own, spared) {
            if let Err(place) = stopped.binary_search(&pid) {
                stopped.insert(place, pid);
                sys::kill(pid, libc::SIGSTOP);
                any_new = true;
            }
        }
        if !any_new {
            break;
        }
    }
    for pid in stopped {
        sys::kill(pid, libc::SIGKILL);
    }
}

/// All that descends from a process, itself left out, and one that is spared.
fn descendants(root: i32, spared: Option<i32>) -> Vec<i32> {
    let by_children = Path::new("/proc/thread-self/children").exists();
    let table = if by_children { Vec::new() } else { parents() };
    let mut found = Vec::new();
    let mut next = vec![root];
    while let Some(parent) = next.pop() {
        let mut children = if by_children { children(parent) } else { children_in(&table, parent) };
        children.retain(|pid| Some(*pid) != spared);
        found.extend_from_slice(&children);
        next.extend(children);
    }
    found
}

/// A process's children as the kernel lists them, where it was built to, by each of its threads.
fn children(pid: i32) -> Vec<i32> {
    let mut found = Vec::new();
    for thread in numbers_in(&format!("/proc/{pid}/task")) {
        let text = read(&format!("/proc/{pid}/task/{thread}/children"));
        found.extend(text.split(|byte| *byte == b' ').filter_map(number));
    }
    found
}

fn children_in(table: &[(i32, i32)], parent: i32) -> Vec<i32> {
    table.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid).collect()
}

/// Every process with its parent.
fn parents() -> Vec<(i32, i32)> {
    let parent = |pid: i32| {
        let stat = read(&format!("/proc/{pid}/stat"));
        // Behind the name, which may hold anything: the state, then the parent.
        let name_end = stat.iter().rposition(|byte| *byte == b')')?;
        let parent = stat.get(name_end..)?.split(|byte| *byte == b' ').nth(2)?;
        Some((pid, number(parent)?))
    };
    numbers_in("/proc").into_iter().filter_map(parent).collect()
}

fn numbers_in(directory: &str) -> Vec<i32> {
    let names = std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.filter_map(|name| number(name.as_encoded_bytes())).collect()
}

fn read(path: &str) -> Vec<u8> {
    let mut content = Vec::new();
    // A process that is gone has no descendants.
    if let Ok(mut file) = File::open(path) {
        let _ = file.read_to_end(&mut content);
    }
    content
}

fn number(text: &[u8]) -> Option<i32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_finding_children_agree() {
        #[allow(clippy::disallowed_methods, reason = "a test's child")]
        let mut child = std::process::Command::new("sleep").arg("100").spawn().expect("sleep");
        let own = i32::try_from(std::process::id()).expect("a pid");
        let pid = i32::try_from(child.id()).expect("a pid");
        let scanned = children_in(&parents(), own);
        let found = descendants(own, None);
        let spared = descendants(own, Some(pid));
        child.kill().expect("killed");
        child.wait().expect("waited");
        assert!(scanned.contains(&pid) && found.contains(&pid), "{scanned:?} {found:?}");
        assert!(!spared.contains(&pid), "{spared:?}");
    }
}
