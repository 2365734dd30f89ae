//! Where a soak takes place: directories, a daemon with its log in a file, its tmux server, its API.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::action::Want;
use crate::conditions::{self, Disk, Weather};
use crate::follower::Follower;
use crate::harness::{AGENTD, Host};

/// Longer than anything takes that works.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A host with at most one daemon.
pub struct Place {
    // The daemon before the host, whose end ends all that is left; the disks in between, as they are on it.
    daemon: Option<Child>,
    pub disks: Vec<Disk>,
    pub weather: Weather,
    pub follower: Follower,
    pub host: Host,
    /// Sessions of others on the tmux server, which nothing but its end may touch: the process in each.
    pub strangers: BTreeMap<String, u32>,
    has_full_disks: bool,
    /// A daemon that couldn't begin, as there was too little of something, is started again.
    may_fail: bool,
    /// In the environment of every agent of this soak, and of nobody else.
    pub id: String,
}

impl Place {
    /// A new one. The daemon is root's only if we are root.
    pub fn new(as_root: bool, flags: &[&str]) -> Self {
        let mut host = if as_root { Host::as_root().unwrap_or_else(Host::new) } else { Host::new() };
        host.arguments.extend(flags.iter().map(|flag| (*flag).to_owned()));
        let id = format!("soak-{}-{}", std::process::id(), host.path().file_name().unwrap().to_str().unwrap());
        let journal = host.at("work/journal");
        File::create(&journal).unwrap();
        host.own(&journal);
        fs::create_dir(host.at("bin")).unwrap();
        for name in ["puppet", "claude", "opencode"] {
            std::os::unix::fs::symlink(Self::puppet(), host.at("bin").join(name)).unwrap();
        }
        let disks = ["etc", "run", "secrets"].iter().filter_map(|name| Disk::mount(&host.at(name))).collect();
        let weather = Weather::new(&host);
        // From now on its thread sees what is mounted.
        let follower = Follower::new(host.api_socket());
        Self {
            daemon: None,
            disks,
            weather,
            follower,
            host,
            id,
            strangers: BTreeMap::new(),
            has_full_disks: false,
            may_fail: false,
        }
    }

    /// The daemon's program: the one that was built with this, unless another one is to be soaked.
    fn agentd() -> PathBuf {
        std::env::var_os("SOAK_AGENTD").map_or_else(|| AGENTD.into(), PathBuf::from)
    }

    /// The agents' program.
    fn puppet() -> PathBuf {
        std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("examples/puppet")
    }

    /// Fills in what `Agent::table` leaves open.
    pub fn fill_in(&self, text: &str) -> String {
        text.replace("$DIR", self.host.path().to_str().unwrap()).replace("$ID", &self.id)
    }

    /// The uid of the agents.
    pub fn agent_uid(&self) -> u32 {
        let of_account = self.host.account.as_ref().map(|account| account.uid);
        of_account.or(self.host.uid).unwrap_or_else(|| nix::unistd::geteuid().as_raw())
    }

    /// Starts a daemon, and doesn't wait for it.
    pub fn start(&mut self) {
        self.may_fail = self.has_full_disks;
        let log = OpenOptions::new().create(true).append(true).open(self.log_file()).unwrap();
        let mut command = self.host.command(Self::agentd());
        command.arg("--config").arg(self.host.at("etc/jcard.toml")).arg("--secret-dir").arg(self.host.at("secrets"));
        command.args(["--log-format", "json"]).args(&self.host.arguments);
        // What inotify must see is not to be seen by the way.
        command.args(["--reconcile-interval", "1h"]);
        self.weather.preload(&mut command);
        self.daemon = Some(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap());
    }

    /// All is well: from now on, nothing excuses a daemon that ends.
    pub fn settled(&mut self) {
        self.may_fail = false;
    }

    /// The daemon's process.
    pub fn daemon(&self) -> Option<u32> {
        self.daemon.as_ref().map(Child::id)
    }

    /// Whether it has ended although nobody asked for it.
    pub fn has_died(&mut self) -> Option<String> {
        let status = self.daemon.as_mut()?.try_wait().unwrap()?;
        if self.may_fail && status.code() == Some(1) {
            // As a service manager does.
            self.start();
        }
        Some(format!("the daemon has ended by itself: {status}"))
    }

    /// The daemon gets no more.
    pub fn starve(&mut self, want: Want) {
        // One that has just been started may not come as far as to do without.
        self.may_fail |= self.get("/v1/health").is_err();
        if let Some(pid) = self.daemon() {
            self.may_fail |= self.is_just_starting();
            conditions::starve(pid, want);
        }
    }

    /// One that has not come as far as to answer ends, and says why, if it lacks what it needs.
    fn is_just_starting(&self) -> bool {
        self.get("/v1/health").is_err()
    }

    /// All disks are full.
    pub fn fill_disks(&mut self) {
        self.may_fail |= self.is_just_starting();
        self.disks.iter().for_each(Disk::fill);
        self.has_full_disks = true;
    }

    /// There is enough of everything.
    pub fn relieve(&mut self) {
        self.disks.iter().for_each(Disk::free);
        self.has_full_disks = false;
        conditions::relieve(self.host.path());
    }

    /// Kills it.
    pub fn crash(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill().unwrap();
            daemon.wait().unwrap();
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: i32) {
        if let Some(pid) = self.daemon() {
            crate::harness::kill(pid, nix::sys::signal::Signal::try_from(signal).unwrap());
        }
    }

    /// Waits until it has ended well.
    pub fn ended(&mut self) -> Result<(), String> {
        let Some(mut daemon) = self.daemon.take() else { return Ok(()) };
        let deadline = Instant::now() + PATIENCE;
        loop {
            match daemon.try_wait().unwrap() {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("the daemon that was told to end did so with {status}")),
                None if Instant::now() > deadline => {
                    self.daemon = Some(daemon);
                    return Err("the daemon that was told to end is still there".to_owned());
                }
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    /// One request to the API; an error in words for whatever is no answer of success.
    pub fn get(&self, path: &str) -> Result<String, String> {
        ask(&self.host.api_socket(), path)
    }

    /// The same, as JSON.
    pub fn get_json(&self, path: &str) -> Result<Value, String> {
        serde_json::from_str(&self.get(path)?).map_err(|error| format!("GET {path}: {error}"))
    }

    /// Waits until the daemon answers.
    pub fn answers(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = self.get("/v1/health") {
            let is_excused = self.may_fail;
            if let Some(death) = self.has_died()
                && !is_excused
            {
                return Err(death);
            }
            if Instant::now() > deadline {
                return Err(format!("the daemon doesn't answer: {error}"));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Has all agents and the tmux server end, and waits until that is done.
    pub fn drain(&self) -> Result<(), String> {
        let log = OpenOptions::new().create(true).append(true).open(self.log_file()).unwrap();
        let mut command = self.host.command(Self::agentd());
        command.args(["drain", "--log-format", "json"]);
        command.args(self.host.arguments.iter().filter(|flag| !flag.starts_with("--on-exit")));
        let mut drain = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            match drain.try_wait().unwrap() {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("the drain has ended with {status}")),
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        }
        let _ = drain.kill();
        let _ = drain.wait();
        Err("the drain doesn't end".to_owned())
    }

    /// The logs of all daemons, one after another.
    pub fn log_file(&self) -> PathBuf {
        self.host.at("log")
    }

    /// The last lines of the log.
    pub fn log_tail(&self, lines: usize) -> String {
        let log = fs::read(self.log_file()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let all: Vec<&str> = log.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// A command of the host, and its output if it went well.
    pub fn run(words: &[&str]) -> Result<String, String> {
        let output =
            Command::new(words[0]).args(&words[1..]).output().map_err(|error| format!("{words:?}: {error}"))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(format!("{words:?}: {}", text(&output.stderr)))
        }
    }
}

/// One request to the API on a socket.
pub fn ask(socket: &Path, path: &str) -> Result<String, String> {
    let ask = || {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        // Of HTTP 1.0, which knows no chunks.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: agentd\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = ask().map_err(|error| format!("GET {path}: {error}"))?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.contains(" 200 ") => Ok(body.to_owned()),
        _ => Err(format!("GET {path}: {answer:.200}")),
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crash();
    }
}
