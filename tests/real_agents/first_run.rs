//! Real agents in an empty home: what they would ask is known, is answered ahead, and then they work without anybody.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::{AGENTD, Daemon, Host, until};
use crate::install;
use crate::provider::{ANSWER, Provider, Script};
use crate::{KEY, PROMPT, assert_asked};

/// The variables by which each finds its key and the provider.
fn variables(harness: &str, port: u16) -> Vec<(&'static str, String)> {
    let at = format!("http://127.0.0.1:{port}");
    match harness {
        "claude-code" => vec![
            ("ANTHROPIC_API_KEY", KEY.to_owned()),
            ("ANTHROPIC_BASE_URL", at),
            ("CLAUDE_CODE_MAX_RETRIES", "0".to_owned()),
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1".to_owned()),
        ],
        "gemini-cli" => vec![("GEMINI_API_KEY", KEY.to_owned()), ("GOOGLE_GEMINI_BASE_URL", at)],
        "copilot" => vec![
            ("COPILOT_PROVIDER_API_KEY", KEY.to_owned()),
            ("COPILOT_PROVIDER_BASE_URL", format!("{at}/v1")),
            ("COPILOT_MODEL", "test".to_owned()),
            ("COPILOT_OFFLINE", "true".to_owned()),
        ],
        // With a provider that it has in it: to fetch one takes npm longer than all the rest.
        "opencode" => {
            let options = serde_json::json!({"baseURL": format!("{at}/v1")});
            let config = serde_json::json!({
                "share": "disabled", "model": "anthropic/test",
                "provider": {"anthropic": {"options": options, "models": {"test": {"name": "test"}}}},
            });
            vec![
                ("ANTHROPIC_API_KEY", KEY.to_owned()),
                ("OPENCODE_CONFIG_CONTENT", config.to_string()),
                ("OPENCODE_DISABLE_MODELS_FETCH", "1".to_owned()),
            ]
        }
        _ => vec![("OPENAI_API_KEY", KEY.to_owned()), ("OPENAI_BASE_URL", format!("{at}/v1"))],
    }
}

fn configure(host: &Host, harness: &str, bin: &Path, port: u16, more: &str) {
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let toml = |value: &str| Value::from(value).to_string();
    let line = |(name, value): &(&str, String)| format!("{name} = {}", toml(value));
    let env: Vec<String> = variables(harness, port).iter().map(line).collect();
    host.configure(&format!(
        "[[agents]]\nharness = \"{harness}\"\nprompt = {}\nworkdir = \"$DIR/work\"\n{more}\n\
         [agents.env]\nPATH = {}\nHOME = \"$DIR/work\"\n{}\n",
        toml(PROMPT),
        toml(&path),
        env.join("\n")
    ));
}

/// The questions that would hold it up, as `agentd doctor` knows them.
fn questions(host: &Host) -> usize {
    let mut doctor = host.command(AGENTD);
    doctor.args(["doctor", "--json", "--config"]).arg(host.at("etc/jcard.toml")).args(&host.arguments);
    doctor.arg("--secret-dir").arg(host.at("secrets"));
    let findings: Vec<Value> = serde_json::from_slice(&doctor.output().unwrap().stdout).unwrap();
    assert!(!findings.iter().any(|finding| finding["check"] == "configuration" && finding["severity"] == "problem"));
    findings.iter().filter(|finding| finding["check"] == "agent-first-run").count()
}

/// What the shim does right before the agent.
fn prepare(host: &Host, harness: &str, port: u16, words: &[&str]) {
    let mut command = host.command(AGENTD);
    if let Some(account) = &host.account {
        std::os::unix::process::CommandExt::uid(&mut command, account.uid);
    }
    command.args(["prepare", harness]).args(words).env_clear().current_dir(host.at("work"));
    command.env("HOME", host.at("work")).envs(variables(harness, port));
    let output = command.output().unwrap();
    assert_eq!((String::from_utf8_lossy(&output.stderr).as_ref(), output.status.code()), ("", Some(0)));
}

/// It answers its prompt in its full-screen form, and nobody was there to be asked.
pub fn starts_unattended(harness: &str, package: &str, more: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(Script::Answers);
    let host = Host::as_root().unwrap_or_else(Host::new);
    // In a repository programs ask most.
    assert!(Command::new("git").args(["init", "--quiet"]).arg(host.at("work")).status().unwrap().success());
    Command::new("chown")
        .args(["--recursive", "--reference"])
        .args([host.at("work"), host.at("work")])
        .status()
        .unwrap();
    let bypasses = more.contains("\"bypass\"");
    let more = more.replace("$PORT", &provider.port.to_string());
    configure(&host, harness, &bin, provider.port, &more);
    let before = questions(&host);
    prepare(&host, harness, provider.port, if bypasses { &["--bypass"] } else { &[] });
    assert_eq!(questions(&host), 0);
    assert!(before > 0 || harness == "opencode", "{harness} would have asked nothing");
    configure(&host, harness, &bin, provider.port, &format!("prepare = true\n{more}"));
    let daemon = host.start();
    daemon.wait_state(harness, "running");
    answers(&host, harness);
    assert_asked(&provider);
    ends(&host, &daemon, harness);
}

fn answers(host: &Host, harness: &str) {
    let mut screen = String::new();
    let answered = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        until("the answer on the screen", || {
            screen = host.screen(harness);
            screen.contains(ANSWER).then_some(())
        });
    }));
    assert!(answered.is_ok(), "it asks something:\n{screen}");
}

fn ends(host: &Host, daemon: &Daemon, harness: &str) {
    host.configure("# nobody\n");
    daemon.wait_state(harness, "none");
}
