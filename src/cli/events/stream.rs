//! A connection on which events arrive.

use std::collections::VecDeque;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::cli::client::{Client, refused};
use crate::cli::failure::Failure;
use crate::cli::sse::{Event, Parser};

/// A daemon that has nothing to tell says so every 15 seconds.
const SILENT_FOR: Duration = Duration::from_secs(50);

/// The events of one connection.
#[derive(Debug)]
pub(super) struct Stream {
    client: Client,
    body: Incoming,
    parser: Parser,
    ready: VecDeque<Event>,
}

impl Stream {
    /// `last` is the id of the event after which it is to go on.
    pub(super) async fn open(client: &Client, path: &str, last: Option<&str>) -> Result<Self, Failure> {
        let headers: Vec<(&str, &str)> = last.map(|last| ("Last-Event-ID", last)).into_iter().collect();
        let response = within(client, client.get(path, &headers)).await??;
        let status = response.status();
        if status == StatusCode::NOT_FOUND {
            return Err(Failure::Other(
                "the running agentd tells no events: it is older than this program; restart it".to_owned(),
            ));
        }
        let body = response.into_body();
        if !status.is_success() {
            let body = within(client, body.collect()).await?.map_err(|error| broken(client, error.to_string()))?;
            return Err(refused(status, &body.to_bytes()));
        }
        Ok(Self { client: client.clone(), body, parser: Parser::default(), ready: VecDeque::new() })
    }

    /// The next event; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Event>, Failure> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            let Some(frame) = within(&self.client, self.body.frame()).await? else { return Ok(None) };
            let frame = frame.map_err(|error| broken(&self.client, error.to_string()))?;
            if let Some(bytes) = frame.data_ref() {
                let events = self.parser.push(bytes).map_err(|error| Failure::Other(error.to_string()))?;
                self.ready.extend(events);
            }
        }
    }
}

fn broken(client: &Client, cause: String) -> Failure {
    Failure::Conversation { socket: client.socket().to_owned(), cause }
}

async fn within<T>(client: &Client, answer: impl Future<Output = T>) -> Result<T, Failure> {
    let silent = |_| broken(client, format!("it was silent for {} s", SILENT_FOR.as_secs()));
    timeout(SILENT_FOR, answer).await.map_err(silent)
}
