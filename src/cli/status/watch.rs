//! `agentd status --watch`: the same again whenever the daemon says that something changed, and every second for what
//! changes without being told: durations and usage.

use std::time::Duration;

use hyper::StatusCode;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{sleep, timeout};

use super::screen::{self, Screen, Wish};
use super::{Flags, Page, Style, write_lines};
use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::table::{Tone, cut, one_line, paint, width};

/// From one look to the next, if nothing changes: for durations and usage.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The same, where these are no news.
const ASK_EVERY: Duration = Duration::from_secs(30);

/// The same, of a daemon that tells nothing of changes.
const POLL_EVERY: Duration = Duration::from_secs(2);

/// From one look to the next, if everything changes.
const AT_MOST_EVERY: Duration = Duration::from_millis(100);

/// From one attempt to reach the daemon to the next.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Until the reader leaves, or the reading program goes away.
pub(super) async fn watch(client: &Client, flags: &Flags) -> Result<(), Failure> {
    // Before the terminal is taken: what fails here is told as it would be without --watch.
    let first = Page::fetch(client, flags).await?;
    if screen::size().is_some() { on_screen(client, flags, first).await } else { as_text(client, flags, first).await }
}

type Fetched = (Page, Option<String>);

async fn on_screen(client: &Client, flags: &Flags, (mut page, mut etag): Fetched) -> Result<(), Failure> {
    let cannot = |what: &str| {
        let what = what.to_owned();
        |error| Failure::System { what, error }
    };
    let mut ends = Ends::new().map_err(cannot("wait for signals"))?;
    let mut screen = Screen::open().map_err(cannot("draw on the terminal"))?;
    let mut wishes = screen::wishes();
    let mut trouble = None;
    loop {
        screen.draw(&lines(&page, trouble.as_ref()))?;
        let next = next(
            client,
            flags,
            etag.as_deref(),
            if trouble.is_some() { Pause::Trouble } else { Pause::At(LOOK_EVERY) },
        );
        tokio::select! {
            fetched = next => match fetched {
                Ok(fetched) => ((page, etag), trouble) = (fetched, None),
                Err(failure) => trouble = Some(failure),
            },
            wish = wishes.recv() => match wish {
                Some(Wish::Redraw) => {}
                Some(Wish::Quit) | None => return Ok(()),
            },
            () = ends.asked_for() => return Ok(()),
        }
    }
}

/// The ways in which others ask it to end: the terminal must be left as it was.
struct Ends([Signal; 3]);

impl Ends {
    fn new() -> std::io::Result<Self> {
        let of = |kind: fn() -> SignalKind| signal(kind());
        Ok(Self([of(SignalKind::terminate)?, of(SignalKind::interrupt)?, of(SignalKind::hangup)?]))
    }

    async fn asked_for(&mut self) {
        let [terminated, interrupted, hung_up] = &mut self.0;
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
            _ = hung_up.recv() => {}
        }
    }
}

/// A screenful.
fn lines(page: &Page, trouble: Option<&Failure>) -> Vec<String> {
    let (columns, rows) = screen::size().unwrap_or((80, 24));
    let style = Style { width: Some(columns), ..Style::of_stdout() };
    let mut lines = Vec::new();
    if let Some(failure) = trouble {
        let text = one_line(&format!("not up to date: {failure}"));
        lines.push(paint(&cut(&text, columns), Tone::Bad, style.look));
    }
    lines.extend(page.fitted(style, rows.saturating_sub(lines.len() + 1)));
    let hint = "q quits";
    if lines.len() < rows && columns > width(hint) {
        lines.resize(rows - 1, String::new());
        lines.push(paint(hint, Tone::Quiet, style.look));
    }
    lines
}

/// A table for each change, for a program that reads.
async fn as_text(client: &Client, flags: &Flags, (mut page, mut etag): Fetched) -> Result<(), Failure> {
    loop {
        let mut lines = page.plain(Style::of_stdout());
        lines.push(String::new());
        write_lines(&lines)?;
        loop {
            let (newer, newer_etag) = next(client, flags, etag.as_deref(), Pause::At(ASK_EVERY)).await?;
            etag = newer_etag;
            if !newer.is_same(&page) {
                page = newer;
                break;
            }
        }
    }
}

/// What the next look waits for.
#[derive(Clone, Copy, Debug)]
enum Pause {
    /// A change, or this long.
    At(Duration),
    /// The daemon doesn't answer.
    Trouble,
}

/// What there is to see when something has changed, or some time has passed.
async fn next(client: &Client, flags: &Flags, etag: Option<&str>, pause: Pause) -> Result<Fetched, Failure> {
    match (pause, etag) {
        (Pause::Trouble, _) => sleep(AGAIN_AFTER).await,
        (Pause::At(most), None) => sleep(most.min(POLL_EVERY)).await,
        (Pause::At(most), Some(etag)) => {
            sleep(AT_MOST_EVERY).await;
            let path = format!("/v1/agents?wait={}s", most.as_secs());
            let answer = timeout(most + AGAIN_AFTER, client.get(&path, &[("If-None-Match", etag)])).await;
            let status = answer.ok().and_then(Result::ok).map(|response| response.status());
            // Whether it changed, did not or can't be asked: the next answer tells. Only this says nothing of that.
            if status == Some(StatusCode::SERVICE_UNAVAILABLE) {
                sleep(POLL_EVERY).await;
            }
        }
    }
    Page::fetch(client, flags).await
}
