//! The API under clients that hold on to it, by the thousand: who asks politely is answered, and the agents notice nothing.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::declare::agent;
use crate::descriptors;
use crate::harness::{AGENTD, Daemon, Host, kill, until};

const AGENTS: usize = 4;

/// Each agent is killed so often.
const ROUNDS: u64 = 5;

/// All there is of rudeness at once.
const CROWD: &str = "2000 silent 100 half-head 20 long-head 20 body 20 pipelines 20 sips 300 follows 20 looks";

/// The crowd, for as long as it is there.
struct Crowd(Child);

impl Crowd {
    /// Waits until each client has had its connection.
    fn gather(host: &Host) -> Self {
        let mut command = Command::new(Path::new(AGENTD).with_file_name("examples").join("crowd"));
        command.arg(host.api_socket()).args(CROWD.split(' ')).stdout(Stdio::piped());
        let mut crowd = Self(command.spawn().unwrap());
        let mut line = String::new();
        BufReader::new(crowd.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        crowd
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// A host whose agents are restarted at once and without end.
fn host() -> Host {
    let host = Host::new();
    let policy = "restart = \"always\"\nbackoff = \"0s\"\nmax_restarts = 1000";
    let agents: Vec<String> = (0..AGENTS).map(|at| agent(&format!("a{at}"), &["$PROBE", "wait"], policy)).collect();
    host.configure(&agents.concat());
    host
}

/// A daemon that may have so many descriptors open.
fn start(host: &Host, descriptors: usize) -> Daemon {
    let mut command = host.command("sh");
    command.args(["-c", &format!("ulimit -n {descriptors}; exec \"$0\" \"$@\""), AGENTD]);
    command.arg("--config").arg(host.at("etc/jcard.toml")).arg("--secret-dir").arg(host.at("secrets"));
    let daemon = host.spawn_as({
        command.args(["--log-format", "json"]);
        command
    });
    for at in 0..AGENTS {
        until("all agents to run", || (daemon.agent(&format!("a{at}"))["state"] == "running").then_some(()));
    }
    daemon
}

/// The most memory that it ever used, in KiB.
fn peak(daemon: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// How long a polite client waits, on a connection of its own.
fn asks(daemon: &Daemon) -> Duration {
    let began = Instant::now();
    assert_eq!(daemon.get_text("/v1/health").0, 200);
    began.elapsed()
}

/// A client that reads all events.
struct Follower(BufReader<UnixStream>);

impl Follower {
    fn new(daemon: &Daemon) -> Self {
        let mut stream = daemon.connect();
        write!(stream, "GET /v1/events HTTP/1.0\r\n\r\n").unwrap();
        let mut follower = Self(BufReader::new(stream));
        // It is one from here on.
        follower.line("retry:");
        follower
    }

    fn line(&mut self, start: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "the stream of events ended");
            if let Some(rest) = line.strip_prefix(start) {
                return rest.trim().to_owned();
            }
        }
    }

    /// The next one, whatever the terminals show meanwhile.
    fn transition(&mut self) -> Value {
        loop {
            let event: Value = serde_json::from_str(&self.line("data:")).unwrap();
            if event["type"] == "transition" {
                return event;
            }
        }
    }

    /// Follows one agent from a kill to its next run; nobody else changes meanwhile.
    fn sees_restart(&mut self, name: &str) {
        for step in [("running", "backing_off"), ("backing_off", "starting"), ("starting", "running")] {
            let event = self.transition();
            assert_eq!(
                (event["agent"].as_str(), event["from"].as_str(), event["to"].as_str()),
                (Some(name), Some(step.0), Some(step.1)),
                "{event}"
            );
        }
    }
}

/// Kills each agent again and again. Each is restarted, which is told; meanwhile somebody asks, by turns this daemon and one
/// that nobody else asks. How long both took, sorted.
fn kill_and_ask(daemon: &Daemon, follower: &mut Follower, bystander: &Daemon) -> [Vec<Duration>; 2] {
    let mut waits = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for name in (0..AGENTS).map(|at| format!("a{at}")) {
            let pid = daemon.agent(&name)["pid"].as_u64().unwrap();
            kill(u32::try_from(pid).unwrap(), Signal::SIGKILL);
            follower.sees_restart(&name);
            for _ in 0..5 {
                waits[0].push(asks(daemon));
                waits[1].push(asks(bystander));
            }
        }
    }
    for waits in &mut waits {
        waits.sort();
    }
    waits
}

/// Holds the load against the same daemon without it.
fn hold_out(host: &Host, daemon: &Daemon) {
    let elsewhere = Host::new();
    let bystander = elsewhere.start();
    let mut follower = Follower::new(daemon);
    let [idle, _] = kill_and_ask(daemon, &mut follower, &bystander);
    let (before, usual) = (descriptors::open(daemon).len(), peak(daemon));

    let crowd = Crowd::gather(host);
    let [loaded, floor] = kill_and_ask(daemon, &mut follower, &bystander);
    drop(crowd);

    let rank = |waits: &[Duration], percent: usize| waits[(waits.len() - 1) * percent / 100];
    eprintln!(
        "a polite client's answer, p50 and p99: {:?} and {:?} idle, {:?} and {:?} under load, {:?} and {:?} beside it; \
         {usual} and {} KiB at most",
        rank(&idle, 50),
        rank(&idle, 99),
        rank(&loaded, 50),
        rank(&loaded, 99),
        rank(&floor, 50),
        rank(&floor, 99),
        peak(daemon)
    );
    // What others do to this machine, the crowd too, shows in the answers of the other daemon.
    let bound = Duration::from_millis(50) + 20 * rank(&floor, 99);
    assert!(rank(&loaded, 50) < bound, "{loaded:?}, and beside it {floor:?}");
    let grown = peak(daemon) - usual;
    assert!(grown < 64 << 10, "it took {grown} KiB more");
    until("descriptors to be given back", || (descriptors::open(daemon).len() <= before).then_some(()));
    for at in 0..AGENTS {
        let agent = daemon.agent(&format!("a{at}"));
        assert_eq!((&agent["state"], &agent["restarts"]), (&"running".into(), &(2 * ROUNDS).into()), "{agent}");
    }
}

#[test]
fn a_crowd_keeps_nobody_from_an_answer_and_no_agent_from_its_restart() {
    let host = host();
    hold_out(&host, &start(&host, 4096));
}

#[test]
fn with_few_descriptors_the_crowd_takes_none_of_the_agents() {
    let host = host();
    hold_out(&host, &start(&host, 128));
}

#[test]
fn without_descriptors_too() {
    let host = host();
    let daemon = start(&host, 4096);
    descriptors::take(&host, &daemon, 8);
    hold_out(&host, &daemon);
}

/// A shim that dies under load costs its agent one restart, and that needs descriptors.
#[test]
fn a_new_terminal_is_found_room_for_among_the_crowd() {
    for but in [None, Some(8)] {
        let host = host();
        let daemon = start(&host, 128);
        if let Some(but) = but {
            descriptors::take(&host, &daemon, but);
        }
        let crowd = Crowd::gather(&host);
        host.tmux(&["kill-session", "-t", "=a0"]).unwrap();
        daemon.wait("the loss", |line| line["agent"] == "a0" && line["from"] == "running");
        daemon.wait_state("a0", "running");
        // And one that is new.
        let more = agent("more", &["$PROBE", "wait"], "");
        let text = std::fs::read_to_string(host.at("etc/jcard.toml")).unwrap();
        host.configure(&format!("{text}{more}"));
        daemon.wait_state("more", "running");
        drop(crowd);
    }
}
