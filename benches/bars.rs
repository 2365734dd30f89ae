//! The figures of one agent, measured on the real binary and a real tmux, beside the floor of the same run: what it takes
//! to fork and execute the same child with nothing in between.
//!
//! `cargo bench` prints a table. Latencies are p50 and p99 in milliseconds, interleaved with the floor.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark")]

#[path = "common/figures.rs"]
mod figures;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use agentd::sys::clock;

const AGENTD: &str = env!("CARGO_BIN_EXE_agentd");
const ROUNDS: usize = 200;
const COLD_STARTS: usize = 20;
const IDLE: Duration = Duration::from_secs(20);

fn now() -> u64 {
    clock::now().mono.0
}

/// `examples/stamp.rs`.
fn child() -> PathBuf {
    Path::new(AGENTD).with_file_name("examples").join("stamp")
}

struct Bench {
    dir: tempfile::TempDir,
    stamps: UnixDatagram,
    uid: Option<u32>,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let uid = nix::unistd::geteuid().is_root().then_some(234_567);
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["run", "work"] {
            fs::create_dir(dir.path().join(name)).unwrap();
            std::os::unix::fs::chown(dir.path().join(name), uid, uid).unwrap();
        }
        let stamps = UnixDatagram::bind(dir.path().join("stamps")).unwrap();
        fs::set_permissions(dir.path().join("stamps"), fs::Permissions::from_mode(0o777)).unwrap();
        stamps.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self { dir, stamps, uid }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        if let Some(uid) = self.uid {
            command.uid(uid).gid(uid);
        }
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.at("work"));
        command.env("XDG_RUNTIME_DIR", self.at("run")).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    fn declare(&self, version: usize) {
        let text = format!(
            "[[agents]]\nname = \"a\"\nharness = \"custom\"\ncommand = ['{}', '{}', \"{version}\"]\nworkdir = \"/\"\n\
             restart = \"always\"\nbackoff = \"0s\"\n",
            child().display(),
            self.at("stamps").display(),
        );
        fs::write(self.at(".new"), text).unwrap();
        fs::rename(self.at(".new"), self.at("jcard.toml")).unwrap();
    }

    fn daemon(&self) -> Daemon {
        let mut command = self.command(AGENTD);
        command.arg("--config").arg(self.at("jcard.toml")).arg("--secret-dir").arg(self.at("none"));
        Daemon(command.stderr(Stdio::null()).spawn().unwrap())
    }

    /// The time at which the next child's `main` began.
    fn stamp(&self) -> u64 {
        let mut bytes = [0; 8];
        self.stamps.recv(&mut bytes).unwrap();
        u64::from_le_bytes(bytes)
    }

    fn floor(&self) -> u64 {
        let begin = now();
        let mut child = self.command(child()).arg(self.at("stamps")).spawn().unwrap();
        let took = self.stamp() - begin;
        child.kill().unwrap();
        child.wait().unwrap();
        took
    }

    fn connect(&self) -> Option<UnixStream> {
        UnixStream::connect(self.at("run/agentd/agentd.sock")).ok()
    }
}

/// Ends with everything that it keeps running.
struct Daemon(Child);

impl Daemon {
    fn stop(mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        self.0.wait().unwrap();
    }
}

/// One GET over a connection that stays open.
fn get(stream: &mut UnixStream, path: &str) -> serde_json::Value {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    loop {
        let count = stream.read(&mut part).unwrap();
        assert!(count > 0, "the API closed the connection");
        answer.extend_from_slice(&part[..count]);
        let text = std::str::from_utf8(&answer).unwrap();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            if body.len() == length.parse::<usize>().unwrap() {
                return serde_json::from_str(body).unwrap();
            }
        }
    }
}

fn millis(sorted: &[u64], percent: usize) -> f64 {
    let nanos = sorted[(sorted.len() - 1) * percent / 100];
    Duration::from_nanos(nanos).as_secs_f64() * 1000.0
}

/// A row: what was measured, against the floor and the bar.
fn row(what: &str, mut taken: Vec<u64>, floor: f64, bar: &str) {
    taken.sort_unstable();
    let (p50, p99) = (millis(&taken, 50), millis(&taken, 99));
    println!("{what:<46} {p50:>8.2} {p99:>8.2} {:>7.1}x   {bar}", p50 / floor);
}

fn parent(pid: u32) -> u32 {
    agentd::sys::process::ppid_and_start_time(pid).unwrap().0
}

/// The shim that is shipped, in the place of the one that `cargo bench` has made.
fn link_shim_statically() {
    let built = Command::new(env!("CARGO")).args(["--quiet", "build-shim"]).status().unwrap();
    assert!(built.success(), "cargo build-shim failed");
}

fn main() {
    link_shim_statically();
    let bench = Bench::new();
    let load = fs::read_to_string("/proc/loadavg").unwrap();
    println!("load before: {}", load.trim());
    println!("{:<46} {:>8} {:>8} {:>8}   bar (p50 / p99)", "milliseconds", "p50", "p99", "floor");

    let mut floors = Vec::new();
    let (mut to_api, mut to_agent) = (Vec::new(), Vec::new());
    for version in 0..COLD_STARTS {
        floors.push(bench.floor());
        bench.declare(version);
        let begin = now();
        let daemon = bench.daemon();
        let mut stream = loop {
            match bench.connect() {
                Some(stream) => break stream,
                None => std::thread::sleep(Duration::from_micros(200)),
            }
        };
        get(&mut stream, "/v1/health");
        to_api.push(now() - begin);
        to_agent.push(bench.stamp() - begin);
        daemon.stop();
    }

    let daemon = bench.daemon();
    bench.stamp();
    let mut stream = bench.connect().unwrap();
    let (mut replaced, mut shown, mut edited) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        floors.push(bench.floor());
        let agent = loop {
            let agent = get(&mut stream, "/v1/agents/a");
            if agent["running"] == true {
                break agent;
            }
        };
        let pid = nix::unistd::Pid::from_raw(i32::try_from(agent["pid"].as_i64().unwrap()).unwrap());
        let begin = now();
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
        while get(&mut stream, "/v1/agents/a")["restarts"] == agent["restarts"] {}
        shown.push(now() - begin);
        replaced.push(bench.stamp() - begin);
        while get(&mut stream, "/v1/agents/a")["running"] != true {}
        let begin = now();
        bench.declare(COLD_STARTS + round);
        edited.push(bench.stamp() - begin);
    }
    floors.sort_unstable();
    let floor = millis(&floors, 50);
    row("fork and exec to main: the floor", floors, floor, "");
    row("exit to the replacement's main (backoff 0)", replaced, floor, "2");
    row("exit to the API's answer", shown, floor, "2");
    row("configuration edited to the new agent's main", edited, floor, "10 / 50");
    row("cold start to the API answering", to_api, floor, "30");
    row("cold start to the first agent's main", to_agent, floor, "60");

    while get(&mut stream, "/v1/agents/a")["running"] != true {}
    let agent = u32::try_from(get(&mut stream, "/v1/agents/a")["pid"].as_u64().unwrap()).unwrap();
    let (shim, agentd) = (parent(agent), daemon.0.id());
    let server = parent(shim);
    drop(stream);
    let cpu = |pid| figures::cpu(pid).unwrap();
    let kib = |pid, file, field| figures::kib(pid, file, field).unwrap();
    let before = (cpu(agentd), cpu(server), cpu(shim));
    std::thread::sleep(IDLE);
    let share =
        |after: u64, before: u64| 100.0 * Duration::from_nanos(after - before).as_secs_f64() / IDLE.as_secs_f64();
    println!(
        "idle with 1 agent, % of a core: agentd {:.4} (bar 0.05), tmux {:.4}, shim {:.4}",
        share(cpu(agentd), before.0),
        share(cpu(server), before.1),
        share(cpu(shim), before.2)
    );
    println!(
        "memory: agentd RSS {} KiB (bar 10240), shim PSS {} KiB, private {} KiB (bar 100)",
        kib(agentd, "status", "VmRSS:"),
        kib(shim, "smaps_rollup", "Pss:"),
        kib(shim, "smaps_rollup", "Private_Dirty:") + kib(shim, "smaps_rollup", "Private_Clean:")
    );
    println!("size: agentd {} KiB (bar 8192)", fs::metadata(AGENTD).unwrap().len() / 1024);
    println!("load after: {}", fs::read_to_string("/proc/loadavg").unwrap().trim());
    daemon.stop();
}
