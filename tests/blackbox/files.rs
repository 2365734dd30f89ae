//! All the ways in which people and programs change files: each is seen, once, and is one change.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};

use nix::sys::signal::Signal;

use crate::declare::{Record, agent};
use crate::harness::{Daemon, Host, until};

/// An agent that makes this file; so declared differently for each.
fn touching(host: &Host, file: &str) -> String {
    host.fill_in(&agent("one", &["$PROBE", "touch", file, "wait"], ""))
}

/// Starts a daemon that runs the agent of [`touching`].
fn run(host: &Host) -> Daemon {
    let daemon = host.start();
    daemon.wait_state("one", "running");
    daemon
}

/// Puts a link in another's place at once.
fn swap(target: &str, link: &std::path::Path) {
    let new = link.with_file_name("..new");
    symlink(target, &new).unwrap();
    fs::rename(new, link).unwrap();
}

/// Waits for the replacement, and says how often configurations were taken and how often the agent was stopped.
fn replaced(daemon: &Daemon) -> (usize, usize) {
    daemon.wait_states(&[("one", "stopping"), ("one", "running")]);
    // Later than all that the change could have caused.
    daemon.signal(Signal::SIGTERM);
    daemon.wait("the end", |line| line["message"] == "stops all agents");
    let log = daemon.log();
    let count = |part: &str| log.matches(part).count();
    (count("\"took the configuration\""), count("declared differently") + count("did not take"))
}

#[test]
fn a_write_in_place_is_one_change() {
    let host = Host::new();
    host.configure(&touching(&host, "first"));
    let daemon = run(&host);
    fs::write(host.at("etc/jcard.toml"), touching(&host, "second")).unwrap();
    host.file("second");
    assert_eq!(replaced(&daemon), (2, 1));
}

#[test]
fn a_write_in_pieces_ends_in_what_it_all_says() {
    let host = Host::new();
    host.configure(&touching(&host, "first"));
    let daemon = run(&host);
    let text = touching(&host, "second");
    let mut file = fs::File::create(host.at("etc/jcard.toml")).unwrap();
    for piece in text.as_bytes().chunks(20) {
        file.write_all(piece).unwrap();
    }
    drop(file);
    host.file("second");
    daemon.wait_states(&[("one", "stopping"), ("one", "running")]);
}

#[test]
fn a_link_that_is_swapped_is_one_change() {
    let host = Host::new();
    for version in ["first", "second"] {
        fs::create_dir(host.at(version)).unwrap();
        fs::write(host.at(version).join("agents.toml"), touching(&host, version)).unwrap();
    }
    fs::remove_file(host.at("etc/jcard.toml")).unwrap();
    symlink("../first/agents.toml", host.at("etc/jcard.toml")).unwrap();
    let daemon = run(&host);
    swap("../second/agents.toml", &host.at("etc/jcard.toml"));
    host.file("second");
    assert_eq!(replaced(&daemon), (2, 1));
}

#[test]
fn a_configuration_in_a_volume_of_kubernetes_is_swapped_in_one_change() {
    let host = Host::new();
    for version in ["first", "second"] {
        let generation = host.at(&format!("etc/..{version}"));
        fs::create_dir(&generation).unwrap();
        fs::write(generation.join("jcard.toml"), touching(&host, version)).unwrap();
    }
    fs::remove_file(host.at("etc/jcard.toml")).unwrap();
    symlink("..first", host.at("etc/..data")).unwrap();
    symlink("..data/jcard.toml", host.at("etc/jcard.toml")).unwrap();
    let daemon = run(&host);
    swap("..second", &host.at("etc/..data"));
    fs::remove_dir_all(host.at("etc/..first")).unwrap();
    host.file("second");
    assert_eq!(replaced(&daemon), (2, 1));
}

#[test]
fn secrets_in_a_volume_of_kubernetes_are_swapped_in_one_change() {
    let host = Host::new();
    for (version, value) in [("first", "1"), ("second", "2")] {
        let generation = host.at(&format!("secrets/..{version}"));
        fs::create_dir(&generation).unwrap();
        for name in ["A", "B", "C"] {
            fs::write(generation.join(name), value).unwrap();
        }
    }
    symlink("..first", host.at("secrets/..data")).unwrap();
    for name in ["A", "B", "C"] {
        symlink(format!("..data/{name}"), host.at("secrets").join(name)).unwrap();
    }
    host.configure(&agent("one", &["/bin/sh", "-c", "exec $PROBE touch saw-$A$B$C wait"], ""));
    let daemon = run(&host);
    host.file("saw-111");
    swap("..second", &host.at("secrets/..data"));
    fs::remove_dir_all(host.at("secrets/..first")).unwrap();
    host.file("saw-222");
    assert_eq!(replaced(&daemon), (2, 1));
}

#[test]
fn an_edit_of_the_prompt_file_replaces_the_agent() {
    let host = Host::new();
    let prompt = host.at("etc/prompt.md");
    fs::write(&prompt, "first").unwrap();
    host.configure(&agent("one", &["$PROBE", "record", "one", "wait"], "prompt_file = \"prompt.md\""));
    let daemon = run(&host);
    let sees = |text: &str| {
        until(&format!("the prompt {text}"), || {
            (Record::read(&host, "one").arguments.last().unwrap() == text.as_bytes()).then_some(())
        });
    };
    sees("first");
    fs::write(&prompt, "second").unwrap();
    sees("second");
    daemon.wait_states(&[("one", "stopping"), ("one", "running")]);
    fs::write(host.at("etc/prompt.new"), "third").unwrap();
    fs::rename(host.at("etc/prompt.new"), &prompt).unwrap();
    sees("third");
    assert_eq!(replaced(&daemon), (3, 2));
}

#[test]
fn secrets_that_cannot_be_read_touch_nobody() {
    let mut host = Host::new();
    // The directory's own mode is nothing that a watch on it shows.
    host.arguments = ["--reconcile-interval", "100ms"].map(Into::into).into();
    host.secret("TOKEN", "here");
    host.configure(&touching(&host, "first"));
    let daemon = run(&host);
    let before = daemon.agent("one");
    let mode = |mode| fs::set_permissions(host.at("secrets"), fs::Permissions::from_mode(mode)).unwrap();
    mode(0o000);
    until("the error", || (!daemon.get("/v1/health").1["config_error"].is_null()).then_some(()));
    assert_eq!(daemon.agent("one"), before);
    mode(0o755);
    until("the error to go", || daemon.get("/v1/health").1["config_error"].is_null().then_some(()));
    assert_eq!(daemon.agent("one"), before);
}

#[test]
fn a_file_that_takes_the_place_of_a_directory_is_seen() {
    let mut host = Host::new();
    host.arguments = ["--reconcile-interval", "1h"].map(Into::into).into();
    host.configure(&touching(&host, "first"));
    let daemon = run(&host);
    fs::remove_file(host.at("etc/jcard.toml")).unwrap();
    fs::create_dir(host.at("etc/jcard.toml")).unwrap();
    daemon.wait("the error", |line| line["message"].as_str().is_some_and(|text| text.contains("is a directory")));
    fs::remove_dir(host.at("etc/jcard.toml")).unwrap();
    fs::write(host.at("etc/jcard.toml"), touching(&host, "second")).unwrap();
    host.file("second");
}

/// A directory far above the configuration is exchanged, of which nobody tells the daemon but `hint`.
fn exchanged_far_up(interval: &str, hint: impl Fn(&Daemon)) {
    let mut host = Host::new();
    host.arguments = ["--reconcile-interval", interval].map(Into::into).into();
    for version in ["first", "second"] {
        fs::create_dir_all(host.at(version).join("near/etc")).unwrap();
        fs::write(host.at(version).join("near/etc/jcard.toml"), touching(&host, version)).unwrap();
    }
    fs::remove_dir_all(host.at("etc")).unwrap();
    fs::rename(host.at("first"), host.at("far")).unwrap();
    symlink("far/near/etc", host.at("etc")).unwrap();
    let daemon = run(&host);
    fs::rename(host.at("far"), host.at("old")).unwrap();
    fs::rename(host.at("second"), host.at("far")).unwrap();
    hint(&daemon);
    host.file("second");
    assert_eq!(replaced(&daemon), (2, 1));
}

#[test]
fn a_hangup_has_the_daemon_look() {
    exchanged_far_up("1h", |daemon| daemon.signal(Signal::SIGHUP));
}

#[test]
fn the_daemon_looks_by_itself_now_and_then() {
    exchanged_far_up("100ms", |_| {});
}

#[test]
fn a_timeout_that_is_edited_applies_to_the_process_that_runs() {
    let host = Host::new();
    let words = ["$PROBE", "wait"];
    host.configure(&agent("one", &words, "timeout = \"1h\""));
    let daemon = run(&host);
    let before = daemon.agent("one");
    host.configure(&agent("one", &words, ""));
    daemon.wait("the configuration", |line| line["message"] == "took the configuration");
    assert_eq!(daemon.agent("one")["pid"], before["pid"]);
    host.configure(&agent("one", &words, "timeout = \"1ms\""));
    daemon.wait_state("one", "timed_out");
    let after = daemon.agent("one");
    assert_eq!((&after["started_at"], &after["restarts"]), (&before["started_at"], &0.into()), "{after}");
    // Another timeout is another life.
    host.configure(&agent("one", &words, "timeout = \"1h\""));
    daemon.wait_state("one", "running");
}

#[test]
fn a_maximum_of_restarts_that_is_edited_applies_to_the_process_that_runs() {
    let host = Host::new();
    let words = ["$PROBE", "await", "go", "exit", "3"];
    let fields = |most: u32| format!("restart = \"always\"\nbackoff = \"1ms\"\nmax_restarts = {most}");
    host.configure(&agent("one", &words, &fields(0)));
    let daemon = run(&host);
    let before = daemon.agent("one");
    host.configure(&agent("one", &words, &fields(2)));
    daemon.wait("the configuration", |line| line["message"] == "took the configuration");
    assert_eq!(daemon.agent("one"), before);
    fs::write(host.at("work/go"), "").unwrap();
    daemon.wait_state("one", "failed");
    assert_eq!(daemon.agent("one")["restarts"], 2);
    // Room for more: it goes on from where it was.
    host.configure(&agent("one", &words, &fields(5)));
    daemon.wait_state("one", "failed");
    assert_eq!(daemon.agent("one")["restarts"], 5);
}
