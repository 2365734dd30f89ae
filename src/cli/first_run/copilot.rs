//! Copilot asks in its full-screen form whether a directory is trusted, also where everything is allowed. The answer is in
//! its `config.json`.

use serde_json::Value;

use super::document::{Format, Place};
use super::{Asked, Seed, Start, Weight};

/// The list, and what its older versions called it.
const KEYS: [&str; 2] = ["trustedFolders", "trusted_folders"];

/// What it asks.
pub fn asks(start: &Start, asked: &mut Asked) {
    if start.manner.is_headless || start.text("COPILOT_ALLOW_ALL").is_some_and(|value| value == "true") {
        return;
    }
    let place = Place::new(start.directory("COPILOT_HOME", ".copilot").join("config.json"), Format::CommentedJson);
    let Some(document) = asked.read(&place) else { return };
    let trusted = KEYS.iter().filter_map(|key| document[key].as_array()).flatten().filter_map(Value::as_str);
    // Trust in a directory is trust in all below it.
    if trusted.into_iter().any(|dir| start.workdir.starts_with(dir)) {
        return;
    }
    let seed = |key: String| Seed::word(&place, &document, &[KEYS[0]], &key);
    let what = format!("copilot asks whether {} is trusted", start.workdir.display());
    asked.ask(Weight::Waits, what, start.workdir_key().map(seed).into_iter().collect());
}
