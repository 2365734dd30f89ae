//! The API when the process has no file descriptors left. Alone in its binary: the limit is the whole process's.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on fails")]

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use agentd::api::{Limits, serve};
use agentd::status::{Publisher, Snapshot};
use agentd::sys::tmux::capture::Access;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};

#[test]
fn polite_clients_are_answered_without_a_free_descriptor() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("api.sock");
    let listener = UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    let (_publisher, views) = Publisher::new(Snapshot::default());
    let _server = serve(listener, views, terminals(), Limits::default()).unwrap();

    // Made beforehand: these need no descriptor when they connect.
    let address = UnixAddr::new(&path).unwrap();
    let new = || socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    let clients: Vec<OwnedFd> = (0..24).map(|_| new()).collect();
    let send = |client: OwnedFd| {
        connect(client.as_raw_fd(), &address).unwrap();
        let mut stream = UnixStream::from(client);
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(b"GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        stream
    };
    let read = |mut stream: UnixStream| {
        let mut start = [0; 15];
        stream.read_exact(&mut start).unwrap();
        assert_eq!(&start, b"HTTP/1.1 200 OK");
        stream
    };
    let mut clients = clients.into_iter();
    // Also says that the server has started and made its reserve.
    drop(read(send(clients.next().unwrap())));

    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 128.min(soft), hard).unwrap();
    let mut fillers = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        fillers.push(file);
    }

    // All stay open: the second can be answered only in place of the first.
    let mut open: Vec<_> = clients.by_ref().take(12).map(|client| read(send(client))).collect();
    // At once: each is answered before it makes way for the next.
    let asked: Vec<_> = clients.map(send).collect();
    open.extend(asked.into_iter().map(read));
    assert_eq!(open.len(), 23);

    drop(fillers);
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
    drop(read(send(new())));
}

fn terminals() -> Access {
    Access { tmux: "tmux".into(), socket: "/nonexistent".into(), user: None }
}
