//! A scripted agent for the tests: does what its arguments say, one after another, then waits if the last is `wait`.
//!
//! - `record NAME`: writes its arguments, environment, working directory and pid to the file `NAME` (JSON, bytes in hex)
//! - `print TEXT`: prints a line
//! - `exit CODE`, `signal NUMBER`: ends so
//! - `ignore NUMBER`: ignores a signal
//! - `setsid NAME`, `double-fork NAME`: leaves a child that waits in a session of its own, and writes its pid to `NAME`
//! - `touch NAME`, `await NAME`: makes a file; waits until there is one
//! - `wait`: waits for ever
//! - `--`: the rest is not for it
#![allow(clippy::zombie_processes, reason = "what it leaves is what the tests look for")]
#![allow(unsafe_code, clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stdout)]

use std::fmt::Write as _;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::process::Command;

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    while let Some(verb) = arguments.next() {
        let mut operand = || arguments.next().unwrap().into_string().unwrap();
        match verb.to_str().unwrap() {
            "record" => record(&operand()),
            "print" => println!("{}", operand()),
            "exit" => std::process::exit(operand().parse().unwrap()),
            // SAFETY: integers only.
            "signal" => drop(unsafe { libc::kill(libc::getpid(), operand().parse().unwrap()) }),
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

/// The file is there only when it is whole.
fn complete(name: &str, text: &str) {
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
    complete(name, &text);
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
