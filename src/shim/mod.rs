//! The resident process in each agent's pane: it forks the agent, waits for it, and reports to the daemon.
//!
//! It holds no policy and keeps no time: what it does, it was ordered to do. It must never end before its agent does (the
//! agent would be killed with it), never keep a secret longer than the fork takes, never block on a terminal, a
//! daemon or a file system, and never wake up without a reason. One runs for each agent, so its memory counts. `std` and
//! libc only.
//!
//! One thread, one loop. What wakes it: a signal (a child's end, a hangup), the daemon, the daemon's socket appearing, the
//! child's exec, the terminal's end, a notice of the agent's.

mod child;
mod ending;
mod exec;
mod filter;
mod leaving;
mod link;
mod notices;
mod orders;
pub mod protocol;
mod resident;
mod run;
mod sys;
mod terminal;
mod text;
mod tree;
mod watch;

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

/// What `agentd-shim` does with its arguments: `SOCKET NAME`, or `--hold`. Call it in a process with one thread, before
/// anything else: it closes every descriptor above 2.
pub fn main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    match (arguments.next(), arguments.next(), arguments.next()) {
        (Some(flag), None, None) if flag == "--hold" => sys::pause(),
        (Some(socket), Some(name), None) => run(&socket, &name.to_string_lossy()),
        _ => ExitCode::from(2),
    }
}

/// Runs the shim of the agent `name` until its terminal is gone or the daemon lets it go. It connects to `socket`, or
/// waits for it.
fn run(socket: &OsStr, name: &str) -> ExitCode {
    // What tmux or anybody else left open is not the agent's to inherit.
    sys::close_from(3, i32::MAX);
    match resident::Resident::new(Path::new(socket), name) {
        Ok(mut shim) => {
            shim.run();
            ExitCode::SUCCESS
        }
        Err(_) => ExitCode::FAILURE,
    }
}
