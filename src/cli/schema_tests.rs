//! The schema, held against the loader by a small validator that knows exactly the words that the schema uses.

use std::collections::BTreeMap;

use regex::Regex;

use super::*;
use crate::desired::{Sources, load};

/// Whether a value is what a schema asks for. A word that isn't known fails the test.
fn is_valid(schema: &Value, root: &Value, value: &Value) -> bool {
    if let Value::Bool(all) = schema {
        return *all;
    }
    let words = schema.as_object().unwrap();
    let whole = |word: &Value| word.as_u64().unwrap();
    let matches = |pattern: &Value, text: &str| Regex::new(pattern.as_str().unwrap()).unwrap().is_match(text);
    let fits = |(word, of): (&String, &Value)| match (word.as_str(), value) {
        ("$ref", _) => is_valid(root.pointer(of.as_str().unwrap().strip_prefix('#').unwrap()).unwrap(), root, value),
        ("anyOf", _) => of.as_array().unwrap().iter().any(|schema| is_valid(schema, root, value)),
        ("minLength", Value::String(text)) => text.len() as u64 >= whole(of),
        ("allOf", _) => of.as_array().unwrap().iter().all(|schema| is_valid(schema, root, value)),
        ("type", _) => match of.as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            other => panic!("{other}"),
        },
        ("enum", _) => of.as_array().unwrap().contains(value),
        ("pattern", Value::String(text)) => matches(of, text),
        ("minimum", Value::Number(number)) => number.as_i64().is_some_and(|number| number >= of.as_i64().unwrap()),
        ("maximum", Value::Number(number)) => number.as_i64().is_some_and(|number| number <= of.as_i64().unwrap()),
        ("exclusiveMinimum", Value::Number(number)) => number.as_f64() > of.as_f64(),
        ("exclusiveMaximum", Value::Number(number)) => number.as_f64() < of.as_f64(),
        ("minItems", Value::Array(items)) => items.len() as u64 >= whole(of),
        ("items", Value::Array(items)) => items.iter().all(|item| is_valid(of, root, item)),
        ("required", Value::Object(table)) => {
            of.as_array().unwrap().iter().all(|key| table.contains_key(key.as_str().unwrap()))
        }
        ("propertyNames", Value::Object(table)) => table.keys().all(|key| is_valid(of, root, &key.as_str().into())),
        ("properties", Value::Object(table)) => {
            table.iter().all(|(key, value)| of.get(key).is_none_or(|schema| is_valid(schema, root, value)))
        }
        ("additionalProperties", Value::Object(table)) => {
            let known = |key: &String| words.get("properties").is_some_and(|known| known.get(key).is_some());
            table.iter().all(|(key, value)| known(key) || is_valid(of, root, value))
        }
        (
            "pattern"
            | "minimum"
            | "maximum"
            | "exclusiveMinimum"
            | "exclusiveMaximum"
            | "minItems"
            | "minLength"
            | "items"
            | "required"
            | "propertyNames"
            | "properties"
            | "additionalProperties"
            | "$schema"
            | "title"
            | "description"
            | "default"
            | "examples"
            | "definitions"
            | "x-taplo",
            _,
        ) => true,
        (other, _) => panic!("unknown word {other}"),
    };
    words.iter().all(fits)
}

/// Whether the loader takes a file and knows all its fields; what else it warns of is no business of a schema.
fn is_taken(text: &str) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("jcard.toml");
    std::fs::write(&config, text).unwrap();
    std::fs::write(dir.path().join("text"), "a prompt").unwrap();
    let loaded = load(&Sources::new(config, "/home/u".into()));
    loaded.result.is_ok() && !loaded.warnings.iter().any(|warning| warning.message.contains("unknown field"))
}

fn value(text: &str) -> Value {
    let table: BTreeMap<String, Value> = toml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    serde_json::to_value(table).unwrap()
}

fn agree(text: &str) -> bool {
    let schema = schema();
    let valid = is_valid(&schema, &schema, &value(text));
    assert_eq!(valid, is_taken(text), "{text}");
    valid
}

#[test]
fn it_takes_what_the_loader_takes_in_every_field() {
    let values = [
        "1",
        "0",
        "-1",
        "5000",
        "4294967296",
        "1.5",
        "true",
        "\"\"",
        "\"text\"",
        "\"30s\"",
        "\"0s\"",
        "\"30\"",
        "\"-x\"",
        "\" x\"",
        "\"/abs\"",
        "\"~/x\"",
        "\"~x\"",
        "\"a.b\"",
        "\"a/b\"",
        "\"native\"",
        "\"sandboxed\"",
        "\"no\"",
        "\"always\"",
        "\"bypass\"",
        "\"auto\"",
        "\"never\"",
        "\"codex\"",
        "\"interactive\"",
        "[]",
        "[\"x\"]",
        "[1]",
        "[\"x\", 1]",
        "{}",
        "{ A = \"x\" }",
        "{ A = 1 }",
        "{ after = \"10m\" }",
        "{ after = \"0s\" }",
        "{ after = \"1s\", nudge = \"\" }",
        "{ after = \"1s\", nudge = \"Go on.\", max_nudges = 2, on_stall = \"stop\" }",
        "{ after = \"1s\", max_nudges = 0 }",
        "{ after = \"1s\", on_stall = \"no\" }",
        "{ on_stall = \"stop\" }",
        "{ \"A=B\" = \"x\" }",
        "{ \"\" = \"x\" }",
        "[[]]",
    ];
    for field in &REFERENCE {
        let harness = if field.name == "command" { "custom" } else { "claude-code" };
        let more = match field.name {
            "harness" => String::new(),
            // A name that is no name of a session is allowed beside one that is.
            "name" => format!("harness = \"{harness}\"\nsession = \"s\"\n"),
            _ => format!("harness = \"{harness}\"\n"),
        };
        let mut taken = 0;
        // Whether a file is there, or a harness is declared, no schema can say: `text` is there.
        let is_beyond_it = |value: &str| match field.name {
            "prompt_file" => value.starts_with('"') && !["\"\"", "\"text\""].contains(&value),
            "harness" => value.starts_with('"') && !["\"\"", "\"codex\""].contains(&value),
            _ => false,
        };
        for value in values.into_iter().filter(|value| !is_beyond_it(value)) {
            taken += u32::from(agree(&format!("[agent]\n{more}{} = {value}\n", field.name)));
        }
        assert!(taken > 0, "{}", field.name);
    }
}

#[test]
fn it_takes_what_the_loader_takes_as_a_file() {
    for (text, expected) in [
        ("# none\n", true),
        ("[agent]\nharness = \"codex\"\n[[agents]]\nharness = \"cursor\"\n", true),
        ("[[agents]]\nharness = \"codex\"\n[agents.env]\nA = \"x\"\n", true),
        ("[network]\nmode = 3\n[agent]\nharness = \"codex\"\n", true),
        ("[agent]\n", false),
        ("[harness.x]\nprogram = \"x\"\n[agent]\nharness = \"x\"\n", true),
        ("[harness.codex.headless]\nprompt = [\"{prompt}\"]\npermissions = { bypass = [] }\n", true),
        ("[harness.codex]\nheadless = { interrupt = \"C-d\" }\n", false),
        ("[harness.codex]\nheadless = { promt = [] }\n", false),
        ("[harness]\ncodex = 3\n", false),
        ("[[agent]]\nharness = \"codex\"\n", false),
        ("[agents]\nharness = \"codex\"\n", false),
        ("agents = [1]\n", false),
        ("[agent]\nharness = \"codex\"\npromt = \"x\"\n", false),
    ] {
        assert_eq!(agree(text), expected, "{text}");
    }
}

#[test]
fn every_field_is_explained_to_the_editor() {
    let schema = schema();
    for (name, field) in schema.pointer("/definitions/agent/properties").unwrap().as_object().unwrap() {
        assert!(field["description"].as_str().is_some_and(|text| text.ends_with('.')), "{name}");
        assert!(!field["examples"].as_array().unwrap().contains(&Value::Null), "{name}");
        assert_ne!(field.get("default"), Some(&Value::Null), "{name}");
        if let Some(words) = field["enum"].as_array() {
            assert_eq!(field["x-taplo"]["docs"]["enumValues"].as_array().map(Vec::len), Some(words.len()), "{name}");
        }
    }
}
