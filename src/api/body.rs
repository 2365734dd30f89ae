//! The body of an answer: all of it, or made as it happens.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body_util::Full;
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};

use super::activity::Answering;
use super::events::Follower;

/// The part of a body that comes next, and who makes the one after it; none at the end.
type Next = Pin<Box<dyn Future<Output = Option<(Bytes, Follower)>>>>;

/// The body of an answer.
pub(super) enum Body {
    Whole(Full<Bytes>),
    /// None at its end.
    Events(Option<Next>),
}

impl From<Follower> for Body {
    fn from(follower: Follower) -> Self {
        Self::Events(Some(Box::pin(follower.next())))
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(Full::new(bytes))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(cx),
            Self::Events(next) => {
                let Some(coming) = next else { return Poll::Ready(None) };
                let part = ready!(coming.as_mut().poll(cx));
                let (bytes, follower) = part.unzip();
                *next = follower.map(|follower| Box::pin(follower.next()) as _);
                Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Events(next) => next.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Events(_) => SizeHint::default(),
        }
    }
}

/// A body whose request counts as being answered until hyper has taken all of it.
pub(super) struct Counted {
    pub(super) body: Body,
    pub(super) _answering: Answering,
}

impl HttpBody for Counted {
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
