//! The table of `src/lib.rs`, held against the code.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};

/// Each room, and which of the others it may name.
const MAY_IMPORT: [(&str, &[&str]); 9] = [
    ("model", &[]),
    ("sys", &["model", "shim::protocol"]),
    ("shim", &[]),
    ("reconcile", &["model"]),
    ("desired", &["model", "sys"]),
    ("observed", &["model", "shim::protocol"]),
    ("execute", &["model", "sys", "shim::protocol", "observed", "reconcile"]),
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

#[test]
fn unsafe_code_is_in_its_rooms() {
    let is_room = |file: &Path| file.starts_with(source().join("sys")) || file.starts_with(source().join("shim/sys"));
    let outside = files_below(&source()).into_iter().filter(|file| !is_room(file) && !file.ends_with("shim/sys.rs"));
    for file in outside {
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains("allow(unsafe_code"), "{} allows unsafe code", file.display());
    }
}
