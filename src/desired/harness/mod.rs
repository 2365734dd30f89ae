//! Harnesses: how each agent program is told its prompt, its model and its permissions, and how it is asked to end.
//!
//! A harness is data. The ones that agentd knows by itself are tables in `builtin.toml`; `[harness.<name>]` in a jcard.toml
//! is a table of the same form, which declares another one or changes what it names of one of these ([`read`]). There is no
//! `if` on a harness's name anywhere but for "custom", whose program is the user's own.
//!
//! The order of an argv is: program, the form's arguments, model, permissions, the agent's `args`, the prompt. A prompt is
//! passed as the user reads in the manual, but where a program would take it for something else (it begins with `-`, or is
//! one of its subcommands) the guarded form is used.

mod form;
mod manner;
pub mod read;
pub mod reference;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::sync::{Arc, LazyLock};

use crate::dialect::{Dialect, screens};
use crate::model::{Interrupt, Limits, Shows};

use form::{Form, fill_in};
pub use manner::Manner;

/// Stands for the prompt in the arguments of a harness, and in those of one that takes a `command`.
pub const PROMPT: &str = "{prompt}";
/// Stands for the model in the arguments of a harness.
pub const MODEL: &str = "{model}";
/// Stands for a limit in the arguments of a harness.
pub const LIMIT: &str = "{limit}";
/// The harness whose program is the user's.
pub const CUSTOM: &str = "custom";

/// Whose questions at a first start are known, for a harness's `prepare_as`. The answers are `cli/first_run`, which a test
/// holds against this.
pub const PREPARED: [&str; 5] = ["claude-code", "codex", "copilot", "gemini-cli", "qwen-code"];

/// What an agent may do without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permissions {
    /// What the harness allows by itself.
    Default,
    /// Change files in the workdir.
    AcceptEdits,
    /// Everything.
    Bypass,
}

impl Permissions {
    /// The words in a configuration, in the order of [`Permissions::ALL`].
    pub const WORDS: [&'static str; 3] = ["default", "accept-edits", "bypass"];
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Default, Self::AcceptEdits, Self::Bypass];
}

/// How an agent meets its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It works on its prompt and ends; nobody is asked.
    Headless,
    /// It keeps its screen, and waits there for whoever attaches.
    Interactive,
}

impl Mode {
    /// The words in a configuration, in the order of [`Mode::ALL`].
    pub const WORDS: [&'static str; 2] = ["headless", "interactive"];
    /// Both.
    pub const ALL: [Self; 2] = [Self::Headless, Self::Interactive];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Headless => "headless",
            Self::Interactive => "interactive",
        }
    }
}

/// One harness.
#[derive(Clone, Debug)]
pub struct Harness {
    /// Its name in a configuration.
    pub name: Arc<str>,
    /// Whether `command` says what to run.
    pub takes_command: bool,
    /// The program that it runs by itself.
    pub program: String,
    /// The secret that it signs in with, and when it does, if that is known.
    pub secret: Option<(String, String)>,
    /// Whose questions at a first start it asks, as `agentd prepare` knows them; none if it knows none of them.
    pub prepare_as: Option<String>,
    /// Variables that it needs to ask none, of which no file can be made.
    pub prepare_env: BTreeMap<String, String>,
    /// How an agent with a prompt runs that doesn't say how. One without a prompt is interactive.
    mode: Mode,
    /// None if it has no such mode.
    headless: Option<Form>,
    interactive: Form,
}

/// The harnesses that an agent can name, in the order in which the manual lists them.
#[derive(Clone, Debug, Default)]
pub struct Harnesses {
    all: Vec<Arc<Harness>>,
    /// Names of those of which the table is wrong, which was reported.
    wrong: BTreeSet<String>,
}

/// Those that agentd knows by itself.
static BUILTIN: LazyLock<Harnesses> = LazyLock::new(read::builtin);

impl Harnesses {
    /// Those that agentd knows by itself.
    pub fn builtin() -> &'static Self {
        &BUILTIN
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Harness> {
        self.all.iter().map(AsRef::as_ref)
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|harness| harness.name.as_ref())
    }

    /// Whether one has this name, and nobody can know what it is.
    pub fn is_wrong(&self, name: &str) -> bool {
        self.wrong.contains(name)
    }

    /// The one with this name.
    pub fn find(&self, name: &str) -> Option<&Arc<Harness>> {
        self.all.iter().find(|harness| *harness.name == *name)
    }
}

/// What an agent asks of its harness.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// How it is to run, if it says.
    pub mode: Option<Mode>,
    /// Program and arguments, if the harness takes them.
    pub command: Option<&'a [&'a str]>,
    /// Further arguments.
    pub args: &'a [&'a str],
    /// The model.
    pub model: Option<&'a str>,
    /// The permissions.
    pub permissions: Option<Permissions>,
    /// What a run may use: told to who knows such limits.
    pub limits: Limits,
    /// The prompt, byte for byte.
    pub prompt: Option<&'a [u8]>,
    /// Whether it is for an agent that goes on with a conversation: then it is told to, in place of its prompt.
    pub resumes: bool,
}

/// The arguments of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argv {
    /// All of them, the program first.
    pub words: Vec<Vec<u8>>,
    /// Where those that agentd chose end: further options can stand here.
    pub options_end: usize,
    /// Where the agent's own end, before those that pass the prompt.
    pub args_end: usize,
}

/// How a harness is asked for its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events<'h> {
    /// Further arguments.
    pub args: &'h [String],
    /// Further variables.
    pub env: &'h BTreeMap<String, String>,
    /// How to read what it then prints.
    pub filter: Option<Dialect>,
}

/// What a harness can't do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsupported {
    /// It doesn't have this mode.
    Mode,
    /// In this mode it needs a prompt.
    NoPrompt,
    /// In this mode it can't be given one.
    PromptInMode(Mode),
    /// It can't be given this very prompt.
    Prompt,
    /// In this mode it can't be told a model.
    Model(Mode),
    /// In this mode it doesn't have this level of permissions.
    Permissions(Mode),
    /// An argument holds the place of a prompt that there isn't.
    Placeholder,
}

impl Harness {
    /// Whether it can be told a model in this mode.
    pub fn has_model(&self, mode: Mode) -> bool {
        self.form(mode).is_some_and(|form| !form.model.is_empty())
    }

    /// Whether it has this mode.
    pub fn has(&self, mode: Mode) -> bool {
        self.form(mode).is_some()
    }

    /// The words for the permissions that it has in a mode.
    pub fn permission_words(&self, mode: Mode) -> Vec<&'static str> {
        let has = |level: &Permissions| self.form(mode).is_some_and(|form| form.permissions.contains_key(level));
        let words = Permissions::ALL.iter().zip(Permissions::WORDS);
        words.filter(|(level, _)| has(level)).map(|(_, word)| word).collect()
    }

    /// The mode of an agent.
    pub fn mode(&self, wanted: Option<Mode>, has_prompt: bool) -> Mode {
        wanted.unwrap_or(if has_prompt { self.mode } else { Mode::Interactive })
    }

    /// Whether there is anything to prepare of it.
    pub fn is_prepared(&self) -> bool {
        self.prepare_as.is_some() || !self.prepare_env.is_empty()
    }

    /// The words for `agentd prepare`: which questions it may ask depends on how it is run.
    pub fn prepare(&self, request: &Request) -> Vec<CString> {
        let Some(name) = &self.prepare_as else { return Vec::new() };
        let mode = self.mode_of(request);
        let manner =
            Manner { is_headless: mode == Mode::Headless, bypasses: request.permissions == Some(Permissions::Bypass) };
        let name = CString::new(name.as_str()).ok();
        name.into_iter().chain(manner.words()).collect()
    }

    /// How it is asked to end, and what its terminal shows of what it does.
    pub fn manners(&self, mode: Mode) -> (Interrupt, Shows) {
        let form = self.form(mode).unwrap_or(&self.interactive);
        let shows = if mode == Mode::Interactive && screens::has_titles(&self.name) {
            Shows::Title
        } else if form.moves_at_work {
            Shows::Motion
        } else {
            Shows::Nothing
        };
        (form.interrupt, shows)
    }

    fn mode_of(&self, request: &Request) -> Mode {
        self.mode(request.mode, request.prompt.is_some())
    }

    fn form_of(&self, request: &Request) -> Option<&Form> {
        self.form(self.mode_of(request))
    }

    fn form(&self, mode: Mode) -> Option<&Form> {
        match mode {
            Mode::Headless => self.headless.as_ref(),
            Mode::Interactive => Some(&self.interactive),
        }
    }

    /// How it is asked for its events, unless an agent's own arguments say otherwise.
    pub fn events(&self, request: &Request) -> Option<Events<'_>> {
        let form = self.form_of(request)?;
        let events = Events { args: &form.event_args, env: &form.event_env, filter: form.filter };
        (form.has_events() && !form.is_told_otherwise(request.args)).then_some(events)
    }

    /// Whether agentd can have it tell what it does in this mode.
    pub fn has_events(&self, mode: Mode) -> bool {
        self.form(mode).is_some_and(Form::has_events)
    }

    /// How it goes on with a conversation, unless it can't, or an agent's own arguments name one: the arguments that have a
    /// new one be called so, and those that have it go on.
    pub fn sessions(&self, request: &Request) -> Option<(&[String], &[String])> {
        let form = self.form_of(request)?;
        let can = !form.resume_args.is_empty() && !form.is_told_a_session(request.args);
        can.then_some((&form.session_args, &form.resume_args))
    }

    /// The argv of an agent that goes on with a conversation, and where in it the arguments stand that say with which.
    pub fn resumed(&self, request: &Request) -> Option<(Argv, usize)> {
        let form = self.form_of(request)?;
        let argv = self.argv(&Request { resumes: true, ..*request }).ok()?;
        let place = if form.resumes_by_a_subcommand() { argv.args_end } else { argv.options_end };
        Some((argv, place))
    }

    /// The argv, or everything that it can't do.
    pub fn argv(&self, request: &Request) -> Result<Argv, Vec<Unsupported>> {
        let mode = self.mode_of(request);
        let form = self.form(mode).ok_or_else(|| vec![Unsupported::Mode])?;
        let mut unsupported = form.cannot(mode, request, self.takes_command);
        let mut words: Vec<&str> = match request.command {
            Some(command) => command.to_vec(),
            None => vec![&self.program],
        };
        let first = if request.prompt.is_some() { &form.args } else { &form.bare_args };
        words.extend(first.iter().map(String::as_str));
        let model: Vec<String> = request
            .model
            .map(|model| form.model.iter().map(|word| word.replace(MODEL, model)).collect())
            .unwrap_or_default();
        words.extend(model.iter().map(String::as_str));
        let permissions = request.permissions.and_then(|level| form.permissions.get(&level));
        words.extend(permissions.into_iter().flatten().map(String::as_str));
        let limits = form.limits(request);
        words.extend(limits.iter().map(String::as_str));
        let options_end = words.len();
        words.extend(request.args);
        let has_placeholder = self.takes_command && words.iter().skip(1).any(|word| word.contains(PROMPT));
        if has_placeholder && request.prompt.is_none() {
            unsupported.push(Unsupported::Placeholder);
        }
        if !unsupported.is_empty() {
            return Err(unsupported);
        }
        let args_end = words.len();
        let mut argv: Vec<Vec<u8>> = words.into_iter().map(|word| word.as_bytes().to_vec()).collect();
        match request.prompt {
            Some(prompt) if has_placeholder => argv.iter_mut().skip(1).for_each(|word| fill_in(word, prompt)),
            Some(_) if request.resumes => argv.extend(form.passing(form.resume_prompt.as_bytes())),
            Some(prompt) => argv.extend(form.passing(prompt)),
            None => {}
        }
        Ok(Argv { words: argv, options_end, args_end })
    }
}

#[cfg(test)]
mod tests;
