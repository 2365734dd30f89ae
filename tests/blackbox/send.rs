//! `agentd send`: what arrives at the program, byte for byte.

use std::io::Write;
use std::process::Stdio;

use crate::declare::agent;
use crate::harness::{AGENTD, Host, until};

/// Runs `agentd send` and answers with its exit status and what it said.
fn send(host: &Host, words: &[&str], input: &[u8]) -> (Option<i32>, String) {
    let mut command = host.command(AGENTD);
    command.args(["send", "--api-socket"]).arg(host.api_socket()).args(words);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Whoever refuses reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// A text as a program that asked for it gets it.
fn pasted(text: &str, then: &str) -> Vec<u8> {
    format!("\x1b[200~{text}\x1b[201~{then}").into_bytes()
}

#[test]
fn texts_arrive_byte_for_byte_and_enter_is_a_key_after_them() {
    let long = "0123456789 äöü 🦀\t#{pane_id} $HOME; \n".repeat(2_700);
    assert!(long.len() > 100_000);
    let texts =
        ["a simple text", "; ends so;", "-x --enter -", "two\nlines\tand a tab", "ä 🦀 '\"\\ $(id) #{q} ~", &long];
    for host in Host::both() {
        let name = |index: usize| format!("t{index}");
        let agents = texts.iter().enumerate().map(|(index, text)| {
            let count = pasted(text, "\r").len().to_string();
            agent(&name(index), &["$PROBE", "paste", &name(index), &count, "wait"], "")
        });
        host.configure(&agents.collect::<String>());
        let _daemon = host.start();
        for (index, text) in texts.iter().enumerate() {
            host.file(&format!("{}-ready", name(index)));
            pane_asked_for_brackets(&host, &name(index));
            let (status, said) = if text.len() < 100 {
                send(&host, &[&name(index), "--", text], b"")
            } else {
                send(&host, &[&name(index), "-"], format!("{text}\n").as_bytes())
            };
            assert_eq!((status, said.as_str()), (Some(0), ""));
            assert!(host.file(&name(index)) == pasted(text, "\r"), "{text:.40}");
        }
        assert_eq!(host.tmux(&["list-buffers"]).unwrap(), "", "nothing is left for others to paste");
    }
}

/// The program has asked before it made its file; tmux reads that a moment later, and shows what comes after it.
fn pane_asked_for_brackets(host: &Host, session: &str) {
    until("tmux to have read the request", || host.screen(session).starts_with('>').then_some(()));
}

#[test]
fn keys_are_keys_and_typos_are_refused() {
    let host = Host::new();
    host.configure(&agent("one", &["$PROBE", "paste", "out", "9", "wait"], ""));
    let _daemon = host.start();
    host.file("out-ready");
    let (status, said) = send(&host, &["one", "--key", "C-x", "--key", "Entre"], b"");
    assert!(status == Some(2) && said.contains("did you mean Enter?"), "{said}");
    assert_eq!(send(&host, &["one", "--key", "C-x", "--key", "Escape", "--key", ";"], b""), (Some(0), String::new()));
    assert_eq!(send(&host, &["one", "--key", "Up", "--key", "M-;", "--key", "Enter"], b""), (Some(0), String::new()));
    assert_eq!(host.file("out"), b"\x18\x1b;\x1b[A\x1b;\r");
}

#[test]
fn what_would_be_obeyed_or_read_by_nobody_is_refused() {
    let host = Host::new();
    let agents = [agent("one", &["/bin/sh", "-c", "touch up; exec cat"], ""), agent("gone", &["/bin/true"], "")];
    host.configure(&agents.concat());
    let daemon = host.start();
    daemon.wait_states(&[("one", "running"), ("gone", "exited")]);
    host.file("up");
    for (words, input, status, sentence) in [
        (&["one", "x\u{1b}[201~y"] as &[&str], b"" as &[u8], 1, "control character U+001B"),
        (&["one", "-"], b"\x1b[201~\x03", 1, "control character U+001B"),
        (&["one", "-"], b"\xff", 1, "not UTF-8"),
        (&["one"], b"", 1, "nothing to type"),
        (&["gone", "x"], b"", 1, "gone is not running but exited"),
        (&["two", "x"], b"", 5, "there is no agent"),
    ] {
        let (code, said) = send(&host, words, input);
        assert!(code == Some(status) && said.contains(sentence), "{words:?}: {code:?} {said}");
    }
    // Somebody scrolls: not without --force.
    host.tmux(&["copy-mode", "-t", "=one:"]).unwrap();
    let (code, said) = send(&host, &["one", "hello"], b"");
    assert!(code == Some(1) && said.contains("--force"), "{said}");
    assert_eq!(send(&host, &["one", "--force", "hello"], b"").0, Some(0));
    until("cat to answer", || (host.screen("one").matches("hello").count() == 2).then_some(()));
}
