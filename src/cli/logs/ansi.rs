//! What of an agent's text may reach the reader's terminal: characters, and the sequences that set colours and weight
//! (SGR). The agent isn't trusted: anything else could write the clipboard, move the cursor or answer in the reader's
//! place. Each line ends as the terminal was before it, and begins with what an earlier one has set.

use std::collections::BTreeMap;

use crate::desired::diagnostic::Look;

/// The parameters of a sequence that is longer are nothing that a terminal knows.
const LONGEST: usize = 64;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Its text alone.
    pub(super) text: String,
    /// What is written for it.
    pub(super) shown: String,
}

/// The lines of a text, up to the last one that has something on it.
pub(super) fn lines(text: &str, look: Look) -> Vec<Line> {
    let mut filter = Filter::default();
    let mut lines: Vec<Line> = text.lines().map(|line| filter.line(line, look)).collect();
    let end = lines.iter().rposition(|line| !line.text.is_empty()).map_or(0, |last| last + 1);
    lines.truncate(end);
    lines
}

/// Where in a sequence it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Text,
    /// After ESC, perhaps with more before its last character.
    Escape,
    /// After `ESC [`, with what came of it.
    Control(String),
    /// In the text of a command to the terminal, which ends with BEL, ST or `ESC \`.
    Command,
    /// After an ESC in there.
    CommandEscape,
}

/// The state of a terminal that knows nothing but colours.
#[derive(Debug, Default)]
struct Filter {
    at: At,
    style: Style,
}

impl Filter {
    fn line(&mut self, raw: &str, look: Look) -> Line {
        // A sequence that isn't complete at the end of its line hides nothing behind it.
        self.at = At::Text;
        let (mut text, mut shown) = (String::new(), String::new());
        let paints = look == Look::Colour;
        if paints {
            shown.push_str(&self.style.sequence());
        }
        let mut is_painted = !shown.is_empty();
        for c in raw.chars() {
            match self.take(c) {
                Some(Piece::Text(c)) => {
                    text.push(c);
                    shown.push(c);
                }
                Some(Piece::Colour(parameters)) => {
                    if paints {
                        shown.push_str(&sgr(&parameters));
                        is_painted = true;
                    }
                    self.style.apply(&parameters);
                }
                None => {}
            }
        }
        if is_painted {
            shown.push_str("\x1b[0m");
        }
        text.truncate(text.trim_end().len());
        if !is_painted {
            shown.clone_from(&text);
        }
        Line { text, shown }
    }

    fn take(&mut self, c: char) -> Option<Piece> {
        let (next, piece) = match (std::mem::take(&mut self.at), c) {
            // An ESC begins anew wherever it comes.
            (At::Text | At::Control(_), '\u{1b}') | (At::Escape, '\u{1b}' | ' '..='/') => (At::Escape, None),
            (At::Command, '\u{1b}') => (At::CommandEscape, None),
            (At::Text, '\u{9b}') | (At::Escape, '[') => (At::Control(String::new()), None),
            (At::Text, '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}') | (At::Escape, ']' | 'P' | 'X' | '^' | '_') => {
                (At::Command, None)
            }
            (At::Text, c) => (At::Text, harmless(c).map(Piece::Text)),
            (At::Control(parameters), '@'..='~') => (At::Text, colour(parameters, c)),
            (At::Control(mut parameters), c) => {
                // Kept although nothing comes of it, so that its end is found.
                if parameters.len() <= LONGEST {
                    parameters.push(c);
                }
                (At::Control(parameters), None)
            }
            (At::Command, '\u{7}' | '\u{9c}') | (At::CommandEscape, '\\') | (At::Escape, _) => (At::Text, None),
            (At::Command | At::CommandEscape, _) => (At::Command, None),
        };
        self.at = next;
        piece
    }
}

/// What the next line begins with: the parameters that hold, by what they are about.
#[derive(Debug, Default)]
struct Style(BTreeMap<u8, String>);

impl Style {
    fn apply(&mut self, parameters: &str) {
        let mut parameters = parameters.split(';');
        while let Some(parameter) = parameters.next() {
            let code = parameter.split(':').next().unwrap_or_default();
            // Nothing is 0, and what is too large for a byte is nothing that anybody knows.
            let code: u8 = if code.is_empty() { 0 } else { code.parse().unwrap_or(u8::MAX) };
            let colour = match (code, parameter == code.to_string()) {
                // 38;5;n and 38;2;r;g;b are one colour each.
                (38 | 48 | 58, true) => colour_of(parameter, &mut parameters),
                (_, _) => parameter.to_owned(),
            };
            match code {
                0 => self.0.clear(),
                39 => drop(self.0.remove(&30)),
                49 => drop(self.0.remove(&40)),
                59 => drop(self.0.remove(&58)),
                22 => self.0.retain(|code, _| !matches!(code, 1 | 2)),
                24 => self.0.retain(|code, _| !matches!(code, 4 | 21)),
                23 | 25..=29 => drop(self.0.remove(&(code - 20))),
                30..=38 | 90..=97 => drop(self.0.insert(30, colour)),
                40..=48 | 100..=107 => drop(self.0.insert(40, colour)),
                1..=9 | 21 | 53 | 58 => drop(self.0.insert(code, colour)),
                55 => drop(self.0.remove(&53)),
                _ => {}
            }
        }
    }

    fn sequence(&self) -> String {
        let parameters: Vec<&str> = self.0.values().map(String::as_str).collect();
        if parameters.is_empty() { String::new() } else { sgr(&parameters.join(";")) }
    }
}

/// A colour with its own parameters, which follow it.
fn colour_of<'a>(first: &'a str, parameters: &mut impl Iterator<Item = &'a str>) -> String {
    let kind = parameters.next().unwrap_or_default();
    let count = match kind {
        "5" => 1,
        "2" => 3,
        _ => 0,
    };
    [first, kind].into_iter().chain(parameters.take(count)).collect::<Vec<_>>().join(";")
}

enum Piece {
    Text(char),
    Colour(String),
}

/// A sequence of nothing but numbers that ends with `m`. With anything else in it, it means something else.
fn colour(parameters: String, last: char) -> Option<Piece> {
    let is_plain = parameters.chars().all(|c| matches!(c, '0'..='9' | ';' | ':'));
    (last == 'm' && is_plain && parameters.len() <= LONGEST).then_some(Piece::Colour(parameters))
}

/// A character, if it is one of a text.
fn harmless(c: char) -> Option<char> {
    match c {
        '\t' => Some(' '),
        // They turn the direction of what follows.
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => Some('\u{fffd}'),
        c => (!c.is_control()).then_some(c),
    }
}

fn sgr(parameters: &str) -> String {
    format!("\x1b[{parameters}m")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> Vec<String> {
        lines(text, Look::Colour).into_iter().map(|line| line.shown).collect()
    }

    #[test]
    fn colours_pass_and_end_with_their_line() {
        assert_eq!(shown("a\x1b[31mb\x1b[0mc"), ["a\x1b[31mb\x1b[0mc\x1b[0m"]);
        assert_eq!(shown("\x1b[1;38;2;1;2;3mx\x1b[4:3my"), ["\x1b[1;38;2;1;2;3mx\x1b[4:3my\x1b[0m"]);
        assert_eq!(shown("plain  \n\n"), ["plain"]);
    }

    #[test]
    fn a_colour_goes_on_in_the_next_line_until_it_is_taken_back() {
        let text = "\x1b[31ma\n\x1b[1mb\n\x1b[mc\nd\n\x1b[0;32me\nf";
        let expected = [
            "\x1b[31ma\x1b[0m",
            "\x1b[31m\x1b[1mb\x1b[0m",
            "\x1b[1;31m\x1b[mc\x1b[0m",
            "d",
            "\x1b[0;32me\x1b[0m",
            "\x1b[32mf\x1b[0m",
        ];
        assert_eq!(shown(text), expected);
        for (styles, then) in [
            ("31;1;39;22", "x"),
            ("38;5;7;48;2;1;2;3;4:3", "\x1b[4:3;38;5;7;48;2;1;2;3mx\x1b[0m"),
            ("38:2::1:2:3;91;7", "\x1b[7;91mx\x1b[0m"),
            ("38;5", "\x1b[38;5mx\x1b[0m"),
            ("1;2;3;;4", "\x1b[4mx\x1b[0m"),
            ("77;999;4;9;24", "\x1b[9mx\x1b[0m"),
        ] {
            assert_eq!(shown(&format!("\x1b[{styles}m\nx"))[1], then, "{styles}");
        }
    }

    #[test]
    fn nothing_else_passes() {
        for hostile in [
            "\x1b]52;c;ZXZpbA==\x07",
            "\x1b]8;;http://x\x1b\\",
            "\x1b]0;title\x1bx\u{9c}",
            "\x1bP+q544e\x1b\\",
            "\x1b[2J",
            "\x1b[?1049h",
            "\x1b[>4;2m",
            "\x1b[?4m",
            "\x1b[1 q",
            "\x1b[6n",
            "\x1b(0",
            "\x1bc",
            "\u{9b}2J",
            "\u{9d}0;x\u{7}",
            "\x07\x08\x0e\x0f\r\x7f\u{85}",
            "\x1b\x1b[H",
        ] {
            let lines = lines(&format!("a{hostile}b"), Look::Colour);
            assert_eq!(lines, [Line { text: "ab".to_owned(), shown: "ab".to_owned() }], "{hostile:?}");
        }
        assert_eq!(shown("a\u{202e}b\tc"), ["a\u{fffd}b c"]);
        assert_eq!(shown(&format!("\x1b[{}mx", "1;".repeat(100))), ["x"]);
    }

    #[test]
    fn without_colours_only_text_passes() {
        assert_eq!(lines("\x1b[31ma\x1b[2Jb \nc", Look::Plain)[0].shown, "ab");
    }

    proptest! {
        #[test]
        fn whatever_comes_only_colours_leave(text in "([\u{0}-\u{1f}\u{1b}\\[\\]0-9;:?m\u{80}-\u{9f}a-z\\\\]|\u{1b}\\[){0,80}") {
            for look in [Look::Plain, Look::Colour] {
                for line in lines(&text, look) {
                    let mut rest = line.shown.as_str();
                    while let Some(at) = rest.find(char::is_control) {
                        let sequence = rest[at..].strip_prefix("\x1b[").expect("a sequence");
                        let end = sequence.find(|c: char| !matches!(c, '0'..='9' | ';' | ':')).expect("its end");
                        prop_assert_eq!(&sequence[end..=end], "m");
                        rest = &sequence[end + 1..];
                    }
                    prop_assert!(!line.text.contains(char::is_control));
                }
            }
        }
    }
}
