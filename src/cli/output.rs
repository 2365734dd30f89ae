//! What a command writes: to standard output, in colours for those who want them, and without anything that a terminal
//! would take for a command.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::desired::diagnostic::Look;

/// Colours only for a terminal, and not if the user asked for none: `NO_COLOR` set to anything but the empty string.
pub fn look() -> Look {
    look_of(io::stdout().is_terminal(), std::env::var_os("NO_COLOR").as_deref())
}

fn look_of(is_terminal: bool, no_color: Option<&OsStr>) -> Look {
    let refused = no_color.is_some_and(|value| !value.is_empty());
    if is_terminal && !refused { Look::Colour } else { Look::Plain }
}

/// Writes a value as JSON, indented for people at a terminal and on one line for programs.
pub fn json(value: &impl Serialize) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let is_for_people = stdout.is_terminal();
    let text = if is_for_people { serde_json::to_string_pretty(value)? } else { serde_json::to_string(value)? };
    writeln!(stdout, "{}", harmless_json(&text))?;
    stdout.flush()
}

/// The same JSON without what a terminal would obey: its own escapes take care only of what is below the space.
pub fn harmless_json(text: &str) -> Cow<'_, str> {
    let is_harmful = |c: char| c != '\n' && is_harmful(c);
    if !text.contains(is_harmful) {
        return text.into();
    }
    let escaped = |c: char| if is_harmful(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    text.chars().map(escaped).collect::<Vec<_>>().concat().into()
}

/// A text that an agent may have had a hand in, without what a terminal would obey.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if text.contains(is_harmful) { text.replace(is_harmful, "\u{fffd}").into() } else { text.into() }
}

fn is_harmful(c: char) -> bool {
    // The last ones are invisible and turn the direction of what follows.
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_of_those_who_want_them() {
        assert_eq!(look_of(true, None), Look::Colour);
        assert_eq!(look_of(true, Some(OsStr::new(""))), Look::Colour);
        assert_eq!(look_of(true, Some(OsStr::new("1"))), Look::Plain);
        assert_eq!(look_of(false, None), Look::Plain);
    }

    #[test]
    fn what_a_terminal_would_obey_is_not_written() {
        assert_eq!(harmless("plain ä → 🦀"), "plain ä → 🦀");
        assert_eq!(harmless("\u{1b}]0;x\u{7}\u{9b}2J\u{202e}"), "\u{fffd}]0;x\u{fffd}\u{fffd}2J\u{fffd}");
    }

    #[test]
    fn json_stays_the_same_without_it() {
        let text = serde_json::to_string(&["\u{1b}[2J ä\n", "\u{9b}2J\u{7f}\u{202e}"]).unwrap();
        assert_eq!(harmless_json(&text), r#"["\u001b[2J ä\n","\u009b2J\u007f\u202e"]"#);
        let back = |text: &str| serde_json::from_str::<Vec<String>>(text).unwrap();
        assert_eq!(back(&harmless_json(&text)), back(&text));
        assert_eq!(harmless_json("[\n  1\n]"), "[\n  1\n]");
    }
}
