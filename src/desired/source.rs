//! The text of a configuration file: where a byte of it stands, and how much of a line may be shown.
//!
//! A configuration holds API keys: in `env`, in `args`, in the sections of other programs. So a line is never quoted
//! as a whole. The caller names the region that is harmless; what else stands on the line becomes `…`. After a syntax
//! error nobody knows what a line means, and only agentd's own words are shown of it ([`Source::quote_unparsed`]).

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::fields::FIELDS;

/// A line and a character of a file, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in the line; a character, not a byte and not a column on the screen.
    pub column: usize,
}

/// What may be shown of a line, and what to point at in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Without a line end.
    pub text: String,
    /// Bytes of `text`.
    pub span: Range<usize>,
}

/// A file's name and text.
#[derive(Clone, Debug)]
pub struct Source {
    /// As the user named it.
    pub file: Arc<str>,
    /// Its content.
    pub text: String,
}

impl Source {
    /// Takes a file's content.
    pub fn new(file: &Path, text: String) -> Self {
        Self { file: file.to_string_lossy().into(), text }
    }

    /// The line and column of a byte. A byte inside a character is that character; beyond the end is the end.
    pub fn position(&self, at: usize) -> Position {
        let before = &self.text[..self.boundary(at)];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position { line: before.matches('\n').count() + 1, column: before[start..].chars().count() + 1 }
    }

    /// Quotes the line on which `at` starts, showing of it only what lies in `harmless`, and points at `at`: at a `…`
    /// if it isn't shown. A character that is quoted, or pointed at, keeps its column.
    pub fn quote(&self, harmless: Range<usize>, at: Range<usize>) -> Quote {
        let line = self.line(at.start);
        let in_line = |at: usize| self.boundary(at.clamp(line.start, line.end));
        let shown = in_line(harmless.start)..in_line(harmless.end.max(harmless.start));
        let at = in_line(at.start)..in_line(at.end.max(at.start));
        let mut text = self.hide(line.start..shown.start, at.start);
        let start_of_shown = text.len();
        text.push_str(&self.text[shown.clone()]);
        text.push_str(&self.hide(shown.end..line.end, at.start));
        let span = if shown.contains(&at.start) {
            let end = at.end.min(shown.end);
            start_of_shown + at.start - shown.start..start_of_shown + end - shown.start
        } else {
            let column = self.text[line.start..at.start].chars().count();
            let start = text.char_indices().nth(column).map_or(text.len(), |(at, _)| at);
            start..text[start..].chars().next().map_or(start, |c| start + c.len_utf8())
        };
        Quote { text, span }
    }

    /// What stands for a part of a line that isn't shown: white space and the `=` at its start are kept, the rest
    /// is `…`, once more at `at` if that is within, as wide as it was as far as `at`.
    fn hide(&self, part: Range<usize>, at: usize) -> String {
        let text = &self.text[part.clone()];
        let kept = text.len() - text.trim_start_matches([' ', '\t', '=']).len();
        let mut hidden = text[..kept].to_owned();
        let rest = part.start + kept;
        let dots = |from: usize, to: usize| match self.text[from..to].chars().count() {
            0 => String::new(),
            width => format!("…{}", " ".repeat(width - 1)),
        };
        let shown_at = at.clamp(rest, part.end);
        hidden.push_str(&dots(rest, shown_at));
        hidden.push_str(&dots(shown_at, part.end));
        // Trailing blanks would tell how long the hidden is.
        if at < part.end {
            hidden.truncate(hidden.trim_end_matches(' ').len());
        }
        hidden
    }

    /// Quotes a line that could not be parsed: the key before its `=` if that is a field of ours, or the header of a
    /// table of ours, and nothing else.
    pub fn quote_unparsed(&self, at: Range<usize>) -> Quote {
        let line = self.line(at.start);
        let text = &self.text[line.clone()];
        let key = text.split('=').next().unwrap_or_default();
        let words_end = if text.contains('=') { key.trim_end().len() } else { text.len() };
        let words = text[..words_end].split(|c: char| c.is_whitespace() || "[].".contains(c));
        let ours = |word: &str| word.is_empty() || word == "agent" || word == "agents" || FIELDS.contains(&word);
        let harmless = if words.into_iter().all(ours) { words_end } else { 0 };
        self.quote(line.start..line.start + harmless, at)
    }

    /// The bytes of the line that `at` is on, without its end.
    fn line(&self, at: usize) -> Range<usize> {
        let at = self.boundary(at);
        let start = self.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let end = self.text[at..].find('\n').map_or(self.text.len(), |newline| at + newline);
        start..start + self.text[start..end].trim_end_matches('\r').len()
    }

    /// The start of the character that `at` is in.
    fn boundary(&self, at: usize) -> usize {
        let at = at.min(self.text.len());
        (0..=at).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn source(text: &str) -> Source {
        Source::new(Path::new("jcard.toml"), text.to_owned())
    }

    fn find(source: &Source, part: &str) -> Range<usize> {
        let start = source.text.find(part).unwrap();
        start..start + part.len()
    }

    /// The quote with its span in angle brackets.
    fn marked(quote: &Quote) -> String {
        let Range { start, end } = quote.span;
        format!("{}<{}>{}", &quote.text[..start], &quote.text[start..end], &quote.text[end..])
    }

    #[test]
    fn positions_count_characters() {
        let source = source("a = 1\r\nnäme = \"→ x\"\n");
        let at = |part| source.position(find(&source, part).start);
        assert_eq!(at("a"), Position { line: 1, column: 1 });
        assert_eq!(at("me"), Position { line: 2, column: 3 });
        assert_eq!(at("x"), Position { line: 2, column: 11 });
        assert_eq!(source.position(999), Position { line: 3, column: 1 });
    }

    #[test]
    fn only_the_harmless_region_of_a_line_is_quoted_in_its_column() {
        let source = source("agents = [{ env = { K = \"sk-1\" }, model = \"m\" }] # sk-2\n");
        let model = find(&source, "model = \"m\"");
        let hidden = |width: usize| format!("…{}", " ".repeat(width - 1));
        assert_eq!(marked(&source.quote(model, find(&source, "\"m\""))), hidden(34) + "model = <\"m\"> …");
        let key = find(&source, "K");
        assert_eq!(marked(&source.quote(key.clone(), find(&source, "\"sk-1\""))), hidden(20) + "K = <…>");
        assert_eq!(marked(&source.quote(key.clone(), find(&source, "1"))), hidden(20) + "K = …   <…>");
        assert_eq!(marked(&source.quote(key.clone(), key)), hidden(20) + "<K> = …");
    }

    #[test]
    fn of_a_line_that_was_not_parsed_only_our_own_words_are_quoted() {
        for (line, at, quoted) in [
            ("harness = \"claude-co", "claude-co", "harness = …<…>"),
            ("  [[agents]", "[[agents]", "  <[[agents]>"),
            ("[agent.env]", "env", "[agent.<env>]"),
            ("API_KEY = sk-1", "sk-1", "…         <…>"),
            ("env = { API_KEY = sk-1 }", "sk-1", "env = …           <…>"),
            ("c2stMTIz== name", "c2", "<…>"),
            ("[sk-1]", "sk", "…<…>"),
        ] {
            let source = source(line);
            assert_eq!(marked(&source.quote_unparsed(find(&source, at))), quoted, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_range_panics_or_quotes_what_is_not_harmless(text in "[a=\"\n\r ä\\[]{0,20}S{0,3}[=\n ]{0,3}", a in 0..30_usize, b in 0..30_usize, c in 0..30_usize, d in 0..30_usize) {
            let source = source(&text);
            let quote = source.quote(a..b, c..d);
            prop_assert!(quote.text.get(quote.span.clone()).is_some());
            if let Some(secret) = text.find('S') && b <= secret {
                prop_assert!(!quote.text.contains('S'));
            }
            let quote = source.quote_unparsed(c..d);
            prop_assert!(quote.text.get(quote.span).is_some());
            prop_assert!(!quote.text.contains('S'));
        }
    }
}
