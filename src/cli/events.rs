//! `agentd events`: what has happened, and goes on happening.

mod line;
mod stream;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tokio::time::sleep;

use super::client::{Client, Connect, block_on, encode};
use super::failure::{Failure, finish};
use super::output;
use super::sse::Event;
use super::time::Zone;
use super::waiting;
use line::Lines;
use stream::Stream;

/// The daemon remembers no more.
const ALL: u16 = 4096;

/// After a connection that brought nothing.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The flags.
#[derive(Debug, Args)]
#[command(after_long_help = EXPLAINED)]
pub struct Flags {
    /// Of this agent only
    name: Option<String>,
    /// Begin with the last so many
    #[arg(short = 'n', long, default_value_t = 100, value_name = "N")]
    history: u16,
    /// Go on with what happens from now on, until C-c
    #[arg(short, long)]
    follow: bool,
    /// One JSON object a line, as /v1/events has them
    #[arg(long)]
    json: bool,
    /// Show times in UTC [default: in your time zone]
    #[arg(long, conflicts_with = "json")]
    utc: bool,
    #[command(flatten)]
    connect: Connect,
}

const EXPLAINED: &str = "\
A line has the time, the agent, its states before and after, and the reason. The daemon remembers the last few \
thousand events of its own life: for earlier ones see its log.

--follow waits for a daemon that is restarted and goes on where it was; a line tells if something was missed.";

/// Runs it.
pub fn run(flags: &Flags) -> ExitCode {
    finish(block_on(show(flags)))
}

async fn show(flags: &Flags) -> Result<(), Failure> {
    let client = Client::connect(&flags.connect)?;
    let agents = client.agents().await?;
    let names = agents.iter().map(|agent| agent.name.as_str());
    let zone = if flags.utc { Zone::Utc } else { Zone::Local };
    let lines = Lines::new(output::look(), zone, names.filter(|_| flags.name.is_none()));
    let mut printer = Printer { json: flags.json, lines, has_printed: false };
    let (name, unknown) = match &flags.name {
        None => (None, None),
        Some(name) => match client.agent(name).await {
            // As it is declared: the case may be another.
            Ok(agent) => (Some(agent.name), None),
            Err(failure @ Failure::NoSuchAgent { .. }) => (Some(name.clone()), Some(failure)),
            Err(failure) => return Err(failure),
        },
    };
    let agent = name.map(|name| format!("&agent={}", encode(&name))).unwrap_or_default();
    // One that is gone has a history, too.
    if !flags.follow || unknown.is_some() {
        let path = format!("/v1/events?history={}&follow=false{agent}", flags.history);
        let mut stream = Stream::open(&client, &path, None).await?;
        while let Some(event) = stream.next().await? {
            printer.print(&event)?;
        }
        return unknown.filter(|_| !printer.has_printed).map_or(Ok(()), Err);
    }
    follow(&client, &agent, flags.history, &mut printer).await
}

async fn follow(client: &Client, agent: &str, history: u16, printer: &mut Printer) -> Result<(), Failure> {
    let mut last: Option<String> = None;
    let mut has_begun = false;
    loop {
        // Of a daemon that began meanwhile, all is news.
        let history = if has_begun { ALL } else { history };
        let path = format!("/v1/events?history={history}&follow=true{agent}");
        printer.has_printed = false;
        match read(client, &path, &mut last, &mut has_begun, printer).await {
            Ok(()) => {}
            Err(failure) if has_begun && waiting::is_gone(&failure) => {}
            Err(failure) => return Err(failure),
        }
        if !printer.has_printed {
            // One that is about to end says nothing any more, and takes its time.
            sleep(AGAIN_AFTER).await;
        }
        waiting::wait(client).await?;
    }
}

/// Prints a connection's events to its end.
async fn read(
    client: &Client,
    path: &str,
    last: &mut Option<String>,
    has_begun: &mut bool,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let mut stream = Stream::open(client, path, last.as_deref()).await?;
    *has_begun = true;
    while let Some(event) = stream.next().await? {
        printer.print(&event)?;
        *last = event.id.or(last.take());
    }
    Ok(())
}

struct Printer {
    json: bool,
    lines: Lines,
    has_printed: bool,
}

impl Printer {
    fn print(&mut self, event: &Event) -> io::Result<()> {
        self.has_printed = true;
        let line = if self.json { line::json(event) } else { self.lines.line(event) };
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{line}")?;
        stdout.flush()
    }
}
