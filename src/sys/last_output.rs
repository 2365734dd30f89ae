//! When somebody last wrote to the terminal that a process is controlled by. It costs one stat and asks nobody, so it can be
//! asked of a thousand terminals now and then.
//!
//! The terminal is found by its number, which the kernel tells, in a file system that only the kernel makes files in; so
//! there is nothing to follow that the process could have put there. It may set its terminal's times, which are its own.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

use crate::model::{Mono, Now, Output};

use super::process;

/// The kernel notes the first of all writes within each of these, so that nobody can listen to the pace of somebody's
/// typing: `tty_update_time` in drivers/tty/tty_io.c. They are counted from 1970.
const GRAIN_SECONDS: u64 = 8;

/// The pseudo-terminals' major numbers: a million of them, at most 256 under each. See admin-guide/devices.txt.
const FIRST_MAJOR: u64 = 136;
const LAST_MAJOR: u64 = 143;

/// A terminal that can be asked again and again for as long as the process that it was found by lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terminal {
    path: String,
    device: u64,
}

/// A terminal's time stamp.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    seconds: u64,
    nanos: u64,
}

impl Terminal {
    /// The terminal of this process; an error if it has none that is a pseudo-terminal.
    pub fn of(pid: u32) -> io::Result<Self> {
        let stat = std::fs::read(format!("/proc/{pid}/stat"))?;
        let device = process::fields_from_state(&stat).and_then(|mut fields| fields.nth(4)?.parse::<i32>().ok());
        let device = u64::from(device.ok_or(io::ErrorKind::InvalidData)?.cast_unsigned());
        let (major, minor) = (libc::major(device), libc::minor(device));
        let major = u64::from(major);
        if !(FIRST_MAJOR..=LAST_MAJOR).contains(&major) {
            return Err(io::Error::other("it has no pseudo-terminal"));
        }
        Ok(Self { path: format!("/dev/pts/{}", (major - FIRST_MAJOR) * 256 + u64::from(minor)), device })
    }

    /// When it was last written to, as the kernel notes it.
    pub fn stamp(&self) -> io::Result<Stamp> {
        let meta = std::fs::symlink_metadata(&self.path)?;
        if !meta.file_type().is_char_device() || meta.rdev() != self.device {
            return Err(io::Error::other(format!("{} is another terminal", self.path)));
        }
        let seconds = u64::try_from(meta.mtime()).unwrap_or(0);
        Ok(Stamp { seconds, nanos: u64::try_from(meta.mtime_nsec()).unwrap_or(0) })
    }
}

impl Stamp {
    /// What that says, at this moment.
    pub fn output(self, now: Now) -> Output {
        let wall = |seconds: u64, nanos: u64| seconds.saturating_mul(1_000_000_000).saturating_add(nanos);
        let ago = |wall: u64| Mono(now.mono.0.saturating_sub(now.wall.0.saturating_sub(wall)));
        let grain_ends = (self.seconds / GRAIN_SECONDS + 1) * GRAIN_SECONDS;
        Output { at: ago(wall(self.seconds, self.nanos)), until: ago(wall(grain_ends, 0)), looked: now.mono }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests' children")]
mod tests {
    use super::*;
    use crate::model::Wall;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_stamp_says_from_when_to_when_it_may_have_gone_on() {
        let now = |wall| Now { mono: Mono(wall - 1_000 * SECOND), wall: Wall(wall) };
        let stamp = Stamp { seconds: 1_601, nanos: 5 };
        let output = stamp.output(now(1_700 * SECOND));
        assert_eq!((output.at, output.until), (Mono(601 * SECOND + 5), Mono(608 * SECOND)));
        // Within the grain, and after the clock was set back.
        assert_eq!(stamp.output(now(1_603 * SECOND)).until, Mono(603 * SECOND));
        assert_eq!(stamp.output(now(1_500 * SECOND)).at, Mono(500 * SECOND));
    }

    #[test]
    fn who_has_no_terminal_is_told_apart() {
        assert!(Terminal::of(u32::MAX).is_err());
        let mut child = std::process::Command::new("setsid").args(["sleep", "1000"]).spawn().unwrap();
        let detached = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
            stat.contains("(sleep)")
        };
        while !detached() {
            std::thread::yield_now();
        }
        assert!(Terminal::of(child.id()).is_err());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
