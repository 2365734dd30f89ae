//! What the files looked like when they were read, so that a slow resync reads again only what may have changed.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// One file, through its links: device, inode, size, and both times to the nanosecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileStamp {
    dev: u64,
    ino: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileStamp {
    /// None if there is none, or none that we may see.
    fn of(path: &Path) -> Option<Self> {
        let meta = std::fs::metadata(path).ok()?;
        Some(Self {
            dev: meta.dev(),
            ino: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        })
    }
}

/// Every file and directory that a load looked at, present or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    files: BTreeMap<PathBuf, Option<FileStamp>>,
    is_unread: bool,
}

impl Stamp {
    /// Notes a file. To be called before it is read: a change in between is then seen as one later.
    pub fn note(&mut self, path: &Path) {
        self.files.insert(path.to_owned(), FileStamp::of(path));
    }

    /// Notes that something could not be read, for a reason that is none of the file's: it will look the same when it can.
    pub fn note_unread(&mut self) {
        self.is_unread = true;
    }

    /// Whether to read again, even if everything still looks the same.
    pub fn is_unread(&self) -> bool {
        self.is_unread
    }

    /// Whether everything still looks the same. Costs one `stat` a file, and reads nothing.
    pub fn is_current(&self) -> bool {
        self.files.iter().all(|(path, stamp)| FileStamp::of(path) == *stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_ages_with_every_kind_of_change() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        let noted = || {
            let mut stamp = Stamp::default();
            stamp.note(&file);
            stamp.note(dir.path());
            stamp
        };
        let stamp = noted();
        assert!(stamp.is_current());
        std::fs::write(&file, "1").unwrap();
        assert!(!stamp.is_current(), "appeared");
        let stamp = noted();
        assert!(stamp.is_current());
        std::fs::write(&file, "12").unwrap();
        assert!(!stamp.is_current(), "grew");
        let stamp = noted();
        std::fs::write(dir.path().join("new"), "12").unwrap();
        std::fs::rename(dir.path().join("new"), &file).unwrap();
        assert!(!stamp.is_current(), "was replaced");
        let stamp = noted();
        std::fs::remove_file(&file).unwrap();
        assert!(!stamp.is_current(), "went");
        let mut stamp = noted();
        assert!(!stamp.is_unread(), "that there is none was read");
        stamp.note_unread();
        assert!(stamp.is_unread() && stamp.is_current());
    }
}
