//! A scripted agent for the tests: does what its arguments say, one after another, then waits if the last is `wait`.
//!
//! - `record NAME`: writes its arguments, environment, working directory and pid to the file `NAME` (JSON, bytes in hex)
//! - `print TEXT`, `show NAME`: prints a line; a variable's value
//! - `exit CODE`, `signal NUMBER`: ends so
//! - `exit-next NAME BASE`: counts its runs in the file `NAME`, and ends with `BASE` and the runs before; by SIGKILL where
//!   that is a multiple of 7
//! - `ignore NUMBER`: ignores a signal
//! - `setsid NAME`, `double-fork NAME`: leaves a child that waits in a session of its own, and writes its pid to `NAME`
//! - `touch NAME`, `await NAME`: makes a file; waits until there is one
//! - `read NAME`: reads a line from the terminal and writes it to the file `NAME`
//! - `paste NAME COUNT`: asks the terminal, which it makes raw, for bracketed paste, makes the file `NAME-ready`, reads so many
//!   bytes and writes them to the file `NAME`
//! - `two-interrupts NAME`: makes the file `NAME` and ends when C-c is typed twice within 0.3 s, and by nothing less
//! - `exchange SOCKET TEXT`: sends the text to a Unix socket, and prints the answer up to its end
//! - `hello SOCKET NAME FILE`: says on the shims' socket that it is the shim of the agent `NAME` and that its program has
//!   ended, and makes the file when it is turned away
//! - `hellos SOCKET COUNT FILE`: says so of as many agents that nobody declared, makes the file, and keeps what it has
//! - `wait`: waits for ever
//! - `--`: the rest is not for it
#![allow(clippy::zombie_processes, reason = "what it leaves is what the tests look for")]
#![allow(unsafe_code, clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stdout)]

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;

use agentd::shim::protocol::{self, ChildReport, Ended, Report};

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    while let Some(verb) = arguments.next() {
        let mut operand = || arguments.next().unwrap().into_string().unwrap();
        match verb.to_str().unwrap() {
            "record" => record(&operand()),
            "print" => println!("{}", operand()),
            "show" => println!("{}", std::env::var(operand()).unwrap()),
            "exit" => std::process::exit(operand().parse().unwrap()),
            "exit-next" => exit_next(&operand(), operand().parse().unwrap()),
            "read" => read(&operand()),
            "paste" => paste(&operand(), operand().parse().unwrap()),
            "two-interrupts" => two_interrupts(&operand()),
            "signal" => end_by(operand().parse().unwrap()),
            // SAFETY: integers only.
            "ignore" => drop(unsafe { libc::signal(operand().parse().unwrap(), libc::SIG_IGN) }),
            "setsid" => leave(&operand(), false),
            "double-fork" => leave(&operand(), true),
            "touch" => complete(&operand(), ""),
            "await" => {
                let name = operand();
                while !std::path::Path::new(&name).exists() {
                    std::thread::sleep(std::time::Duration::from_millis(2));
                }
            }
            "exchange" => exchange(&operand(), &operand()),
            "hello" => {
                let mut stream = hello(&operand(), &operand());
                let _ = stream.read_to_end(&mut Vec::new());
                complete(&operand(), "");
            }
            "hellos" => {
                let (socket, count): (_, u32) = (operand(), operand().parse().unwrap());
                let streams: Vec<_> = (0..count).map(|number| hello(&socket, &format!("ghost-{number}"))).collect();
                complete(&operand(), "");
                std::mem::forget(streams);
            }
            "wait" => wait(),
            "--" => return,
            verb => panic!("unknown: {verb}"),
        }
    }
}

fn wait() -> ! {
    loop {
        // SAFETY: takes nothing.
        unsafe { libc::pause() };
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

fn exit_next(name: &str, base: i32) -> ! {
    let runs = std::fs::read_to_string(name).map_or(0, |text| text.parse().unwrap());
    complete(name, (runs + 1).to_string());
    let status = base + runs;
    if status % 7 == 0 {
        end_by(libc::SIGKILL);
    }
    std::process::exit(status)
}

fn read(name: &str) {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    complete(name, &line);
}

fn make_raw() {
    // SAFETY: all zeros is a valid record, a local.
    unsafe {
        let mut mode: libc::termios = std::mem::zeroed();
        libc::tcgetattr(0, &raw mut mode);
        libc::cfmakeraw(&raw mut mode);
        libc::tcsetattr(0, libc::TCSANOW, &raw const mode);
    }
}

fn paste(name: &str, count: usize) {
    make_raw();
    // The one visible character tells when the terminal has read what comes before it.
    print!("\x1b[?2004h>");
    std::io::stdout().flush().unwrap();
    complete(&format!("{name}-ready"), "");
    let mut bytes = vec![0; count];
    std::io::stdin().read_exact(&mut bytes).unwrap();
    complete(name, bytes);
}

fn two_interrupts(name: &str) -> ! {
    make_raw();
    // SAFETY: integers only.
    unsafe {
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            libc::signal(signal, libc::SIG_IGN);
        }
    }
    complete("ready", "");
    let mut last: Option<std::time::Instant> = None;
    for byte in std::io::stdin().lock().bytes() {
        if byte.unwrap() == 3 {
            if last.is_some_and(|last| last.elapsed().as_millis() < 300) {
                complete(name, "");
                std::process::exit(0);
            }
            last = Some(std::time::Instant::now());
        }
    }
    wait()
}

fn exchange(socket: &str, text: &str) {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    println!("{answer}");
}

fn hello(socket: &str, name: &str) -> UnixStream {
    // Its own run: the most plausible one.
    let run = std::env::var("AGENTD_RUN").unwrap().rsplit(':').next().unwrap().parse().unwrap();
    let (terminal_lost, tree_empty) = (false, true);
    let ended =
        Ended { run, wait_status: 9, terminal_lost, cpu_micros: 1, max_rss_kib: 1, started_at: 1, at: 1, tree_empty };
    let child = ChildReport::Ended(ended);
    let report = Report::Hello {
        version: protocol::VERSION,
        name: name.to_owned(),
        child,
        memo: Vec::new(),
        notices: Vec::new(),
    };
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.write_all(&protocol::encode_report(&report).unwrap()).unwrap();
    stream
}

/// The file is there only when it is whole.
fn complete(name: &str, text: impl AsRef<[u8]>) {
    let temporary = format!("{name}.{}", std::process::id());
    std::fs::write(&temporary, text).unwrap();
    std::fs::rename(temporary, name).unwrap();
}

fn record(name: &str) {
    let hex = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        })
    };
    let arguments: Vec<String> = std::env::args_os().map(|argument| hex(argument.as_bytes())).collect();
    let environment: Vec<String> = std::env::vars_os()
        .map(|(name, value)| hex(&[&name.into_vec(), b"=" as &[u8], value.as_bytes()].concat()))
        .collect();
    let directory = std::env::current_dir().unwrap();
    let quoted = |texts: &[String]| texts.iter().map(|text| format!("\"{text}\"")).collect::<Vec<_>>().join(",");
    let text = format!(
        "{{\"pid\":{},\"directory\":\"{}\",\"arguments\":[{}],\"environment\":[{}]}}",
        std::process::id(),
        hex(directory.as_os_str().as_bytes()),
        quoted(&arguments),
        quoted(&environment)
    );
    complete(name, text);
}

/// Leaves a child that shares neither session nor group with us, nor a parent if `twice`.
fn leave(name: &str, twice: bool) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    if twice {
        command.args(["setsid", name]);
    } else {
        command.args(["ignore", "1", "ignore", "2", "ignore", "15", "record", name, "wait"]);
    }
    // SAFETY: setsid takes nothing and is async-signal-safe.
    unsafe {
        command.pre_exec(|| {
            libc::setsid();
            Ok(())
        });
    }
    let mut child = command.spawn().unwrap();
    if twice {
        child.wait().unwrap();
    }
}
