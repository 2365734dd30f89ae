//! `agentd prepare`: answers ahead what an agent's program asks at its first start in this directory.
//!
//! It is run in the agent's place, as its user, in its workdir and with its environment, right before the agent is. It only
//! fills in what is missing ([`first_run`]), says nothing if all is well, and else a line for each thing that it could not
//! do, which shows in the agent's pane. It never fails a start: nobody looks at its exit status but people.

mod edit;
mod json;
mod toml;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::first_run::document::{LONGEST, Place};
use super::first_run::{self, Asked, Seed, Start, Weight};
use super::output::harmless;
use crate::desired::harness::Manner;
use crate::sys::identity::{Identity, is_root};
use crate::sys::replace_file::Held;

/// A file that changes each time that it is looked at is given up on.
const ATTEMPTS: usize = 20;

/// The flags.
#[derive(Debug, Args)]
pub struct Flags {
    /// Whose questions are answered
    harness: String,
    /// How the agent is run
    #[arg(allow_hyphen_values = true, trailing_var_arg = true)]
    manner: Vec<std::ffi::OsString>,
}

/// Runs it.
pub fn run(flags: &Flags) -> ExitCode {
    let failures = prepare(flags);
    let mut stderr = io::stderr().lock();
    for failure in &failures {
        // Nobody is there to be told that the pane is gone.
        let _ = writeln!(stderr, "agentd prepare: {}", harmless(failure));
    }
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Does it, and says what it could not do.
fn prepare(flags: &Flags) -> Vec<String> {
    let variable = |name: &str| std::env::var_os(name);
    let home = variable("HOME").filter(|home| !home.is_empty());
    let home = home.map_or_else(|| Identity::current().home, PathBuf::from);
    if let Some(owner) = foreign_home(&home) {
        return vec![format!("{} belongs to user {owner}, and root leaves it alone", home.display())];
    }
    // Without links, as the programs themselves name it.
    let workdir = match std::env::current_dir() {
        Ok(workdir) => workdir,
        Err(error) => return vec![format!("the workdir is unknown: {error}")],
    };
    let manner = Manner::of_words(flags.manner.iter().map(|word| word.as_bytes()));
    let asked = first_run::asked(&flags.harness, &Start { home, workdir, manner, variable: &variable });
    answer(&asked)
}

/// The owner of a home that is not to be touched: root would leave files in it that its owner can't change.
fn foreign_home(home: &std::path::Path) -> Option<u32> {
    let owner = home.metadata().ok()?.uid();
    (is_root() && owner != 0).then_some(owner)
}

fn answer(asked: &Asked) -> Vec<String> {
    let broken = asked.broken.iter().map(|broken| format!("{broken}, and is left as it is"));
    let mut failures: Vec<String> = broken.collect();
    let left = asked.asks.iter().filter(|ask| ask.weight == Weight::Waits && !ask.is_answerable());
    failures.extend(left.map(|ask| format!("{}; nothing answers that ahead", ask.what)));
    let mut files: BTreeMap<&PathBuf, (&Place, Vec<&Seed>)> = BTreeMap::new();
    for seed in asked.asks.iter().flat_map(|ask| &ask.seeds).filter(|seed| seed.is_missing) {
        files.entry(&seed.place.path).or_insert((&seed.place, Vec::new())).1.push(seed);
    }
    for (place, seeds) in files.into_values() {
        if let Err(why) = plant(place, &seeds) {
            failures.push(format!("{} {why}", place.path.display()));
        }
    }
    failures
}

/// Puts the seeds into their file, where still nothing is.
fn plant(place: &Place, seeds: &[&Seed]) -> Result<(), String> {
    let held = Held::take(&place.path, LONGEST, place.is_locked).map_err(|error| error.to_string())?;
    for _ in 0..ATTEMPTS {
        let seen = held.read().map_err(|error| error.to_string())?;
        // Looked at again after it was replaced: somebody who knows no lock may have put the old one back.
        let Some(new) = edit::plant(place.format, seen.as_deref(), seeds)? else { return Ok(()) };
        held.replace(seen.as_deref(), &new).map_err(|error| error.to_string())?;
    }
    Err("changes all the time, and is left as it is".to_owned())
}

#[cfg(test)]
mod tests;
