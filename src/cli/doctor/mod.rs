//! `agentd doctor`: looks for what is wrong on this host, and says what mends it.
//!
//! It changes nothing, needs no daemon and no root (but says what it could not look at without), waits for nothing
//! without an end, and shows no value of a secret. Each topic has a file: it looks, and judges what it saw by a pure
//! function.

mod agentd;
mod agents;
mod cgroups;
mod configuration;
mod dialogs;
mod disk;
mod files;
mod finding;
mod limits;
mod place;
mod program;
mod report;
mod secrets;
mod subject;
mod tmux;
mod users;
mod workdir;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::client::{Connect, block_on};
use super::failure::{Failure, finish};
use super::output;
use crate::desired::Loaded;
use finding::{Finding, Section, Severity};
use place::Place;

/// What can hang is waited for so long.
const LOOK_WITHIN: Duration = Duration::from_secs(5);

/// The flags. What isn't given is as the running daemon says, or as one would find it by itself.
#[derive(Debug, Args)]
pub struct Flags {
    #[command(flatten)]
    connect: Connect,
    /// The declared agents [default: the running daemon's]
    #[arg(long, env = "AGENTD_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The secrets [default: the running daemon's]
    #[arg(long, env = "AGENTD_SECRET_DIR", value_name = "DIR")]
    secret_dir: Option<PathBuf>,
    /// The tmux server's socket [default: the running daemon's]
    #[arg(long, env = "AGENTD_TMUX_SOCKET", value_name = "PATH")]
    tmux_socket: Option<PathBuf>,
    /// The user that agents run as [default: the running daemon's]
    #[arg(long, env = "AGENTD_AGENT_USER", value_name = "USER")]
    agent_user: Option<String>,
    /// The group that may use the API and attach to agents [default: admin]
    #[arg(long, env = "AGENTD_ADMIN_GROUP", value_name = "GROUP")]
    admin_group: Option<String>,
    /// The tmux program
    #[arg(long, env = "AGENTD_TMUX", value_name = "PROGRAM", default_value = "tmux")]
    tmux: PathBuf,
    /// Write the findings as a JSON array
    #[arg(long)]
    json: bool,
}

/// Runs it: exit status 1 if there is a problem.
pub fn run(flags: &Flags) -> ExitCode {
    let place = Place::find(flags);
    let sections = match block_on(async { Ok(examine(&place).await) }) {
        Ok(sections) => sections,
        Err(failure) => return finish(Err(failure)),
    };
    let written = if flags.json {
        let all: Vec<&Finding> = sections.iter().flat_map(|section| &section.findings).collect();
        output::json(&all)
    } else {
        report::write(&sections, style(), &mut io::stdout().lock())
    };
    let has_problem =
        sections.iter().flat_map(|section| &section.findings).any(|finding| finding.severity == Severity::Problem);
    match finish(written.map_err(Failure::from)) {
        ExitCode::SUCCESS if has_problem => ExitCode::FAILURE,
        status => status,
    }
}

async fn examine(place: &Place) -> Vec<Section> {
    let (configuration, loaded) = configuration::load(place);
    let (users, login) = users::look(place).await;
    let declared = loaded.as_ref().and_then(|loaded| loaded.result.as_ref().ok());
    let count = declared.map_or(0, |desired| desired.agents.len());
    let agents = match declared {
        Some(desired) => agents::look(place, desired, login).await,
        None => Vec::new(),
    };
    let section = |title, findings| Section { title, findings };
    vec![
        section("agentd", agentd::look(place)),
        section("tmux", tmux::look(place).await),
        section("users", users),
        section("files", files::look(place, &prompts(place, loaded.as_ref()))),
        section("cgroups", cgroups::look(place)),
        section("limits", limits::look(place, count)),
        section("disks", disk::look(written_to(place, loaded.as_ref()))),
        section("configuration", configuration),
        section("agents", agents),
    ]
}

/// The files that the configuration names.
fn prompts(place: &Place, loaded: Option<&Loaded>) -> Vec<PathBuf> {
    let files = loaded.into_iter().flat_map(|loaded| &loaded.paths.files);
    files.filter(|file| **file != place.config).cloned().collect()
}

/// Where agents and agentd write.
fn written_to(place: &Place, loaded: Option<&Loaded>) -> Vec<PathBuf> {
    let desired = loaded.and_then(|loaded| loaded.result.as_ref().ok());
    let workdirs = desired.into_iter().flat_map(|desired| desired.agents.values().map(|spec| &spec.launch.workdir));
    let mut paths: Vec<PathBuf> = workdirs.cloned().collect();
    let existing = |path: &PathBuf| path.ancestors().find(|dir| dir.is_dir()).map(ToOwned::to_owned);
    paths.extend(place.tmux_socket.as_ref().and_then(existing));
    paths.sort();
    paths.dedup();
    paths
}

fn style() -> report::Style {
    let variable = |name| std::env::var(name).ok();
    let locale = [variable("LC_ALL"), variable("LC_CTYPE"), variable("LANG")];
    let width = io::stdout().is_terminal().then(|| ratatui::crossterm::terminal::size().ok()).flatten();
    report::Style {
        look: output::look(),
        unicode: report::is_unicode(locale.iter().map(Option::as_deref)),
        width: width.map(|(columns, _)| usize::from(columns)),
    }
}
