//! What the shim says itself, when there is no daemon to say it.

use super::protocol::{Ended, NotStarted};

/// A name as it may be printed to a terminal and sent as text.
pub(super) fn printable(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).collect()
}

/// For an agent that ended while the daemon was away.
pub(super) fn ended(name: &str, ended: &Ended) -> String {
    let status = ended.wait_status;
    let how = if libc::WIFEXITED(status) {
        format!("exited with status {}", libc::WEXITSTATUS(status))
    } else {
        format!("was killed by signal {}", libc::WTERMSIG(status))
    };
    format!("agentd: {name} {how}; agentd isn't running and decides when it is back")
}

/// For an agent that could not be started when the daemon had just gone.
pub(super) fn not_started(name: &str, not_started: &NotStarted) -> String {
    let reason = std::io::Error::from_raw_os_error(not_started.errno);
    format!("agentd: {name} could not be started: {reason}; agentd isn't running and decides when it is back")
}
