//! What an agent has written to its terminal.

use std::io;
use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Bytes;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::query::{BadQuery, Query};
use super::render::find;
use super::respond::{self, Answer};
use super::routes::Router;
use super::style::last_lines;
use crate::sys::tmux::capture::{Access, capture};

/// Each takes some milliseconds of the one tmux server's time: who else wants something must not wait for many.
const AT_ONCE: usize = 2;

/// Who waits for longer is better told so.
const TURN_WITHIN: Duration = Duration::from_secs(5);

const DEFAULT_LINES: u32 = 100;
const MOST_LINES: u32 = 10_000;

/// The way to what is on the terminals.
pub(super) struct Terminals {
    access: Access,
    turns: Semaphore,
}

impl Terminals {
    pub(super) fn new(access: Access) -> Self {
        Self { access, turns: Semaphore::new(AT_ONCE) }
    }

    async fn capture(&self, pane: &str, lines: u32, styled: bool) -> io::Result<Vec<u8>> {
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "too many clients ask for output");
        let _turn = timeout(TURN_WITHIN, self.turns.acquire()).await.map_err(late)?.map_err(io::Error::other)?;
        capture(&self.access, pane, lines, styled).await
    }
}

/// The last lines, as text or with colours.
pub(super) async fn output(router: &Router, name: &str, query: &Query<'_>) -> Result<Answer, BadQuery> {
    let lines = query.number("lines", 1, MOST_LINES)?.unwrap_or(DEFAULT_LINES);
    let styled = match query.text("format")?.as_deref() {
        None | Some("plain") => false,
        Some("ansi") => true,
        Some(_) => return Err(BadQuery("format must be plain or ansi".to_owned())),
    };
    let snapshot = router.snapshot();
    let Some(agent) = find(&snapshot, name) else { return Ok(respond::no_such_agent()) };
    let Some(terminal) = &agent.terminal else {
        return Ok(respond::error(StatusCode::NOT_FOUND, "the agent has no terminal yet"));
    };
    let most = usize::try_from(lines).unwrap_or(usize::MAX);
    match router.terminals.capture(&terminal.pane, lines, styled).await {
        Ok(text) => Ok(respond::typed("text/plain; charset=utf-8", Bytes::from(last_lines(&text, most)))),
        Err(error) => {
            tracing::debug!(agent = %agent.name, %error, "could not read its terminal");
            Ok(respond::error(StatusCode::SERVICE_UNAVAILABLE, &format!("could not read its terminal: {error}")))
        }
    }
}
