//! What a command says that asks the daemon.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};

use crate::harness::{AGENTD, Host, PATIENCE};

/// What came of a command.
#[derive(Debug)]
pub struct Said {
    /// The exit status.
    pub status: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// A command that talks to the daemon of a host, or to whoever listens on a socket of it.
pub fn command(host: &Host, socket: &Path, arguments: &[&str]) -> Command {
    let mut command = host.command(AGENTD);
    command.args(arguments).arg("--api-socket").arg(socket);
    command.env_remove("NO_COLOR").env("TZ", "UTC").env("TERM", "xterm-256color").stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub fn run(mut command: Command) -> Said {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { status: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
}

/// Asks the daemon of a host.
pub fn ask(host: &Host, arguments: &[&str]) -> Said {
    run(command(host, &host.api_socket(), arguments))
}

/// Runs it as another user.
pub fn ask_as(host: &Host, uid: u32, arguments: &[&str]) -> Said {
    let mut command = command(host, &host.api_socket(), arguments);
    command.uid(uid).gid(uid);
    run(command)
}

/// Runs it with an output that nobody reads.
pub fn without_reader(mut command: Command) -> Said {
    let (reader, writer) = nix::unistd::pipe().unwrap();
    drop(reader);
    let output = command.stdout(Stdio::from(File::from(writer))).stderr(Stdio::piped()).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    Said { status: output.status.code().unwrap_or(-1), out: String::new(), err }
}

/// A command that goes on. Dropping it kills it.
pub struct Going {
    child: Child,
    lines: Receiver<String>,
    /// What came so far, of both outputs.
    seen: Vec<String>,
}

impl Going {
    /// Starts it.
    pub fn new(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let outputs: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for output in outputs {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Self { child, lines, seen: Vec::new() }
    }

    /// The next line with this in it.
    pub fn wait(&mut self, part: &str) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(part) {
                        return line;
                    }
                }
                Err(error) => panic!("waited in vain for {part:?} ({error}) after {:#?}", self.seen),
            }
        }
    }

    /// The next lines with these in them, in whatever order: output and errors come by two ways.
    pub fn wait_all(&mut self, parts: &[&str]) {
        let mut missing = parts.to_vec();
        while !missing.is_empty() {
            let line = self.wait("");
            missing.retain(|part| !line.contains(part));
        }
    }

    /// What it said up to its end, and how that was.
    pub fn ended(mut self) -> (i32, Vec<String>) {
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.seen.push(line);
        }
        let status = self.child.wait().unwrap().code().unwrap_or(-1);
        (status, std::mem::take(&mut self.seen))
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
