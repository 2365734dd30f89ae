//! The environment that is declared for an agent: its `env`, over which secrets it wins, and what its harness adds.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ffi::OsString;

use toml::de::DeValue;

use crate::model::Secret;

use super::diagnostic::{Severity, did_you_mean};
use super::fields::{Fields, MAX_ARGUMENT, Strings, entries, is_scalar, type_name};
use super::harness::Harness;
use super::report::Reporter;
use super::validate::Context;

/// Secrets and `env`, merged. Mistakes are reported; what is returned then isn't used.
pub fn read(fields: &Fields, context: &mut Context) -> BTreeMap<OsString, Secret> {
    let mut merged = secrets(fields, context);
    let declared = variables(fields, "env", context.reporter).unwrap_or_default();
    merged.extend(declared.into_iter().map(|(name, value)| (name.into(), Secret::new(value))));
    merged
}

/// Adds what the harness of an agent that is prepared needs, and returns the names of what was added.
pub fn prepare(env: &mut BTreeMap<OsString, Secret>, harness: &Harness) -> Vec<OsString> {
    let mut added = Vec::new();
    for (name, value) in &harness.prepare_env {
        if let Entry::Vacant(place) = env.entry(name.into()) {
            added.push(place.key().clone());
            place.insert(Secret::new(value.as_bytes()));
        }
    }
    added
}

/// The secrets that the agent may see.
fn secrets(fields: &Fields, context: &mut Context) -> BTreeMap<OsString, Secret> {
    let listed = fields.strings("secrets", context.reporter);
    let Some(all) = context.secrets else {
        return BTreeMap::new();
    };
    let copied = all.iter().map(|(name, value)| (OsString::from(name), value.clone()));
    let Some(Strings { entry, values, texts: names }) = listed else {
        // A list that isn't one was reported: the result isn't used.
        return copied.collect();
    };
    for (value, name) in values.iter().zip(&names).filter(|(_, name)| !all.contains_key(**name)) {
        let message = format!("there is no secret {name:?}; the agent runs without it");
        let label = "no such file in the secrets directory";
        let shown = entry.key_span().start..value.span().end;
        let diagnostic = context.reporter.at(Severity::Warning, value.span(), shown, message, label);
        diagnostic.help.extend(did_you_mean(name, all.keys().map(String::as_str)));
    }
    copied.filter(|(name, _)| names.iter().any(|listed| name == listed)).collect()
}

/// A table of variables; none if the field isn't there. No value is shown in any message.
pub fn variables(fields: &Fields, key: &str, reporter: &mut Reporter) -> Option<BTreeMap<String, String>> {
    let mut env = BTreeMap::new();
    let entry = fields.entry(key)?;
    let DeValue::Table(table) = entry.value.get_ref() else {
        let message = format!("{key} must be a table, not {}", type_name(entry.value.get_ref()));
        let diagnostic = reporter.error(&entry, message, "expected a table");
        diagnostic.help.push(format!("write {key} = {{ NAME = \"value\" }}"));
        return None;
    };
    for variable in entries(table).values() {
        let name = variable.key;
        if name.is_empty() || name.contains(['=', '\0']) {
            let message = format!("{key} has a variable with the name {name:?}");
            let label = "a name has at least one character, and neither = nor NUL";
            reporter.at(Severity::Error, variable.key_span(), variable.harmless(), message, label);
            continue;
        }
        let DeValue::String(value) = variable.value.get_ref() else {
            let found = type_name(variable.value.get_ref());
            let message = format!("{key}.{name} must be a string, not {found}");
            let diagnostic = reporter.error(variable, message, "expected a string");
            if is_scalar(variable.value.get_ref()) {
                diagnostic.help.push(format!("put the value in quotes: {name} = \"…\""));
            }
            continue;
        };
        if value.contains('\0') {
            reporter.error(variable, format!("{key}.{name} contains a NUL character"), "no variable can hold it");
        } else if name.len() + 1 + value.len() > MAX_ARGUMENT {
            let message = format!("{key}.{name} is {} bytes long with its name", name.len() + 1 + value.len());
            reporter.error(variable, message, format!("at most {MAX_ARGUMENT} bytes fit one variable"));
        } else {
            env.insert(name.to_owned(), value.clone().into_owned());
        }
    }
    Some(env)
}
