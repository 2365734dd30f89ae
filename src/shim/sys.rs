//! The shim's system calls, each behind a safe function: the only `unsafe` of the shim.
//!
//! What makes most of them safe is the same: they take integers, or pointers to locals that outlive the call, and touch
//! no other memory of this process. Where there is more to it, it is said. Descriptors come back owned and close-on-exec.
#![allow(unsafe_code)]

mod processes;
mod terminal;

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

pub(super) use processes::{
    Forked, Usage, Waited, close_from, default_signals, execve, exit_now, fork, group_of, kill, own_group,
    set_death_signal, set_group, wait_any, wait_for,
};
pub(super) use terminal::{
    Mode, columns, flush_input, get_mode, resume_output, set_blocking, set_foreground, set_mode,
};

/// `CLOCK_MONOTONIC`, nanoseconds.
pub(super) fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to a local.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    let part = |value: i64| u64::try_from(value).unwrap_or(0);
    part(time.tv_sec).saturating_mul(1_000_000_000).saturating_add(part(time.tv_nsec))
}

/// Orphans of the tree become children of this process; nobody but root may look into its memory.
pub(super) fn adopt_orphans_and_hide() {
    // SAFETY: integers only.
    unsafe {
        libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
        libc::prctl(libc::PR_SET_DUMPABLE, 0);
    }
}

/// Gives freed memory back to the system, as this process stays for long and small.
pub(super) fn trim_memory() {
    // SAFETY: touches only memory that the allocator owns and nobody uses. musl has no such call and needs none.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Makes a descriptor number of a program that is about to be executed mean another file, there too.
pub(super) fn replace(number: i32, by: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: integers only; the one that is closed is 0 or 1, which nothing here owns.
    check(unsafe { libc::dup2(by.as_raw_fd(), number) }).map(drop)
}

/// Waits for ever; any signal with its default action ends it.
pub(super) fn pause() -> ! {
    loop {
        // SAFETY: no arguments.
        unsafe { libc::pause() };
    }
}

/// What woke the shim, summed up since the last look.
#[derive(Default)]
pub(super) struct Signals {
    /// A child changed its state.
    pub child: bool,
    /// The shim must go: its terminal is gone, or somebody asks it to.
    pub leave: bool,
    /// A watched directory changed.
    pub directory: bool,
}

/// Ignores what the terminal sends to its foreground, and routes what the shim waits for into a descriptor.
pub(super) fn route_signals() -> io::Result<File> {
    let mut set = empty_set();
    // SAFETY: changes dispositions to the two that run no code of ours, and a local set.
    unsafe {
        for signal in [libc::SIGINT, libc::SIGQUIT, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU, libc::SIGPIPE] {
            libc::signal(signal, libc::SIG_IGN);
        }
        // An ignored SIGCHLD, inherited, would have the kernel throw the statuses away.
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        for signal in [libc::SIGCHLD, libc::SIGHUP, libc::SIGTERM, libc::SIGIO] {
            libc::sigaddset(&raw mut set, signal);
        }
        check(libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut()))?;
        own(libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)).map(File::from)
    }
}

/// Everything that is pending on the descriptor of [`route_signals`].
pub(super) fn pending_signals(signals: &mut File) -> Signals {
    let mut found = Signals::default();
    let mut record = [0_u8; size_of::<libc::signalfd_siginfo>()];
    while io::Read::read(signals, &mut record).is_ok_and(|count| count == record.len()) {
        // The number is the first field of the record.
        let number = record.first_chunk::<4>().map_or(0, |number| i32::from_ne_bytes(*number));
        match number {
            libc::SIGCHLD => found.child = true,
            libc::SIGHUP | libc::SIGTERM => found.leave = true,
            libc::SIGIO => found.directory = true,
            _ => {}
        }
    }
    found
}

fn empty_set() -> libc::sigset_t {
    // SAFETY: all zeros is a valid set, and sigemptyset makes it the empty one.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        set
    }
}

/// Something to wait for.
pub(super) struct Interest<'a> {
    /// Where; nothing if absent.
    pub fd: Option<BorrowedFd<'a>>,
    /// For room to write, else for something to read. A hangup is always waited for.
    pub write: bool,
    /// For something to read.
    pub read: bool,
}

/// What happened there.
#[derive(Clone, Copy, Default)]
pub(super) struct Ready {
    /// There is something to read, an end or an error.
    pub read: bool,
    /// There is room.
    pub write: bool,
    /// The other side is gone.
    pub hangup: bool,
}

/// Waits until something happens at one of them, or for this many milliseconds; -1 is for ever.
pub(super) fn poll<const N: usize>(interests: &[Interest<'_>; N], timeout: i32) -> [Ready; N] {
    let mut fds = [libc::pollfd { fd: -1, events: 0, revents: 0 }; N];
    for (slot, interest) in fds.iter_mut().zip(interests) {
        slot.fd = interest.fd.map_or(-1, |fd| fd.as_raw_fd());
        slot.events = if interest.read { libc::POLLIN } else { 0 } | if interest.write { libc::POLLOUT } else { 0 };
    }
    let count = libc::nfds_t::try_from(N).unwrap_or(0);
    // SAFETY: `fds` is a local of `count` records; the descriptors are borrowed for the call.
    if unsafe { libc::poll(fds.as_mut_ptr(), count, timeout) } <= 0 {
        return [Ready::default(); N];
    }
    let gone = libc::POLLHUP | libc::POLLERR | libc::POLLNVAL;
    fds.map(|slot| Ready {
        read: slot.revents & (libc::POLLIN | gone) != 0,
        write: slot.revents & libc::POLLOUT != 0,
        hangup: slot.revents & gone != 0,
    })
}

/// A connection to a Unix stream socket, not blocking. `EAGAIN`: its queue of connections is full.
pub(super) fn connect(path: &Path) -> io::Result<File> {
    let bytes = path.as_os_str().as_bytes();
    // SAFETY: all zeros is a valid address, of no path.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::sa_family_t::try_from(libc::AF_UNIX).unwrap_or(1);
    if bytes.len() >= address.sun_path.len() {
        return Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG));
    }
    for (to, from) in address.sun_path.iter_mut().zip(bytes) {
        *to = libc::c_char::from_ne_bytes([*from]);
    }
    let length = libc::socklen_t::try_from(size_of_val(&address)).unwrap_or(0);
    // SAFETY: the address is a local of that length.
    unsafe {
        let socket = own(libc::socket(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK, 0))?;
        check(libc::connect(socket.as_raw_fd(), (&raw const address).cast(), length))?;
        Ok(File::from(socket))
    }
}

/// Has SIGIO sent whenever something appears or goes in a directory, for as long as the directory's descriptor is open.
pub(super) fn notify_of_changes(directory: &File) -> io::Result<()> {
    // DN_CREATE, DN_DELETE, DN_RENAME and DN_MULTISHOT (the sign bit), which the crate doesn't have.
    let events = 0x04 | 0x08 | 0x10 | i32::MIN;
    // SAFETY: integers only.
    check(unsafe { libc::fcntl(directory.as_raw_fd(), libc::F_NOTIFY, events) }).map(drop)
}

/// An inotify descriptor without watches.
pub(super) fn inotify() -> io::Result<OwnedFd> {
    // SAFETY: integers only; the descriptor is new.
    unsafe { own(libc::inotify_init1(libc::IN_CLOEXEC | libc::IN_NONBLOCK)) }
}

/// Watches a directory for what appears in it, and for its own end.
pub(super) fn inotify_add(inotify: &OwnedFd, directory: &CStr) -> io::Result<()> {
    let events = libc::IN_CREATE | libc::IN_MOVED_TO | libc::IN_DELETE_SELF | libc::IN_MOVE_SELF | libc::IN_ONLYDIR;
    // SAFETY: the path is a C string that outlives the call.
    check(unsafe { libc::inotify_add_watch(inotify.as_raw_fd(), directory.as_ptr(), events) }).map(drop)
}

/// A path as the kernel takes it.
pub(super) fn c_path(path: &OsStr) -> io::Result<std::ffi::CString> {
    std::ffi::CString::new(path.as_bytes()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}

/// The result of a call that says -1 for an error.
fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Takes a descriptor that a call has just returned.
///
/// # Safety
/// `fd` is negative, or a descriptor that nothing else owns.
unsafe fn own(fd: i32) -> io::Result<OwnedFd> {
    // SAFETY: the caller's promise.
    check(fd).map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
}
