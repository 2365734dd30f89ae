//! A terminal with the real shim in it, and a daemon made of the protocol's codec. Everything waits for events; the
//! deadline only turns a hang into a failure.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use agentd::shim::protocol::*;

pub const DEADLINE: Duration = Duration::from_secs(30);
pub const SHIM: &str = env!("CARGO_BIN_EXE_agentd-shim");

static NEXT: AtomicU64 = AtomicU64::new(0);

/// The daemon's listening socket.
pub struct Daemon {
    pub listener: UnixListener,
}

impl Daemon {
    /// Ready before it is seen, as the real one.
    pub fn bind(path: &Path) -> Self {
        let hidden = path.with_extension("new");
        let listener = UnixListener::bind(&hidden).expect("bind");
        std::fs::rename(&hidden, path).expect("rename");
        Self { listener }
    }

    pub fn accept(&self) -> Link {
        wait_readable(self.listener.as_raw_fd(), "a connection");
        let (stream, _) = self.listener.accept().expect("accept");
        stream.set_read_timeout(Some(DEADLINE)).expect("timeout");
        Link { stream, frames: FrameBuffer::new(), notices: Vec::new() }
    }

    /// Accepts, and reads the hello.
    pub fn greeted(&self) -> (Link, ChildReport, Vec<u8>) {
        let mut link = self.accept();
        match link.next() {
            Report::Hello { version: VERSION, name, child, memo, notices } => {
                assert_eq!(name, "tester");
                link.notices = notices;
                (link, child, memo)
            }
            other => panic!("expected a hello, got {other:?}"),
        }
    }
}

/// One connection of a shim.
pub struct Link {
    pub stream: UnixStream,
    frames: FrameBuffer,
    /// Those of the hello.
    pub notices: Vec<Notice>,
}

impl Link {
    pub fn try_next(&mut self) -> Option<Report> {
        loop {
            let count = match self.stream.read(self.frames.space()) {
                Ok(0) => return None,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("no report: {error}"),
            };
            if let Some(frame) = self.frames.advance(count).expect("a frame") {
                return decode_report(frame.bytes()).expect("a report");
            }
        }
    }

    #[track_caller]
    pub fn next(&mut self) -> Report {
        self.try_next().expect("a report, not the end")
    }

    pub fn send(&mut self, order: &Order) {
        self.stream.write_all(&encode_order(order).expect("encoded")).expect("sent");
    }

    #[track_caller]
    pub fn started(&mut self) -> u32 {
        match self.next() {
            Report::Started { pid, at, .. } => {
                assert!(at > 0);
                pid
            }
            other => panic!("expected started, got {other:?}"),
        }
    }

    #[track_caller]
    pub fn forked(&mut self) -> u32 {
        match self.next() {
            Report::Forked { pid, .. } => pid,
            other => panic!("expected forked, got {other:?}"),
        }
    }

    #[track_caller]
    pub fn not_started(&mut self) -> (Step, i32) {
        match self.next() {
            Report::NotStarted(NotStarted { step, errno, .. }) => (step, errno),
            other => panic!("expected not started, got {other:?}"),
        }
    }

    #[track_caller]
    pub fn ended(&mut self) -> Ended {
        match self.next() {
            Report::Ended(ended) => ended,
            other => panic!("expected ended, got {other:?}"),
        }
    }

    /// Reads on to the end of the tree; a tree that went with its main process has no report of its own.
    #[track_caller]
    pub fn tree_empty_after(&mut self, ended: &Ended) {
        if !ended.tree_empty {
            assert_eq!(self.next(), Report::TreeEmpty { run: ended.run });
        }
    }
}

/// A shim in a terminal of its own.
pub struct Shim {
    pub dir: tempfile::TempDir,
    pub socket: PathBuf,
    pub process: Child,
    pub master: Option<File>,
    pub output: Vec<u8>,
    pub marker: String,
    run: u64,
}

impl Shim {
    /// A shim and its daemon, connected.
    pub fn connected() -> (Self, Daemon, Link) {
        let dir = tempfile::tempdir().expect("tempdir");
        let daemon = Daemon::bind(&dir.path().join("shim.sock"));
        let shim = Self::in_dir(dir, "shim.sock");
        let (link, child, memo) = daemon.greeted();
        assert_eq!((child, memo), (ChildReport::None, vec![]));
        (shim, daemon, link)
    }

    pub fn in_dir(dir: tempfile::TempDir, socket: &str) -> Self {
        let socket = dir.path().join(socket);
        let (master, slave) = open_pty();
        let mut command = Command::new(SHIM);
        command.arg(&socket).arg("tester").env("TERM", "vt100").env("TMUX", "/t,1,0").env("TMUX_PANE", "%7");
        let end = || Stdio::from(slave.try_clone().expect("dup"));
        command.stdin(end()).stdout(end()).stderr(end());
        // SAFETY: two system calls without arguments of this process's memory.
        unsafe {
            command.pre_exec(|| {
                libc::setsid();
                libc::ioctl(0, libc::TIOCSCTTY, 0);
                Ok(())
            });
        }
        let process = command.spawn().expect("the shim");
        let marker = format!("AGENTD_RUN=shim-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self { dir, socket, process, master: Some(master), output: Vec::new(), marker, run: 0 }
    }

    pub fn pid(&self) -> i32 {
        i32::try_from(self.process.id()).expect("a pid")
    }

    /// An order to run `argv`, with a path and this test's marker in the environment.
    pub fn order<S: AsRef<OsStr>>(&mut self, argv: impl IntoIterator<Item = S>) -> Start {
        self.run += 1;
        let bytes = |text: S| text.as_ref().as_encoded_bytes().to_vec();
        Start {
            run: self.run,
            hold: false,
            memo: format!("memo {}", self.run).into_bytes(),
            line: String::new(),
            workdir: self.dir.path().as_os_str().as_encoded_bytes().to_vec(),
            argv: argv.into_iter().map(bytes).collect(),
            env: vec![
                b"PATH=/usr/local/bin:/usr/bin:/bin".to_vec(),
                format!("T={}", self.dir.path().display()).into_bytes(),
                self.marker.clone().into_bytes(),
            ],
            notify: vec![],
            before: vec![],
            filter: vec![],
        }
    }

    pub fn script(&mut self, text: &str) -> Start {
        self.order(["sh", "-c", text])
    }

    /// Starts a script; the run's number and pid.
    pub fn start(&mut self, link: &mut Link, text: &str) -> (u64, u32) {
        let start = self.script(text);
        let run = start.run;
        link.send(&Order::Start(start));
        (run, link.started())
    }

    /// Runs a script to its end.
    #[track_caller]
    pub fn run_script(&mut self, link: &mut Link, text: &str) -> Ended {
        self.start(link, text);
        let ended = link.ended();
        link.tree_empty_after(&ended);
        ended
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A pipe in the file system: opening it waits for the other side, so that it is an event for both.
    pub fn fifo(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("mkfifo");
        path
    }

    pub fn type_in(&mut self, bytes: &[u8]) {
        self.master.as_mut().expect("a terminal").write_all(bytes).expect("typed");
    }

    /// Waits until the terminal has been sent this, and forgets what came up to it.
    #[track_caller]
    pub fn shows(&mut self, wanted: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.output.windows(wanted.len()).position(|part| part == wanted) {
                return self.output.drain(..at + wanted.len()).collect();
            }
            let master = self.master.as_mut().expect("a terminal");
            let seen = String::from_utf8_lossy(&self.output).into_owned();
            wait_readable(master.as_raw_fd(), &format!("{:?} after {seen:?}", String::from_utf8_lossy(wanted)));
            let mut bytes = [0; 4096];
            let count = master.read(&mut bytes).expect("output");
            self.output.extend_from_slice(&bytes[..count]);
        }
    }

    pub fn mode(&self) -> libc::termios {
        let master = self.master.as_ref().expect("a terminal");
        // SAFETY: writes to a local that is valid when all zeros.
        unsafe {
            let mut mode = std::mem::zeroed();
            assert_eq!(libc::tcgetattr(master.as_raw_fd(), &raw mut mode), 0);
            mode
        }
    }

    pub fn foreground(&self) -> i32 {
        // SAFETY: integers only.
        unsafe { libc::tcgetpgrp(self.master.as_ref().expect("a terminal").as_raw_fd()) }
    }

    /// Waits for the shim's end.
    #[track_caller]
    pub fn exited(&mut self) -> ExitStatus {
        wait_gone(self.pid());
        self.process.wait().expect("waited")
    }

    /// The processes that this test's agents left.
    pub fn left_over(&self) -> Vec<u32> {
        agentd::sys::process::find_by_marker(self.marker.as_bytes()).expect("a scan")
    }
}

impl Drop for Shim {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        loop {
            let left = self.left_over();
            if left.is_empty() {
                return;
            }
            for pid in left {
                kill(i32::try_from(pid).expect("a pid"), libc::SIGKILL);
                wait_gone(i32::try_from(pid).expect("a pid"));
            }
        }
    }
}

fn open_pty() -> (File, OwnedFd) {
    let (mut master, mut slave) = (-1, -1);
    let size = libc::winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: writes two new descriptors to locals, which are then owned once.
    unsafe {
        let null = std::ptr::null_mut();
        assert_eq!(libc::openpty(&raw mut master, &raw mut slave, null, null.cast(), (&raw const size).cast_mut()), 0);
        libc::fcntl(master, libc::F_SETFD, libc::FD_CLOEXEC);
        libc::fcntl(slave, libc::F_SETFD, libc::FD_CLOEXEC);
        (File::from_raw_fd(master), OwnedFd::from_raw_fd(slave))
    }
}

pub fn kill(pid: i32, signal: i32) {
    // SAFETY: integers only.
    unsafe { libc::kill(pid, signal) };
}

#[track_caller]
pub fn wait_readable(fd: i32, what: &str) {
    let mut slot = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let millis = i32::try_from(DEADLINE.as_millis()).expect("fits");
    // SAFETY: one record, a local.
    let ready = unsafe { libc::poll(&raw mut slot, 1, millis) };
    assert!(ready == 1, "waited in vain for {what}");
}

/// Waits for a process's end, which need not be a child.
#[track_caller]
pub fn wait_gone(pid: i32) {
    // SAFETY: integers only; the descriptor is new.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    if let Ok(fd @ 0..) = i32::try_from(fd) {
        // SAFETY: as above.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        wait_readable(fd.as_raw_fd(), &format!("the end of {pid}"));
    }
}

/// For what has no event of its own: looks again until it holds.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::yield_now();
    }
}

pub fn is_alive(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
    !matches!(state, Some('Z' | 'X') | None)
}

/// A program's arguments, NUL between them, from a file that a helper wrote.
pub fn lines(path: &Path) -> VecDeque<OsString> {
    use std::os::unix::ffi::OsStringExt;
    let bytes = std::fs::read(path).expect("the helper's file");
    let mut parts: VecDeque<_> = bytes.split(|b| *b == 0).map(|p| OsString::from_vec(p.to_vec())).collect();
    parts.pop_back();
    parts
}

/// What somebody wrote to a fifo; waits for it. A program that opens it to write waits in turn.
#[track_caller]
pub fn heard(fifo: &Path) -> String {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(fifo).expect("fifo");
    wait_readable(file.as_raw_fd(), "a word in the fifo");
    // SAFETY: integers only.
    unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFL, 0) };
    let mut text = String::new();
    file.read_to_string(&mut text).expect("text");
    text.trim_end().to_owned()
}
