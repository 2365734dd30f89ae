//! How each agent is started, and what it must find to reach our provider.

use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::json;

use crate::install::{self, AIDER, CLAUDE, CODEX, COPILOT, GEMINI, OPENCODE, QWEN};

/// What it signs in with.
const KEY: &str = "sk-test-0123456789abcdefghijklmnopqrstuvwxyz";

/// A program.
pub struct Agent {
    /// agentd's name of its harness.
    pub name: &'static str,
    /// With its version.
    pub package: &'static str,
    pub program: &'static str,
    /// The subcommand without a person.
    pub run: &'static [&'static str],
    /// Before the prompt, without a person.
    pub headless: &'static [&'static str],
    /// Before the prompt, on a terminal.
    pub interactive: &'static [&'static str],
    /// For it to ask for nothing.
    pub bypass: &'static [&'static str],
    /// For it to ask, or to refuse where nobody can be asked.
    pub ask: &'static [&'static str],
}

pub const ALL: &[Agent] = &[
    Agent {
        name: "claude-code",
        package: CLAUDE,
        program: "claude",
        run: &[],
        headless: &["--model", "sonnet", "--output-format", "stream-json", "--verbose", "-p"],
        interactive: &["--model", "sonnet"],
        bypass: &["--permission-mode", "bypassPermissions"],
        ask: &["--permission-mode", "default"],
    },
    Agent {
        name: "codex",
        package: CODEX,
        program: "codex",
        run: &["exec"],
        headless: &["--json", "--skip-git-repo-check"],
        interactive: &[],
        bypass: &["--dangerously-bypass-approvals-and-sandbox"],
        ask: &["-s", "read-only"],
    },
    Agent {
        name: "gemini-cli",
        package: GEMINI,
        program: "gemini",
        run: &[],
        headless: &["-m", "gemini-2.5-flash", "-o", "stream-json", "-p"],
        interactive: &["-m", "gemini-2.5-flash", "-i"],
        bypass: &["--approval-mode", "yolo"],
        ask: &["--approval-mode", "default"],
    },
    Agent {
        name: "qwen-code",
        package: QWEN,
        program: "qwen",
        run: &[],
        headless: &["-o", "stream-json"],
        interactive: &["-i"],
        bypass: &["--approval-mode", "yolo"],
        ask: &["--approval-mode", "default"],
    },
    Agent {
        name: "opencode",
        package: OPENCODE,
        program: "opencode",
        run: &["run"],
        headless: &["--format", "json"],
        interactive: &["--prompt"],
        bypass: &["--auto"],
        ask: &[],
    },
    Agent {
        name: "copilot",
        package: COPILOT,
        program: "copilot",
        run: &[],
        headless: &["--output-format", "json", "-p"],
        interactive: &["-i"],
        bypass: &["--allow-all"],
        ask: &[],
    },
    Agent {
        name: "aider",
        package: AIDER,
        program: "aider",
        run: &["--no-fancy-input"],
        headless: &["--message"],
        interactive: &[],
        bypass: &["--yes-always"],
        ask: &[],
    },
];

impl Agent {
    /// The program, which is installed first.
    pub fn path(&self) -> PathBuf {
        install::bin(self.package).expect("its registry, and who asks it").join(self.program)
    }

    /// What its standard output is.
    pub fn form(&self) -> &'static str {
        if self.name == "aider" { "txt" } else { "jsonl" }
    }

    /// Its version alone.
    pub fn version(&self) -> &str {
        self.package.rsplit(['@', '=']).next().unwrap()
    }
}

/// The whole environment of an agent that is at home in `home`.
pub fn environment(home: &Path, port: u16) -> Vec<(String, String)> {
    let local = format!("http://127.0.0.1:{port}");
    let home = home.to_str().unwrap();
    let fixed = [
        ("HOME", home),
        ("PATH", &env::var("PATH").unwrap()),
        ("LANG", "C.UTF-8"),
        ("TERM", "xterm-256color"),
        ("CODEX_HOME", &format!("{home}/codex")),
        ("ANTHROPIC_API_KEY", KEY),
        ("OPENAI_API_KEY", KEY),
        ("GEMINI_API_KEY", KEY),
        ("ANTHROPIC_BASE_URL", &local),
        ("GOOGLE_GEMINI_BASE_URL", &local),
        ("OPENAI_BASE_URL", &format!("{local}/v1")),
        ("OPENAI_MODEL", "test"),
        ("GEMINI_CLI_TRUST_WORKSPACE", "true"),
        ("CLAUDE_CODE_MAX_RETRIES", "1"),
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
        ("DISABLE_AUTOUPDATER", "1"),
        ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
        ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
        ("COPILOT_PROVIDER_BASE_URL", &format!("{local}/v1")),
        ("COPILOT_PROVIDER_API_KEY", KEY),
        ("COPILOT_MODEL", "test"),
        ("COPILOT_OFFLINE", "true"),
        ("OPENAI_API_BASE", &format!("{local}/v1")),
        ("AIDER_MODEL", "openai/test"),
        ("AIDER_ANALYTICS", "false"),
        ("AIDER_CHECK_UPDATE", "false"),
        ("AIDER_SHOW_MODEL_WARNINGS", "false"),
        ("AIDER_SHOW_RELEASE_NOTES", "false"),
        ("AIDER_GIT", "false"),
        ("LITELLM_LOCAL_MODEL_COST_MAP", "True"),
        // Else claude asks nobody for nothing as root only outside of one.
        ("IS_SANDBOX", "1"),
    ];
    fixed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The files that they look for at home.
pub fn furnish(home: &Path, port: u16) {
    let write = |path: &str, text: &str| {
        let path = home.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(
        "codex/config.toml",
        &format!(
            "model = \"gpt-test\"\nmodel_provider = \"local\"\n[model_providers.local]\nname = \"local\"\n\
             base_url = \"http://127.0.0.1:{port}/v1\"\nwire_api = \"responses\"\nenv_key = \"OPENAI_API_KEY\"\n\
             request_max_retries = 1\nstream_max_retries = 1\n[projects.\"{}\"]\ntrust_level = \"trusted\"\n",
            home.display()
        ),
    );
    let opencode = json!({
        "$schema": "https://opencode.ai/config.json", "autoupdate": false, "share": "disabled", "model": "local/test",
        "provider": {"local": {"npm": "@ai-sdk/openai-compatible", "name": "local",
            "options": {"baseURL": format!("http://127.0.0.1:{port}/v1"), "apiKey": "{env:OPENAI_API_KEY}"},
            "models": {"test": {"name": "test", "cost": {"input": 3, "output": 15}}}}},
    });
    write("opencode.json", &opencode.to_string());
    let claude = json!({
        "hasCompletedOnboarding": true, "bypassPermissionsModeAccepted": true,
        "customApiKeyResponses": {"approved": [&KEY[KEY.len() - 20..]], "rejected": []},
        "projects": {home.to_str().unwrap(): {"hasTrustDialogAccepted": true}},
    });
    write(".claude.json", &claude.to_string());
    // Tried once more only.
    let gemini = json!({"security": {"auth": {"selectedType": "gemini-api-key"}}, "general": {"maxAttempts": 2}});
    write(".gemini/settings.json", &gemini.to_string());
    let qwen =
        json!({"security": {"auth": {"selectedType": "openai"}}, "model": {"generationConfig": {"maxRetries": 1}}});
    write(".qwen/settings.json", &qwen.to_string());
    // What models cost, which it would fetch else.
    let price = json!({"openai/test": {"litellm_provider": "openai", "mode": "chat", "max_input_tokens": 100_000,
        "input_cost_per_token": 3e-6, "output_cost_per_token": 15e-6}});
    write(".aider/caches/model_prices_and_context_window.json", &price.to_string());
    write("question.txt", "What is the answer?\n");
}
