//! The read-only HTTP API on a Unix socket.
//!
//! It runs on a thread and a runtime of its own, so that no client, however rude or numerous, takes time from the event
//! loop, and no busy event loop keeps a client waiting. All it gets is the daemon's [`Views`], and a way to see what is on
//! the terminals. It must never ask for anything to be done, and never wait for anyone but its clients.

mod activity;
mod body;
mod conditional;
mod connection;
pub mod declared;
mod events;
mod held;
mod metrics;
mod openapi;
mod output;
mod query;
mod render;
mod respond;
mod routes;
mod server;
mod share;
mod stream;
mod style;
mod usage;
mod wire;

#[cfg(fuzzing)]
pub(crate) use style::last_lines;

use std::any::Any;
use std::io;
use std::os::unix::net::UnixListener;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use crate::status::{Snapshot, Views};
use crate::sys::acceptor::Acceptor;
use crate::sys::tmux::capture::Access;

/// What clients may take of the daemon.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// At this many connections one is closed: of whichever process has most, the longest-idle one.
    pub max_connections: usize,
    /// Requests that are held at once, for events or until something changes. Fewer than connections, so that there is
    /// always one for whoever only asks.
    pub max_held: usize,
    /// Requests at once that have a terminal or processes looked at, which takes its time. Fewer than what the held ones
    /// leave, for the same reason.
    pub max_looking: usize,
    /// From when a connection is ready for a request until its head is complete. An idle connection ends by it too.
    pub head_timeout: Duration,
    /// The longest head of a request, 8 KiB at least.
    pub max_head_bytes: usize,
    /// From when a client stops reading until it has read all of what it was sent.
    pub write_timeout: Duration,
}

impl Limits {
    /// Those in a process that may have so many descriptors open. Clients get a quarter of them at most: whatever they
    /// hold, the rest is for the agents, each of which needs some.
    pub fn within(descriptors: usize) -> Self {
        let usual = Self::default();
        let max_connections = usual.max_connections.min(descriptors / 4).max(1);
        let max_held = usual.max_held.min(max_connections / 2);
        Self { max_connections, max_held, max_looking: usual.max_looking.min(max_held / 2), ..usual }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 512,
            max_held: 256,
            max_looking: 128,
            head_timeout: Duration::from_secs(10),
            max_head_bytes: 16 * 1024,
            write_timeout: Duration::from_secs(10),
        }
    }
}

/// Why the API does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// It could not be started.
    #[error("could not start the API: {0}")]
    Start(#[from] io::Error),
    /// A defect of ours.
    #[error("the API panicked: {0}")]
    Panicked(String),
}

/// The running API. Dropping it ends it without waiting for clients.
#[derive(Debug)]
pub struct ApiServer {
    stop: watch::Sender<Option<Duration>>,
    ended: oneshot::Receiver<Result<(), ApiError>>,
    thread: Option<JoinHandle<()>>,
}

/// Serves what the daemon shows on a listener that is non-blocking already.
pub fn serve(listener: UnixListener, views: Views, terminals: Access, limits: Limits) -> Result<ApiServer, ApiError> {
    let (stop, stop_receiver) = watch::channel(None);
    let (ended_sender, ended) = oneshot::channel();
    // First the thread: a runtime that was made for one that can't be had must not be dropped by a task.
    let (start, started) = std::sync::mpsc::channel::<(tokio::runtime::Runtime, Acceptor)>();
    let thread = std::thread::Builder::new().name("api".into()).spawn(move || {
        let Ok((runtime, listener)) = started.recv() else { return };
        let router = routes::Router::new(views, terminals, limits, stop_receiver.clone());
        let server = server::Server::new(listener, router, limits, stop_receiver);
        let result = tokio::task::LocalSet::new().block_on(&runtime, server.run());
        // Nobody listens any more if the daemon is on its way out.
        let _ = ended_sender.send(result);
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    let listener = {
        let _entered = runtime.enter();
        Acceptor::new(listener)
    };
    match listener {
        Ok(listener) => drop(start.send((runtime, listener))),
        Err(error) => {
            runtime.shutdown_background();
            return Err(error.into());
        }
    }
    Ok(ApiServer { stop, ended, thread: Some(thread) })
}

impl ApiServer {
    /// Waits for the API to fail; it never does on its own. May be dropped and called again.
    pub async fn failed(&mut self) -> ApiError {
        match (&mut self.ended).await {
            Ok(Err(error)) => error,
            Ok(Ok(())) | Err(_) => ApiError::Panicked(self.join()),
        }
    }

    /// Ends it: what is being answered is answered, for as long as `grace` lasts.
    pub async fn shutdown(mut self, grace: Duration) -> Result<(), ApiError> {
        self.stop.send_replace(Some(grace));
        match (&mut self.ended).await {
            Ok(result) => {
                self.join();
                result
            }
            Err(_) => Err(ApiError::Panicked(self.join())),
        }
    }

    /// What the thread panicked with. The thread is at its end, so this doesn't block for long.
    fn join(&mut self) -> String {
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(payload)) => payload_text(payload.as_ref()),
            Some(Ok(())) | None => "it ended without being asked to".into(),
        }
    }
}

/// Tells this daemon from an earlier one, in what clients keep.
fn instance(snapshot: &Snapshot) -> String {
    format!("{:x}", snapshot.started.wall.0)
}

/// The message of a panic.
fn payload_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").to_owned()
}
