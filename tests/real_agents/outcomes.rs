//! What comes of a run: what the real agents say of it, and what agentd makes of that.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Daemon, until};
use crate::install;
use crate::provider::{ANSWER, Failure, Provider, Script, Tool};
use crate::{KEY, host};

/// What came of each run that ended, in their order.
fn outcomes(daemon: &Daemon) -> Vec<Value> {
    let ends = daemon.events().into_iter().filter(|event| event["exit"].is_object());
    ends.map(|event| event["exit"]["outcome"].clone()).collect()
}

/// A wrong key is called that, and nothing is tried again. It asks for more than its answer, so that no number of failures is
/// its last one.
pub fn is_held_for_good_on_a_wrong_key(harness: &str, package: &str, more: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(Script::Fails(Failure::WrongKey));
    let host = host(harness, &bin, &provider, more);
    let daemon = host.start();
    daemon.wait_state(harness, "failed");
    let held = daemon.agent(harness);
    assert_eq!((&held["exit"]["outcome"], &held["restarts"]), (&json!("auth_failed"), &json!(0)), "{held}");
}

/// A wrong key is called that, and nothing is tried again before it is another one.
pub fn is_held_on_a_wrong_key(harness: &str, package: &str, more: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(Script::FailsFirst(1, Failure::WrongKey));
    let host = host(harness, &bin, &provider, more);
    let daemon = host.start();
    daemon.wait_state(harness, "failed");
    let held = daemon.agent(harness);
    assert_eq!((&held["exit"]["outcome"], &held["restarts"]), (&json!("auth_failed"), &json!(0)), "{held}");
    let source = held["exit"]["source"].as_str().unwrap();
    assert!(source.starts_with("stream"), "{held}");
    assert!(held["error"].as_str().unwrap().contains("not restarted before a secret of it changes"), "{held}");
    for name in ["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"] {
        host.secret(name, format!("{KEY}-new"));
    }
    daemon.wait_state(harness, "exited");
    assert_eq!(daemon.agent(harness)["exit"]["outcome"], "succeeded");
    until("the answer on the pane", || host.screen(harness).contains(ANSWER).then_some(()));
}

/// The provider fails once, which is told, and the agent is restarted.
fn recovers_from(failure: Failure, outcome: &str, harness: &str, package: &str, more: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(Script::FailsFirst(1, failure));
    let host = host(harness, &bin, &provider, more);
    let daemon = host.start();
    daemon.wait_state(harness, "exited");
    assert_eq!(outcomes(&daemon), [outcome, "succeeded"]);
}

pub fn recovers_from_a_broken_provider(harness: &str, package: &str, more: &str) {
    recovers_from(Failure::Broken, "failed", harness, package, more);
}

pub fn recovers_from_a_rate_limit(harness: &str, package: &str, more: &str) {
    let resets_in = Duration::from_secs(2);
    recovers_from(Failure::RateLimited { resets_in }, "rate_limited", harness, package, more);
}

/// It may do all, does what the model wants, and says what that took.
pub fn uses_a_tool(harness: &str, package: &str, more: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(Script::Uses(Tool::Shell("echo forty-two > answer.txt")));
    let host = host(harness, &bin, &provider, &format!("permissions = \"bypass\"\n{more}"));
    let daemon = host.start();
    daemon.wait_state(harness, "exited");
    let agent = daemon.agent(harness);
    assert_eq!((&agent["exit"]["outcome"], &agent["restarts"]), (&json!("succeeded"), &json!(0)), "{agent}");
    assert!(agent["model_usage"]["run"]["output_tokens"].as_u64() >= Some(10), "two answers: {agent}");
    assert!(agent["conversation"].as_str().is_some_and(|id| id.len() >= 20), "{agent}");
    assert_eq!(std::fs::read_to_string(host.at("work/answer.txt")).unwrap(), "forty-two\n");
    let screen = host.screen(harness);
    assert!(screen.contains("echo forty-two") && screen.contains(ANSWER), "{screen}");
    let activities = daemon.events().into_iter().filter(|event| event["type"] == "activity");
    assert!(activities.clone().any(|event| event["activity"]["state"] == "busy"), "{:?}", daemon.events());
}

/// A tool that it may not use is refused, which is no success and nothing to try again.
pub fn is_refused_a_tool(harness: &str, package: &str, more: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(Script::Uses(Tool::Shell("echo forty-two > answer.txt")));
    let host = host(harness, &bin, &provider, more);
    let daemon = host.start();
    daemon.wait_state(harness, "failed");
    let held = daemon.agent(harness);
    assert_eq!((&held["exit"]["outcome"], &held["exit"]["code"]), (&json!("permission_denied"), &json!(0)), "{held}");
    assert!(!host.at("work/answer.txt").exists());
}

/// Somebody types C-c while it waits for its provider: whatever its exit status says, it has not succeeded.
pub fn is_interrupted(harness: &str, package: &str, more: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(Script::Hangs);
    let host = host(harness, &bin, &provider, &format!("max_restarts = 1\nresume = \"never\"\n{more}"));
    let daemon = host.start();
    for questions in 1..=2 {
        until("a question", || (provider.asked().len() >= questions).then_some(()));
        host.tmux(&["send-keys", "-t", &format!("={harness}:"), "C-c"]).unwrap();
        until("its end", || (outcomes(&daemon).len() >= questions).then_some(()));
    }
    daemon.wait_state(harness, "failed");
    assert_eq!(outcomes(&daemon), ["interrupted", "interrupted"]);
}
