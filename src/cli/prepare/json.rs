//! Seeds in a JSON text.

use jsonc_parser::cst::{CstArray, CstInputValue, CstObject, CstRootNode};
use serde_json::Value;

use super::super::first_run::document::COMMENTED;
use super::super::first_run::{Put, Seed};

/// The text with the seeds; none if something stands in their way. Nothing is a file that isn't there.
pub fn plant(text: &str, seeds: &[&Seed]) -> Option<String> {
    let is_new = text.is_empty();
    let root = CstRootNode::parse(if is_new { "{}" } else { text }, &COMMENTED).ok()?;
    for seed in seeds {
        put(&root.object_value()?, &seed.at, &seed.put)?;
    }
    let text = root.to_string();
    Some(if is_new { text + "\n" } else { text })
}

fn put(object: &CstObject, at: &[String], what: &Put) -> Option<()> {
    let (key, rest) = at.split_first()?;
    let Some(entry) = object.get(key) else {
        object.append(key, made(rest, what));
        return Some(());
    };
    match what {
        _ if !rest.is_empty() => put(&entry.object_value()?, rest, what),
        Put::Value(_) => Some(()),
        Put::Word(word) => {
            add(&entry.array_value()?, word);
            Some(())
        }
    }
}

fn add(list: &CstArray, word: &str) {
    let has = list.elements().iter().any(|known| known.to_serde_value().is_some_and(|known| known == word));
    if !has {
        list.append(word.into());
    }
}

/// What is put below these keys, of which none is there yet.
fn made(at: &[String], what: &Put) -> CstInputValue {
    match (at.split_first(), what) {
        (Some((key, rest)), _) => CstInputValue::Object(vec![(key.clone(), made(rest, what))]),
        (None, Put::Word(word)) => CstInputValue::Array(vec![word.as_str().into()]),
        (None, Put::Value(value)) => input(value),
    }
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => CstInputValue::Array(items.iter().map(input).collect()),
        Value::Object(entries) => {
            CstInputValue::Object(entries.iter().map(|(key, value)| (key.clone(), input(value))).collect())
        }
    }
}
