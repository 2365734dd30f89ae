//! Keys as tmux names them. tmux types what it doesn't know as text, so that a typo would reach the agent: what is not known
//! here is refused.

use std::str::FromStr;

use crate::desired::diagnostic::nearest;

/// The names, in tmux's own spelling; it reads them in any case.
const NAMES: [&str; 34] = [
    "Enter", "Escape", "Space", "Tab", "BTab", "BSpace", "Up", "Down", "Left", "Right", "Home", "End", "PageUp",
    "PgUp", "PPage", "PageDown", "PgDn", "NPage", "Insert", "IC", "Delete", "DC", "F1", "F2", "F3", "F4", "F5", "F6",
    "F7", "F8", "F9", "F10", "F11", "F12",
];

/// A key that tmux knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key(String);

impl Key {
    /// The one that ends an input.
    pub(super) fn enter() -> Self {
        Self("Enter".to_owned())
    }

    /// For `send-keys`.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (modifiers, base) = split(text);
        let control = modifiers.to_ascii_uppercase().contains('C');
        let mut chars = base.chars();
        let known = match (chars.next(), chars.next()) {
            (Some(single), None) => is_single(single, control),
            _ => is_name(base),
        };
        if known {
            return Ok(Self(text.to_owned()));
        }
        let similar = nearest(base, NAMES);
        Err(match similar {
            Some(similar) => format!("tmux has no such key; did you mean {similar}?"),
            None => {
                "tmux has no such key; there are C-c, M-x, S-Up, Enter, Escape, Tab, BTab, BSpace, Space, Up, Down, \
                Left, Right, Home, End, PageUp, PageDown, Insert, Delete and F1 to F12"
                    .to_owned()
            }
        })
    }
}

/// The letters of `C-`, `M-`, `S-` and `^`, and what they modify.
fn split(text: &str) -> (String, &str) {
    let mut modifiers = String::new();
    let mut rest = text;
    if let Some(base) = rest.strip_prefix('^').filter(|base| !base.is_empty()) {
        modifiers.push('C');
        rest = base;
    }
    // What is left has at least one character: `C--` is C and a minus.
    while let [modifier, b'-', _, ..] = rest.as_bytes()
        && b"CcMmSs".contains(modifier)
    {
        modifiers.push(char::from(*modifier));
        rest = &rest[2..];
    }
    (modifiers, rest)
}

/// With C-, only the characters that terminals have a code for.
fn is_single(c: char, control: bool) -> bool {
    if control { c.is_ascii_alphabetic() || "@[\\]^_?".contains(c) } else { c.is_ascii_graphic() }
}

fn is_name(base: &str) -> bool {
    NAMES.iter().any(|name| name.eq_ignore_ascii_case(base))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tmuxs_keys_are_known() {
        for key in [
            "C-c", "c-C", "^C", "M-x", "C-M-a", "M-C-a", "S-Up", "C-Left", "F1", "F12", "enter", "a", ";", "-", "C-[",
            "M--",
        ] {
            assert_eq!(key.parse::<Key>().map(|key| key.0), Ok(key.to_owned()));
        }
    }

    #[test]
    fn what_tmux_would_type_as_text_is_refused() {
        for text in
            ["", "Entre", "C-", "C-cc", "Ctrl-C", "F13", "F0", "F+1", "C-ä", "ä", "C-\"", "C-Foo", "hello", "\n", "X-a"]
        {
            assert!(text.parse::<Key>().is_err(), "{text}");
        }
        assert!("Entre".parse::<Key>().unwrap_err().contains("Enter"));
    }
}
