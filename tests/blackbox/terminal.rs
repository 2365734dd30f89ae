//! The pane of an agent, as a person at it sees it.

use std::io::Read;
use std::process::{Child, Stdio};

use crate::declare::agent;
use crate::harness::{Host, until};

/// One value of a pane.
fn pane(host: &Host, session: &str, format: &str) -> String {
    host.tmux(&["list-panes", "-t", &format!("={session}:"), "-F", format]).unwrap().trim().to_owned()
}

fn shows(host: &Host, session: &str, text: &str) {
    until(&format!("{text:?} on the pane"), || host.screen(session).contains(text).then_some(()));
}

#[test]
fn a_stop_key_does_not_stop_an_agent() {
    for host in Host::both() {
        host.configure(&agent("typed", &["$PROBE", "touch", "up", "read", "line", "wait"], ""));
        let daemon = host.start();
        daemon.wait_state("typed", "running");
        host.file("up");
        let before = daemon.agent("typed");
        for _ in 0..3 {
            host.tmux(&["send-keys", "-t", "=typed:", "C-z"]).unwrap();
        }
        host.tmux(&["send-keys", "-t", "=typed:", "go on", "Enter"]).unwrap();
        assert!(String::from_utf8(host.file("line")).unwrap().ends_with("go on\n"));
        assert_eq!(daemon.agent("typed"), before);
        assert!(!daemon.log().contains("\"from\":\"running\""), "{}", daemon.log());
    }
}

#[test]
fn the_terminal_is_sane_after_a_program_that_left_it_otherwise() {
    let host = Host::new();
    let script = r"if [ -e made-a-mess ]; then stty -a > modes.new; mv modes.new modes; exec $PROBE await end exit 0; fi
        touch made-a-mess; echo before the mess
        stty raw -echo -isig; printf '\033[?1049h\033[?1000h\033[?1003h\033[?1006h\033[?2004h\033[?25l\033[?1h\033[4h\033[?7lmess'
        kill -KILL $$";
    host.configure(&agent("messy", &["/bin/sh", "-c", script], "restart = \"on-failure\"\nbackoff = \"0s\""));
    let daemon = host.start();
    let modes = String::from_utf8(host.file("modes")).unwrap();
    let words: Vec<&str> = modes.split([' ', '\n', ';']).collect();
    for word in ["echo", "icanon", "isig", "icrnl", "opost"] {
        assert!(words.contains(&word), "{modes}");
    }
    let flags = "#{alternate_on}#{mouse_any_flag}#{mouse_sgr_flag}#{cursor_flag}#{keypad_cursor_flag}#{insert_flag}#{wrap_flag}";
    until("the pane to be sane", || (pane(&host, "messy", flags) == "0001001").then_some(()));
    shows(&host, "messy", "before the mess");
    shows(&host, "messy", "agentd: messy was killed by signal 9 (SIGKILL) after ");
    assert!(host.screen("messy").contains("; restarts now (to detach: C-b d)"), "{}", host.screen("messy"));
    std::fs::write(host.at("work/end"), "").unwrap();
    daemon.wait_state("messy", "exited");
    shows(&host, "messy", "will not be restarted (to detach: C-b d)");
    assert_eq!(pane(&host, "messy", flags), "0001001");
}

/// A person at the terminal.
struct Person(Child);

impl Person {
    fn attach(host: &Host, session: &str) -> Self {
        let attach = format!("tmux -u -N -S '{}' attach -t '={session}'", host.tmux_socket().display());
        let mut command = host.command("script");
        command.args(["-qec", &attach, "/dev/null"]).env("TERM", "xterm");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // A terminal that isn't read holds up whoever writes to it.
        let mut screen = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while screen.read(&mut buffer).is_ok_and(|count| count > 0) {}
        });
        Self(child)
    }

    /// Its client, as the server knows it.
    fn client(host: &Host, session: &str) -> String {
        let target = format!("={session}");
        until("the client", || {
            let list = host.tmux(&["list-clients", "-t", &target, "-F", "#{client_pid}"]).ok()?;
            Some(list.trim().to_owned()).filter(|list| !list.is_empty())
        })
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_restart_keeps_the_pane_its_scrollback_and_who_is_attached() {
    for host in Host::both() {
        let script = "i=0; while [ $i -lt 300 ]; do i=$((i + 1)); echo line $i; done; exec $PROBE await go-$(cat runs | wc -l) \
            exit 3";
        let script = format!("echo >> runs; {script}");
        let fields = "restart = \"on-failure\"\nmax_restarts = 2\nbackoff = \"0s\"";
        host.configure(&agent("steady", &["/bin/sh", "-c", &script], fields));
        let daemon = host.start();
        daemon.wait_state("steady", "running");
        shows(&host, "steady", "line 300");
        let ids = "#{session_id} #{window_id} #{pane_id} #{pane_pid} #{pane_width}x#{pane_height}";
        let before = pane(&host, "steady", ids);
        assert!(before.ends_with("200x50"), "{before}");
        let _person = Person::attach(&host, "steady");
        let client = Person::client(&host, "steady");
        for (run, last) in [("1", "running"), ("2", "running"), ("3", "failed")] {
            std::fs::write(host.at("work").join(format!("go-{run}")), "").unwrap();
            daemon.wait_state("steady", last);
        }
        shows(&host, "steady", "will not be restarted");
        assert_eq!((pane(&host, "steady", ids), Person::client(&host, "steady")), (before, client));
        let screen = host.screen("steady");
        let count = |text: &str| screen.lines().filter(|line| line.starts_with(text)).count();
        assert_eq!((count("line 150"), count("agentd: steady exited with status 3")), (3, 3), "{screen}");
        // An edit is not a reason to lose them either.
        host.configure(&agent("steady", &["$PROBE", "print", "another life", "wait"], ""));
        daemon.wait_state("steady", "running");
        shows(&host, "steady", "another life");
        assert!(host.screen("steady").contains("line 150"));
    }
}
