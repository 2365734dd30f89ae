//! A settings file with seeds in it: everything else stays as its user wrote it, comments included.
//!
//! Whatever the editors of each format do, what comes out is read again: it must say all that the old text said, and hold
//! each seed, or it is thrown away.

use serde_json::Value;

use super::super::first_run::document::Format;
use super::super::first_run::{Put, Seed, find};
use super::{json, toml};

/// The new text; none if nothing is missing. Nothing is a file that isn't there. Else what is wrong with the file.
pub fn plant(format: Format, seen: Option<&[u8]>, seeds: &[&Seed]) -> Result<Option<Vec<u8>>, String> {
    let old = seen.map_or(Ok(Value::Null), |bytes| format.parse(bytes))?;
    let text = seen.map_or(Ok(""), str::from_utf8).map_err(|_| "is not UTF-8".to_owned())?;
    if seeds.iter().all(|seed| is_given(&old, seed)) {
        return Ok(None);
    }
    let new = match format {
        Format::Json | Format::CommentedJson => json::plant(text, seeds),
        Format::Toml => toml::plant(text, seeds),
    };
    let new = new.ok_or_else(|| "is of another shape, and is left as it is".to_owned())?;
    let read = format.parse(new.as_bytes()).ok();
    let is_good = read.is_some_and(|new| keeps(&old, &new) && seeds.iter().all(|seed| is_given(&new, seed)));
    if is_good { Ok(Some(new.into_bytes())) } else { Err("can't be added to, and is left as it is".to_owned()) }
}

/// Whether something stands in the place of a seed.
fn is_given(document: &Value, seed: &Seed) -> bool {
    let found = find(document, &seed.at);
    match &seed.put {
        Put::Value(_) => found.is_some(),
        Put::Word(word) => found.is_some_and(|found| match found {
            Value::Array(words) => words.iter().any(|known| known == word),
            // No list, but the user's.
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => true,
        }),
    }
}

/// Whether everything that `old` says is in `new`.
fn keeps(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            old.iter().all(|(key, old)| new.get(key).is_some_and(|new| keeps(old, new)))
        }
        (Value::Array(old), Value::Array(new)) => new.starts_with(old),
        (Value::Null, Value::Object(_)) => true,
        (old, new) => old == new,
    }
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
