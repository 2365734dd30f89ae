//! `agentd doctor` on hosts that are well, and on hosts where one thing is not.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Output;

use serde_json::{Value, json};

use crate::declare::agent;
use crate::harness::{AGENTD, Host, until};

/// No output may contain it.
const SECRET: &str = "sk-ant-0123456789-nobody-may-see-this";

/// A host where nothing is wrong, with one agent and a secret.
fn healthy(host: &Host) {
    fs::set_permissions(host.at("secrets"), Permissions::from_mode(0o700)).unwrap();
    host.secret("ANTHROPIC_API_KEY", SECRET);
    host.configure(&agent("one", &["$PROBE", "wait"], ""));
}

fn doctor(host: &Host, arguments: &[&str]) -> Output {
    let mut command = host.command(AGENTD);
    command.arg("doctor").args(["--config".as_ref(), host.at("etc/jcard.toml").as_os_str()]);
    command.args(["--secret-dir".as_ref(), host.at("secrets").as_os_str()]);
    // The flags of the host's daemons; without any, nobody else's daemon is asked.
    command.args(&host.arguments);
    if host.arguments.is_empty() {
        command.args(["--api-socket".as_ref(), host.api_socket().as_os_str()]);
    }
    let output = command.env_remove("NO_COLOR").env("LC_ALL", "C.UTF-8").args(arguments).output().unwrap();
    for text in [&output.stdout, &output.stderr] {
        assert!(!String::from_utf8_lossy(text).contains(SECRET), "{}", String::from_utf8_lossy(text));
    }
    output
}

fn findings(host: &Host, arguments: &[&str]) -> Vec<Value> {
    let output = doctor(host, &[&["--json"], arguments].concat());
    let findings: Vec<Value> = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let has_problem = findings.iter().any(|finding| finding["severity"] == "problem");
    assert_eq!(output.status.code(), Some(i32::from(has_problem)));
    findings
}

/// The checks that found something of this severity.
fn checks(findings: &[Value], severity: &str) -> Vec<String> {
    let some = findings.iter().filter(|finding| finding["severity"] == severity);
    some.map(|finding| finding["check"].as_str().unwrap().to_owned()).collect()
}

/// Exactly one thing is a problem, and it says what mends it.
fn has_one_problem(host: &Host, arguments: &[&str], check: &str) -> Value {
    let findings = findings(host, arguments);
    assert_eq!(checks(&findings, "problem"), [check], "{findings:#?}");
    let problem = findings.iter().find(|finding| finding["severity"] == "problem").unwrap();
    assert!(problem["mend"].is_string(), "{problem}");
    problem.clone()
}

#[test]
fn a_host_that_is_well_has_no_problem() {
    for host in Host::both() {
        healthy(&host);
        let before = findings(&host, &[]);
        assert_eq!(checks(&before, "problem"), [""; 0], "{before:#?}");
        assert!(checks(&before, "warning").contains(&"daemon-running".to_owned()), "{before:#?}");

        let daemon = host.start();
        daemon.wait_state("one", "running");
        let found = findings(&host, &[]);
        assert_eq!(checks(&found, "problem"), [""; 0], "{found:#?}");
        let good = checks(&found, "ok");
        for check in ["daemon-running", "tmux-server", "agent-home", "login-environment", "configuration", "agent"] {
            assert!(good.contains(&check.to_owned()), "{check}: {found:#?}");
        }
        assert!(!checks(&found, "warning").contains(&"daemon-running".to_owned()), "{found:#?}");
    }
}

#[test]
fn a_running_daemon_says_where_everything_is() {
    for host in Host::both() {
        healthy(&host);
        let daemon = host.start();
        daemon.wait_state("one", "running");
        let socket = host.api_socket();
        let output = host.command(AGENTD).args(["doctor", "--json", "--api-socket"]).arg(socket).output().unwrap();
        let found: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        let one = found.iter().find(|finding| finding["check"] == "agent").unwrap_or_else(|| panic!("{found:#?}"));
        assert_eq!((&one["agent"], &one["severity"]), (&json!("one"), &json!("ok")));
        let config = host.at("etc/jcard.toml");
        assert!(found.iter().any(|finding| finding["what"].as_str().unwrap().contains(config.to_str().unwrap())));
    }
}

#[test]
fn for_people_problems_have_their_mend_on_the_next_line() {
    let host = Host::new();
    healthy(&host);
    host.configure(&agent("one", &["no-such-program"], ""));
    let output = doctor(&host, &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let mut lines =
        text.lines().skip_while(|line| !line.starts_with("  ✗ one: its program no-such-program was not found"));
    assert!(lines.next().is_some(), "{text}");
    assert!(lines.next().unwrap().starts_with("      → install it"), "{text}");
    assert!(text.lines().last().unwrap().starts_with("1 problem, "), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn a_workdir_that_is_missing_or_read_only_is_found() {
    for host in Host::both() {
        healthy(&host);
        host.configure(&agent("one", &["$PROBE", "wait"], "").replace("$DIR/work", "$DIR/none"));
        let problem = has_one_problem(&host, &[], "agent-workdir");
        assert_eq!(problem["agent"], "one");

        fs::create_dir(host.at("none")).unwrap();
        fs::set_permissions(host.at("none"), Permissions::from_mode(0o555)).unwrap();
        let found = findings(&host, &[]);
        assert_eq!(checks(&found, "problem"), [""; 0], "{found:#?}");
        assert!(checks(&found, "warning").contains(&"agent-workdir".to_owned()), "{found:#?}");

        fs::set_permissions(host.at("none"), Permissions::from_mode(0o700)).unwrap();
        chown(host.at("none"), Some(nix::unistd::geteuid().as_raw()), None).unwrap();
        if nix::unistd::geteuid().is_root() {
            has_one_problem(&host, &[], "agent-workdir");
        }
    }
}

#[test]
fn a_program_that_is_not_there_is_found() {
    for host in Host::both() {
        healthy(&host);
        host.configure(&agent("one", &["no-such-program"], ""));
        has_one_problem(&host, &[], "agent-program");
        program(&host, "script", "#!/usr/bin/env no-such-interpreter\n");
        host.configure(&agent("one", &["$DIR/work/script"], ""));
        has_one_problem(&host, &[], "agent-interpreter");
    }
}

#[test]
fn secrets_that_everybody_can_read_or_replace_are_found() {
    for host in Host::both() {
        healthy(&host);
        fs::set_permissions(host.at("secrets"), Permissions::from_mode(0o777)).unwrap();
        fs::set_permissions(host.at("secrets/ANTHROPIC_API_KEY"), Permissions::from_mode(0o600)).unwrap();
        has_one_problem(&host, &[], "secret-dir-mode");
        fs::set_permissions(host.at("secrets"), Permissions::from_mode(0o711)).unwrap();
        fs::set_permissions(host.at("secrets/ANTHROPIC_API_KEY"), Permissions::from_mode(0o644)).unwrap();
        has_one_problem(&host, &[], "secret-file-mode");
    }
}

#[test]
fn a_mistake_in_the_configuration_is_found() {
    for host in Host::both() {
        healthy(&host);
        host.configure(&agent("one", &["$PROBE", "wait"], "restart = \"sometimes\""));
        has_one_problem(&host, &[], "configuration");
        fs::remove_file(host.at("etc/jcard.toml")).unwrap();
        has_one_problem(&host, &[], "configuration");
    }
}

#[test]
fn a_configuration_that_agents_can_write_is_found() {
    for host in Host::both() {
        healthy(&host);
        fs::set_permissions(host.at("etc/jcard.toml"), Permissions::from_mode(0o666)).unwrap();
        has_one_problem(&host, &[], "config-mode");
        fs::set_permissions(host.at("etc/jcard.toml"), Permissions::from_mode(0o644)).unwrap();
        host.own(&host.at("etc"));
        if host.account.is_some() {
            has_one_problem(&host, &[], "config-mode");
        }
    }
}

#[test]
fn a_user_or_a_tmux_that_is_missing_is_found() {
    for mut host in Host::both() {
        healthy(&host);
        has_one_problem(&host, &["--tmux", "/none/tmux"], "tmux-found");
        host.arguments.retain(|argument| argument != "--agent-user");
        if let Some(account) = &host.account {
            let name = account.name.clone();
            if let Some(at) = host.arguments.iter().position(|argument| *argument == name) {
                host.arguments.remove(at);
            }
        }
        let nobody = ["--agent-user", "no-such-user"];
        has_one_problem(&host, &nobody, "agent-user");
        // Nor is who is root already told to become root.
        let becomes_root = |finding: &Value| finding["mend"] == "sudo agentd doctor";
        assert!(host.account.is_none() || !findings(&host, &nobody).iter().any(becomes_root));
    }
}

/// A program in the agent's own directory.
fn program(host: &Host, name: &str, text: &str) {
    let path = host.at("work").join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    host.own(&path);
}

/// Claude Code in its full-screen form, from the agent's own directory.
fn claude(host: &Host, script: &str) {
    healthy(host);
    program(host, "claude", script);
    host.configure(
        "[[agents]]\nname = \"one\"\nharness = \"claude-code\"\nworkdir = \"$DIR/work\"\n\
         env = { PATH = \"$DIR/work:/usr/bin:/bin\", HOME = \"$DIR/work\" }\n",
    );
}

fn answer_claude(host: &Host, has_seen_it: bool) {
    let work = host.at("work").canonicalize().unwrap();
    let settings = json!({
        "hasCompletedOnboarding": has_seen_it,
        "customApiKeyResponses": { "approved": [SECRET.get(SECRET.len() - 20..).unwrap()] },
        "projects": { work.to_str().unwrap(): { "hasTrustDialogAccepted": true } },
    });
    fs::write(host.at("work/.claude.json"), settings.to_string()).unwrap();
    host.own(&host.at("work/.claude.json"));
}

#[test]
fn the_version_of_a_harness_is_shown_and_nothing_is_left_of_asking() {
    for host in Host::both() {
        claude(&host, "#!/bin/sh\ntouch \"$HOME/trace\"\necho \"9.8.7 (of $# $1)\"\n");
        answer_claude(&host, true);
        let found = findings(&host, &[]);
        assert_eq!(checks(&found, "problem"), [""; 0], "{found:#?}");
        let one = found.iter().find(|finding| finding["check"] == "agent").unwrap();
        assert!(one["what"].as_str().unwrap().starts_with("claude 9.8.7 (of 1 --version) in "), "{one}");
        assert!(!host.at("work/trace").exists());
    }
}

#[test]
fn a_question_of_a_first_start_is_found() {
    for host in Host::both() {
        claude(&host, "#!/bin/sh\necho 1.0\n");
        answer_claude(&host, false);
        let problem = has_one_problem(&host, &[], "agent-first-run");
        assert_eq!(problem["mend"], "agentd attach one    # and answer it once");
        fs::write(host.at("work/.claude.json"), format!("{{ \"key\": {SECRET}")).unwrap();
        has_one_problem(&host, &[], "agent-settings");
    }
}

#[test]
fn what_is_prepared_is_no_problem() {
    for host in Host::both() {
        claude(&host, "#!/bin/sh\necho 1.0\n");
        let found = findings(&host, &[]);
        assert_eq!(checks(&found, "problem"), ["agent-first-run"; 3], "{found:#?}");
        let problem = found.iter().find(|finding| finding["severity"] == "problem").unwrap();
        assert!(problem["mend"].as_str().unwrap().starts_with("prepare = true"), "{problem}");
        let text = fs::read_to_string(host.at("etc/jcard.toml")).unwrap();
        host.configure(&format!("{text}prepare = true\n"));
        let found = findings(&host, &[]);
        assert_eq!(checks(&found, "problem"), [""; 0], "{found:#?}");
    }
}

#[test]
fn a_program_that_does_not_say_its_version_is_not_waited_for() {
    let host = Host::new();
    claude(&host, "#!/bin/sh\nsleep 1000 &\nwait\n");
    answer_claude(&host, true);
    let found = findings(&host, &[]);
    assert_eq!(checks(&found, "problem"), [""; 0], "{found:#?}");
    assert!(checks(&found, "warning").contains(&"agent-version".to_owned()), "{found:#?}");
    until("what it started to be gone", || {
        let mut left = host.processes().into_iter().filter(|pid| *pid != std::process::id());
        left.next().is_none().then_some(())
    });
}
