//! `agentd init [HARNESS] [FILE]`: a jcard.toml to begin with, in which every field is explained.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::desired::harness::{Harness, Harnesses, Mode};
use crate::desired::reference::{Field, Kind, Preset, REFERENCE};

use super::SECRET_DIR;
use super::failure::{Failure, finish};

/// The flags.
#[derive(Debug, Args)]
pub struct Flags {
    /// The agent program
    #[arg(default_value = "claude-code", value_parser = PossibleValuesParser::new(Harnesses::builtin().names()))]
    harness: String,
    /// Where to write it; a file that exists is left alone [default: standard output]
    file: Option<PathBuf>,
    /// What the agent is to do; without it, it is interactive
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,
    /// Replace the file if it exists
    #[arg(long, requires = "file")]
    force: bool,
}

/// Runs it.
pub fn run(flags: &Flags) -> ExitCode {
    finish(write(flags))
}

fn write(flags: &Flags) -> Result<(), Failure> {
    let Some(harness) = Harnesses::builtin().find(&flags.harness) else {
        return Err(Failure::Other(format!("there is no harness {:?}", flags.harness)));
    };
    let text = starter(harness, flags.prompt.as_deref());
    let mut stdout = io::stdout().lock();
    let Some(file) = &flags.file else {
        stdout.write_all(text.as_bytes())?;
        return Ok(stdout.flush()?);
    };
    save(file, &text, flags.force)?;
    let file = file.display();
    writeln!(stdout, "wrote {file}; see `agentd check {file}`, then `agentd --config {file}`")?;
    Ok(())
}

fn save(file: &Path, text: &str, force: bool) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::System { what: format!("write {}", file.display()), error };
    if !force {
        return match std::fs::OpenOptions::new().write(true).create_new(true).open(file) {
            Ok(mut created) => created.write_all(text.as_bytes()).map_err(failed),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(Failure::Other(format!("{} exists and is left as it is; --force replaces it", file.display())))
            }
            Err(error) => Err(failed(error)),
        };
    }
    // A daemon that watches the file sees the old one or the new one.
    let mut new = file.as_os_str().to_owned();
    new.push(".new");
    std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, file)).map_err(failed)
}

/// The file.
pub fn starter(harness: &Harness, prompt: Option<&str>) -> String {
    let mut text = String::from(
        "# What agentd keeps running. A field behind a # is shown with its default, or else with an example.\n\
         # agentd takes a change of this file at once; `agentd check FILE` finds mistakes before it does.\n\
         # For help in an editor: agentd schema > jcard.schema.json, and this as the first line:\n\
         #   #:schema ./jcard.schema.json\n\n[[agents]]\n",
    );
    let mode = harness.mode(None, prompt.is_some());
    for field in REFERENCE.iter().filter(|field| has(harness, mode, field)) {
        explain(harness, mode, field, &mut text);
        let value = match (field.name, prompt) {
            ("prompt", Some(prompt)) => Some(quoted(prompt)),
            _ => wanted(harness, field),
        };
        let (mark, value) = match (value, &field.preset) {
            (Some(value), _) => ("", value),
            (None, Preset::Value(value)) => ("# ", (*value).to_owned()),
            (None, Preset::Required | Preset::Else(_)) => ("# ", example(harness, mode, field)),
        };
        let _ = writeln!(text, "{mark}{} = {value}\n", field.name);
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// Whether the field is of use with this harness.
fn has(harness: &Harness, mode: Mode, field: &Field) -> bool {
    match field.name {
        "mode" => harness.has(Mode::Headless) && !harness.takes_command,
        "command" => harness.takes_command,
        "model" => harness.has_model(mode),
        "permissions" => !harness.permission_words(mode).is_empty(),
        "prepare" => harness.is_prepared(),
        "events" => harness.has_events(mode),
        // There is one type.
        "type" => false,
        _ => true,
    }
}

/// What must, or should, be said for this harness.
fn wanted(harness: &Harness, field: &Field) -> Option<String> {
    match field.name {
        "harness" => Some(quoted(&harness.name)),
        "command" => Some("[\"my-agent\"]".to_owned()),
        "secrets" => harness.secret.as_ref().map(|(secret, _)| format!("[{}]", quoted(secret))),
        _ => None,
    }
}

fn example(harness: &Harness, mode: Mode, field: &Field) -> String {
    match field.name {
        "mode" => quoted(mode.word()),
        "permissions" => harness.permission_words(mode).first().map(|word| quoted(word)).unwrap_or_default(),
        "name" | "session" => quoted(&harness.name),
        _ => field.examples.first().copied().unwrap_or_default().to_owned(),
    }
}

/// The comment above a field.
fn explain(harness: &Harness, mode: Mode, field: &Field, text: &mut String) {
    let mut sentences = vec![field.meaning.replace("; not for \"custom\"", "")];
    match (&field.kind, &field.preset) {
        (Kind::Word(words) | Kind::Name(words), preset) => {
            let of_harness = |word: &str| field.name != "permissions" || harness.permission_words(mode).contains(&word);
            let words = words().into_iter().filter(|(word, _)| of_harness(word));
            let words: Vec<String> = words.map(|(word, meaning)| format!("{} ({meaning})", quoted(word))).collect();
            if field.name != "harness" {
                sentences.push(format!("One of {}.", words.join(", ")));
            }
            if let Preset::Else(words) = preset {
                sentences.push(format!("Default: {words}."));
            }
        }
        (_, Preset::Else(words)) if wanted(harness, field).is_none() => sentences.push(format!("Default: {words}.")),
        (_, Preset::Required | Preset::Value(_) | Preset::Else(_)) => {}
    }
    if let (Some((secret, when)), "secrets") = (&harness.secret, field.name) {
        sentences.push(format!("{secret} is the content of {SECRET_DIR}/{secret}: {when}."));
    }
    for line in wrap(&sentences.join(" "), 98) {
        let _ = writeln!(text, "# {line}");
    }
}

/// Lines of at most `width` characters, broken at spaces.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A text as a TOML string: one of JSON, but for DEL.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\x7f', "\\u007F")
}
