//! Which answer belongs to which request. Everything can be read and nothing changed; a request's body is never read.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{ALLOW, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use tokio::sync::watch;

use super::declared::{Peer, Teller};
use super::held::Held;
use super::openapi::Document;
use super::output::Terminals;
use super::query::{BadQuery, Query};
use super::render::{Renderer, find};
use super::respond::{self, Answer};
use super::usage::Meter;
use super::{Limits, conditional, events, metrics, output, usage, wire};
use crate::status::{Snapshot, Views};
use crate::sys::clock;
use crate::sys::tmux::capture::Access;

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
enum Route<'a> {
    Health,
    Agents,
    Declared,
    Agent(Cow<'a, str>),
    Output(Cow<'a, str>),
    Events,
    OpenApi,
    Usage,
    Metrics,
    /// A path below `/v1/agents/` that can't be a name.
    NoSuchAgent,
    Unknown,
    MethodNotAllowed,
}

/// All that can be asked for, sorted.
#[cfg(test)]
pub(super) const PATHS: [&str; 9] = [
    "/metrics",
    "/v1/agents",
    "/v1/agents/{name}",
    "/v1/agents/{name}/output",
    "/v1/declared",
    "/v1/events",
    "/v1/health",
    "/v1/openapi.json",
    "/v1/usage",
];

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
            "/v1/events" => Self::Events,
            "/v1/openapi.json" => Self::OpenApi,
            "/v1/usage" => Self::Usage,
            "/metrics" => Self::Metrics,
            _ => match path.strip_prefix("/v1/agents/").map(|rest| rest.split_once('/').unwrap_or((rest, ""))) {
                Some((name, rest)) if !name.is_empty() => {
                    let name = percent_decode_str(name).decode_utf8();
                    match (name, rest, path.ends_with('/')) {
                        (Ok(name), "", false) => Self::Agent(name),
                        (Ok(name), "output", false) => Self::Output(name),
                        (Err(_), "" | "output", false) => Self::NoSuchAgent,
                        (Ok(_) | Err(_), _, _) => Self::Unknown,
                    }
                }
                Some(_) | None => Self::Unknown,
            },
        }
    }
}

/// Answers requests, as of the latest snapshot.
pub(super) struct Router {
    pub(super) views: Views,
    pub(super) renderer: Renderer,
    pub(super) terminals: Terminals,
    description: Document,
    pub(super) meter: Meter,
    pub(super) held: Held,
    looking: Held,
    pub(super) teller: Teller,
    pub(super) stop: watch::Receiver<Option<Duration>>,
}

impl Router {
    pub(super) fn new(views: Views, access: Access, limits: Limits, stop: watch::Receiver<Option<Duration>>) -> Self {
        let (held, looking) = (Held::new(limits.max_held), Held::new(limits.max_looking));
        let (renderer, terminals, description) = (Renderer::default(), Terminals::new(access), Document::default());
        let (meter, teller) = (Meter::default(), Teller::default());
        Self { views, renderer, terminals, description, meter, held, looking, teller, stop }
    }

    /// The latest snapshot, not borrowed: the event loop publishes through the same lock.
    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.views.snapshots.borrow())
    }

    /// What was taken, as far as this peer may know.
    fn declared(&self, peer: Option<&Peer>) -> Answer {
        let desired = self.views.declared.borrow().clone();
        match self.teller.tell(desired.as_deref(), peer.copied()) {
            Ok(body) => respond::json(body),
            Err(error) => respond::error(StatusCode::SERVICE_UNAVAILABLE, &format!("there is no salt: {error}")),
        }
    }

    /// Has an answer made that takes its time, if not too many wait for such a one already.
    async fn look(&self, answer: impl Future<Output = Result<Answer, BadQuery>>) -> Result<Answer, BadQuery> {
        match self.looking.take() {
            Some(_looks) => answer.await,
            None => Ok(respond::error(StatusCode::SERVICE_UNAVAILABLE, "too many clients look at the agents")),
        }
    }

    /// Answers a request, whose body is never read.
    pub(super) async fn answer(&self, request: &Parts) -> Answer {
        let query = Query::new(request.uri.query());
        let answer = match Route::of(&request.method, request.uri.path()) {
            Route::Health => Ok(respond::json(self.renderer.health(&self.snapshot(), clock::now()))),
            Route::Agents => conditional::agents(self, &query, &request.headers).await,
            Route::Agent(name) => Ok(match find(&self.snapshot(), &name) {
                Some(agent) => respond::json(wire::agent(agent)),
                None => respond::no_such_agent(),
            }),
            Route::Declared => Ok(self.declared(request.extensions.get())),
            Route::Output(name) => self.look(output::output(self, &name, &query)).await,
            Route::Events => events::follow(self, &query, &request.headers),
            Route::Usage => self.look(async { Ok(usage::answer(&self.meter, &self.snapshot()).await) }).await,
            Route::Metrics => self.look(async { Ok(metrics::answer(self, &request.headers).await) }).await,
            Route::OpenApi => Ok(respond::json(self.description.bytes())),
            Route::NoSuchAgent => Ok(respond::no_such_agent()),
            Route::Unknown => Ok(respond::error(StatusCode::NOT_FOUND, "not found")),
            Route::MethodNotAllowed => {
                let mut response = respond::error(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
                response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
                Ok(response)
            }
        };
        answer.unwrap_or_else(|BadQuery(sentence)| respond::error(StatusCode::BAD_REQUEST, &sentence))
    }
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
        assert_eq!(get("/v1/agents/a%2Fb/output"), Route::Output("a/b".into()));
        assert_eq!(get("/v1/agents/%ff/output"), Route::NoSuchAgent);
        assert_eq!(get("/v1/events"), Route::Events);
        for path in [
            "/",
            "*",
            "/v1",
            "/v1/",
            "/v1/health/",
            "/v1/agents/",
            "/v1/agents/a/",
            "/v1/agents/a/b",
            "/v1/agents//output",
            "/v1/agents/a/output/",
            "/V1/agents",
        ] {
            assert_eq!(get(path), Route::Unknown, "{path}");
        }
    }

    /// A path that leads there; none to errors.
    fn path_of(route: &Route) -> Option<&'static str> {
        match route {
            Route::Health => Some("/v1/health"),
            Route::Agents => Some("/v1/agents"),
            Route::Agent(_) => Some("/v1/agents/{name}"),
            Route::Output(_) => Some("/v1/agents/{name}/output"),
            Route::Declared => Some("/v1/declared"),
            Route::Events => Some("/v1/events"),
            Route::Usage => Some("/v1/usage"),
            Route::Metrics => Some("/metrics"),
            Route::OpenApi => Some("/v1/openapi.json"),
            Route::NoSuchAgent | Route::Unknown | Route::MethodNotAllowed => None,
        }
    }

    #[test]
    fn every_path_leads_to_what_it_is_called() {
        for path in PATHS {
            assert_eq!(path_of(&get(&path.replace("{name}", "a"))), Some(path));
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
