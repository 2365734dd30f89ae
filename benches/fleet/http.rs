//! The API: a server that only has bytes to give, and a client that counts what it gets.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use crate::ground::now;

/// Serves as many bytes to whoever asks, with hyper, on one thread.
pub fn serve(socket: &Path, bytes: usize) {
    let body = Bytes::from(vec![b'x'; bytes]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let listener = UnixListener::bind(socket).unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::UnixListener::from_std(listener).unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let body = body.clone();
            tokio::task::spawn_local(async move {
                let answer = service_fn(|_: Request<Incoming>| {
                    let body = body.clone();
                    async { Ok::<_, std::convert::Infallible>(Response::new(Full::new(body))) }
                });
                let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    });
}

/// A connection that stays open.
pub struct Client {
    stream: UnixStream,
    buffer: Vec<u8>,
}

impl Client {
    /// Connects.
    pub fn new(socket: &Path) -> Option<Self> {
        let stream = UnixStream::connect(socket).ok()?;
        Some(Self { stream, buffer: vec![0; 1 << 20] })
    }

    /// Asks.
    pub fn send(&mut self, path: &str) {
        write!(self.stream, "GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    }

    /// The body of the answer.
    pub fn receive(&mut self) -> &[u8] {
        let mut filled = 0;
        loop {
            let count = self.stream.read(&mut self.buffer[filled..]).unwrap();
            assert!(count > 0, "the server closed the connection");
            filled += count;
            let found = &self.buffer[..filled];
            let Some(end) = found.windows(4).position(|part| part == b"\r\n\r\n") else { continue };
            let head = std::str::from_utf8(&found[..end]).unwrap();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            let whole = end + 4 + length.parse::<usize>().unwrap();
            if filled >= whole {
                return &self.buffer[end + 4..whole];
            }
        }
    }

    /// Asks and waits for the answer.
    pub fn get(&mut self, path: &str) -> &[u8] {
        self.send(path);
        self.receive()
    }
}

/// Requests for a second, each connection with one on its way: how many a second, and how long each took, nanoseconds.
pub fn load(socket: &Path, path: &str, connections: usize) -> (f64, Vec<u64>) {
    let mut clients: Vec<Client> = (0..connections).map(|_| Client::new(socket).unwrap()).collect();
    let begin = now();
    let mut taken = Vec::new();
    let mut sent = vec![0; connections];
    for (client, sent) in clients.iter_mut().zip(&mut sent) {
        *sent = now();
        client.send(path);
    }
    while now() - begin < 1_000_000_000 {
        for (client, sent) in clients.iter_mut().zip(&mut sent) {
            client.receive();
            let received = now();
            taken.push(received - *sent);
            *sent = received;
            client.send(path);
        }
    }
    let seconds = (now() - begin) as f64 / 1e9;
    for client in &mut clients {
        client.receive();
    }
    (taken.len() as f64 / seconds, taken)
}
