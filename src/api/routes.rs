//! Which answer belongs to which request. Everything can be read and nothing changed; a request's body is never read.

use std::borrow::Cow;
use std::sync::Arc;

use hyper::body::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode};
use percent_encoding::percent_decode_str;

use super::declared::{Peer, Teller};
use super::render::{Renderer, find};
use super::wire;
use crate::status::Views;
use crate::sys::clock;

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
enum Route<'a> {
    Health,
    Agents,
    Declared,
    Agent(Cow<'a, str>),
    /// A path below `/v1/agents/` that can't be a name.
    NoSuchAgent,
    Unknown,
    MethodNotAllowed,
}

impl<'a> Route<'a> {
    /// A trailing slash makes another path, which is unknown. The query is no part of `path`.
    fn of(method: &Method, path: &'a str) -> Self {
        if method != Method::GET && method != Method::HEAD {
            return Self::MethodNotAllowed;
        }
        match path {
            "/v1/health" => Self::Health,
            "/v1/agents" => Self::Agents,
            "/v1/declared" => Self::Declared,
            _ => match path.strip_prefix("/v1/agents/") {
                Some(name) if !name.is_empty() && !name.contains('/') => {
                    percent_decode_str(name).decode_utf8().map_or(Self::NoSuchAgent, Self::Agent)
                }
                Some(_) | None => Self::Unknown,
            },
        }
    }
}

/// The answers, as of the latest snapshot.
pub(super) struct Router {
    views: Views,
    renderer: Renderer,
    teller: Teller,
}

impl Router {
    pub(super) fn new(views: Views) -> Self {
        Self { views, renderer: Renderer::default(), teller: Teller::default() }
    }

    /// Answers a request. One that brings a body is answered too, and its connection closed, as the body stays unread.
    pub(super) fn answer(&self, method: &Method, path: &str, brings_body: bool, peer: Peer) -> Response<Bytes> {
        // Not held while a body is made: the event loop publishes through the same lock.
        let snapshot = Arc::clone(&self.views.snapshots.borrow());
        let mut response = match Route::of(method, path) {
            Route::Health => json(StatusCode::OK, self.renderer.health(&snapshot, clock::now())),
            Route::Agents => json(StatusCode::OK, self.renderer.agents(&snapshot)),
            Route::Declared => self.declared(peer),
            Route::Agent(name) => match find(&snapshot, &name) {
                Some(agent) => json(StatusCode::OK, wire::agent(agent)),
                None => no_such_agent(),
            },
            Route::NoSuchAgent => no_such_agent(),
            Route::Unknown => json(StatusCode::NOT_FOUND, wire::error("not found")),
            Route::MethodNotAllowed => {
                let mut response = json(StatusCode::METHOD_NOT_ALLOWED, wire::error("method not allowed"));
                response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
                response
            }
        };
        if brings_body {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl Router {
    fn declared(&self, peer: Peer) -> Response<Bytes> {
        let desired = self.views.declared.borrow().clone();
        match self.teller.tell(desired.as_deref(), peer) {
            Ok(body) => json(StatusCode::OK, body),
            Err(error) => json(StatusCode::SERVICE_UNAVAILABLE, wire::error(&format!("there is no salt: {error}"))),
        }
    }
}

fn no_such_agent() -> Response<Bytes> {
    json(StatusCode::NOT_FOUND, wire::error("agent not found"))
}

fn json(status: StatusCode, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str) -> Route<'_> {
        Route::of(&Method::GET, path)
    }

    #[test]
    fn paths_lead_where_they_should() {
        assert_eq!(get("/v1/health"), Route::Health);
        assert_eq!(get("/v1/agents"), Route::Agents);
        assert_eq!(get("/v1/agents/a"), Route::Agent("a".into()));
        assert_eq!(get("/v1/agents/a%20b%2Fc%C3%A4"), Route::Agent("a b/cä".into()));
        assert_eq!(get("/v1/agents/100%"), Route::Agent("100%".into()));
        assert_eq!(get("/v1/agents/%ff"), Route::NoSuchAgent);
        for path in
            ["/", "*", "/v1", "/v1/", "/v1/health/", "/v1/agents/", "/v1/agents/a/", "/v1/agents/a/b", "/V1/agents"]
        {
            assert_eq!(get(path), Route::Unknown, "{path}");
        }
    }

    #[test]
    fn only_reading_is_allowed() {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS, Method::CONNECT] {
            assert_eq!(Route::of(&method, "/v1/agents"), Route::MethodNotAllowed, "{method}");
        }
        assert_eq!(Route::of(&Method::HEAD, "/v1/agents"), Route::Agents);
    }
}
