//! Asks a program something, as a user, with an environment that holds nothing but a `PATH`.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;

use crate::sys::identity::Identity;
use crate::sys::runtime_dir;
use crate::sys::spawn;

use super::bounded;

/// The most that is read of an answer, in bytes.
const LONGEST: u64 = 64 << 10;

/// To make and remove an empty directory.
const DIRECTORY_WITHIN: Duration = Duration::from_secs(5);

/// What it said.
#[derive(Clone, Debug)]
pub struct Said {
    /// How it ended.
    pub status: ExitStatus,
    /// The beginning of its standard output.
    pub output: String,
    /// The beginning of its standard error.
    pub errors: String,
}

/// Why it said nothing.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It was not even started.
    #[error("could not be started: {0}")]
    Start(#[from] io::Error),
    /// It was killed.
    #[error("did not answer within {} s", .0.as_secs())]
    Slow(Duration),
}

/// Runs it to its end, as `user` (or as who we are), in a home that is empty and gone afterwards: programs
/// leave things in their home even when they are only asked for their version.
pub async fn ask(
    program: &Path,
    arguments: &[&str],
    user: Option<&Identity>,
    path: Option<&OsStr>,
    within: Duration,
) -> Result<Said, RunError> {
    let home = match bounded(user, DIRECTORY_WITHIN, || runtime_dir::make_private("agentd-doctor")) {
        Ok(made) => made?,
        Err(missed) => return Err(RunError::Start(io::Error::other(missed))),
    };
    let said = run(program, arguments, user, path, &home, within).await;
    // Left behind is what a program that was killed still held.
    let _ = bounded(user, DIRECTORY_WITHIN, move || remove(&home));
    said
}

fn remove(home: &PathBuf) -> io::Result<()> {
    std::fs::remove_dir_all(home)
}

async fn run(
    program: &Path,
    arguments: &[&str],
    user: Option<&Identity>,
    path: Option<&OsStr>,
    home: &Path,
    within: Duration,
) -> Result<Said, RunError> {
    let mut command = spawn::command(program, user);
    command.args(arguments).env("HOME", home).env("PATH", path.map_or_else(|| spawn::PATH.into(), OsString::from));
    // Programs that would look for a newer one of themselves.
    command.env("DISABLE_AUTOUPDATER", "1").current_dir(home);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    spawn::new_session(&mut command);
    let mut child = command.spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let whole = async { tokio::join!(child.wait(), read(stdout), read(stderr)) };
    if let Ok((status, output, errors)) = tokio::time::timeout(within, whole).await {
        return Ok(Said { status: status?, output, errors });
    }
    // While it has not been waited for, its number is still its own; and it leads its group.
    if let Some(group) = child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw) {
        let _ = killpg(group, Signal::SIGKILL);
    }
    Err(RunError::Slow(within))
}

async fn read(stream: Option<impl tokio::io::AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        let _ = stream.take(LONGEST).read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
