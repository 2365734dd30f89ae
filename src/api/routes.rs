//! Which path is answered with what.

use std::cell::RefCell;
use std::sync::Arc;

use hyper::body::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode, Uri};
use tokio::sync::watch;

use super::wire;
use crate::status::{AgentStatus, Snapshot};
use crate::sys::clock;
use http_body_util::Full;

/// All answers. Bodies are made when somebody asks, once for each state of what they show.
pub(super) struct Routes {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    made: RefCell<Made>,
}

/// What has been made of the newest snapshot that somebody asked for.
#[derive(Default)]
struct Made {
    revision: Option<u64>,
    agents: Vec<Fragment>,
    list: Option<Bytes>,
}

/// One agent's JSON, with the status that it shows.
struct Fragment {
    status: Arc<AgentStatus>,
    folded: String,
    json: Option<Bytes>,
}

impl Fragment {
    fn new(status: &Arc<AgentStatus>) -> Self {
        Self { status: status.clone(), folded: fold(status.name.as_str()), json: None }
    }

    fn json(&mut self) -> Bytes {
        self.json.get_or_insert_with(|| wire::agent(&self.status)).clone()
    }
}

/// Names that differ in case only are one name.
fn fold(name: &str) -> String {
    name.to_lowercase()
}

impl Made {
    /// Takes over what is still true.
    fn update(&mut self, snapshot: &Snapshot) {
        if self.revision == Some(snapshot.revision) {
            return;
        }
        let mut old = std::mem::take(&mut self.agents).into_iter().peekable();
        self.agents = snapshot
            .agents
            .iter()
            .map(|status| {
                while old.next_if(|fragment| fragment.status.name < status.name).is_some() {}
                let kept = old.next_if(|fragment| fragment.status.name == status.name);
                kept.filter(|fragment| Arc::ptr_eq(&fragment.status, status)).unwrap_or_else(|| Fragment::new(status))
            })
            .collect();
        self.list = None;
        self.revision = Some(snapshot.revision);
    }

    fn list(&mut self) -> Bytes {
        if let Some(list) = &self.list {
            return list.clone();
        }
        let fragments: Vec<Bytes> = self.agents.iter_mut().map(Fragment::json).collect();
        let list = wire::list(&fragments);
        self.list = Some(list.clone());
        list
    }

    fn agent(&mut self, name: &str) -> Option<Bytes> {
        let folded = fold(name);
        self.agents.iter_mut().find(|fragment| fragment.folded == folded).map(Fragment::json)
    }
}

impl Routes {
    pub(super) fn new(snapshots: watch::Receiver<Arc<Snapshot>>) -> Self {
        Self { snapshots, made: RefCell::new(Made::default()) }
    }

    /// Answers one request. It never waits.
    pub(super) fn answer(&self, method: &Method, uri: &Uri) -> Response<Full<Bytes>> {
        let (status, body) = match *method {
            Method::GET | Method::HEAD => self.find(uri.path()),
            _ => (StatusCode::METHOD_NOT_ALLOWED, wire::error("method not allowed: this API only reads")),
        };
        let length = body.len();
        let mut response = Response::new(if *method == Method::HEAD { Full::default() } else { Full::new(body) });
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        response
    }

    fn find(&self, path: &str) -> (StatusCode, Bytes) {
        let snapshot = self.snapshots.borrow().clone();
        let mut made = self.made.borrow_mut();
        let found = match path {
            "/v1/health" => Some(wire::health(&snapshot, clock::now())),
            "/v1/agents" => {
                made.update(&snapshot);
                Some(made.list())
            }
            _ => match path.strip_prefix("/v1/agents/") {
                Some(name) if !name.is_empty() => {
                    made.update(&snapshot);
                    let found = percent_decode(name).and_then(|name| made.agent(&name));
                    return match found {
                        Some(body) => (StatusCode::OK, body),
                        None => (StatusCode::NOT_FOUND, wire::error("agent not found")),
                    };
                }
                Some(_) | None => None,
            },
        };
        match found {
            Some(body) => (StatusCode::OK, body),
            None => (StatusCode::NOT_FOUND, wire::error("not found")),
        }
    }
}

/// `%41` is `A`. None if it isn't UTF-8 in the end; a `%` that starts no pair of digits stands for itself.
fn percent_decode(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).filter(|_| *byte == b'%');
        let value = digits.and_then(|digits| std::str::from_utf8(digits).ok()).filter(|d| !d.starts_with('+'));
        if let Some(value) = value.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            decoded.push(value);
            at += 3;
        } else {
            decoded.push(*byte);
            at += 1;
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_signs_are_decoded_where_they_mean_something() {
        for (text, decoded) in [("a%20b", "a b"), ("%c3%a9", "é"), ("100%", "100%"), ("%zz", "%zz"), ("%+1", "%+1")] {
            assert_eq!(percent_decode(text).as_deref(), Some(decoded), "{text}");
        }
        assert_eq!(percent_decode("%ff"), None);
    }
}
