//! Claude Code asks in its full-screen form how it shall look, whether the directory is trusted, whether a key may be used,
//! and whether to do without permissions. The answers are in `.claude.json`, the last one's in its settings. It also asks
//! of each program that a project would have it start, which only a person can answer.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::document::{Format, Place};
use super::{Asked, Seed, Start, Weight};

/// A key is remembered by so many of its last characters.
const KEY_END: usize = 20;

/// What it asks.
pub fn asks(start: &Start, asked: &mut Asked) {
    // Headless, it asks nothing.
    if start.manner.is_headless {
        return;
    }
    if start.manner.bypasses {
        bypass(start, asked);
    }
    let place = Place { path: file(start), format: Format::Json, is_locked: true };
    let Some(document) = asked.read(&place) else { return };
    if document["hasCompletedOnboarding"] != true {
        let seeds = vec![Seed::value(&place, &document, &["hasCompletedOnboarding"], true)];
        asked.ask(Weight::Waits, "claude asks how it shall look, as at every first start", seeds);
    }
    if let Some(end) = start.text("ANTHROPIC_API_KEY").and_then(|key| end_of(&key)) {
        let answers = &document["customApiKeyResponses"];
        let has = |list: &str| answers[list].as_array().is_some_and(|keys| keys.iter().any(|key| *key == *end));
        // What was refused is refused, and not asked again.
        if !has("approved") && !has("rejected") {
            let seeds = vec![Seed::word(&place, &document, &["customApiKeyResponses", "approved"], &end)];
            asked.ask(Weight::Waits, "claude asks whether it may use ANTHROPIC_API_KEY", seeds);
        }
    }
    // Trust in a directory is trust in all below it, but not in a repository below it.
    let is_trusted =
        |dir: &Path| document["projects"][dir.to_string_lossy().as_ref()]["hasTrustDialogAccepted"] == true;
    let root = start.repository();
    let mut dirs = start.workdir.ancestors().take_while(|dir| root.is_none_or(|root| dir.starts_with(root)));
    if !dirs.any(is_trusted) {
        let seed = |key: String| Seed::value(&place, &document, &["projects", &key, "hasTrustDialogAccepted"], true);
        let what = format!("claude asks whether {} is trusted", start.workdir.display());
        asked.ask(Weight::Waits, what, start.workdir_key().map(seed).into_iter().collect());
    }
    if !start.manner.bypasses && starts_unknown_programs(start, &document) {
        asked.ask(Weight::Waits, "claude asks whether it shall use the MCP servers of .mcp.json", Vec::new());
    }
}

/// Whether the project names MCP servers of which its user has not said whether they may run.
fn starts_unknown_programs(start: &Start, document: &Value) -> bool {
    let read = |path: PathBuf| Place::new(path, Format::Json).read().unwrap_or_default();
    let servers = read(start.workdir.join(".mcp.json"));
    let Some(servers) = servers["mcpServers"].as_object().filter(|servers| !servers.is_empty()) else { return false };
    let project = start.workdir_key().map_or(Value::Null, |key| document["projects"][key].clone());
    let settings = [
        project,
        read(start.workdir.join(".claude/settings.json")),
        read(start.workdir.join(".claude/settings.local.json")),
        read(start.directory("CLAUDE_CONFIG_DIR", ".claude").join("settings.json")),
    ];
    let has = |settings: &Value, list: &str, name: &str| {
        settings[list].as_array().is_some_and(|names| names.iter().any(|known| known == name))
    };
    let is_said = |name: &String| {
        let lists = ["enabledMcpjsonServers", "disabledMcpjsonServers"];
        settings.iter().any(|settings| lists.iter().any(|list| has(settings, list, name)))
    };
    !settings.iter().any(|settings| settings["enableAllProjectMcpServers"] == true) && !servers.keys().all(is_said)
}

/// Beside the directory of its settings, but in it if that was moved; or one of its older versions', if there is one.
fn file(start: &Start) -> PathBuf {
    let older = start.directory("CLAUDE_CONFIG_DIR", ".claude").join(".config.json");
    if older.metadata().is_ok_and(|found| found.is_file() && found.len() > 0) {
        return older;
    }
    start.directory("CLAUDE_CONFIG_DIR", "").join(".claude.json")
}

/// By what it remembers a key.
fn end_of(key: &str) -> Option<String> {
    let key = key.trim();
    let start = key.len().saturating_sub(KEY_END);
    key.get(start..).map(ToOwned::to_owned)
}

/// Its first answer is to end.
fn bypass(start: &Start, asked: &mut Asked) {
    const KEY: &str = "skipDangerousModePermissionPrompt";
    let path = start.directory("CLAUDE_CONFIG_DIR", ".claude").join("settings.json");
    let place = Place::new(path, Format::Json);
    let Some(document) = asked.read(&place) else { return };
    if document[KEY] != true {
        let seeds = vec![Seed::value(&place, &document, &[KEY], true)];
        asked.ask(Weight::Waits, "claude asks whether it shall really bypass all permissions", seeds);
    }
}
