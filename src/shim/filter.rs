//! The program that stands between an agent's standard output and the terminal, if it has one.
//!
//! It is the shim's child, not the agent's, in a process group of its own: what is sent to the agent doesn't reach it, and it
//! may read to the end what the agent left in the pipe. It gets none of the agent's secrets.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;

use super::protocol::Start;
use super::sys::{self, Forked};
use super::{child, exec};

/// An agent's end is reported this long after it at the latest, nanoseconds, whatever its filter does.
pub(super) const DRAINS_WITHIN: u64 = 1_000_000_000;

/// What of the agent's environment it gets.
const INHERITED: [&str; 7] = ["PATH", "HOME", "LANG", "LC_ALL", "AGENTD_NOTIFY_SOCKET", "AGENTD_AGENT", "AGENTD_RUN"];

/// Starts it. Its pid, and where the agent is to write.
pub(super) fn spawn(start: &Start, inherited: &[Vec<u8>]) -> io::Result<(i32, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    let shim = std::process::id();
    match sys::fork()? {
        Forked::Parent(pid) => {
            sys::set_group(pid);
            Ok((pid, writer))
        }
        Forked::Child => {
            drop(writer);
            sys::set_group(0);
            child::end_with(shim);
            run(start, inherited, reader)
        }
    }
}

fn run(start: &Start, inherited: &[Vec<u8>], mut reader: PipeReader) -> ! {
    let is_wanted = |entry: &&Vec<u8>| INHERITED.iter().any(|name| exec::name(entry) == name.as_bytes());
    let env: Vec<Vec<u8>> = start.env.iter().filter(is_wanted).cloned().collect();
    if sys::replace(0, reader.as_fd()).is_ok() {
        sys::default_signals();
        // Returns only if that can't be executed.
        let _ = exec::execute(&start.filter, &env, inherited);
    }
    // A person sees what the agent writes all the same.
    let (mut buffer, mut terminal) = ([0; 4096], io::stdout());
    while let Ok(count @ 1..) = reader.read(&mut buffer) {
        let _ = buffer.get(..count).map(|bytes| terminal.write_all(bytes).and_then(|()| terminal.flush()));
    }
    sys::exit_now(127)
}
