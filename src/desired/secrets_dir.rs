//! The secrets directory: one file a secret, its name the variable's, its content the value less trailing newlines.
//!
//! A file that can't be a secret is reported and costs only itself. A directory that can't be read is an error, never
//! an empty one. Hidden files, directories and names ending in `.tmp` are passed over in silence: that is how
//! Kubernetes and sops-nix keep their generations, and how careful writers write. No message contains a value.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::model::Secret;
use crate::sys::read_file::{ReadError, is_passing, read_regular};

use super::diagnostic::{Diagnostic, Severity};
use super::fields::MAX_ARGUMENT;
use super::stamp::Stamp;

/// Whether there is a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// There is none, which is how a machine without secrets looks, or one whose secrets aren't there yet.
    Absent,
    /// There is one, perhaps empty.
    Present,
}

/// What was read.
#[derive(Debug)]
pub struct SecretsDir {
    /// Whether there is a directory.
    pub presence: Presence,
    /// By variable.
    pub secrets: BTreeMap<String, Secret>,
    /// The files that can't be secrets.
    pub warnings: Vec<Diagnostic>,
    /// Every file that was considered.
    pub files: Vec<PathBuf>,
}

/// Reads the directory.
pub fn read(dir: &Path, stamp: &mut Stamp) -> Result<SecretsDir, Box<Diagnostic>> {
    let mut found =
        SecretsDir { presence: Presence::Present, secrets: BTreeMap::new(), warnings: Vec::new(), files: Vec::new() };
    stamp.note(dir);
    let unreadable = |error: io::Error, stamp: &mut Stamp| {
        if is_passing(&error) {
            stamp.note_unread();
        }
        let message = format!("the secrets directory can't be read: {error}");
        Box::new(Diagnostic::of_file(Severity::Error, dir, message))
    };
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        // A link that leads nowhere is a generation being swapped, not a machine without secrets.
        Err(error) if error.kind() == io::ErrorKind::NotFound && dir.symlink_metadata().is_err() => {
            found.presence = Presence::Absent;
            return Ok(found);
        }
        Err(error) => return Err(unreadable(error, stamp)),
    };
    for entry in entries {
        let entry = entry.map_err(|error| unreadable(error, stamp))?;
        let bytes = entry.file_name().into_encoded_bytes();
        let passed_over = bytes.starts_with(b".") || bytes.ends_with(b".tmp");
        if !passed_over && !entry.path().is_dir() {
            found.files.push(entry.path());
        }
    }
    found.files.sort();
    for path in &found.files {
        stamp.note(path);
        match read_secret(path) {
            Ok((name, value)) => {
                found.secrets.insert(name, value);
            }
            // It may well be a secret: without it, agents would be replaced by ones that lack it.
            Err(Problem::Read(ReadError::Io(error))) if is_passing(&error) => {
                stamp.note_unread();
                let message = format!("this secret can't be read: {error}");
                return Err(Box::new(Diagnostic::of_file(Severity::Error, path, message)));
            }
            Err(problem) => found.warnings.push(Diagnostic::of_file(Severity::Warning, path, problem.to_string())),
        }
    }
    Ok(found)
}

/// Why a file is no secret.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("this secret is skipped: its name is no variable name (letters, digits and _, not starting with a digit)")]
    Name,
    #[error("this secret is skipped: names that start with AGENTD_ are agentd's own")]
    Reserved,
    #[error("this secret is skipped: the link leads nowhere")]
    Dangling,
    #[error("this secret is skipped: it {0}")]
    Read(#[from] ReadError),
    #[error("this secret is skipped: it contains a NUL byte, which no environment variable can hold")]
    Nul,
    #[error("this secret is skipped: name and value are longer than {MAX_ARGUMENT} bytes together")]
    TooLong,
}

fn read_secret(path: &Path) -> Result<(String, Secret), Problem> {
    let name = path.file_name().and_then(|name| name.to_str()).ok_or(Problem::Name)?;
    let is_variable = !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !name.is_empty();
    if !is_variable {
        return Err(Problem::Name);
    }
    if name.starts_with("AGENTD_") {
        return Err(Problem::Reserved);
    }
    // A few bytes more than fit, for the newlines that don't count.
    let mut value = read_regular(path, MAX_ARGUMENT as u64 + 64).map_err(|error| {
        let is_link = path.symlink_metadata().is_ok_and(|meta| meta.is_symlink());
        if error.is_missing() && is_link { Problem::Dangling } else { Problem::Read(error) }
    })?;
    while value.last() == Some(&b'\n') {
        value.pop();
        value.pop_if(|last| *last == b'\r');
    }
    let value = Secret::new(value);
    if value.expose().contains(&0) {
        return Err(Problem::Nul);
    }
    if name.len() + 1 + value.expose().len() > MAX_ARGUMENT {
        return Err(Problem::TooLong);
    }
    Ok((name.to_owned(), value))
}

#[cfg(test)]
#[path = "secrets_dir_tests.rs"]
mod tests;
