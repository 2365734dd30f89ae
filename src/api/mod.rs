//! The read-only API: HTTP/1.1 and JSON on a Unix socket.
//!
//! It runs in a thread of its own and knows of the daemon only the newest [`Snapshot`]: no client, however slow,
//! silent or many, can hold up the event loop. It changes nothing, and shows no values of secrets: snapshots have none.

mod connections;
mod routes;
mod wire;

use std::io;
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use tokio::sync::{oneshot, watch};

use crate::status::Snapshot;

/// The running API. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    stop: Option<oneshot::Sender<()>>,
    ended: oneshot::Receiver<()>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    /// Serves the newest snapshot on a listener that is bound, until [`Server::stop`].
    pub fn start(listener: UnixListener, snapshots: watch::Receiver<Arc<Snapshot>>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new().name("api".into()).spawn(move || {
            // Dropped at a panic too, which is how the daemon hears of it.
            let _end = end;
            runtime.block_on(async {
                tokio::select! {
                    error = connections::serve(listener, snapshots) => {
                        tracing::error!(%error, "the API ended");
                    }
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { stop: Some(stop), ended, thread: Some(thread) })
    }

    /// Waits until the API ends without having been asked to. Cancel-safe.
    pub async fn failed(&mut self) -> String {
        // The sender sends nothing; it is dropped.
        let _ = (&mut self.ended).await;
        "the API's thread".to_owned()
    }

    /// Ends every connection and the thread.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some(stop) = self.stop.take() {
            // A thread that has ended already doesn't hear it.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            // A panic was reported through `failed`.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}
