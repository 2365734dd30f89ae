//! What the agent tells of itself, as systemd's sd_notify(3) has it: datagrams of `KEY=VALUE` lines.
//!
//! The shim understands none of it. It keeps the newest value of each key for as long as it keeps the run, so that a
//! daemon that comes back learns it too, and passes on what is new: not more often than ten times a second, as an agent can
//! send any number. Who may send is decided by the directory that the socket is in.

use std::fs::{self, DirBuilder, Permissions};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use super::protocol::Notice;
use super::sys;

/// A longer datagram is dropped.
const MAX_DATAGRAM: usize = 2048;
/// A longer key is none.
const MAX_KEY: usize = 32;
/// Further keys are ignored.
const MAX_KEYS: usize = 32;
/// Datagrams taken in one go: whoever sends without end must not keep the shim from its other work.
const MAX_TAKEN: usize = 64;
/// Between two reports, nanoseconds.
const PAUSE: u64 = 100_000_000;

/// The socket, and what came.
#[derive(Default)]
pub(super) struct Notices {
    socket: Option<UnixDatagram>,
    path: PathBuf,
    run: u64,
    kept: Vec<Kept>,
    told_at: u64,
}

struct Kept {
    key: usize,
    notice: Notice,
    is_told: bool,
}

impl Notices {
    /// Takes those of a new run, at this path, and forgets those of the one before. What can't be had is done without.
    pub(super) fn open(&mut self, path: &Path, run: u64) {
        self.close();
        self.run = run;
        self.kept.clear();
        if path.as_os_str().is_empty() {
            return;
        }
        if let Some(directory) = path.parent() {
            // It is there already, most of the time; if it can't be made, the bind says so.
            let _ = DirBuilder::new().mode(0o700).create(directory);
        }
        // Left by a shim that was killed.
        let _ = fs::remove_file(path);
        let bound = UnixDatagram::bind(path).and_then(|socket| {
            fs::set_permissions(path, Permissions::from_mode(0o600))?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        });
        self.socket = bound.ok();
        path.clone_into(&mut self.path);
    }

    /// Takes no more.
    pub(super) fn close(&mut self) {
        if self.socket.take().is_some() {
            let _ = fs::remove_file(&self.path);
        }
    }

    /// What to wait for.
    pub(super) fn interest(&self) -> sys::Interest<'_> {
        sys::Interest { fd: self.socket.as_ref().map(AsFd::as_fd), read: true, write: false }
    }

    /// Takes what has come.
    pub(super) fn take(&mut self) {
        let Some(socket) = self.socket.take() else { return };
        let mut datagram = [0_u8; MAX_DATAGRAM + 1];
        for _ in 0..MAX_TAKEN {
            let Ok(count) = socket.recv(&mut datagram) else { break };
            if let Some(lines) = datagram.get(..count).filter(|_| count <= MAX_DATAGRAM) {
                lines.split(|byte| *byte == b'\n').for_each(|line| self.keep(line));
            }
        }
        self.socket = Some(socket);
    }

    fn keep(&mut self, line: &[u8]) {
        let Some(key) = line.iter().position(|byte| *byte == b'=').filter(|length| (1..=MAX_KEY).contains(length))
        else {
            return;
        };
        let is_same = |kept: &&mut Kept| kept.key == key && kept.notice.text.get(..key) == line.get(..key);
        let is_full = self.kept.len() >= MAX_KEYS;
        let new = Kept { key, notice: Notice { at: sys::now(), text: line.to_vec() }, is_told: false };
        match self.kept.iter_mut().find(is_same) {
            Some(kept) if kept.notice.text == line => {}
            Some(kept) => *kept = new,
            None if is_full => {}
            None => self.kept.push(new),
        }
    }

    /// The run that they are about.
    pub(super) fn run(&self) -> u64 {
        self.run
    }

    /// When the next report is due.
    pub(super) fn tell_at(&self) -> Option<u64> {
        self.kept.iter().any(|kept| !kept.is_told).then(|| self.told_at.saturating_add(PAUSE))
    }

    /// All of them, for a daemon that knows nothing.
    pub(super) fn all(&mut self) -> Vec<Notice> {
        self.kept.iter_mut().for_each(|kept| kept.is_told = false);
        self.untold()
    }

    /// Those that are new; from now on they are not.
    pub(super) fn untold(&mut self) -> Vec<Notice> {
        self.told_at = sys::now();
        let untold = self.kept.iter_mut().filter(|kept| !kept.is_told);
        untold
            .map(|kept| {
                kept.is_told = true;
                kept.notice.clone()
            })
            .collect()
    }
}
