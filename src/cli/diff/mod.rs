//! `agentd diff [FILE]`: what the running daemon would do with a configuration. It changes nothing.

mod plan;
mod show;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use hyper::StatusCode;
use serde::Serialize;

use crate::api::declared::{Declared, Values};
use crate::desired::{self, Loaded, Presence, Sources};
use crate::model::Desired;
use crate::sys::identity::Identity;

use super::check;
use super::client::types::{Agent, Health};
use super::client::{Client, Connect, block_on};
use super::failure::{Failure, finish};
use super::output;
use plan::{Action, Plan, Secrets};

/// The flags.
#[derive(Debug, Args)]
pub struct Flags {
    /// The configuration to compare with what the daemon has taken [default: the daemon's own]
    file: Option<PathBuf>,
    /// Write the plan as JSON
    #[arg(long)]
    json: bool,
    /// Exit with status 1 if there is something to do
    #[arg(long)]
    exit_code: bool,
    #[command(flatten)]
    connect: Connect,
}

/// The whole answer.
#[derive(Debug, Serialize)]
struct Report {
    /// The file that was compared.
    config: PathBuf,
    /// Whether the daemon has taken a configuration before.
    taken: bool,
    #[serde(flatten)]
    plan: Plan,
    /// Agents that have ended, and that their new policy may start again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    may_start: Vec<String>,
    /// What could not be compared, as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_compared: Option<&'static str>,
}

/// Runs it.
pub fn run(flags: &Flags) -> ExitCode {
    match diff(flags) {
        Ok(code) => code,
        Err(failure) => finish(Err(failure)),
    }
}

fn diff(flags: &Flags) -> Result<ExitCode, Failure> {
    let (health, declared, agents): (Health, Declared, Vec<Agent>) = block_on(async {
        let client = Client::connect(&flags.connect)?;
        Ok((client.health().await?, declared(&client).await?, client.agents().await?))
    })?;
    let salt = declared.salt().ok_or_else(|| Failure::Other("agentd sent a salt that is none".to_owned()))?;
    let sources = sources(flags.file.as_deref(), &health);
    let (loaded, secrets) = load(&sources, &declared);
    let desired = match &loaded.result {
        Ok(desired) => desired,
        Err(_) if flags.json => return mistakes(&sources, &mut io::stderr()),
        Err(_) => return mistakes(&sources, &mut io::stdout()),
    };
    let mut report = compare(sources.config, &declared, desired, salt, secrets);
    report.may_start = may_start(&report.plan, &agents);
    let is_something = !report.plan.agents.is_empty();
    if flags.json {
        output::json(&report)?;
    } else {
        let mut stdout = io::stdout().lock();
        show::write(&report, output::look(), &mut stdout)?;
        stdout.flush()?;
    }
    Ok(if flags.exit_code && is_something { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn declared(client: &Client) -> Result<Declared, Failure> {
    let answer = client.json("/v1/declared").await;
    if let Err(Failure::Refused { status: StatusCode::NOT_FOUND, .. }) = answer {
        let sentence = "the agentd that runs is older than this one, and can't tell what it has taken";
        return Err(Failure::Other(sentence.to_owned()));
    }
    answer
}

/// What the daemon would read, but for the file.
fn sources(file: Option<&Path>, health: &Health) -> Sources {
    let user = Identity::of_user(&health.user).unwrap_or_else(|_| Identity::current());
    let config = file.map_or_else(|| PathBuf::from(&health.config), Path::to_owned);
    Sources {
        secret_dir: Some(PathBuf::from(&health.secret_dir)),
        credentials_dir: health.credentials_dir.as_ref().map(PathBuf::from),
        ..Sources::new(config, user.home)
    }
}

/// Reads it; without the secrets if they are others'. Secrets that the daemon had are kept when their directory goes.
fn load(sources: &Sources, old: &Declared) -> (Loaded, Secrets) {
    let loaded = desired::load(sources);
    if loaded.result.is_ok() {
        let mut fields = old.agents.iter().flatten().flat_map(|agent| agent.fields.keys());
        let gone = loaded.secret_dir == Presence::Absent && fields.any(|field| field.starts_with("secrets."));
        return (loaded, if gone { Secrets::Unread } else { Secrets::Known });
    }
    let without = desired::load(&sources.without_secrets());
    if without.result.is_ok() { (without, Secrets::Unread) } else { (loaded, Secrets::Known) }
}

fn mistakes(sources: &Sources, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let sources = sources.without_secrets();
    check::check(&sources, output::look(), out)?;
    Ok(ExitCode::FAILURE)
}

fn compare(config: PathBuf, old: &Declared, new: &Desired, salt: [u8; 16], secrets: Secrets) -> Report {
    let new = Declared::new(Some(new), salt, Values::Told).agents.unwrap_or_default();
    let agents = old.agents.as_deref().unwrap_or_default();
    let is_variable = |key: &str| key.starts_with("env.") || key.starts_with("secrets.");
    let kept = agents.iter().flat_map(|agent| &agent.fields).any(|(key, value)| value.is_none() && is_variable(key));
    let not_compared = match (secrets, kept) {
        (Secrets::Unread, false) => Some("the secrets can't be read from here, and were not compared"),
        (Secrets::Unread, true) => Some(
            "the secrets can't be read from here, and agentd tells values of env only to root and itself: neither was compared",
        ),
        (Secrets::Known, true) => {
            Some("agentd tells values of secrets and env only to root and itself: only their names were compared")
        }
        (Secrets::Known, false) => None,
    };
    let plan = plan::plan(agents, &new, secrets);
    Report { config, taken: old.agents.is_some(), plan, may_start: Vec::new(), not_compared }
}

/// Whether an end is followed by a restart is asked again when the policy changes. The answer is the daemon's.
fn may_start(plan: &Plan, agents: &[Agent]) -> Vec<String> {
    let has_ended = |name: &str| {
        let state = agents.iter().find(|agent| agent.name == name).map(|agent| agent.state.as_str());
        matches!(state, Some("exited" | "failed" | "timed_out"))
    };
    let asks = |field: &String| matches!(field.as_str(), "restart" | "max_restarts" | "timeout");
    let updates = plan.agents.iter().filter(|change| change.action == Action::Update);
    let may_start = updates.filter(|change| change.fields.iter().any(asks) && has_ended(&change.name));
    may_start.map(|change| change.name.clone()).collect()
}
