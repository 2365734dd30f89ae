//! Owning what a system call returned.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

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
