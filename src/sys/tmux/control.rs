//! The control client: a `tmux -C` that stays attached to a session of agentd's own and takes pipelined commands.
//!
//! It runs as the agents' user, never as root: a tmux server can make its client execute a command, and the server
//! is the agents' own. It dies with the daemon, and it asks for no output, so a busy pane costs nothing here.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::{mpsc, oneshot};

use crate::model::SessionName;
use crate::sys::identity::Identity;
use crate::sys::spawn;
use crate::sys::tmux::command::Line;

/// Why a command has no answer.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum CommandError {
    /// tmux refused it.
    #[error("tmux: {0}")]
    Refused(String),
    /// The control client ended before the answer came.
    #[error("the connection to the tmux server was lost")]
    Lost,
}

/// Lines that a command printed, without line ends.
pub type Answer = Result<Vec<String>, CommandError>;

struct Request {
    line: Line,
    reply: oneshot::Sender<Answer>,
}

/// Sends commands to the tmux server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Control {
    requests: mpsc::UnboundedSender<Request>,
}

impl Control {
    /// Sends one line of commands at once, without waiting for the answers of earlier ones. The answer is all that
    /// they print, or the error of the first that fails.
    pub fn send(&self, line: Line) -> impl Future<Output = Answer> + Send + 'static {
        let (reply, answer) = oneshot::channel();
        let sent = self.requests.send(Request { line, reply });
        async move {
            match sent {
                Ok(()) => answer.await.unwrap_or(Err(CommandError::Lost)),
                Err(_) => Err(CommandError::Lost),
            }
        }
    }
}

/// The running client, to be driven by [`ControlTask::run`].
#[derive(Debug)]
pub struct ControlTask {
    // Held so that the client is killed when the task is dropped.
    _client: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    requests: mpsc::UnboundedReceiver<Request>,
}

/// Starts the client on a server that is running, and detaches what an earlier daemon may have left attached.
/// `shim` is the program that rests in the control session's pane.
pub async fn connect(
    tmux: &Path,
    socket: &Path,
    shim: &Path,
    user: Option<&Identity>,
) -> io::Result<(Control, ControlTask)> {
    let mut command = spawn::command(tmux, user);
    spawn::die_with_parent(&mut command);
    // -N: a server that is gone is not started by its client.
    command.args(["-N", "-u", "-f", "/dev/null", "-C", "-S"]).arg(socket);
    command.args(["new-session", "-A", "-D", "-x", "80", "-y", "24", "-c", "/", "-s", SessionName::CONTROL]);
    command.args(["-f", "no-output,ignore-size", "--"]).arg(shim).arg("--hold");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut client = command.spawn()?;
    let missing = || io::Error::other("the control client has no pipes");
    let stdin = client.stdin.take().ok_or_else(missing)?;
    let mut stdout = BufReader::new(client.stdout.take().ok_or_else(missing)?);
    match read_block(&mut stdout).await? {
        Some(Ok(_)) => {}
        Some(Err(message)) => return Err(io::Error::other(format!("tmux: {message}"))),
        None => return Err(io::Error::other("tmux ended at once")),
    }
    let (sender, requests) = mpsc::unbounded_channel();
    Ok((Control { requests: sender }, ControlTask { _client: client, stdin, stdout, requests }))
}

impl ControlTask {
    /// Passes commands and answers until the client or the server ends, or every [`Control`] is dropped.
    pub async fn run(self) {
        let Self { _client, mut stdin, mut stdout, mut requests } = self;
        let (sent, mut waiting) = mpsc::unbounded_channel::<(usize, oneshot::Sender<Answer>)>();
        let write = async {
            let mut batch = String::new();
            while let Some(Request { line, reply }) = requests.recv().await {
                let mut next = Some((line, reply));
                while let Some((line, reply)) = next.take() {
                    batch.push_str(&line.text);
                    batch.push('\n');
                    if sent.send((line.commands, reply)).is_err() {
                        return;
                    }
                    next = requests.try_recv().ok().map(|request| (request.line, request.reply));
                }
                if stdin.write_all(batch.as_bytes()).await.is_err() {
                    return;
                }
                batch.clear();
            }
        };
        let read = async {
            let mut answering: VecDeque<(usize, oneshot::Sender<Answer>)> = VecDeque::new();
            let mut printed = Vec::new();
            while let Ok(Some(block)) = read_block(&mut stdout).await {
                while let Ok(next) = waiting.try_recv() {
                    answering.push_back(next);
                }
                let Some((blocks, _)) = answering.front_mut() else { continue };
                *blocks = blocks.saturating_sub(1);
                let last = *blocks == 0;
                let answer = match block {
                    Ok(lines) => {
                        printed.extend(lines);
                        if !last {
                            continue;
                        }
                        Ok(std::mem::take(&mut printed))
                    }
                    // The rest of a line is not run after a command that failed.
                    Err(message) => {
                        printed.clear();
                        Err(CommandError::Refused(message))
                    }
                };
                if let Some((_, reply)) = answering.pop_front() {
                    let _ = reply.send(answer);
                }
            }
        };
        tokio::select! {
            () = write => {}
            () = read => {}
        }
    }
}

/// Reads up to the end of the next block. `Ok(None)` at the end of the stream. Notifications between blocks are
/// passed over; within a block there are none.
pub(crate) async fn read_block(
    stdout: &mut (impl AsyncBufRead + Unpin),
) -> io::Result<Option<Result<Vec<String>, String>>> {
    let mut begun: Option<String> = None;
    let mut lines = Vec::new();
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        if stdout.read_until(b'\n', &mut bytes).await? == 0 {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&bytes);
        let line = text.trim_end_matches(['\n', '\r']);
        let Some(guard) = &begun else {
            begun = line.strip_prefix("%begin ").map(ToOwned::to_owned);
            continue;
        };
        if line.strip_prefix("%end ").is_some_and(|end| end == guard) {
            return Ok(Some(Ok(lines)));
        }
        if line.strip_prefix("%error ").is_some_and(|end| end == guard) {
            return Ok(Some(Err(lines.join("; "))));
        }
        lines.push(line.to_owned());
    }
}
