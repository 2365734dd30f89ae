//! Whether an agent's program is where its launch would look for it. Looked at with its user's rights.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::sys::probe::{RunError, Said, head, may};

use super::finding::{Finding, word};

/// The first line of a script is read so far.
const FIRST_LINE: u64 = 512;

/// What there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// It is there.
    Found(PathBuf),
    /// It is there, but what its first line names isn't.
    NoInterpreter(PathBuf, String),
    /// It is there, but can't be executed.
    Closed(PathBuf, String),
    /// It isn't there.
    Missing,
}

/// Looks as execvp(3) does, from the workdir.
pub fn look(program: &OsStr, path: &OsStr, workdir: &Path) -> Program {
    match find(program, path, workdir) {
        Found::At(file) => match missing_interpreter(&file, path, workdir) {
            None => Program::Found(file),
            Some(interpreter) => Program::NoInterpreter(file, interpreter),
        },
        Found::Closed(file, why) => Program::Closed(file, why),
        Found::Nowhere => Program::Missing,
    }
}

enum Found {
    At(PathBuf),
    Closed(PathBuf, String),
    Nowhere,
}

fn find(program: &OsStr, path: &OsStr, workdir: &Path) -> Found {
    let candidates: Vec<PathBuf> = if program.as_bytes().contains(&b'/') {
        vec![workdir.join(program)]
    } else {
        let directories = path.as_bytes().split(|byte| *byte == b':');
        directories.map(|directory| workdir.join(OsStr::from_bytes(directory)).join(program)).collect()
    };
    let mut closed = Found::Nowhere;
    for candidate in candidates {
        match candidate.metadata() {
            Ok(meta) if meta.is_file() => match may(&candidate, "x") {
                Ok(()) => return Found::At(candidate),
                Err(error) => closed = Found::Closed(candidate, error.to_string()),
            },
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                closed = Found::Closed(candidate, error.to_string());
            }
            // Something else, or nothing: it may come later in the path.
            Ok(_) | Err(_) => {}
        }
    }
    closed
}

/// What the first line of a script names, if that isn't there.
fn missing_interpreter(file: &Path, path: &OsStr, workdir: &Path) -> Option<String> {
    // A program that can be executed but not read is no script.
    let start = head(file, FIRST_LINE).ok()?;
    let words = shebang(&start)?;
    let (interpreter, rest) = words.split_first()?;
    if let Found::At(_) = find(interpreter, path, workdir) {
        let is_env = Path::new(interpreter).file_name() == Some(OsStr::new("env"));
        let named = rest.iter().find(|word| !word.as_bytes().starts_with(b"-") && !word.as_bytes().contains(&b'='));
        let named = named.filter(|_| is_env)?;
        return if let Found::At(_) = find(named, path, workdir) { None } else { Some(named.to_string_lossy().into()) };
    }
    Some(interpreter.to_string_lossy().into())
}

/// The words after `#!`.
fn shebang(start: &[u8]) -> Option<Vec<OsString>> {
    let line = start.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    Some(words.map(|word| OsStr::from_bytes(word).to_owned()).collect())
}

/// What is wrong with it, if anything is. `install` gets it.
pub fn judge(found: &Program, program: &OsStr, path: &OsStr, install: Option<&str>) -> Option<Finding> {
    let (name, path) = (program.to_string_lossy(), path.to_string_lossy());
    let or_path = "set PATH in the agent's `env`";
    match found {
        Program::Found(_) => None,
        Program::Missing => {
            let what = if name.contains('/') {
                format!("its program {name} does not exist")
            } else {
                format!("its program {name} was not found in its PATH ({path})")
            };
            let finding = Finding::problem("agent-program", what);
            Some(match install {
                Some(how) if !name.contains('/') => finding.mend(how),
                Some(_) | None => finding.advise(format!("install it, or {or_path}")),
            })
        }
        Program::Closed(file, why) => {
            let shown = file.display();
            Some(
                Finding::problem("agent-program", format!("its program {shown} can't be executed: {why}"))
                    .mend(format!("namei -l {}    # its user needs x on it, and on each directory above", word(file))),
            )
        }
        Program::NoInterpreter(file, interpreter) => {
            let what = format!(
                "its program {} needs {interpreter}, which is not there or not in its PATH ({path})",
                file.display()
            );
            Some(Finding::problem("agent-interpreter", what).advise(format!("install {interpreter}, or {or_path}")))
        }
    }
}

/// What a program said of its version: the words for the agent's line, or what is wrong.
pub fn judge_version(program: &str, said: &Result<Said, RunError>) -> Result<String, Finding> {
    let warning = |what: String| {
        Err(Finding::warning("agent-version", what).advise(format!("try `{program} --version` as the agents' user")))
    };
    match said {
        Err(error) => warning(format!("{program} --version {error}")),
        Ok(said) if !said.status.success() => {
            let why = first_line(&said.errors).or_else(|| first_line(&said.output)).unwrap_or_default();
            warning(format!("{program} --version failed ({}): {why}", said.status))
        }
        Ok(said) => match first_line(&said.output) {
            Some(line) if line.contains(program) => Ok(line),
            Some(line) => Ok(format!("{program} {line}")),
            None => warning(format!("{program} --version says nothing")),
        },
    }
}

fn first_line(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.chars().take(60).collect())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn file(dir: &Path, name: &str, text: &str, mode: u32) {
        let path = dir.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_program_is_looked_for_as_its_launch_would() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path();
        let path = dir.as_os_str();
        file(dir, "plain", "\x7fELF", 0o755);
        file(dir, "closed", "", 0o644);
        file(dir, "script", "#!/bin/sh -e\n", 0o755);
        file(dir, "node-script", "#!/usr/bin/env -S FOO=1 no-such-node --x\n", 0o755);
        file(dir, "plain-script", "#! /usr/bin/env plain\n", 0o755);
        file(dir, "orphan", "#!/none/sh\n", 0o755);
        std::fs::create_dir(dir.join("directory")).unwrap();
        let found = |name: &str| look(OsStr::new(name), path, dir);
        let at = |name: &str| Program::Found(dir.join(name));
        assert_eq!(found("plain"), at("plain"));
        assert_eq!(found("./plain"), at("./plain"));
        assert_eq!(found("script"), at("script"));
        assert_eq!(found("plain-script"), at("plain-script"));
        assert_eq!(found("node-script"), Program::NoInterpreter(dir.join("node-script"), "no-such-node".into()));
        assert_eq!(found("orphan"), Program::NoInterpreter(dir.join("orphan"), "/none/sh".into()));
        assert!(matches!(found("closed"), Program::Closed(..)));
        assert_eq!(found("directory"), Program::Missing);
        assert_eq!(found("none"), Program::Missing);
    }

    #[test]
    fn each_way_not_to_be_there_is_a_finding() {
        let check =
            |found: Program| judge(&found, OsStr::new("x"), OsStr::new("/bin"), None).map(|finding| finding.check);
        assert_eq!(check(Program::Found("/x".into())), None);
        assert_eq!(check(Program::Missing), Some("agent-program"));
        assert_eq!(check(Program::Closed("/x".into(), "no".into())), Some("agent-program"));
        assert_eq!(check(Program::NoInterpreter("/x".into(), "node".into())), Some("agent-interpreter"));
    }

    #[test]
    fn a_version_is_the_first_line_that_says_something() {
        let said = |status, output: &str, errors: &str| {
            let status = std::process::ExitStatus::from_raw(status);
            judge_version("claude", &Ok(Said { status, output: output.into(), errors: errors.into() }))
        };
        assert_eq!(said(0, "\n2.1.329 (Claude Code)\nx", "").unwrap(), "claude 2.1.329 (Claude Code)");
        assert_eq!(said(0, "claude-cli 3", "").unwrap(), "claude-cli 3");
        assert!(said(256, "", "broken").unwrap_err().what.ends_with("broken"));
        assert!(said(0, "", "").is_err());
        let slow = judge_version("claude", &Err(RunError::Slow(std::time::Duration::from_secs(5)))).unwrap_err();
        assert_eq!(slow.what, "claude --version did not answer within 5 s");
    }
}
