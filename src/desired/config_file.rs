//! Reads `jcard.toml` and finds the agents in it. Every other table belongs to other programs and isn't looked at,
//! but the file as a whole must be TOML.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::sys::read_file::read_regular;

use super::diagnostic::{Diagnostic, Severity};
use super::fields::{entries, type_name};
use super::report::Reporter;
use super::source::Source;
use super::stamp::Stamp;

/// The largest configuration.
const MAX_FILE: u64 = 4 << 20;

/// The text of the file, which isn't empty. An empty one is how a file looks while somebody writes it; who wants no
/// agents writes a comment.
pub fn read(path: &Path, stamp: &mut Stamp) -> Result<Source, Box<Diagnostic>> {
    stamp.note(path);
    let error = |message: String| Box::new(Diagnostic::of_file(Severity::Error, path, message));
    let bytes = read_regular(path, MAX_FILE).map_err(|cause| {
        if cause.is_passing() {
            stamp.note_unread();
        }
        error(format!("the configuration {cause}"))
    })?;
    // A file system that lost power leaves NULs where the content should be.
    if bytes.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0) {
        return Err(error("the configuration is empty: being written?".to_owned()));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(path, text)),
        Err(invalid) => {
            let at = invalid.utf8_error().valid_up_to();
            let source = Source::new(path, String::from_utf8_lossy(invalid.as_bytes()).into_owned());
            let mut reporter = Reporter { source: &source, found: Vec::new() };
            Err(Box::new(report_unparsed(at..at, "the configuration is not UTF-8", "this byte", &mut reporter)))
        }
    }
}

/// The file as a table; nothing if it isn't TOML, which is reported, a mistake a line.
pub fn parse<'t>(source: &'t Source, reporter: &mut Reporter) -> Option<Spanned<DeTable<'t>>> {
    let (document, errors) = DeTable::parse_recoverable(&source.text);
    if errors.is_empty() {
        return Some(document);
    }
    let mut lines = BTreeSet::new();
    for error in errors {
        let end = source.text.len();
        let at = error.span().unwrap_or(end..end);
        let diagnostic = report_unparsed(at, &format!("invalid TOML: {}", error.message()), "", reporter);
        // What follows on the same line, or without a place, is mostly an echo. What values are is told after the rest.
        if lines.insert(diagnostic.line()) {
            reporter.found.push(diagnostic);
        }
    }
    None
}

/// A mistake on a line of which nobody knows what it means.
fn report_unparsed(at: Range<usize>, message: &str, label: &str, reporter: &mut Reporter) -> Diagnostic {
    let source = reporter.source;
    let quote = source.quote_unparsed(at.clone());
    let spot = super::diagnostic::Spot { position: source.position(at.start), quote, label: label.to_owned() };
    Diagnostic {
        severity: Severity::Error,
        file: source.file.clone(),
        message: message.to_owned(),
        spot: Some(spot),
        other: None,
        help: Vec::new(),
    }
}

/// The tables of the agents with their places: `[agent]` first, then each of `[[agents]]` in the order of the file.
pub fn agents<'t>(document: &'t DeTable<'t>, reporter: &mut Reporter) -> Vec<(Range<usize>, &'t DeTable<'t>)> {
    let top = entries(document);
    let mut found = Vec::new();
    if let Some(entry) = top.get("agent") {
        let value = entry.value.get_ref();
        if let DeValue::Table(table) = value {
            found.push((entry.value.span(), table));
        } else {
            let message = format!("agent must be one table, not {}", type_name(value));
            let at = entry.key_span();
            let diagnostic = reporter.at(Severity::Error, at.clone(), at, message, "expected [agent]");
            if let DeValue::Array(_) = value {
                diagnostic.help.push("write [[agents]] for several agents".to_owned());
            }
        }
    }
    let Some(entry) = top.get("agents") else {
        return found;
    };
    let DeValue::Array(items) = entry.value.get_ref() else {
        let message = format!("agents must be a list of tables, not {}", type_name(entry.value.get_ref()));
        let at = entry.key_span();
        let diagnostic = reporter.at(Severity::Error, at.clone(), at, message, "expected [[agents]]");
        diagnostic.help.push("write [[agents]] before each agent, or [agent] if there is one".to_owned());
        return found;
    };
    for item in items {
        let value = item.get_ref();
        if let DeValue::Table(table) = value {
            found.push((item.span(), table));
        } else {
            let message = format!("each of agents must be a table, not {}", type_name(value));
            reporter.at(Severity::Error, item.span(), entry.harmless(), message, "expected { harness = … }");
        }
    }
    found
}
