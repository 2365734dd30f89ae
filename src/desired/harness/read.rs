//! Reads `[harness.<name>]`: each table is laid over the harness that has its name already, field by field.

use std::collections::BTreeMap;
use std::mem::take;
use std::path::Path;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::super::config_file;
use super::super::diagnostic::Severity;
use super::super::environment;
use super::super::fields::{Entry, Fields, TableKind, entries, type_name};
use super::super::report::Reporter;
use super::super::source::Source;
use super::form::Form;
use super::{CUSTOM, Harness, Harnesses, LIMIT, MODEL, Mode, PREPARED, PROMPT, Permissions};
use crate::dialect::Dialect;
use crate::model::{AgentName, HOOK_FILES, HOOKS, Interrupt, SESSION, hooks_are_among};

/// A harness's table.
pub static HARNESS: TableKind = TableKind {
    what: "a harness",
    fields: &[
        "program",
        "secret",
        "secret_note",
        "prepare_as",
        "prepare_env",
        "mode",
        "model",
        "permissions",
        "headless",
        "interactive",
    ],
    hidden: &["prepare_env"],
};

/// How it is run in one mode.
pub static FORM: TableKind = TableKind {
    what: "a harness's mode",
    fields: &[
        "args",
        "bare_args",
        "model",
        "permissions",
        "prompt",
        "guarded_prompt",
        "guarded_words",
        "refused_prompts",
        "event_args",
        "event_env",
        "filter",
        "session_args",
        "resume_args",
        "resume_prompt",
        "session_words",
        "max_turns",
        "max_cost_usd",
        "interrupt",
        "moves_at_work",
    ],
    hidden: &["event_env"],
};

/// The levels of permissions that it has.
pub static PERMISSIONS: TableKind =
    TableKind { what: "the permissions of a harness", fields: &Permissions::WORDS, hidden: &[] };

/// The words for an interrupt. tmux's name of the key that is typed, as often as it is.
pub const INTERRUPTS: [(&str, Interrupt); 5] = [
    ("SIGINT", Interrupt::Sigint),
    ("SIGTERM", Interrupt::Sigterm),
    ("C-c", Interrupt::TypeCtrlC(1)),
    ("C-c C-c", Interrupt::TypeCtrlC(2)),
    ("C-c C-c C-c", Interrupt::TypeCtrlC(3)),
];

/// Those that agentd knows by itself. That nothing is wrong with them is tested.
pub fn builtin() -> Harnesses {
    builtin_from(include_str!("builtin.toml")).0
}

/// The same from another text, and whether it is right.
pub fn builtin_from(text: &str) -> (Harnesses, bool) {
    let source = Source::new(Path::new("builtin.toml"), text.to_owned());
    let mut reporter = Reporter { source: &source, found: Vec::new() };
    let document = config_file::parse(&source, &mut reporter);
    let none = Harnesses::default();
    let mut read = document.map(|document| read(document.get_ref(), &none, &mut reporter)).unwrap_or_default();
    read.all.push(Arc::new(custom()));
    (read, reporter.found.is_empty())
}

/// Any other program: its command says how it is run.
fn custom() -> Harness {
    let form = Form { prompt: vec![PROMPT.to_owned()], ..Form::plain() };
    Harness {
        name: CUSTOM.into(),
        takes_command: true,
        program: "agent".to_owned(),
        secret: None,
        prepare_as: None,
        prepare_env: BTreeMap::new(),
        mode: Mode::Headless,
        headless: Some(form.clone()),
        interactive: form,
    }
}

/// The known harnesses with those of a document.
pub fn read(document: &DeTable, known: &Harnesses, reporter: &mut Reporter) -> Harnesses {
    let mut harnesses = known.clone();
    let Some(entry) = entries(document).remove("harness") else { return harnesses };
    let DeValue::Table(tables) = entry.value.get_ref() else {
        let found = type_name(entry.value.get_ref());
        let message = format!("harness is {found} here, which is ignored: an agent's stands in its own table");
        let at = entry.key_span();
        reporter.at(Severity::Warning, at.clone(), at, message, "expected [harness.NAME], or nothing");
        return harnesses;
    };
    let mut tables: Vec<Entry> = entries(tables).into_values().collect();
    // As they stand in the file.
    tables.sort_by_key(|entry| entry.key_span().start);
    for entry in tables {
        let place = harnesses.all.iter().position(|harness| *harness.name == *entry.key);
        let base = place.and_then(|place| harnesses.all.get(place));
        let Some(harness) = read_one(&entry, base.map(AsRef::as_ref), reporter) else {
            harnesses.wrong.insert(entry.key.to_owned());
            continue;
        };
        match place.and_then(|place| harnesses.all.get_mut(place)) {
            Some(known) => *known = Arc::new(harness),
            None => harnesses.all.push(Arc::new(harness)),
        }
    }
    harnesses
}

fn read_one(entry: &Entry, base: Option<&Harness>, reporter: &mut Reporter) -> Option<Harness> {
    let before = reporter.found.len();
    let place = entry.key_span();
    let mut error = |message: String, label: &str| {
        reporter.at(Severity::Error, place.clone(), place.clone(), message, label);
    };
    let DeValue::Table(table) = entry.value.get_ref() else {
        error(format!("harness {:?} is {}", entry.key, type_name(entry.value.get_ref())), "expected a table");
        return None;
    };
    if base.is_some_and(|base| base.takes_command) {
        error(format!("harness {CUSTOM:?} can't be changed: its agents' command says all"), "expected another name");
        return None;
    }
    // Agents without a name of their own are called like it.
    if let Err(wrong) = AgentName::new(entry.key) {
        error(
            format!("{:?} is not a valid name of a harness: it {wrong}", entry.key),
            "expected the name of a program",
        );
        return None;
    }
    let fields = Fields::new(table, &HARNESS, reporter);
    let program = fields.string("program", reporter);
    let Some(program) = program.map(|(_, program)| program.to_owned()).or(base.map(|base| base.program.clone())) else {
        if fields.entry("program").is_none() {
            let message = format!("harness {:?} names no program", entry.key);
            reporter.at(Severity::Error, place.clone(), place, message, "expected program = \"…\" in its table");
        }
        return None;
    };
    if let Some(entry) = fields.entry("program").filter(|_| program.is_empty()) {
        reporter.error(&entry, "program is empty", "expected a program");
    }
    let secret = fields.string("secret", reporter).map(|(_, secret)| secret.to_owned());
    let note = fields.string("secret_note", reporter).map(|(_, note)| note.to_owned());
    let (known_secret, known_note) = base.and_then(|base| base.secret.clone()).unzip();
    let secret = secret.or(known_secret).map(|secret| {
        let note = note.or(known_note).unwrap_or_else(|| format!("{program} signs in with it"));
        (secret, note)
    });
    let prepare_as = fields.word("prepare_as", &PREPARED, reporter).and_then(|(_, index)| PREPARED.get(index).copied());
    let prepare_as = prepare_as.map(ToOwned::to_owned).or(base.and_then(|base| base.prepare_as.clone()));
    let prepare_env = environment::variables(&fields, "prepare_env", reporter)
        .or(base.map(|base| base.prepare_env.clone()))
        .unwrap_or_default();
    let headless = base.and_then(|base| base.headless.as_ref());
    let has_headless = headless.is_some() || fields.entry("headless").is_some();
    let common = Common::read(&fields, reporter);
    let headless = has_headless.then(|| read_form("headless", headless, &common, &fields, reporter));
    let interactive = base.map(|base| &base.interactive);
    let interactive = read_form("interactive", interactive, &common, &fields, reporter);
    let mode = fields.word("mode", &Mode::WORDS, reporter);
    if let Some((entry, _)) = mode.filter(|(_, index)| *index == 0 && headless.is_none()) {
        reporter.error(&entry, "mode is headless, and there is no table headless", "expected [harness.NAME.headless]");
    }
    let known = base.map(|base| base.mode);
    let usual = if headless.is_some() { Mode::Headless } else { Mode::Interactive };
    let mode = mode.and_then(|(_, index)| Mode::ALL.get(index).copied()).or(known).unwrap_or(usual);
    let name = entry.key.into();
    let harness =
        Harness { name, takes_command: false, program, secret, prepare_as, prepare_env, mode, headless, interactive };
    reporter.found.iter().skip(before).all(|found| found.severity != Severity::Error).then_some(harness)
}

/// What stands in the harness's own table holds for both modes, unless the mode's says otherwise.
fn read_form(key: &str, base: Option<&Form>, common: &Common, harness: &Fields, reporter: &mut Reporter) -> Form {
    let mut form = base.cloned().unwrap_or_else(Form::plain);
    common.lay_over(&mut form);
    let Some(fields) = harness.table(key, &FORM, reporter) else { return form };
    Common::read(&fields, reporter).lay_over(&mut form);
    let args = texts(&fields, "args", None, reporter);
    if let Some(bare) = texts(&fields, "bare_args", None, reporter).or_else(|| args.clone()) {
        form.bare_args = bare;
    }
    form.args = args.unwrap_or(form.args);
    let prompt = texts(&fields, "prompt", Some(PROMPT), reporter);
    let guarded = texts(&fields, "guarded_prompt", Some(PROMPT), reporter);
    if let Some(prompt) = prompt {
        form.prompt = prompt;
        // The old one belongs to the old way.
        form.guarded_prompt = Vec::new();
    }
    form.guarded_prompt = guarded.unwrap_or(form.guarded_prompt);
    form.guarded_words = texts(&fields, "guarded_words", None, reporter).unwrap_or(form.guarded_words);
    form.refused_prompts = texts(&fields, "refused_prompts", None, reporter).unwrap_or(form.refused_prompts);
    if let Some(args) = texts(&fields, "event_args", None, reporter) {
        form.event_args = args;
        // The old one reads what the old arguments have it print.
        form.filter = None;
    }
    form.event_env = event_env(&fields, reporter).unwrap_or(form.event_env);
    form.max_turns = texts(&fields, "max_turns", Some(LIMIT), reporter).unwrap_or(form.max_turns);
    form.max_cost_usd = texts(&fields, "max_cost_usd", Some(LIMIT), reporter).unwrap_or(form.max_cost_usd);
    let words = Dialect::ALL.map(Dialect::as_str);
    if let Some((_, index)) = fields.word("filter", &words, reporter) {
        form.filter = Dialect::ALL.get(index).copied();
    }
    read_sessions(&mut form, &fields, reporter);
    let words = INTERRUPTS.map(|(word, _)| word);
    if let Some((_, index)) = fields.word("interrupt", &words, reporter) {
        form.interrupt = INTERRUPTS.get(index).map_or(form.interrupt, |(_, interrupt)| *interrupt);
    }
    form.moves_at_work = fields.flag("moves_at_work", reporter).map_or(form.moves_at_work, |(_, moves)| moves);
    form
}

fn read_sessions(form: &mut Form, fields: &Fields, reporter: &mut Reporter) {
    if let Some(args) = texts(fields, "resume_args", Some(SESSION), reporter) {
        form.resume_args = args;
        // The old ones belong to the old way.
        form.session_args = Vec::new();
    }
    form.session_args = texts(fields, "session_args", Some(SESSION), reporter).unwrap_or(take(&mut form.session_args));
    form.session_words = texts(fields, "session_words", None, reporter).unwrap_or(take(&mut form.session_words));
    if let Some((_, prompt)) = fields.string("resume_prompt", reporter) {
        prompt.clone_into(&mut form.resume_prompt);
    }
}

/// The fields that both kinds of table have.
struct Common {
    model: Option<Vec<String>>,
    permissions: BTreeMap<Permissions, Vec<String>>,
}

impl Common {
    fn read(fields: &Fields, reporter: &mut Reporter) -> Self {
        let model = texts(fields, "model", Some(MODEL), reporter);
        let levels = fields.table("permissions", &PERMISSIONS, reporter);
        let level = |(level, word)| Some((level, texts(levels.as_ref()?, word, None, reporter)?));
        let permissions = Permissions::ALL.into_iter().zip(Permissions::WORDS).filter_map(level).collect();
        Self { model, permissions }
    }

    fn lay_over(&self, form: &mut Form) {
        if let Some(model) = &self.model {
            form.model.clone_from(model);
        }
        form.permissions.extend(self.permissions.clone());
    }
}

/// Variables in which nothing but a file that agentd has is said to be in the directory of its files.
fn event_env(fields: &Fields, reporter: &mut Reporter) -> Option<BTreeMap<String, String>> {
    let env = environment::variables(fields, "event_env", reporter)?;
    let entry = fields.entry("event_env");
    for name in env.iter().filter(|(_, value)| !hooks_are_among(&HOOK_FILES, value)).map(|(name, _)| name) {
        let message = format!("event_env.{name} names no file that agentd has in {HOOKS}");
        if let Some(entry) = &entry {
            reporter.error(entry, message, format!("expected {HOOKS}/ and one of {}", HOOK_FILES.join(", ")));
        }
    }
    Some(env)
}

/// A list of strings, of which one must hold a place, unless there are none.
fn texts(fields: &Fields, key: &str, place: Option<&str>, reporter: &mut Reporter) -> Option<Vec<String>> {
    let strings = fields.strings(key, reporter)?;
    if let Some(place) = place
        && !strings.texts.is_empty()
        && !strings.texts.iter().any(|text| text.contains(place))
    {
        let message = format!("none of {key} contains {place}");
        reporter.error(&strings.entry, message, format!("expected {place} where it is to stand"));
    }
    Some(strings.texts.into_iter().map(ToOwned::to_owned).collect())
}
