//! Answers, from a body to a response.

use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};

use super::body::Body;
use super::wire;

pub(super) type Answer = Response<Body>;

/// JSON that is true now.
pub(super) fn json(body: Bytes) -> Answer {
    typed("application/json", body)
}

/// A body of some type that is true now.
pub(super) fn typed(content_type: &'static str, body: impl Into<Body>) -> Answer {
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Why there is no answer.
pub(super) fn error(status: StatusCode, sentence: &str) -> Answer {
    let mut response = json(wire::error(sentence));
    *response.status_mut() = status;
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// No agent is called that.
pub(super) fn no_such_agent() -> Answer {
    error(StatusCode::NOT_FOUND, "agent not found")
}

/// What the client has is what there is.
pub(super) fn not_modified(tag: &HeaderValue) -> Answer {
    let mut response = Response::new(Bytes::new().into());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    tagged(response, tag)
}

/// May be kept, if it is asked for again whether it is still true.
pub(super) fn tagged(mut response: Answer, tag: &HeaderValue) -> Answer {
    response.headers_mut().insert(ETAG, tag.clone());
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
