//! How subprocesses are made: with a clean environment, as the right user, and tied to us or not.

use std::ffi::OsStr;
use std::io;

use nix::sys::prctl;
use nix::sys::signal::Signal;
use tokio::process::Command;

use crate::sys::identity::Identity;
use crate::sys::privileges::drop_privileges_to;

/// The `PATH` of programs that agentd itself starts; agents get their user's.
pub(super) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin";

/// A command with nothing of our environment. With a user, it runs as that user, in the user's home and groups.
#[allow(clippy::disallowed_methods, reason = "this is the room of subprocesses")]
pub fn command(program: impl AsRef<OsStr>, user: Option<&Identity>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", PATH).env("LANG", "C.UTF-8").current_dir("/");
    if let Some(user) = user {
        command.env("HOME", &user.home).env("USER", &user.name).env("LOGNAME", &user.name).env("SHELL", &user.shell);
        become_user(&mut command, user);
    }
    command
}

/// The child drops to the user for good, before it executes.
#[allow(unsafe_code)]
fn become_user(command: &mut Command, user: &Identity) {
    // SAFETY: the closure makes raw system calls on data that it owns; it neither allocates nor locks.
    unsafe {
        command.pre_exec(drop_privileges_to(user));
    }
}

/// The child is killed when the thread that starts it ends: only for a thread that lives as long as the daemon.
#[allow(unsafe_code)]
pub fn die_with_parent(command: &mut Command) {
    // SAFETY: prctl is async-signal-safe and touches no memory of ours.
    unsafe {
        command.pre_exec(|| prctl::set_pdeathsig(Signal::SIGKILL).map_err(io::Error::from));
    }
}

/// The child leads a session of its own: our terminal, our process group and our signals are not its.
#[allow(unsafe_code)]
pub fn new_session(command: &mut Command) {
    // SAFETY: setsid is async-signal-safe and touches no memory of ours.
    unsafe {
        command.pre_exec(|| nix::unistd::setsid().map(drop).map_err(io::Error::from));
    }
}
