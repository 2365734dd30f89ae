//! From an order's bytes to the program, in the child. Nothing here may return to the shim's own code.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;

use super::sys;

/// Where programs are looked for without a `PATH`, as execvp(3) does.
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";

/// Executes `argv`, looked up in the `PATH` of `env`, as execvp(3) does. Returns only the error.
pub(super) fn execute(argv: &[Vec<u8>], env: &[Vec<u8>], inherited: &[Vec<u8>]) -> io::Error {
    let missing = inherited.iter().filter(|entry| !env.iter().any(|own| name(own) == name(entry)));
    match (c_strings(argv), c_strings(env.iter().chain(missing))) {
        (Ok(argv), Ok(c_env)) => search(&argv, &c_env, value(env, b"PATH").unwrap_or(DEFAULT_PATH)),
        (Err(error), _) | (_, Err(error)) => error,
    }
}

/// Enters the workdir.
pub(super) fn enter(workdir: &[u8]) -> io::Result<()> {
    std::env::set_current_dir(OsStr::from_bytes(workdir))
}

fn search(argv: &[CString], env: &[CString], path: &[u8]) -> io::Error {
    let Some(program) = argv.first() else { return io::Error::from_raw_os_error(libc::EINVAL) };
    if program.is_empty() {
        return io::Error::from_raw_os_error(libc::ENOENT);
    }
    if program.as_bytes().contains(&b'/') {
        return try_one(program, argv, env);
    }
    let mut forbidden = None;
    for directory in path.split(|byte| *byte == b':') {
        let mut candidate = directory.to_vec();
        if !directory.is_empty() {
            candidate.push(b'/');
        }
        candidate.extend_from_slice(program.as_bytes());
        let Ok(candidate) = CString::new(candidate) else { continue };
        let error = try_one(&candidate, argv, env);
        match error.raw_os_error() {
            // Others may come later in the path, but if not, this is what is of interest.
            Some(libc::EACCES) => forbidden = Some(error),
            Some(libc::ENOENT | libc::ESTALE | libc::ENOTDIR | libc::ENODEV | libc::ETIMEDOUT) => {}
            _ => return error,
        }
    }
    forbidden.unwrap_or_else(|| io::Error::from_raw_os_error(libc::ENOENT))
}

/// A file that no loader knows is a script without `#!`.
fn try_one(program: &CString, argv: &[CString], env: &[CString]) -> io::Error {
    let error = sys::execve(program, argv, env);
    if error.raw_os_error() != Some(libc::ENOEXEC) {
        return error;
    }
    let shell = c"/bin/sh".to_owned();
    // A name that the shell would take for an option is a file beside it.
    let script = if program.as_bytes().starts_with(b"-") {
        CString::new([b"./", program.as_bytes()].concat()).unwrap_or_else(|_| program.clone())
    } else {
        program.clone()
    };
    let arguments = argv.iter().skip(1).cloned();
    let shell_argv: Vec<CString> = [shell.clone(), script].into_iter().chain(arguments).collect();
    sys::execve(&shell, &shell_argv, env)
}

fn c_strings<'a>(values: impl IntoIterator<Item = &'a Vec<u8>>) -> io::Result<Vec<CString>> {
    let string = |value: &Vec<u8>| CString::new(value.as_slice());
    values.into_iter().map(string).collect::<Result<_, _>>().map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}

/// The name of a variable.
pub(super) fn name(entry: &[u8]) -> &[u8] {
    entry.split(|byte| *byte == b'=').next().unwrap_or_default()
}

/// The first of several, as getenv(3) finds it.
fn value<'a>(env: &'a [Vec<u8>], wanted: &[u8]) -> Option<&'a [u8]> {
    let entry = env.iter().find(|entry| name(entry) == wanted)?;
    entry.get(wanted.len().saturating_add(1)..)
}
