//! An agent that does what it is told while it runs, for the soak: `puppet JOURNAL SOCKETS [quirk…]`.
//!
//! It first writes `start AGENT LIFE RUN PID` as a line of the file `JOURNAL`. Then it reads words from the abstract datagram
//! socket `SOCKETS/PID`: an order reaches one run and no other. Quirks come first, and are orders too:
//!
//! - `exit CODE`, `signal NUMBER`: ends so
//! - `deaf`: ignores SIGHUP, SIGINT and SIGTERM
//! - `setsid`, `double-fork`: leaves a deaf child in a session of its own, with and without a parent
//! - `crowd`: leaves a child that forks a few more, each of which forks
//! - `chat`: prints many lines
#![allow(clippy::zombie_processes, reason = "what it leaves is what the soak looks for")]
#![allow(unsafe_code, clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stdout)]

use std::io::Write as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (journal, sockets) = (arguments.next().unwrap(), arguments.next().unwrap());
    if journal == "left" {
        return leave_more(sockets.parse().unwrap());
    }
    // Rust looks at these first, and survives one that was sent.
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        // SAFETY: integers only.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    let pid = std::process::id();
    // Before it is known, so that whoever knows it reaches it.
    let address = SocketAddr::from_abstract_name(format!("{sockets}/{pid}")).unwrap();
    let orders = UnixDatagram::bind_addr(&address).unwrap();
    note_start(&journal, pid);
    let quirks: Vec<String> = arguments.collect();
    obey(&quirks.join(" "));
    let mut order = [0; 256];
    loop {
        let length = orders.recv(&mut order).unwrap();
        obey(std::str::from_utf8(&order[..length]).unwrap());
    }
}

fn note_start(journal: &str, pid: u32) {
    let variable = |name| std::env::var(name).unwrap_or_else(|_| "-".to_owned());
    let run = variable("AGENTD_RUN").rsplit(':').next().unwrap().to_owned();
    let line = format!("start {} {} {run} {pid}\n", variable("AGENTD_AGENT"), variable("SOAK_LIFE"));
    let mut file = std::fs::OpenOptions::new().append(true).open(journal).unwrap();
    file.write_all(line.as_bytes()).unwrap();
}

fn obey(words: &str) {
    let mut words = words.split_whitespace();
    while let Some(word) = words.next() {
        let mut number = || words.next().unwrap().parse::<i32>().unwrap();
        match word {
            "exit" => std::process::exit(number()),
            "signal" => end_by(number()),
            "deaf" => deafen(),
            "setsid" => leave(0, false),
            "double-fork" => leave(0, true),
            "crowd" => leave(2, false),
            "chat" => (0..500).for_each(|line| println!("line {line} of what nobody reads")),
            other => panic!("unknown: {other}"),
        }
    }
}

/// Rust handles some signals, which then end a process only if they are real.
fn end_by(signal: i32) {
    // SAFETY: integers only.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::kill(libc::getpid(), signal);
    }
}

fn deafen() {
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGTERM] {
        // SAFETY: integers only.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// Leaves a child that is hard to find, and children of it to this depth.
fn leave(depth: u32, twice: bool) {
    let depth = depth.to_string();
    let words: &[&str] = if twice { &["left", "9"] } else { &["left", &depth] };
    let mut command = Command::new(std::env::current_exe().unwrap());
    // SAFETY: setsid takes nothing and is async-signal-safe.
    unsafe {
        command.args(words).pre_exec(|| {
            libc::setsid();
            Ok(())
        });
    }
    let mut child = command.spawn().unwrap();
    if twice {
        child.wait().unwrap();
    }
}

/// What a child that was left does: 9 is to leave another one and go.
fn leave_more(depth: u32) {
    deafen();
    if depth == 9 {
        return leave(0, false);
    }
    for _ in 0..depth {
        leave(depth - 1, false);
    }
    loop {
        // SAFETY: takes nothing.
        unsafe { libc::pause() };
    }
}
