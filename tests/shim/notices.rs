//! What an agent tells of itself, what stands between it and the terminal, and what runs before it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use agentd::shim::protocol::*;

use super::harness::*;

fn argv(words: &[&OsStr]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.as_encoded_bytes().to_vec()).collect()
}

fn shell(script: &str, argument: &Path) -> Vec<Vec<u8>> {
    argv(&["sh".as_ref(), "-c".as_ref(), script.as_ref(), "sh".as_ref(), argument.as_os_str()])
}

/// Has its notices taken at a path.
fn notified(shim: &Shim, start: &mut Start) -> PathBuf {
    let path = shim.path("notify/tester");
    start.notify = path.as_os_str().as_encoded_bytes().to_vec();
    path
}

fn tell(path: &Path, text: &str) {
    UnixDatagram::unbound().expect("a socket").send_to(text.as_bytes(), path).expect("told");
}

type Told = BTreeMap<String, String>;

fn add(told: &mut Told, notices: Vec<Notice>) {
    for Notice { at, text } in notices {
        assert!(at > 0);
        let text = String::from_utf8(text).expect("text");
        let (key, value) = text.split_once('=').expect("a pair");
        told.insert(key.to_owned(), value.to_owned());
    }
}

/// Reads reports of notices until one holds.
#[track_caller]
fn noticed(link: &mut Link, wanted: &[(&str, &str)]) -> Told {
    let mut told = Told::new();
    add(&mut told, std::mem::take(&mut link.notices));
    while !wanted.iter().all(|(key, value)| told.get(*key).is_some_and(|found| found == value)) {
        match link.next() {
            Report::Noticed { notices, .. } => add(&mut told, notices),
            other => panic!("expected {wanted:?} after {told:?}, got {other:?}"),
        }
    }
    told
}

#[test]
fn notices_are_passed_on_and_told_again_to_the_next_daemon() {
    let (mut shim, daemon, mut link) = Shim::connected();
    let go = shim.fifo("go");
    let mut start = shim.script("read x < $T/go; exit 3");
    let (run, path) = (start.run, notified(&shim, &mut start));
    link.send(&Order::Start(start));
    link.started();
    assert_eq!(fs::metadata(path.parent().expect("a directory")).expect("made").permissions().mode() & 0o777, 0o700);
    tell(&path, "ACTIVITY=busy\nnonsense\n=x\nlower=\nSESSION=a=b\n");
    let told = noticed(&mut link, &[("ACTIVITY", "busy"), ("SESSION", "a=b")]);
    assert_eq!(told.keys().map(String::as_str).collect::<Vec<_>>(), ["ACTIVITY", "SESSION", "lower"]);
    // Too long to be taken, and nothing else is lost with it.
    tell(&path, &format!("ACTIVITY={}", "x".repeat(2048)));
    tell(&path, "ACTIVITY=idle");
    noticed(&mut link, &[("ACTIVITY", "idle")]);

    drop((link, daemon));
    let daemon = Daemon::bind(&shim.socket);
    let (mut link, child, _) = daemon.greeted();
    assert!(matches!(child, ChildReport::Running { run: running, .. } if running == run), "{child:?}");
    noticed(&mut link, &[("ACTIVITY", "idle"), ("SESSION", "a=b"), ("lower", "")]);
    drop(link);
    fs::write(&go, "\n").expect("told");
    shim.shows(b"agentd isn't running");
    // They stay with the end.
    let daemon = Daemon::bind(&shim.socket);
    let (mut link, child, _) = daemon.greeted();
    assert!(matches!(child, ChildReport::Ended(_)), "{child:?}");
    noticed(&mut link, &[("ACTIVITY", "idle"), ("SESSION", "a=b")]);

    // The next run begins without.
    let mut start = shim.script("exit 0");
    notified(&shim, &mut start);
    link.send(&Order::Start(start));
    link.started();
    assert_eq!(link.ended().wait_status, 0);
    link.send(&Order::Quit);
    assert!(shim.exited().success());
    assert!(!path.exists(), "the socket is left");
}

#[test]
fn a_flood_of_notices_becomes_a_trickle_and_the_last_counts() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    let go = shim.fifo("go");
    let mut start = shim.script("read x < $T/go");
    let path = notified(&shim, &mut start);
    link.send(&Order::Start(start));
    link.started();
    for number in 0..2000 {
        tell(&path, &format!("TURNS={number}\nKEY_{number}=x"));
    }
    fs::write(&go, "\n").expect("told");
    let (mut told, mut reports) = (Told::new(), 0);
    loop {
        match link.next() {
            Report::Noticed { notices, .. } => {
                reports += 1;
                add(&mut told, notices);
            }
            Report::Ended(_) => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(told["TURNS"], "1999");
    assert_eq!(told.len(), 32, "{told:?}");
    assert!(reports < 200, "{reports}");
}

#[test]
fn a_filter_writes_all_that_the_agent_left_and_the_end_comes_after_what_it_told() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    let done = shim.fifo("done");
    let mut start = shim.script("test -t 1 || echo piped; echo to stderr >&2; sleep 1000 & kill -INT 0");
    let path = notified(&shim, &mut start);
    start.filter = shell("sed 's/^/filtered /'; read x < \"$1\"", &done);
    link.send(&Order::Start(start));
    let pid = link.started();
    shim.shows(b"filtered piped\r\n");
    // The agent is dead by the time its pipe is closed, and so is what it left.
    wait_gone(i32::try_from(pid).expect("a pid"));
    tell(&path, "OUTCOME=failed");
    fs::write(&done, "\n").expect("told");
    noticed(&mut link, &[("OUTCOME", "failed")]);
    let ended = link.ended();
    assert_eq!(ended.wait_status & 0x7f, libc::SIGINT, "the agent's own end: {ended:?}");
    link.tree_empty_after(&ended);
    assert_eq!(shim.left_over(), [0; 0]);
}

#[test]
fn a_filter_that_never_ends_holds_no_end_up_for_long() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    let mut start = shim.script("exit 3");
    start.filter = shell("exec sleep 1000", Path::new(""));
    link.send(&Order::Start(start));
    link.started();
    let ended = link.ended();
    assert_eq!(ended.wait_status, 3 << 8);
    link.tree_empty_after(&ended);
    assert_eq!(shim.left_over(), [0; 0]);
    // A kill doesn't wait at all, and neither does a daemon that comes back.
    let mut start = shim.script("exit 4");
    let run = start.run;
    start.filter = shell("exec sleep 1000", Path::new(""));
    link.send(&Order::Start(start));
    let pid = link.started();
    wait_gone(i32::try_from(pid).expect("a pid"));
    link.send(&Order::KillTree { run });
    let ended = link.ended();
    assert_eq!(ended.wait_status, 4 << 8);
    link.tree_empty_after(&ended);
}

#[test]
fn without_its_filter_the_agent_is_seen_as_it_is() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    let mut start = shim.script("echo as it is");
    start.filter = argv(&["/nonexistent/filter".as_ref()]);
    link.send(&Order::Start(start));
    link.started();
    shim.shows(b"as it is\r\n");
    assert_eq!(link.ended().wait_status, 0);
}

#[test]
fn a_filter_has_none_of_the_agents_secrets() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    let mut start = shim.script("exit 0");
    start.env.push(b"ANTHROPIC_API_KEY=sk-secret".to_vec());
    start.filter = shell("env > \"$1\"; cat", &shim.path("env"));
    link.send(&Order::Start(start));
    link.started();
    assert_eq!(link.ended().wait_status, 0);
    let env = fs::read_to_string(shim.path("env")).expect("the environment");
    assert!(env.contains("PATH=") && env.contains("AGENTD_RUN=") && env.contains("TMUX_PANE="), "{env}");
    assert!(!env.contains("secret"), "{env}");
}

#[test]
fn what_runs_before_has_the_agents_place_and_its_failure_changes_nothing() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    let script = "pwd > before; echo $T >> before; echo said >&2; exit 7";
    for before in [shell(script, Path::new("")), argv(&["/nonexistent".as_ref()])] {
        let mut start = shim.script("cat before; exit 5");
        start.before = before;
        link.send(&Order::Start(start));
        link.started();
        let dir = shim.dir.path().as_os_str().as_encoded_bytes().to_vec();
        shim.shows(&dir);
        shim.shows(&dir);
        assert_eq!(link.ended().wait_status, 5 << 8);
    }
    let said = String::from_utf8_lossy(&shim.output).into_owned();
    assert!(!said.contains("not found"), "{said}");
}

#[test]
fn a_stop_reaches_what_runs_before() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    let ready = shim.fifo("ready");
    let mut start = shim.script("exit 0");
    let run = start.run;
    start.before = shell("echo here > \"$1\"; exec sleep 1000", &ready);
    link.send(&Order::Start(start));
    assert_eq!(heard(&ready), "here");
    link.send(&Order::KillTree { run });
    link.started();
    let ended = link.ended();
    assert_eq!(ended.wait_status, libc::SIGKILL);
    link.tree_empty_after(&ended);
    assert_eq!(shim.left_over(), [0; 0]);
}
