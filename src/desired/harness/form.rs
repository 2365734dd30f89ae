//! How a harness is run in one mode.

use std::collections::BTreeMap;

use crate::dialect::Dialect;
use crate::model::{Interrupt, Limits};

use super::{LIMIT, Mode, PROMPT, Permissions, Request, Unsupported};

/// Other names of the options by which programs are told what to print.
const OUTPUTS: [&str; 5] = ["-o", "--output-format", "--format", "--json", "--settings"];

/// Options by which programs are told of a conversation, beside a form's own.
const SESSIONS: [&str; 5] = ["--resume", "--session-id", "--session", "--continue", "--fork-session"];

/// What a program is told that goes on with a conversation, if its form doesn't say.
pub const CONTINUE: &str = "Continue.";

/// How it is run in one mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// Stand right after the program if there is a prompt.
    pub args: Vec<String>,
    /// The same, if there is none.
    pub bare_args: Vec<String>,
    /// Pass the model, which [`super::MODEL`] stands for; empty if it can't be told one.
    pub model: Vec<String>,
    /// The arguments for each level that there is.
    pub permissions: BTreeMap<Permissions, Vec<String>>,
    /// Pass the prompt, which [`PROMPT`] stands for; empty if it can't be given one.
    pub prompt: Vec<String>,
    /// The same, for one that would be taken for something else.
    pub guarded_prompt: Vec<String>,
    /// Prompts that would be taken for something else, beside those that begin with `-`.
    pub guarded_words: Vec<String>,
    /// Prompts that can't be passed.
    pub refused_prompts: Vec<String>,
    /// Ask it to tell of itself; [`crate::model::AGENTD`] stands for agentd's own program.
    pub event_args: Vec<String>,
    /// Variables to the same end; [`crate::model::HOOKS`] stands for the directory of our files for hooks.
    pub event_env: BTreeMap<String, String>,
    /// What it then writes to its standard output, if that isn't for people any more.
    pub filter: Option<Dialect>,
    /// Have a new conversation be called as agentd calls it, which [`crate::model::SESSION`] stands for.
    pub session_args: Vec<String>,
    /// Have it go on with a conversation. Empty if it can't.
    pub resume_args: Vec<String>,
    /// What it is then told in place of its prompt.
    pub resume_prompt: String,
    /// Others of its arguments that name a conversation.
    pub session_words: Vec<String>,
    /// Tell it how many turns it may take, which [`super::LIMIT`] stands for; empty if it knows no such limit.
    pub max_turns: Vec<String>,
    /// The same of dollars.
    pub max_cost_usd: Vec<String>,
    /// Asks it to end.
    pub interrupt: Interrupt,
    /// It writes to its terminal all the time while it works, and only then.
    pub moves_at_work: bool,
}

impl Form {
    /// A program that is just run.
    pub fn plain() -> Self {
        Self {
            args: Vec::new(),
            bare_args: Vec::new(),
            model: Vec::new(),
            permissions: BTreeMap::new(),
            prompt: Vec::new(),
            guarded_prompt: Vec::new(),
            guarded_words: Vec::new(),
            refused_prompts: Vec::new(),
            event_args: Vec::new(),
            event_env: BTreeMap::new(),
            filter: None,
            session_args: Vec::new(),
            resume_args: Vec::new(),
            resume_prompt: CONTINUE.to_owned(),
            session_words: Vec::new(),
            max_turns: Vec::new(),
            max_cost_usd: Vec::new(),
            interrupt: Interrupt::Sigint,
            moves_at_work: false,
        }
    }

    /// What of a request it can't do in this mode.
    pub fn cannot(&self, mode: Mode, request: &Request, takes_command: bool) -> Vec<Unsupported> {
        let mut unsupported = Vec::new();
        if request.permissions.is_some_and(|level| !self.permissions.contains_key(&level)) {
            unsupported.push(Unsupported::Permissions(mode));
        }
        if request.model.is_some() && self.model.is_empty() {
            unsupported.push(Unsupported::Model(mode));
        }
        match request.prompt {
            Some(_) if self.prompt.is_empty() => unsupported.push(Unsupported::PromptInMode(mode)),
            Some(prompt) if self.refused_prompts.iter().any(|refused| refused.as_bytes() == prompt) => {
                unsupported.push(Unsupported::Prompt);
            }
            None if mode == Mode::Headless && !takes_command => unsupported.push(Unsupported::NoPrompt),
            Some(_) | None => {}
        }
        unsupported
    }

    /// The arguments that tell it what it may use, unless an agent's own do.
    pub fn limits(&self, request: &Request) -> Vec<String> {
        let Limits { turns, cost_micros } = request.limits;
        let turns = turns.map(|turns| turns.to_string());
        let cost = cost_micros.map(|micros| format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000));
        let told = [(&self.max_turns, turns), (&self.max_cost_usd, cost)].into_iter().filter_map(|(args, limit)| {
            let limit = limit.filter(|_| !meets(request.args, &[args], &[]))?;
            Some(args.iter().map(move |arg| arg.replace(LIMIT, &limit)))
        });
        told.flatten().collect()
    }

    /// Whether there is a way to have it tell of itself.
    pub fn has_events(&self) -> bool {
        !self.event_args.is_empty() || !self.event_env.is_empty() || self.filter.is_some()
    }

    /// Whether its own arguments for events would meet others to the same end among an agent's.
    pub fn is_told_otherwise(&self, args: &[&str]) -> bool {
        meets(args, &[&self.event_args], &OUTPUTS)
    }

    /// Whether an agent's own arguments say which conversation is meant.
    pub fn is_told_a_session(&self, args: &[&str]) -> bool {
        meets(args, &[&self.session_args, &self.resume_args], &SESSIONS)
            || args.iter().any(|arg| self.session_words.iter().any(|word| word == name(arg)))
            // Behind it nothing is an option or a subcommand.
            || (self.resumes_by_a_subcommand() && args.contains(&"--"))
    }

    /// Then the agent's own options must stand before it.
    pub fn resumes_by_a_subcommand(&self) -> bool {
        self.resume_args.first().is_some_and(|first| !first.starts_with('-'))
    }

    /// The arguments that pass a prompt.
    pub fn passing(&self, prompt: &[u8]) -> impl Iterator<Item = Vec<u8>> {
        let is_guarded = prompt.starts_with(b"-") || self.guarded_words.iter().any(|word| word.as_bytes() == prompt);
        let words = if is_guarded && !self.guarded_prompt.is_empty() { &self.guarded_prompt } else { &self.prompt };
        words.iter().map(move |word| {
            let mut word = word.clone().into_bytes();
            fill_in(&mut word, prompt);
            word
        })
    }
}

/// Whether options of an agent's are among ours, or among these.
fn meets(args: &[&str], ours: &[&[String]], others: &[&str]) -> bool {
    let options = || ours.iter().copied().flatten().filter(|arg| arg.starts_with('-')).map(|arg| name(arg));
    args.iter().map(|arg| name(arg)).any(|arg| others.contains(&arg) || options().any(|option| option == arg))
}

/// An option without its value.
fn name(arg: &str) -> &str {
    arg.split('=').next().unwrap_or_default()
}

/// Puts the prompt in every place that is held for it; what the prompt itself contains is not looked at.
pub fn fill_in(word: &mut Vec<u8>, prompt: &[u8]) {
    if let Ok(text) = str::from_utf8(word) {
        let parts: Vec<&[u8]> = text.split(PROMPT).map(str::as_bytes).collect();
        *word = parts.join(prompt);
    }
}
