//! The main job on real input: real agents from npm and PyPI, under the real daemon, against a provider of our own.
#![allow(missing_docs, dead_code, unsafe_code, reason = "a test; the harness has more than is used here")]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test")]
#![allow(unused_imports, reason = "the harness is shared")]

#[path = "../blackbox/account.rs"]
mod account;
mod activity;
mod answers;
#[path = "../blackbox/cgroups.rs"]
mod cgroups;
mod files;
mod first_run;
#[path = "../blackbox/harness.rs"]
mod harness;
mod install;
mod outcomes;
#[macro_use]
mod proofs;
mod provider;
mod resume;
mod stall;

use std::fs;
use std::path::Path;

use activity::{is_known_by_its_title, rests_after_escape, rests_after_refusal, tells_of_its_work, tells_what_it_asks};
use answers::{answers, answers_and_stays, answers_slowly, answers_what_is_typed};
use files::{asks_before_it_writes_a_file, writes_a_file};
use first_run::starts_unattended;
use harness::{Daemon, Host, until};
use install::{AIDER, CLAUDE, CODEX, COPILOT, GEMINI, OPENCODE, QWEN};
use outcomes::{
    is_held_for_good_on_a_wrong_key, is_held_on_a_wrong_key, is_interrupted, is_refused_a_tool, never_gets_an_answer,
    recovers_from_a_broken_provider, recovers_from_a_rate_limit, uses_a_tool, uses_a_tool_and_counts_turns,
};
use provider::{ANSWER, Failure, Provider, Script};
use resume::{goes_on, goes_on_after_a_turn, goes_on_once_answered};
use stall::is_nudged;

const PROMPT: &str = "What is the answer? Say 'forty-two'; don't use any tool.";

/// Where they look for it.
const KEYS: [&str; 4] = ["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "COPILOT_PROVIDER_API_KEY"];
const KEY: &str = "sk-test-0123456789abcdefghijklmnopqrstuvwxyz";

/// A host with one agent of this harness, whose programs are in `bin`.
fn host(harness: &str, bin: &Path, provider: &Provider, more: &str) -> Host {
    host_with(harness, bin, provider, &format!("prompt_file = \"prompt.md\"\n{more}"))
}

fn host_with(harness: &str, bin: &Path, provider: &Provider, more: &str) -> Host {
    // Some agents end at once as a user whom no account is of.
    let temporary = std::env::temp_dir();
    // It reads what agentd tells it by a file only where nobody but root can write.
    let place = if harness == "gemini-cli" { Path::new("/run") } else { &temporary };
    let mut host = Host::as_root_in(place).unwrap_or_else(Host::new);
    host.arguments.push("--debug".to_owned());
    for name in KEYS {
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
        OPENCODE_DISABLE_MODELS_FETCH = "1"
        COPILOT_PROVIDER_BASE_URL = "http://127.0.0.1:{port}/v1"
        COPILOT_MODEL = "test"
        COPILOT_OFFLINE = "true"
        COPILOT_CLI_DIST_DIR = "{unpacked}"
        OPENAI_API_BASE = "http://127.0.0.1:{port}/v1"
        AIDER_MODEL = "openai/test"
        AIDER_ANALYTICS = "false"
        AIDER_CHECK_UPDATE = "false"
        AIDER_SHOW_RELEASE_NOTES = "false"
        LITELLM_LOCAL_MODEL_COST_MAP = "True"
        "#,
        port = provider.port,
        unpacked = install::unpacked(bin).display(),
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
        // By itself it asks for nothing.
        "permission": {"bash": "ask"},
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
    let copilot = serde_json::json!({"trustedFolders": [work.to_str().unwrap()]});
    fs::create_dir_all(work.join(".copilot")).unwrap();
    fs::write(work.join(".copilot/config.json"), copilot.to_string()).unwrap();
    // What models cost, which aider would fetch else.
    let price = serde_json::json!({"openai/test": {"litellm_provider": "openai", "mode": "chat",
        "max_input_tokens": 100_000, "input_cost_per_token": 3e-6, "output_cost_per_token": 15e-6}});
    fs::create_dir_all(work.join(".aider/caches")).unwrap();
    fs::write(work.join(".aider/caches/model_prices_and_context_window.json"), price.to_string()).unwrap();
    for path in [
        "",
        ".claude.json",
        "opencode.json",
        "codex",
        "codex/config.toml",
        ".copilot",
        ".copilot/config.json",
        ".aider",
        ".aider/caches",
        ".aider/caches/model_prices_and_context_window.json",
    ] {
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

/// Without it, aider asks whether to open the page that its provider names in an error.
const ANYHOW: &str = "permissions = \"bypass\"";

/// Without it, gemini asks first which model to ask.
const FLASH: &str = "model = \"gemini-2.5-flash\"";

/// An agent in the middle of its question ends when it is no longer declared, and all its helpers with it.
fn is_stopped_at_work(harness: &str, package: &str, more: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(Script::Hangs);
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
    let provider = Provider::start(Script::Answers);
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
    claude_code_is_held_on_a_wrong_key: "claude-code", CLAUDE, Headless, WrongKey, is_held_on_a_wrong_key, "";
    claude_code_is_stopped_at_work: "claude-code", CLAUDE, Headless, Stops, is_stopped_at_work, "";
    an_interactive_claude_code_answers_and_stays: "claude-code", CLAUDE, Interactive, Answers, answers_and_stays, "";
    an_interactive_claude_code_ends_by_its_own_interrupt:
        "claude-code", CLAUDE, Interactive, Interrupt, ends_by_its_own_interrupt, "";
    codex_answers: "codex", CODEX, Headless, Answers, answers, ANYWHERE;
    codex_is_held_on_a_wrong_key: "codex", CODEX, Headless, WrongKey, is_held_on_a_wrong_key, ANYWHERE;
    codex_is_stopped_at_work: "codex", CODEX, Headless, Stops, is_stopped_at_work, ANYWHERE;
    an_interactive_codex_answers_and_stays: "codex", CODEX, Interactive, Answers, answers_and_stays, "";
    opencode_answers: "opencode", OPENCODE, Headless, Answers, answers, "";
    opencode_is_stopped_at_work: "opencode", OPENCODE, Headless, Stops, is_stopped_at_work, "";
    an_interactive_opencode_answers_and_stays: "opencode", OPENCODE, Interactive, Answers, answers_and_stays, "";
    gemini_answers: "gemini-cli", GEMINI, Headless, Answers, answers, FLASH;
    gemini_is_held_on_a_wrong_key: "gemini-cli", GEMINI, Headless, WrongKey, is_held_on_a_wrong_key, FLASH;
    gemini_is_stopped_at_work: "gemini-cli", GEMINI, Headless, Stops, is_stopped_at_work, FLASH;
    an_interactive_gemini_answers_and_stays: "gemini-cli", GEMINI, Interactive, Answers, answers_and_stays, FLASH;
    qwen_code_answers: "qwen-code", QWEN, Headless, Answers, answers, "";
    qwen_code_is_held_on_a_wrong_key: "qwen-code", QWEN, Headless, WrongKey, is_held_on_a_wrong_key, "";
    qwen_code_is_stopped_at_work: "qwen-code", QWEN, Headless, Stops, is_stopped_at_work, "";
    an_interactive_qwen_code_answers_and_stays: "qwen-code", QWEN, Interactive, Answers, answers_and_stays, "";
    claude_code_goes_on: "claude-code", CLAUDE, Headless, GoesOn, goes_on, "";
    an_interactive_claude_code_goes_on: "claude-code", CLAUDE, Interactive, GoesOn, goes_on, "";
    codex_goes_on: "codex", CODEX, Headless, GoesOn, goes_on, ANYWHERE;
    an_interactive_codex_goes_on: "codex", CODEX, Interactive, GoesOn, goes_on_after_a_turn, "";
    opencode_goes_on: "opencode", OPENCODE, Headless, GoesOn, goes_on_once_answered, "";
    gemini_goes_on: "gemini-cli", GEMINI, Headless, GoesOn, goes_on, FLASH;
    qwen_code_goes_on: "qwen-code", QWEN, Headless, GoesOn, goes_on, "";
    an_interactive_qwen_code_goes_on: "qwen-code", QWEN, Interactive, GoesOn, goes_on, "";
    claude_code_starts_unattended: "claude-code", CLAUDE, Interactive, Unattended, starts_unattended, "";
    claude_code_starts_unattended_and_does_without_permissions:
        "claude-code", CLAUDE, Interactive, Unattended, starts_unattended, "permissions = \"bypass\"";
    codex_starts_unattended: "codex", CODEX, Interactive, Unattended, starts_unattended, "model = \"gpt-test\"";
    opencode_starts_unattended: "opencode", OPENCODE, Interactive, Unattended, starts_unattended, "";
    gemini_starts_unattended: "gemini-cli", GEMINI, Interactive, Unattended, starts_unattended, FLASH;
    qwen_starts_unattended: "qwen-code", QWEN, Interactive, Unattended, starts_unattended, "model = \"test\"";
    opencode_is_held_on_a_wrong_key: "opencode", OPENCODE, Headless, WrongKey, is_held_for_good_on_a_wrong_key, "";
    claude_code_uses_a_tool: "claude-code", CLAUDE, Headless, Tool, uses_a_tool, "";
    codex_uses_a_tool: "codex", CODEX, Headless, Tool, uses_a_tool, ANYWHERE;
    gemini_uses_a_tool: "gemini-cli", GEMINI, Headless, Tool, uses_a_tool, FLASH;
    qwen_code_uses_a_tool: "qwen-code", QWEN, Headless, Tool, uses_a_tool, "";
    opencode_uses_a_tool: "opencode", OPENCODE, Headless, Tool, uses_a_tool, "";
    claude_code_is_refused_a_tool: "claude-code", CLAUDE, Headless, Refused, is_refused_a_tool, "";
    qwen_code_is_refused_a_tool: "qwen-code", QWEN, Headless, Refused, is_refused_a_tool, "";
    opencode_is_refused_a_tool: "opencode", OPENCODE, Headless, Refused, is_refused_a_tool, "";
    claude_code_is_interrupted: "claude-code", CLAUDE, Headless, Interrupted, is_interrupted, "";
    gemini_is_interrupted: "gemini-cli", GEMINI, Headless, Interrupted, is_interrupted, FLASH;
    qwen_code_is_interrupted: "qwen-code", QWEN, Headless, Interrupted, is_interrupted, "";
    claude_code_tells_of_its_work: "claude-code", CLAUDE, Interactive, Tells, tells_of_its_work, "";
    gemini_tells_of_its_work: "gemini-cli", GEMINI, Interactive, Tells, tells_of_its_work, FLASH;
    qwen_code_tells_of_its_work: "qwen-code", QWEN, Interactive, Tells, tells_of_its_work, "";
    codex_tells_of_its_work: "codex", CODEX, Interactive, Tells, is_known_by_its_title, "";
    opencode_tells_of_its_work: "opencode", OPENCODE, Interactive, Tells, tells_of_its_work, "";
    claude_code_tells_what_it_asks: "claude-code", CLAUDE, Interactive, Asks, tells_what_it_asks, "";
    gemini_tells_what_it_asks: "gemini-cli", GEMINI, Interactive, Asks, tells_what_it_asks, FLASH;
    qwen_code_tells_what_it_asks: "qwen-code", QWEN, Interactive, Asks, tells_what_it_asks, "";
    codex_tells_what_it_asks: "codex", CODEX, Interactive, Asks, tells_what_it_asks, "";
    opencode_tells_what_it_asks: "opencode", OPENCODE, Interactive, Asks, tells_what_it_asks, "";
    an_idle_claude_code_is_nudged: "claude-code", CLAUDE, Interactive, Nudged, is_nudged, "";
    an_idle_codex_is_nudged: "codex", CODEX, Interactive, Nudged, is_nudged, "";
    an_idle_gemini_is_nudged: "gemini-cli", GEMINI, Interactive, Nudged, is_nudged, FLASH;
    an_idle_gemini_without_permissions_is_nudged:
        "gemini-cli", GEMINI, Interactive, Nudged, is_nudged, format!("{FLASH}\npermissions = \"bypass\"");
    an_idle_qwen_code_is_nudged: "qwen-code", QWEN, Interactive, Nudged, is_nudged, "";
    an_idle_qwen_code_without_permissions_is_nudged:
        "qwen-code", QWEN, Interactive, Nudged, is_nudged, "permissions = \"bypass\"";
    an_idle_opencode_is_nudged: "opencode", OPENCODE, Interactive, Nudged, is_nudged, "";
    claude_code_rests_after_escape: "claude-code", CLAUDE, Interactive, Escaped, rests_after_escape, "prepare = true";
    claude_code_rests_after_a_refusal: "claude-code", CLAUDE, Interactive, Escaped, rests_after_refusal, "";
    gemini_rests_after_escape: "gemini-cli", GEMINI, Interactive, Escaped, rests_after_escape, FLASH;
    qwen_code_rests_after_escape: "qwen-code", QWEN, Interactive, Escaped, rests_after_escape, "";
    codex_rests_after_escape: "codex", CODEX, Interactive, Escaped, rests_after_escape, "";
    opencode_rests_after_escape: "opencode", OPENCODE, Interactive, Escaped, rests_after_escape, "";
    opencode_is_interrupted: "opencode", OPENCODE, Headless, Interrupted, is_interrupted, "";
    an_interactive_copilot_answers_and_stays: "copilot", COPILOT, Interactive, Answers, answers_and_stays, "";
    an_interactive_aider_answers_what_is_typed: "aider", AIDER, Interactive, Answers, answers_what_is_typed, "";

    @waiting
    // Those that take longest first.
    qwen_code_recovers_from_a_rate_limit: "qwen-code", QWEN, Headless, RateLimit, recovers_from_a_rate_limit, "";
    qwen_code_recovers_from_a_broken_provider: "qwen-code", QWEN, Headless, Broken, recovers_from_a_broken_provider, "";
    aider_recovers_from_a_rate_limit: "aider", AIDER, Headless, RateLimit, recovers_from_a_rate_limit, "";
    aider_recovers_from_a_broken_provider: "aider", AIDER, Headless, Broken, recovers_from_a_broken_provider, "";
    opencode_recovers_from_a_rate_limit: "opencode", OPENCODE, Headless, RateLimit, recovers_from_a_rate_limit, "";
    opencode_recovers_from_a_broken_provider: "opencode", OPENCODE, Headless, Broken, recovers_from_a_broken_provider, "";
    copilot_recovers_from_a_rate_limit: "copilot", COPILOT, Headless, RateLimit, recovers_from_a_rate_limit, "";
    copilot_recovers_from_a_broken_provider: "copilot", COPILOT, Headless, Broken, recovers_from_a_broken_provider, "";
    gemini_recovers_from_a_rate_limit: "gemini-cli", GEMINI, Headless, RateLimit, recovers_from_a_rate_limit, FLASH;
    gemini_recovers_from_a_broken_provider: "gemini-cli", GEMINI, Headless, Broken, recovers_from_a_broken_provider, FLASH;
    claude_code_recovers_from_a_broken_provider: "claude-code", CLAUDE, Headless, Broken, recovers_from_a_broken_provider, "";
    claude_code_recovers_from_a_rate_limit: "claude-code", CLAUDE, Headless, RateLimit, recovers_from_a_rate_limit, "";
    codex_recovers_from_a_broken_provider: "codex", CODEX, Headless, Broken, recovers_from_a_broken_provider, ANYWHERE;
    codex_recovers_from_a_rate_limit: "codex", CODEX, Headless, RateLimit, recovers_from_a_rate_limit, ANYWHERE;
    claude_code_never_gets_an_answer: "claude-code", CLAUDE, Headless, Hangs, never_gets_an_answer, "";
    codex_never_gets_an_answer: "codex", CODEX, Headless, Hangs, never_gets_an_answer, ANYWHERE;
    gemini_never_gets_an_answer: "gemini-cli", GEMINI, Headless, Hangs, never_gets_an_answer, FLASH;
    qwen_code_never_gets_an_answer: "qwen-code", QWEN, Headless, Hangs, never_gets_an_answer, "";
    opencode_never_gets_an_answer: "opencode", OPENCODE, Headless, Hangs, never_gets_an_answer, "";
    copilot_never_gets_an_answer: "copilot", COPILOT, Headless, Hangs, never_gets_an_answer, "";
    aider_never_gets_an_answer: "aider", AIDER, Headless, Hangs, never_gets_an_answer, "";
    copilot_answers: "copilot", COPILOT, Headless, Answers, answers, "";
    copilot_uses_a_tool: "copilot", COPILOT, Headless, Tool, uses_a_tool_and_counts_turns, "";
    copilot_is_refused_a_tool: "copilot", COPILOT, Headless, Refused, is_refused_a_tool, "";
    copilot_is_held_on_a_wrong_key: "copilot", COPILOT, Headless, WrongKey, is_held_for_good_on_a_wrong_key, "";
    copilot_is_interrupted: "copilot", COPILOT, Headless, Interrupted, is_interrupted, "";
    copilot_is_stopped_at_work: "copilot", COPILOT, Headless, Stops, is_stopped_at_work, "";
    copilot_goes_on: "copilot", COPILOT, Headless, GoesOn, goes_on, "";
    copilot_starts_unattended: "copilot", COPILOT, Interactive, Unattended, starts_unattended, "";
    aider_answers: "aider", AIDER, Headless, Answers, answers, "";
    aider_writes_a_file: "aider", AIDER, Headless, Tool, writes_a_file, "";
    aider_asks_on_its_terminal: "aider", AIDER, Headless, Asks, asks_before_it_writes_a_file, "";
    aider_is_held_on_a_wrong_key: "aider", AIDER, Headless, WrongKey, is_held_on_a_wrong_key, ANYHOW;
    aider_is_interrupted: "aider", AIDER, Headless, Interrupted, is_interrupted, "";
    aider_is_stopped_at_work: "aider", AIDER, Headless, Stops, is_stopped_at_work, "";
    claude_code_answers_slowly: "claude-code", CLAUDE, Headless, Slow, answers_slowly, "";
    codex_answers_slowly: "codex", CODEX, Headless, Slow, answers_slowly, ANYWHERE;
    gemini_answers_slowly: "gemini-cli", GEMINI, Headless, Slow, answers_slowly, FLASH;
    qwen_code_answers_slowly: "qwen-code", QWEN, Headless, Slow, answers_slowly, "";
    opencode_answers_slowly: "opencode", OPENCODE, Headless, Slow, answers_slowly, "";
    copilot_answers_slowly: "copilot", COPILOT, Headless, Slow, answers_slowly, "";
    aider_answers_slowly: "aider", AIDER, Headless, Slow, answers_slowly, "";
}
