//! Hooks that write down what they are told, given to each agent without a file of its user's being touched.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::agents::Agent;

/// Every hook of claude's that this is asked of.
const CLAUDE: [&str; 20] = [
    "SessionStart",
    "UserPromptSubmit",
    "PreToolUse",
    "PermissionRequest",
    "PermissionDenied",
    "PostToolUse",
    "PostToolUseFailure",
    "Notification",
    "SubagentStart",
    "SubagentStop",
    "Stop",
    "StopFailure",
    "PreCompact",
    "PostCompact",
    "SessionEnd",
    "Elicitation",
    "ElicitationResult",
    "TeammateIdle",
    "TaskCompleted",
    "Setup",
];

/// Of codex's, with its other name for each.
const CODEX: [(&str, &str); 10] = [
    ("SessionStart", "session_start"),
    ("UserPromptSubmit", "user_prompt_submit"),
    ("PreToolUse", "pre_tool_use"),
    ("PermissionRequest", "permission_request"),
    ("PostToolUse", "post_tool_use"),
    ("SubagentStart", "subagent_start"),
    ("SubagentStop", "subagent_stop"),
    ("Stop", "stop"),
    ("PreCompact", "pre_compact"),
    ("SessionEnd", "session_end"),
];

const GEMINI: [&str; 8] = [
    "SessionStart",
    "BeforeAgent",
    "BeforeTool",
    "AfterTool",
    "AfterAgent",
    "Notification",
    "PreCompress",
    "SessionEnd",
];

const QWEN: [&str; 14] = [
    "SessionStart",
    "UserPromptSubmit",
    "PreToolUse",
    "PermissionRequest",
    "PostToolUse",
    "PostToolUseFailure",
    "Notification",
    "SubagentStart",
    "SubagentStop",
    "Stop",
    "StopFailure",
    "PreCompact",
    "PostCompact",
    "SessionEnd",
];

/// opencode has a plugin instead; it leaves out what it says of its own parts.
const OPENCODE: &str = "import { appendFileSync } from 'fs'
export const Told = async () => ({ event: async ({ event }) => {
  if (/^(session\\.(created|status|idle|error)|permission|question|message\\.updated)/.test(event.type)) {
    appendFileSync('TOLD', JSON.stringify(event) + '\\n')
  }
} })
";

/// What gives an agent its hooks.
pub struct Hooks {
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    /// What the hooks were told, a line each.
    pub told: PathBuf,
    /// What codex's `notify` was told.
    pub notified: PathBuf,
    /// Where qwen writes its stream, beside its screen.
    pub stream: PathBuf,
    /// Kept as long as they are: gemini reads only what nobody else can write, and none of that is in /tmp.
    pub safe: Option<tempfile::TempDir>,
}

impl Hooks {
    /// For a run whose files are in `dir`.
    pub fn of(agent: &Agent, dir: &Path) -> Self {
        let mut hooks = Self {
            args: Vec::new(),
            env: Vec::new(),
            told: dir.join("told"),
            notified: dir.join("notified"),
            stream: dir.join("stream"),
            safe: None,
        };
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let write = |path: PathBuf, content: &str| {
            fs::write(&path, content).unwrap();
            text(&path)
        };
        match agent.name {
            "claude-code" => {
                let settings = write(dir.join("settings.json"), &settings(&CLAUDE, &hooks.told).to_string());
                hooks.args = vec!["--settings".to_owned(), settings];
            }
            "codex" => hooks.args = codex(&hooks.told, &hooks.notified),
            "gemini-cli" => {
                let safe = tempfile::tempdir_in("/run").expect("root, who alone can give gemini its defaults");
                let file = write(safe.path().join("defaults.json"), &settings(&GEMINI, &hooks.told).to_string());
                hooks.env = vec![("GEMINI_CLI_SYSTEM_DEFAULTS_PATH".to_owned(), file)];
                hooks.safe = Some(safe);
            }
            "qwen-code" => {
                let mut settings = settings(&QWEN, &hooks.told);
                // Else it writes the file anew, as one of an older version.
                settings["$version"] = json!(4);
                let file = write(dir.join("defaults.json"), &settings.to_string());
                hooks.env = vec![("QWEN_CODE_SYSTEM_DEFAULTS_PATH".to_owned(), file)];
            }
            "opencode" => {
                let plugin = write(dir.join("plugin.js"), &OPENCODE.replace("TOLD", &text(&hooks.told)));
                let config = json!({"plugin": [format!("file://{plugin}")]});
                hooks.env = vec![("OPENCODE_CONFIG_CONTENT".to_owned(), config.to_string())];
            }
            "copilot" | "aider" => {}
            other => panic!("no hooks for {other}"),
        }
        hooks
    }
}

/// A command that adds what it is given to the file, in one write.
fn command(file: &Path) -> String {
    format!("printf '%s\\n' \"$(cat)\" >> '{}'", file.display())
}

/// Settings with such a command for every event: claude's, and those of whom it was taken from.
fn settings(events: &[&str], file: &Path) -> Value {
    let hook = json!([{"hooks": [{"type": "command", "command": command(file)}]}]);
    let hooks: Map<String, Value> = events.iter().map(|name| ((*name).to_owned(), hook.clone())).collect();
    json!({"hooks": hooks})
}

/// codex executes only hooks that somebody trusts, and asks on its screen about any other. Whoever gives one by `-c` can
/// say so by `-c` as well: by a hash of what it is.
fn codex(told: &Path, notified: &Path) -> Vec<String> {
    let command = command(told);
    let quoted = |text: &str| json!(text).to_string();
    let mut args = Vec::new();
    let mut trusted = Vec::new();
    for (event, label) in CODEX {
        let seconds = if event == "SessionEnd" { 3 } else { 600 };
        let hook = format!("{{type=\"command\",command={},timeout={seconds}}}", quoted(&command));
        args.extend(["-c".to_owned(), format!("hooks.{event}=[{{hooks=[{hook}]}}]")]);
        // The keys in their order: serde_json keeps them sorted.
        let identity = json!({"event_name": label,
            "hooks": [{"type": "command", "command": command, "timeout": seconds, "async": false}]});
        let mut hash = String::from("sha256:");
        for byte in Sha256::digest(identity.to_string()) {
            write!(hash, "{byte:02x}").unwrap();
        }
        trusted.push(format!("\"/<session-flags>/config.toml:{label}:0:0\"={{trusted_hash=\"{hash}\"}}"));
    }
    args.extend(["-c".to_owned(), format!("hooks.state={{{}}}", trusted.join(","))]);
    let append = format!("printf '%s\\n' \"$1\" >> '{}'", notified.display());
    args.extend(["-c".to_owned(), format!("notify=[\"sh\",\"-c\",{},\"sh\"]", quoted(&append))]);
    args
}
