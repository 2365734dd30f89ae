//! Bytes on a connection of the API: whatever comes, the answer is HTTP, and the next client is answered.
#![no_main]

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use agentd::api::{ApiServer, Limits, serve};
use agentd::model::{AgentName, SessionName, State};
use agentd::status::{AgentStatus, Publisher, Snapshot};
use agentd::sys::tmux::capture::Access;
use libfuzzer_sys::fuzz_target;

/// A server that runs for as long as this process.
struct Served {
    path: PathBuf,
    _server: ApiServer,
    _publisher: Publisher,
    _dir: tempfile::TempDir,
}

static SERVED: LazyLock<Served> = LazyLock::new(|| {
    // As in every Rust program, which this isn't quite: its main is libFuzzer's.
    // SAFETY: integers only.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("api.sock");
    let listener = UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    let (name, session) = (AgentName::new("reviewer").unwrap(), SessionName::new("reviewer").unwrap());
    let agent = AgentStatus { pid: Some(7), ..AgentStatus::new(name, session, "custom", State::Running) };
    let snapshot = Snapshot { revision: 1, agents: vec![Arc::new(agent)], ..Snapshot::default() };
    let (publisher, views) = Publisher::new(snapshot);
    let nowhere = Access { tmux: "/nonexistent".into(), socket: "/nonexistent".into(), user: None };
    let limits = Limits { head_timeout: Duration::from_millis(200), ..Limits::default() };
    let server = serve(listener, views, nowhere, limits).unwrap();
    Served { path, _server: server, _publisher: publisher, _dir: dir }
});

fn answer(bytes: &[u8], is_all: bool, patience: Duration) -> Vec<u8> {
    let mut client = UnixStream::connect(&SERVED.path).unwrap();
    client.set_read_timeout(Some(patience)).unwrap();
    client.set_write_timeout(Some(patience)).unwrap();
    // It may have closed already, or hold the request: both are answers.
    let _ = client.write_all(bytes);
    if is_all {
        let _ = client.shutdown(Shutdown::Write);
    }
    let mut answer = Vec::new();
    let _ = client.read_to_end(&mut answer);
    answer
}

fuzz_target!(|bytes: &[u8]| {
    let first = answer(bytes, true, Duration::from_millis(20));
    assert!(first.is_empty() || first.starts_with(b"HTTP/1."), "{:?}", String::from_utf8_lossy(&first));
    let polite = answer(b"GET /v1/health HTTP/1.0\r\n\r\n", false, Duration::from_secs(5));
    assert!(polite.starts_with(b"HTTP/1.0 200"), "{:?}", String::from_utf8_lossy(&polite));
});
