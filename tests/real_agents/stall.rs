//! Real agents that wait for somebody: at their first start, and after their work.

use std::fs;

use crate::harness::{PATIENCE, until_within};
use crate::install::{self, CLAUDE};
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
pub fn is_nudged(harness: &str, package: &str, more: &str) {
    let Some(bin) = install::bin(package) else { return };
    let provider = Provider::start(Script::Answers);
    let more = format!(
        "{more}\nstartup_deadline = \"60s\"\n\
         [agents.stall]\nafter = \"10s\"\nnudge = \"{NUDGE}\"\nmax_nudges = 5\n"
    );
    let host = host(harness, &bin, &provider, &more);
    prepare(&host, provider.port);
    let daemon = host.start();
    daemon.wait_state(harness, "running");
    // One that comes while it still starts finds no prompt, or comes too early, and the next follows.
    let is_early = |reason: &str| reason.ends_with("no empty prompt on its screen") || reason.ends_with("it is busy");
    let failed = || {
        let stalls = daemon.events().into_iter().filter(|event| event["type"] == "stall");
        let mut reasons = stalls.filter_map(|event| event["reason"].as_str().map(str::to_owned));
        reasons.find(|reason| reason.contains("failed") && !is_early(reason))
    };
    let nudged = || {
        assert_eq!(failed(), None, "{}", host.screen(harness));
        provider.asked().iter().any(|request| request.body.contains(NUDGE)).then_some(())
    };
    until_within(2 * PATIENCE, "the nudge to be sent to the provider", nudged);
    assert_eq!(failed(), None);
}
