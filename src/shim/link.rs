//! The connection to the daemon: there, or waited for. It is never what an agent's life depends on.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::protocol::{FrameBuffer, Order, Report, decode_order, encode_report};
use super::sys;
use super::watch::Watch;

/// Between two connections that the daemon took and dropped, and between two looks where nothing tells of a change.
const PAUSE: u64 = 1_000_000_000;
/// A daemon's queue of connections is full: no event tells when it isn't.
const QUEUE_PAUSE: u64 = 50_000_000;
/// Reports that the daemon may leave unread. What it misses it learns from the next hello.
const MAX_UNREAD: usize = 64 << 10;

/// The shim's end.
pub(super) struct Link {
    path: PathBuf,
    state: State,
    last: Option<Connected>,
}

/// The last connection that was made.
struct Connected {
    /// `CLOCK_MONOTONIC`, nanoseconds.
    at: u64,
    /// Which socket it was: a new daemon's is another one.
    socket: Option<Identity>,
}

/// Device, inode and time of change.
type Identity = (u64, u64, i64, i64);

enum State {
    Connected { socket: File, frames: FrameBuffer, unsent: Vec<u8>, broken: bool },
    Away { watch: Watch, retry_at: Option<u64> },
}

/// What came from the daemon.
pub(super) enum Received {
    /// An order.
    Order(Box<Order>),
    /// Nothing more for now.
    Nothing,
    /// The end of the connection.
    Lost,
}

impl Link {
    /// Not connected yet: call [`connect`](Self::connect).
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, state: State::Away { watch: Watch::Blind, retry_at: None }, last: None }
    }

    /// Tries to connect, or else waits for the socket to appear. Returns whether it is connected; then a hello is due.
    pub(super) fn connect(&mut self) -> bool {
        let watch = Watch::arm(&self.path);
        let identity = self.identity();
        match sys::connect(&self.path) {
            Ok(socket) => {
                self.last = Some(Connected { at: sys::now(), socket: identity });
                self.state = State::Connected { socket, frames: FrameBuffer::new(), unsent: Vec::new(), broken: false };
                true
            }
            Err(error) => {
                // No socket, or one that nobody listens at: a new one will appear.
                let absent = [ErrorKind::NotFound, ErrorKind::NotADirectory, ErrorKind::ConnectionRefused];
                let pause = if error.kind() == ErrorKind::WouldBlock {
                    Some(QUEUE_PAUSE)
                } else if absent.contains(&error.kind()) && !watch.is_blind() {
                    None
                } else {
                    Some(PAUSE)
                };
                let retry_at = pause.map(|pause| sys::now().saturating_add(pause));
                self.state = State::Away { watch, retry_at };
                false
            }
        }
    }

    /// The connection is of no use any more. Returns whether there is a new one; then a hello is due.
    pub(super) fn reconnect(&mut self) -> bool {
        let soonest = self.last.as_ref().map_or(0, |last| last.at.saturating_add(PAUSE));
        if sys::now() >= soonest {
            // First of all, so that the daemon sees the end of the old one before the new one.
            self.state = State::Away { watch: Watch::Blind, retry_at: None };
            return self.connect();
        }
        // A daemon that drops each connection at once must not have us spin. A new one's socket is still seen at once.
        self.state = State::Away { watch: Watch::arm(&self.path), retry_at: Some(soonest) };
        false
    }

    /// Something changed where the socket is or may be. Returns whether it is connected now; then a hello is due.
    pub(super) fn directory_changed(&mut self) -> bool {
        let State::Away { watch, retry_at } = &mut self.state else { return false };
        if retry_at.is_some_and(|at| at > sys::now()) {
            *watch = Watch::arm(&self.path);
            let known = self.last.as_ref().and_then(|last| last.socket);
            if known.is_some() && known == self.identity() {
                return false;
            }
        }
        self.connect()
    }

    fn identity(&self) -> Option<Identity> {
        let socket = std::fs::symlink_metadata(&self.path).ok()?;
        Some((socket.dev(), socket.ino(), socket.ctime(), socket.ctime_nsec()))
    }

    /// Whether there is a daemon to talk to.
    pub(super) fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected { broken: false, .. })
    }

    /// Whether the connection's end has yet to be seen to, by [`reconnect`](Self::reconnect).
    pub(super) fn is_broken(&self) -> bool {
        matches!(self.state, State::Connected { broken: true, .. })
    }

    /// When to [`connect`](Self::connect) again whatever happens.
    pub(super) fn retry_at(&self) -> Option<u64> {
        match &self.state {
            State::Away { retry_at, .. } => *retry_at,
            State::Connected { .. } => None,
        }
    }

    /// What to wait for.
    pub(super) fn interest(&self) -> sys::Interest<'_> {
        let (fd, write): (Option<BorrowedFd<'_>>, bool) = match &self.state {
            State::Connected { socket, unsent, .. } => (Some(socket.as_fd()), !unsent.is_empty()),
            State::Away { watch, .. } => (watch.fd(), false),
        };
        sys::Interest { fd, read: true, write }
    }

    /// Sends a report, if the daemon is there.
    pub(super) fn send(&mut self, report: &Report) {
        if let State::Connected { unsent, broken, .. } = &mut self.state {
            match encode_report(report) {
                Ok(frame) if unsent.len() < MAX_UNREAD => unsent.extend_from_slice(&frame),
                Ok(_) | Err(_) => *broken = true,
            }
            self.flush();
        }
    }

    /// Sends what could not be sent before.
    pub(super) fn flush(&mut self) {
        let State::Connected { socket, unsent, broken, .. } = &mut self.state else { return };
        while !unsent.is_empty() && !*broken {
            match socket.write(unsent) {
                Ok(count) => drop(unsent.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => *broken = true,
            }
        }
    }

    /// The next order. Anything that isn't one ends the connection.
    pub(super) fn receive(&mut self) -> Received {
        let State::Connected { socket, frames, broken, .. } = &mut self.state else { return Received::Nothing };
        while !*broken {
            match read_order(socket, frames) {
                Ok(Some(order)) => return Received::Order(Box::new(order)),
                Ok(None) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Received::Nothing,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => *broken = true,
            }
        }
        Received::Lost
    }
}

/// One read, and the order that it completes.
fn read_order(socket: &mut File, frames: &mut FrameBuffer) -> io::Result<Option<Order>> {
    let nonsense = |_| io::Error::from(ErrorKind::InvalidData);
    let count = match socket.read(frames.space())? {
        0 => return Err(ErrorKind::UnexpectedEof.into()),
        count => count,
    };
    match frames.advance(count).map_err(nonsense)? {
        Some(frame) => decode_order(frame.bytes()).map_err(nonsense),
        None => Ok(None),
    }
}
