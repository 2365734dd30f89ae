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
    if stdout.is_terminal() {
        serde_json::to_writer_pretty(&mut stdout, value)?;
    } else {
        serde_json::to_writer(&mut stdout, value)?;
    }
    writeln!(stdout)?;
    stdout.flush()
}

/// A text that an agent may have had a hand in, without what a terminal would obey.
pub fn harmless(text: &str) -> Cow<'_, str> {
    // The last ones are invisible and turn the direction of what follows.
    let is_harmful = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.contains(is_harmful) { text.replace(is_harmful, "\u{fffd}").into() } else { text.into() }
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
}
