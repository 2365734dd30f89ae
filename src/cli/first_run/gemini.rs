//! Gemini asks how to log in, and whether a directory is trusted: in one that isn't it ignores what it finds, and asks
//! before each step even where it need not. The answers are in `.gemini` in its home.

use std::path::Path;

use serde_json::Value;

use super::document::{Format, Place};
use super::{Asked, Seed, Start, Weight};

/// What it asks.
pub fn asks(start: &Start, asked: &mut Asked) {
    let directory = start.directory("GEMINI_CLI_HOME", "").join(".gemini");
    let place = Place::new(directory.join("settings.json"), Format::CommentedJson);
    let Some(document) = asked.read(&place) else { return };
    if document["security"]["auth"]["selectedType"].as_str().is_none() {
        let seed = |kind| Seed::value(&place, &document, &["security", "auth", "selectedType"], kind);
        // Headless, most keys say by themselves what they are for.
        let weight = if start.manner.is_headless { Weight::GoesOn } else { Weight::Waits };
        let what = "gemini asks how to log in (security.auth.selectedType is not set)";
        asked.ask(weight, what, kind_of_login(start).map(seed).into_iter().collect());
    }
    if document["security"]["folderTrust"]["enabled"] != false && !start.has("GEMINI_CLI_TRUST_WORKSPACE") {
        trust(start, &directory, asked);
    }
    let keys = ["enableAutoUpdate", "enableAutoUpdateNotification"];
    let seeds = keys.map(|key| Seed::value(&place, &document, &["general", key], false)).into();
    asked.ask(Weight::GoesOn, "gemini updates itself", seeds);
}

/// What the keys in its environment are for.
fn kind_of_login(start: &Start) -> Option<&'static str> {
    let is_said = |name| start.text(name).is_some_and(|value| value == "true");
    if is_said("GOOGLE_GENAI_USE_GCA") {
        None
    } else if is_said("GOOGLE_GENAI_USE_VERTEXAI") {
        Some("vertex-ai")
    } else if start.has("GEMINI_API_KEY") {
        Some("gemini-api-key")
    } else {
        start.has("GOOGLE_API_KEY").then_some("vertex-ai")
    }
}

fn trust(start: &Start, directory: &Path, asked: &mut Asked) {
    let moved = (start.variable)("GEMINI_CLI_TRUSTED_FOLDERS_PATH").filter(|path| !path.is_empty());
    let path = moved.map_or_else(|| directory.join("trustedFolders.json"), |path| start.workdir.join(path));
    let place = Place { path, format: Format::CommentedJson, is_locked: true };
    let Some(document) = asked.read(&place) else { return };
    if has_rule(&document, &start.workdir) {
        return;
    }
    let seed = |key: String| Seed::value(&place, &document, &[&key], "TRUST_FOLDER");
    let weight = if start.manner.is_headless { Weight::Doubts } else { Weight::Waits };
    let shown = start.workdir.display();
    let what = match weight {
        Weight::Waits => format!("gemini asks whether {shown} is trusted"),
        Weight::Doubts | Weight::GoesOn => {
            format!("gemini does not trust {shown}: it ignores what it finds there, and asks before each step")
        }
    };
    asked.ask(weight, what, start.workdir_key().map(seed).into_iter().collect());
}

/// Whether the user has said something of this directory, or of one above it: trust, or distrust. Qwen Code's are alike.
pub fn has_rule(rules: &Value, workdir: &Path) -> bool {
    rules.as_object().into_iter().flatten().any(|(path, rule)| {
        let path = Path::new(path);
        match rule.as_str() {
            Some("TRUST_FOLDER" | "DO_NOT_TRUST") => workdir.starts_with(path),
            Some("TRUST_PARENT") => path.parent().is_some_and(|parent| workdir.starts_with(parent)),
            Some(_) | None => false,
        }
    })
}
