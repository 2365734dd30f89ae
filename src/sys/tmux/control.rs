//! The control client: it stays attached to a session of agentd's own and takes pipelined commands.
//!
//! It is the daemon itself where the server's version asks for it (`identify`), else a `tmux -C`, which runs as the agents'
//! user, never as root, and dies with the daemon. It asks for no output, so a busy pane costs nothing here.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot};

use crate::model::SessionName;
use crate::sys::identity::Identity;
use crate::sys::spawn;
use crate::sys::tmux::command::Line;
use crate::sys::tmux::identify::{self, Framing};
use crate::sys::tmux::server::{self, ServerProcess};

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
    client: Client,
    stdin: OwnedWriteHalf,
    stdout: BufReader<OwnedReadHalf>,
    requests: mpsc::UnboundedReceiver<Request>,
}

/// Who is known to the server as the client, and ends when this is dropped.
#[derive(Debug)]
enum Client {
    /// A `tmux -C`.
    Process(Child),
    /// Ourselves.
    Own(identify::Client),
}

impl Client {
    /// Waits until the server has sent it away.
    async fn ended(&mut self) {
        match self {
            Self::Process(client) => drop(client.wait().await),
            Self::Own(client) => client.ended().await,
        }
    }
}

/// Makes the client of a server that is running, and detaches what an earlier daemon may have left attached.
/// `shim` is the program that rests in the control session's pane.
pub async fn connect(
    tmux: &Path,
    socket: &Path,
    server: ServerProcess,
    shim: &Path,
    user: Option<&Identity>,
) -> io::Result<(Control, ControlTask)> {
    let (ours, theirs) = UnixStream::pair()?;
    let theirs = OwnedFd::from(theirs.into_std()?);
    let command = ["new-session", "-A", "-D", "-x", "80", "-y", "24", "-c", "/", "-s", SessionName::CONTROL];
    let command = command.iter().chain(&["-f", "no-output,ignore-size", "--"]).map(OsStr::new);
    let command: Vec<&OsStr> = command.chain([shim.as_os_str(), OsStr::new("--hold")]).collect();
    let mut client = match Framing::of(&server::version(tmux, socket, user).await?) {
        Some(framing) => Client::Own(identify::Client::identify(framing, socket, server, &theirs, &command)?),
        None => Client::Process(spawn_client(tmux, socket, user, &theirs, &command)?),
    };
    drop(theirs);
    let (stdout, stdin) = ours.into_split();
    let mut stdout = BufReader::new(stdout);
    let begun = tokio::select! {
        block = read_block(&mut stdout) => block?,
        () = client.ended() => None,
    };
    match begun {
        Some(Ok(_)) => {}
        Some(Err(message)) => return Err(io::Error::other(format!("tmux: {message}"))),
        None => return Err(io::Error::other("tmux ended at once")),
    }
    let (sender, requests) = mpsc::unbounded_channel();
    Ok((Control { requests: sender }, ControlTask { client, stdin, stdout, requests }))
}

/// A process is the agents' user: the server can make it execute a command, and is theirs.
fn spawn_client(
    tmux: &Path,
    socket: &Path,
    user: Option<&Identity>,
    io: &OwnedFd,
    command: &[&OsStr],
) -> io::Result<Child> {
    let mut client = spawn::command(tmux, user);
    spawn::die_with_parent(&mut client);
    // -N: a server that is gone is not started by its client.
    client.args(["-N", "-u", "-f", "/dev/null", "-C", "-S"]).arg(socket).args(command);
    client.stdin(io.try_clone()?).stdout(io.try_clone()?).stderr(Stdio::null()).kill_on_drop(true);
    client.spawn()
}

impl ControlTask {
    /// Passes commands and answers until the client or the server ends, or every [`Control`] is dropped.
    pub async fn run(self) {
        let Self { mut client, mut stdin, mut stdout, mut requests } = self;
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
            () = client.ended() => {}
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
