//! Hooks that write down what they are told.

use std::path::Path;

use serde_json::{Value, json};

/// Every hook of claude's that this is asked of.
pub const CLAUDE: [&str; 20] = [
    "SessionStart", "UserPromptSubmit", "PreToolUse", "PermissionRequest", "PermissionDenied", "PostToolUse",
    "PostToolUseFailure", "Notification", "SubagentStart", "SubagentStop", "Stop", "StopFailure", "PreCompact",
    "PostCompact", "SessionEnd", "Elicitation", "ElicitationResult", "TeammateIdle", "TaskCompleted", "Setup",
];

/// A command that adds what it is given to the file, in one write.
pub fn command(file: &Path) -> String {
    format!("printf '%s\\n' \"$(cat)\" >> '{}'", file.display())
}

/// Settings of claude's with such a command for every event.
pub fn claude(file: &Path) -> Value {
    let hook = json!([{"hooks": [{"type": "command", "command": command(file)}]}]);
    let hooks: serde_json::Map<String, Value> = CLAUDE.iter().map(|name| ((*name).to_owned(), hook.clone())).collect();
    json!({"hooks": hooks})
}
