//! What comes of a run: what the real agents say of it, and what agentd makes of that.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Daemon, Host, until};
use crate::install;
use crate::provider::{ANSWER, Failure, Provider, Script, Tool};
use crate::{KEY, KEYS, assert_nothing_runs, host};

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
    for name in KEYS {
        host.secret(name, format!("{KEY}-new"));
    }
    daemon.wait_state(harness, "exited");
    assert_eq!(daemon.agent(harness)["exit"]["outcome"], "succeeded");
    until("the answer on the pane", || host.screen(harness).contains(ANSWER).then_some(()));
}

/// Has it ask no oftener than it must before it takes a failure for one, where a setting says so.
fn have_it_give_up_soon(harness: &str, host: &Host) {
    let (file, keys, value): (_, &[&str], _) = match harness {
        "gemini-cli" => (".gemini/settings.json", &["general", "maxAttempts"], 1),
        "qwen-code" => (".qwen/settings.json", &["model", "generationConfig", "maxRetries"], 0),
        _ => return,
    };
    let path = host.at("work").join(file);
    let mut settings: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    *keys.iter().fold(&mut settings, |at, key| &mut at[*key]) = json!(value);
    std::fs::write(&path, settings.to_string()).unwrap();
}

/// Some ask for minutes, and nothing makes them give up sooner.
fn wait_for(what: &str, daemon: &Daemon, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(300), "no {what}:\n{}", daemon.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The provider fails as long as the first run lasts, which is told, and the agent is restarted.
fn recovers_from(failure: Failure, outcome: &str, harness: &str, package: &str, more: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(Script::Fails(failure));
    let host = host(harness, &bin, &provider, more);
    have_it_give_up_soon(harness, &host);
    let daemon = host.start();
    wait_for("end", &daemon, || !outcomes(&daemon).is_empty());
    provider.play(Script::Answers);
    wait_for("success", &daemon, || daemon.agent(harness)["state"] == "exited");
    let outcomes = outcomes(&daemon);
    assert_eq!((&outcomes[0], outcomes.last()), (&json!(outcome), Some(&json!("succeeded"))), "{outcomes:?}");
    // Gemini may not find its conversation, and begins it anew as a part of the same restart.
    assert_eq!(daemon.agent(harness)["restarts"], 1, "{outcomes:?}");
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
    // Two answers.
    uses(harness, package, more, |usage| usage["output_tokens"].as_u64() >= Some(10));
}

fn uses(harness: &str, package: &str, more: &str, has_counted: impl Fn(&Value) -> bool) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(Script::Uses(Tool::Shell("echo forty-two > answer.txt")));
    let host = host(harness, &bin, &provider, &format!("permissions = \"bypass\"\n{more}"));
    let daemon = host.start();
    daemon.wait_state(harness, "exited");
    let agent = daemon.agent(harness);
    assert_eq!((&agent["exit"]["outcome"], &agent["restarts"]), (&json!("succeeded"), &json!(0)), "{agent}");
    assert!(has_counted(&agent["model_usage"]["run"]), "{agent}");
    assert!(agent["conversation"].as_str().is_some_and(|id| id.len() >= 20), "{agent}");
    assert_eq!(std::fs::read_to_string(host.at("work/answer.txt")).unwrap(), "forty-two\n");
    let screen = host.screen(harness);
    assert!(screen.contains("echo forty-two") && screen.contains(ANSWER), "{screen}");
    let activities = daemon.events().into_iter().filter(|event| event["type"] == "activity");
    assert!(activities.clone().any(|event| event["activity"]["state"] == "busy"), "{:?}", daemon.events());
}

/// The same of one that doesn't tell its tokens.
pub fn uses_a_tool_and_counts_turns(harness: &str, package: &str, more: &str) {
    uses(harness, package, more, |usage| usage["turns"] == 2);
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

/// Its provider takes the question and never answers: that is told as long as it lasts, and ends with its `timeout`.
pub fn never_gets_an_answer(harness: &str, package: &str, more: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(Script::Hangs);
    let more = format!("timeout = \"1h\"\ngrace_period = \"5s\"\n{more}\n[agents.stall]\nafter = \"5s\"\n");
    let host = host(harness, &bin, &provider, &more);
    let daemon = host.start();
    // Opencode tells nothing before its first answer.
    let is_at_work = |agent: &Value| agent["activity"]["state"] == "busy" || harness == "opencode";
    let has_stalled = |agent: &Value| agent["state"] == "running" && agent.get("stalled_since").is_some();
    wait_for("stall at work", &daemon, || {
        let agent = daemon.agent(harness);
        !provider.asked().is_empty() && is_at_work(&agent) && has_stalled(&agent)
    });
    // Which it has run for.
    let configuration = std::fs::read_to_string(host.at("etc/jcard.toml")).unwrap();
    host.configure(&configuration.replace("\"1h\"", "\"1s\""));
    daemon.wait_state(harness, "timed_out");
    let agent = daemon.agent(harness);
    assert_eq!((&agent["exit"]["outcome"], &agent["restarts"]), (&json!("timed_out"), &json!(0)), "{agent}");
    assert_nothing_runs(&host);
}
