//! Processes that aren't children: who they are, what descends from them, when they end, and how to kill those that
//! share nothing but a mark in their environment.
//!
//! A pid alone may be somebody else's by the time it is used: what signals a process opens its pidfd first, then checks
//! that it is the one that is meant.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::Interest;

use super::read_file::is_of_the_moment;

/// asm-generic/socket.h; the crate doesn't have it.
const SO_PEERPIDFD: libc::c_int = 77;

/// A process, however its pid is used later.
#[derive(Debug)]
pub struct PidFd(OwnedFd);

impl PidFd {
    /// Opens a process by its pid.
    #[allow(unsafe_code)]
    pub fn open(pid: u32) -> io::Result<Self> {
        // SAFETY: integers only; the descriptor is new, close-on-exec, and owned once.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, raw_pid(pid)?, 0) };
        // SAFETY: as above.
        unsafe { super::fd::own(fd) }.map(Self)
    }

    /// The process at the other end of a connected Unix socket, which said on connecting that its pid is `pid`.
    #[allow(unsafe_code)]
    pub fn of_peer(socket: BorrowedFd<'_>, pid: u32) -> io::Result<Self> {
        let mut fd: libc::c_int = -1;
        let mut length = libc::socklen_t::try_from(size_of_val(&fd)).unwrap_or(0);
        let socket = socket.as_raw_fd();
        // SAFETY: writes at most `length` bytes to a local of that size; the descriptor is borrowed for the call.
        let result =
            unsafe { libc::getsockopt(socket, libc::SOL_SOCKET, SO_PEERPIDFD, (&raw mut fd).cast(), &raw mut length) };
        if result == 0 {
            // SAFETY: the kernel has just made this descriptor, close-on-exec, for us.
            return unsafe { super::fd::own(fd.into()) }.map(Self);
        }
        // Kernels before 6.5: the pid is that of a process which is connected, unless it ended meanwhile.
        Self::open(pid)
    }

    /// Sends a signal; see [`is_gone`] for one that has ended.
    #[allow(unsafe_code)]
    pub fn signal(&self, signal: i32) -> io::Result<()> {
        // SAFETY: a descriptor that is borrowed for the call, integers, and a null pointer, which stands for the default.
        let sent = unsafe {
            let default = std::ptr::null::<libc::siginfo_t>();
            libc::syscall(libc::SYS_pidfd_send_signal, self.0.as_raw_fd(), signal, default, 0)
        };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Waits for its end. A zombie has ended. Cancel-safe.
    pub async fn ended(&self) -> io::Result<()> {
        // Registered for the wait only: a pidfd that is closed while a fork still shares it would leave events behind.
        let spare;
        let registered = match super::fd::watch(self.0.as_fd(), Interest::READABLE) {
            // Somebody else waits as well, and a descriptor is registered but once.
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {
                spare = self.0.try_clone()?;
                super::fd::watch(spare.as_fd(), Interest::READABLE)?
            }
            registered => registered?,
        };
        registered.readable().await.map(drop)
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> io::Result<bool> {
        Self::one_ends(&[self], Duration::ZERO)
    }

    /// Blocks until one of them has ended, but no longer than this; whether one has.
    pub fn one_ends(processes: &[&Self], within: Duration) -> io::Result<bool> {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        let mut slots: Vec<_> =
            processes.iter().map(|process| PollFd::new(process.0.as_fd(), PollFlags::POLLIN)).collect();
        match poll(&mut slots, PollTimeout::try_from(within).unwrap_or(PollTimeout::MAX)) {
            Err(nix::errno::Errno::EINTR) => Ok(false),
            ended => Ok(ended? > 0),
        }
    }
}

/// Whether an error of [`PidFd::open`] or [`PidFd::signal`] says that the process has ended.
pub fn is_gone(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ESRCH)
}

/// The parent of a process, and when it was started, in clock ticks since boot: a pid and its start time are one process
/// for good.
pub fn ppid_and_start_time(pid: u32) -> io::Result<(u32, u64)> {
    let stat = std::fs::read(format!("/proc/{pid}/stat"))?;
    parse_stat(&stat).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

/// The fields of /proc/PID/stat from the third, the state, on: behind the name, which may hold anything, parentheses too.
pub(super) fn fields_from_state(stat: &[u8]) -> Option<std::str::SplitAsciiWhitespace<'_>> {
    let name_end = stat.iter().rposition(|byte| *byte == b')')?;
    Some(std::str::from_utf8(stat.get(name_end + 1..)?).ok()?.split_ascii_whitespace())
}

fn parse_stat(stat: &[u8]) -> Option<(u32, u64)> {
    let mut fields = fields_from_state(stat)?;
    // Fields 4 and 22 as proc(5) counts them.
    let parent = fields.nth(1)?.parse().ok()?;
    let start_time = fields.nth(17)?.parse().ok()?;
    Some((parent, start_time))
}

/// All processes that descend from one, itself left out.
pub fn descendants(pid: u32) -> io::Result<Vec<u32>> {
    let parents: Vec<(u32, u32)> = all()?.filter_map(|pid| Some((pid, ppid_and_start_time(pid).ok()?.0))).collect();
    let mut found = Vec::new();
    let mut next = vec![pid];
    while let Some(parent) = next.pop() {
        let children: Vec<u32> = parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid).collect();
        found.extend_from_slice(&children);
        next.extend(children);
    }
    Ok(found)
}

/// The processes with exactly this entry (`NAME=value`) in the environment that they were executed with. Those that
/// this process may not look into are left out.
pub fn find_by_marker(marker: &[u8]) -> io::Result<Vec<u32>> {
    all_that(|pid| has_marker(pid, marker))
}

fn has_marker(pid: u32, marker: &[u8]) -> io::Result<bool> {
    Ok(environ(pid)?.split(|byte| *byte == 0).any(|entry| entry == marker))
}

/// What a process was executed with; nothing of one that is gone or can't be looked at. An error is a want of the moment.
pub(super) fn environ(pid: u32) -> io::Result<Vec<u8>> {
    match std::fs::read(format!("/proc/{pid}/environ")) {
        Err(error) if is_of_the_moment(&error) => Err(error),
        environ => Ok(environ.unwrap_or_default()),
    }
}

/// Between two looks for want of something.
const BREATH: Duration = Duration::from_millis(50);

/// What [`kill_all`] did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sweep {
    /// How many it killed.
    pub killed: usize,
    /// Those that this process may not kill.
    pub refused: Vec<u32>,
}

/// Kills all processes with this entry in their environment.
pub async fn kill_by_marker(marker: &[u8]) -> io::Result<Sweep> {
    let marker = marker.to_vec();
    kill_all(move |pid| has_marker(pid, &marker)).await
}

/// Kills all processes that are meant, again and again until none is left, as they may fork meanwhile. One that can't die (in
/// a hung file system) has it wait, and so has a want of descriptors: who can't be looked at for that is not gone. Give it a
/// deadline. Cancel-safe.
pub async fn kill_all(is_meant: impl Fn(u32) -> io::Result<bool> + Send + Sync + 'static) -> io::Result<Sweep> {
    let is_meant = Arc::new(is_meant);
    let mut sweep = Sweep::default();
    loop {
        match kill_found(&is_meant, &mut sweep).await {
            Ok(0) => return Ok(sweep),
            Ok(killed) => sweep.killed = sweep.killed.saturating_add(killed),
            Err(error) if is_of_the_moment(&error) => tokio::time::sleep(BREATH).await,
            Err(error) => return Err(error),
        }
    }
}

/// Kills all that there are now, and waits for their end. An error that is of the moment says that there may be more.
async fn kill_found(
    is_meant: &Arc<impl Fn(u32) -> io::Result<bool> + Send + Sync + 'static>,
    sweep: &mut Sweep,
) -> io::Result<usize> {
    let mut dying = Vec::new();
    let mut want = None;
    for pid in scan(Arc::clone(is_meant)).await? {
        if sweep.refused.contains(&pid) {
            continue;
        }
        // Once it is held, the pid can't become another process's any more.
        let process = match PidFd::open(pid).and_then(|process| Ok(is_meant(pid)?.then_some(process))) {
            Ok(Some(process)) => process,
            Err(error) if is_of_the_moment(&error) => {
                want = Some(error);
                continue;
            }
            Ok(None) | Err(_) => continue,
        };
        match process.signal(libc::SIGKILL) {
            Ok(()) => dying.push(process),
            Err(error) if is_gone(&error) => {}
            Err(_) => sweep.refused.push(pid),
        }
    }
    let killed = dying.len();
    for process in dying {
        process.ended().await?;
    }
    match want {
        Some(error) if killed == 0 => Err(error),
        Some(_) | None => Ok(killed),
    }
}

/// Waits until a process has ended by itself; kills it after `patience`, and waits on.
pub async fn wait_or_kill(process: &PidFd, patience: Duration) -> io::Result<()> {
    if let Ok(ended) = tokio::time::timeout(patience, process.ended()).await {
        return ended;
    }
    match process.signal(libc::SIGKILL) {
        Err(error) if !is_gone(&error) => Err(error),
        Ok(()) | Err(_) => process.ended().await,
    }
}

/// Tens of milliseconds on a machine with a thousand processes: not on the loop's thread, unless there is no other. Who took
/// them all may be among those that are meant.
async fn scan(is_meant: Arc<impl Fn(u32) -> io::Result<bool> + Send + Sync + 'static>) -> io::Result<Vec<u32>> {
    let find = move || all_that(&*is_meant);
    match super::blocking::run(find.clone()).await {
        Err(error) if is_of_the_moment(&error) => find(),
        found => found?,
    }
}

fn all_that(is_meant: impl Fn(u32) -> io::Result<bool>) -> io::Result<Vec<u32>> {
    all()?.map(|pid| Ok(is_meant(pid)?.then_some(pid))).filter_map(Result::transpose).collect()
}

pub(super) fn all() -> io::Result<impl Iterator<Item = u32>> {
    let names = std::fs::read_dir("/proc")?.filter_map(Result::ok).map(|entry| entry.file_name());
    Ok(names.filter_map(|name| name.to_str()?.parse().ok()))
}

fn raw_pid(pid: u32) -> io::Result<libc::pid_t> {
    libc::pid_t::try_from(pid).map_err(|_| io::Error::from_raw_os_error(libc::ESRCH))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests' children")]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_name_can_not_forge_the_fields_behind_it() {
        let stat = b"42 (a) R 1 2) S 7 42 42 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 12345 0 0";
        assert_eq!(parse_stat(stat), Some((7, 12345)));
        assert_eq!(parse_stat(b"42 (a"), None);
        assert_eq!(parse_stat(b""), None);
    }

    #[test]
    fn children_are_found_with_their_parent_and_start() {
        let mut child = Command::new("sleep").arg("1000").spawn().expect("sleep");
        let (parent, start) = ppid_and_start_time(child.id()).expect("stat");
        let found = descendants(std::process::id()).expect("scan");
        child.kill().expect("killed");
        child.wait().expect("waited");
        assert_eq!(parent, std::process::id());
        assert!(start > 0);
        assert!(found.contains(&child.id()));
    }

    #[tokio::test]
    async fn a_pidfd_tells_of_the_end() {
        let mut child = Command::new("sleep").arg("1000").spawn().expect("sleep");
        let process = PidFd::open(child.id()).expect("pidfd");
        assert!(!process.has_ended().expect("poll"));
        process.signal(libc::SIGTERM).expect("sent");
        process.ended().await.expect("ended");
        assert!(process.has_ended().expect("poll"));
        child.wait().expect("waited");
        assert_eq!(process.signal(0).expect_err("gone").raw_os_error(), Some(libc::ESRCH));
    }

    #[tokio::test]
    async fn a_pidfd_tells_everybody_who_waits() {
        let mut child = Command::new("sleep").arg("1000").spawn().expect("sleep");
        let process = PidFd::open(child.id()).expect("pidfd");
        let kill = async { process.signal(libc::SIGKILL) };
        let (first, second, sent) = tokio::join!(process.ended(), process.ended(), kill);
        child.wait().expect("waited");
        first.and(second).and(sent).expect("both waited");
    }

    #[tokio::test]
    async fn everything_with_the_marker_dies_and_nothing_else() {
        let value = format!("sweep-{}", std::process::id());
        let marker = format!("AGENTD_RUN={value}");
        // It ignores signals, leaves its session, and has a child.
        let script = "trap '' TERM INT HUP; setsid sleep 1000 & sleep 1000";
        let mut family = Command::new("sh").args(["-c", script]).env("AGENTD_RUN", &value).spawn().expect("sh");
        let mut other = Command::new("sleep").arg("1000").env("AGENTD_RUN", value + "0").spawn().expect("sleep");
        let sweep = kill_by_marker(marker.as_bytes()).await.expect("sweep");
        let left = find_by_marker(marker.as_bytes()).expect("scan");
        let other_lives = other.try_wait().expect("waited").is_none();
        other.kill().expect("killed");
        other.wait().expect("waited");
        family.wait().expect("waited");
        assert!(sweep.killed >= 1 && sweep.refused.is_empty(), "{sweep:?}");
        assert_eq!(left, Vec::<u32>::new());
        assert!(other_lives);
    }
}
