//! Once in the terminal that it is made for.

use std::path::PathBuf;
use std::process::Command;

use agentd::shim::protocol::*;

use super::harness::*;

struct Tmux {
    dir: tempfile::TempDir,
    socket: PathBuf,
}

impl Tmux {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("tempdir");
        let socket = dir.path().join("tmux");
        Self { dir, socket }
    }

    fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(&self.socket).args(["-f", "/dev/null"]).args(arguments).env_remove("TMUX");
        let output = command.output().expect("tmux");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = Command::new("tmux").arg("-S").arg(&self.socket).arg("kill-server").output();
    }
}

fn start(tmux: &Tmux, run: u64, script: &str) -> Order {
    Order::Start(Start {
        run,
        hold: false,
        memo: vec![],
        line: format!("agentd: run {run}"),
        workdir: tmux.dir.path().as_os_str().as_encoded_bytes().to_vec(),
        argv: vec![b"sh".to_vec(), b"-c".to_vec(), script.as_bytes().to_vec()],
        env: vec![b"PATH=/usr/bin:/bin".to_vec()],
        notify: vec![],
        before: vec![],
        filter: vec![],
    })
}

#[test]
fn in_tmux_the_screen_reads_as_it_should_after_every_kind_of_end() {
    let tmux = Tmux::new();
    let socket = tmux.dir.path().join("shim.sock");
    let daemon = Daemon::bind(&socket);
    let socket = socket.to_str().expect("text");
    tmux.run(&["new-session", "-d", "-s", "t", "-x", "60", "-y", "30", "--", SHIM, socket, "tester"]);
    let (mut link, ..) = daemon.greeted();
    let note = |run| Order::Note { run, memo: vec![], line: format!("agentd: {run} ended") };
    let scripts = [
        "echo a line",
        "printf 'no line end'",
        // Died in the alternate screen, which must be gone with all that was in it, the cursor back where it was.
        "echo before; printf '\\033[?1049h\\033[5;10Hfull screen\\033[?1000h\\033[?25l\\033[3;9r'; kill -KILL $$",
        // Left it by itself, then printed: the cursor must not jump back.
        "printf '\\033[?1049hfull\\033[?1049l'; echo one; echo two; echo three",
        // Cut short within an escape sequence that would swallow what follows.
        "printf 'cut\\033]0;never ended'",
        "printf '\\033[31;7m\\016colours\\n'",
    ];
    for (run, script) in (1..).zip(scripts) {
        link.send(&start(&tmux, run, script));
        link.started();
        let ended = link.ended();
        link.tree_empty_after(&ended);
        link.send(&note(run));
        let wanted = format!("agentd: {run} ended");
        until("the note on the screen", || tmux.run(&["capture-pane", "-p", "-t", "t"]).contains(&wanted));
    }
    let screen = tmux.run(&["capture-pane", "-p", "-t", "t"]);
    let lines: Vec<_> = screen.trim_end().lines().collect();
    assert_eq!(
        lines,
        [
            "agentd: run 1",
            "a line",
            "agentd: 1 ended",
            "agentd: run 2",
            "no line end",
            "agentd: 2 ended",
            "agentd: run 3",
            "before",
            "agentd: 3 ended",
            "agentd: run 4",
            "one",
            "two",
            "three",
            "agentd: 4 ended",
            "agentd: run 5",
            "cut",
            "agentd: 5 ended",
            "agentd: run 6",
            "colours",
            "agentd: 6 ended",
        ],
        "{screen}"
    );
    let state =
        "#{alternate_on} #{mouse_any_flag} #{cursor_flag} #{scroll_region_upper}-#{scroll_region_lower} #{cursor_x}";
    assert_eq!(tmux.run(&["display-message", "-p", "-t", "t", state]).trim(), "0 0 1 0-29 0");
}

#[test]
fn closing_the_session_kills_the_agent() {
    let (tmux, mut link, pid) = ignoring_hangups();
    tmux.run(&["kill-session", "-t", "=t"]);
    let ended = link.ended();
    assert!(ended.terminal_lost);
    link.tree_empty_after(&ended);
    assert_eq!(link.try_next(), None);
    assert!(!is_alive(pid));
}

#[test]
fn the_end_of_the_server_kills_the_agent() {
    let (tmux, mut link, pid) = ignoring_hangups();
    let server: i32 = tmux.run(&["display-message", "-p", "#{pid}"]).trim().parse().expect("a pid");
    kill(server, libc::SIGKILL);
    let ended = link.ended();
    assert!(ended.terminal_lost);
    link.tree_empty_after(&ended);
    assert!(!is_alive(pid));
}

#[test]
fn quitting_closes_the_session() {
    let (tmux, mut link, pid) = ignoring_hangups();
    link.send(&Order::KillTree { run: 1 });
    let ended = link.ended();
    link.tree_empty_after(&ended);
    link.send(&Order::Quit);
    assert_eq!(link.try_next(), None);
    assert!(!is_alive(pid));
    until("the session's end", || tmux.run(&["list-sessions", "-F", "#S"]) == "keep\n");
}

/// A session with an agent, and one without, that keeps the server.
fn ignoring_hangups() -> (Tmux, Link, u32) {
    let tmux = Tmux::new();
    let socket = tmux.dir.path().join("shim.sock");
    let daemon = Daemon::bind(&socket);
    tmux.run(&["new-session", "-d", "-s", "keep", "--", SHIM, "--hold"]);
    tmux.run(&["new-session", "-d", "-s", "t", "--", SHIM, socket.to_str().expect("text"), "tester"]);
    let (mut link, ..) = daemon.greeted();
    link.send(&start(&tmux, 1, "trap '' HUP; while :; do sleep 1000; done"));
    let pid = link.started();
    (tmux, link, pid)
}
