//! The daemon's end of the shims' connections.
//!
//! Whoever is on the other side may be an agent that pretends to be a shim: the caller checks the [`Peer`], and a
//! connection that floods, sends nonsense or doesn't read ends itself, with little memory spent. It decides nothing else.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::Interest;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Notify;

use super::clock;
use super::process::PidFd;
use crate::model::Mono;
use crate::shim::protocol::{FrameBuffer, Order, Report, WireError, decode_report, encode_order, wipe};

/// Bytes of orders that a shim may leave unread.
const MAX_UNSENT: usize = 8 << 20;
/// Reports that a connection may send of its own accord: the hello, and the end of a run that it found.
const FREE_REPORTS: u64 = 64;
/// Reports that an order may lead to, with room for those of later versions.
const REPORTS_PER_ORDER: u64 = 16;

/// Reports of notices that a connection may send in a burst, and in each second: twice what a shim of ours does.
const MOST_NOTICES: u64 = 100;
const NOTICES_PER_SECOND: u64 = 20;

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
    /// The shim sent more reports than its orders, or the notices of its agent, can have led to.
    #[error("a shim sent far more reports than it had reason to")]
    Flooding,
}

/// The listening socket.
#[derive(Debug)]
pub struct ShimListener(UnixListener);

impl ShimListener {
    /// Takes a socket that listens. Needs a tokio runtime.
    pub fn new(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self(UnixListener::from_std(listener)?))
    }

    /// The next connection. Cancel-safe. An error concerns one connection, or the lack of descriptors.
    pub async fn accept(&self) -> io::Result<ShimLink> {
        let (stream, _) = self.0.accept().await?;
        ShimLink::new(stream)
    }
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
        let notices_left = (MOST_NOTICES, clock::now().mono);
        let reader = ShimReader { shared: shared.clone(), frames: FrameBuffer::new(), received: 0, notices_left };
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
    /// Reports of notices that it may send now, as of then.
    notices_left: (u64, Mono),
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
                        let report = decode_report(frame.bytes())?;
                        self.count(report.as_ref())?;
                        if report.is_some() {
                            return Ok(report);
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

    fn count(&mut self, report: Option<&Report>) -> Result<(), LinkError> {
        if matches!(report, Some(Report::Noticed { .. })) {
            let ((mut left, mut at), now) = (self.notices_left, clock::now().mono);
            let seconds = now.since(at).as_secs();
            if seconds > 0 {
                left = left.saturating_add(seconds.saturating_mul(NOTICES_PER_SECOND)).min(MOST_NOTICES);
                at = now;
            }
            self.notices_left = (left.checked_sub(1).ok_or(LinkError::Flooding)?, at);
            return Ok(());
        }
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
