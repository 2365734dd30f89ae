//! Forking the agent: a process group of its own, in the terminal's foreground, that dies with the shim.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd};

use super::exec;
use super::protocol::{Start, Step};
use super::sys::{self, Forked};
use super::terminal::Terminal;

/// What runs before a program is killed when it takes longer, nanoseconds.
const BEFORE_WITHIN: u64 = 10_000_000_000;

/// A child on its way to the exec.
pub(super) struct Spawned {
    /// The child.
    pub pid: i32,
    /// What lets a held child execute: a byte. Its end makes the child end.
    pub go: Option<PipeWriter>,
    /// Ends at the exec, after [`Failure`]'s bytes if that failed.
    pub status: PipeReader,
}

/// What a child failed at.
pub(super) struct Failure {
    /// The step.
    pub step: Step,
    /// Its errno.
    pub errno: i32,
}

/// Forks. The order stays the caller's, to forget. The program writes to `output`, or else to the terminal.
pub(super) fn spawn(
    start: &Start,
    inherited: &[Vec<u8>],
    terminal: &Terminal,
    output: Option<PipeWriter>,
) -> io::Result<Spawned> {
    let (status, failed) = io::pipe()?;
    let gate = if start.hold { Some(io::pipe()?) } else { None };
    let shim = std::process::id();
    match sys::fork()? {
        Forked::Parent(pid) => {
            // Here too, so that a signal for the group finds it however late the child is.
            sys::set_group(pid);
            Ok(Spawned { pid, go: gate.map(|(_, go)| go), status })
        }
        Forked::Child => {
            let held = gate.map(|(held, _)| held);
            run(start, inherited, terminal, Ends { shim, failed, held, output })
        }
    }
}

/// What the status pipe says once it is readable: `None` that the program was executed.
pub(super) fn read_failure(mut status: &PipeReader) -> Option<Failure> {
    let mut bytes = [0_u8; 5];
    status.read_exact(&mut bytes).ok()?;
    let [step, errno @ ..] = bytes;
    let step = match step {
        1 => Step::Workdir,
        2 => Step::Exec,
        _ => Step::Fork,
    };
    Some(Failure { step, errno: i32::from_le_bytes(errno) })
}

/// The child's ends of what it shares with the shim.
struct Ends {
    shim: u32,
    failed: PipeWriter,
    held: Option<PipeReader>,
    output: Option<PipeWriter>,
}

fn run(start: &Start, inherited: &[Vec<u8>], terminal: &Terminal, mut ends: Ends) -> ! {
    sys::set_group(0);
    end_with(ends.shim);
    // Only here, not in the shim: once the program runs, the foreground is its own to give away.
    terminal.give_to(sys::own_group());
    let redirected = ends.output.take().map_or(Ok(()), |output| sys::replace(1, output.as_fd()));
    close_all_but(ends.failed.as_raw_fd(), ends.held.as_ref().map(AsRawFd::as_raw_fd));
    if let Some(held) = &mut ends.held
        && held.read_exact(&mut [0]).is_err()
    {
        sys::exit_now(127);
    }
    let (step, error) = if let Err(error) = exec::enter(&start.workdir) {
        (1, error)
    } else if let Err(error) = redirected {
        (0, error)
    } else {
        before(start, inherited);
        sys::default_signals();
        (2, exec::execute(&start.argv, &start.env, inherited))
    };
    let [a, b, c, d] = error.raw_os_error().unwrap_or(libc::EINVAL).to_le_bytes();
    let _ = ends.failed.write_all(&[step, a, b, c, d]);
    sys::exit_now(127)
}

/// Has this process killed with the shim.
pub(super) fn end_with(shim: u32) {
    sys::set_death_signal();
    if std::os::unix::process::parent_id() != shim {
        // The shim died before its death could be a signal.
        sys::exit_now(127);
    }
}

/// Runs what is to be run before the program, in its place and with its environment. Nothing depends on what comes of it.
fn before(start: &Start, inherited: &[Vec<u8>]) {
    if start.before.is_empty() {
        return;
    }
    let parent = std::process::id();
    match sys::fork() {
        Ok(Forked::Parent(pid)) => {
            if !sys::wait_for(pid, BEFORE_WITHIN) {
                sys::kill(pid, libc::SIGKILL);
                sys::wait_for(pid, u64::MAX);
            }
        }
        Ok(Forked::Child) => {
            end_with(parent);
            sys::default_signals();
            exec::execute(&start.before, &start.env, inherited);
            sys::exit_now(127)
        }
        Err(_) => {}
    }
}

/// All of the shim's descriptors would close at the exec, but a held child must not keep them open until then: its end of
/// the daemon's connection would hide the shim's death.
fn close_all_but(one: i32, other: Option<i32>) {
    let other = other.unwrap_or(one);
    let (low, high) = (one.min(other), one.max(other));
    sys::close_from(3, low.saturating_sub(1));
    sys::close_from(low.saturating_add(1), high.saturating_sub(1));
    sys::close_from(high.saturating_add(1), i32::MAX);
}
