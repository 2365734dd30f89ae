//! Where a benchmark runs: a directory, a user, the socket that children report to, and the children themselves.

use std::collections::HashMap;
use std::fs;
use std::io::IoSliceMut;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};

/// Something that takes longer has failed.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// `CLOCK_MONOTONIC`, nanoseconds.
pub fn now() -> u64 {
    agentd::sys::clock::now().mono.0
}

/// A child's main began.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// When, nanoseconds.
    pub at: u64,
    /// Which child it is, from 0.
    pub number: usize,
    /// Its process.
    pub pid: u32,
}

/// The place of one subject.
pub struct Ground {
    dir: tempfile::TempDir,
    stamps: Receiver<Stamp>,
    /// Run as this user, where we are root.
    pub uid: Option<u32>,
    child: PathBuf,
}

impl Ground {
    /// With a directory of its own.
    pub fn new(child: &Path) -> Self {
        let dir = tempfile::Builder::new().prefix("fleet").tempdir().unwrap();
        let uid = nix::unistd::geteuid().is_root().then_some(234_567);
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["run", "work"] {
            fs::create_dir(dir.path().join(name)).unwrap();
            std::os::unix::fs::chown(dir.path().join(name), uid, uid).unwrap();
        }
        let socket = UnixDatagram::bind(dir.path().join("stamps")).unwrap();
        fs::set_permissions(dir.path().join("stamps"), fs::Permissions::from_mode(0o777)).unwrap();
        let (sender, stamps) = channel();
        setsockopt(&socket, sockopt::PassCred, &true).unwrap();
        // Always read at once: few datagrams fit into the socket's queue.
        std::thread::spawn(move || {
            while let Some(stamp) = receive(&socket) {
                if sender.send(stamp).is_err() {
                    return;
                }
            }
        });
        Self { dir, stamps, uid, child: child.to_owned() }
    }

    /// A path in its directory.
    pub fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The words of a child.
    pub fn words(&self, number: usize) -> [String; 3] {
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        [path(&self.child), path(&self.at("stamps")), number.to_string()]
    }

    /// A program as the benchmarks' user.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        if let Some(uid) = self.uid {
            command.uid(uid).gid(uid);
        }
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.at("work"));
        command.env("XDG_RUNTIME_DIR", self.at("run")).current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// The next child to report.
    pub fn stamp(&self) -> Stamp {
        self.stamps.recv_timeout(PATIENCE).expect("a child never started")
    }

    /// The next report of this child.
    pub fn stamp_of(&self, number: usize) -> Stamp {
        loop {
            let stamp = self.stamp();
            if stamp.number == number {
                return stamp;
            }
        }
    }

    /// Waits for so many different children; the pid of each, and when the last one's main began.
    pub fn all(&self, count: usize) -> (HashMap<usize, u32>, u64) {
        let (mut pids, mut last) = (HashMap::new(), 0);
        while pids.len() < count {
            let stamp = self.stamp();
            pids.insert(stamp.number, stamp.pid);
            last = last.max(stamp.at);
        }
        (pids, last)
    }

    /// Reports that nobody waited for are forgotten.
    pub fn forget(&self) {
        while self.stamps.try_recv().is_ok() {}
    }
}

/// The next report. Whose it is, is told by the kernel: a child in a namespace knows itself by another number.
fn receive(socket: &UnixDatagram) -> Option<Stamp> {
    let mut bytes = [0; 12];
    let mut credentials = nix::cmsg_space!(nix::sys::socket::UnixCredentials);
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut credentials), MsgFlags::empty()).ok()?;
    let pid = message.cmsgs().ok()?.find_map(|control| {
        let ControlMessageOwned::ScmCredentials(sender) = control else { return None };
        u32::try_from(sender.pid()).ok()
    })?;
    let [at, number] = [bytes[..8].try_into().ok()?, [&bytes[8..], &[0; 4]].concat().try_into().ok()?];
    Some(Stamp { at: u64::from_le_bytes(at), number: usize::try_from(u64::from_le_bytes(number)).ok()?, pid })
}

/// Sends a signal.
pub fn kill(pid: u32, signal: nix::sys::signal::Signal) {
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap()), signal);
}

/// Waits until all have ended; when the last one had.
pub fn all_gone(pids: impl IntoIterator<Item = u32>) -> u64 {
    for pid in pids {
        if let Ok(process) = agentd::sys::process::PidFd::open(pid) {
            assert!(agentd::sys::process::PidFd::one_ends(&[&process], PATIENCE).unwrap(), "process {pid} did not end");
        }
    }
    now()
}

/// Every process whose parent this is.
pub fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// Processes that were ever made on this machine.
pub fn forks() -> u64 {
    let text = fs::read_to_string("/proc/stat").unwrap();
    text.lines().find_map(|line| line.strip_prefix("processes ")).unwrap().trim().parse().unwrap()
}
