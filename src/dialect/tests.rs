//! What real programs said, through what understands them. `tests/fixtures` says how it was recorded.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::model::Key;

/// When the fixtures were recorded, more or less.
const NOW: Moment = Moment { unix: 1_795_831_200, utc_offset: 0 };

fn fixtures(kind: &str, dialect: Dialect) -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(kind).join(dialect.as_str());
    let files = std::fs::read_dir(directory).into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|kind| kind == "jsonl")).collect();
    files.sort();
    files
        .iter()
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read(path).unwrap()))
        .collect()
}

/// What is told, as one line.
fn line(notices: &Notices) -> String {
    notices.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" | ")
}

/// What came of a stream: all that was told, what is left of it in the end, and the text.
fn hear(dialect: Dialect, stream: &[u8]) -> (Vec<Notices>, Notices, String) {
    let mut speech = Stream::new(dialect);
    let lines = stream.split_inclusive(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\n").unwrap_or(line));
    let mut said: Vec<Said> = lines.map(|line| speech.line(line, NOW)).collect();
    said.push(speech.end(NOW));
    let text = said.iter().flat_map(|said| said.text.clone()).collect();
    let told: Vec<Notices> = said.into_iter().map(|said| said.notices).filter(|notices| !notices.is_empty()).collect();
    let mut left = Notices::new();
    told.iter().for_each(|notices| left.update(notices.clone()));
    (told, left, String::from_utf8(text).unwrap())
}

fn report(dialect: Dialect) -> String {
    let mut report = String::new();
    for (name, stream) in fixtures("streams", dialect) {
        let (told, _, text) = hear(dialect, &stream);
        writeln!(report, "=== {name}").unwrap();
        told.iter().for_each(|notices| writeln!(report, "[{}]", line(notices)).unwrap());
        report += &text;
    }
    report
}

#[test]
fn streams_of_claude() {
    insta::assert_snapshot!(report(Dialect::ClaudeCode));
}

#[test]
fn streams_of_codex() {
    insta::assert_snapshot!(report(Dialect::Codex));
}

#[test]
fn streams_of_gemini() {
    insta::assert_snapshot!(report(Dialect::GeminiCli));
}

#[test]
fn streams_of_qwen() {
    insta::assert_snapshot!(report(Dialect::QwenCode));
}

#[test]
fn streams_of_opencode() {
    insta::assert_snapshot!(report(Dialect::OpenCode));
}

#[test]
fn hooks_tell_what_they_are_handed() {
    let mut report = String::new();
    for dialect in Dialect::ALL {
        for (name, payloads) in fixtures("hooks", dialect) {
            writeln!(report, "=== {} {name}", dialect.as_str()).unwrap();
            for payload in payloads.split(|byte| *byte == b'\n').filter(|payload| !payload.is_empty()) {
                writeln!(report, "[{}]", line(&hook(dialect, payload, NOW))).unwrap();
            }
        }
    }
    insta::assert_snapshot!(report);
}
