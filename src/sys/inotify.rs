//! Inotify on directories, as a stream of events.
//!
//! Directories only: a watch on a file follows the inode, and every careful writer replaces the inode. Opens and
//! reads are not asked for, so that neither our own reads nor a busy neighbour's wake anybody.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

pub use nix::sys::inotify::{AddWatchFlags as Mask, InotifyEvent as Event, WatchDescriptor};

/// An inotify instance on the runtime's reactor.
#[derive(Debug)]
pub struct DirectoryEvents(AsyncFd<Instance>);

/// `Inotify` hides its number, which the reactor asks for.
#[derive(Debug)]
struct Instance(Inotify);

impl AsRawFd for Instance {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl DirectoryEvents {
    /// A new instance, without watches. Must be called within a runtime.
    pub fn new() -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        #[allow(unsafe_code, reason = "tokio can't see that a descriptor is owned")]
        // SAFETY: `Instance` owns the descriptor, always answers with the same number, and closes it only when it is
        // dropped, which `AsyncFd` does after deregistering it.
        let events = unsafe { AsyncFd::register_with_interest(Instance(inotify), Interest::READABLE) }?;
        Ok(Self(events))
    }

    /// Watches a directory for everything that changes its entries or their content. The same directory again is the
    /// same watch.
    pub fn watch(&self, directory: &Path) -> io::Result<WatchDescriptor> {
        let mask = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        Ok(self.0.get_ref().0.add_watch(directory, mask)?)
    }

    /// Ends a watch. One that ended by itself, with its directory, is no error.
    pub fn unwatch(&self, watch: WatchDescriptor) {
        let _ended_already = self.0.get_ref().0.rm_watch(watch);
    }

    /// Waits for events and takes those that are there. Cancel-safe: no event is taken without being returned.
    pub async fn next(&self) -> io::Result<Vec<Event>> {
        loop {
            let mut ready = self.0.readable().await?;
            match ready.get_inner().0.read_events() {
                Ok(events) => return Ok(events),
                Err(Errno::EAGAIN) => ready.clear_ready(),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}
