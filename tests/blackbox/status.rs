//! `agentd status`, as people and programs read it.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::asked::{Going, Said, ask, ask_as, command, run, without_reader};
use crate::canned::Canned;
use crate::declare::agent;
use crate::harness::{AGENTD, Daemon, Host, kill, until};

/// One that works, one that can't start, and one that crashes again and again.
fn three(host: &Host) -> Daemon {
    host.configure(
        &[
            agent("builder", &["$PROBE", "print", "hello from the builder", "touch", "printed", "wait"], ""),
            agent("crasher", &["$PROBE", "exit", "3"], "restart = \"on-failure\"\nbackoff = \"1h\""),
            agent("nowhere", &["/nonexistent/program"], "session = \"elsewhere\""),
        ]
        .concat(),
    );
    let daemon = host.start();
    daemon.wait_states(&[("builder", "running"), ("crasher", "backing_off"), ("nowhere", "failed")]);
    host.file("printed");
    daemon
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

#[test]
fn a_table_shows_every_agent_and_why_it_does_not_run() {
    for host in Host::both() {
        let _daemon = three(&host);
        let Said { status, out, err } = ask(&host, &["status"]);
        assert_eq!((status, err.as_str()), (0, ""));
        assert!(!out.contains(char::is_control) || !out.replace('\n', "").contains(char::is_control), "{out:?}");
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(words(lines[0])[..2], ["NAME", "STATE"]);
        assert_eq!(words(lines[1])[..2], ["builder", "running"]);
        assert_eq!(words(lines[2])[..2], ["crasher", "backing_off,"]);
        assert!(lines[2].contains("  3  "), "its exit status: {out}");
        assert_eq!(words(lines[3])[..2], ["nowhere", "failed"]);
        assert!(lines[3].contains("not started") && lines[3].contains("elsewhere"), "{out}");
        assert!(lines[3].contains("/nonexistent/program"), "why: {out}");
        assert_eq!(lines[5], "3 agents: 1 running, 1 backing off, 1 failed");
    }
}

#[test]
fn some_agents_or_one_in_full() {
    let host = Host::new();
    let daemon = three(&host);
    let out = ask(&host, &["status", "nowhere", "Builder"]).out;
    let names: Vec<&str> = out.lines().map(|line| words(line).first().copied().unwrap_or_default()).collect();
    assert_eq!(names, ["NAME", "nowhere", "builder", "", "2"]);

    let out = ask(&host, &["status", "builder"]).out;
    let pid = daemon.agent("builder")["pid"].to_string();
    for part in ["running for ", &pid, "pane %", "agentd attach --api-socket "] {
        assert!(out.contains(part), "{part:?} in {out}");
    }
    let out = ask(&host, &["status", "crasher"]).out;
    for part in ["backing_off", "Next start", "exited with status 3"] {
        assert!(out.contains(part), "{part:?} in {out}");
    }
}

#[test]
fn the_last_output_of_one_agent_is_shown() {
    let host = Host::new();
    let _daemon = three(&host);
    until("the agent's output", || {
        ask(&host, &["status", "builder"]).out.contains("│ hello from the builder").then_some(())
    });
}

#[test]
fn json_is_what_the_daemon_says() {
    let host = Host::new();
    let daemon = three(&host);
    let agents = |arguments: &[&str]| -> Vec<Value> {
        let Said { status, out, err } = ask(&host, arguments);
        assert_eq!((status, err.as_str()), (0, ""));
        serde_json::from_str(&out).unwrap()
    };
    let mut all = agents(&["status", "--json"]);
    let usage: Vec<Option<Value>> =
        all.iter_mut().map(|agent| agent.as_object_mut().unwrap().remove("usage")).collect();
    assert_eq!(Value::from(all), daemon.get("/v1/agents").1);
    if daemon.get("/v1/usage").0 == 200 {
        assert!(usage[0].as_ref().unwrap()["memory_bytes"].as_u64().unwrap() > 0, "{usage:?}");
    }
    let one = agents(&["status", "--json", "crasher"]);
    assert_eq!((one.len(), &one[0]["name"]), (1, &Value::from("crasher")));
}

#[test]
fn a_refused_configuration_is_shown_with_what_it_means() {
    let host = Host::new();
    let daemon = three(&host);
    host.configure("[[agents]]\nharness = \"codx\"\n");
    daemon.wait("the refusal", |line| {
        line["message"].as_str().is_some_and(|message| message.starts_with("did not take the configuration"))
    });
    let out = until("the refusal to be shown", || {
        Some(ask(&host, &["status"]).out).filter(|out| out.contains("configuration was refused"))
    });
    assert!(out.contains("the last good one stays in force") && out.contains("codx"), "{out}");
    assert!(ask(&host, &["status", "builder"]).out.contains("codx"));
}

#[test]
fn the_exit_status_tells_what_is_wrong() {
    let host = Host::new();
    let said = ask(&host, &["status"]);
    assert_eq!((said.status, said.out.as_str()), (3, ""));
    assert!(said.err.contains("isn't running"), "{said:?}");
    let _daemon = three(&host);
    for command in
        [&["status", "bilder"][..], &["status", "--json", "bilder"], &["logs", "bilder"], &["events", "bilder"]]
    {
        let said = ask(&host, command);
        assert_eq!((said.status, said.out.as_str()), (5, ""), "{command:?}");
        assert!(said.err.contains("did you mean \"builder\"?"), "{said:?}");
    }
    assert_eq!(ask(&host, &["status", "--json", "--watch"]).status, 2);
}

#[test]
fn strangers_are_told_that_the_socket_is_not_theirs() {
    let Some(host) = Host::as_root() else { return };
    let _daemon = three(&host);
    for command in [&["status"][..], &["logs", "builder"], &["events"]] {
        let said = ask_as(&host, 399_999, command);
        assert_eq!((said.status, said.out.as_str()), (4, ""), "{command:?}");
        assert!(said.err.contains("access denied") && said.err.contains("sudo"), "{said:?}");
    }
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let host = Host::new();
    let _daemon = three(&host);
    until("the agent's output", || ask(&host, &["logs", "builder"]).out.contains("hello").then_some(()));
    for arguments in [
        &["status"][..],
        &["status", "builder"],
        &["status", "--json"],
        &["status", "--watch"],
        &["logs", "builder"],
        &["logs", "builder", "-f"],
        &["events"],
        &["events", "--follow"],
    ] {
        let said = without_reader(command(&host, &host.api_socket(), arguments));
        assert_eq!((said.status, said.err.as_str()), (0, ""), "{arguments:?}");
    }
}

#[test]
fn a_program_that_watches_gets_a_table_for_each_change() {
    let host = Host::new();
    let daemon = three(&host);
    let mut watch = Going::new(command(&host, &host.api_socket(), &["status", "--watch"]));
    assert!(watch.wait("agents: ").starts_with("3 agents"));
    host.configure(&agent("builder", &["$PROBE", "print", "hello from the builder", "touch", "printed", "wait"], ""));
    let last = "1 agent: 1 running";
    assert_eq!(watch.wait(last), last);
    daemon.signal(Signal::SIGKILL);
    daemon.ended();
    let (status, lines) = watch.ended();
    assert!(status == 3 || status == 1, "{status} {lines:?}");
}

/// A person's terminal, of this size.
struct Terminal<'a> {
    host: &'a Host,
    socket: std::path::PathBuf,
}

impl<'a> Terminal<'a> {
    fn new(host: &'a Host, size: (u32, u32), script: &str) -> Self {
        // A server that is on its way out still holds its socket.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let socket = host.at(&format!("run/person-{}.sock", COUNT.fetch_add(1, Ordering::Relaxed)));
        let terminal = Self { host, socket };
        let (columns, rows) = (size.0.to_string(), size.1.to_string());
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", &columns, "-y", &rows, "sh", "-c", script]);
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let mut command = self.host.command("tmux");
        command.env_remove("NO_COLOR").env_remove("TMUX").arg("-u").arg("-S").arg(&self.socket).args(arguments);
        let said = run(command);
        assert_eq!(said.status, 0, "{arguments:?}: {said:?}");
        said.out
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    fn shows(&self, part: &str) -> String {
        until(&format!("{part:?} on the terminal"), || Some(self.screen()).filter(|screen| screen.contains(part)))
    }

    fn modes(&self) -> String {
        self.tmux(&["display-message", "-p", "#{alternate_on}#{cursor_flag}#{wrap_flag}"]).trim().to_owned()
    }
}

#[test]
fn a_person_who_watches_sees_changes_in_place_and_has_the_terminal_back_afterwards() {
    let host = Host::new();
    let _daemon = three(&host);
    let command = format!("{AGENTD} status --api-socket {} --watch", host.api_socket().display());
    let script = format!("echo before; {command}; echo after $?; stty -a; sleep 1000");
    for key in [Some("q"), Some("C-c"), None] {
        let terminal = Terminal::new(&host, (80, 24), &script);
        // What is drawn last.
        let screen = terminal.shows("q quits");
        assert!(screen.contains("3 agents: 1 running, 1 backing off, 1 failed"), "{screen}");
        assert!(screen.contains("└") && !screen.contains("before"), "{screen}");
        assert_eq!(terminal.modes(), "100");
        terminal.tmux(&["resize-window", "-x", "200", "-y", "50"]);
        terminal.shows("ERROR");
        match key {
            Some(key) => drop(terminal.tmux(&["send-keys", key])),
            None => {
                host.processes().into_iter().filter(|pid| is_watch(*pid)).for_each(|pid| kill(pid, Signal::SIGTERM));
            }
        }
        let screen = terminal.shows("icanon");
        assert!(screen.contains("before") && screen.contains("after 0") && screen.contains(" echo "), "{screen}");
        assert_eq!(terminal.modes(), "011");
        terminal.tmux(&["kill-server"]);
    }
}

fn is_watch(pid: u32) -> bool {
    std::fs::read(Path::new("/proc").join(pid.to_string()).join("cmdline"))
        .is_ok_and(|line| line.starts_with(AGENTD.as_bytes()) && line.ends_with(b"--watch\0"))
}

#[test]
fn colours_are_for_terminals_of_those_who_want_them() {
    let host = Host::new();
    let _daemon = three(&host);
    let command = format!("{AGENTD} status --api-socket {}", host.api_socket().display());
    let terminal = Terminal::new(&host, (80, 24), &format!("{command}; NO_COLOR=1 {command}; echo end; sleep 1000"));
    terminal.shows("end");
    let painted = terminal.tmux(&["capture-pane", "-p", "-e"]);
    assert!(painted.contains("\x1b[31mfailed"), "{painted:?}");
    assert_eq!(painted.matches("\x1b[32m").count(), 2, "once in the table, once in the summary: {painted:?}");
    terminal.tmux(&["kill-server"]);
}

#[test]
fn an_older_daemon_is_understood_as_far_as_it_goes() {
    let host = Host::new();
    let socket = host.at("run/older.sock");
    let _older = Canned::new(&socket, |asked| match asked.path.as_str() {
        "/v1/health" => (200, "", r#"{"state":"running","uptime_seconds":1}"#.to_owned()),
        "/v1/agents" => {
            (200, "", r#"[{"name":"a","running":true,"session":"a","restarts":0,"state":"running"}]"#.to_owned())
        }
        "/v1/agents/a" => {
            (200, "", r#"{"name":"a","running":true,"session":"a","restarts":0,"state":"running"}"#.to_owned())
        }
        _ => (404, "", r#"{"error":"not found"}"#.to_owned()),
    });
    let asked = |arguments: &[&str]| run(command(&host, &socket, arguments));
    let said = asked(&["status"]);
    assert_eq!(said.status, 0);
    assert_eq!(words(said.out.lines().nth(1).unwrap()), ["a", "running", "-", "0", "-", "-", "-", "a"]);
    assert_eq!(asked(&["status", "a"]).out, "Name        a\nState       running\nRestarts    0\nSession     a\n");
    assert_eq!(asked(&["status", "--json"]).status, 0);
    let said = asked(&["events"]);
    assert_eq!(said.status, 1);
    assert!(said.err.contains("older than this program"), "{said:?}");
    assert_eq!(asked(&["logs", "a"]).status, 1);
}

#[test]
fn a_change_is_waited_for_and_not_asked_for_again_and_again() {
    let host = Host::new();
    let socket = host.at("run/canned.sock");
    let questions = Arc::new(Mutex::new(Vec::new()));
    let asked_so_far = Arc::clone(&questions);
    let agents = |name: &str| format!(r#"[{{"name":"{name}","state":"running","session":"{name}"}}]"#);
    let _canned = Canned::new(&socket, move |asked| {
        let mut questions = asked_so_far.lock().unwrap();
        match (asked.path.as_str(), asked.header("If-None-Match")) {
            ("/v1/agents", _) if questions.is_empty() => (200, "\"x-1\"", agents("first")),
            ("/v1/agents", _) => (200, "\"x-2\"", agents("second")),
            (path, Some(tag)) => {
                questions.push(format!("{path} {tag}"));
                if questions.len() > 1 {
                    drop(questions);
                    // Held until the test is over.
                    std::thread::sleep(crate::harness::PATIENCE);
                }
                (200, "\"x-2\"", agents("second"))
            }
            ("/v1/usage", _) => (404, "", r#"{"error":"not found"}"#.to_owned()),
            (_, _) => (200, "", "{}".to_owned()),
        }
    });
    let mut watch = Going::new(command(&host, &socket, &["status", "--watch"]));
    watch.wait("first");
    watch.wait("second");
    until("the second question", || (questions.lock().unwrap().len() == 2).then_some(()));
    let questions = questions.lock().unwrap().clone();
    assert_eq!(questions, ["/v1/agents?wait=30s \"x-1\"", "/v1/agents?wait=30s \"x-2\""]);
}

#[test]
fn what_agents_use_is_shown_with_them() {
    let host = Host::new();
    let socket = host.at("run/canned.sock");
    let _canned = Canned::new(&socket, |asked| {
        let body = match asked.path.as_str() {
            "/v1/agents" => {
                r#"[{"name":"a","state":"running","session":"a"},{"name":"b","state":"exited","session":"b"}]"#
            }
            "/v1/usage" => {
                r#"{"at":"2026-11-21T08:20:30.000Z","agents":[{"name":"a","cpu_seconds":7.5,"cpu_load":1.25,"memory_bytes":327155712,"processes":4}]}"#
            }
            _ => "{}",
        };
        (200, "", body.to_owned())
    });
    let asked = |arguments: &[&str]| run(command(&host, &socket, arguments)).out;
    let out = asked(&["status"]);
    let lines: Vec<Vec<&str>> = out.lines().map(words).collect();
    assert_eq!(lines[1], ["a", "running", "-", "0", "-", "125%", "312M", "a"]);
    assert_eq!(lines[2], ["b", "exited", "-", "0", "-", "-", "-", "b"]);
    assert!(asked(&["status", "a"]).contains("Memory      312M in 4 processes"));
    let agents: Value = serde_json::from_str(&asked(&["status", "--json", "a", "b"])).unwrap();
    assert_eq!(agents[0]["usage"]["cpu_load"], 1.25);
    assert_eq!((&agents[0]["usage"]["name"], &agents[1]["usage"]), (&Value::Null, &Value::Null));
}
