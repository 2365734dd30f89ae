//! What the daemon is asked by signals, but for SIGHUP, which is for those who read the configuration.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// To end: SIGTERM or SIGINT.
    End,
    /// To stop all agents because the tmux server is about to be ended: SIGUSR1, which `agentd drain` sends.
    Drain,
}

/// The signals, caught from the moment that this is made.
pub(super) struct Requests {
    terminate: Signal,
    interrupt: Signal,
    drain: Signal,
}

impl Requests {
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            drain: signal(SignalKind::user_defined1())?,
        })
    }

    /// The next request. It can be dropped and called again at any time.
    pub async fn next(&mut self) -> Request {
        tokio::select! {
            _ = self.terminate.recv() => Request::End,
            _ = self.interrupt.recv() => Request::End,
            _ = self.drain.recv() => Request::Drain,
        }
    }
}
