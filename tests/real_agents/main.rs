//! The main job on real input: real agents from npm, under the real daemon, against a provider of our own.
#![allow(missing_docs, dead_code, unsafe_code, reason = "a test; the harness has more than is used here")]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test")]
#![allow(unused_imports, reason = "the harness is shared")]

#[path = "../blackbox/account.rs"]
mod account;
#[path = "../blackbox/cgroups.rs"]
mod cgroups;
mod first_run;
#[path = "../blackbox/harness.rs"]
mod harness;
mod install;
#[macro_use]
mod proofs;
mod provider;
mod stall;

use std::fs;
use std::path::Path;

use first_run::starts_unattended;
use harness::{Daemon, Host, until};
use install::{CLAUDE, CODEX, GEMINI, OPENCODE, QWEN};
use provider::{ANSWER, Provider};

const PROMPT: &str = "What is the answer? Say 'forty-two'; don't use any tool.";
const KEY: &str = "sk-test-0123456789abcdefghijklmnopqrstuvwxyz";

/// A host with one agent of this harness, whose programs are in `bin`.
fn host(harness: &str, bin: &Path, provider: &Provider, more: &str) -> Host {
    host_with(harness, bin, provider, &format!("prompt_file = \"prompt.md\"\n{more}"))
}

fn host_with(harness: &str, bin: &Path, provider: &Provider, more: &str) -> Host {
    // Some agents end at once as a user whom no account is of.
    let mut host = Host::as_root().unwrap_or_else(Host::new);
    host.arguments.push("--debug".to_owned());
    for name in ["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"] {
        host.secret(name, format!("{KEY}\n"));
    }
    fs::write(host.at("etc/prompt.md"), format!("{PROMPT}\n")).unwrap();
    prepare(&host, provider.port);
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    host.configure(&format!(
        r#"
        [[agents]]
        harness = "{harness}"
        workdir = "$DIR/work"
        restart = "on-failure"
        backoff = "10ms"
        {more}
        [agents.env]
        PATH = "{path}"
        HOME = "$DIR/work"
        ANTHROPIC_BASE_URL = "http://127.0.0.1:{port}"
        GOOGLE_GEMINI_BASE_URL = "http://127.0.0.1:{port}"
        GEMINI_CLI_TRUST_WORKSPACE = "true"
        OPENAI_BASE_URL = "http://127.0.0.1:{port}/v1"
        OPENAI_MODEL = "test"
        CODEX_HOME = "$DIR/work/codex"
        CLAUDE_CODE_MAX_RETRIES = "0"
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC = "1"
        DISABLE_AUTOUPDATER = "1"
        OPENCODE_DISABLE_AUTOUPDATE = "1"
        "#,
        port = provider.port,
    ));
    host
}

/// What the agents' own files must say to reach our provider.
fn prepare(host: &Host, port: u16) {
    let work = host.at("work");
    fs::create_dir_all(work.join("codex")).unwrap();
    let codex = format!(
        "model = \"gpt-test\"\nmodel_provider = \"local\"\n[model_providers.local]\nname = \"local\"\n\
         base_url = \"http://127.0.0.1:{port}/v1\"\nwire_api = \"responses\"\nenv_key = \"OPENAI_API_KEY\"\n\
         request_max_retries = 0\nstream_max_retries = 0\n[projects.\"{}\"]\ntrust_level = \"trusted\"\n",
        work.display()
    );
    fs::write(work.join("codex/config.toml"), codex).unwrap();
    let opencode = serde_json::json!({
        "$schema": "https://opencode.ai/config.json", "autoupdate": false, "share": "disabled", "model": "local/test",
        "provider": {"local": {"npm": "@ai-sdk/openai-compatible", "name": "local",
            "options": {"baseURL": format!("http://127.0.0.1:{port}/v1"), "apiKey": "{env:OPENAI_API_KEY}"},
            "models": {"test": {"name": "test"}}}},
    });
    fs::write(work.join("opencode.json"), opencode.to_string()).unwrap();
    let claude = serde_json::json!({
        "hasCompletedOnboarding": true, "customApiKeyResponses": {"approved": [&KEY[KEY.len() - 20..]], "rejected": []},
        "projects": {work.to_str().unwrap(): {"hasTrustDialogAccepted": true}},
    });
    fs::write(work.join(".claude.json"), claude.to_string()).unwrap();
    for (name, kind) in [(".gemini", "gemini-api-key"), (".qwen", "openai")] {
        fs::create_dir_all(work.join(name)).unwrap();
        let settings = serde_json::json!({"security": {"auth": {"selectedType": kind}}});
        fs::write(work.join(name).join("settings.json"), settings.to_string()).unwrap();
        host.own(&work.join(name));
        host.own(&work.join(name).join("settings.json"));
    }
    for path in ["", ".claude.json", "opencode.json", "codex", "codex/config.toml"] {
        host.own(&work.join(path));
    }
}

/// The provider was asked what is declared, with the key that is declared.
fn assert_asked(provider: &Provider) {
    let asked = provider.asked();
    assert!(asked.iter().any(|request| request.body.contains("What is the answer?")), "{asked:?}");
    assert!(asked.iter().all(|request| request.head.contains(KEY)), "{asked:?}");
}

/// `codex exec` wants to work in a repository only, unless it is told otherwise.
const ANYWHERE: &str = "args = [\"--skip-git-repo-check\"]";

/// Without it, gemini asks first which model to ask.
const FLASH: &str = "model = \"gemini-2.5-flash\"";

fn answers(harness: &str, package: &str, more: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(0);
    let host = host(harness, &bin, &provider, &format!("max_restarts = 1\n{more}"));
    let daemon = host.start();
    daemon.wait_state(harness, "exited");
    let agent = daemon.agent(harness);
    assert_eq!((&agent["exit"]["code"], &agent["restarts"]), (&0.into(), &0.into()), "{agent}");
    until("the answer on the pane", || host.screen(harness).contains(ANSWER).then_some(()));
    assert_asked(&provider);
    assert!(!daemon.log().contains(KEY), "the key is in the log");
}

/// The provider refuses, the agent fails with its own status and is restarted; then the provider answers.
fn recovers(harness: &str, package: &str, more: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(2);
    let host = host(harness, &bin, &provider, &format!("max_restarts = 20\n{more}"));
    let daemon = host.start();
    let failed = daemon.wait_state(harness, "backing_off");
    assert_eq!(failed["reason"], "exited with status 1", "{failed}");
    daemon.wait_state(harness, "exited");
    let agent = daemon.agent(harness);
    assert_eq!(agent["exit"]["code"], 0, "{agent}");
    assert!(agent["restarts"].as_u64().unwrap() >= 1, "{agent}");
    until("the answer on the pane", || host.screen(harness).contains(ANSWER).then_some(()));
}

/// A full-screen agent shows the answer, goes on, and is gone with all its processes when it is no longer declared.
fn answers_and_stays(harness: &str, package: &str, more: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(0);
    let host = host(harness, &bin, &provider, more);
    let daemon = host.start();
    daemon.wait_state(harness, "running");
    until("the answer on the screen", || host.screen(harness).contains(ANSWER).then_some(()));
    assert_asked(&provider);
    host.configure("# nobody\n");
    daemon.wait_state(harness, "none");
    assert_nothing_runs(&host);
}

/// An agent in the middle of its question ends when it is no longer declared, and all its helpers with it.
fn is_stopped_at_work(harness: &str, package: &str, more: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::silent();
    let host = host(harness, &bin, &provider, more);
    let daemon = host.start();
    daemon.wait_state(harness, "running");
    until("a question", || (!provider.asked().is_empty()).then_some(()));
    assert!(!agents_of(&host).is_empty(), "the check for what is left sees nothing at all");
    host.configure("# nobody\n");
    daemon.wait_state(harness, "none");
    assert_nothing_runs(&host);
}

/// What an agent and its helpers run: every process of the host that is not the daemon's own. By the executable, as the
/// programs' command lines don't say where they come from.
fn agents_of(host: &Host) -> Vec<(u32, std::path::PathBuf)> {
    let own = ["agentd", "agentd-shim", "tmux"];
    let executables =
        host.processes().into_iter().filter_map(|pid| Some((pid, fs::read_link(format!("/proc/{pid}/exe")).ok()?)));
    executables.filter(|(_, path)| !path.file_name().is_some_and(|name| own.iter().any(|own| name == *own))).collect()
}

fn assert_nothing_runs(host: &Host) {
    let left = agents_of(host);
    assert!(left.is_empty(), "{left:?} outlived it");
}

/// Its own interrupt is enough, without anything stronger.
fn ends_by_its_own_interrupt(harness: &str, package: &str, more: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(0);
    let host = host_with(harness, &bin, &provider, more);
    let daemon = host.start();
    daemon.wait_state(harness, "running");
    until("its prompt", || host.screen(harness).contains("❯").then_some(()));
    host.configure("# nobody\n");
    daemon.wait_state(harness, "none");
    assert_nothing_runs(&host);
    let log = daemon.log();
    assert!(log.contains("TypeCtrlC(2)") && !log.contains("Terminate"), "C-c was not enough:\n{log}");
}

proofs! {
    claude_code_answers: "claude-code", CLAUDE, Headless, Answers, answers, "";
    claude_code_is_restarted_until_its_provider_answers: "claude-code", CLAUDE, Headless, Recovers, recovers, "";
    claude_code_is_stopped_at_work: "claude-code", CLAUDE, Headless, Stops, is_stopped_at_work, "";
    an_interactive_claude_code_answers_and_stays: "claude-code", CLAUDE, Interactive, Answers, answers_and_stays, "";
    an_interactive_claude_code_ends_by_its_own_interrupt:
        "claude-code", CLAUDE, Interactive, Interrupt, ends_by_its_own_interrupt, "";
    codex_answers: "codex", CODEX, Headless, Answers, answers, ANYWHERE;
    codex_is_restarted_until_its_provider_answers: "codex", CODEX, Headless, Recovers, recovers, ANYWHERE;
    codex_is_stopped_at_work: "codex", CODEX, Headless, Stops, is_stopped_at_work, ANYWHERE;
    an_interactive_codex_answers_and_stays: "codex", CODEX, Interactive, Answers, answers_and_stays, "";
    opencode_answers: "opencode", OPENCODE, Headless, Answers, answers, "";
    opencode_is_stopped_at_work: "opencode", OPENCODE, Headless, Stops, is_stopped_at_work, "";
    an_interactive_opencode_answers_and_stays: "opencode", OPENCODE, Interactive, Answers, answers_and_stays, "";
    gemini_answers: "gemini-cli", GEMINI, Headless, Answers, answers, FLASH;
    gemini_is_restarted_until_its_provider_answers: "gemini-cli", GEMINI, Headless, Recovers, recovers, FLASH;
    gemini_is_stopped_at_work: "gemini-cli", GEMINI, Headless, Stops, is_stopped_at_work, FLASH;
    an_interactive_gemini_answers_and_stays: "gemini-cli", GEMINI, Interactive, Answers, answers_and_stays, FLASH;
    qwen_code_answers: "qwen-code", QWEN, Headless, Answers, answers, "";
    qwen_code_is_restarted_until_its_provider_answers: "qwen-code", QWEN, Headless, Recovers, recovers, "";
    qwen_code_is_stopped_at_work: "qwen-code", QWEN, Headless, Stops, is_stopped_at_work, "";
    an_interactive_qwen_code_answers_and_stays: "qwen-code", QWEN, Interactive, Answers, answers_and_stays, "";
    claude_code_starts_unattended: "claude-code", CLAUDE, Interactive, Unattended, starts_unattended, "";
    claude_code_starts_unattended_and_does_without_permissions:
        "claude-code", CLAUDE, Interactive, Unattended, starts_unattended, "permissions = \"bypass\"";
    codex_starts_unattended: "codex", CODEX, Interactive, Unattended, starts_unattended, "model = \"gpt-test\"";
    opencode_starts_unattended: "opencode", OPENCODE, Interactive, Unattended, starts_unattended, "";
    gemini_starts_unattended: "gemini-cli", GEMINI, Interactive, Unattended, starts_unattended, FLASH;
    qwen_starts_unattended: "qwen-code", QWEN, Interactive, Unattended, starts_unattended, "model = \"test\"";
}
