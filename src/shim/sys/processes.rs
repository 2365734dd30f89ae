//! fork, exec, wait and kill.

use std::ffi::CString;
use std::io;

use super::{check, empty_set, now};

/// Which side of a fork this is.
pub(in crate::shim) enum Forked {
    /// The new process.
    Child,
    /// The old one, and the new one's pid.
    Parent(i32),
}

/// Copies this process.
pub(in crate::shim) fn fork() -> io::Result<Forked> {
    // SAFETY: the shim has one thread, so the copy holds no lock that another thread would have had to release, and may
    // do everything that the original may.
    match check(unsafe { libc::fork() })? {
        0 => Ok(Forked::Child),
        pid => Ok(Forked::Parent(pid)),
    }
}

/// Replaces this process by a program. Returns only if that failed, with the error.
pub(in crate::shim) fn execve(program: &CString, argv: &[CString], env: &[CString]) -> io::Error {
    let pointers = |strings: &[CString]| {
        let ends = std::iter::once(std::ptr::null());
        strings.iter().map(|string| string.as_ptr()).chain(ends).collect::<Vec<_>>()
    };
    let (argv, env) = (pointers(argv), pointers(env));
    // SAFETY: both arrays end with a null pointer and point to C strings that are borrowed for the call.
    unsafe { libc::execve(program.as_ptr(), argv.as_ptr(), env.as_ptr()) };
    io::Error::last_os_error()
}

/// Ends this process without any cleaning up: for a child that shares its parent's state.
pub(in crate::shim) fn exit_now(status: i32) -> ! {
    // SAFETY: integers only; nothing of this process runs after it.
    unsafe { libc::_exit(status) }
}

/// Kills this process when its parent ends.
pub(in crate::shim) fn set_death_signal() {
    // SAFETY: integers only.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
}

/// Every signal does its default, and none is blocked.
pub(in crate::shim) fn default_signals() {
    let set = empty_set();
    // What the kernel takes is no larger, on any architecture; all zeros is the default action.
    let default = [0_u64; 8];
    // SAFETY: the default actions run no code of this process; those that can't be set are refused. The record and the
    // set are locals. Not by libc's own function, which refuses the two signals that it keeps for itself, and which
    // somebody may have left ignored.
    unsafe {
        for signal in 1..=64 {
            let old = std::ptr::null_mut::<u64>();
            libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), old, size_of::<u64>());
        }
        libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
    }
}

/// Closes all descriptors from `first` to `last`. Kernels before 5.9 can't; there they close at the exec.
pub(in crate::shim) fn close_from(first: i32, last: i32) {
    if let (Ok(first), Ok(last)) = (libc::c_uint::try_from(first), libc::c_uint::try_from(last))
        && first <= last
    {
        // SAFETY: its callers own every descriptor in the range, or run where nothing else uses them any more: at the
        // start of the program, and in a child before its exec.
        unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    }
}

/// What a process and the children that it waited for have used.
#[derive(Clone, Copy, Default)]
pub(in crate::shim) struct Usage {
    /// User and system time, microseconds.
    pub cpu_micros: u64,
    /// Largest resident set of any of them, KiB.
    pub max_rss_kib: u64,
}

/// What there was to wait for.
pub(in crate::shim) enum Waited {
    /// No child changed.
    Nothing,
    /// There is no child, alive or dead.
    NoChildren,
    /// This child ended or stopped.
    Changed(i32, i32, Usage),
}

/// Takes the next change of any child's state, without blocking.
pub(in crate::shim) fn wait_any() -> Waited {
    let mut status = 0;
    // SAFETY: all zeros is a valid record, and it and the status are locals.
    let (pid, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (libc::wait4(-1, &raw mut status, libc::WNOHANG | libc::WUNTRACED, &raw mut usage), usage)
    };
    match pid {
        0 => Waited::Nothing,
        1.. => {
            let part = |value: i64| u64::try_from(value).unwrap_or(0);
            let micros = |time: libc::timeval| part(time.tv_sec).saturating_mul(1_000_000) + part(time.tv_usec);
            let cpu_micros = micros(usage.ru_utime).saturating_add(micros(usage.ru_stime));
            Waited::Changed(pid, status, Usage { cpu_micros, max_rss_kib: part(usage.ru_maxrss) })
        }
        // With WNOHANG there is no error but ECHILD.
        _ => Waited::NoChildren,
    }
}

/// Waits for a child to end, for so many nanoseconds at most. SIGCHLD has to be blocked. Whether it has ended.
pub(in crate::shim) fn wait_for(pid: i32, most: u64) -> bool {
    let until = now().saturating_add(most);
    let mut set = empty_set();
    // SAFETY: the set and the time are locals, and the status is not asked for.
    unsafe {
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        while libc::waitpid(pid, std::ptr::null_mut(), libc::WNOHANG) == 0 {
            let left = until.saturating_sub(now());
            if left == 0 {
                return false;
            }
            let part = |value: u64| i64::try_from(value).unwrap_or(0);
            let time = libc::timespec { tv_sec: part(left / 1_000_000_000), tv_nsec: part(left % 1_000_000_000) };
            libc::sigtimedwait(&raw const set, std::ptr::null_mut(), &raw const time);
        }
    }
    true
}

/// Sends a signal to a process, or to the process group `-pid`. 0 and -1 have meanings that the shim never wants.
pub(in crate::shim) fn kill(pid: i32, signal: i32) {
    if pid.unsigned_abs() > 1 {
        // SAFETY: integers only. Who can't be signalled is not the shim's to handle.
        unsafe { libc::kill(pid, signal) };
    }
}

/// A process's group.
pub(in crate::shim) fn group_of(pid: i32) -> Option<i32> {
    // SAFETY: integers only.
    check(unsafe { libc::getpgid(pid) }).ok()
}

/// This process's group.
pub(in crate::shim) fn own_group() -> i32 {
    // SAFETY: no arguments.
    unsafe { libc::getpgrp() }
}

/// Makes a process the leader of a group of its own; 0 is this process. It fails once that process has executed, which
/// then has done so itself.
pub(in crate::shim) fn set_group(pid: i32) {
    // SAFETY: integers only.
    unsafe { libc::setpgid(pid, pid) };
}
