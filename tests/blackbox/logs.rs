//! `agentd logs`: what an agent wrote, and nothing that it would do to the reader's terminal.

use std::sync::Mutex;

use crate::asked::{Going, ask, command, run};
use crate::canned::Canned;
use crate::declare::agent;
use crate::harness::{Host, until};

#[test]
fn what_an_agent_wrote_is_shown() {
    for host in Host::both() {
        let script = r"printf '\033[31mred\033[0m plain\n\033]0;title\007second\n'; exec $PROBE touch printed wait";
        host.configure(&agent("writer", &["/bin/sh", "-c", script], ""));
        let daemon = host.start();
        daemon.wait_state("writer", "running");
        host.file("printed");
        until("the last line", || ask(&host, &["logs", "writer"]).out.contains("second").then_some(()));
        assert_eq!(ask(&host, &["logs", "writer"]).out, "red plain\nsecond\n");
        assert_eq!(ask(&host, &["logs", "Writer", "-n", "1"]).out, "second\n");
        assert_eq!(ask(&host, &["logs", "writer", "-n", "0"]).out, "");
        let painted = ask(&host, &["logs", "writer", "--color", "always"]).out;
        assert_eq!(painted, "\x1b[31mred\x1b[39m plain\x1b[0m\nsecond\n");
        assert_eq!(ask(&host, &["logs", "writer", "-n", "10001"]).status, 2);
    }
}

#[test]
fn what_an_agent_writes_is_followed_until_it_is_gone() {
    let host = Host::new();
    let script = r"echo one; while read -r line; do echo got $line; done";
    host.configure(&agent("writer", &["/bin/sh", "-c", script], ""));
    let daemon = host.start();
    daemon.wait_state("writer", "running");
    let mut follow = Going::new(command(&host, &host.api_socket(), &["logs", "-f", "writer"]));
    follow.wait("one");
    host.tmux(&["send-keys", "-t", "=writer:", "two", "Enter"]).unwrap();
    assert_eq!(follow.wait("got"), "got two");
    host.configure("# nobody\n");
    let (status, lines) = follow.ended();
    assert_eq!(status, 0);
    assert!(lines.last().unwrap().contains("writer is gone"), "{lines:?}");
}

#[test]
fn a_restarted_daemon_is_waited_for() {
    let host = Host::new();
    host.configure(&agent("writer", &["/bin/sh", "-c", "echo one; while read -r line; do echo got $line; done"], ""));
    let daemon = host.start();
    daemon.wait_state("writer", "running");
    let mut follow = Going::new(command(&host, &host.api_socket(), &["logs", "-f", "writer"]));
    follow.wait("one");
    drop(daemon);
    follow.wait("waiting for it");
    let _daemon = host.start();
    host.tmux(&["send-keys", "-t", "=writer:", "two", "Enter"]).unwrap();
    assert_eq!(follow.wait("got"), "got two");
}

/// A daemon with one agent, whose terminal shows these texts, the last one for ever.
fn showing(host: &Host, texts: &'static [&'static str]) -> (std::path::PathBuf, Canned) {
    let socket = host.at("run/canned.sock");
    let looks = Mutex::new(0);
    let canned = Canned::new(&socket, move |asked| match asked.path.split('?').next().unwrap() {
        "/v1/agents/a/output" => {
            let mut looks = looks.lock().unwrap();
            let text = texts.get(*looks);
            *looks += 1;
            match text {
                Some(text) => (200, "", (*text).to_owned()),
                None => (404, "", r#"{"error":"agent not found"}"#.to_owned()),
            }
        }
        "/v1/agents" => (200, "", "[]".to_owned()),
        _ => (404, "", r#"{"error":"agent not found"}"#.to_owned()),
    });
    (socket, canned)
}

#[test]
fn nothing_but_text_and_colours_gets_through() {
    let host = Host::new();
    let (socket, _canned) = showing(&host, &["a\x1b]52;c;ZXZpbA==\x07b\x1b[2J\x1b[32mc\nd\u{9b}6n\x1b[0me\u{202e}\n"]);
    let said = run(command(&host, &socket, &["logs", "a", "--color=always"]));
    assert_eq!(said.out, "ab\x1b[32mc\x1b[0m\n\x1b[32md\x1b[0me\u{fffd}\x1b[0m\n");
}

#[test]
fn a_screen_that_is_drawn_in_place_is_followed_by_what_changes() {
    let host = Host::new();
    let (socket, _canned) = showing(&host, &["title\n0%\nend\n", "title\n50%\nend\n", "title\n99%\nend\n"]);
    let (status, lines) = Going::new(command(&host, &socket, &["logs", "a", "-f"])).ended();
    assert_eq!(status, 0);
    let mut texts: Vec<&str> = lines.iter().map(String::as_str).filter(|line| !line.starts_with("agentd: ")).collect();
    assert_eq!(texts, ["title", "0%", "end", "50%", "99%"]);
    texts = lines.iter().map(String::as_str).filter(|line| line.starts_with("agentd: ")).collect();
    assert_eq!(texts.len(), 2, "that it draws, once, and that it is gone: {texts:?}");
}
