//! `agentd events`: what has happened, and goes on happening.

mod line;
mod stream;

use std::collections::VecDeque;
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

/// The daemon remembers less, and takes no larger number.
const ALL: u16 = 10_000;

/// After a connection that brought nothing.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The flags.
#[derive(Debug, Args)]
#[command(after_long_help = EXPLAINED)]
pub struct Flags {
    /// Of this agent only
    name: Option<String>,
    /// Begin with the last so many
    #[arg(short = 'n', long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(0..=10_000), value_name = "N")]
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
    let names = agents.iter().map(|agent| agent.name.as_str()).filter(|_| flags.name.is_none());
    let zone = if flags.utc { Zone::Utc } else { Zone::Local };
    let mut teller = Teller {
        agent: flags.name.as_ref().map(|name| format!("&agent={}", encode(name))),
        json: flags.json,
        lines: Lines::new(output::look(), zone, names),
        last: None,
    };
    let count = teller.history(&client, flags.history).await?;
    if let Some(name) = flags.name.as_ref().filter(|_| count == 0) {
        // One that is gone has a history; one that has none must be there.
        client.agent(name).await?;
    }
    if flags.follow { teller.follow(&client).await } else { Ok(()) }
}

/// Tells events, and knows which was the last.
struct Teller {
    /// For the query: whose only.
    agent: Option<String>,
    json: bool,
    lines: Lines,
    /// The id of the last one.
    last: Option<String>,
}

impl Teller {
    fn path(&self, history: u16, follow: bool) -> String {
        format!("/v1/events?history={history}&follow={follow}{}", self.agent.as_deref().unwrap_or_default())
    }

    /// The latest so many, and how many there are.
    async fn history(&mut self, client: &Client, most: u16) -> Result<usize, Failure> {
        // The daemon counts all agents' events. One at least, to know from where on to follow.
        let history = if self.agent.is_some() { ALL } else { most.max(1) };
        let mut stream = Stream::open(client, &self.path(history, false), None).await?;
        let mut events = VecDeque::new();
        let mut count = 0;
        while let Some(event) = stream.next().await? {
            self.last = event.id.clone().or(self.last.take());
            if self.is_about(&event) {
                count += 1;
                events.push_back(event);
            }
            if events.len() > usize::from(most) {
                events.pop_front();
            }
        }
        events.iter().try_for_each(|event| self.tell(event))?;
        Ok(count)
    }

    /// What happens from then on, whichever daemon tells it.
    async fn follow(&mut self, client: &Client) -> Result<(), Failure> {
        loop {
            let before = self.last.clone();
            match self.read(client).await {
                Ok(()) => {}
                Err(failure) if waiting::is_gone(&failure) => {}
                Err(failure) => return Err(failure),
            }
            if self.last == before {
                // One that is about to end says nothing any more, and takes its time.
                sleep(AGAIN_AFTER).await;
            }
            waiting::wait(client).await?;
        }
    }

    /// A connection's events to its end.
    async fn read(&mut self, client: &Client) -> Result<(), Failure> {
        let mut stream = Stream::open(client, &self.path(ALL, true), self.last.as_deref()).await?;
        while let Some(event) = stream.next().await? {
            if self.is_about(&event) {
                self.tell(&event)?;
            }
            self.last = event.id.or(self.last.take());
        }
        Ok(())
    }

    /// Whether it was asked for: configurations are not about one agent.
    fn is_about(&self, event: &Event) -> bool {
        self.agent.is_none() || !matches!(event.kind.as_str(), "config_loaded" | "config_error" | "stopping")
    }

    fn tell(&mut self, event: &Event) -> io::Result<()> {
        let line = if self.json { line::json(event) } else { self.lines.line(event) };
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{line}")?;
        stdout.flush()
    }
}
