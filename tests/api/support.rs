//! A server with a snapshot that the test publishes, and a client that speaks bytes.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agentd::api::{ApiServer, Limits, serve};
use agentd::model::{AgentName, SessionName};
use agentd::status::{AgentStatus, Journal, PlanTimes, Snapshot, State, Views};
use agentd::sys::tmux::capture::Access;
use tempfile::TempDir;
use tokio::sync::watch;

/// Far more than anything takes, far less than anyone's patience.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Api {
    pub server: ApiServer,
    pub snapshots: watch::Sender<Arc<Snapshot>>,
    pub journal: watch::Sender<Journal>,
    pub path: PathBuf,
    _dir: TempDir,
}

impl Api {
    pub fn start(names: &[&str], limits: Limits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("api.sock");
        let listener = UnixListener::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (snapshots, latest) = watch::channel(Arc::new(snapshot(1, names)));
        let (journal, entries) = watch::channel(Journal::default());
        let ((_, declared), (_, plans)) = (watch::channel(None), watch::channel(PlanTimes::default()));
        let views = Views { snapshots: latest, journal: entries, declared, plans };
        let server = serve(listener, views, terminals(), limits).unwrap();
        Self { server, snapshots, journal, path, _dir: dir }
    }

    pub fn with(names: &[&str]) -> Self {
        Self::start(names, Limits::default())
    }

    pub fn connect(&self) -> Client {
        let stream = UnixStream::connect(&self.path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Client { stream, unread: Vec::new() }
    }

    /// One request on a connection of its own.
    pub fn get(&self, path: &str) -> Response {
        self.connect().get(path)
    }
}

pub fn snapshot(revision: u64, names: &[&str]) -> Snapshot {
    let agent = |name: &&str| {
        let (name, session) = (AgentName::new(name).unwrap(), SessionName::new("session").unwrap());
        Arc::new(AgentStatus { pid: Some(7), ..AgentStatus::new(name, session, "custom", State::Running) })
    };
    Snapshot { revision, agents: names.iter().map(agent).collect(), ..Snapshot::default() }
}

pub struct Client {
    pub stream: UnixStream,
    unread: Vec<u8>,
}

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Client {
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    pub fn get(&mut self, path: &str) -> Response {
        self.request("GET", path)
    }

    pub fn request(&mut self, method: &str, path: &str) -> Response {
        self.send(format!("{method} {path} HTTP/1.1\r\nHost: agentd\r\n\r\n"));
        if method == "HEAD" { self.read_head() } else { self.read_response() }
    }

    /// Up to the empty line, without a body.
    pub fn read_head(&mut self) -> Response {
        let end = loop {
            if let Some(at) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.read_more();
        };
        let head = String::from_utf8(self.unread.drain(..end).collect()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(key, value)| (key.to_lowercase(), value.to_owned()))
            .collect();
        Response { status, headers, body: String::new() }
    }

    pub fn read_response(&mut self) -> Response {
        let mut response = self.read_head();
        let length = response.header("content-length").unwrap().parse().unwrap();
        while self.unread.len() < length {
            self.read_more();
        }
        response.body = String::from_utf8(self.unread.drain(..length).collect()).unwrap();
        response
    }

    fn read_more(&mut self) {
        let mut buffer = [0; 4096];
        let count = self.stream.read(&mut buffer).unwrap();
        assert_ne!(count, 0, "closed in the middle of an answer");
        self.unread.extend_from_slice(&buffer[..count]);
    }

    /// A request with more headers, each with its line end; the head of what comes back.
    pub fn ask(&mut self, path: &str, headers: &str) -> Response {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: agentd\r\n{headers}\r\n"));
        self.read_head()
    }

    /// Reads until this has come; all that has come up to its end, taken.
    pub fn read_until(&mut self, part: &str) -> String {
        loop {
            let text = String::from_utf8_lossy(&self.unread).into_owned();
            if let Some(at) = text.find(part) {
                let end = at + part.len();
                self.unread.drain(..end);
                return text[..end].to_owned();
            }
            self.read_more();
        }
    }

    /// Waits until the server closes the connection; answers what it still sent.
    pub fn read_to_end(mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.unread);
        match self.stream.read_to_end(&mut rest) {
            Ok(_) => {}
            // A close with something of ours unread.
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}"),
        }
        rest
    }
}

/// Runs a future where the test has no runtime.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await.expect("took too long") })
}

fn terminals() -> Access {
    Access { tmux: "tmux".into(), socket: "/nonexistent".into(), user: None }
}
