//! Clients that are slow, silent, rude or many don't keep a polite one from its answer.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use agentd::api::Limits;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::support::{Api, PATIENCE, block_on};

/// Short enough for a test to wait for, where a limit is what it waits for.
const SHORT: Duration = Duration::from_millis(100);

#[test]
fn silent_connections_make_way() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    let api = Api::with(&["a"]);
    let mut polite = api.connect();
    assert_eq!(polite.get("/v1/health").status, 200);
    let silent: Vec<_> = (0..600).map(|_| api.connect()).collect();
    // The first ones are gone, the last ones are still there, and a new one is answered.
    for client in silent.into_iter().take(80) {
        assert_eq!(client.read_to_end(), b"");
    }
    assert_eq!(api.get("/v1/health").status, 200);
}

#[test]
fn the_connection_that_was_used_last_stays() {
    let api = Api::start(&["a"], Limits { max_connections: 8, ..Limits::default() });
    let mut used = api.connect();
    for _ in 0..50 {
        assert_eq!(used.get("/v1/health").status, 200);
        let _silent = api.connect();
    }
    assert_eq!(used.get("/v1/health").status, 200);
}

#[test]
fn one_connection_is_enough_of_a_limit_to_answer() {
    let api = Api::start(&["a"], Limits { max_connections: 1, ..Limits::default() });
    let silent = api.connect();
    assert_eq!(api.get("/v1/health").status, 200);
    assert_eq!(silent.read_to_end(), b"");
}

#[test]
fn of_many_that_come_at_once_each_is_answered_before_it_makes_way() {
    let api = Api::start(&["a"], Limits { max_connections: 2, ..Limits::default() });
    let asked: Vec<_> = (0..100)
        .map(|_| {
            let mut client = api.connect();
            client.send("GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n");
            client
        })
        .collect();
    for mut client in asked {
        assert_eq!(client.read_response().status, 200);
    }
}

#[test]
fn who_asks_for_what_takes_its_time_leaves_room_for_others() {
    let limits = Limits { max_connections: 3, max_held: 1, max_looking: 1, ..Limits::default() };
    let api = Api::start(&["a"], limits);
    // The first measurement takes a while; nobody else gets to wait for it.
    let mut looking: Vec<_> = (0..6).map(|_| api.connect()).collect();
    for client in &mut looking {
        client.send("GET /v1/usage HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    assert_eq!(api.get("/v1/health").status, 200);
    for mut client in looking {
        assert!([200, 503].contains(&client.read_response().status));
    }
}

#[test]
fn a_half_sent_head_and_an_idle_connection_end_by_the_limit() {
    let api = Api::start(&["a"], Limits { head_timeout: SHORT, ..Limits::default() });
    let mut half = api.connect();
    half.send("GET /v1/health HT");
    let mut idle = api.connect();
    assert_eq!(idle.get("/v1/health").status, 200);
    let silent = api.connect();
    for client in [half, idle, silent] {
        assert_eq!(client.read_to_end(), b"");
    }
    assert_eq!(api.get("/v1/health").status, 200);
}

#[test]
fn a_head_in_pieces_is_answered() {
    let api = Api::with(&["a"]);
    let mut client = api.connect();
    for byte in b"GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n" {
        client.send([*byte]);
    }
    assert_eq!(client.read_response().status, 200);
}

#[test]
fn a_head_that_is_too_long_is_refused() {
    let api = Api::with(&["a"]);
    let mut client = api.connect();
    client.send("GET /v1/health HTTP/1.1\r\nX: ");
    // The server answers and closes in the middle of this.
    let _ = client.stream.write_all(&vec![b'x'; 1024 * 1024]);
    assert!(client.read_to_end().starts_with(b"HTTP/1.1 431 "));
    let mut client = api.connect();
    client.send(format!("GET /v1/health HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(15 * 1024)));
    assert_eq!(client.read_response().status, 200);
}

#[test]
fn bytes_that_are_no_request_are_refused() {
    let api = Api::with(&["a"]);
    for bytes in [&b"\x16\x03\x01\x02\x00\x01\x00"[..], b"hello\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"] {
        let mut client = api.connect();
        client.send(bytes);
        assert!(client.read_to_end().starts_with(b"HTTP/1.1 400 "), "{bytes:?}");
    }
}

#[test]
fn a_body_is_never_read_and_ends_the_connection_after_the_answer() {
    let api = Api::with(&["a"]);
    for (method, status) in [("GET", "200"), ("POST", "405")] {
        let mut client = api.connect();
        client.send(format!("{method} /v1/health HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n"));
        let _ = client.stream.write_all(&vec![b'x'; 10_000_000]);
        let answer = String::from_utf8(client.read_to_end()).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
    }
}

/// Requests until the server takes no more, without reading one answer.
fn stuff(api: &Api) -> UnixStream {
    let mut stream = UnixStream::connect(&api.path).unwrap();
    stream.set_write_timeout(Some(SHORT)).unwrap();
    while stream.write_all("GET /v1/agents HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100).as_bytes()).is_ok() {}
    stream
}

#[test]
fn a_client_that_does_not_read_is_dropped() {
    let api = Api::start(&["a"], Limits { write_timeout: SHORT, ..Limits::default() });
    let mut stuck = stuff(&api);
    let mut hung_up = [PollFd::new(stuck.as_fd(), PollFlags::empty())];
    poll(&mut hung_up, PollTimeout::try_from(PATIENCE).unwrap()).unwrap();
    assert!(hung_up[0].revents().unwrap().contains(PollFlags::POLLHUP));
    // What was sent before the end is still there to be read, and then there is the end.
    let mut answers = Vec::new();
    if let Err(error) = stuck.read_to_end(&mut answers) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    assert!(answers.starts_with(b"HTTP/1.1 200 OK"));
    assert_eq!(api.get("/v1/health").status, 200);
}

#[test]
fn clients_that_do_not_read_make_way_too() {
    let api = Api::start(&["a"], Limits { max_connections: 2, ..Limits::default() });
    let _stuck = [stuff(&api), stuff(&api)];
    assert_eq!(api.get("/v1/health").status, 200);
}

#[test]
fn shutdown_closes_idle_connections_and_does_not_wait_for_stuck_ones() {
    let api = Api::with(&["a"]);
    let mut used = api.connect();
    assert_eq!(used.get("/v1/health").status, 200);
    let silent = api.connect();
    let stuck = stuff(&api);
    block_on(api.server.shutdown(SHORT)).unwrap();
    assert_eq!(used.read_to_end(), b"");
    assert_eq!(silent.read_to_end(), b"");
    drop(stuck);
    assert!(UnixStream::connect(&api.path).is_err());
}

#[test]
fn dropping_the_server_ends_it() {
    let api = Api::with(&["a"]);
    let client = api.connect();
    drop(api.server);
    assert_eq!(client.read_to_end(), b"");
}
