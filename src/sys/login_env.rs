//! The login environment of the agents' user: what that user's own login shell would give a program.
//!
//! The shell is asked once, with a fixed command: it never sees a prompt, an argument or a secret of any agent.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;

use crate::sys::identity::Identity;
use crate::sys::spawn;

/// A shell that takes longer to start is not waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The most that is read of an answer, in bytes.
const LONGEST: u64 = 1 << 20;

const BEGIN: &[u8] = b"\0agentd-environment-begin\0";
const END: &[u8] = b"\0agentd-environment-end\0";

/// The subcommand of agentd that a login shell is asked to execute.
pub const SUBCOMMAND: &str = "print-environment";

/// An environment, in no order.
pub type Environment = Vec<(OsString, OsString)>;

/// Why a shell gave no environment.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// There is no such program, or it can't be executed.
    #[error("could not be started: {0}")]
    Start(#[from] io::Error),
    /// It takes too long.
    #[error("did not answer within {} s", ANSWER_WITHIN.as_secs())]
    Slow,
    /// It does not do what shells do.
    #[error("ended without an answer ({0})")]
    NoAnswer(std::process::ExitStatus),
}

/// Asks the user's login shell, then `/bin/sh` as one; without an answer from either, a plain environment.
pub async fn ask(agentd: &Path, user: &Identity, drop_to_user: bool) -> Environment {
    for shell in [&*user.shell, Path::new("/bin/sh")] {
        match ask_shell(agentd, user, drop_to_user, shell).await {
            Ok(environment) => return environment,
            Err(error) => {
                tracing::warn!(shell = %shell.display(), user = user.name, "the login shell {error}");
            }
        }
    }
    plain(user)
}

/// Asks this shell, as a login shell of the user's.
pub async fn ask_shell(
    agentd: &Path,
    user: &Identity,
    drop_to_user: bool,
    shell: &Path,
) -> Result<Environment, AskError> {
    let mut command = spawn::command(shell, drop_to_user.then_some(user));
    for (name, value) in plain(user) {
        command.env(name, value);
    }
    // A leading `-` is how login(1) tells any shell that it is a login shell; not every shell knows a flag for it.
    let mut name = OsString::from("-");
    name.push(shell.file_name().unwrap_or(OsStr::new("sh")));
    let mut line = OsString::from("exec '");
    line.push(agentd);
    line.push("' ");
    line.push(SUBCOMMAND);
    command.arg0(name).arg("-c").arg(line).current_dir(if user.home.is_dir() { &user.home } else { Path::new("/") });
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    spawn::new_session(&mut command);
    let mut child = command.spawn()?;
    let mut answer = Vec::new();
    let read = async {
        if let Some(stdout) = child.stdout.take() {
            stdout.take(LONGEST).read_to_end(&mut answer).await?;
        }
        child.wait().await
    };
    let status = tokio::time::timeout(ANSWER_WITHIN, read).await.map_err(|_| AskError::Slow)??;
    parse(&answer).ok_or(AskError::NoAnswer(status))
}

/// Has programs looked for in these directories first; colons between.
pub fn put_before_path(environment: &mut Environment, directories: &OsStr) {
    let path = environment.iter_mut().find(|(name, _)| name == "PATH");
    let found = path.as_ref().map_or(OsStr::new(spawn::PATH), |(_, path)| path);
    let mut joined = directories.to_owned();
    for part in [OsStr::new(":"), found].into_iter().filter(|_| !found.is_empty()) {
        joined.push(part);
    }
    match path {
        Some((_, path)) => *path = joined,
        None => environment.push(("PATH".into(), joined)),
    }
}

/// What a program has that no shell started.
fn plain(user: &Identity) -> Environment {
    let mut environment = vec![
        ("HOME".into(), user.home.clone().into_os_string()),
        ("USER".into(), user.name.clone().into()),
        ("LOGNAME".into(), user.name.clone().into()),
        ("SHELL".into(), user.shell.clone().into_os_string()),
        ("LANG".into(), "C.UTF-8".into()),
        ("PATH".into(), spawn::PATH.into()),
    ];
    let runtime_dir = format!("/run/user/{}", user.uid);
    if Path::new(&runtime_dir).is_dir() {
        environment.push(("XDG_RUNTIME_DIR".into(), runtime_dir.into()));
    }
    environment
}

/// Writes this process's environment between two marks, which no start-up file of a shell prints by accident.
pub fn print(mut to: impl io::Write) -> io::Result<()> {
    to.write_all(BEGIN)?;
    for (name, value) in std::env::vars_os() {
        for part in [name.as_bytes(), b"=", value.as_bytes(), b"\0"] {
            to.write_all(part)?;
        }
    }
    to.write_all(END)?;
    to.flush()
}

fn parse(answer: &[u8]) -> Option<Environment> {
    let find = |bytes: &[u8], mark: &[u8]| bytes.windows(mark.len()).position(|window| window == mark);
    let begin = find(answer, BEGIN)? + BEGIN.len();
    let rest = answer.get(begin..)?;
    // The last value's own NUL may be the first byte of the mark's.
    let body = rest.get(..find(rest, END)?)?;
    let entries = body.split(|byte| *byte == 0).filter_map(|entry| {
        let equals = entry.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (entry.get(..equals)?, entry.get(equals + 1..)?);
        let text = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        (!name.is_empty()).then(|| (text(name), text(value)))
    });
    Some(entries.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_found_amid_what_start_up_files_print() {
        let answer = [b"motd\n\0x".as_slice(), BEGIN, b"A=1\0B=x=\ny\0BASH_FUNC_f%%=() {}\0", END, b"bye"].concat();
        let read = parse(&answer).unwrap();
        let expected: Environment = [("A", "1"), ("B", "x=\ny"), ("BASH_FUNC_f%%", "() {}")]
            .map(|(name, value)| (name.into(), value.into()))
            .into();
        assert_eq!(read, expected);
        assert_eq!(parse(b"nothing"), None);
        assert_eq!(parse(&[BEGIN, b"A=1\0"].concat()), None, "cut off");
    }
}
