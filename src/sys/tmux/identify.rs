//! A control client that is no process: what `tmux -C` says to the server, said by the daemon itself, in another order.
//!
//! A tmux before 3.7 writes to a control client as soon as it knows it for one, and crashes, with all that runs in it, if
//! that client isn't ready: it is when the last of its words was heard. `tmux -C` says first what it is, and hands
//! over its descriptors later, each of which the server reads by itself. A session that comes, goes or is renamed in between is
//! enough. Here the descriptors go first, and then all words in one write, which the server reads in one piece.
//!
//! A server ends at once, up to 3.5, when a word isn't as it expects. So this is for the versions that it was held against,
//! none of which changes any more ([`Framing::of`]); later ones have the mend, and get a `tmux -C`.
//!
//! Source: tmux's `client.c` (`client_send_identify`), `server-client.c`, `proc.c`, `tmux-protocol.h` and `compat/imsg.c`.

use std::ffi::OsStr;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;

use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, connect, sendmsg, socket,
};
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

use crate::sys::privileges::FsIdentity;
use crate::sys::tmux::server::{self, ServerProcess};

/// `PROTOCOL_VERSION`. A server that has another says so, and does no more.
const PROTOCOL: u32 = 8;
const HEADER: usize = 16;

const VERSION: u32 = 12;
const IDENTIFY_TERM: u32 = 101;
const IDENTIFY_TTYNAME: u32 = 102;
const IDENTIFY_STDIN: u32 = 104;
const IDENTIFY_DONE: u32 = 106;
const IDENTIFY_CLIENTPID: u32 = 107;
const IDENTIFY_CWD: u32 = 108;
const IDENTIFY_FEATURES: u32 = 109;
const IDENTIFY_STDOUT: u32 = 110;
const IDENTIFY_LONGFLAGS: u32 = 111;
const COMMAND: u32 = 200;
const DETACH: u32 = 201;
const DETACHKILL: u32 = 202;
const EXIT: u32 = 203;
const EXITED: u32 = 204;
const SHUTDOWN: u32 = 210;
const EXEC: u32 = 217;

/// `CLIENT_NOSTARTSERVER | CLIENT_CONTROL | CLIENT_UTF8`: what `-N -C -u` are.
const FLAGS: u64 = 0x1000 | 0x2000 | 0x1_0000;

/// How messages are framed: by the imsg of OpenBSD that a tmux has with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// 16 bits of length and 16 of flags, until 3.5.
    Flags,
    /// 32 bits of length, the highest of which is a flag, in 3.6.
    Mark,
}

impl Framing {
    /// For a server of this version, if it is one that has to be spoken to like this and that is known.
    pub(super) fn of(version: &str) -> Option<Self> {
        let release = version.strip_suffix(|end: char| end.is_ascii_lowercase()).unwrap_or(version);
        match release {
            "3.3" | "3.4" | "3.5" => Some(Self::Flags),
            "3.6" => Some(Self::Mark),
            _ => None,
        }
    }

    fn message(self, kind: u32, body: &[u8], with_descriptor: bool) -> io::Result<Vec<u8>> {
        let too_long = |_| io::Error::new(io::ErrorKind::InvalidInput, "too long for a message to tmux");
        let whole = HEADER.saturating_add(body.len());
        // More than 16,384 bytes would be refused by ending the connection; it is far more than is ever said.
        let short = u16::try_from(whole).map_err(too_long)?;
        let length = match self {
            Self::Flags => [short.to_ne_bytes(), u16::from(with_descriptor).to_ne_bytes()].concat(),
            Self::Mark => (u32::from(short) | (u32::from(with_descriptor) << 31)).to_ne_bytes().to_vec(),
        };
        let pid = std::process::id().to_ne_bytes();
        Ok([&kind.to_ne_bytes()[..], &length, &PROTOCOL.to_ne_bytes(), &pid, body].concat())
    }

    /// How long a message is, with its header.
    fn length(self, header: [u8; HEADER]) -> usize {
        let [_, _, _, _, a, b, c, d, ..] = header;
        match self {
            Self::Flags => usize::from(u16::from_ne_bytes([a, b])),
            Self::Mark => usize::try_from(u32::from_ne_bytes([a, b, c, d]) & !(1 << 31)).unwrap_or(usize::MAX),
        }
    }
}

/// A client that a server knows, for as long as this is held.
#[derive(Debug)]
pub(super) struct Client {
    server: UnixStream,
    framing: Framing,
}

impl Client {
    /// Makes one of the server on `socket`, with `io` for what it reads and writes, and tells it the first command.
    /// Whoever else listens there is told nothing.
    ///
    /// The socket is reached with the rights of the server's user, whose directory it may be in: it could be
    /// a link to one that only root may reach.
    pub(super) fn identify(
        framing: Framing,
        socket: &Path,
        server: ServerProcess,
        io: &OwnedFd,
        command: &[&OsStr],
    ) -> io::Result<Self> {
        let stream = reach(socket, server.uid)?;
        if server::peer(&stream)? != server {
            return Err(io::Error::other("another process listens on the socket than the server that was found"));
        }
        for kind in [IDENTIFY_STDIN, IDENTIFY_STDOUT] {
            send(&stream, &framing.message(kind, &[], true)?, &[io.as_raw_fd()])?;
        }
        send(&stream, &words(framing, command)?, &[])?;
        let stream = StdUnixStream::from(stream);
        Ok(Self { server: UnixStream::from_std(stream)?, framing })
    }

    /// Waits until the server says that the client is to end, or says no more.
    pub(super) async fn ended(&mut self) {
        let mut header = [0; HEADER];
        while self.server.read_exact(&mut header).await.is_ok() {
            let [a, b, c, d, ..] = header;
            let kind = u32::from_ne_bytes([a, b, c, d]);
            if [VERSION, DETACH, DETACHKILL, EXIT, EXITED, SHUTDOWN, EXEC].contains(&kind) {
                return;
            }
            let Some(rest) = self.framing.length(header).checked_sub(HEADER) else { return };
            let mut body = (&mut self.server).take(u64::try_from(rest).unwrap_or(u64::MAX));
            if tokio::io::copy(&mut body, &mut tokio::io::sink()).await.is_err() {
                return;
            }
        }
    }
}

/// All that is to be read at once: what makes the server take it for a control client, up to the command.
fn words(framing: Framing, command: &[&OsStr]) -> io::Result<Vec<u8>> {
    let text = |kind, text: &str| framing.message(kind, &[text.as_bytes(), b"\0"].concat(), false);
    let count = i32::try_from(command.len()).map_err(io::Error::other)?;
    let mut argv = count.to_ne_bytes().to_vec();
    for word in command {
        argv.extend_from_slice(word.as_bytes());
        argv.push(0);
    }
    let pid = std::process::id().to_ne_bytes();
    Ok([
        framing.message(IDENTIFY_LONGFLAGS, &FLAGS.to_ne_bytes(), false)?,
        text(IDENTIFY_TERM, "")?,
        framing.message(IDENTIFY_FEATURES, &0_i32.to_ne_bytes(), false)?,
        text(IDENTIFY_TTYNAME, "")?,
        text(IDENTIFY_CWD, "/")?,
        framing.message(IDENTIFY_CLIENTPID, &pid, false)?,
        framing.message(IDENTIFY_DONE, &[], false)?,
        framing.message(COMMAND, &argv, false)?,
    ]
    .concat())
}

/// Connects without waiting: a server that doesn't come to it is an error.
fn reach(socket_path: &Path, uid: u32) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let stream = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    let _user = FsIdentity::assume(Some(uid), None)?;
    connect(stream.as_raw_fd(), &UnixAddr::new(socket_path)?)?;
    Ok(stream)
}

/// Sends all of it in one piece, or fails: the buffer of a new connection has room for it.
fn send(stream: &impl AsFd, bytes: &[u8], descriptors: &[RawFd]) -> io::Result<()> {
    let rights = [ControlMessage::ScmRights(descriptors)];
    let rights = if descriptors.is_empty() { &[][..] } else { &rights };
    let fd = stream.as_fd().as_raw_fd();
    let sent = sendmsg::<()>(fd, &[IoSlice::new(bytes)], rights, MsgFlags::MSG_NOSIGNAL, None)?;
    if sent == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_that_were_tried_are_spoken_to() {
        for version in ["3.3", "3.3a", "3.4", "3.5", "3.5a"] {
            assert_eq!(Framing::of(version), Some(Framing::Flags), "{version}");
        }
        for version in ["3.6", "3.6a", "3.6b"] {
            assert_eq!(Framing::of(version), Some(Framing::Mark), "{version}");
        }
        for version in
            ["3.2a", "3.7", "3.7c", "next-3.6", "next-3.7", "openbsd-7.5", "3.6-rc", "3.60", "4.0", "master", ""]
        {
            assert_eq!(Framing::of(version), None, "{version}");
        }
    }

    #[test]
    fn messages_are_framed_as_tmux_does() {
        let pid = std::process::id().to_ne_bytes();
        let length = |framing: Framing, with| framing.message(104, b"x", with).unwrap();
        for (framing, with, fields) in [
            (Framing::Flags, false, [17, 0, 0, 0]),
            (Framing::Flags, true, [17, 0, 1, 0]),
            (Framing::Mark, false, [17, 0, 0, 0]),
            (Framing::Mark, true, [17, 0, 0, 0x80]),
        ] {
            let message = length(framing, with);
            assert_eq!(message, [&[104, 0, 0, 0][..], &fields, &[8, 0, 0, 0], &pid, b"x"].concat(), "{framing:?}");
            assert_eq!(framing.length(*message.first_chunk().unwrap()), 17);
        }
        assert!(Framing::Flags.message(200, &vec![0; 70_000], false).is_err());
    }
}
