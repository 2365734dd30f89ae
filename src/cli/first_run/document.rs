//! A settings file of an agent program, as far as it can be understood. What it holds may be a key: no message shows it.

use std::fmt;
use std::path::PathBuf;

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::CstRootNode;
use serde_json::Value;

use crate::sys::read_file::read_regular;

/// The files of people who use a program for years grow to a few megabytes.
pub const LONGEST: u64 = 32 << 20;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON.
    Json,
    /// JSON with comments.
    CommentedJson,
    /// TOML.
    Toml,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where.
    pub path: PathBuf,
    /// How it is written.
    pub format: Format,
    /// Whether its program makes a directory `FILE.lock` while it writes.
    pub is_locked: bool,
}

/// A file that isn't understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Where.
    pub path: PathBuf,
    /// What it is instead.
    pub why: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path.display(), self.why)
    }
}

impl Place {
    /// A file that its program writes without a lock.
    pub fn new(path: PathBuf, format: Format) -> Self {
        Self { path, format, is_locked: false }
    }

    /// What is there; null if nothing is.
    pub fn read(&self) -> Result<Value, Broken> {
        let broken = |why: String| Broken { path: self.path.clone(), why };
        match read_regular(&self.path, LONGEST) {
            Ok(bytes) => self.format.parse(&bytes).map_err(broken),
            Err(error) if error.is_missing() => Ok(Value::Null),
            Err(error) => Err(broken(error.to_string())),
        }
    }
}

impl Format {
    /// What a text says; else what it is. The parsers' own words quote what they read.
    pub fn parse(self, bytes: &[u8]) -> Result<Value, String> {
        let text = str::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())?;
        match self {
            Self::Json => serde_json::from_str(text)
                .map_err(|error| format!("is no JSON (line {}, column {})", error.line(), error.column())),
            Self::CommentedJson => {
                let parsed = CstRootNode::parse(text, &COMMENTED);
                let parsed = parsed.map_err(|error| format!("is no JSON (line {})", error.line_display()))?;
                parsed.to_serde_value().ok_or_else(|| "is no JSON".to_owned())
            }
            Self::Toml => toml::from_str(text).map_err(|_| "is no TOML".to_owned()),
        }
    }
}

/// As Node.js reads it once its comments are stripped.
pub const COMMENTED: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_told_and_nothing_of_it_is_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let read = |format| Place::new(path.clone(), format).read();
        assert_eq!(read(Format::Json), Ok(Value::Null));
        for text in ["{\"key\": sk-secret}", "sk-secret = = sk-secret", "\u{0}sk-secret", "/* */ [1,] // sk-secret"] {
            std::fs::write(&path, text).unwrap();
            for format in [Format::Json, Format::CommentedJson, Format::Toml] {
                let told = read(format).unwrap_err().to_string();
                assert!(told.contains(" is no ") && !told.contains("sk-secret"), "{told}");
            }
        }
        std::fs::write(&path, "a = 1").unwrap();
        assert_eq!(read(Format::Toml), Ok(serde_json::json!({ "a": 1 })));
        std::fs::write(&path, "{ /* why */ \"a\": 1 } // x").unwrap();
        assert_eq!(read(Format::CommentedJson), Ok(serde_json::json!({ "a": 1 })));
        assert!(read(Format::Json).is_err());
        let directory = Place::new(dir.path().to_owned(), Format::Json).read().unwrap_err();
        assert!(directory.why.contains("a directory"));
    }
}
