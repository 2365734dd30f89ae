//! What real agents with a screen tell while they work, and that no file of their users' is touched for it.

use std::cell::Cell;
use std::fs;
use std::time::Instant;

use serde_json::{Value, json};

use crate::harness::{Daemon, Host, PATIENCE, until};
use crate::provider::{ANSWER, Provider, Script, Tool};
use crate::{host, install};

/// The settings of the user's own, which stay byte for byte what they are, and what they have each of these do.
const OWN: [(&str, &str); 5] = [
    ("claude-code", ".claude/settings.json"),
    ("gemini-cli", ".gemini/settings.json"),
    ("qwen-code", ".qwen/settings.json"),
    ("codex", "codex/config.toml"),
    ("opencode", "opencode.json"),
];

/// Adds a hook of the user's own, for the end of a turn, and returns the file with all that is in it.
fn own_hook(host: &Host, harness: &str) -> Option<(std::path::PathBuf, String)> {
    let path = host.at("work").join(OWN.iter().find(|(name, _)| *name == harness)?.1);
    let before = fs::read_to_string(&path).unwrap_or_else(|_| "{}".to_owned());
    let event = if harness == "gemini-cli" { "AfterAgent" } else { "Stop" };
    if let Ok(Value::Object(mut settings)) = serde_json::from_str(&before)
        && harness != "opencode"
    {
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

/// Has opencode use a provider that it has in it: to fetch another one takes npm longer than all the rest.
fn use_own_provider(host: &Host, port: u16) {
    let options = json!({"baseURL": format!("http://127.0.0.1:{port}/v1")});
    let config = json!({
        // Without it, opencode adds it by itself.
        "$schema": "https://opencode.ai/config.json",
        "share": "disabled", "model": "anthropic/test", "permission": {"bash": "ask"},
        "provider": {"anthropic": {"options": options, "models": {"test": {"name": "test"}}}},
    });
    fs::write(host.at("work/opencode.json"), config.to_string()).unwrap();
}

/// What it was seen to do, in order.
pub fn states(daemon: &Daemon) -> Vec<String> {
    let told = daemon.events().into_iter().filter(|event| event["type"] == "activity");
    // Of its own account, not of its terminal's.
    let told = told.filter(|event| event["activity"]["source"] != "terminal");
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
    use_own_provider(&host, provider.port);
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
    if text.contains("work/own") {
        until("the user's own hook", || host.at("work/own").exists().then_some(()));
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), text, "{}", path.display());
    assert!(!host.at("work/.config/opencode/node_modules").exists(), "it has installed packages");
}

/// It waits for a person, and it is told what for; then it goes on.
pub fn tells_what_it_asks(harness: &str, package: &str, more: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(Script::Uses(Tool::Outside("echo forty-two > answer.txt")));
    let host = host(harness, &bin, &provider, &format!("permissions = \"default\"\n{more}"));
    use_own_provider(&host, provider.port);
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

/// Interrupted by a person it comes to rest, by its own account or by its screen's; for as long as a tool works, so does it.
pub fn rests_after_escape(harness: &str, package: &str, more: &str) {
    let Some(bin) = install::bin(package) else { return };
    let more = format!("permissions = \"bypass\"\n{more}");
    let provider = Provider::start(Script::Hangs);
    let escaped = host(harness, &bin, &provider, &more);
    use_own_provider(&escaped, provider.port);
    let daemon = escaped.start();
    wait_for(&escaped, &daemon, harness, "work", |agent| agent["activity"]["state"] == "busy");
    until("a question", || (!provider.asked().is_empty()).then_some(()));
    let escape = || escaped.tmux(&["send-keys", "-t", &format!("={harness}:"), "Escape"]).unwrap();
    escape();
    let said = Cell::new(Instant::now());
    let agent = wait_for(&escaped, &daemon, harness, "rest after Escape", |agent| {
        // To opencode it has to be said twice, and on a busy machine it may not have heard the first.
        if harness == "opencode" && !rests(agent) && said.get().elapsed() > std::time::Duration::from_millis(500) {
            escape();
            said.set(Instant::now());
        }
        rests(agent)
    });
    let is_seen = agent["activity"]["source"] == "screen";
    assert_eq!(is_seen, harness == "claude-code", "{agent}");
    drop(daemon);
    drop(escaped);

    // Longer than anybody may be still who works. A sleep alone some refuse to execute.
    let command = "touch begun; timeout 35 tail -f /dev/null; touch done";
    let provider = Provider::start(Script::Uses(Tool::Shell(command)));
    let host = host(harness, &bin, &provider, &more);
    use_own_provider(&host, provider.port);
    let daemon = host.start();
    wait_for(&host, &daemon, harness, "tool", |_| host.at("work/begun").exists());
    let is_done = |agent: &Value| rests(agent) && host.at("work/done").exists();
    let agent = wait_for(&host, &daemon, harness, "rest after its tool", is_done);
    assert_ne!(agent["activity"]["source"], "screen", "{agent}");
    // Before its first turn it does rest.
    let works = |event: &Value| event["activity"]["state"] == "busy";
    let is_seen = |event: &Value| ["screen", "title"].iter().any(|source| event["activity"]["source"] == *source);
    let told =
        daemon.events().into_iter().filter(|event| event["type"] == "activity").skip_while(|event| !works(event));
    let rested: Vec<_> = told.filter(|event| is_seen(event) && rests(event)).collect();
    assert_eq!(rested, Vec::<Value>::new(), "it was taken for idle at work");
}

/// Of its work it tells nothing, but its terminal's title does.
pub fn is_known_by_its_title(harness: &str, package: &str, more: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(Script::Hangs);
    let host = host(harness, &bin, &provider, more);
    let daemon = host.start();
    let by_title =
        |agent: &Value, state: &str| agent["activity"]["state"] == state && agent["activity"]["source"] == "title";
    wait_for(&host, &daemon, harness, "work", |agent| by_title(agent, "busy"));
    until("a question", || (!provider.asked().is_empty()).then_some(()));
    host.tmux(&["send-keys", "-t", &format!("={harness}:"), "Escape"]).unwrap();
    wait_for(&host, &daemon, harness, "rest after Escape", |agent| by_title(agent, "idle"));
}

/// It asked, and a person refuses with Escape to answer: it doesn't wait any more, and tells nothing of that.
pub fn rests_after_refusal(harness: &str, package: &str, more: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(Script::Uses(Tool::Outside("echo forty-two > answer.txt")));
    let host = host(harness, &bin, &provider, &format!("permissions = \"default\"\n{more}"));
    let daemon = host.start();
    wait_for(&host, &daemon, harness, "question", |agent| agent["activity"]["state"] == "waiting");
    until("the question on the screen", || host.screen(harness).contains("echo forty-two").then_some(()));
    until("agentd to see it", || daemon.log().contains("has read its screen").then_some(()));
    host.tmux(&["send-keys", "-t", &format!("={harness}:"), "Escape"]).unwrap();
    let agent = wait_for(&host, &daemon, harness, "rest after Escape", rests);
    assert_eq!(agent["activity"]["source"], "screen", "{agent}");
}
