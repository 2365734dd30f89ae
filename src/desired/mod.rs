//! From the disk to [`Desired`], or to every reason why not.
//!
//! [`load`] reads the configuration, the prompt files and the secrets, and answers with a whole that is valid, or with
//! a report; never with a part. "Could not read" is never "empty": the caller keeps the last good `Desired` when a load
//! fails. Only a valid file without agents declares that nothing runs. [`watch`] says when to load again, [`stamp`]
//! whether it would be worth it.
//!
//! It reads and never writes, it never blocks on what it reads, it starts no program, and no value of a secret, of `env`
//! or of another program's section gets into a message.

pub mod diagnostic;
pub mod source;
pub mod stamp;
pub mod watch;

mod argv;
mod config_file;
pub mod duration;
mod environment;
mod extra;
mod fields;
mod fingerprint;
pub mod harness;
mod hops;
mod names;
mod origin;
mod prompt;
pub mod reference;
mod report;
mod secrets_dir;
mod settle;
mod stall;
mod validate;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::{AgentSpec, Desired, Secret, Shutdown};

use diagnostic::{Diagnostic, LoadError, Severity};
use harness::Harnesses;
use report::Reporter;
use stamp::Stamp;
use validate::{Body, Context, Draft};

pub use secrets_dir::Presence;

/// Where to read.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The configuration; prompt files are relative to its directory.
    pub config: PathBuf,
    /// The secrets; none to check a configuration without them.
    pub secret_dir: Option<PathBuf>,
    /// Secrets of the same form that came with the service (systemd.exec(5), `LoadCredential=`). Of two with one name the
    /// directory's counts, as that one can change.
    pub credentials_dir: Option<PathBuf>,
    /// What a prompt file that is missing is.
    pub missing_prompt: MissingPrompt,
    /// What `~` means in a workdir.
    pub agent_home: PathBuf,
}

impl Sources {
    /// A configuration without secrets, whose prompt files are to be there.
    pub fn new(config: PathBuf, agent_home: PathBuf) -> Self {
        Self { config, secret_dir: None, credentials_dir: None, missing_prompt: MissingPrompt::Mistake, agent_home }
    }

    /// The same, without the secrets.
    #[must_use]
    pub fn without_secrets(&self) -> Self {
        Self { secret_dir: None, credentials_dir: None, ..self.clone() }
    }
}

/// What a prompt file that is missing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingPrompt {
    /// A mistake.
    Mistake,
    /// To be there by the time that it is needed: where a configuration is checked, its host's files aren't.
    ToCome,
}

/// Every path whose change may change what is declared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    /// The configuration and the prompt files, present or not.
    pub files: BTreeSet<PathBuf>,
    /// The secrets directory, present or not.
    pub secret_dir: Option<PathBuf>,
    /// The files in it.
    pub secret_files: BTreeSet<PathBuf>,
}

/// What a load found.
#[derive(Debug)]
pub struct Loaded {
    /// What is declared, or every error.
    pub result: Result<Desired, LoadError>,
    /// What costs at most itself.
    pub warnings: Vec<Diagnostic>,
    /// Whether there is a secrets directory. The caller may want to tell one that went from one that was never there.
    pub secret_dir: Presence,
    /// What to watch until the next load.
    pub paths: Paths,
    /// What was read, to see whether it changed.
    pub stamp: Stamp,
}

impl Loaded {
    /// Makes it a failure, for a reason that only the caller can know.
    pub fn refuse(&mut self, file: &Path, message: &str) {
        let error = Diagnostic::of_file(Severity::Error, file, message);
        match &mut self.result {
            Ok(_) => self.result = Err(LoadError { diagnostics: vec![error] }),
            Err(errors) => errors.diagnostics.push(error),
        }
    }
}

/// Reads everything.
pub fn load(sources: &Sources) -> Loaded {
    let mut stamp = Stamp::default();
    let mut found = Vec::new();
    let mut paths = Paths { secret_dir: sources.secret_dir.clone(), ..Paths::default() };
    let (secret_dir, secrets) = secrets(sources, &mut stamp, &mut paths.secret_files, &mut found);
    paths.files.insert(sources.config.clone());
    let desired = declared(sources, secrets.as_ref(), &mut stamp, &mut paths.files, &mut found);
    diagnostic::sort(&mut found);
    let (errors, warnings): (Vec<_>, Vec<_>) = found.into_iter().partition(|d| d.severity == Severity::Error);
    let result = if errors.is_empty() { Ok(desired) } else { Err(LoadError { diagnostics: errors }) };
    Loaded { result, warnings, secret_dir, paths, stamp }
}

/// What a load is that could not even begin, for a reason that will pass.
pub fn unread(sources: &Sources, error: &std::io::Error) -> Loaded {
    let mut stamp = Stamp::default();
    stamp.note_unread();
    let files = BTreeSet::from([sources.config.clone()]);
    let paths = Paths { files, secret_dir: sources.secret_dir.clone(), ..Paths::default() };
    let message = format!("the configuration can't be read: {error}");
    let diagnostics = vec![Diagnostic::of_file(Severity::Error, &sources.config, message)];
    Loaded { result: Err(LoadError { diagnostics }), warnings: Vec::new(), secret_dir: Presence::Absent, paths, stamp }
}

/// Whether there is a secrets directory, and every secret that there is; none if it isn't to be known.
fn secrets(
    sources: &Sources,
    stamp: &mut Stamp,
    files: &mut BTreeSet<PathBuf>,
    found: &mut Vec<Diagnostic>,
) -> (Presence, Option<BTreeMap<String, Secret>>) {
    let mut secrets: Option<BTreeMap<String, Secret>> = None;
    let mut take = |dir: &Path| {
        let read = secrets_dir::read(dir, stamp).map_err(|error| found.push(*error)).ok()?;
        found.extend(read.warnings);
        secrets.get_or_insert_default().extend(read.secrets);
        Some((read.presence, read.files))
    };
    if let Some(dir) = &sources.credentials_dir {
        // systemd never changes them while a service runs: nothing to watch.
        take(dir);
    }
    let presence = sources.secret_dir.as_ref().map_or(Presence::Absent, |dir| {
        let Some((presence, read)) = take(dir) else { return Presence::Present };
        files.extend(read);
        presence
    });
    (presence, secrets)
}

/// The agents of the configuration. If mistakes were found the result is incomplete.
fn declared(
    sources: &Sources,
    secrets: Option<&BTreeMap<String, Secret>>,
    stamp: &mut Stamp,
    prompt_files: &mut BTreeSet<PathBuf>,
    found: &mut Vec<Diagnostic>,
) -> Desired {
    let source = match config_file::read(&sources.config, stamp) {
        Ok(source) => source,
        Err(error) => {
            found.push(*error);
            return Desired::default();
        }
    };
    let mut reporter = Reporter { source: &source, found: Vec::new() };
    let mut desired = Desired::default();
    if let Some(document) = config_file::parse(&source, &mut reporter) {
        let harnesses = harness::read::read(document.get_ref(), Harnesses::builtin(), &mut reporter);
        let tables = config_file::agents(document.get_ref(), &mut reporter);
        let directory = sources.config.parent().unwrap_or(Path::new(""));
        let mut context = Context {
            reporter: &mut reporter,
            directory,
            home: &sources.agent_home,
            secrets,
            missing_prompt: sources.missing_prompt,
            stamp,
            prompt_files,
            harnesses: &harnesses,
        };
        let drafts: Vec<Draft> =
            tables.into_iter().filter_map(|(header, table)| validate::read(table, header, &mut context)).collect();
        desired = resolve(drafts, &mut reporter);
    }
    found.append(&mut reporter.found);
    desired
}

/// Gives the agents their names and fingerprints.
fn resolve(drafts: Vec<Draft>, reporter: &mut Reporter) -> Desired {
    let (namings, bodies): (Vec<_>, Vec<_>) = drafts.into_iter().map(|draft| (draft.naming, draft.body)).unzip();
    let identities = names::expand(&namings, reporter);
    let mut agents = BTreeMap::new();
    for ((naming, body), identities) in namings.iter().zip(bodies).zip(identities) {
        let Some(Body { launch, policy, nudge, origin }) = body else { continue };
        let origin = Arc::new(origin);
        let harness = Arc::clone(&naming.harness);
        for names::Identity { name, session } in identities {
            let fingerprint = fingerprint::of(&session, &launch);
            let (launch, harness, origin) = (launch.clone(), Arc::clone(&harness), Arc::clone(&origin));
            let nudge = nudge.clone();
            let spec = AgentSpec { name: name.clone(), session, harness, launch, policy, nudge, fingerprint, origin };
            agents.insert(name, Arc::new(spec));
        }
    }
    Desired { agents, shutdown: Shutdown::No }
}

#[cfg(test)]
mod tests;
