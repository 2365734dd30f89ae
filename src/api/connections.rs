//! Connections: how many, how long, and who goes when there are too many.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet, LocalSet};

use super::routes::Routes;
use crate::model::Mono;
use crate::status::Snapshot;
use crate::sys::clock;
use http_body_util::Full;

/// Connections at once. One more takes the place of the one that asked longest ago.
const MOST: usize = 512;

/// A request's head must be complete within this time; it is also how long a connection may say nothing.
const HEAD_WITHIN: Duration = Duration::from_secs(30);

/// The longest head, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;

/// A connection's last sign of life, and the way to end it.
struct Connection {
    asked: Rc<Cell<Mono>>,
    task: AbortHandle,
}

/// Accepts for ever; the answer is why it can't.
pub(super) async fn serve(
    listener: std::os::unix::net::UnixListener,
    snapshots: watch::Receiver<Arc<Snapshot>>,
) -> io::Error {
    let listener = match UnixListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return error,
    };
    LocalSet::new().run_until(accept(listener, Rc::new(Routes::new(snapshots)))).await
}

async fn accept(listener: UnixListener, routes: Rc<Routes>) -> io::Error {
    let mut tasks: JoinSet<u64> = JoinSet::new();
    let mut open: BTreeMap<u64, Connection> = BTreeMap::new();
    let mut last = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    if open.len() >= MOST {
                        end_quietest(&mut open);
                    }
                    last += 1;
                    let (id, asked) = (last, Rc::new(Cell::new(clock::now().mono)));
                    let connection = answer(stream, routes.clone(), asked.clone());
                    let task = tasks.spawn_local(async move {
                        connection.await;
                        id
                    });
                    open.insert(id, Connection { asked, task });
                }
                Err(error) if is_shortage(&error) => {
                    // A descriptor is the price of each connection: the quietest pays, and the next one gets it.
                    if !end_quietest(&mut open) {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
                Err(error) if is_the_peers(&error) => {}
                Err(error) => return error,
            },
            Some(ended) = tasks.join_next() => {
                // One that was aborted is out of the map already.
                if let Ok(id) = ended {
                    open.remove(&id);
                }
            }
        }
    }
}

/// Ends the connection that asked longest ago. False if there is none.
fn end_quietest(open: &mut BTreeMap<u64, Connection>) -> bool {
    let quietest = open.iter().min_by_key(|(_, connection)| connection.asked.get()).map(|(id, _)| *id);
    quietest.and_then(|id| open.remove(&id)).map(|connection| connection.task.abort()).is_some()
}

fn is_shortage(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}

fn is_the_peers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

/// One connection. What goes wrong on it is its client's affair.
async fn answer(stream: UnixStream, routes: Rc<Routes>, asked: Rc<Cell<Mono>>) {
    let service = service_fn(|request: Request<Incoming>| {
        asked.set(clock::now().mono);
        let response: Response<Full<Bytes>> = routes.answer(request.method(), request.uri());
        async move { Ok::<_, Infallible>(response) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(LONGEST_HEAD)
        .pipeline_flush(true)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to the API ended badly");
    }
}
