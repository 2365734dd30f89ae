//! A pane's text as lines that can be shown anywhere: styles (SGR sequences) are all that a terminal would obey, and each
//! text begins with those that hold at its first line, however much before it was cut off.

use std::collections::BTreeMap;

/// The last so many lines of what tmux captured, without what is blank at the end: a screen is mostly empty below its prompt.
pub(crate) fn last_lines(captured: &[u8], most: usize) -> Vec<u8> {
    // Text first: what is no UTF-8 could become a control character with what is left out in between.
    let captured = String::from_utf8_lossy(captured);
    let mut lines: Vec<Line> = captured.as_bytes().split(|byte| *byte == b'\n').map(Line::of).collect();
    while lines.last().is_some_and(Line::is_blank) {
        lines.pop();
    }
    let kept = lines.split_off(lines.len().saturating_sub(most));
    let mut style = Style::default();
    lines.iter().flat_map(|line| &line.styles).for_each(|sgr| style.apply(sgr));
    let mut text = style.sequence();
    for line in &kept {
        line.styles.iter().for_each(|sgr| style.apply(sgr));
        text.extend_from_slice(&line.text);
        text.push(b'\n');
    }
    if !style.0.is_empty() {
        text.extend_from_slice(b"\x1b[0m");
    }
    text
}

/// One line, without anything that a terminal would obey but styles.
struct Line {
    text: Vec<u8>,
    /// The parameters of the styles in it.
    styles: Vec<Vec<u8>>,
}

impl Line {
    fn of(captured: &[u8]) -> Self {
        let mut line = Self { text: Vec::with_capacity(captured.len()), styles: Vec::new() };
        let mut rest = captured.trim_ascii_end();
        while let Some((first, more)) = rest.split_first() {
            rest = match (first, more) {
                (0x1b, more) => {
                    let (length, sgr) = sequence(more);
                    let (sequence, more) = more.split_at_checked(length).unwrap_or((more, &[]));
                    if let Some(parameters) = sgr {
                        line.styles.push(parameters.to_owned());
                        line.text.push(0x1b);
                        line.text.extend_from_slice(sequence);
                    }
                    more
                }
                (b'\t', more) => {
                    line.text.push(b'\t');
                    more
                }
                // C0, DEL, and C1 as UTF-8.
                (0..=0x1f | 0x7f, more) | (0xc2, [0x80..=0x9f, more @ ..]) => more,
                (byte, more) => {
                    line.text.push(*byte);
                    more
                }
            };
        }
        line
    }

    fn is_blank(&self) -> bool {
        let styles: usize = self.styles.iter().map(|parameters| parameters.len() + 3).sum();
        let blanks = self.text.iter().filter(|byte| byte.is_ascii_whitespace()).count();
        self.text.len() == styles + blanks
    }
}

/// How long the sequence behind an ESC is, and its parameters if it is a style.
fn sequence(behind: &[u8]) -> (usize, Option<&[u8]>) {
    // What ends one is ASCII; anything else is the beginning of a character, and stays.
    let ended = |by: Option<&u8>| usize::from(by.is_some_and(u8::is_ascii));
    match behind {
        [b'[', parameters @ ..] => {
            let length = parameters.iter().take_while(|byte| (0x20..0x40).contains(*byte)).count();
            let (parameters, rest) = parameters.split_at(length);
            let is_style = rest.first() == Some(&b'm')
                && parameters.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b';' | b':'));
            (length + 1 + ended(rest.first()), is_style.then_some(parameters))
        }
        // Strings: to their terminator, or to the end of the line.
        [b']' | b'P' | b'X' | b'^' | b'_', string @ ..] => {
            let bell = string.iter().position(|byte| *byte == 7).map(|at| at + 2);
            let terminator = string.windows(2).position(|two| two == b"\x1b\\").map(|at| at + 3);
            (bell.into_iter().chain(terminator).min().unwrap_or(behind.len()), None)
        }
        [0x20..=0x2f, more @ ..] => (1 + ended(more.first()), None),
        _ => (ended(behind.first()), None),
    }
}

/// The styles that hold, by what they are about.
#[derive(Default)]
struct Style(BTreeMap<u8, Vec<u8>>);

impl Style {
    /// Takes the parameters of one sequence.
    fn apply(&mut self, parameters: &[u8]) {
        let mut rest: &[&[u8]] = &parameters.split(|byte| *byte == b';').collect::<Vec<_>>();
        while let Some((first, more)) = rest.split_first() {
            let code = first.split(|byte| *byte == b':').next().and_then(|code| std::str::from_utf8(code).ok());
            let code: u8 = code.filter(|code| !code.is_empty()).map_or(Ok(0), str::parse).unwrap_or(0);
            // 38;5;n and 38;2;r;g;b are one colour each.
            let taken = match (code, more.first().copied()) {
                (38 | 48 | 58, Some(b"5")) => 3,
                (38 | 48 | 58, Some(b"2")) => 5,
                _ => 1,
            };
            let (parameter, others) = rest.split_at(taken.min(rest.len()));
            match code {
                0 => self.0.clear(),
                30..=39 | 90..=97 => self.set(30, parameter),
                40..=49 | 100..=107 => self.set(40, parameter),
                58 | 59 => self.set(58, parameter),
                22 => self.0.retain(|code, _| !matches!(code, 1 | 2)),
                23..=29 => drop(self.0.remove(&(code - 20))),
                code => self.set(code, parameter),
            }
            rest = others;
        }
    }

    fn set(&mut self, about: u8, parameter: &[&[u8]]) {
        self.0.insert(about, parameter.join(&b';'));
    }

    /// The sequence that has all of them hold; nothing if there are none.
    fn sequence(&self) -> Vec<u8> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let parameters: Vec<&[u8]> = self.0.values().map(Vec::as_slice).collect();
        [b"\x1b[", parameters.join(&b';').as_slice(), b"m"].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(captured: &str, most: usize) -> String {
        String::from_utf8(last_lines(captured.as_bytes(), most)).unwrap()
    }

    #[test]
    fn blank_lines_at_the_end_do_not_count() {
        assert_eq!(last("a\n\nb  \n   \n\n", 10), "a\n\nb\n");
        assert_eq!(last("a\nb\nc\n\n", 2), "b\nc\n");
        assert_eq!(last("\n\n", 2), "");
        assert_eq!(last("", 2), "");
        assert_eq!(last("a\n\x1b[0m\n \x1b[39;49m \n", 2), "a\n");
    }

    #[test]
    fn a_style_that_began_before_the_cut_holds_after_it() {
        assert_eq!(last("\x1b[1;31mred\nstill\n\x1b[0mplain\n", 2), "\x1b[1;31mstill\n\x1b[0mplain\n");
        assert_eq!(last("\x1b[31m\x1b[38;5;9m\x1b[48;2;1;2;3ma\nb", 1), "\x1b[38;5;9;48;2;1;2;3mb\n\x1b[0m");
        assert_eq!(last("\x1b[1;4ma\n\x1b[22mb\nc\x1b[24m", 1), "\x1b[4mc\x1b[24m\n");
        assert_eq!(last("\x1b[4:3;32ma\n\x1b[mb\nc", 1), "c\n");
    }

    #[test]
    fn a_terminal_has_nothing_else_to_obey() {
        for (captured, shown) in [
            ("a\x1b]0;title\x07b", "ab\n"),
            ("a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "alink\n"),
            ("a\x1b[2Jb\x1b[?1049hc\x1bcd\x1b(0e\x1b)", "abcde\n"),
            ("a\x0eb\x0f\x08\x7f\u{9b}2Jc\td\r", "ab2Jc\td\n"),
            ("a\x1b]never ended", "a\n"),
            ("a\x1b[", "a\n"),
            ("a\x1b", "a\n"),
            ("a\x1b[>4;1m", "a\n"),
            ("ä 日本 🦀", "ä 日本 🦀\n"),
            ("a\x1bäb\x1b[1äc\x1b(äd", "aäbäcäd\n"),
        ] {
            assert_eq!(last(captured, 5), shown, "{captured:?}");
        }
        assert_eq!(last_lines(b"\xc2\x1bA\x9b2J", 5), "\u{fffd}\u{fffd}2J\n".as_bytes());
    }
}
