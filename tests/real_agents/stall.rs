//! Real agents that wait for somebody: at their first start, and after their work.

use std::fs;

use crate::harness::until;
use crate::install::{self, CLAUDE, CODEX};
use crate::provider::{Provider, Script};
use crate::{host, prepare};

const NUDGE: &str = "Is it really forty-two?";

#[test]
fn what_claude_asks_at_its_first_start_is_told_at_the_deadline() {
    let Some(bin) = install::bin(CLAUDE) else { return };
    let provider = Provider::start(Script::Answers);
    let more = "mode = \"interactive\"\nstartup_deadline = \"20s\"\nmax_restarts = 1";
    let host = host("claude-code", &bin, &provider, more);
    // It has seen to everything but this directory.
    fs::write(host.at("work/.claude.json"), "{\"hasCompletedOnboarding\": true}").unwrap();
    host.own(&host.at("work/.claude.json"));
    let daemon = host.start();
    daemon.wait_state("claude-code", "backing_off");
    let exit = &daemon.agent("claude-code")["exit"];
    assert_eq!(exit["outcome"], "start_failed", "{exit}");
    assert_eq!(exit["detail"], "after 20 s it asks whether its directory is trusted", "{exit}");
}

/// It answers, rests, is nudged, and answers again.
fn is_nudged(harness: &str, package: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(Script::Answers);
    let more = format!(
        "mode = \"interactive\"\nstartup_deadline = \"60s\"\n\
         [agents.stall]\nafter = \"5s\"\nnudge = \"{NUDGE}\"\nmax_nudges = 1\n"
    );
    let host = host(harness, &bin, &provider, &more);
    prepare(&host, provider.port);
    let daemon = host.start();
    daemon.wait_state(harness, "running");
    let nudged = || provider.asked().iter().any(|request| request.body.contains(NUDGE)).then_some(());
    until("the nudge to be sent to the provider", nudged);
    let failed = daemon.events().into_iter().find(|event| {
        event["type"] == "stall" && event["reason"].as_str().is_some_and(|reason| reason.contains("failed"))
    });
    assert_eq!(failed, None);
}

#[test]
fn an_idle_claude_is_nudged() {
    is_nudged("claude-code", CLAUDE);
}

#[test]
fn an_idle_codex_is_nudged() {
    is_nudged("codex", CODEX);
}
