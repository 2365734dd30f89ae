//! Owning a descriptor that a system call returned, and watching one.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Takes the result of a system call that returns a new descriptor, or -1 and an errno.
///
/// # Safety
/// `result` comes directly from such a call: it is negative, or a descriptor that nothing else owns.
pub(super) unsafe fn own(result: libc::c_long) -> io::Result<OwnedFd> {
    match i32::try_from(result) {
        // SAFETY: the caller's promise.
        Ok(fd @ 0..) => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        Ok(_) | Err(_) => Err(io::Error::last_os_error()),
    }
}

/// Has the runtime watch a descriptor, for as long as the result lives. Needs a tokio runtime.
pub(super) fn watch(fd: BorrowedFd<'_>, interest: Interest) -> io::Result<AsyncFd<BorrowedFd<'_>>> {
    // SAFETY: a borrowed descriptor is open and the same for its whole lifetime, which the result can't outlive.
    Ok(unsafe { AsyncFd::register_with_interest(fd, interest) }?)
}
