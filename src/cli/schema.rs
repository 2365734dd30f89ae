//! `agentd schema`: the JSON Schema of jcard.toml, for editors.
//!
//! It is of draft 7, the newest that taplo (and with it Even Better TOML and most others) understands whole. It says of each
//! field by itself what the loader would, and of an unknown one what the loader warns of; `agentd check` knows the rest.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Map, Value, json};

use crate::desired::harness::reference::HARNESS;
use crate::desired::reference::{DURATION, Field, Kind, Preset, REFERENCE};

use super::failure::finish;
use super::output;

/// The flags.
#[derive(Debug, Args)]
pub struct Flags {}

/// Runs it.
pub fn run(_: &Flags) -> ExitCode {
    finish(output::json(&schema()).map_err(Into::into))
}

/// The schema of a whole file: everything but the agents and their harnesses belongs to other programs.
pub fn schema() -> Value {
    let mut agent = table(&REFERENCE);
    agent["title"] = "An agent".into();
    let mut harness = table(&HARNESS);
    harness["title"] = "A harness".into();
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "jcard.toml",
        "description": "What agentd keeps running: one [agent], any number of [[agents]], and harnesses for them in [harness.NAME]. All else is other programs'.",
        "type": "object",
        "properties": {
            "agent": {"description": "One agent.", "allOf": [{"$ref": "#/definitions/agent"}]},
            "agents": {"description": "Any number of agents.", "type": "array", "items": {"$ref": "#/definitions/agent"}},
            "harness": {
                "description": "Harnesses by name: others, or changes of those that agentd knows.",
                "type": "object",
                "additionalProperties": {"$ref": "#/definitions/harness"},
            },
        },
        "definitions": {"agent": agent, "harness": harness},
    })
}

/// A table of these fields.
fn table(fields: &[Field]) -> Value {
    let properties: Map<String, Value> = fields.iter().map(|field| (field.name.to_owned(), property(field))).collect();
    let required: Vec<&str> =
        fields.iter().filter(|field| matches!(field.preset, Preset::Required)).map(|field| field.name).collect();
    let mut table = json!({"type": "object", "properties": properties, "additionalProperties": false});
    if !required.is_empty() {
        table["required"] = required.into();
    }
    table
}

fn property(field: &Field) -> Value {
    let mut property = of_kind(&field.kind);
    if let Preset::Value(text) = field.preset {
        property.insert("default".to_owned(), from_toml(text));
    }
    property.insert("description".to_owned(), field.text().into());
    property.insert("examples".to_owned(), field.examples.iter().map(|text| from_toml(text)).collect());
    property.into()
}

fn of_kind(kind: &Kind) -> Map<String, Value> {
    let property = match kind {
        Kind::Text(None) => json!({"type": "string"}),
        Kind::Text(Some(pattern)) => json!({"type": "string", "pattern": pattern}),
        Kind::Word(words) => {
            let (words, meanings): (Vec<_>, Vec<_>) = words().into_iter().unzip();
            json!({"type": "string", "enum": words, "x-taplo": {"docs": {"enumValues": meanings}}})
        }
        Kind::Name(names) => {
            let (names, meanings): (Vec<_>, Vec<_>) = names().into_iter().unzip();
            let known = json!({"enum": names, "x-taplo": {"docs": {"enumValues": meanings}}});
            json!({"type": "string", "anyOf": [known, {"minLength": 1}]})
        }
        Kind::Table(fields) => table(fields),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Whole { least, most } => json!({"type": "integer", "minimum": least, "maximum": most}),
        Kind::Dollars => json!({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1_000_000}),
        Kind::Duration { zero: true } => json!({"type": "string", "pattern": DURATION}),
        Kind::Duration { zero: false } => {
            json!({"type": "string", "pattern": DURATION, "allOf": [{"pattern": "[1-9]"}]})
        }
        Kind::Texts { least } => json!({"type": "array", "items": {"type": "string"}, "minItems": least}),
        Kind::Variables(pattern) => json!({
            "type": "object",
            "propertyNames": {"pattern": pattern},
            "additionalProperties": {"type": "string"},
        }),
    };
    match property {
        Value::Object(property) => property,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

/// A value that is written in TOML. That each can be read is tested.
fn from_toml(text: &str) -> Value {
    let read: Result<std::collections::BTreeMap<String, Value>, _> = toml::from_str(&format!("value = {text}"));
    read.ok().and_then(|mut table| table.remove("value")).unwrap_or_default()
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
