//! The floors: the least that each kind of work costs on this machine, by programs that do nothing else. Each is this
//! benchmark's own executable, told by `$FLEET_FLOOR` what to be.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ffi::CString;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::signal::Signal;
use nix::sys::signalfd::{SfdFlags, SigSet, SignalFd};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use crate::ground::{Ground, kill};
use crate::supervisors::Supervisor;

/// A supervisor of a hundred lines: waits by pidfd, starts again at once, in a terminal of its own or with no terminal.
pub struct Floor {
    kind: &'static str,
    process: Option<Child>,
    count: usize,
}

impl Floor {
    /// `forkpty` or `spawn`.
    pub fn new(kind: &'static str) -> Self {
        Self { kind, process: None, count: 0 }
    }
}

impl Supervisor for Floor {
    fn name(&self) -> &'static str {
        self.kind
    }

    fn declare(&mut self, _: &Ground, count: usize) {
        self.count = count;
    }

    fn launch(&mut self, ground: &Ground) {
        let [child, stamps, _] = ground.words(0);
        let mut command = ground.command(std::env::current_exe().unwrap());
        command.env("FLEET_FLOOR", self.kind);
        command.args([child, stamps, self.count.to_string()]).arg(ground.at("work"));
        self.process = Some(command.spawn().unwrap());
    }

    fn process(&mut self) -> &mut Option<Child> {
        &mut self.process
    }

    fn edit(&mut self, ground: &Ground, number: usize, _: usize) {
        fs::write(ground.at("work/.new"), number.to_string()).unwrap();
        fs::set_permissions(ground.at("work/.new"), fs::Permissions::from_mode(0o644)).unwrap();
        fs::rename(ground.at("work/.new"), ground.at("work/edited")).unwrap();
    }
}

/// Is the floor that the environment says, if it says one.
pub fn become_one() -> bool {
    let Some(kind) = std::env::var_os("FLEET_FLOOR") else { return false };
    let words: Vec<String> = std::env::args().skip(1).collect();
    match kind.to_str().unwrap() {
        "http" => crate::http::serve(Path::new(&words[0]), words[1].parse().unwrap()),
        kind => supervise(kind == "forkpty", &words[0], &words[1], words[2].parse().unwrap(), Path::new(&words[3])),
    }
    true
}

const EDITED: u64 = u64::MAX;
const SIGNALLED: u64 = u64::MAX - 1;

struct One {
    pid: u32,
    process: OwnedFd,
    _terminal: Option<OwnedFd>,
}

fn supervise(with_terminal: bool, child: &str, stamps: &str, count: usize, directory: &Path) {
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGTERM);
    mask.thread_block().unwrap();
    let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC).unwrap();
    let edits = Inotify::init(InitFlags::IN_CLOEXEC).unwrap();
    edits.add_watch(directory, AddWatchFlags::IN_MOVED_TO).unwrap();
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
    let watch = |fd: &dyn AsFd, data| epoll.add(fd.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, data)).unwrap();
    watch(&signals, SIGNALLED);
    watch(&edits, EDITED);
    let start = |number: usize| {
        let (pid, terminal) = if with_terminal {
            fork_with_terminal(child, stamps, number)
        } else {
            (Command::new(child).arg(stamps).arg(number.to_string()).spawn().unwrap().id(), None)
        };
        // SAFETY: integers only; the descriptor is new and owned once.
        let process = unsafe {
            use std::os::fd::FromRawFd;
            let fd = libc::syscall(libc::SYS_pidfd_open, pid, 0);
            OwnedFd::from_raw_fd(i32::try_from(fd).unwrap())
        };
        watch(&process, u64::try_from(number).unwrap());
        One { pid, process, _terminal: terminal }
    };
    let mut running: HashMap<usize, One> = (0..count).map(|number| (number, start(number))).collect();
    let mut ends = false;
    while !running.is_empty() {
        let mut events = [EpollEvent::empty(); 64];
        let ready = epoll.wait(&mut events, EpollTimeout::NONE).unwrap();
        for event in &events[..ready] {
            match event.data() {
                SIGNALLED => {
                    signals.read_signal().unwrap();
                    ends = true;
                    for one in running.values() {
                        kill(one.pid, Signal::SIGKILL);
                    }
                }
                EDITED => {
                    edits.read_events().unwrap();
                    let number: usize = fs::read_to_string(directory.join("edited")).unwrap().parse().unwrap();
                    kill(running[&number].pid, Signal::SIGKILL);
                }
                number => {
                    let number = usize::try_from(number).unwrap();
                    let one = running.remove(&number).unwrap();
                    waitpid(Pid::from_raw(i32::try_from(one.pid).unwrap()), None).unwrap();
                    // A fork that has not executed yet shares it, and so a close is not enough.
                    epoll.delete(&one.process).unwrap();
                    drop(one);
                    if !ends {
                        running.insert(number, start(number));
                    }
                }
            }
        }
    }
}

fn fork_with_terminal(child: &str, stamps: &str, number: usize) -> (u32, Option<OwnedFd>) {
    let words = [child, stamps, &number.to_string()].map(|word| CString::new(word).unwrap());
    let mask = SigSet::empty();
    // SAFETY: this process has one thread; the child only sets its mask and executes.
    match unsafe { nix::pty::forkpty(None, None) }.unwrap() {
        nix::pty::ForkptyResult::Child => {
            mask.thread_set_mask().unwrap();
            let _ = nix::unistd::execv(&words[0], &words);
            std::process::exit(127);
        }
        nix::pty::ForkptyResult::Parent { child, master } => {
            nix::fcntl::fcntl(&master, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC)).unwrap();
            (u32::try_from(child.as_raw()).unwrap(), Some(master))
        }
    }
}
