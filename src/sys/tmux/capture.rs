//! What is on a pane and was, as text.
//!
//! Each time by a client of its own that ends with the answer, never through the control client: a pane's text is its
//! agent's, who could make it look like the end of an answer and the beginning of another.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;

use crate::sys::identity::Identity;
use crate::sys::spawn;

/// A server that doesn't answer for so long is taken for dead.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// More is cut off: 10,000 lines of a wide window, in colours, are less.
const MOST_BYTES: u64 = 16 << 20;

/// How to reach the server.
#[derive(Clone, Debug)]
pub struct Access {
    /// The tmux program.
    pub tmux: PathBuf,
    /// The server's socket.
    pub socket: PathBuf,
    /// The user to be; none for ourselves.
    pub user: Option<Identity>,
}

/// The text of a pane, from so many lines before its screen on; lines that tmux wrapped are joined. With `styled`, colours
/// and the like are in it as SGR sequences.
pub async fn capture(access: &Access, pane: &str, scrollback: u32, styled: bool) -> io::Result<Vec<u8>> {
    let mut command = spawn::command(&access.tmux, access.user.as_ref());
    command.args(["-N", "-u", "-f", "/dev/null", "-S"]).arg(&access.socket);
    command.args(["capture-pane", "-p", "-J", "-S", &format!("-{scrollback}"), "-t", pane]);
    if styled {
        command.arg("-e");
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut client = command.spawn()?;
    let (Some(stdout), Some(stderr)) = (client.stdout.take(), client.stderr.take()) else {
        return Err(io::Error::other("tmux has no pipes"));
    };
    let (mut text, mut complaint) = (Vec::new(), Vec::new());
    let (mut stdout, mut stderr) = (stdout.take(MOST_BYTES), stderr.take(4096));
    let talk = async {
        tokio::try_join!(stdout.read_to_end(&mut text), stderr.read_to_end(&mut complaint))?;
        client.wait().await
    };
    let status = tokio::time::timeout(ANSWER_WITHIN, talk)
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "tmux did not answer"))??;
    // One that had more to say than is taken was killed by its pipe.
    if status.success() || text.len() as u64 == MOST_BYTES {
        Ok(text)
    } else {
        Err(io::Error::other(String::from_utf8_lossy(&complaint).trim().to_owned()))
    }
}
