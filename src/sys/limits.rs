//! How many files this process may open at once.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// More than any fleet needs, and few enough for programs that close each descriptor that there could be.
///
/// Also the soft limit of the tmux server's unit.
pub const OPEN_FILES: u64 = 65_536;

/// Raises the limit as far as this user may and [`OPEN_FILES`] asks. What we start inherits it: a tmux server needs a
/// descriptor for each terminal.
///
/// systemd starts everything with a limit of 1,024, for the sake of programs that use select(2).
pub fn raise_open_files() -> nix::Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let raised = attainable(hard).max(soft);
    if raised > soft { setrlimit(Resource::RLIMIT_NOFILE, raised, hard) } else { Ok(()) }
}

/// What a limit can be raised to, given the hard one.
pub fn attainable(hard: u64) -> u64 {
    hard.min(OPEN_FILES)
}

/// How many files this process may have open now.
pub fn open_files() -> usize {
    let soft = getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(soft, _)| soft);
    usize::try_from(soft).unwrap_or(usize::MAX)
}
