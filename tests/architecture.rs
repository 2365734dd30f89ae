//! The table of `src/lib.rs`, held against the code.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};

/// Each room, and which of the others it may name.
const MAY_IMPORT: [(&str, &[&str]); 10] = [
    ("model", &[]),
    ("sys", &["model", "shim::protocol"]),
    ("shim", &[]),
    ("reconcile", &["model"]),
    ("dialect", &["model"]),
    ("desired", &["model", "sys", "dialect"]),
    ("observed", &["model", "shim::protocol"]),
    ("execute", &["model", "sys", "shim::protocol", "observed", "reconcile", "dialect"]),
    ("status", &["model", "reconcile"]),
    ("api", &["model", "status", "sys"]),
];

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn rooms_import_only_what_the_table_allows() {
    let mut broken = Vec::new();
    for (room, allowed) in MAY_IMPORT {
        let mut files = vec![source().join(format!("{room}.rs"))];
        if source().join(room).is_dir() {
            files.extend(files_below(&source().join(room)));
        }
        for file in files.into_iter().filter(|file| file.exists()) {
            let text = fs::read_to_string(&file).unwrap();
            for (number, line) in text.lines().enumerate() {
                for import in line.split("crate::").skip(1) {
                    let fits = |name: &&str| import.starts_with(*name);
                    if !(import.starts_with(room) || allowed.iter().any(fits)) {
                        broken.push(format!("{}:{}: {}", file.display(), number + 1, line.trim()));
                    }
                }
            }
        }
    }
    assert!(broken.is_empty(), "against the table in src/lib.rs:\n{}", broken.join("\n"));
}

/// Whether a line has the keyword, and not a lint's name or a comment about it.
fn is_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.split(|letter: char| !(letter.is_alphanumeric() || letter == '_')).any(|word| word == "unsafe")
}

#[test]
fn unsafe_code_is_in_its_rooms_and_says_why_it_is_safe() {
    let is_room = |file: &Path| {
        let rooms = ["sys", "shim/sys", "shim/sys.rs"];
        rooms.iter().any(|room| file.starts_with(source().join(room)))
    };
    let mut broken = Vec::new();
    for file in files_below(&source()) {
        let text = fs::read_to_string(&file).unwrap();
        let lines: Vec<_> = text.lines().collect();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| is_unsafe(line)) {
            // clippy finds out whether it is the very comment of the block; a function's is for its callers.
            let above = &lines[at.saturating_sub(8)..at];
            let reason = if line.contains("unsafe fn") { "# Safety" } else { "SAFETY:" };
            if !(is_room(&file) && above.iter().any(|line| line.contains(reason))) {
                broken.push(format!("{}:{}: {}", file.display(), at + 1, line.trim()));
            }
        }
    }
    assert!(broken.is_empty(), "outside its rooms, or without a reason:\n{}", broken.join("\n"));
}

/// The functions of the black-box tests, as the test binary names them.
fn blackbox_tests() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/blackbox");
    let mut names = Vec::new();
    for file in files_below(&root) {
        let module = file.strip_prefix(&root).unwrap().with_extension("");
        let module = module.to_str().unwrap().replace('/', "::");
        let text = fs::read_to_string(&file).unwrap();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if line == "#[test]" {
                let name = lines.next().unwrap().trim_start_matches("fn ").split('(').next().unwrap();
                names.push(format!("{module}::{name}"));
            }
        }
    }
    names
}

#[test]
fn the_threat_model_names_the_tests_that_there_are() {
    let text = fs::read_to_string(source().join("threat_model.md")).unwrap();
    let rows = text.split("# What is tried").nth(1).unwrap().split("\n# ").next().unwrap();
    let named: Vec<&str> = rows.split('`').filter(|part| part.contains("::")).collect();
    let tests = blackbox_tests();
    for name in &named {
        assert!(tests.iter().any(|test| test == name), "no such test: {name}");
    }
    for test in tests.iter().filter(|test| test.starts_with("threats::")) {
        assert!(named.contains(&test.as_str()), "{test} tries a threat that isn't in src/threat_model.md");
    }
    let lines = rows.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| threat"));
    for line in lines {
        assert!(line.contains("::"), "no test tries this: {line}");
    }
}
