//! A settings file of an agent program, as far as it can be understood. What it holds may be a key: no message shows it.

use std::path::Path;

use crate::cli::doctor::finding::Finding;
use crate::sys::read_file::read_regular;

/// The files of people who use a program for years grow to a few megabytes.
const LONGEST: u64 = 32 << 20;

/// What is there.
#[derive(Debug)]
pub enum Document<T> {
    /// Nothing.
    Missing,
    /// Something else, and what is wrong with it.
    Broken(Finding),
    /// This.
    Read(T),
}

impl<T> Document<T> {
    /// What is there, if it is understood.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Read(value) => Some(value),
            Self::Missing | Self::Broken(_) => None,
        }
    }

    /// What is wrong, if something is.
    pub fn into_finding(self) -> Option<Finding> {
        match self {
            Self::Broken(finding) => Some(finding),
            Self::Missing | Self::Read(_) => None,
        }
    }
}

/// Reads JSON.
pub fn json(path: &Path) -> Document<serde_json::Value> {
    read(path, |bytes| {
        let parsed = serde_json::from_slice(bytes);
        parsed.map_err(|error| format!("is no JSON (line {}, column {})", error.line(), error.column()))
    })
}

/// Reads TOML.
pub fn toml(path: &Path) -> Document<toml::Table> {
    read(path, |bytes| {
        // The parser's own words quote what it read.
        let text = str::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())?;
        text.parse().map_err(|_: toml::de::Error| "is no TOML".to_owned())
    })
}

fn read<T>(path: &Path, parse: impl FnOnce(&[u8]) -> Result<T, String>) -> Document<T> {
    let broken = |why: String| {
        let shown = path.display();
        Document::Broken(
            Finding::problem("agent-settings", format!("{shown} {why}")).advise(format!("mend or remove {shown}")),
        )
    };
    match read_regular(path, LONGEST) {
        Ok(bytes) => parse(&bytes).map_or_else(broken, Document::Read),
        Err(error) if error.is_missing() => Document::Missing,
        Err(error) => broken(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_a_finding_that_shows_nothing_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        assert!(matches!(json(&path), Document::Missing));
        for text in ["{\"key\": sk-secret}", "sk-secret = = sk-secret", "\u{0}sk-secret"] {
            std::fs::write(&path, text).unwrap();
            for finding in [json(&path).into_finding(), toml(&path).into_finding()] {
                let finding = finding.unwrap();
                assert_eq!(finding.check, "agent-settings");
                assert!(!format!("{finding:?}").contains("sk-secret"), "{finding:?}");
            }
        }
        std::fs::write(&path, "a = 1").unwrap();
        assert!(toml(&path).value().is_some());
        assert!(json(dir.path()).into_finding().unwrap().what.contains("a directory"));
    }
}
