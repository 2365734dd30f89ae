//! A restart goes on with what was not finished: what a program is given that has conversations, in run after run.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;

use nix::sys::signal::Signal;

use crate::harness::{Daemon, Host, is_alive, kill, until};

/// Writes its arguments, one a line, to a file for each run, and goes on until it may end well.
const PROGRAM: &str = "#!/bin/sh
n=1; while [ -e run-$n ]; do n=$((n + 1)); done
printf '%s\\n' \"$@\" > .run-$n; mv .run-$n run-$n
while [ ! -e end-$n ]; do sleep 0.02; done
";

const HARNESS: &str = r#"
    [harness.talker]
    program = "$DIR/work/talker"
    [harness.talker.headless]
    args = ["do"]
    prompt = ["-p", "{prompt}"]
    session_args = ["--id", "{session}"]
    resume_args = ["--go-on", "{session}"]
    session_words = ["-c"]
"#;

fn host(fields: &str) -> Host {
    let host = Host::new();
    std::fs::write(host.at("work/talker"), PROGRAM).unwrap();
    std::fs::set_permissions(host.at("work/talker"), std::fs::Permissions::from_mode(0o755)).unwrap();
    declare(&host, fields);
    host
}

fn declare(host: &Host, fields: &str) {
    host.configure(&format!(
        "{HARNESS}\n[[agents]]\nname = \"one\"\nharness = \"talker\"\nworkdir = \"$DIR/work\"\nargs = [\"--mine\"]\n\
         restart = \"on-failure\"\nbackoff = \"10ms\"\n{fields}\n"
    ));
}

/// What this run was given.
fn given(host: &Host, run: u32) -> String {
    let text = String::from_utf8(host.file(&format!("run-{run}"))).unwrap();
    text.lines().collect::<Vec<_>>().join(" ")
}

/// The UUID that a fresh run was given.
fn fresh(host: &Host, run: u32, prompt: &str) -> String {
    let given = given(host, run);
    let session = given.strip_prefix("do --id ").and_then(|rest| rest.strip_suffix(&format!(" --mine -p {prompt}")));
    let session = session.unwrap_or_else(|| panic!("run {run} isn't a fresh one: {given}"));
    assert_eq!((session.len(), &session[14..15]), (36, "8"), "{session}");
    session.to_owned()
}

/// Its program, once it runs.
fn program(daemon: &Daemon) -> u32 {
    let pid = until("its program", || daemon.agent("one")["pid"].as_u64());
    u32::try_from(pid).unwrap()
}

fn tell(host: &Host, daemon: &Daemon, session: &str) {
    let path = host.tmux_socket().with_file_name("notify").join("one");
    UnixDatagram::unbound().unwrap().send_to(format!("SESSION={session}").as_bytes(), &path).unwrap();
    until("what was told", || (daemon.agent("one")["conversation"] == session).then_some(()));
}

#[test]
fn what_was_not_finished_is_gone_on_with_and_what_was_is_not() {
    let host = host("prompt = \"Do it.\"");
    let daemon = host.start();
    let first = fresh(&host, 1, "Do it.");
    kill(program(&daemon), Signal::SIGKILL);
    assert_eq!(given(&host, 2), format!("do --go-on {first} --mine -p Continue."));
    // It says otherwise what its conversation is.
    tell(&host, &daemon, "thread_7");
    let pid = program(&daemon);
    drop(daemon);

    // Nobody is there to see the end.
    kill(pid, Signal::SIGKILL);
    until("its end", || (!is_alive(pid)).then_some(()));
    let daemon = host.start();
    assert_eq!(given(&host, 3), "do --go-on thread_7 --mine -p Continue.");

    // It could not go on: it told nothing and ended.
    kill(program(&daemon), Signal::SIGKILL);
    let fourth = fresh(&host, 4, "Do it.");
    assert_ne!(fourth, first);
    assert_eq!(daemon.agent("one")["restarts"], 2, "a conversation that is lost costs one restart");

    // Another daemon knows what the run is called that it finds.
    let pid = program(&daemon);
    drop(daemon);
    let daemon = host.start();
    assert_eq!(program(&daemon), pid);
    kill(pid, Signal::SIGKILL);
    assert_eq!(given(&host, 5), format!("do --go-on {fourth} --mine -p Continue."));

    declare(&host, "prompt = \"Do something else.\"");
    fresh(&host, 6, "Do something else.");
    std::fs::write(host.at("work/end-6"), "").unwrap();
    daemon.wait_state("one", "exited");
}

/// A conversation with which nothing comes to an end is not gone on with for ever, also where the daemon changes meanwhile.
#[test]
fn what_comes_to_nothing_again_and_again_is_given_up() {
    let host = host("prompt = \"Do it.\"");
    let mut daemon = host.start();
    let first = fresh(&host, 1, "Do it.");
    for run in 1..=4 {
        if run > 1 {
            assert_eq!(given(&host, run), format!("do --go-on {first} --mine -p Continue."));
        }
        tell(&host, &daemon, &first);
        if run == 3 {
            drop(daemon);
            daemon = host.start();
        }
        kill(program(&daemon), Signal::SIGKILL);
    }
    let fifth = fresh(&host, 5, "Do it.");
    assert_ne!(fifth, first);
    assert_eq!(daemon.agent("one")["restarts"], 4);
    let reason = "begins anew, as its conversation came to nothing three times in a row";
    until("the reason", || daemon.events().iter().any(|event| event["reason"] == reason).then_some(()));
}

#[test]
fn who_is_never_to_or_says_by_itself_is_given_nothing() {
    let plain = |fields: &str, first: &str| {
        let host = host(&format!("prompt = \"Do it.\"\n{fields}"));
        let daemon = host.start();
        assert_eq!(given(&host, 1), first);
        tell(&host, &daemon, "thread_7");
        kill(program(&daemon), Signal::SIGKILL);
        assert_eq!(given(&host, 2), first);
    };
    plain("resume = \"never\"", "do --mine -p Do it.");
    let host = host("prompt = \"Do it.\"");
    let text = std::fs::read_to_string(host.at("etc/jcard.toml")).unwrap();
    std::fs::write(host.at("etc/jcard.toml"), text.replace("\"--mine\"", "\"-c\"")).unwrap();
    let daemon = host.start();
    assert_eq!(given(&host, 1), "do -c -p Do it.");
    kill(program(&daemon), Signal::SIGKILL);
    assert_eq!(given(&host, 2), "do -c -p Do it.");
}

/// Whatever runs beside an agent can tell a conversation: it must not come to be an option of the next run.
#[test]
fn what_is_told_comes_to_be_no_option() {
    let host = host("prompt = \"Do it.\"");
    let daemon = host.start();
    fresh(&host, 1, "Do it.");
    tell(&host, &daemon, "--dangerously-skip-permissions");
    kill(program(&daemon), Signal::SIGKILL);
    let second = given(&host, 2);
    assert!(!second.contains("dangerously"), "{second}");
}
