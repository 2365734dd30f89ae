//! What real agents with a screen tell while they work, and that no file of their users' is touched for it.

use std::fs;
use std::time::Instant;

use serde_json::{Value, json};

use crate::harness::{Daemon, Host, PATIENCE, until};
use crate::provider::{ANSWER, Provider, Script, Tool};
use crate::{host, install};

/// The settings of the user's own, which stay byte for byte what they are, and what they have each of these do.
const OWN: [(&str, &str); 4] = [
    ("claude-code", ".claude/settings.json"),
    ("gemini-cli", ".gemini/settings.json"),
    ("qwen-code", ".qwen/settings.json"),
    ("codex", "codex/config.toml"),
];

/// Adds a hook of the user's own, for the end of a turn, and returns the file with all that is in it.
fn own_hook(host: &Host, harness: &str) -> Option<(std::path::PathBuf, String)> {
    let path = host.at("work").join(OWN.iter().find(|(name, _)| *name == harness)?.1);
    let before = fs::read_to_string(&path).unwrap_or_else(|_| "{}".to_owned());
    let event = if harness == "gemini-cli" { "AfterAgent" } else { "Stop" };
    if let Ok(Value::Object(mut settings)) = serde_json::from_str(&before) {
        let command = format!("touch {}", host.at("work/own").display());
        settings.insert("hooks".to_owned(), json!({event: [{"hooks": [{"type": "command", "command": command}]}]}));
        if harness == "qwen-code" {
            // It writes older ones anew by itself.
            settings.insert("$version".to_owned(), json!(4));
        }
        let directory = path.parent().unwrap();
        fs::create_dir_all(directory).unwrap();
        fs::write(&path, Value::from(settings).to_string()).unwrap();
        host.own(directory);
        host.own(&path);
    }
    let text = fs::read_to_string(&path).unwrap();
    Some((path, text))
}

/// What it was seen to do, in order.
fn states(daemon: &Daemon) -> Vec<String> {
    let told = daemon.events().into_iter().filter(|event| event["type"] == "activity");
    told.filter_map(|event| event["activity"]["state"].as_str().map(str::to_owned)).collect()
}

/// Waits until it does something, and says what is on its screen if it never does.
fn wait_for(host: &Host, daemon: &Daemon, harness: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let started = Instant::now();
    loop {
        let agent = daemon.agent(harness);
        if is_so(&agent) {
            return agent;
        }
        let told = || daemon.events().into_iter().filter(|event| event["type"] == "activity").collect::<Vec<_>>();
        assert!(started.elapsed() < PATIENCE, "no {what}: {:?}\n{agent}\n{}", told(), host.screen(harness));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

fn rests(agent: &Value) -> bool {
    agent["activity"]["state"] == "idle"
}

/// It is told from when it works to when it doesn't, with its session, and the user's own hooks go on.
pub fn tells_of_its_work(harness: &str, package: &str, more: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(Script::Answers);
    let host = host(harness, &bin, &provider, more);
    let own = own_hook(&host, harness);
    let daemon = host.start();
    let is_done = |agent: &Value| rests(agent) && states(&daemon).contains(&"busy".to_owned());
    let agent = wait_for(&host, &daemon, harness, "rest after its work", is_done);
    until("the answer on the screen", || host.screen(harness).contains(ANSWER).then_some(()));
    assert!(agent["conversation"].as_str().is_some_and(|id| id.len() >= 20), "{agent}");
    let source = agent["activity"]["source"].as_str().unwrap();
    assert!(["hook ", "plugin "].iter().any(|kind| source.starts_with(kind)), "{agent}");
    if harness == "opencode" {
        wait_for(&host, &daemon, harness, "usage", |agent| agent["model_usage"]["run"]["output_tokens"] == 5);
    }
    let Some((path, text)) = own else { return };
    if path.extension().is_some_and(|extension| extension == "json") {
        until("the user's own hook", || host.at("work/own").exists().then_some(()));
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), text, "{}", path.display());
}

/// It waits for a person, and it is told what for; then it goes on.
pub fn tells_what_it_asks(harness: &str, package: &str, more: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(Script::Uses(Tool::Outside("echo forty-two > answer.txt")));
    let host = host(harness, &bin, &provider, &format!("permissions = \"default\"\n{more}"));
    let daemon = host.start();
    let waits = |agent: &Value| agent["activity"]["state"] == "waiting";
    let agent = wait_for(&host, &daemon, harness, "question", waits);
    let question = agent["activity"]["question"].as_str().unwrap();
    assert!(question.contains("forty-two"), "{agent}");
    // The screen may still be behind what the hook was told.
    until("the question on the screen", || host.screen(harness).contains("echo forty-two").then_some(()));
    let started = Instant::now();
    while !host.at("work/answer.txt").exists() {
        assert!(started.elapsed() < PATIENCE, "it takes no Enter:\n{}", host.screen(harness));
        host.tmux(&["send-keys", "-t", &format!("={harness}:"), "Enter"]).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    wait_for(&host, &daemon, harness, "rest after its work", rests);
}
