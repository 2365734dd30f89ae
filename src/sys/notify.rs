//! What an agent's programs tell the shim: a datagram on the socket that a variable of their environment names, as with
//! sd_notify(3).
//!
//! Whoever tells must never wait long for whoever listens, and to a harness an error is nobody's business: an agent runs as
//! well where nobody hears of it.

use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// The variable: a path, or `@` and a name in the abstract namespace.
pub const VARIABLE: &str = "AGENTD_NOTIFY_SOCKET";

/// Somebody who wants to be told.
#[derive(Debug)]
pub struct Listener(UnixDatagram);

impl Listener {
    /// As the environment says; none where there is none.
    pub fn from_environment() -> Option<Self> {
        Self::at(&std::env::var_os(VARIABLE)?).ok()
    }

    /// Whoever has this name, or why that is nobody.
    pub fn at(name: &OsStr) -> io::Result<Self> {
        let address = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
            [b'/', ..] => SocketAddr::from_pathname(name),
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is neither a path nor a name after @")),
        }?;
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.connect_addr(&address)?;
        Ok(Self(socket))
    }

    /// Tells, waiting for as long as this where the listener has too much to read; or why that can't be.
    pub fn deliver(&self, datagram: &[u8], at_most: Duration) -> io::Result<()> {
        match self.0.send(datagram) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.wait(at_most);
                self.0.send(datagram).map(drop)
            }
            sent => sent.map(drop),
        }
    }

    /// Tells; false if the listener has more to read than the system keeps for it, and it has to be told later.
    pub fn tell(&self, datagram: &[u8]) -> bool {
        !self.0.send(datagram).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Waits until it can be told, but no longer than this.
    pub fn wait(&self, at_most: Duration) {
        let timeout = PollTimeout::try_from(at_most).unwrap_or(PollTimeout::MAX);
        // Whatever comes of it, telling is tried again.
        let _ = poll(&mut [PollFd::new(self.0.as_fd(), PollFlags::POLLOUT)], timeout);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(name: &str) -> UnixDatagram {
        UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(name).unwrap()).unwrap()
    }

    #[test]
    fn what_is_told_is_heard() {
        let name = format!("agentd-test-notify-{}", std::process::id());
        let hears = bound(&name);
        let listener = Listener::at(OsStr::new(&format!("@{name}"))).unwrap();
        assert!(listener.tell(b"ACTIVITY=busy\n"));
        let mut buffer = [0; 64];
        let length = hears.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"ACTIVITY=busy\n");
        drop(hears);
        assert!(listener.tell(b"x"), "nobody hears it, and nobody will");
        assert!(listener.deliver(b"x", Duration::ZERO).is_err(), "and who wants to know is told");
    }

    #[test]
    fn a_path_is_as_good_as_a_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let hears = UnixDatagram::bind(&path).unwrap();
        assert!(Listener::at(path.as_os_str()).unwrap().tell(b"x"));
        assert_eq!(hears.recv(&mut [0; 8]).unwrap(), 1);
    }

    #[test]
    fn who_does_not_read_is_told_later() {
        let name = format!("agentd-test-full-{}", std::process::id());
        let hears = bound(&name);
        let listener = Listener::at(OsStr::new(&format!("@{name}"))).unwrap();
        let kept = (0..100_000).take_while(|_| listener.tell(b"x")).count();
        assert!(kept > 0 && kept < 100_000);
        listener.wait(Duration::from_millis(1));
        hears.recv(&mut [0; 8]).unwrap();
        // The system says that there is room when half of it is free.
        hears.set_nonblocking(true).unwrap();
        while hears.recv(&mut [0; 8]).is_ok() {}
        listener.wait(Duration::from_secs(60));
        assert!(listener.tell(b"x"));
    }

    #[test]
    fn a_name_of_another_kind_is_nobody() {
        for name in ["", "@", "/nonexistent/socket", "name"] {
            assert!(Listener::at(OsStr::new(name)).is_err(), "{name}");
        }
        assert!(Listener::at(OsStr::new(&format!("@{}", "x".repeat(200)))).is_err());
    }
}
