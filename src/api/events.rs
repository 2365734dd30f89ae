//! Server-sent events (HTML Living Standard, 9.2): what happens, as it happens. Each follower reads the journal at its
//! own pace and is never waited for; one that is too slow is told how much it has missed, one that doesn't read at all
//! runs into the limit of its connection.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::HeaderMap;
use tokio::sync::watch;
use tokio::time::sleep;

use super::held::Hold;
use super::query::{BadQuery, Query};
use super::respond::{self, Answer};
use super::routes::Router;
use super::wire;
use crate::status::{Entry, Happening, Journal};
use crate::sys::clock;

/// Proxies and clients take a connection for dead that says nothing for longer.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Entries that are written at once.
const BATCH: usize = 64;

/// Reads the journal for one client.
pub(super) struct Follower {
    journal: watch::Receiver<Journal>,
    stop: watch::Receiver<Option<Duration>>,
    instance: String,
    /// The number of the entry that comes next.
    next: u64,
    gap: Gap,
    /// Only this agent's transitions.
    agent: Option<String>,
    /// Go on when all that is there was told.
    follow: bool,
    greeted: bool,
    _hold: Hold,
}

/// What can't be told any more of what the client doesn't know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gap {
    Nothing,
    Entries(u64),
    /// An earlier daemon's.
    Unknown,
}

/// Begins where the client says: behind the event that it saw last, some events back, or now.
pub(super) fn follow(router: &Router, query: &Query<'_>, headers: &HeaderMap) -> Result<Answer, BadQuery> {
    let history = query.number("history", 0, 10_000)?.map(u64::from);
    let follow = query.boolean("follow")?.unwrap_or(true);
    let agent = query.text("agent")?.map(|name| name.to_lowercase());
    let Some(hold) = router.held.take() else {
        return Ok(respond::error(StatusCode::SERVICE_UNAVAILABLE, "too many clients follow"));
    };
    let instance = super::instance(&router.snapshot());
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()).filter(|id| !id.is_empty());
    let journal = router.views.journal.clone();
    let (next, gap) = {
        let journal = journal.borrow();
        match seen {
            Some(seen) => after(seen, &instance, &journal),
            None => (journal.last() + 1 - history.unwrap_or(0).min(journal.last()), Gap::Nothing),
        }
    };
    let stop = router.stop.clone();
    let follower = Follower { journal, stop, instance, next, gap, agent, follow, greeted: false, _hold: hold };
    Ok(respond::typed("text/event-stream", follower))
}

/// What comes after an event that was seen. Events of an earlier daemon are followed by all of this one's.
fn after(seen: &str, instance: &str, journal: &Journal) -> (u64, Gap) {
    let number: Option<u64> =
        seen.split_once('-').filter(|(of, _)| *of == instance).and_then(|(_, number)| number.parse().ok());
    match number {
        Some(number) if number <= journal.last() => (number + 1, Gap::Nothing),
        Some(_) | None => (journal.first(), Gap::Unknown),
    }
}

impl Follower {
    /// The next events as text, when there are any.
    pub(super) async fn next(mut self) -> Option<(Bytes, Self)> {
        let mut text = Vec::new();
        if !self.greeted {
            self.greeted = true;
            // Has the head sent at once, and tells how soon to come back after a restart of the daemon.
            text.extend_from_slice(b"retry: 1000\n\n");
        }
        loop {
            let entries = self.take();
            let gap = std::mem::replace(&mut self.gap, Gap::Nothing);
            let count = if let Gap::Entries(count) = gap { Some(count) } else { None };
            if gap != Gap::Nothing {
                let told = self.next.saturating_sub(1);
                self.write(&mut text, told, "missed", &wire::journal::missed(count, clock::now()));
            }
            for entry in &entries {
                self.next = entry.number + 1;
                if self.wants(entry) {
                    self.write(&mut text, entry.number, entry.happening.name(), &wire::journal::entry(entry));
                }
            }
            if !text.is_empty() {
                return Some((text.into(), self));
            }
            if !entries.is_empty() {
                continue;
            }
            if !self.follow {
                return None;
            }
            tokio::select! {
                changed = self.journal.changed() => changed.ok()?,
                () = sleep(KEEP_ALIVE) => text.extend_from_slice(b":\n\n"),
                _ = self.stop.wait_for(Option::is_some) => return None,
            }
        }
    }

    /// The entries that come next, and how many have gone before they were told.
    fn take(&mut self) -> Vec<Arc<Entry>> {
        let journal = self.journal.borrow_and_update();
        let first = journal.first();
        if self.next < first {
            if self.gap == Gap::Nothing {
                self.gap = Gap::Entries(first - self.next);
            }
            self.next = first;
        }
        journal.from(self.next, BATCH).cloned().collect()
    }

    fn wants(&self, entry: &Entry) -> bool {
        match (&self.agent, &entry.happening) {
            (
                Some(wanted),
                Happening::Transition { agent, .. }
                | Happening::Activity { agent, .. }
                | Happening::Stall { agent, .. },
            ) => agent.as_str().to_lowercase() == *wanted,
            (None, Happening::Transition { .. } | Happening::Activity { .. } | Happening::Stall { .. })
            | (_, Happening::ConfigLoaded { .. } | Happening::ConfigRefused { .. } | Happening::Stopping) => true,
        }
    }

    fn write(&self, text: &mut Vec<u8>, number: u64, event: &str, data: &[u8]) {
        // JSON has no line ends outside its strings' escapes, so that one line of data holds it.
        text.extend_from_slice(format!("id: {}-{number}\nevent: {event}\ndata: ", self.instance).as_bytes());
        text.extend_from_slice(data);
        text.extend_from_slice(b"\n\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Wall;

    #[test]
    fn an_event_that_was_seen_is_followed_by_the_next() {
        let mut journal = Journal::default();
        for _ in 0..5 {
            journal.push(Wall(0), Happening::Stopping);
        }
        assert_eq!(after("ff-3", "ff", &journal), (4, Gap::Nothing));
        assert_eq!(after("ff-0", "ff", &journal), (1, Gap::Nothing));
        assert_eq!(after("ff-5", "ff", &journal), (6, Gap::Nothing));
        for other in ["fe-3", "ff-6", "ff-x", "ff", "-1", "3"] {
            assert_eq!(after(other, "ff", &journal), (1, Gap::Unknown), "{other}");
        }
    }
}
