//! The configuration changes under the daemon: only who is meant is touched, and what can't be read changes nothing.

use std::fs;

use crate::declare::agent;
use crate::harness::{Daemon, Host, until};

const WAIT: [&str; 2] = ["$PROBE", "wait"];

fn pids(daemon: &Daemon) -> Vec<String> {
    daemon.get("/v1/agents").1.as_array().unwrap().iter().map(|agent| agent["pid"].to_string()).collect()
}

fn one(fields: &str) -> (Host, Daemon) {
    let host = Host::new();
    host.configure(&agent("one", &WAIT, fields));
    let daemon = host.start();
    daemon.wait_state("one", "running");
    (host, daemon)
}

#[test]
fn edits_that_mean_nothing_to_an_agent_leave_it_alone() {
    let (host, daemon) = one("secrets = [\"MINE\"]");
    let before = pids(&daemon);
    let mine = agent("one", &WAIT, "secrets = [\"MINE\"]");
    host.secret("OTHER", "of nobody");
    for (number, edit) in [format!("# a word\n\n{mine}"), format!("[network]\nmode = \"x\"\n{mine}")].iter().enumerate()
    {
        let marker = format!("marker-{number}");
        // The marker tells that the edit was taken.
        host.configure(&format!("{edit}{}", agent(&marker, &WAIT, "")));
        daemon.wait_state(&marker, "running");
    }
    assert!(pids(&daemon).contains(&before[0]));
    host.configure("# nobody\n");
    until("nobody to be left", || pids(&daemon).is_empty().then_some(()));
}

#[test]
fn edits_of_the_policy_apply_to_the_process_that_runs() {
    let (host, daemon) = one("restart = \"no\"");
    let before = pids(&daemon);
    host.configure(&agent(
        "one",
        &["$PROBE", "wait"],
        "restart = \"always\"\nbackoff = \"10ms\"\ngrace_period = \"2s\"",
    ));
    daemon.wait("the configuration", |line| line["message"] == "took the configuration");
    assert_eq!(pids(&daemon), before);
    crate::harness::kill(before[0].parse().unwrap(), nix::sys::signal::Signal::SIGKILL);
    daemon.wait_state("one", "running");
    assert_eq!(daemon.agent("one")["restarts"], 1);
}

#[test]
fn what_cannot_be_taken_keeps_everything_until_it_is_mended() {
    let (host, daemon) = one("");
    let before = pids(&daemon);
    let config = host.at("etc/jcard.toml");
    let harms: [&dyn Fn(); 4] = [
        &|| fs::write(&config, "").unwrap(),
        &|| fs::write(&config, "[[agents]]\nname = \"on").unwrap(),
        &|| host.configure("[[agents]]\nname = \"one\"\n"),
        &|| fs::remove_file(&config).unwrap(),
    ];
    for harm in harms {
        harm();
        until("the error", || (!daemon.get("/v1/health").1["config_error"].is_null()).then_some(()));
        assert_eq!(pids(&daemon), before);
        host.configure(&agent("one", &WAIT, ""));
        until("the error to go", || daemon.get("/v1/health").1["config_error"].is_null().then_some(()));
        assert_eq!(pids(&daemon), before);
    }
}

#[test]
fn a_configuration_that_comes_late_is_taken() {
    let host = Host::new();
    fs::remove_file(host.at("etc/jcard.toml")).unwrap();
    let daemon = host.start();
    host.configure(&agent("one", &WAIT, ""));
    daemon.wait_state("one", "running");
}

#[test]
fn secrets_that_vanish_with_their_directory_touch_nobody() {
    let host = Host::new();
    host.secret("TOKEN", "here");
    host.configure(&agent("one", &WAIT, ""));
    let daemon = host.start();
    daemon.wait_state("one", "running");
    let before = pids(&daemon);
    fs::rename(host.at("secrets"), host.at("elsewhere")).unwrap();
    until("the error", || (!daemon.get("/v1/health").1["config_error"].is_null()).then_some(()));
    assert_eq!(pids(&daemon), before);
    fs::rename(host.at("elsewhere"), host.at("secrets")).unwrap();
    until("the error to go", || daemon.get("/v1/health").1["config_error"].is_null().then_some(()));
    assert_eq!(pids(&daemon), before);
}
