//! Seeds in a TOML text.

use serde_json::Value;
use toml_edit::{DocumentMut, Item, Table, TableLike, value};

use super::super::first_run::{Put, Seed};

/// The text with the seeds; none if something stands in their way. Nothing is a file that isn't there.
pub fn plant(text: &str, seeds: &[&Seed]) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    for seed in seeds {
        put(document.as_table_mut(), &seed.at, &seed.put)?;
    }
    Some(document.to_string())
}

fn put(table: &mut dyn TableLike, at: &[String], what: &Put) -> Option<()> {
    let (key, rest) = at.split_first()?;
    // No program that is known has a list in such a file.
    let Put::Value(wanted) = what else { return None };
    if rest.is_empty() {
        if !table.contains_key(key) {
            table.insert(key, item(wanted)?);
        }
        return Some(());
    }
    if !table.contains_key(key) {
        let mut between = Table::new();
        // Without a header of its own.
        between.set_implicit(true);
        table.insert(key, Item::Table(between));
    }
    put(table.get_mut(key)?.as_table_like_mut()?, rest, what)
}

fn item(wanted: &Value) -> Option<Item> {
    match wanted {
        Value::Bool(flag) => Some(value(*flag)),
        Value::String(text) => Some(value(text)),
        Value::Object(entries) => {
            let mut table = Table::new();
            for (key, value) in entries {
                table.insert(key, item(value)?);
            }
            Some(Item::Table(table))
        }
        Value::Null | Value::Number(_) | Value::Array(_) => None,
    }
}
