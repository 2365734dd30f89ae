//! What agents write to a terminal: what is shown of it elsewhere commands no terminal.
#![no_main]

use agentd::cli::output::{harmless, harmless_json};
use agentd::fuzzing::last_lines;
use libfuzzer_sys::fuzz_target;

/// Whether a terminal would take anything in it for a command that is no style.
fn commands(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_control() && !matches!(c, '\n' | '\t')) {
        let Some(style) = rest[at..].strip_prefix("\x1b[") else { return true };
        let parameters = style.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, ';' | ':'));
        let Some(after) = parameters.strip_prefix('m') else { return true };
        rest = after;
    }
    false
}

fuzz_target!(|input: (u8, &[u8])| {
    let (most, bytes) = input;
    let shown = last_lines(bytes, usize::from(most));
    let shown = std::str::from_utf8(&shown).expect("what is shown is text");
    assert!(!commands(shown), "{shown:?}");
    assert!(shown.matches('\n').count() <= usize::from(most));

    let text = String::from_utf8_lossy(bytes);
    let clean = harmless(&text);
    assert!(!clean.contains(char::is_control));
    assert_eq!(harmless(&clean), clean);
    let json = serde_json::to_string(&text).unwrap();
    let clean = harmless_json(&json);
    assert!(!clean.contains(char::is_control));
    assert_eq!(serde_json::from_str::<String>(&clean).unwrap(), text);
});
