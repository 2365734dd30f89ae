//! The pane's terminal between two runs: sane again, quiet, and with a line on what happened.
//!
//! It is written through a descriptor of the shim's own that never blocks: an operator's C-s, or a tmux that doesn't read,
//! must not keep the shim from reporting an exit.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;

use super::sys::{self, Mode};

/// Undoes what a full-screen program may have left behind when it died.
///
/// In this order: CAN, which ends an escape sequence that was cut short; into the alternate screen and out of it, since
/// leaving it without being in it would move the cursor to where it was when it was last entered; the scroll region
/// reset, within a save of the cursor as that moves it too; mouse reports (1000 to 1016), focus events (1004),
/// synchronized output (2026), bracketed paste (2004), application cursor keys and keypad, modified keys; insert mode off,
/// wrapping on, cursor shown and of the usual shape; the default character set and attributes.
const RESET: &[u8] = b"\x18\x1b[?1049h\x1b[?1049l\x1b7\x1b[r\x1b8\
    \x1b[?9l\x1b[?1000l\x1b[?1001l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?1016l\
    \x1b[?2026l\x1b[?2004l\x1b[?1l\x1b>\x1b[>4;0m\x1b[4l\x1b[?7h\x1b[?25h\x1b[0 q\x0f\x1b(B\x1b)B\x1b[0m";

/// What restores the terminal waits this long, nanoseconds, for the line that says what comes next: each write wakes tmux,
/// which then looks at all its windows, while a program that is restarted at once wants the processor.
const LINE_WITHIN: u64 = 10_000_000;

/// Output that a terminal which takes nothing may have waiting.
const MAX_UNWRITTEN: usize = 64 << 10;

/// The controlling terminal, if there is one.
pub(super) struct Terminal {
    tty: Option<File>,
    /// As the terminal was at the start, which is how each program gets it.
    mode: Option<Mode>,
    unwritten: Vec<u8>,
    /// When to write it at the latest, if it waits for more.
    write_at: Option<u64>,
}

impl Terminal {
    /// Opens it, and has it discard what is typed.
    pub(super) fn open() -> Self {
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
        let tty = File::options().read(true).write(true).custom_flags(flags).open("/dev/tty").ok();
        let mode = tty.as_ref().and_then(|tty| sys::get_mode(tty).ok());
        let terminal = Self { tty, mode, unwritten: Vec::new(), write_at: None };
        terminal.silence();
        terminal
    }

    /// What to wait for: its end, and room if there is something to write.
    pub(super) fn interest(&self) -> sys::Interest<'_> {
        let write = !self.unwritten.is_empty() && self.write_at.is_none();
        sys::Interest { fd: self.tty.as_ref().map(AsFd::as_fd), read: false, write }
    }

    /// When to write what waits for a line that doesn't come.
    pub(super) fn write_at(&self) -> Option<u64> {
        self.write_at
    }

    /// It is gone, and not to be waited for.
    pub(super) fn close(&mut self) {
        self.tty = None;
    }

    /// As a program expects it, and without what was typed before there was one.
    pub(super) fn prepare(&self) {
        if let (Some(tty), Some(mode)) = (&self.tty, &self.mode) {
            sys::flush_input(tty);
            sys::set_mode(tty, mode);
        }
        sys::set_blocking();
    }

    /// Takes it back from a program that ended, whatever state that left it in.
    pub(super) fn restore(&mut self) {
        let Some(tty) = &self.tty else { return };
        sys::set_foreground(tty, sys::own_group());
        sys::resume_output(tty);
        sys::flush_input(tty);
        let columns = usize::from(sys::columns(tty));
        self.silence();
        sys::set_blocking();
        self.queue(RESET);
        // To the next line unless the cursor is at the start of one already: a line's worth of blanks ends in the same
        // line only if it began at its start.
        for _ in 0..columns {
            self.queue(b" ");
        }
        self.queue(if columns == 0 { b"\r\n" } else { b"\r\x1b[K" });
        self.write_at = Some(sys::now().saturating_add(LINE_WITHIN));
    }

    /// Prints one line, dimmed; nothing if it is empty. Control characters are left out.
    pub(super) fn print_line(&mut self, line: &str) {
        if line.is_empty() {
            return;
        }
        let clean: String = line.chars().filter(|c| !c.is_control()).collect();
        self.queue(b"\x1b[2m");
        self.queue(clean.as_bytes());
        self.queue(b"\x1b[0m\r\n");
        self.flush();
    }

    /// Puts a group of processes into the foreground.
    pub(super) fn give_to(&self, group: i32) {
        if let Some(tty) = &self.tty {
            sys::set_foreground(tty, group);
        }
    }

    /// Writes what could not be written before.
    pub(super) fn flush(&mut self) {
        self.write_at = None;
        let Some(tty) = &mut self.tty else {
            self.unwritten = Vec::new();
            return;
        };
        while !self.unwritten.is_empty() {
            match tty.write(&self.unwritten) {
                Ok(count) if count > 0 => drop(self.unwritten.drain(..count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // A terminal that is gone has its own event.
                Ok(_) | Err(_) => self.unwritten.clear(),
            }
        }
        // Lines are rare: their memory is worth more than the time to get it again.
        self.unwritten = Vec::new();
    }

    /// While nobody reads what is typed it isn't shown either.
    fn silence(&self) {
        if let (Some(tty), Some(mode)) = (&self.tty, &self.mode) {
            sys::set_mode(tty, &mode.silent());
        }
    }

    /// For one write, as each of them wakes tmux.
    fn queue(&mut self, bytes: &[u8]) {
        if self.unwritten.len().saturating_add(bytes.len()) <= MAX_UNWRITTEN {
            self.unwritten.extend_from_slice(bytes);
        }
    }
}
