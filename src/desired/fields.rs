//! Typed reading of one table: each accessor takes a field if it is there and right, and reports it if not.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Severity, did_you_mean};
use super::duration::{self, DurationError};
use super::report::Reporter;

/// Every field of an agent.
pub const FIELDS: [&str; 28] = [
    "name",
    "type",
    "harness",
    "command",
    "args",
    "mode",
    "model",
    "permissions",
    "prepare",
    "events",
    "prompt",
    "prompt_file",
    "workdir",
    "restart",
    "resume",
    "max_restarts",
    "backoff",
    "backoff_max",
    "timeout",
    "max_turns",
    "max_cost_usd",
    "grace_period",
    "startup_deadline",
    "stall",
    "session",
    "replicas",
    "env",
    "secrets",
];

/// What a table is called, its fields, and those whose values may hold a key or a token: they are never shown.
#[derive(Debug)]
pub struct TableKind {
    /// With its article.
    pub what: &'static str,
    /// All that there are.
    pub fields: &'static [&'static str],
    /// Some of them.
    pub hidden: &'static [&'static str],
}

/// An agent's table.
pub static AGENT: TableKind =
    TableKind { what: "an agent", fields: &FIELDS, hidden: &["env", "args", "command", "prompt"] };

/// The longest single argument or environment entry that the kernel takes, without its final NUL.
pub const MAX_ARGUMENT: usize = 131_071;

/// A key with its value.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'t> {
    /// The key.
    pub key: &'t str,
    key_start: usize,
    key_end: usize,
    is_shown: bool,
    /// The value.
    pub value: &'t Spanned<DeValue<'t>>,
}

impl Entry<'_> {
    /// The bytes of the key.
    pub fn key_span(&self) -> Range<usize> {
        self.key_start..self.key_end
    }

    /// The bytes of the value.
    pub fn span(&self) -> Range<usize> {
        self.value.span()
    }

    /// What may be shown: the key, and the value if it is one word that can't be a key or a token.
    pub fn harmless(&self) -> Range<usize> {
        let end = match self.value.get_ref() {
            DeValue::Array(_) | DeValue::Table(_) => self.key_end,
            _ if !self.is_shown => self.key_end,
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => self.span().end,
        };
        self.key_start..end.max(self.key_end)
    }
}

/// A list of strings.
#[derive(Debug)]
pub struct Strings<'t> {
    /// The field.
    pub entry: Entry<'t>,
    /// Each with its place.
    pub values: Vec<&'t Spanned<DeValue<'t>>>,
    /// Each as text.
    pub texts: Vec<&'t str>,
}

/// One table whose fields are known.
#[derive(Debug)]
pub struct Fields<'t> {
    entries: BTreeMap<&'t str, Entry<'t>>,
}

impl<'t> Fields<'t> {
    /// Takes a table, and warns of every key that isn't a field.
    pub fn new(table: &'t DeTable<'t>, kind: &TableKind, reporter: &mut Reporter) -> Self {
        let mut fields = Self { entries: entries(table) };
        for entry in fields.entries.values_mut() {
            entry.is_shown = kind.fields.contains(&entry.key) && !kind.hidden.contains(&entry.key);
        }
        for entry in fields.entries.values().filter(|entry| !kind.fields.contains(&entry.key)) {
            let message = format!("unknown field {:?}, which is ignored", entry.key);
            let help = did_you_mean(entry.key, kind.fields.iter().copied());
            let label = format!("not a field of {}", kind.what);
            let diagnostic = reporter.at(Severity::Warning, entry.key_span(), entry.harmless(), message, label);
            diagnostic.help.extend(help);
        }
        fields
    }

    /// A table within it.
    pub fn table(&self, key: &str, kind: &TableKind, reporter: &mut Reporter) -> Option<Self> {
        let entry = self.entry(key)?;
        let DeValue::Table(table) = entry.value.get_ref() else {
            let message = format!("{key} must be a table, not {}", type_name(entry.value.get_ref()));
            reporter.error(&entry, message, "expected a table");
            return None;
        };
        Some(Fields::new(table, kind, reporter))
    }

    /// The entry, if it is there.
    pub fn entry(&self, key: &str) -> Option<Entry<'t>> {
        self.entries.get(key).copied()
    }

    /// A string without NUL, which no argument and no path can hold.
    pub fn string(&self, key: &str, reporter: &mut Reporter) -> Option<(Entry<'t>, &'t str)> {
        let entry = self.entry(key)?;
        let text = string_of(&entry, entry.value, key, reporter)?;
        Some((entry, text))
    }

    /// A list of strings. All that are none are reported.
    pub fn strings(&self, key: &str, reporter: &mut Reporter) -> Option<Strings<'t>> {
        let entry = self.entry(key)?;
        let DeValue::Array(items) = entry.value.get_ref() else {
            let message = format!("{key} must be a list of strings, not {}", type_name(entry.value.get_ref()));
            let diagnostic = reporter.error(&entry, message, "expected a list");
            diagnostic.help.push(format!("write {key} = [\"…\", \"…\"]"));
            return None;
        };
        let values: Vec<&Spanned<DeValue>> = items.iter().collect();
        let texts: Vec<Option<&str>> =
            values.iter().map(|item| string_of(&entry, item, &format!("each of {key}"), reporter)).collect();
        let texts: Option<Vec<&str>> = texts.into_iter().collect();
        Some(Strings { entry, values, texts: texts? })
    }

    /// One of a few words, by its index in `words`.
    pub fn word(&self, key: &str, words: &[&str], reporter: &mut Reporter) -> Option<(Entry<'t>, usize)> {
        let entry = self.entry(key)?;
        let known = words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ");
        let expected = format!("expected one of {known}");
        let DeValue::String(text) = entry.value.get_ref() else {
            let found = type_name(entry.value.get_ref());
            reporter.error(&entry, format!("{key} must be a string, not {found}"), expected);
            return None;
        };
        let found = words.iter().position(|word| *word == text);
        if found.is_none() {
            let diagnostic = reporter.error(&entry, format!("unknown {key} {text:?}"), expected);
            diagnostic.help.extend(did_you_mean(text, words.iter().copied()));
        }
        Some((entry, found?))
    }

    /// Yes or no.
    pub fn flag(&self, key: &str, reporter: &mut Reporter) -> Option<(Entry<'t>, bool)> {
        let entry = self.entry(key)?;
        if let DeValue::Boolean(flag) = entry.value.get_ref() {
            return Some((entry, *flag));
        }
        let message = format!("{key} must be true or false, not {}", type_name(entry.value.get_ref()));
        let diagnostic = reporter.error(&entry, message, "expected true or false");
        if let Some(word @ ("true" | "false")) = entry.value.get_ref().as_str() {
            diagnostic.help.push(format!("write {key} = {word}, without quotes"));
        }
        None
    }

    /// A whole number within bounds.
    pub fn integer(&self, key: &str, bounds: std::ops::RangeInclusive<u32>, reporter: &mut Reporter) -> Option<u32> {
        let entry = self.entry(key)?;
        let expected = format!("expected a whole number from {} to {}", bounds.start(), bounds.end());
        match entry.value.get_ref() {
            DeValue::Integer(number) => {
                let found = i64::from_str_radix(number.as_str(), number.radix()).ok();
                let found = found.and_then(|found| u32::try_from(found).ok()).filter(|found| bounds.contains(found));
                if found.is_none() {
                    reporter.error(&entry, format!("{key} is out of range"), expected);
                }
                found
            }
            other @ (DeValue::String(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_)) => {
                let diagnostic =
                    reporter.error(&entry, format!("{key} must be an integer, not {}", type_name(other)), expected);
                if let DeValue::String(text) = other
                    && let Ok(number) = text.trim().parse::<u32>()
                {
                    diagnostic.help.push(format!("write {key} = {number}, without quotes"));
                }
                None
            }
        }
    }

    /// A number of US dollars, more than none and less than a million, in millionths.
    pub fn dollars(&self, key: &str, reporter: &mut Reporter) -> Option<u64> {
        let entry = self.entry(key)?;
        let expected = "expected a number of dollars such as 2.50";
        let found = match entry.value.get_ref() {
            DeValue::Integer(number) => {
                i64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| n.to_string())
            }
            DeValue::Float(number) => Some(number.as_str().to_owned()),
            other @ (DeValue::String(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_)) => {
                reporter.error(&entry, format!("{key} must be a number, not {}", type_name(other)), expected);
                return None;
            }
        };
        let dollars = found.and_then(|text| text.replace('_', "").parse::<f64>().ok());
        let micros = dollars.filter(|dollars| (0.000_001..1e6).contains(dollars)).map(|dollars| dollars * 1e6);
        if micros.is_none() {
            reporter.error(&entry, format!("{key} is out of range"), "expected more than 0 and less than a million");
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 1 and 10^12")]
        micros.map(|micros| micros.round() as u64)
    }

    /// A duration.
    pub fn duration(&self, key: &str, reporter: &mut Reporter) -> Option<(Entry<'t>, Duration)> {
        let entry = self.entry(key)?;
        let text = match entry.value.get_ref() {
            DeValue::String(text) => text.as_ref(),
            DeValue::Integer(_) | DeValue::Float(_) => {
                let number = &reporter.source.text[entry.span()];
                let help = format!("write {key} = \"{number}s\" if seconds are meant");
                let message = format!("{key} must be a duration, and {number} has no unit");
                reporter.error(&entry, message, "expected a string such as \"30s\"").help.push(help);
                return None;
            }
            other @ (DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_)) => {
                let message = format!("{key} must be a duration, not {}", type_name(other));
                reporter.error(&entry, message, "expected a string such as \"30s\"");
                return None;
            }
        };
        match duration::parse(text) {
            Ok(duration) => Some((entry, duration)),
            Err(error) => {
                let message = format!("{key} {text:?} is not a duration: {error}");
                let diagnostic =
                    reporter.error(&entry, message, "expected something like \"30s\", \"1h30m\" or \"1.5h\"");
                if let DurationError::NoUnit(_) = error {
                    diagnostic.help.push(format!("write {key} = \"{}s\" if seconds are meant", text.trim()));
                }
                None
            }
        }
    }
}

/// A table's entries by key. Nothing may be shown of their values: what they mean isn't known here.
pub fn entries<'t>(table: &'t DeTable<'t>) -> BTreeMap<&'t str, Entry<'t>> {
    let entry = |(key, value): (&'t Spanned<_>, &'t Spanned<DeValue<'t>>)| {
        let Range { start, end } = key.span();
        let key: &std::borrow::Cow<'t, str> = key.get_ref();
        (key.as_ref(), Entry { key: key.as_ref(), key_start: start, key_end: end, is_shown: false, value })
    };
    table.iter().map(entry).collect()
}

/// A string that can be an argument, a path or an environment entry.
fn string_of<'t>(
    entry: &Entry<'t>,
    value: &'t Spanned<DeValue<'t>>,
    what: &str,
    reporter: &mut Reporter,
) -> Option<&'t str> {
    let DeValue::String(text) = value.get_ref() else {
        let message = format!("{what} must be a string, not {}", type_name(value.get_ref()));
        let diagnostic =
            reporter.at(Severity::Error, value.span(), entry.harmless(), message, "expected a string in quotes");
        if is_scalar(value.get_ref()) {
            diagnostic.help.push("put it in quotes".to_owned());
        }
        return None;
    };
    if text.contains('\0') {
        let message = format!("{what} contains a NUL character");
        reporter.at(Severity::Error, value.span(), entry.harmless(), message, "no program can be given it");
        return None;
    }
    if text.len() > MAX_ARGUMENT && entry.key != "prompt" {
        let message = format!("{what} is {} bytes long", text.len());
        let label = format!("at most {MAX_ARGUMENT} bytes fit one argument");
        reporter.at(Severity::Error, value.span(), entry.harmless(), message, label);
        return None;
    }
    Some(text)
}

/// Whether it is written as one word.
pub fn is_scalar(value: &DeValue) -> bool {
    !matches!(value, DeValue::Array(_) | DeValue::Table(_))
}

/// What a value is, with its article.
pub fn type_name(value: &DeValue) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
