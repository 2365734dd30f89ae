//! `agentd filter` and `agentd hook` as the processes that they are: what goes in, what a person reads, and what the shim
//! hears.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use agentd::model::{Key, Notices};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The shim, as far as notices go.
struct Shim {
    name: String,
    socket: UnixDatagram,
}

impl Shim {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("agentd-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        Self { name, socket }
    }

    fn start(&self, arguments: &[&str]) -> Child {
        let mut agentd = agentd(arguments);
        agentd.env("AGENTD_NOTIFY_SOCKET", format!("@{}", self.name));
        agentd.spawn().unwrap()
    }

    /// The next that is told; waits for it.
    fn hear(&self) -> Notices {
        let mut datagram = [0; 4096];
        let length = self.socket.recv(&mut datagram).unwrap();
        assert!(length <= Notices::MAX_DATAGRAM);
        Notices::parse(&datagram[..length])
    }

    /// What is left of all that was told by those who have ended.
    fn heard(&self) -> Notices {
        self.socket.set_nonblocking(true).unwrap();
        let mut left = Notices::new();
        let mut datagram = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut datagram) {
            left.update(Notices::parse(&datagram[..length]));
        }
        left
    }
}

fn agentd(arguments: &[&str]) -> Command {
    let mut agentd = Command::new(env!("CARGO_BIN_EXE_agentd"));
    agentd.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    agentd.env_remove("AGENTD_NOTIFY_SOCKET");
    agentd
}

fn fixture(path: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/fixtures/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Gives it all that there is to read, and has what it writes; it ends well.
fn finish(mut child: Child, input: &[u8]) -> String {
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    // A hook that is handed its payload in another way doesn't read.
    let _ = writer.join().unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_stream_is_shown_and_told() {
    let shim = Shim::new();
    let shown = finish(shim.start(&["filter", "claude-code"]), &fixture("streams/claude-code/success.jsonl"));
    assert_eq!(shown, "The answer is forty-two.\n— 1 turn, 31 tokens in, 5 out, $0.0001\n");
    let heard = shim.heard();
    assert_eq!(heard.get(Key::Outcome), Some("succeeded"));
    assert_eq!(heard.get(Key::Activity), Some("idle"));
    assert_eq!(heard.get(Key::OutputTokens), Some("5"));
    assert!(heard.get(Key::CostUsd).unwrap().starts_with("0.000"));
    assert!(heard.get(Key::Session).is_some());
}

#[test]
fn nobody_has_to_hear_of_it() {
    let stream = fixture("streams/codex/wrong_key.jsonl");
    let shown = finish(agentd(&["filter", "codex"]).spawn().unwrap(), &stream);
    assert!(shown.contains("401 Unauthorized"), "{shown}");
    for nobody in ["", "@", "@agentd-test-nobody", "/no/such/socket"] {
        let child = agentd(&["filter", "codex"]).env("AGENTD_NOTIFY_SOCKET", nobody).spawn().unwrap();
        assert_eq!(finish(child, &stream), shown);
    }
}

#[test]
fn what_is_no_event_is_shown_as_it_is() {
    let shim = Shim::new();
    let plain = "Error: no such model\n\n{\"no\": \"event\"}\n[1]\n\tä";
    assert_eq!(finish(shim.start(&["filter", "claude-code"]), plain.as_bytes()), format!("{plain}\n"));
    assert_eq!(finish(shim.start(&["filter", "tomorrows"]), b"{\"type\":\"x\"}\n"), "{\"type\":\"x\"}\n");
    assert!(shim.heard().is_empty());
}

#[test]
fn what_a_model_says_plays_with_no_terminal() {
    let evil = "\\u001b]0;owned\\u0007\\u001b[2J\\u009b2J\\r\\u202e";
    for (dialect, event) in [
        ("claude-code", r#"{"type":"assistant","message":{"content":[{"type":"text","text":"EVIL"}]}}"#),
        (
            "claude-code",
            r#"{"type":"assistant","message":{"content":[{"type":"tool_use","name":"EVIL","input":{"x":"EVIL"}}]}}"#,
        ),
        ("claude-code", r#"{"type":"result","subtype":"EVIL","is_error":true,"result":"EVIL","errors":["EVIL"]}"#),
        ("claude-code", r#"{"type":"system","subtype":"api_retry","error":"EVIL"}"#),
        ("codex", r#"{"type":"item.started","item":{"type":"command_execution","command":"EVIL"}}"#),
        ("codex", r#"{"type":"turn.failed","error":{"message":"EVIL"}}"#),
        ("gemini-cli", r#"{"type":"message","role":"assistant","delta":true,"content":"EVIL"}"#),
        ("gemini-cli", r#"{"type":"error","severity":"error","message":"EVIL"}"#),
        ("opencode", r#"{"type":"tool_use","part":{"tool":"EVIL","state":{"status":"error","error":"EVIL"}}}"#),
        ("cursor", r#"{"type":"tool_call","subtype":"started","tool_call":{"EVIL":{"args":{"path":"EVIL"}}}}"#),
    ] {
        let shim = Shim::new();
        let shown = finish(shim.start(&["filter", dialect]), event.replace("EVIL", evil).as_bytes());
        assert!(shown.contains("owned"), "{dialect}: {shown:?}");
        let obeyed = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!shown.contains(obeyed), "{dialect}: {shown:?}");
        let heard = shim.heard();
        assert!(heard.iter().all(|(_, value)| !value.contains(obeyed)), "{dialect}: {heard:?}");
    }
}

#[test]
fn signals_for_the_agent_end_no_filter() {
    let shim = Shim::new();
    let mut child = shim.start(&["filter", "claude-code"]);
    let stream = fixture("streams/claude-code/sigint.jsonl");
    let result = stream.trim_ascii_end().iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    child.stdin.as_mut().unwrap().write_all(&stream[..result]).unwrap();
    while shim.hear().get(Key::Activity) != Some("busy") {}
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGINT] {
        kill(pid, signal).unwrap();
    }
    finish(child, &stream[result..]);
    assert_eq!(shim.heard().get(Key::Outcome), Some("interrupted"));
}

#[test]
fn an_agent_goes_on_when_nobody_sees_what_it_says() {
    let shim = Shim::new();
    let mut child = shim.start(&["filter", "codex"]);
    drop(child.stdout.take());
    let item = "{\"type\":\"item.completed\",\"item\":{\"type\":\"agent_message\",\"text\":\"again\"}}\n";
    let stream = [item.repeat(20_000).as_bytes(), &fixture("streams/codex/success.jsonl")].concat();
    finish(child, &stream);
    assert_eq!(shim.heard().get(Key::Outcome), Some("succeeded"));
}

#[test]
fn what_is_shown_is_shown_at_once() {
    let shim = Shim::new();
    let mut child = shim.start(&["filter", "opencode"]);
    let mut pane = BufReader::new(child.stdout.take().unwrap());
    for word in ["one", "two"] {
        let event = format!("{{\"type\":\"text\",\"sessionID\":\"s\",\"part\":{{\"text\":\"{word}\"}}}}\n");
        child.stdin.as_mut().unwrap().write_all(event.as_bytes()).unwrap();
        let mut line = String::new();
        pane.read_line(&mut line).unwrap();
        assert_eq!(line, format!("{word}\n"));
    }
    child.stdin.as_mut().unwrap().write_all(b"no end").unwrap();
    drop(child.stdin.take());
    let mut rest = String::new();
    pane.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "no end\n");
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_line_that_is_too_long_is_passed_over() {
    let shim = Shim::new();
    let long = format!("{{\"type\":\"assistant\",\"x\":\"{}\"}}\n", "x".repeat(9 * 1024 * 1024));
    let stream = [long.as_bytes(), &fixture("streams/claude-code/success.jsonl")].concat();
    let shown = finish(shim.start(&["filter", "claude-code"]), &stream);
    assert!(shown.starts_with("agentd: passed over a line of 10 MiB\nThe answer"), "{shown}");
    assert_eq!(shim.heard().get(Key::Outcome), Some("succeeded"));
}

#[test]
fn who_does_not_listen_hears_the_end_all_the_same() {
    let shim = Shim::new();
    // More turns than the system keeps notices.
    let turns = 2000;
    let turn = fixture("streams/codex/success.jsonl");
    let child = shim.start(&["filter", "codex"]);
    let writer = std::thread::spawn(move || finish(child, &turn.repeat(turns)));
    let last = turns.to_string();
    loop {
        // Only the last of the last turn: what came before may be told together.
        let heard = shim.hear();
        if heard.get(Key::Turns) == Some(&last) {
            assert_eq!(heard.get(Key::Outcome), Some("succeeded"));
            break;
        }
        std::thread::yield_now();
    }
    writer.join().unwrap();
}

#[test]
fn hooks_tell_and_say_nothing() {
    let shim = Shim::new();
    let payloads = fixture("hooks/claude-code/headless-wrong_key.jsonl");
    let told: Vec<Notices> = payloads
        .split_inclusive(|byte| *byte == b'\n')
        .map(|payload| {
            assert_eq!(finish(shim.start(&["hook", "claude-code"]), payload), "");
            shim.hear()
        })
        .collect();
    assert_eq!(told[1].get(Key::Activity), Some("busy"));
    assert_eq!(told[1].get(Key::Outcome), Some(""));
    assert_eq!(told[2].get(Key::Outcome), Some("auth_failed"));
}

#[test]
fn codex_hands_over_its_notice_as_an_argument() {
    let shim = Shim::new();
    let payload = "{\"type\":\"agent-turn-complete\",\"thread-id\":\"t1\",\"last-assistant-message\":\"-\"}";
    // Standard input is nobody's then, and stays open.
    let mut child = shim.start(&["hook", "codex", payload]);
    let notices = shim.hear();
    assert_eq!(notices.get(Key::Session), Some("t1"));
    assert_eq!(notices.get(Key::Outcome), Some("succeeded"));
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_hook_is_never_an_order_to_the_harness() {
    let shim = Shim::new();
    for arguments in [
        &["hook"][..],
        &["hook", "tomorrows"],
        &["hook", "claude-code", "--what", "-x"],
        &["hook", "claude-code"],
        &["hook", "--what"],
        &["hook", "codex", "not json"],
    ] {
        assert_eq!(finish(shim.start(arguments), b"not json\n"), "", "{arguments:?}");
    }
    let long = format!("{{\"hook_event_name\":\"Stop\",\"x\":\"{}\"}}", "x".repeat(9 * 1024 * 1024));
    assert_eq!(finish(shim.start(&["hook", "claude-code"]), long.as_bytes()), "");
    assert!(shim.heard().is_empty());
    // Nobody closes its standard input.
    let mut child = shim.start(&["hook", "claude-code"]);
    let stdin = child.stdin.take();
    assert!(child.wait().unwrap().success());
    drop(stdin);
}
