//! What a person reads who attaches to an agent, or asks for its log: plain lines, without anything that a terminal obeys.

use std::fmt::Write as _;

use serde_json::Value;

use super::told::Usage;

/// The length of a line about a tool, in characters.
const TOOL_COLUMNS: usize = 120;

/// A line that is still being written is shown as it is once it has so many bytes.
const LONGEST_PIECE: usize = 64 * 1024;

/// Of what a tool was called with, what says most about the call; the first that is there.
const TELLING: [&str; 12] = [
    "command",
    "file_path",
    "filePath",
    "absolute_path",
    "path",
    "pattern",
    "query",
    "url",
    "question",
    "prompt",
    "description",
    "name",
];

/// Text in whole lines, and the line that is being written.
#[derive(Default)]
pub(super) struct Page {
    lines: Vec<u8>,
    piece: String,
}

impl Page {
    /// What was no event.
    pub(super) fn as_it_is(&mut self, line: &[u8]) {
        self.close();
        self.lines.extend_from_slice(line);
        self.lines.push(b'\n');
    }

    /// The beginning of a line that was no event, which somebody is to see before its end.
    pub(super) fn as_it_begins(&mut self, line: &[u8]) {
        self.close();
        self.lines.extend_from_slice(line);
    }

    /// What the model, or the harness, says.
    pub(super) fn say(&mut self, text: &str) {
        self.close();
        self.piece(text.trim_end());
        self.close();
    }

    /// The next piece of what the model says.
    pub(super) fn piece(&mut self, text: &str) {
        self.piece.extend(text.replace("\r\n", "\n").chars().map(harmless));
        if let Some(end) = self.piece.rfind('\n') {
            self.lines.extend(self.piece.drain(..=end).as_str().as_bytes());
        }
        if self.piece.len() > LONGEST_PIECE {
            self.close();
        }
    }

    /// Ends the line that is being written.
    pub(super) fn close(&mut self) {
        if !self.piece.is_empty() {
            self.lines.extend(std::mem::take(&mut self.piece).as_bytes());
            self.lines.push(b'\n');
        }
    }

    /// A tool is used.
    pub(super) fn tool(&mut self, name: &str, input: &Value) {
        let line = short(&format!("• {}", call(name, input)), TOOL_COLUMNS);
        self.say(&line);
    }

    /// What went wrong with a tool.
    pub(super) fn tool_failed(&mut self, words: &str) {
        if !words.trim().is_empty() {
            self.say(&short(&format!("  ! {words}"), TOOL_COLUMNS));
        }
    }

    /// What it took: the last line.
    pub(super) fn bill(&mut self, usage: &Usage) {
        let mut parts = Vec::new();
        if let Some(turns) = usage.turns {
            parts.push(format!("{} turn{}", grouped(turns), if turns == 1 { "" } else { "s" }));
        }
        let input =
            [usage.input, usage.cache_read, usage.cache_write].into_iter().flatten().reduce(u64::saturating_add);
        if let Some(input) = input {
            parts.push(format!("{} tokens in", grouped(input)));
        }
        if let Some(output) = usage.output {
            parts.push(format!("{} out", grouped(output)));
        }
        if let Some(cost) = usage.cost.filter(|cost| *cost > 0.0) {
            parts.push(format!("${cost:.4}"));
        }
        // Where no model answered, there is nothing to say.
        if !parts.is_empty() && (input, usage.output) != (Some(0), Some(0)) {
            self.say(&format!("— {}", parts.join(", ")));
        }
    }

    /// The lines so far.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.lines)
    }
}

/// A tool with what it was called with, as one line: `Bash: ls -la`.
pub(super) fn call(name: &str, input: &Value) -> String {
    let telling = TELLING.iter().find_map(|key| input.get(key)?.as_str().filter(|text| !text.is_empty()));
    let input = match (telling.or(input.as_str()), input) {
        (Some(text), _) => text.to_owned(),
        (None, Value::Object(fields)) if !fields.is_empty() => input.to_string(),
        (None, Value::Array(items)) if !items.is_empty() => input.to_string(),
        (None, _) => return name.to_owned(),
    };
    format!("{name}: {input}")
}

/// One line of at most so many characters.
fn short(text: &str, columns: usize) -> String {
    // White space at the front is ours.
    let indent = text.len() - text.trim_start().len();
    let mut line = text[..indent].to_owned();
    let mut left = columns.saturating_sub(indent);
    for (at, word) in text.split_whitespace().enumerate() {
        let word = if at == 0 { word.to_owned() } else { format!(" {word}") };
        let length = word.chars().count();
        if length > left {
            line.extend(word.chars().take(left.saturating_sub(1)));
            line.push('…');
            break;
        }
        left -= length;
        line.push_str(&word);
    }
    line
}

/// What a terminal would obey becomes a sign that there was something.
fn harmless(c: char) -> char {
    // The last ones are invisible and turn the direction of what follows.
    let is_harmful = (c.is_control() && !matches!(c, '\n' | '\t'))
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if is_harmful { '\u{fffd}' } else { c }
}

/// `12,345`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        let _ = write!(text, "{digit}");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(write: impl FnOnce(&mut Page)) -> String {
        let mut page = Page::default();
        write(&mut page);
        page.close();
        String::from_utf8(page.take()).unwrap()
    }

    #[test]
    fn a_tool_is_one_line_with_what_says_most() {
        let of = |name: &str, input: Value| shown(|page| page.tool(name, &input));
        assert_eq!(of("Bash", json!({"description": "x", "command": "ls\n  -la"})), "• Bash: ls -la\n");
        assert_eq!(of("Read", json!({"limit": 3, "file_path": "/a b"})), "• Read: /a b\n");
        assert_eq!(of("mcp", json!({"a": [1, true]})), "• mcp: {\"a\":[1,true]}\n");
        assert_eq!(of("todo", json!({})), "• todo\n");
        assert_eq!(of("todo", json!(null)), "• todo\n");
        assert_eq!(of("x", json!("y")), "• x: y\n");
        let long = of("Bash", json!({"command": "é".repeat(300)}));
        assert_eq!(long.chars().count(), 121);
        assert!(long.ends_with("é…\n"), "{long}");
        let long = of("Bash", json!({"command": "word ".repeat(300)}));
        assert_eq!(long.chars().count(), 121);
    }

    #[test]
    fn nothing_plays_with_the_terminal() {
        let evil = "\u{1b}]0;x\u{7}\u{9b}2J\u{202e}\r-\r\n\tz";
        let harmless = "\u{fffd}]0;x\u{fffd}\u{fffd}2J\u{fffd}\u{fffd}-\n\tz\n";
        assert_eq!(shown(|page| page.say(evil)), harmless);
        assert_eq!(shown(|page| page.tool("Bash", &json!({"command": "a\u{1b}[2Jb"}))), "• Bash: a\u{fffd}[2Jb\n");
        assert_eq!(shown(|page| page.tool_failed("a\u{1b}[2J\nb")), "  ! a\u{fffd}[2J b\n");
        assert_eq!(shown(|page| page.tool_failed(" \n")), "");
    }

    #[test]
    fn pieces_become_lines() {
        let mut page = Page::default();
        page.piece("one ");
        assert_eq!(page.take(), b"");
        page.piece("two\nthree");
        assert_eq!(page.take(), b"one two\n");
        page.as_it_is(b"\xff");
        assert_eq!(page.take(), b"three\n\xff\n");
        page.piece(&"x".repeat(LONGEST_PIECE));
        assert_eq!(page.take(), b"");
        page.piece("x");
        assert_eq!(page.take().len(), LONGEST_PIECE + 2);
    }

    #[test]
    fn a_bill_has_what_is_known() {
        let bill = |usage: Usage| shown(|page| page.bill(&usage));
        let all = Usage {
            turns: Some(3),
            cost: Some(0.01234),
            input: Some(12_000),
            output: Some(678),
            cache_read: Some(300),
            cache_write: Some(45),
        };
        assert_eq!(bill(all), "— 3 turns, 12,345 tokens in, 678 out, $0.0123\n");
        assert_eq!(bill(Usage { turns: Some(1), cost: Some(0.0), ..Usage::default() }), "— 1 turn\n");
        assert_eq!(bill(Usage { input: Some(1_234_567), ..Usage::default() }), "— 1,234,567 tokens in\n");
        assert_eq!(bill(Usage { turns: Some(1), input: Some(0), output: Some(0), ..Usage::default() }), "");
        assert_eq!(bill(Usage::default()), "");
    }
}
