//! `agentd logs NAME`: what an agent has written to its terminal, as far as that remembers it.

mod ansi;
mod follow;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use hyper::StatusCode;
use tokio::time::sleep;

use super::client::types::Agent;
use super::client::{Client, Connect, block_on, encode};
use super::failure::{Failure, finish};
use super::output::{self, harmless};
use super::waiting;
use crate::desired::diagnostic::Look;
use ansi::Line;
use follow::{Follower, How};

/// How far back is compared when following: more than is written between two looks.
const WINDOW: usize = 1_000;

/// Between two looks at an agent that writes.
const SOON: Duration = Duration::from_millis(500);

/// Between two looks at one that doesn't.
const LATER: Duration = Duration::from_secs(2);

/// The flags.
#[derive(Debug, Args)]
#[command(after_long_help = EXPLAINED)]
pub struct Flags {
    /// The agent
    name: String,
    /// The last so many lines
    #[arg(short = 'n', long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(0..=10_000), value_name = "N")]
    lines: u16,
    /// Go on with what is written from now on, until C-c
    #[arg(short, long)]
    follow: bool,
    /// The agent's own colours; `auto`: on a terminal, unless NO_COLOR is set
    #[arg(long, visible_alias = "colour", value_enum, default_value_t = When::Auto, value_name = "WHEN")]
    color: When,
    #[command(flatten)]
    connect: Connect,
}

const EXPLAINED: &str = "\
This is the text of the agent's terminal, with what has scrolled off it as far as that is kept: there is no log file. \
Of all that an agent sends to its terminal, only text and colours get through.

--follow looks every half second, and every two seconds at an agent that writes nothing. A line is shown when it is \
complete, or when it stays as it is. An agent that draws on its screen, instead of writing line by line, is shown by \
the lines that have changed; to see it as it is, use `agentd attach`. What came and went between two looks is not \
seen, nor is a line after many that are the same.";

/// When to show colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum When {
    /// On a terminal
    Auto,
    /// Also elsewhere
    Always,
    /// Nowhere
    Never,
}

impl When {
    fn look(self) -> Look {
        match self {
            Self::Auto => output::look(),
            Self::Always => Look::Colour,
            Self::Never => Look::Plain,
        }
    }
}

/// Runs it.
pub fn run(flags: &Flags) -> ExitCode {
    finish(block_on(show(flags)))
}

async fn show(flags: &Flags) -> Result<(), Failure> {
    let client = Client::connect(&flags.connect)?;
    let look = flags.color.look();
    if flags.follow {
        return follow(&client, flags, look).await;
    }
    let lines = usize::from(flags.lines);
    match terminal(&client, &flags.name, lines, look).await? {
        Terminal::Text(text) => Ok(write(last(&text, lines))?),
        Terminal::None(agent) => Err(Failure::Other(format!(
            "{} has no terminal yet: it is {}",
            harmless(&agent.name),
            harmless(&agent.state.replace('_', " "))
        ))),
    }
}

fn last(lines: &[Line], count: usize) -> &[Line] {
    lines.get(lines.len().saturating_sub(count)..).unwrap_or_default()
}

/// What there is of an agent's terminal.
enum Terminal {
    Text(Vec<Line>),
    /// It has none, but there is an agent.
    None(Box<Agent>),
}

async fn terminal(client: &Client, name: &str, lines: usize, look: Look) -> Result<Terminal, Failure> {
    let format = match look {
        Look::Plain => "plain",
        Look::Colour => "ansi",
    };
    let path = format!("/v1/agents/{}/output?lines={}&format={format}", encode(name), lines.max(1));
    match client.text(&path).await {
        Ok(text) => Ok(Terminal::Text(ansi::lines(&String::from_utf8_lossy(&text), look))),
        Err(Failure::Refused { status: StatusCode::NOT_FOUND, message }) => {
            let agent = client.agent(name).await?;
            if agent.pane.is_some() { Err(without_output(&message)) } else { Ok(Terminal::None(Box::new(agent))) }
        }
        Err(failure) => Err(failure),
    }
}

fn without_output(message: &str) -> Failure {
    Failure::Other(format!("agentd can't show what is on the terminal: {}", harmless(message)))
}

async fn follow(client: &Client, flags: &Flags, look: Look) -> Result<(), Failure> {
    let lines = usize::from(flags.lines);
    let mut follower: Option<Follower> = None;
    let (mut pause, mut said) = (SOON, Said::default());
    loop {
        match terminal(client, &flags.name, WINDOW.max(lines), look).await {
            Ok(Terminal::Text(text)) => match &mut follower {
                None => {
                    write(last(&text, lines))?;
                    follower = Some(Follower::new(text));
                }
                Some(follower) => {
                    let news = follower.look(text);
                    pause = if news.lines.is_empty() { (pause * 3 / 2).min(LATER) } else { SOON };
                    said.how(news.how)?;
                    write(&news.lines)?;
                }
            },
            Ok(Terminal::None(agent)) => said.waits(&agent.name)?,
            // Whoever follows an agent has seen its end by that, which is no failure.
            Err(Failure::NoSuchAgent { .. }) if follower.is_some() || said.waits => {
                return Ok(say(&format!("{} is gone: it is no longer declared", harmless(&flags.name)))?);
            }
            Err(failure) if follower.is_some() && waiting::is_gone(&failure) => waiting::wait(client).await?,
            // Busy, or between two terminals.
            Err(Failure::Refused { status: StatusCode::SERVICE_UNAVAILABLE, message }) if follower.is_some() => {
                said.fails(&message)?;
                pause = LATER;
            }
            Err(failure) => return Err(failure),
        }
        sleep(pause).await;
    }
}

/// What the reader was told beside the output, each once.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each sentence by itself was said or wasn't")]
struct Said {
    waits: bool,
    draws: bool,
    misses: bool,
    fails: bool,
}

impl Said {
    fn how(&mut self, how: How) -> io::Result<()> {
        match how {
            How::Redrawn if !std::mem::replace(&mut self.draws, true) => {
                say("it draws on its screen: the lines that change are shown, `agentd attach` shows all")
            }
            How::Replaced if !std::mem::replace(&mut self.misses, true) => {
                say("most of what was there is gone: what came and went in between is missing here")
            }
            How::Written | How::Redrawn | How::Replaced => Ok(()),
        }
    }

    fn fails(&mut self, message: &str) -> io::Result<()> {
        if std::mem::replace(&mut self.fails, true) {
            Ok(())
        } else {
            say(&format!("{}; trying again", harmless(message)))
        }
    }

    fn waits(&mut self, name: &str) -> io::Result<()> {
        if std::mem::replace(&mut self.waits, true) {
            return Ok(());
        }
        say(&format!("{} has no terminal yet; waiting for it", harmless(name)))
    }
}

/// Beside the output, for whoever looks at it.
fn say(sentence: &str) -> io::Result<()> {
    writeln!(io::stderr().lock(), "agentd: {sentence}")
}

fn write(lines: &[Line]) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let mut stdout = io::stdout().lock();
    let mut text = String::new();
    for line in lines {
        text.push_str(&line.shown);
        text.push('\n');
    }
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}
