//! Gets tmux from the system's packages, for the demo: a daemon never installs anything.
#![allow(clippy::disallowed_methods, reason = "this is in the room of subprocesses, and for a person at a terminal")]

use std::io;
use std::process::{Command, Stdio};

/// Whether there is a tmux that answers.
pub fn is_installed() -> bool {
    Command::new("tmux")
        .arg("-V")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Installs it with apt-get, through sudo for whoever isn't root. An error says what to do instead.
pub fn install() -> io::Result<()> {
    let get = ["apt-get", "install", "--yes", "--no-install-recommends", "tmux"];
    let update = ["apt-get", "update"];
    let sudo: &[&str] = if nix::unistd::geteuid().is_root() { &[] } else { &["sudo"] };
    let run = |command: &[&str]| {
        let mut words = sudo.iter().chain(command);
        let program = words.next().copied().unwrap_or("apt-get");
        Command::new(program).args(words).stdin(Stdio::inherit()).status().is_ok_and(|status| status.success())
    };
    // Without a list of packages, as on a fresh container, the first try finds nothing.
    let installed = run(&get) || (run(&update) && run(&get));
    if installed && is_installed() {
        Ok(())
    } else {
        Err(io::Error::other("tmux could not be installed: install tmux 3.3 or newer and try again"))
    }
}
