//! Learning that the daemon's socket may be there, without looking again and again.
//!
//! The kernel tells of changes in directories in two ways. dnotify comes first: it has no limit, while inotify by default
//! allows a user 128 instances, which a few hundred shims would take away from the agents. Where neither is to be
//! had the caller has to look now and then.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use super::sys;

/// An armed watch for a path's appearing.
pub(super) enum Watch {
    /// These directories send SIGIO as long as they are open.
    Open { _directories: Vec<File> },
    /// This descriptor becomes readable.
    Inotify(OwnedFd),
    /// Nothing will tell.
    Blind,
}

impl Watch {
    /// Watches for `path`: arm first, then look, so that nothing is missed. A fresh watch is needed after every event, as
    /// the directories themselves may have come or gone.
    pub(super) fn arm(path: &Path) -> Self {
        let mut directories = Vec::new();
        let opened = watch_way(path, |directory| {
            let file = File::open(directory)?;
            sys::notify_of_changes(&file)?;
            directories.push(file);
            Ok(())
        });
        if opened.is_ok() {
            return Self::Open { _directories: directories };
        }
        let added = sys::inotify().and_then(|inotify| {
            watch_way(path, |directory| sys::inotify_add(&inotify, &sys::c_path(directory.as_os_str())?))?;
            Ok(inotify)
        });
        added.map_or(Self::Blind, Self::Inotify)
    }

    /// Whether the caller has to look now and then.
    pub(super) fn is_blind(&self) -> bool {
        matches!(self, Self::Blind)
    }

    /// What becomes readable, if it isn't SIGIO that comes.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Inotify(inotify) => Some(inotify.as_fd()),
            Self::Open { .. } | Self::Blind => None,
        }
    }
}

/// Watches the deepest directory on the way to `path` that exists, and the one above it, in which that directory may be
/// replaced: systemd removes and makes a runtime directory with its unit.
fn watch_way(path: &Path, mut add: impl FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
    // A directory that appears while this looks is found by starting again; more often than this it is somebody's game.
    'again: for _ in 0..100 {
        let mut missing = None;
        for directory in path.ancestors().skip(1) {
            // The upper one first: then a replacement between the two is seen.
            let above = directory.parent().map_or(Ok(()), &mut add);
            match above.and_then(|()| add(directory)) {
                Ok(()) if missing.is_some_and(Path::exists) => continue 'again,
                Ok(()) => return Ok(()),
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                    missing = Some(directory);
                }
                Err(error) => return Err(error),
            }
        }
    }
    Err(ErrorKind::NotFound.into())
}
