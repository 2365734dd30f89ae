//! As much of HTTP/1.1 as the agents need.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    pub path: String,
    pub head: String,
    pub body: String,
}

impl Request {
    /// Its body; null if that is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// Whether the answer is to come in pieces.
    pub fn wants_stream(&self) -> bool {
        self.json()["stream"] == true
    }
}

/// An answer.
pub struct Reply {
    status: &'static str,
    kind: &'static str,
    headers: Vec<(&'static str, String)>,
    pieces: Vec<String>,
}

impl Reply {
    pub fn json(body: &Value) -> Self {
        Self { status: "200 OK", kind: "application/json", headers: Vec::new(), pieces: vec![body.to_string()] }
    }

    /// In events, each of them with its name if it has one.
    pub fn events<'a>(events: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        let event = |(name, data): (&str, Value)| match name {
            "" => format!("data: {data}\n\n"),
            name => format!("event: {name}\ndata: {data}\n\n"),
        };
        let pieces = events.into_iter().map(event).collect();
        Self { status: "200 OK", kind: "text/event-stream", headers: Vec::new(), pieces }
    }

    /// One more piece, as it is.
    pub fn and(mut self, piece: &str) -> Self {
        self.pieces.push(piece.to_owned());
        self
    }

    pub fn status(self, status: &'static str) -> Self {
        Self { status, ..self }
    }

    pub fn header(mut self, name: &'static str, value: &impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}

/// A client's connection.
pub struct Connection {
    reader: BufReader<TcpStream>,
    stream: TcpStream,
}

impl Connection {
    pub fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { reader: BufReader::new(stream.try_clone().unwrap()), stream }
    }

    /// The next request; none at the end.
    pub fn read(&mut self) -> Option<Request> {
        let mut head = String::new();
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line == "\r\n" {
                break;
            }
            head.push_str(&line);
        }
        let lower = head.to_lowercase();
        let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.reader.read_exact(&mut body).ok()?;
        let path = head.split(' ').nth(1)?.split('?').next()?.to_owned();
        Some(Request { path, head, body: String::from_utf8_lossy(&body).into_owned() })
    }

    pub fn send(&mut self, reply: &Reply, pause: Duration) -> std::io::Result<()> {
        let length: usize = reply.pieces.iter().map(String::len).sum();
        let mut head =
            format!("HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {length}\r\n", reply.status, reply.kind);
        for (name, value) in &reply.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        self.stream.write_all((head + "\r\n").as_bytes())?;
        for piece in &reply.pieces {
            if !pause.is_zero() {
                std::thread::sleep(pause);
            }
            self.stream.write_all(piece.as_bytes())?;
        }
        Ok(())
    }

    /// Until the agent hangs up.
    pub fn wait_for_hang_up(&mut self) -> std::io::Error {
        let _ = self.stream.read(&mut [0]);
        std::io::ErrorKind::ConnectionAborted.into()
    }
}
