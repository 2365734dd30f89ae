//! A tmux client for a person who asked for one: to attach, or to do one thing. The daemon never comes here.
//!
//! The client acts as who runs it, with one exception: a tmux server can make its client execute commands, and the server
//! is the agents' user's. So a client that root asks for becomes that user before it is executed. And the server is told the
//! client's environment: it gets what a terminal needs, and none of the person's secrets.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::sys::identity::{Identity, IdentityError, is_root};
use crate::sys::{spawn, tmux::server};

/// tmux answers in milliseconds; one that is stuck isn't waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What a terminal's client needs to know of where it runs. Also `LC_*`.
const KEPT: [&str; 7] = ["PATH", "TERM", "COLORTERM", "TERMINFO", "TERMINFO_DIRS", "LANG", "LANGUAGE"];

/// Why a client could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The agents' user can't be looked up.
    #[error(transparent)]
    User(#[from] IdentityError),
    /// The socket is others'.
    #[error("the tmux server on {} is others'", .0.display())]
    Denied(PathBuf),
    /// Nobody listens.
    #[error("no tmux server listens on {}", .0.display())]
    NoServer(PathBuf),
    /// Somebody else listens than was said.
    #[error("the tmux server on {} is not run by {user}: not connecting to it as root", .socket.display())]
    Foreign {
        /// Where.
        socket: PathBuf,
        /// Who should.
        user: String,
    },
    /// The program could not be executed, or not be talked to.
    #[error("could not run tmux: {0}")]
    Run(#[from] io::Error),
    /// It did not answer.
    #[error("tmux did not answer within {} s", ANSWER_WITHIN.as_secs())]
    Silent,
    /// It said no.
    #[error("tmux: {0}")]
    Refused(String),
}

/// How a person attaches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attach {
    /// Look only.
    pub read_only: bool,
    /// Send everybody else away.
    pub detach_others: bool,
}

/// Makes clients of one server.
#[derive(Clone, Debug)]
pub struct Clients {
    socket: PathBuf,
    /// Whom root becomes.
    user: Option<Identity>,
}

impl Clients {
    /// For the server on `socket`, whose user is `user`. Tells at once if nobody is there or this process may not connect.
    ///
    /// Root becomes that user only if the server is that user's: who says so may be anybody that root asked. No server of
    /// root's is ever meant.
    pub fn of(socket: &Path, user: &str) -> Result<Self, ClientError> {
        let server = match server::find(socket) {
            Ok(Some(server)) => server,
            Ok(None) => return Err(ClientError::NoServer(socket.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(ClientError::Denied(socket.to_owned()));
            }
            Err(error) => return Err(error.into()),
        };
        let user = if is_root() { Some(Identity::of_user_or_uid(user)?) } else { None };
        match user {
            Some(user) if user.uid == 0 || user.uid != server.uid => {
                Err(ClientError::Foreign { socket: socket.to_owned(), user: user.name })
            }
            user => Ok(Self { socket: socket.to_owned(), user }),
        }
    }

    /// Becomes a client that is attached to a pane. Comes back only if that fails.
    pub fn exec_attach(&self, pane: &str, how: Attach) -> ClientError {
        let mut command = self.attach(pane, how);
        ClientError::Run(command.as_std_mut().exec())
    }

    /// Runs a client that is attached to a pane, on our terminal, until it ends. What it complains about is the error.
    /// Dropped before that, it is ended.
    pub async fn run_attached(&self, pane: &str, how: Attach) -> Result<(), ClientError> {
        let mut command = self.attach(pane, how);
        let child = command.stderr(Stdio::piped()).kill_on_drop(true).spawn()?;
        let output = child.wait_with_output().await?;
        if output.status.success() { Ok(()) } else { Err(refused(&output.stderr)) }
    }

    /// Runs commands, each of which is given as its words, one after another while they succeed. Answers what they print.
    pub async fn run(&self, commands: &[Vec<String>], input: &[u8]) -> Result<String, ClientError> {
        let mut command = self.command();
        for (index, words) in commands.iter().enumerate() {
            if index > 0 {
                command.arg(";");
            }
            command.args(words.iter().map(|word| literal(word)));
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let stdin = child.stdin.take();
        let write = async {
            if let Some(mut stdin) = stdin {
                // Whoever does not read has failed, and says why.
                let _ = stdin.write_all(input).await;
            }
        };
        let both = async { tokio::join!(write, child.wait_with_output()).1 };
        let output = tokio::time::timeout(ANSWER_WITHIN, both).await.map_err(|_| ClientError::Silent)??;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(refused(&output.stderr))
        }
    }

    fn attach(&self, pane: &str, how: Attach) -> Command {
        let mut command = self.command();
        command.args(["attach-session", "-t", pane]);
        if how.read_only {
            command.arg("-r");
        }
        if how.detach_others {
            command.arg("-d");
        }
        command
    }

    fn command(&self) -> Command {
        let mut command = spawn::command("tmux", self.user.as_ref());
        command.envs(std::env::vars_os().filter(|(name, _)| is_kept(name)));
        if self.user.is_none()
            && let Some(home) = std::env::var_os("HOME")
        {
            command.env("HOME", home);
        }
        // -N: a server that is gone is not started by its client.
        command.args(["-u", "-N", "-S"]).arg(&self.socket);
        command
    }
}

fn is_kept(name: &OsString) -> bool {
    name.to_str().is_some_and(|name| KEPT.contains(&name) || name.starts_with("LC_"))
}

/// tmux takes a `;` at the end of a word for the end of the command, unless it is escaped.
fn literal(word: &str) -> String {
    word.strip_suffix(';').map_or_else(|| word.to_owned(), |start| format!("{start}\\;"))
}

fn refused(stderr: &[u8]) -> ClientError {
    let text = String::from_utf8_lossy(stderr);
    let text = text.trim();
    ClientError::Refused(if text.is_empty() { "it failed without a word".to_owned() } else { text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_semicolon_is_not_the_end_of_a_command() {
        assert_eq!(["a", "a;", ";", "a;b"].map(literal), ["a", "a\\;", "\\;", "a;b"]);
    }

    #[test]
    fn root_is_nobodys_client_but_the_users() {
        if !is_root() {
            eprintln!("SKIPPED: needs root");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("tmux.sock");
        assert!(matches!(Clients::of(&socket, "root"), Err(ClientError::NoServer(_))));
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        // Root's own, and another's than was said.
        for user in ["root", "12345"] {
            assert!(matches!(Clients::of(&socket, user), Err(ClientError::Foreign { .. })), "{user}");
        }
    }

    #[test]
    fn a_client_is_told_of_the_terminal_and_of_nothing_else() {
        let kept = ["TERM", "LC_ALL", "LANG"].map(OsString::from);
        assert!(kept.iter().all(is_kept));
        let left = ["TMUX", "TMUX_PANE", "ANTHROPIC_API_KEY", "HOME", "LD_PRELOAD"].map(OsString::from);
        assert!(!left.iter().any(is_kept));
    }
}
