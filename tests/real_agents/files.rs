//! Agents without tools: what the model says is done with files.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Daemon, until};
use crate::provider::{FILE, Provider, Script};
use crate::{host, install};

/// It may do all, does what the model says, and says what that took.
pub fn writes_a_file(harness: &str, package: &str, more: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(Script::Says(FILE));
    let host = host(harness, &bin, &provider, &format!("permissions = \"bypass\"\n{more}"));
    let daemon = host.start();
    daemon.wait_state(harness, "exited");
    has_succeeded(&daemon, harness);
    assert_eq!(fs::read_to_string(host.at("work/answer.txt")).unwrap(), "forty-two\n");
}

/// It waits for a person also without a screen of its own, and it is told what for; then it goes on.
pub fn asks_before_it_writes_a_file(harness: &str, package: &str, more: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(Script::Says(FILE));
    let host = host(harness, &bin, &provider, more);
    let daemon = host.start();
    let question = || {
        let activity = daemon.agent(harness)["activity"].clone();
        (activity["state"] == "waiting").then(|| activity["question"].as_str().unwrap().to_owned())
    };
    assert_eq!(until("its question", question), "Create new file?");
    until("the question on the pane", || host.screen(harness).contains("Create new file? (Y)es/(N)o").then_some(()));
    assert!(!host.at("work/answer.txt").exists());
    host.tmux(&["send-keys", "-t", &format!("={harness}:"), "y", "Enter"]).unwrap();
    daemon.wait_state(harness, "exited");
    has_succeeded(&daemon, harness);
    assert_eq!(fs::read_to_string(host.at("work/answer.txt")).unwrap(), "forty-two\n");
}

fn has_succeeded(daemon: &Daemon, harness: &str) {
    let agent: Value = daemon.agent(harness);
    assert_eq!((&agent["exit"]["outcome"], &agent["restarts"]), (&json!("succeeded"), &json!(0)), "{agent}");
    let used = &agent["model_usage"]["run"];
    assert!(used["output_tokens"].as_u64() >= Some(5) && used["cost_usd"].as_f64() > Some(0.0), "{agent}");
}
