//! The command line: its spellings, its variables, its answers, and what is said about a place where nothing can run.

use std::fs;
use std::os::unix::net::UnixListener;
use std::process::{Command, Output};

use nix::sys::signal::Signal;

use crate::declare::agent;
use crate::harness::{AGENTD, Daemon, Host};

/// Every path, with its flag and its variable.
fn paths(host: &Host) -> [(&'static str, &'static str, std::path::PathBuf); 4] {
    [
        ("config", "AGENTD_CONFIG", host.at("etc/jcard.toml")),
        ("secret-dir", "AGENTD_SECRET_DIR", host.at("secrets")),
        ("tmux-socket", "AGENTD_TMUX_SOCKET", host.tmux_socket()),
        ("api-socket", "AGENTD_API_SOCKET", host.api_socket()),
    ]
}

/// A command that finds nothing by itself.
fn bare(host: &Host) -> Command {
    let mut command = host.command(AGENTD);
    command.env_remove("XDG_RUNTIME_DIR");
    command
}

fn output(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn wait_text(daemon: &Daemon, part: &str) -> String {
    let line = daemon.wait(part, |line| line.as_str().is_some_and(|line| line.contains(part)));
    line.as_str().unwrap().to_owned()
}

fn end(daemon: Daemon) {
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.ended().success());
}

#[test]
fn flags_with_one_dash_are_understood_and_the_log_is_text() {
    let host = Host::new();
    host.configure(&agent("one", &["$PROBE", "wait"], ""));
    let mut command = bare(&host);
    command.arg("-debug");
    for (flag, _, path) in paths(&host) {
        command.arg(format!("-{flag}")).arg(path);
    }
    let daemon = host.spawn_as(command);
    wait_text(&daemon, " DEBUG ");
    let line = wait_text(&daemon, "to=\"running\"");
    assert!(line.contains(" INFO changed state agent=one from=\"starting\""), "{line}");
    assert!(!daemon.log().contains('\u{1b}'), "no colours but on a terminal");
    assert_eq!(daemon.agent("one")["state"], "running");
    end(daemon);
}

#[test]
fn variables_stand_for_flags_and_the_log_is_json_on_demand() {
    let host = Host::new();
    host.configure(&agent("one", &["$PROBE", "wait"], ""));
    let mut command = bare(&host);
    for (_, variable, path) in paths(&host) {
        command.env(variable, path);
    }
    command.env("AGENTD_SHIM_SOCKET", host.at("run/elsewhere.sock"));
    command.env("AGENTD_LOG_FORMAT", "json").env("AGENTD_DEBUG", "1").env("AGENTD_ON_EXIT", "detach");
    let daemon = host.spawn_as(command);
    daemon.wait("a line for debugging", |line| line["level"] == "DEBUG");
    daemon.wait_state("one", "running");
    assert!(host.at("run/elsewhere.sock").exists());
    daemon.signal(Signal::SIGTERM);
    daemon.wait("the end", |line| line["message"] == "ends; the agents go on");
    assert!(daemon.ended().success());
    host.tmux(&["has-session", "-t", "=one"]).unwrap();
}

#[test]
fn agentd_alone_is_its_own_shim() {
    let host = Host::new();
    let alone = host.at("agentd");
    fs::copy(AGENTD, &alone).unwrap();
    host.configure(&agent("one", &["$PROBE", "wait"], ""));
    let mut command = host.command(&alone);
    command.arg("--config").arg(host.at("etc/jcard.toml")).args(["--log-format", "json"]);
    let daemon = host.spawn_as(command);
    daemon.wait_state("one", "running");
    end(daemon);
}

#[test]
fn a_flag_wins_over_its_variable() {
    let mut host = Host::new();
    host.configure(&agent("one", &["$PROBE", "wait"], ""));
    let mut command = host.command(AGENTD);
    command.env("AGENTD_CONFIG", host.at("etc/none.toml")).env("AGENTD_LOG_FORMAT", "text");
    host.arguments = vec!["--log-format=json".to_owned()];
    command.arg("run").arg("--config").arg(host.at("etc/jcard.toml")).args(&host.arguments);
    let daemon = host.spawn_as(command);
    daemon.wait_state("one", "running");
}

#[test]
fn questions_and_mistakes_end_with_the_status_that_is_usual() {
    let host = Host::new();
    for (words, expected, out, err) in [
        (&["--help"][..], 0, "--secret-dir", ""),
        (&["-h"], 0, "Usage: agentd", ""),
        (&["run", "--help"], 0, "AGENTD_CONFIG", ""),
        (&["check", "--help"], 0, "FILE", ""),
        (&["--version"], 0, env!("CARGO_PKG_VERSION"), ""),
        (&["--unknown"], 2, "", "--unknown"),
        (&["-unknown"], 2, "", "unexpected argument"),
        (&["--log-format", "xml"], 2, "", "[possible values: auto, text, json]"),
        (&["--reconcile-interval", "soon"], 2, "", "--reconcile-interval"),
        (&["--reconcile-interval", "1ms"], 2, "", "at least 100ms"),
        (&["chek"], 2, "", "check"),
    ] {
        let (code, stdout, stderr) = output(host.command(AGENTD).args(words));
        assert_eq!(code, expected, "{words:?}: {stdout}{stderr}");
        assert!(stdout.contains(out) && stderr.contains(err), "{words:?}: {stdout}{stderr}");
        assert_eq!(stdout.is_empty(), out.is_empty(), "{words:?}: {stdout}");
    }
}

#[test]
fn a_check_says_what_the_daemon_would() {
    let host = Host::new();
    let file = host.at("etc/jcard.toml");
    let check = |text: &str| {
        host.configure(text);
        let (code, stdout, stderr) = output(host.command(AGENTD).arg("check").arg(&file));
        assert_eq!(stderr, "");
        let last = stdout.lines().last().unwrap().to_owned();
        (code, last.replace(file.to_str().unwrap(), "FILE"), stdout)
    };
    let good = agent("one", &["$PROBE", "wait"], "replicas = 2");
    assert_eq!(check(&good).1, "FILE: ok, 2 agents: one-0, one-1");
    assert_eq!(check("# nobody\n").0, 0);
    let (code, last, text) = check(&format!("{good}promt = \"x\"\n"));
    assert_eq!((code, &*last), (0, "FILE: ok, 2 agents: one-0, one-1; 1 warning"));
    assert!(text.contains("jcard.toml:7:1") && text.contains("prompt"), "{text}");
    let (code, last, text) = check("[agent]\nharness = \"codx\"\nrestart = \"never\"\n");
    assert_eq!((code, &*last), (1, "FILE: 2 errors"));
    assert!(text.contains("jcard.toml:2:11") && text.contains("jcard.toml:3:11") && text.contains("codex"), "{text}");
    assert_eq!(check("[agent\n").0, 1);
    assert_eq!(check("").0, 1, "a file of 0 bytes is one that is being written");
    let (code, stdout, _) = output(host.command(AGENTD).args(["check", "/no/such.toml"]));
    assert_eq!((code, stdout.contains("/no/such.toml")), (1, true), "{stdout}");
}

#[test]
fn a_user_without_a_runtime_directory_is_told_what_to_do() {
    let host = Host::new();
    for value in [None, Some(""), Some("relative")] {
        let mut command = bare(&host);
        command.envs(value.map(|value| ("XDG_RUNTIME_DIR", value))).arg("--config").arg(host.at("etc/jcard.toml"));
        let (code, _, stderr) = output(&mut command);
        assert_eq!(code, 1, "{stderr}");
        assert!(
            stderr.contains("XDG_RUNTIME_DIR") && stderr.contains("give --tmux-socket and --api-socket"),
            "{stderr}"
        );
    }
}

#[test]
fn a_socket_that_cannot_be_is_said_to_be_and_leaves_everything() {
    let host = Host::new();
    let long = host.at("run").join("x".repeat(100));
    let occupied = host.at("run/occupied");
    fs::write(&occupied, "precious").unwrap();
    for (flag, path, said) in [
        ("--api-socket", &long, "bytes long, and the system allows 107"),
        ("--tmux-socket", &long, "bytes long, and the system allows 107"),
        ("--shim-socket", &long, "bytes long, and the system allows 107"),
        ("--api-socket", &occupied, "exists and is not a socket"),
        ("--shim-socket", &occupied, "exists and is not a socket"),
    ] {
        let mut command = host.command(AGENTD);
        command.arg("--config").arg(host.at("etc/jcard.toml")).args(["--log-format", "json"]).arg(flag).arg(path);
        let daemon = host.spawn_as(command);
        daemon.wait(said, |line| {
            line["level"] == "ERROR" && line["message"].as_str().is_some_and(|text| text.contains(said))
        });
        assert_eq!(daemon.ended().code(), Some(1), "{flag}");
    }
    assert_eq!(fs::read(&occupied).unwrap(), b"precious");
}

#[test]
fn sockets_that_a_crash_left_are_replaced() {
    let host = Host::new();
    host.configure(&agent("one", &["$PROBE", "wait"], ""));
    fs::create_dir(host.at("run/agentd")).unwrap();
    host.own(&host.at("run/agentd"));
    for name in ["agentd.sock", "shim.sock", "tmux.sock"] {
        let path = host.at("run/agentd").join(name);
        drop(UnixListener::bind(&path).unwrap());
        host.own(&path);
    }
    let daemon = host.start();
    daemon.wait_state("one", "running");
    assert_eq!(daemon.agent("one")["state"], "running");
}

#[test]
fn without_tmux_the_daemon_says_what_to_do_and_waits_for_it() {
    let mut host = Host::new();
    let tmux = host.at("tmux");
    host.arguments = vec!["--tmux".to_owned(), tmux.to_str().unwrap().to_owned()];
    host.configure(&agent("one", &["$PROBE", "wait"], ""));
    let daemon = host.spawn();
    daemon.wait("the advice", |line| {
        line["message"].as_str().is_some_and(|text| text.contains("install tmux") && text.contains("--tmux"))
    });
    assert_eq!(daemon.get("/v1/health").0, 200);
    std::os::unix::fs::symlink("/usr/bin/tmux", tmux).unwrap();
    daemon.wait_state("one", "running");
    end(daemon);
}

#[test]
fn without_tmux_the_daemon_ends_when_asked() {
    let mut host = Host::new();
    host.arguments = ["--tmux", "/no/such"].map(Into::into).into();
    host.configure(&agent("one", &["$PROBE", "wait"], ""));
    let daemon = host.start();
    daemon.wait_state("one", "pending");
    assert_eq!(daemon.agent("one")["running"], false);
    end(daemon);
}
