//! One connection: HTTP/1.1, from accept to close.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::Full;
use hyper::Request;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::UnixStream;
use tokio::sync::watch;

use super::Limits;
use super::activity::{Activity, Answering};
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
        let brings_body = !request.body().is_end_stream();
        let response = router.answer(request.method(), request.uri().path(), brings_body, peer);
        std::future::ready(Ok::<_, Infallible>(response.map(|bytes| Answer::new(bytes, answering))))
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

/// The body of an answer. The request counts as being answered until hyper has taken all of it.
struct Answer {
    body: Full<Bytes>,
    _answering: Answering,
}

impl Answer {
    fn new(bytes: Bytes, answering: Answering) -> Self {
        Self { body: Full::new(bytes), _answering: answering }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
