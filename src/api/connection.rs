//! One connection: HTTP/1.1, from accept to close.

use std::convert::Infallible;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use hyper::Request;
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::UnixStream;
use tokio::sync::watch;

use super::Limits;
use super::activity::Activity;
use super::body::Counted;
use super::declared::Peer;
use super::routes::Router;
use super::stream::Stream;

/// hyper refuses to work with less.
const MIN_HEAD_BYTES: usize = 8 * 1024;

/// Serves one connection until either side closes it, a limit is passed, or `stop` says so and the answer under way
/// has been sent. It is dropped to close it at once.
pub(super) async fn run(
    stream: UnixStream,
    router: Rc<Router>,
    activity: Activity,
    limits: Limits,
    mut stop: watch::Receiver<Option<Duration>>,
) {
    let peer = Peer::of(&stream);
    let stream = TokioIo::new(Stream::new(stream, activity.clone(), limits.write_timeout));
    let service = service_fn(|request: Request<Incoming>| {
        let answering = activity.begin();
        let router = &router;
        async move {
            let brings_body = !request.body().is_end_stream();
            let (mut parts, _unread) = request.into_parts();
            parts.extensions.insert(peer);
            let mut response = router.answer(&parts).await;
            if brings_body {
                // What stays unread would be taken for the next request.
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response.map(|body| Counted { body, _answering: answering }))
        }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_timeout)
            .max_buf_size(limits.max_head_bytes.max(MIN_HEAD_BYTES))
            .serve_connection(stream, service)
    );
    let result = tokio::select! {
        result = connection.as_mut() => result,
        _ = stop.wait_for(Option::is_some) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        // A client's doing, and none of the operator's business.
        tracing::trace!(%error, "a connection of the API ended early");
    }
}
