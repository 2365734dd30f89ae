//! `agentd status [NAME…]`: a table of agents, one agent in full, or the daemon's own JSON.

mod list;
mod news;
mod one;
mod screen;
mod telling;
mod view;
mod watch;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::client::{Client, Connect, block_on};
use super::failure::{Failure, finish};
use super::output;
use super::time::Zone;
use crate::desired::diagnostic::Look;
use crate::sys::clock;
use view::View;

/// The flags.
#[derive(Debug, Args)]
#[command(after_long_help = EXPLAINED)]
pub struct Flags {
    /// The agents; one name shows that agent in full [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Write a JSON array: what /v1/agents says of each agent, with what it uses as `usage`
    #[arg(long)]
    json: bool,
    /// Show it anew whenever something changes, until q or C-c
    #[arg(short, long, conflicts_with = "json")]
    watch: bool,
    #[command(flatten)]
    connect: Connect,
}

const EXPLAINED: &str = "\
Columns:
  STATE      pending, starting, running, stopping, backing_off, exited, failed
             or timed_out; with backing_off, how long until the next start
  FOR        how long it has been in that state
  ACTIVITY   starting, busy, idle or waiting, and for how long, as its harness
             tells it; of an agent that has ended, what came of it, where that
             is more than its exit says: failed, interrupted, permission_denied,
             auth_failed, rate_limited (and for how long) or over_budget
  RESTARTS   by policy
  LAST EXIT  the status or the signal that ended the last run, `not started`,
             or `unknown`
  CPU        of one core, lately
  MEMORY     of all its processes
  ERROR      why it isn't running; on a narrow terminal below the agent
  QUESTION   what it waits on, in the same place

ACTIVITY and QUESTION are there only if an agent tells something.

On a terminal, lines fit its width; elsewhere nothing is cut. Where there is no room, these are left out in this order: \
SESSION (at once, where every session is called as its agent), MEMORY, CPU, LAST EXIT, \
RESTARTS, ACTIVITY, FOR.

With --watch and no terminal to draw on, a new table is written whenever an agent changes.

The exit status is 0 also if agents have failed: for that, see --json.";

/// How things are shown.
#[derive(Clone, Copy, Debug)]
struct Style {
    look: Look,
    zone: Zone,
    /// Cells in a line; none: as many as it takes.
    width: Option<usize>,
}

impl Style {
    fn of_stdout() -> Self {
        Self { look: output::look(), zone: Zone::Local, width: screen::size().map(|(width, _)| width) }
    }
}

/// Runs it.
pub fn run(flags: &Flags) -> ExitCode {
    finish(block_on(show(flags)))
}

async fn show(flags: &Flags) -> Result<(), Failure> {
    let client = Client::connect(&flags.connect)?;
    if flags.json {
        let agents = view::merged(&client).await?;
        return Ok(output::json(&view::select(agents, &flags.names, |agent| text_of(agent, "name"))?)?);
    }
    if flags.watch {
        return watch::watch(&client, flags).await;
    }
    let page = Page::fetch(&client, flags).await?.0;
    Ok(write_lines(&page.plain(Style::of_stdout()))?)
}

fn text_of<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn write_lines(lines: &[String]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all((lines.join("\n") + "\n").as_bytes())?;
    stdout.flush()
}

/// What is to be shown, before it is known how much room there is.
#[derive(Debug)]
enum Page {
    List(Box<View>),
    One(Box<one::One>),
}

impl Page {
    /// Asks for what the flags name, and answers also with what tells whether it has changed.
    async fn fetch(client: &Client, flags: &Flags) -> Result<(Self, Option<String>), Failure> {
        let mut view = View::fetch(client).await?;
        view.agents = view::select(view.agents, &flags.names, |agent| &agent.name)?;
        let etag = view.etag.clone();
        match (view.agents.as_slice(), flags.names.len()) {
            ([_], 1) => Ok((Self::One(Box::new(one::One::fetch(client, view, &flags.connect).await?)), etag)),
            _ => Ok((Self::List(Box::new(view)), etag)),
        }
    }

    /// All of it, with what matters most at the end, where the prompt is.
    fn plain(&self, style: Style) -> Vec<String> {
        let now = clock::now().wall;
        match self {
            Self::List(view) => list::plain(view, now, style),
            Self::One(one) => one.lines(now, style),
        }
    }

    /// As much of it as fits, with what matters most at the top.
    fn fitted(&self, style: Style, height: usize) -> Vec<String> {
        let now = clock::now().wall;
        match self {
            Self::List(view) => list::fitted(view, now, style, height),
            Self::One(one) => one.lines(now, style),
        }
    }

    /// Whether it says the same, apart from durations and usage.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::List(a), Self::List(b)) => a.is_same(b),
            (Self::One(a), Self::One(b)) => a.is_same(b),
            (Self::List(_), Self::One(_)) | (Self::One(_), Self::List(_)) => false,
        }
    }
}
