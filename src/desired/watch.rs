//! Says when what is declared may have changed: watches on the configuration, the prompt files and the secrets, by the
//! directories that hold them, through every link (see `hops.rs`), settled so that one change of somebody is one
//! report (see `settle.rs`).
//!
//! It reads no content and decides nothing. A report is a hint: the load that follows finds out what changed. It must
//! be told after every load what to watch ([`Watcher::follow`]), since links and prompt files change with the content.
//! What inotify can't see (another machine's writes, a directory far up that is renamed, an unmount) is left to the slow
//! resync.
//! Our own reads and other files in the same directories are never reported.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::sys::clock;
use crate::sys::watch::{Change, Directory, DirectoryEvents, Event};

use super::Paths;
use super::hops::{Hop, Walk, walk};
use super::settle::{Settle, Step};
use super::stamp::Stamp;

/// How often the way to a path is walked again if it changes while the watches are set.
const MAX_WALKS: usize = 4;

/// What is of interest in one directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Interest {
    /// For messages and for a look at what an event is about.
    directory: PathBuf,
    names: BTreeSet<OsString>,
    /// Whether any new name may be a secret.
    is_secret_dir: bool,
}

/// Watches what the last load depended on.
#[derive(Debug)]
pub struct Watcher {
    events: DirectoryEvents,
    interests: HashMap<Directory, Interest>,
    paths: Paths,
    stamp: Stamp,
    settle: Settle,
}

impl Watcher {
    /// Watches nothing yet.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            events: DirectoryEvents::new()?,
            interests: HashMap::new(),
            paths: Paths::default(),
            stamp: Stamp::default(),
            settle: Settle::Calm,
        })
    }

    /// Watches what a load depended on, in place of what was watched before. What changed since that load was read, and
    /// was not seen, is reported by [`Watcher::changed`].
    ///
    /// The answer is the directories that can't be watched, with the reason: their changes are seen by resync only.
    pub fn follow(&mut self, paths: &Paths, stamp: &Stamp) -> Vec<(PathBuf, io::Error)> {
        self.paths.clone_from(paths);
        self.stamp.clone_from(stamp);
        let problems = self.arm();
        self.settle = match self.settle {
            // The load came after these events were read, and saw what they were about if nothing looks different now.
            _ if self.stamp.is_current() => Settle::Calm,
            Settle::Calm => Settle::Calm.step(Step::Unfinished, clock::now().mono),
            busy @ (Settle::Unfinished { .. } | Settle::Burst { .. } | Settle::Complete) => busy,
        };
        problems
    }

    /// Waits until there is a change, and a whole one as far as can be told. Cancel-safe: what was seen is kept.
    pub async fn changed(&mut self) -> io::Result<()> {
        loop {
            let wait = match self.settle.due() {
                None => None,
                Some(due) => match due.since(clock::now().mono) {
                    Duration::ZERO if self.is_worth_a_report() => return Ok(()),
                    Duration::ZERO => continue,
                    wait => Some(wait),
                },
            };
            let events = match wait {
                None => self.events.next().await?,
                Some(wait) => match tokio::time::timeout(wait, self.events.next()).await {
                    Ok(events) => events?,
                    Err(_elapsed) => continue,
                },
            };
            self.take(&events);
        }
    }

    /// Ends what is due. What was unfinished may have come to nothing.
    fn is_worth_a_report(&mut self) -> bool {
        match std::mem::take(&mut self.settle) {
            Settle::Complete | Settle::Burst { .. } => true,
            Settle::Unfinished { .. } => !self.stamp.is_current(),
            Settle::Calm => false,
        }
    }

    fn take(&mut self, events: &[Event]) {
        let now = clock::now().mono;
        let mut arm_again = false;
        for event in events {
            let Some(step) = self.step_of(event) else { continue };
            self.settle = self.settle.step(step, now);
            arm_again |= match event {
                Event::Entry { change, .. } => match change {
                    Change::Created | Change::Arrived | Change::Left => true,
                    Change::Changed | Change::Closed => false,
                },
                Event::Gone(_) | Event::Lost => true,
            };
        }
        if arm_again {
            // A directory that just came may be filled before the next load: it is watched from now on. What can't
            // be watched is told at the next load.
            self.arm();
        }
    }

    /// What an event means; nothing if it is about somebody else's file.
    fn step_of(&self, event: &Event) -> Option<Step> {
        let (directory, name, change) = match event {
            Event::Entry { directory, name, change } => (directory, name, *change),
            Event::Gone(directory) => return self.interests.contains_key(directory).then_some(Step::Unfinished),
            Event::Lost => return Some(Step::Complete),
        };
        let interest = self.interests.get(directory)?;
        let bytes = name.as_encoded_bytes();
        let may_be_secret = interest.is_secret_dir && !bytes.starts_with(b".") && !bytes.ends_with(b".tmp");
        if !interest.names.contains(name) && !may_be_secret {
            return interest.is_secret_dir.then_some(Step::SecretToCome);
        }
        let path = interest.directory.join(name);
        let is_complete = match change {
            Change::Arrived => true,
            Change::Closed => has_content(&path),
            Change::Created => path.is_symlink(),
            Change::Changed | Change::Left => false,
        };
        Some(match (is_complete, may_be_secret) {
            (false, _) => Step::Unfinished,
            // A secret's own file. The link of a whole generation starts with a dot or stands elsewhere.
            (true, true) => Step::Secret,
            (true, false) => Step::Complete,
        })
    }

    /// Sets the watches that the paths need now, and ends the others.
    fn arm(&mut self) -> Vec<(PathBuf, io::Error)> {
        let mut wanted = self.wanted();
        for _ in 0..MAX_WALKS {
            let (interests, problems) = self.watch_all(&wanted);
            let now_wanted = self.wanted();
            if now_wanted == wanted {
                for directory in self.interests.keys().filter(|directory| !interests.contains_key(directory)) {
                    self.events.unwatch(*directory);
                }
                self.interests = interests;
                return problems;
            }
            // A link was swapped between the walk and the watch. These watches aren't ended yet: most will be wanted.
            self.interests.extend(interests);
            wanted = now_wanted;
        }
        // Somebody keeps swapping: look again when that is over.
        self.settle = self.settle.step(Step::Unfinished, clock::now().mono);
        Vec::new()
    }

    fn watch_all(
        &mut self,
        wanted: &BTreeMap<PathBuf, Interest>,
    ) -> (HashMap<Directory, Interest>, Vec<(PathBuf, io::Error)>) {
        let mut interests: HashMap<Directory, Interest> = HashMap::new();
        let mut problems = Vec::new();
        for (directory, interest) in wanted {
            match self.events.watch(directory) {
                // Two paths may be one directory, mounted twice.
                Ok(watch) => {
                    let merged = interests.entry(watch).or_insert_with(|| interest.clone());
                    merged.names.extend(interest.names.iter().cloned());
                    merged.is_secret_dir |= interest.is_secret_dir;
                }
                Err(error) => problems.push((directory.clone(), error)),
            }
        }
        (interests, problems)
    }

    /// What is of interest now, by directory.
    fn wanted(&self) -> BTreeMap<PathBuf, Interest> {
        let mut wanted = BTreeMap::new();
        for path in self.paths.files.iter().chain(&self.paths.secret_files) {
            let Walk { hops, directory } = walk(&absolute(path));
            add_hops(&mut wanted, hops);
            // A directory in a file's place goes before the file can come.
            if let Some((parent, name)) =
                directory.as_deref().and_then(|found| Some((found.parent()?, found.file_name()?)))
            {
                interest_in(&mut wanted, parent.to_owned()).names.insert(name.to_owned());
            }
        }
        if let Some(dir) = &self.paths.secret_dir {
            let walk = walk(&absolute(dir));
            add_hops(&mut wanted, walk.hops);
            if let Some(directory) = walk.directory {
                interest_in(&mut wanted, directory).is_secret_dir = true;
            }
        }
        wanted
    }
}

fn add_hops(wanted: &mut BTreeMap<PathBuf, Interest>, hops: Vec<Hop>) {
    for Hop { directory, name } in hops {
        interest_in(wanted, directory).names.insert(name);
    }
}

fn interest_in(wanted: &mut BTreeMap<PathBuf, Interest>, directory: PathBuf) -> &mut Interest {
    wanted.entry(directory.clone()).or_insert_with(|| Interest { directory, ..Interest::default() })
}

/// Relative paths are relative to where the daemon was started; without that directory they lead nowhere anyway.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// A file that was closed empty was truncated by somebody who is about to write.
fn has_content(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.len() > 0)
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
