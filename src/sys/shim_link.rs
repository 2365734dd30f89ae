//! The daemon's end of the shims' connections.
//!
//! Whoever is on the other side may be an agent that pretends to be a shim: the caller checks the [`Peer`], and a
//! connection that floods, sends nonsense or doesn't read ends itself, with little memory spent. It decides nothing else.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::Interest;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Notify;

use super::process::PidFd;
use crate::shim::protocol::{FrameBuffer, Order, Report, WireError, decode_report, encode_order, wipe};

/// Bytes of orders that a shim may leave unread.
const MAX_UNSENT: usize = 8 << 20;
/// Reports that a connection may send of its own accord: the hello, and the end of a run that it found.
const FREE_REPORTS: u64 = 64;
/// Reports that an order may lead to, with room for those of later versions.
const REPORTS_PER_ORDER: u64 = 16;

/// Why a connection is of no use any more.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The system said so.
    #[error("the connection to a shim failed: {0}")]
    Io(#[from] io::Error),
    /// The shim sent what is no message, or an order is too large to be one.
    #[error("the connection to a shim carried {0}")]
    Wire(#[from] WireError),
    /// The shim ended the connection within a message.
    #[error("the connection to a shim ended within a message")]
    Truncated,
    /// The shim doesn't read its orders.
    #[error("a shim left {MAX_UNSENT} bytes of orders unread")]
    NotReading,
    /// The shim sent more reports than its orders can have led to.
    #[error("a shim sent far more reports than it was given orders for")]
    Flooding,
}

/// The listening socket. It is removed from the file system when this is dropped, if it is still there.
#[derive(Debug)]
pub struct ShimListener {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode: a successor's socket isn't ours to remove.
    identity: (u64, u64),
}

/// Who may connect to the socket.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    /// The permission bits of the socket; connecting takes the right to write.
    pub mode: u32,
    /// Another owner and group than this process's.
    pub owner: Option<(u32, u32)>,
}

impl ShimListener {
    /// Listens at `path`, in place of whatever socket was there. It is complete before it can be seen: waiting shims
    /// connect the moment it appears. Needs a tokio runtime.
    pub fn bind(path: &Path, access: Access) -> io::Result<Self> {
        // Short: a socket's path has 107 bytes at most, and the final one may use them all.
        let hidden = path.with_file_name(format!(".{}", std::process::id()));
        remove_if_there(&hidden)?;
        let bound = Self::bind_hidden(&hidden, access).and_then(|(listener, identity)| {
            fs::rename(&hidden, path)?;
            Ok(Self { listener, path: path.to_owned(), identity })
        });
        if bound.is_err() {
            let _ = fs::remove_file(&hidden);
        }
        bound
    }

    fn bind_hidden(hidden: &Path, access: Access) -> io::Result<(UnixListener, (u64, u64))> {
        let listener = std::os::unix::net::UnixListener::bind(hidden)?;
        listener.set_nonblocking(true)?;
        if let Some((user, group)) = access.owner {
            chown(hidden, Some(user), Some(group))?;
        }
        fs::set_permissions(hidden, fs::Permissions::from_mode(access.mode))?;
        Ok((UnixListener::from_std(listener)?, identity(hidden)?))
    }

    /// The next connection. Cancel-safe. An error concerns one connection, or the lack of descriptors.
    pub async fn accept(&self) -> io::Result<ShimLink> {
        let (stream, _) = self.listener.accept().await?;
        ShimLink::new(stream)
    }
}

impl Drop for ShimListener {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|found| found == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|meta| (meta.dev(), meta.ino()))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    fs::remove_file(path).or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Who connected, by the kernel's word, at the time of connecting.
#[derive(Debug)]
pub struct Peer {
    /// The process.
    pub pid: u32,
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
    /// The process itself; `None` if it is gone already.
    pub process: Option<PidFd>,
}

/// One connection, in the parts that go to different owners.
#[derive(Debug)]
pub struct ShimLink {
    /// Who is there.
    pub peer: Peer,
    /// What comes.
    pub reader: ShimReader,
    /// What goes.
    pub sender: ShimSender,
}

impl ShimLink {
    fn new(stream: UnixStream) -> io::Result<Self> {
        let credentials = stream.peer_cred()?;
        let pid = credentials.pid().and_then(|pid| u32::try_from(pid).ok()).ok_or(ErrorKind::NotConnected)?;
        let process = PidFd::of_peer(stream.as_fd(), pid).ok();
        let peer = Peer { pid, uid: credentials.uid(), gid: credentials.gid(), process };
        let shared = Arc::new(Shared { stream, queue: Mutex::default(), wake: Notify::new() });
        let reader = ShimReader { shared: shared.clone(), frames: FrameBuffer::new(), received: 0 };
        Ok(Self { peer, reader, sender: ShimSender(shared) })
    }
}

#[derive(Debug)]
struct Shared {
    stream: UnixStream,
    queue: Mutex<Queue>,
    /// Tells the reader, which is where the waiting is done, that there is something to write or to end.
    wake: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    /// Whole orders; of the first, `sent` bytes are on their way.
    orders: VecDeque<Vec<u8>>,
    sent: usize,
    bytes: usize,
    orders_given: u64,
    overflowed: bool,
}

/// What a shim sends. It also carries the sending of orders that the shim didn't take at once: keep asking it.
#[derive(Debug)]
pub struct ShimReader {
    shared: Arc<Shared>,
    frames: FrameBuffer,
    received: u64,
}

impl ShimReader {
    /// The next report, or `None` at the end of the connection. Cancel-safe. After an error the connection is of no use.
    pub async fn next(&mut self) -> Result<Option<Report>, LinkError> {
        // A shim that always has something must not keep the thread for itself.
        tokio::task::coop::consume_budget().await;
        loop {
            let unsent = self.shared.flush()?;
            match self.shared.stream.try_read(self.frames.space()) {
                Ok(0) if self.frames.is_partial() => return Err(LinkError::Truncated),
                Ok(0) => return Ok(None),
                Ok(count) => {
                    if let Some(frame) = self.frames.advance(count)? {
                        self.count()?;
                        if let Some(report) = decode_report(frame.bytes())? {
                            return Ok(Some(report));
                        }
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let interest = if unsent { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
                    tokio::select! {
                        ready = self.shared.stream.ready(interest) => drop(ready?),
                        () = self.shared.wake.notified() => {}
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn count(&mut self) -> Result<(), LinkError> {
        self.received = self.received.saturating_add(1);
        let orders = self.shared.queue().orders_given;
        let most = orders.saturating_mul(REPORTS_PER_ORDER).saturating_add(FREE_REPORTS);
        if self.received > most { Err(LinkError::Flooding) } else { Ok(()) }
    }
}

/// Sends orders; clones send to the same shim, in order.
#[derive(Clone, Debug)]
pub struct ShimSender(Arc<Shared>);

impl ShimSender {
    /// Sends an order without waiting: at once if the shim takes it, else as soon as it does. An error other than
    /// [`LinkError::Wire`] is the connection's end, of which the reader tells as well.
    pub fn send(&self, order: Order) -> Result<(), LinkError> {
        let bytes = encode_order(&order)?;
        // Its secrets are now in one place only, which is wiped when it is sent.
        drop(order);
        self.0.queue().push(bytes);
        let flushed = self.0.flush();
        if !matches!(flushed, Ok(false)) {
            self.0.wake.notify_one();
        }
        flushed.map(drop)
    }
}

impl Shared {
    /// Nothing that holds the lock can panic half-way.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what the shim takes. Returns whether something is left.
    fn flush(&self) -> Result<bool, LinkError> {
        let mut queue = self.queue();
        if queue.overflowed {
            return Err(LinkError::NotReading);
        }
        while let Some(rest) = queue.rest() {
            match self.stream.try_write(rest) {
                Ok(count) => queue.advance(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(false)
    }
}

impl Queue {
    fn push(&mut self, mut order: Vec<u8>) {
        self.orders_given = self.orders_given.saturating_add(1);
        self.bytes = self.bytes.saturating_add(order.len());
        if self.bytes > MAX_UNSENT {
            self.overflowed = true;
            wipe(&mut order);
        } else {
            self.orders.push_back(order);
        }
    }

    fn rest(&self) -> Option<&[u8]> {
        self.orders.front()?.get(self.sent..)
    }

    fn advance(&mut self, count: usize) {
        self.bytes = self.bytes.saturating_sub(count);
        self.sent = self.sent.saturating_add(count);
        if let Some(first) = self.orders.front_mut()
            && self.sent >= first.len()
        {
            wipe(first);
            self.orders.pop_front();
            self.sent = 0;
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        for order in &mut self.orders {
            wipe(order);
        }
    }
}

#[cfg(test)]
#[path = "shim_link_tests.rs"]
mod tests;
