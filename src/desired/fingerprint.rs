//! The fingerprint of a launch: says whether what runs is what is declared.
//!
//! Shims keep fingerprints across versions of the daemon, so **the encoding never changes**: another one would replace
//! every running agent at an upgrade. It must be unambiguous: every part has its length before it.

use std::os::unix::ffi::OsStrExt;

use sha2::{Digest, Sha256};

use crate::model::{Fingerprint, Launch, SessionName};

/// The name of the encoding, part of what is hashed.
const VERSION: &[u8] = b"agentd launch 1";

/// SHA-256 over the version, the session, the workdir, the count of arguments and each of them, and the count of
/// environment entries and each name and value in the order of the names' bytes; each text after its length, lengths
/// and counts as 64 bits, little-endian. What is prepared, its count and each word, follows where something is: agents of
/// which nothing is have the fingerprint that they had before there was such a thing.
pub fn of(session: &SessionName, launch: &Launch) -> Fingerprint {
    let mut hash = Sha256::new();
    let mut text = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    text(VERSION);
    text(session.as_str().as_bytes());
    text(launch.workdir.as_os_str().as_bytes());
    // A count is a text of eight bytes: one shape for everything.
    text(&(launch.argv.len() as u64).to_le_bytes());
    for argument in &launch.argv {
        text(argument.to_bytes());
    }
    text(&(launch.env.len() as u64).to_le_bytes());
    for (name, value) in &launch.env {
        text(name.as_bytes());
        text(value.expose());
    }
    if !launch.prepare.is_empty() {
        text(&(launch.prepare.len() as u64).to_le_bytes());
        for word in &launch.prepare {
            text(word.to_bytes());
        }
    }
    Fingerprint(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Write;

    use crate::model::{Extra, Secret};

    use super::*;

    fn hex(session: &str, argv: &[&str], workdir: &str, env: &[(&str, &str)]) -> String {
        prepared(session, argv, workdir, env, &[])
    }

    fn prepared(session: &str, argv: &[&str], workdir: &str, env: &[(&str, &str)], prepare: &[&str]) -> String {
        let words = |words: &[&str]| words.iter().map(|word| std::ffi::CString::new(*word).unwrap()).collect();
        let launch = Launch {
            argv: words(argv),
            workdir: workdir.into(),
            env: env.iter().map(|(name, value)| ((*name).into(), Secret::new(*value))).collect::<BTreeMap<_, _>>(),
            extra: Extra::default(),
            prepare: words(prepare),
        };
        of(&SessionName::new(session).unwrap(), &launch).0.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    }

    /// These were computed by another program. If this test fails, the code is wrong, never the test.
    #[test]
    fn the_encoding_never_changes() {
        assert_eq!(hex("s", &["a"], "/", &[]), "50c347beb3d6729ba66faea2446e544235edf2b32a08f4bb3ca1880ca6e250f0");
        assert_eq!(
            hex("reviewer", &["claude", "-p", "do it"], "/home/agent/workspace", &[("A", "1"), ("KEY", "sk-1")]),
            "cea26a44debac7c54c59fe098caaefa331877b5fffda946f02c96e0561f145db"
        );
        assert_eq!(
            prepared("s", &["a"], "/", &[], &["claude-code", "--bypass"]),
            "decb5a77b1b520a88fd14311ed7fbaaa05115e38f80ec65f0e683c28f222f7c5"
        );
    }

    #[test]
    fn no_two_launches_are_encoded_alike() {
        let all = [
            hex("s", &["a"], "/", &[]),
            hex("t", &["a"], "/", &[]),
            hex("s", &["b"], "/", &[]),
            hex("s", &["a", ""], "/", &[]),
            hex("s", &["a", "b"], "/", &[]),
            hex("s", &["ab"], "/", &[]),
            hex("s", &["a"], "/x", &[]),
            hex("s", &["a"], "/", &[("A", "1")]),
            hex("s", &["a"], "/", &[("A1", "")]),
            hex("s", &["a", "A", "1"], "/", &[]),
            prepared("s", &["a"], "/", &[], &["x"]),
            prepared("s", &["a"], "/", &[], &["x", ""]),
            prepared("s", &["a"], "/", &[("x", "")], &["x"]),
        ];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
    }
}
