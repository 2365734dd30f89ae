//! What a process uses, as the system tells.

use std::fs;
use std::time::Duration;

/// A field of a file in `/proc/PID`, KiB; none where it is gone.
pub fn kib(pid: u32, file: &str, field: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
    let line = text.lines().find(|line| line.starts_with(field))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// CPU time of a process, ended threads included, nanoseconds; none where it is gone.
pub fn cpu(pid: u32) -> Option<u64> {
    let clock = nix::time::clock_getcpuclockid(nix::unistd::Pid::from_raw(i32::try_from(pid).ok()?)).ok()?;
    let time = nix::time::clock_gettime(clock).ok()?;
    u64::try_from(Duration::from(time).as_nanos()).ok()
}
