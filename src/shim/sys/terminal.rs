//! The terminal's own calls.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use super::check;

/// A terminal's modes: how the kernel handles what is typed and printed.
#[derive(Clone, Copy)]
pub(in crate::shim) struct Mode(libc::termios);

impl Mode {
    /// The same without echo, with nothing typed having any effect on the output, and that left as it is written.
    pub(in crate::shim) fn silent(mut self) -> Self {
        self.0.c_iflag &= !libc::IXON;
        self.0.c_oflag &= !libc::OPOST;
        self.0.c_lflag &= !(libc::ECHO | libc::ECHOE | libc::ECHOK | libc::ECHONL);
        self
    }
}

/// The modes now.
pub(in crate::shim) fn get_mode(terminal: &impl AsFd) -> io::Result<Mode> {
    // SAFETY: all zeros is a valid record, a local.
    unsafe {
        let mut mode = std::mem::zeroed();
        check(libc::tcgetattr(terminal.as_fd().as_raw_fd(), &raw mut mode))?;
        Ok(Mode(mode))
    }
}

/// Sets the modes at once.
pub(in crate::shim) fn set_mode(terminal: &impl AsFd, mode: &Mode) {
    // SAFETY: the record is borrowed for the call.
    unsafe { libc::tcsetattr(terminal.as_fd().as_raw_fd(), libc::TCSANOW, &raw const mode.0) };
}

/// Throws away what was typed and not read.
pub(in crate::shim) fn flush_input(terminal: &impl AsFd) {
    // SAFETY: integers only.
    unsafe { libc::tcflush(terminal.as_fd().as_raw_fd(), libc::TCIFLUSH) };
}

/// Ends a pause of the output, as C-s begins it.
pub(in crate::shim) fn resume_output(terminal: &impl AsFd) {
    // SAFETY: integers only.
    unsafe { libc::tcflow(terminal.as_fd().as_raw_fd(), libc::TCOON) };
}

/// Puts a group into the foreground: it may read, and gets what C-c sends.
pub(in crate::shim) fn set_foreground(terminal: &impl AsFd, group: i32) {
    // SAFETY: integers only.
    unsafe { libc::tcsetpgrp(terminal.as_fd().as_raw_fd(), group) };
}

/// The width; 0 if it isn't known.
pub(in crate::shim) fn columns(terminal: &impl AsFd) -> u16 {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: writes to a local.
    unsafe { libc::ioctl(terminal.as_fd().as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    size.ws_col
}

/// Has descriptors 0, 1 and 2 block again. They share this state with all programs that ran here, and some (node) leave
/// them not blocking.
pub(in crate::shim) fn set_blocking() {
    for fd in 0..=2 {
        // SAFETY: integers only; a closed descriptor is an error and stays one.
        unsafe {
            let flags = libc::fcntl(fd, libc::F_GETFL);
            if flags >= 0 && flags & (libc::O_NONBLOCK | libc::O_ASYNC) != 0 {
                libc::fcntl(fd, libc::F_SETFL, flags & !(libc::O_NONBLOCK | libc::O_ASYNC));
            }
        }
    }
}
