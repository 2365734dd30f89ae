//! The fields of an agent that become its program's arguments, and what its harness can't do of what they ask.

use std::ffi::CString;

use crate::model::{Extra, Limits};

use super::fields::{Entry, Fields, MAX_ARGUMENT};
use super::harness::{Harness, Mode, PROMPT, Permissions, Request, Unsupported};
use super::report::Reporter;
use super::validate::{Context, RESUMES};
use super::{extra, prompt};

/// The arguments, and the words for what can be prepared.
pub fn read(
    fields: &Fields,
    harness: Option<&Harness>,
    mode: Option<Mode>,
    limits: Limits,
    prompt: Option<&prompt::Prompt>,
    context: &mut Context,
) -> Option<(Vec<CString>, Vec<CString>, Extra)> {
    let reporter = &mut *context.reporter;
    let command = fields.strings("command", reporter);
    let further = fields.strings("args", reporter);
    let model = fields.string("model", reporter);
    let permissions = fields.word("permissions", &Permissions::WORDS, reporter);
    if let Some((entry, model)) = &model
        && (model.is_empty() || model.starts_with('-'))
    {
        reporter.error(entry, format!("model {model:?} is not the name of a model"), "expected a name");
    }
    let resumes = !matches!(fields.word("resume", &RESUMES, reporter), Some((_, 1)));
    let harness = harness?;
    if let Some(command) = &command {
        check_command(&command.entry, &command.texts, harness, reporter);
    }
    let request = Request {
        mode,
        command: command.as_ref().filter(|_| harness.takes_command).map(|command| command.texts.as_slice()),
        args: further.as_ref().map_or(&[], |further| further.texts.as_slice()),
        model: model.map(|(_, model)| model),
        permissions: permissions.and_then(|(_, index)| Permissions::ALL.get(index).copied()),
        limits,
        prompt: prompt.map(|prompt| prompt.bytes.as_slice()),
        resumes: false,
    };
    let placeholder = command.as_ref().or(further.as_ref()).map(|strings| strings.entry);
    match harness.argv(&request) {
        Ok(argv) if argv.words.iter().any(|argument| argument.len() > MAX_ARGUMENT) => {
            let message = format!("an argument with the prompt in it is longer than {MAX_ARGUMENT} bytes");
            let entry = prompt.map(|prompt| prompt.entry).or(placeholder)?;
            reporter.error(&entry, message, "too long to be passed to a program");
            None
        }
        // A NUL was reported where it stands.
        Ok(argv) => {
            let extra = extra::of(harness, &request, argv.options_end, resumes);
            let words: Option<Vec<CString>> = argv.words.into_iter().map(|word| CString::new(word).ok()).collect();
            words.map(|words| (words, harness.prepare(&request), extra))
        }
        Err(unsupported) => {
            for what in unsupported {
                let entry = match what {
                    Unsupported::Mode | Unsupported::NoPrompt => fields.entry("mode"),
                    Unsupported::Model(_) => fields.entry("model"),
                    Unsupported::Permissions(_) => fields.entry("permissions"),
                    Unsupported::Prompt | Unsupported::PromptInMode(_) => prompt.map(|prompt| prompt.entry),
                    Unsupported::Placeholder => placeholder,
                };
                report_unsupported(what, harness, entry, reporter);
            }
            None
        }
    }
}

fn check_command(entry: &Entry, words: &[&str], harness: &Harness, reporter: &mut Reporter) {
    if !harness.takes_command {
        let message = format!("harness {:?} has no command: its program is fixed", harness.name);
        let diagnostic = reporter.error(entry, message, "only harness = \"custom\" takes a command");
        diagnostic.help.push("use args for further arguments, or harness = \"custom\"".to_owned());
    } else if words.first().is_none_or(|program| program.is_empty()) {
        reporter.error(entry, "command names no program", "expected a program and its arguments");
    }
}

fn report_unsupported(what: Unsupported, harness: &Harness, entry: Option<Entry>, reporter: &mut Reporter) {
    let Some(entry) = entry else { return };
    let name = &*harness.name;
    let remove = || "remove this line".to_owned();
    let (message, label) = match what {
        Unsupported::Mode => (format!("harness {name:?} has no such mode"), "it has the other one".to_owned()),
        Unsupported::NoPrompt => ("headless, and there is no prompt".to_owned(), "needs a prompt".to_owned()),
        Unsupported::PromptInMode(mode) => {
            (format!("harness {name:?} can't be given a prompt in {} mode", mode.word()), remove())
        }
        Unsupported::Model(mode) if Mode::ALL.into_iter().any(|mode| harness.has_model(mode)) => {
            (format!("harness {name:?} can't be told a model in {} mode", mode.word()), remove())
        }
        Unsupported::Model(_) => (format!("harness {name:?} can't be told a model"), remove()),
        Unsupported::Permissions(mode) => {
            let words: Vec<String> = harness.permission_words(mode).iter().map(|word| format!("{word:?}")).collect();
            let label = if words.is_empty() { remove() } else { format!("it has {}", words.join(", ")) };
            (format!("harness {name:?} doesn't have these permissions"), label)
        }
        Unsupported::Prompt => {
            (format!("harness {name:?} reads this prompt as something else"), "expected a sentence".to_owned())
        }
        Unsupported::Placeholder => {
            (format!("an argument contains {PROMPT}, but there is no prompt"), "needs a prompt".to_owned())
        }
    };
    let diagnostic = reporter.error(&entry, message, label);
    if harness.takes_command && matches!(what, Unsupported::Model(_) | Unsupported::Permissions(_)) {
        diagnostic.help.push("put the program's own flags into command or args".to_owned());
    }
    if what == Unsupported::PromptInMode(Mode::Interactive) && harness.has(Mode::Headless) {
        diagnostic.help.push("write mode = \"headless\", or type it with agentd send".to_owned());
    }
}
