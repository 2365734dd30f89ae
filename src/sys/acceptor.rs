//! Accepts connections, also where the process has no file descriptor left.
//!
//! Not `tokio::net::UnixListener`: without a descriptor the kernel refuses an accept before it looks whether there is a
//! client at all, and tokio would try again and again until there is a descriptor.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::coop;

/// A listener in a tokio runtime.
#[derive(Debug)]
pub struct Acceptor {
    /// Nobody outside can reach it, and nothing here replaces the listener in it.
    listener: AsyncFd<UnixListener>,
}

impl Acceptor {
    /// Takes a non-blocking listener. To be called in a runtime's context.
    #[allow(unsafe_code, reason = "registers a descriptor with the runtime, see SAFETY")]
    pub fn new(listener: UnixListener) -> io::Result<Self> {
        // SAFETY: a `UnixListener` owns its descriptor for as long as it lives, and the field is private and never
        // replaced, so the descriptor stays open and the same until the `AsyncFd` is dropped.
        let listener = unsafe { AsyncFd::register_with_interest(listener, Interest::READABLE) }?;
        Ok(Self { listener })
    }

    /// Waits for a client. An error means that a client is there and could not be accepted; trying again without
    /// doing something about it may fail again at once. Nothing is lost if this is dropped.
    pub async fn accept(&self) -> io::Result<UnixStream> {
        loop {
            // Between many that come at once, those that came are served.
            coop::consume_budget().await;
            let mut ready = self.listener.readable().await?;
            match self.listener.get_ref().accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(true)?;
                    return Ok(stream);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.clear_ready(),
                Err(_) if !self.is_client_waiting() => ready.clear_ready(),
                Err(error) => return Err(error),
            }
        }
    }

    fn is_client_waiting(&self) -> bool {
        let mut asked = [PollFd::new(self.listener.get_ref().as_fd(), PollFlags::POLLIN)];
        poll(&mut asked, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    }

    /// A descriptor that may be given up when there is no other, if there is one to be had.
    pub fn spare_descriptor(&self) -> Option<OwnedFd> {
        self.listener.get_ref().as_fd().try_clone_to_owned().ok()
    }
}
