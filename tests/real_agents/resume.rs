//! Killed at work, an agent goes on with its conversation: its provider is told what it was told before.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::harness::{Daemon, Host, is_alive, kill, until};
use crate::install::{CLAUDE, QWEN};
use crate::provider::{Provider, Script};
use crate::{agents_of, assert_nothing_runs, host, install};

/// Lists of all that they were ever asked, which none of them goes on with.
const LISTS: [&str; 2] = ["history.jsonl", "logs.json"];

/// What a provider is told again only by who remembers it.
const BEFORE: &str = "What is the answer?";

/// Who tells its conversation before its provider has answered.
pub fn goes_on(harness: &str, package: &str, more: &str) {
    is_killed_and_goes_on(harness, package, more, Script::Hangs);
}

/// Who tells it when its provider begins to answer.
pub fn goes_on_once_answered(harness: &str, package: &str, more: &str) {
    is_killed_and_goes_on(harness, package, more, Script::Slow(Duration::from_secs(5)));
}

/// Who tells it at the end of a turn, and stays.
pub fn goes_on_after_a_turn(harness: &str, package: &str, more: &str) {
    is_killed_and_goes_on(harness, package, more, Script::Answers);
}

fn is_killed_and_goes_on(harness: &str, package: &str, more: &str, script: Script) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(script);
    let host = host(harness, &bin, &provider, more);
    let daemon = host.start();
    let (first, pid) = at_work(&host, &daemon, harness, 0);
    kill(pid, Signal::SIGKILL);
    until("the conversation before", || (continued(&provider) > 0).then_some(()));
    let (second, pid) = at_work(&host, &daemon, harness, 1);
    assert_eq!(first, second);

    // The same without anybody who sees it.
    drop(daemon);
    kill(pid, Signal::SIGKILL);
    until("its end", || (!is_alive(pid)).then_some(()));
    let before = continued(&provider);
    let daemon = host.start();
    until("the conversation before", || (continued(&provider) > before).then_some(()));
    at_work(&host, &daemon, harness, 2);
    host.configure("# nobody\n");
    daemon.wait_state(harness, "none");
    assert_nothing_runs(&host);
}

/// Claude names the conversation that it doesn't find, in its stream and to its hooks: that must not look like one it is in.
#[test]
fn claude_code_begins_anew_when_its_conversation_is_gone() {
    for mode in ["headless", "interactive"] {
        begins_anew("claude-code", CLAUDE, mode);
    }
}

#[test]
fn an_interactive_qwen_code_begins_anew_when_its_conversation_is_gone() {
    begins_anew("qwen-code", QWEN, "interactive");
}

/// It is given its prompt again, which costs one restart.
fn begins_anew(harness: &str, package: &str, mode: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(Script::Hangs);
    let host = host(harness, &bin, &provider, &format!("mode = \"{mode}\""));
    let daemon = host.start();
    let (conversation, pid) = at_work(&host, &daemon, harness, 0);
    let asked = || provider.asked().iter().filter(|request| request.body.contains(BEFORE)).count();
    let before = asked();
    // One of its processes may write it anew.
    for (process, _) in agents_of(&host) {
        kill(process, Signal::SIGSTOP);
    }
    for file in records(&host.at("work"), &conversation) {
        fs::remove_file(file).unwrap();
    }
    kill(pid, Signal::SIGKILL);
    until("the prompt again", || (asked() > before).then_some(()));
    assert_eq!(continued(&provider), 0);
    let log = daemon.log();
    assert!(log.contains("begins anew, as its conversation could not be gone on with"), "{log}");
    at_work(&host, &daemon, harness, 1);
}

/// Its conversation, once that is told and is in some file, and its program.
fn at_work(host: &Host, daemon: &Daemon, harness: &str, restarts: u64) -> (String, u32) {
    until("its conversation", || {
        let agent = daemon.agent(harness);
        let conversation = agent["conversation"].as_str()?.to_owned();
        let is_it = agent["restarts"] == restarts
            && agent["state"] == "running"
            && !records(&host.at("work"), &conversation).is_empty();
        Some((conversation, u32::try_from(agent["pid"].as_u64()?).ok()?)).filter(|_| is_it)
    })
}

/// The files below that say what it was asked in this conversation.
fn records(directory: &Path, conversation: &str) -> Vec<PathBuf> {
    let has = |text: &[u8], what: &str| text.windows(what.len()).any(|part| part == what.as_bytes());
    let says = |path: &Path| fs::read(path).is_ok_and(|text| has(&text, BEFORE) && has(&text, conversation));
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let found = entries.flat_map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => records(&entry.path(), conversation),
        Ok(kind) if kind.is_file() && !is_list(&entry.file_name()) && says(&entry.path()) => {
            vec![entry.path()]
        }
        Ok(_) | Err(_) => Vec::new(),
    });
    found.collect()
}

/// Lists of what it ever was asked; and what copilot writes down of a conversation before that itself.
fn is_list(name: &std::ffi::OsStr) -> bool {
    let name = name.to_string_lossy();
    let is_early = name.starts_with("session-store.db") || name.ends_with(".log") || name.ends_with(".yaml");
    is_early || LISTS.contains(&&*name)
}

/// How often the provider was asked to go on with what it had been asked.
fn continued(provider: &Provider) -> usize {
    let is_both = |body: &str| body.contains("Continue.") && body.contains(BEFORE);
    provider.asked().iter().filter(|request| is_both(&request.body)).count()
}
