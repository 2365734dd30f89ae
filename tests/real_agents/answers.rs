//! The prompt of real agents, and what they answer.

use std::time::Duration;

use serde_json::json;

use crate::activity::states;
use crate::harness::{Daemon, Host, until};
use crate::provider::{ANSWER, Provider, Script};
use crate::{KEY, PROMPT, assert_asked, assert_nothing_runs, host, host_with, install};

/// It is given its prompt, answers it on its pane, and ends well.
pub fn answers(harness: &str, package: &str, more: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(Script::Answers);
    let host = host(harness, &bin, &provider, &format!("max_restarts = 1\n{more}"));
    let daemon = host.start();
    daemon.wait_state(harness, "exited");
    let agent = daemon.agent(harness);
    assert_eq!((&agent["exit"]["code"], &agent["restarts"]), (&0.into(), &0.into()), "{agent}");
    assert_eq!(agent["exit"]["outcome"], "succeeded", "{agent}");
    assert!(agent["exit"]["source"].as_str().unwrap().starts_with("stream"), "{agent}");
    // Copilot tells no tokens.
    let usage = &agent["model_usage"]["run"];
    assert!(usage["output_tokens"].as_u64() >= Some(5) || (harness == "copilot" && usage["turns"] == 1), "{agent}");
    until("the answer on the pane", || host.screen(harness).contains(ANSWER).then_some(()));
    assert_asked(&provider);
    assert!(!daemon.log().contains(KEY), "the key is in the log");
}

/// A full-screen agent shows the answer, goes on, and is gone with all its processes when it is no longer declared.
pub fn answers_and_stays(harness: &str, package: &str, more: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(Script::Answers);
    let host = host(harness, &bin, &provider, more);
    let daemon = host.start();
    daemon.wait_state(harness, "running");
    has_answered_and_stays(&host, &daemon, &provider, harness);
}

/// Until it is no longer declared.
fn has_answered_and_stays(host: &Host, daemon: &Daemon, provider: &Provider, harness: &str) {
    until("the answer on the screen", || host.screen(harness).contains(ANSWER).then_some(()));
    assert_asked(provider);
    host.configure("# nobody\n");
    daemon.wait_state(harness, "none");
    assert_nothing_runs(host);
}

/// One that takes no prompt when it starts is typed it.
pub fn answers_what_is_typed(harness: &str, package: &str, more: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(Script::Answers);
    let host = host_with(harness, &bin, &provider, more);
    let daemon = host.start();
    daemon.wait_state(harness, "running");
    until("its prompt", || host.screen(harness).lines().any(|line| line.trim_end() == ">").then_some(()));
    host.tmux(&["send-keys", "-t", &format!("={harness}:"), "-l", PROMPT]).unwrap();
    host.tmux(&["send-keys", "-t", &format!("={harness}:"), "Enter"]).unwrap();
    has_answered_and_stays(&host, &daemon, &provider, harness);
}

/// As long as its provider answers, and be it a word a second, it is busy; then it has succeeded.
pub fn answers_slowly(harness: &str, package: &str, more: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(Script::Slow(Duration::from_secs(1)));
    let host = host(harness, &bin, &provider, &format!("max_restarts = 1\n{more}"));
    let daemon = host.start();
    daemon.wait_state(harness, "exited");
    let agent = daemon.agent(harness);
    assert_eq!((&agent["exit"]["outcome"], &agent["restarts"]), (&json!("succeeded"), &json!(0)), "{agent}");
    let told = states(&daemon);
    assert_eq!(told.last().map(String::as_str), Some("idle"), "{told:?}");
    assert_eq!(told.iter().filter(|state| *state == "busy").count(), 1, "it worked all the time: {told:?}");
    until("the answer on the pane", || host.screen(harness).contains(ANSWER).then_some(()));
}
