//! A private host for one test: directories, sockets, a daemon and its tmux server, and an end that leaves nothing.
//!
//! Tests wait for events: the daemon's own log, one JSON object a line, tells every transition. The bounds on waits only
//! say when a test has failed.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::account::Account;
use crate::cgroups;

/// A wait that takes longer has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The daemon under test.
pub const AGENTD: &str = env!("CARGO_BIN_EXE_agentd");

/// The scripted agent of the tests: `examples/probe.rs`.
pub fn probe() -> PathBuf {
    Path::new(AGENTD).with_file_name("examples").join("probe")
}

/// A place of its own for one test.
pub struct Host {
    dir: tempfile::TempDir,
    /// Run the daemon as this uid instead of root: the ordinary user's mode.
    pub uid: Option<u32>,
    /// The user that a daemon of root runs its agents as.
    pub account: Option<Account>,
    /// More arguments for every daemon.
    pub arguments: Vec<String>,
}

impl Host {
    /// A host whose daemon runs as an ordinary user, as whom the tests themselves run, or as one that nobody else is.
    pub fn new() -> Self {
        let uid = nix::unistd::geteuid().is_root().then(|| 200_000 + std::process::id() % 100_000);
        Self::of(uid, None, tempfile::tempdir().unwrap())
    }

    /// A host whose daemon runs as root, and its agents as a user of their own. None, and a loud word, if we aren't root.
    pub fn as_root() -> Option<Self> {
        Self::as_root_in(&std::env::temp_dir())
    }

    /// The same in this directory.
    pub fn as_root_in(place: &Path) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("SKIPPED: only root can test the mode in which agentd runs as root");
            return None;
        }
        let dir = tempfile::tempdir_in(place).unwrap();
        let account = Account::new(&dir.path().join("work"));
        let mut host = Self::of(None, Some(account), dir);
        let Account { name, .. } = host.account.as_ref().unwrap();
        let path = |name: &str| host.at(name).into_os_string().into_string().unwrap();
        let (tmux, api) = (path("run/agentd/tmux.sock"), path("run/api/agentd.sock"));
        let arguments =
            ["--agent-user", name, "--admin-group", name, "--tmux-socket", &tmux, "--api-socket", &api].map(Into::into);
        host.arguments = arguments.into();
        Some(host)
    }

    /// The hosts of both modes, as far as they can be had here.
    pub fn both() -> impl Iterator<Item = Self> {
        let modes: [fn() -> Option<Self>; 2] = [|| Some(Self::new()), Self::as_root];
        modes.into_iter().filter_map(|mode| mode())
    }

    fn of(uid: Option<u32>, account: Option<Account>, dir: tempfile::TempDir) -> Self {
        let host = Self { dir, uid, account, arguments: Vec::new() };
        fs::set_permissions(host.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["work", "secrets", "run", "etc"] {
            fs::create_dir(host.at(name)).unwrap();
            if name == "work" || host.account.is_none() {
                host.own(&host.at(name));
            }
        }
        host.configure("");
        fs::write(host.at("etc/jcard.toml"), "# nothing yet\n").unwrap();
        host
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A path in it.
    pub fn at(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Gives a file to the user that agents run as.
    pub fn own(&self, path: &Path) {
        if let Some(uid) = self.uid.or(self.account.as_ref().map(|account| account.uid)) {
            std::os::unix::fs::chown(path, Some(uid), Some(uid)).unwrap();
        }
    }

    /// Replaces the configuration at once, as editors do. `$DIR` and `$PROBE` are filled in.
    pub fn configure(&self, text: &str) {
        let text = self.fill_in(text);
        fs::write(self.at("etc/.new"), text).unwrap();
        fs::rename(self.at("etc/.new"), self.at("etc/jcard.toml")).unwrap();
    }

    /// Fills in `$DIR` and `$PROBE`.
    pub fn fill_in(&self, text: &str) -> String {
        text.replace("$DIR", self.path().to_str().unwrap()).replace("$PROBE", probe().to_str().unwrap())
    }

    /// Puts a secret in place, as stereosd does.
    pub fn secret(&self, name: &str, value: impl AsRef<[u8]>) {
        let temporary = self.at("secrets").join(format!("{name}.tmp"));
        fs::write(&temporary, value).unwrap();
        if self.account.is_none() {
            self.own(&temporary);
        }
        fs::rename(temporary, self.at("secrets").join(name)).unwrap();
    }

    /// A command that runs as the daemon's user.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        if let Some(uid) = self.uid {
            command.uid(uid).gid(uid);
        }
        command.env("HOME", self.at("work")).env("XDG_RUNTIME_DIR", self.at("run")).current_dir(self.path());
        command
    }

    /// Starts a daemon and waits until it has read its configuration.
    pub fn start(&self) -> Daemon {
        let daemon = self.spawn();
        daemon.wait("the configuration to be read", |line| {
            let message = line["message"].as_str().unwrap_or_default();
            message.starts_with("took the configuration") || message.starts_with("did not take the configuration")
        });
        // What it did before, to agents that it found, is still to be waited for.
        let mut earlier = daemon.seen.borrow().clone();
        earlier.pop_back();
        daemon.earlier.replace(earlier);
        daemon
    }

    /// Starts a daemon.
    pub fn spawn(&self) -> Daemon {
        let mut command = self.command(AGENTD);
        command.arg("--config").arg(self.at("etc/jcard.toml")).arg("--secret-dir").arg(self.at("secrets"));
        command.args(["--log-format", "json"]).args(&self.arguments);
        self.spawn_as(command)
    }

    /// Starts a daemon by a command line of the test's own.
    pub fn spawn_as(&self, mut command: Command) -> Daemon {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        Daemon::new(command, self.api_socket())
    }

    /// The API's socket.
    pub fn api_socket(&self) -> PathBuf {
        self.at(if self.account.is_some() { "run/api/agentd.sock" } else { "run/agentd/agentd.sock" })
    }

    /// The tmux server's socket.
    pub fn tmux_socket(&self) -> PathBuf {
        self.at("run/agentd/tmux.sock")
    }

    /// Runs a tmux command on the daemon's server; its output, or its error as `Err`.
    pub fn tmux(&self, arguments: &[&str]) -> Result<String, String> {
        let output =
            self.command("tmux").args(["-u", "-N"]).arg("-S").arg(self.tmux_socket()).args(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    /// All that is and was on the pane of a session, joined where it was wrapped.
    pub fn screen(&self, session: &str) -> String {
        self.tmux(&["capture-pane", "-p", "-J", "-S", "-", "-t", &format!("={session}:")]).unwrap_or_default()
    }

    /// A file in the work directory, once it is there and complete: its writer renames it into place.
    pub fn file(&self, name: &str) -> Vec<u8> {
        let path = self.at("work").join(name);
        until(&format!("the file {name}"), || fs::read(&path).ok())
    }

    /// The processes that belong to this host: whose command line or environment has its path, or whose user is its own.
    pub fn processes(&self) -> Vec<u32> {
        let user = self.account.as_ref().map(|account| account.uid);
        let path = self.path().as_os_str().as_encoded_bytes();
        let has = |file: PathBuf| fs::read(file).is_ok_and(|text| text.windows(path.len()).any(|part| part == path));
        let ours = |pid: &u32| {
            let of_user = || user.is_some() && user == user_of(*pid) && is_alive(*pid);
            has(format!("/proc/{pid}/cmdline").into()) || has(format!("/proc/{pid}/environ").into()) || of_user()
        };
        all_processes().filter(ours).collect()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let mut cgroups = BTreeSet::new();
        // Again for what was forked meanwhile. A user and a cgroup can only be removed when nothing runs there.
        for _ in 0..200 {
            let mut others = self.processes();
            others.retain(|pid| *pid != std::process::id());
            cgroups.extend(others.iter().filter_map(|pid| cgroups::base_of(*pid)));
            for pid in &others {
                kill(*pid, nix::sys::signal::Signal::SIGKILL);
            }
            cgroups.retain(|path| !cgroups::remove(path));
            if others.is_empty() && cgroups.is_empty() {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A running daemon. Dropping it kills it, as a crash would.
pub struct Daemon {
    child: Child,
    api: PathBuf,
    lines: Receiver<Value>,
    seen: std::cell::RefCell<VecDeque<Value>>,
    /// Lines that were seen and not yet waited for.
    earlier: std::cell::RefCell<VecDeque<Value>>,
}

impl Daemon {
    fn new(mut command: Command, api: PathBuf) -> Self {
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        let log = BufReader::new(child.stderr.take().unwrap());
        let echo = std::env::var_os("AGENTD_TEST_LOG").is_some();
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                if echo {
                    eprintln!("{line}");
                }
                let value = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if sender.send(value).is_err() {
                    return;
                }
            }
        });
        Self { child, api, lines, seen: std::cell::RefCell::default(), earlier: std::cell::RefCell::default() }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line of the log that fits, counting from the last one that was waited for.
    pub fn wait(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        while let Some(line) = self.earlier.borrow_mut().pop_front() {
            if fits(&line) {
                return line;
            }
        }
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let found = fits(&line);
                    self.seen.borrow_mut().push_back(line.clone());
                    if found {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("waited in vain for {what}; the log:\n{}", self.log()),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("the daemon ended before {what}; its log:\n{}", self.log())
                }
            }
        }
    }

    /// Waits until an agent has come to a state (`"none"`: it is gone), and returns that line of the log.
    pub fn wait_state(&self, agent: &str, state: &str) -> Value {
        self.wait(&format!("{agent} to be {state}"), |line| line["agent"] == agent && line["to"] == state)
    }

    /// Waits until each of these agents has come to its state, in whatever order; the last one's line of the log.
    pub fn wait_states(&self, wanted: &[(&str, &str)]) -> Value {
        let missing = std::cell::RefCell::new(wanted.to_vec());
        self.wait(&format!("{wanted:?}"), |line| {
            let mut missing = missing.borrow_mut();
            missing.retain(|(agent, state)| line["agent"] != *agent || line["to"] != *state);
            missing.is_empty()
        })
    }

    /// What has been read of the log.
    pub fn log(&self) -> String {
        let mut seen = self.seen.borrow_mut();
        seen.extend(self.lines.try_iter());
        seen.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")
    }

    /// One request to the API: status and body.
    pub fn get(&self, path: &str) -> (u16, Value) {
        let (status, body) = self.get_text(path);
        (status, serde_json::from_str(&body).unwrap())
    }

    /// One request to the API: status and body as it came.
    pub fn get_text(&self, path: &str) -> (u16, String) {
        let mut stream = self.connect();
        // Of HTTP 1.0, which knows no chunks.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: agentd\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// A connection to the API.
    pub fn connect(&self) -> UnixStream {
        let stream = until("the API's socket", || UnixStream::connect(&self.api).ok());
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// What has happened, as the API tells it.
    pub fn events(&self) -> Vec<Value> {
        let (status, text) = self.get_text("/v1/events?follow=false&history=10000");
        assert_eq!(status, 200);
        text.lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .map(|data| serde_json::from_str(data).unwrap())
            .collect()
    }

    /// One agent, as the API shows it.
    pub fn agent(&self, name: &str) -> Value {
        let encoded = name.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat();
        self.get(&format!("/v1/agents/{encoded}")).1
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        kill(self.pid(), signal);
    }

    /// Waits for its end.
    pub fn ended(mut self) -> ExitStatus {
        let pid = self.pid();
        until("the daemon to end", || self.child.try_wait().unwrap_or_else(|error| panic!("wait for {pid}: {error}")))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks until there is something to see. For what nobody announces; every look is cheap.
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    until_within(PATIENCE, what, look)
}

/// As [`until`], with a bound that is itself the claim.
pub fn until_within<T>(bound: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + bound;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether a process is there and no zombie.
pub fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with(['Z', 'X'])))
}

/// Sends a signal to a process that may be gone.
pub fn kill(pid: u32, signal: nix::sys::signal::Signal) {
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap()), signal);
}

fn user_of(pid: u32) -> Option<u32> {
    fs::metadata(format!("/proc/{pid}")).ok().map(|meta| std::os::unix::fs::MetadataExt::uid(&meta))
}

fn all_processes() -> impl Iterator<Item = u32> {
    let names = fs::read_dir("/proc").unwrap().filter_map(Result::ok).map(|entry| entry.file_name());
    names.filter_map(|name| name.to_str()?.parse().ok())
}
