//! A configuration, from bytes to what is declared or to every mistake.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use agentd::desired::{MissingPrompt, Sources, load};
use libfuzzer_sys::fuzz_target;

const SECRET: &str = "xyzzy-0123456789";

/// A configuration's surroundings: a prompt, secrets, a directory in place of each.
static PLACE: LazyLock<(tempfile::TempDir, Sources)> = LazyLock::new(|| {
    let dir = tempfile::Builder::new().tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir(at("secrets")).unwrap();
    fs::write(at("secrets/TOKEN"), SECRET).unwrap();
    fs::write(at("prompt.md"), "Do it.\n").unwrap();
    let sources = Sources {
        config: at("jcard.toml"),
        secret_dir: Some(at("secrets")),
        credentials_dir: None,
        missing_prompt: MissingPrompt::Mistake,
        agent_home: PathBuf::from("/home/agent"),
    };
    (dir, sources)
});

fuzz_target!(|bytes: &[u8]| {
    let (_, sources) = &*PLACE;
    fs::write(&sources.config, bytes).unwrap();
    let (first, second) = (load(sources), load(sources));
    let texts = |loaded: &agentd::desired::Loaded| {
        let warnings = loaded.warnings.iter().map(ToString::to_string);
        loaded.result.as_ref().err().map(ToString::to_string).into_iter().chain(warnings).collect::<Vec<_>>()
    };
    assert_eq!(texts(&first), texts(&second));
    for text in texts(&first) {
        assert!(!text.contains(SECRET));
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
        assert!(!text.trim().is_empty());
    }
    assert_eq!(first.result.ok(), second.result.ok());
});
