//! The environment that is declared for an agent: its `env`, and over which secrets it wins.

use std::collections::BTreeMap;
use std::ffi::OsString;

use toml::de::DeValue;

use crate::model::Secret;

use super::diagnostic::{Severity, did_you_mean};
use super::fields::{Fields, MAX_ARGUMENT, Strings, entries, is_scalar, type_name};
use super::validate::Context;

/// Secrets and `env`, merged. Mistakes are reported; what is returned then isn't used.
pub fn read(fields: &Fields, context: &mut Context) -> BTreeMap<OsString, Secret> {
    let mut merged = secrets(fields, context);
    merged.extend(declared(fields, context));
    merged
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

/// The agent's own variables. No value is shown in any message.
fn declared(fields: &Fields, context: &mut Context) -> BTreeMap<OsString, Secret> {
    let mut env = BTreeMap::new();
    let Some(entry) = fields.entry("env") else {
        return env;
    };
    let DeValue::Table(table) = entry.value.get_ref() else {
        let message = format!("env must be a table, not {}", type_name(entry.value.get_ref()));
        let diagnostic = context.reporter.error(&entry, message, "expected a table");
        diagnostic.help.push("write env = { NAME = \"value\" }".to_owned());
        return env;
    };
    for variable in entries(table).values() {
        let name = variable.key;
        if name.is_empty() || name.contains(['=', '\0']) {
            let message = format!("env has a variable with the name {name:?}");
            let label = "a name has at least one character, and neither = nor NUL";
            context.reporter.at(Severity::Error, variable.key_span(), variable.harmless(), message, label);
            continue;
        }
        let DeValue::String(value) = variable.value.get_ref() else {
            let found = type_name(variable.value.get_ref());
            let message = format!("env.{name} must be a string, not {found}");
            let diagnostic = context.reporter.error(variable, message, "expected a string");
            if is_scalar(variable.value.get_ref()) {
                diagnostic.help.push(format!("put the value in quotes: {name} = \"…\""));
            }
            continue;
        };
        if value.contains('\0') {
            context.reporter.error(variable, format!("env.{name} contains a NUL character"), "no variable can hold it");
        } else if name.len() + 1 + value.len() > MAX_ARGUMENT {
            let message = format!("env.{name} is {} bytes long with its name", name.len() + 1 + value.len());
            context.reporter.error(variable, message, format!("at most {MAX_ARGUMENT} bytes fit one variable"));
        } else {
            env.insert(name.into(), Secret::new(value.as_bytes()));
        }
    }
    env
}
