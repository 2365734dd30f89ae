//! Which directory entries a path depends on.
//!
//! A path changes its meaning when one of its symbolic links is swapped, when a part of it that was missing appears, or
//! when its last part is written or replaced. So each of these is a name in a directory to be watched: every link on
//! the way (in the directory where that link stands), the first part that is missing, and the last part. Directories
//! on the way that are renamed or deleted as a whole are left to the slow resync: watching them would mean to watch `/`.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

const MAX_LINKS: usize = 40;

/// A name in a directory that has no links in its own path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hop {
    /// The directory, which was there a moment ago.
    pub directory: PathBuf,
    /// The name, present or not.
    pub name: OsString,
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    /// What it depends on, in the order of the way.
    pub hops: Vec<Hop>,
    /// The directory itself, if it leads to one.
    pub directory: Option<PathBuf>,
}

/// Walks along an absolute path.
pub fn walk(path: &Path) -> Walk {
    let mut hops = Vec::new();
    let mut todo = parts(path);
    let mut here = PathBuf::from("/");
    let mut links = 0;
    while let Some(part) = todo.pop_front() {
        if part == "/" {
            here = PathBuf::from("/");
            continue;
        }
        if part == ".." {
            here.pop();
            continue;
        }
        let next = here.join(&part);
        let hop = Hop { directory: here.clone(), name: part };
        match next.symlink_metadata() {
            Ok(meta) if meta.is_dir() => here = next,
            Ok(meta) if meta.is_symlink() && links < MAX_LINKS => {
                links += 1;
                hops.push(hop);
                let Ok(target) = std::fs::read_link(&next) else {
                    return Walk { hops, directory: None };
                };
                let mut target = parts(&target);
                target.append(&mut todo);
                todo = target;
            }
            Ok(_) | Err(_) => {
                hops.push(hop);
                return Walk { hops, directory: None };
            }
        }
    }
    Walk { hops, directory: Some(here) }
}

fn parts(path: &Path) -> VecDeque<OsString> {
    let components = path.components().filter(|component| *component != Component::CurDir);
    components.map(|component| OsStr::to_owned(component.as_os_str())).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_link_and_the_first_missing_part_is_a_hop() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let path = |name: &str| root.join(name);
        std::fs::create_dir_all(path("store/1")).unwrap();
        std::fs::write(path("store/1/file"), "").unwrap();
        symlink("store/1", path("current")).unwrap();
        symlink(path("current/file"), path("file")).unwrap();
        symlink("loop", path("loop")).unwrap();
        let hops = |name: &str| {
            let text = |hop: &Hop| hop.directory.join("|").join(&hop.name);
            let walk = walk(&path(name));
            let hops: Vec<_> =
                walk.hops.iter().map(|hop| text(hop).strip_prefix(&root).unwrap().display().to_string()).collect();
            (hops.join(" "), walk.directory.map(|found| found.strip_prefix(&root).unwrap().display().to_string()))
        };
        assert_eq!(hops("file"), ("|/file |/current store/1/|/file".into(), None));
        assert_eq!(hops("current"), ("|/current".into(), Some("store/1".into())));
        assert_eq!(hops("current/../../none"), ("|/current |/none".into(), None));
        assert_eq!(hops("a/b/c"), ("|/a".into(), None));
        assert_eq!(hops("store/1"), (String::new(), Some("store/1".into())));
        assert_eq!(walk(&path("loop")).hops.len(), MAX_LINKS + 1);
    }
}
