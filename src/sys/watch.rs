//! Changes in directories, as a stream of events: the `notify` crate, with what this daemon must know about it.
//!
//! Directories only, and without what is below them: a watch on a file follows the inode, and every careful writer
//! replaces the inode.
//!
//! `notify` reads inotify in a thread of its own and knows directories by their paths. Hence three things here:
//!
//! - It also asks for opens. They end in its thread: neither our own reads nor a busy neighbour's wake anybody else.
//! - Two paths may be one directory, mounted twice, and one path two directories, one after the other. The kernel has
//!   one watch for each directory, so it is a [`Directory`] that is watched, under the first of its paths.
//! - When a directory goes away, `notify` forgets its path, at times after another directory took its place. So whoever
//!   hears [`Event::Gone`] watches again what is to be watched; to watch what is watched costs nothing.
//!
//! It doesn't tell that a file system was unmounted.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind, RenameMode};
use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// Events that may wait for us. More are told as [`Event::Lost`], as the kernel does with its own queue.
const MOST_WAITING: usize = 4096;

/// A directory, whatever its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Directory {
    dev: u64,
    ino: u64,
}

/// Something happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// To a name in a directory.
    Entry {
        /// Where.
        directory: Directory,
        /// The name.
        name: OsString,
        /// What.
        change: Change,
    },
    /// A directory was removed or renamed, and is watched no more.
    Gone(Directory),
    /// Anything may have happened: events were lost.
    Lost,
}

/// What happened to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was made: a file that may be empty still, a link, a directory.
    Created,
    /// Its content or its attributes changed.
    Changed,
    /// Somebody who had it open for writing closed it.
    Closed,
    /// Something was renamed to it.
    Arrived,
    /// It was removed, or renamed to something else.
    Left,
}

/// Watched directories, and what happens in them.
#[derive(Debug)]
pub struct DirectoryEvents {
    /// Always there, but for the end of `drop`.
    watcher: Option<RecommendedWatcher>,
    told: mpsc::Receiver<(PathBuf, Change)>,
    lost: Arc<AtomicBool>,
    watched: HashMap<PathBuf, Directory>,
}

impl DirectoryEvents {
    /// Watches nothing yet.
    pub fn new() -> io::Result<Self> {
        let (tell, told) = mpsc::channel(MOST_WAITING);
        let lost = Arc::new(AtomicBool::new(false));
        let overflow = lost.clone();
        // Runs in the thread that reads inotify, and must not wait there: the kernel's queue is no longer than ours.
        let hear = move |event: notify::Result<notify::Event>| {
            let (path, change) = match event {
                Ok(mut event) if !event.need_rescan() => match change_of(event.kind) {
                    Some(change) => (event.paths.pop().unwrap_or_default(), change),
                    None => return,
                },
                Ok(_) | Err(_) => {
                    overflow.store(true, Ordering::Release);
                    (PathBuf::new(), Change::Changed)
                }
            };
            if let Err(mpsc::error::TrySendError::Full(_)) = tell.try_send((path, change)) {
                overflow.store(true, Ordering::Release);
            }
        };
        let watcher = notify::recommended_watcher(hear).map_err(into_io)?;
        if told.is_closed() {
            // It doesn't say so itself, and would panic when it is asked to watch.
            return Err(io::Error::other("there is no thread for it"));
        }
        Ok(Self { watcher: Some(watcher), told, lost, watched: HashMap::new() })
    }

    /// Watches a directory for everything that changes its entries or their content, under an absolute path without
    /// links. The same directory again is the same watch.
    pub fn watch(&mut self, path: &Path) -> io::Result<Directory> {
        let directory = identify(path)?;
        if self.watched.get(path).is_some_and(|watched| *watched != directory) {
            self.forget(path);
        }
        let other = self.watched.iter().find(|(other, held)| **held == directory && *other != path);
        let path = match other.map(|(other, _)| other.clone()) {
            Some(other) if identify(&other).is_ok_and(|held| held == directory) => other,
            Some(moved) => {
                self.forget(&moved);
                path.to_owned()
            }
            None => path.to_owned(),
        };
        self.watcher()?.watch(&path, RecursiveMode::NonRecursive).map_err(into_io)?;
        self.watched.insert(path, directory);
        Ok(directory)
    }

    /// Ends a watch. One that ended by itself, with its directory, is no error.
    pub fn unwatch(&mut self, directory: Directory) {
        let paths: Vec<_> =
            self.watched.iter().filter(|(_, held)| **held == directory).map(|(p, _)| p.clone()).collect();
        for path in paths {
            self.forget(&path);
        }
    }

    /// Waits for events and takes those that are there. Cancel-safe: no event is taken without being returned.
    pub async fn next(&mut self) -> io::Result<Vec<Event>> {
        let mut told = Vec::new();
        if self.told.recv_many(&mut told, MOST_WAITING).await == 0 {
            return Err(ended());
        }
        let mut events = Vec::with_capacity(told.len());
        if self.lost.swap(false, Ordering::AcqRel) {
            events.push(Event::Lost);
        }
        for (path, change) in told {
            self.place(&path, change, &mut events);
        }
        Ok(events)
    }

    /// Finds out which directory an event is about: the one that it names, the one that this is in, or both.
    fn place(&mut self, path: &Path, change: Change, events: &mut Vec<Event>) {
        if change == Change::Left
            && let Some(directory) = self.forget(path)
        {
            events.push(Event::Gone(directory));
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return };
        if let Some(directory) = self.watched.get(parent) {
            events.push(Event::Entry { directory: *directory, name: name.to_owned(), change });
        }
    }

    fn forget(&mut self, path: &Path) -> Option<Directory> {
        let directory = self.watched.remove(path)?;
        if let Ok(watcher) = self.watcher() {
            let _ended_already = watcher.unwatch(path);
        }
        Some(directory)
    }

    /// The watcher, while its thread lives: it panics without it.
    fn watcher(&mut self) -> io::Result<&mut RecommendedWatcher> {
        let alive = !self.told.is_closed();
        self.watcher.as_mut().filter(|_| alive).ok_or_else(ended)
    }
}

impl Drop for DirectoryEvents {
    fn drop(&mut self) {
        if self.told.is_closed() {
            // Its own `drop` panics without its thread, with which everything that it held is gone.
            std::mem::forget(self.watcher.take());
        }
    }
}

/// What of `notify`'s events is of interest. A rename is told three times: at its old name, at its new one, and whole.
fn change_of(kind: EventKind) -> Option<Change> {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(Change::Closed),
        EventKind::Create(_) => Some(Change::Created),
        EventKind::Remove(_) => Some(Change::Left),
        EventKind::Modify(ModifyKind::Name(name)) => match name {
            RenameMode::From => Some(Change::Left),
            RenameMode::To => Some(Change::Arrived),
            RenameMode::Both | RenameMode::Any | RenameMode::Other => None,
        },
        EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Metadata(_)) => Some(Change::Changed),
        EventKind::Modify(ModifyKind::Any | ModifyKind::Other)
        | EventKind::Access(_)
        | EventKind::Any
        | EventKind::Other => None,
    }
}

fn identify(path: &Path) -> io::Result<Directory> {
    let meta = std::fs::metadata(path)?;
    if meta.is_dir() {
        Ok(Directory { dev: meta.dev(), ino: meta.ino() })
    } else {
        Err(io::ErrorKind::NotADirectory.into())
    }
}

fn ended() -> io::Error {
    io::Error::other("the thread that reads inotify has ended")
}

/// The system's own error, where there is one, so that its number is shown.
fn into_io(error: notify::Error) -> io::Error {
    match error.kind {
        ErrorKind::Io(error) => error,
        ErrorKind::PathNotFound => io::ErrorKind::NotFound.into(),
        ErrorKind::MaxFilesWatch => io::Error::other("no more inotify watches: raise fs.inotify.max_user_watches"),
        ErrorKind::Generic(_) | ErrorKind::WatchNotFound | ErrorKind::InvalidConfig(_) => io::Error::other(error),
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
