//! One agent's table, field by field: its defaults, its rules, and every mistake in it at once.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use toml::de::DeTable;

use crate::model::{Interrupt, Launch, Limits, Origin, Policy, Restart, Secret, Shows, Stall};

use super::diagnostic::Severity;
use super::fields::{AGENT, Fields};
use super::harness::{Harness, Harnesses, Mode};
use super::names::Naming;
use super::report::Reporter;
use super::stamp::Stamp;
use super::{MissingPrompt, argv, environment, origin, prompt, stall};

const DEFAULT_WORKDIR: &str = "/home/agent/workspace";
const DEFAULT_BACKOFF: Duration = Duration::from_secs(3);
const DEFAULT_BACKOFF_MAX: Duration = Duration::from_secs(60);
const DEFAULT_GRACE_PERIOD: Duration = Duration::from_secs(30);
/// How many replicas one agent may have.
pub const MAX_REPLICAS: u32 = 4096;
/// The words for a type; the second one isn't supported.
pub const TYPES: [&str; 2] = ["native", "sandboxed"];
/// The words for a restart policy.
pub const RESTARTS: [&str; 3] = ["no", "on-failure", "always"];
/// The words for what a restart does about the conversation; the second one is never to go on with it.
pub const RESUMES: [&str; 2] = ["auto", "never"];

/// What a table is read against, and what the reading leaves.
#[derive(Debug)]
pub struct Context<'c, 's> {
    /// Collects the mistakes.
    pub reporter: &'c mut Reporter<'s>,
    /// The configuration's directory, to which prompt files are relative.
    pub directory: &'c Path,
    /// The agent user's home, for `~`.
    pub home: &'c Path,
    /// Every secret that there is; nothing if that isn't known.
    pub secrets: Option<&'c BTreeMap<String, Secret>>,
    /// What a prompt file that is missing is.
    pub missing_prompt: MissingPrompt,
    /// Notes every file that is looked at.
    pub stamp: &'c mut Stamp,
    /// The prompt files, to be watched.
    pub prompt_files: &'c mut BTreeSet<PathBuf>,
    /// Those that it may name.
    pub harnesses: &'c Harnesses,
}

/// An agent before its names are unique. Worth nothing if mistakes were reported.
#[derive(Debug)]
pub struct Draft<'t> {
    /// What it says of its names.
    pub naming: Naming<'t>,
    /// What is run and how it is kept, if that could be made.
    pub body: Option<Body>,
}

/// What is run and how it is kept.
#[derive(Debug)]
pub struct Body {
    pub launch: Launch,
    pub policy: Policy,
    pub nudge: Option<Arc<str>>,
    pub origin: Origin,
}

/// Reads one agent; nothing without a harness.
pub fn read<'t>(table: &'t DeTable<'t>, header: Range<usize>, context: &mut Context) -> Option<Draft<'t>> {
    let fields = Fields::new(table, &AGENT, context.reporter);
    // Of `{ … }` nothing may be shown; of a header all.
    let inline = context.reporter.source.text[header.start..].starts_with('{');
    let header = (header.clone(), if inline { header.start..header.start } else { header });
    let harness = read_harness(&fields, &header, context);
    read_type(&fields, context);
    let name = fields.string("name", context.reporter);
    let session = fields.string("session", context.reporter);
    let replicas = fields.integer("replicas", 1..=MAX_REPLICAS, context.reporter).unwrap_or(1);
    let prompt = prompt::read(&fields, context);
    let mode = fields.word("mode", &Mode::WORDS, context.reporter);
    let mode = mode.and_then(|(_, index)| Mode::ALL.get(index).copied());
    let manners = harness.map(|harness| harness.manners(harness.mode(mode, prompt.is_some())));
    let (stall, nudge) = stall::read(&fields, context.reporter).unzip();
    let policy = read_policy(&fields, manners, stall, context);
    let limits = policy.map(|policy| policy.limits).unwrap_or_default();
    let argv = argv::read(&fields, harness, mode, limits, prompt.as_ref(), context);
    let prepared = read_prepare(&fields, harness, context);
    let is_silent = fields.flag("events", context.reporter).is_some_and(|(_, is_wanted)| !is_wanted);
    let workdir = read_workdir(&fields, context);
    let mut env = environment::read(&fields, context);
    let added = prepared.map(|harness| environment::prepare(&mut env, harness)).unwrap_or_default();
    let launch = argv.zip(workdir).map(|((argv, prepare, extra), workdir)| {
        let prepare = if prepared.is_some() { prepare } else { Vec::new() };
        let extra = if is_silent { extra.silent() } else { extra };
        Launch { argv, workdir, env, prepare, extra }
    });
    let naming = Naming { header, name, harness: Arc::clone(&harness?.name), session, replicas };
    // A name that is there but no string must not make the agent look unnamed.
    if fields.entry("name").is_some() && name.is_none() {
        return None;
    }
    let mut origin = origin::of(&fields, prompt.as_ref());
    origin.env.extend(added);
    let nudge = nudge.flatten();
    let body = launch.zip(policy).map(|(launch, policy)| Body { launch, policy, nudge, origin });
    Some(Draft { naming, body })
}

fn read_harness<'c>(
    fields: &Fields,
    header: &(Range<usize>, Range<usize>),
    context: &mut Context<'c, '_>,
) -> Option<&'c Harness> {
    let names: Vec<&str> = context.harnesses.names().collect();
    if fields.entry("harness").is_none() {
        let label = format!("expected harness = one of {}", names.join(", "));
        let message = "this agent has no harness";
        let diagnostic = context.reporter.at(Severity::Error, header.0.clone(), header.1.clone(), message, label);
        diagnostic.help.push("write harness = \"claude-code\"".to_owned());
        return None;
    }
    let word = fields.entry("harness").and_then(|entry| entry.value.get_ref().as_str());
    if word.is_some_and(|word| context.harnesses.is_wrong(word)) {
        return None;
    }
    let (_, index) = fields.word("harness", &names, context.reporter)?;
    context.harnesses.iter().nth(index)
}

/// The harness of an agent of which something is prepared.
fn read_prepare<'h>(fields: &Fields, harness: Option<&'h Harness>, context: &mut Context) -> Option<&'h Harness> {
    let (entry, is_wanted) = fields.flag("prepare", context.reporter)?;
    let harness = harness.filter(|_| is_wanted)?;
    if !harness.is_prepared() {
        let message = format!("agentd knows nothing to prepare for harness {:?}", &*harness.name);
        context.reporter.at(Severity::Warning, entry.span(), entry.harmless(), message, "does nothing here");
    }
    Some(harness)
}

fn read_type(fields: &Fields, context: &mut Context) {
    if let Some((entry, 1)) = fields.word("type", &TYPES, context.reporter) {
        let message = "type \"sandboxed\" is not supported by this build yet";
        let diagnostic = context.reporter.error(&entry, message, "not supported by this build yet");
        diagnostic.help.push("write type = \"native\"".to_owned());
    }
}

fn read_policy(
    fields: &Fields,
    manners: Option<(Interrupt, Shows)>,
    stall: Option<Stall>,
    context: &mut Context,
) -> Option<Policy> {
    let reporter = &mut *context.reporter;
    let restart = match fields.word("restart", &RESTARTS, reporter) {
        Some((_, 1)) => Restart::OnFailure,
        Some((_, 2)) => Restart::Always,
        Some(_) | None => Restart::No,
    };
    let max_restarts = fields.integer("max_restarts", 0..=u32::MAX, reporter).unwrap_or(0);
    let (backoff, backoff_max) = read_backoff(fields, reporter);
    let timeout = stall::some_time(fields, "timeout", "the agent would be stopped at once", reporter);
    let turns = fields.integer("max_turns", 1..=u32::MAX, reporter).and_then(NonZeroU32::new);
    let limits = Limits { turns, cost_micros: fields.dollars("max_cost_usd", reporter) };
    let grace_period = fields.duration("grace_period", reporter);
    let startup_deadline = stall::some_time(fields, "startup_deadline", "the agent would be stopped at once", reporter);
    let (interrupt, shows) = manners?;
    Some(Policy {
        restart,
        max_restarts: NonZeroU32::new(max_restarts),
        backoff,
        backoff_max,
        timeout,
        limits,
        grace_period: grace_period.map_or(DEFAULT_GRACE_PERIOD, |(_, period)| period),
        interrupt,
        shows,
        startup_deadline,
        stall,
    })
}

/// Who sets only one of both means the other to fit: the default of the other is moved, and is no mistake.
fn read_backoff(fields: &Fields, reporter: &mut Reporter) -> (Duration, Duration) {
    match (fields.duration("backoff", reporter), fields.duration("backoff_max", reporter)) {
        (None, None) => (DEFAULT_BACKOFF, DEFAULT_BACKOFF_MAX),
        (Some((_, backoff)), None) => (backoff, DEFAULT_BACKOFF_MAX.max(backoff)),
        (None, Some((_, max))) => (DEFAULT_BACKOFF.min(max), max),
        (Some((first, backoff)), Some((entry, max))) => {
            if max < backoff {
                let other = reporter.spot(first.span(), first.harmless(), "the first delay");
                let diagnostic = reporter.error(&entry, "backoff_max is shorter than backoff", "the longest delay");
                diagnostic.other = Some(other);
            }
            (backoff, max)
        }
    }
}

fn read_workdir(fields: &Fields, context: &mut Context) -> Option<PathBuf> {
    if fields.entry("workdir").is_none() {
        return Some(DEFAULT_WORKDIR.into());
    }
    let (entry, text) = fields.string("workdir", context.reporter)?;
    if text.starts_with('/') {
        return Some(text.into());
    }
    match text.strip_prefix('~').map(|rest| (rest, rest.strip_prefix('/'))) {
        Some(("", None)) => Some(context.home.to_owned()),
        // A further slash would make the rest absolute, and lose the home.
        Some((_, Some(below))) => Some(context.home.join(below.trim_start_matches('/'))),
        Some(_) | None => {
            let message = format!("workdir {text:?} is not an absolute path");
            let label = "expected a path that starts with / or ~/";
            context.reporter.error(&entry, message, label);
            None
        }
    }
}
