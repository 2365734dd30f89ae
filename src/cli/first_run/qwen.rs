//! Qwen Code asks how to sign in unless its environment names key, model and service, and whether a directory is trusted
//! if its user wants to be asked that. The answers are in `.qwen` in its home.

use super::document::{Format, Place};
use super::gemini::has_rule;
use super::{Asked, Seed, Start, Weight};

/// Variables that tell it how to sign in, if all of them are there.
const ENOUGH: [&[&str]; 5] = [
    &["QWEN_OAUTH"],
    &["OPENAI_API_KEY", "OPENAI_MODEL", "OPENAI_BASE_URL"],
    &["GEMINI_API_KEY", "GEMINI_MODEL"],
    &["GOOGLE_API_KEY", "GOOGLE_MODEL"],
    &["ANTHROPIC_API_KEY", "ANTHROPIC_MODEL", "ANTHROPIC_BASE_URL"],
];

/// What it asks.
pub fn asks(start: &Start, asked: &mut Asked) {
    let directory = start.directory("QWEN_HOME", ".qwen");
    let place = Place::new(directory.join("settings.json"), Format::CommentedJson);
    let Some(document) = asked.read(&place) else { return };
    let is_chosen = |value: &serde_json::Value| value.as_str().is_some();
    // Its older versions had it at the top.
    let has_chosen =
        is_chosen(&document["security"]["auth"]["selectedType"]) || is_chosen(&document["selectedAuthType"]);
    let is_enough = || ENOUGH.iter().any(|names| names.iter().all(|name| start.has(name)));
    if !has_chosen && !is_enough() {
        let seed = |kind| Seed::value(&place, &document, &["security", "auth", "selectedType"], kind);
        let what = "qwen asks how to sign in (security.auth.selectedType is not set)";
        asked.ask(Weight::Waits, what, kind_of_login(start).map(seed).into_iter().collect());
    }
    if document["security"]["folderTrust"]["enabled"] == true || document["folderTrust"] == true {
        trust(start, &directory, asked);
    }
    let older = ["disableAutoUpdate", "disableUpdateNag"];
    if !older.iter().any(|key| document.get(key).is_some() || document["general"].get(key).is_some()) {
        let seeds = vec![Seed::value(&place, &document, &["general", "enableAutoUpdate"], false)];
        asked.ask(Weight::GoesOn, "qwen updates itself", seeds);
    }
}

/// What the keys in its environment are for.
fn kind_of_login(start: &Start) -> Option<&'static str> {
    if start.has("OPENAI_API_KEY") {
        return Some("openai");
    }
    (start.has("ANTHROPIC_API_KEY") && start.has("ANTHROPIC_BASE_URL")).then_some("anthropic")
}

fn trust(start: &Start, directory: &std::path::Path, asked: &mut Asked) {
    let moved = (start.variable)("QWEN_CODE_TRUSTED_FOLDERS_PATH").filter(|path| !path.is_empty());
    let path = moved.map_or_else(|| directory.join("trustedFolders.json"), |path| start.workdir.join(path));
    let place = Place::new(path, Format::CommentedJson);
    let Some(document) = asked.read(&place) else { return };
    if !has_rule(&document, &start.workdir) {
        let seed = |key: String| Seed::value(&place, &document, &[&key], "TRUST_FOLDER");
        let what = format!("qwen asks whether {} is trusted", start.workdir.display());
        asked.ask(Weight::Waits, what, start.workdir_key().map(seed).into_iter().collect());
    }
}
