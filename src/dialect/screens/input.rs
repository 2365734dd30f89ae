//! What is on the line where a harness takes its input: read from a screen with its attributes, as tmux captures it with
//! `-e`. What is dim is a hint of the harness's own; what is inverse is the cursor that it draws.

use super::Prompt;

/// A screen that was captured with its attributes, and where its cursor is.
#[derive(Debug)]
pub struct Input<'s> {
    lines: &'s [String],
    /// Where the line with the mark is.
    first: usize,
    /// Where the cursor is.
    cursor: (usize, usize),
    prompt: &'s Prompt,
}

/// One character with what counts of how it looks.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    is: char,
    is_dim: bool,
    is_inverse: bool,
}

impl Cell {
    /// Nothing is to be seen there. Some draw their cursor on a space that has no width.
    fn is_blank(self) -> bool {
        self.is.is_whitespace() || self.is == '\u{200b}'
    }
}

impl<'s> Input<'s> {
    /// Of this screen, if this prompt is at its cursor or above it.
    pub fn new(lines: &'s [String], cursor: (usize, usize), prompt: &'s Prompt) -> Option<Self> {
        let input = Self { lines, first: 0, cursor, prompt };
        let first = (0..=cursor.1).rev().find(|row| input.after_mark(*row).is_some())?;
        Some(Self { first, ..input })
    }

    /// Whether nothing is typed there, and the cursor is where it would begin.
    pub fn is_empty(&self) -> bool {
        let Some((start, cells)) = self.after_mark(self.first) else { return false };
        let (column, row) = self.cursor;
        let is_at_start = row == self.first && column <= start + 1;
        if let Some(hint) = &self.prompt.hint {
            let text: String = cells.iter().map(|cell| cell.is).collect();
            // Some draw their cursor themselves, and keep the terminal's elsewhere.
            let is_drawn_at_start = cells.iter().take(2).any(|cell| cell.is_inverse);
            let is_near = row == self.first && column <= start + 2;
            return match text.trim() {
                "" => is_near,
                text => text.starts_with(hint) && (is_near || is_drawn_at_start),
            };
        }
        let hint = cells.iter().any(|cell| cell.is_dim && !cell.is_blank());
        let typed = |cell: &Cell| !(cell.is_blank() || cell.is_dim || cell.is_inverse && hint);
        is_at_start && !cells.iter().any(typed)
    }

    /// Whether a line is typed there, and the cursor is in it. Where the mark is a menu's, the cursor is on it; and where it
    /// stands before what was said earlier, there is no line drawn above it.
    pub fn is_begun(&self) -> bool {
        let Some((start, cells)) = self.after_mark(self.first) else { return false };
        let (column, row) = self.cursor;
        let is_ruled = |row: usize| self.lines.get(row).is_some_and(|line| is_rule(line));
        let is_in_it = if row == self.first {
            column > start
        } else {
            self.first.checked_sub(1).is_some_and(is_ruled) && !(self.first..=row).any(is_ruled)
        };
        is_in_it && cells.iter().any(|cell| !cell.is_blank() && !cell.is_dim)
    }

    /// Whether this is all that is typed there, however it is wrapped.
    pub fn has(&self, text: &str) -> bool {
        let begun = self.after_mark(self.first).map(|(_, cells)| cells).unwrap_or_default();
        let more = (self.first + 1..=self.cursor.1).filter_map(|row| self.lines.get(row));
        let more = more.take_while(|line| !is_rule(line)).flat_map(|line| cells(line));
        let typed = begun.into_iter().chain(more).filter(|cell| !cell.is_dim && !cell.is_blank() && !is_frame(cell.is));
        typed.map(|cell| cell.is).eq(text.chars().filter(|c| !c.is_whitespace()))
    }

    /// Where the text behind the mark begins, and what is there; none if the line has no mark.
    fn after_mark(&self, row: usize) -> Option<(usize, Vec<Cell>)> {
        let cells = cells(self.lines.get(row)?);
        let mark = self.prompt.mark.chars();
        let is_drawn = mark.clone().all(is_frame);
        let at = cells.iter().position(|cell| !cell.is_blank() && (is_drawn || !is_frame(cell.is)))?;
        let length = mark.clone().count();
        let found = cells.iter().skip(at).map(|cell| cell.is).take(length).eq(mark);
        let rest = cells.into_iter().skip(at + length).filter(|cell| !is_frame(cell.is)).collect();
        found.then_some((at + length, rest))
    }
}

/// Whether a line is nothing but drawn.
fn is_rule(line: &str) -> bool {
    let text = text(line);
    !text.trim().is_empty() && text.trim().chars().all(is_frame)
}

fn is_frame(c: char) -> bool {
    matches!(c, '\u{2500}'..='\u{259f}')
}

/// A line without its attributes.
pub fn text(line: &str) -> String {
    cells(line).into_iter().map(|cell| cell.is).collect()
}

/// The characters of a line, without the sequences that say how they look. Of these, tmux writes SGR alone, and SO and SI.
fn cells(line: &str) -> Vec<Cell> {
    let (mut cells, mut look) = (Vec::new(), Cell::default());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            let sequence: String = chars.by_ref().take_while(|c| !c.is_ascii_alphabetic()).collect();
            dress(&mut look, sequence.trim_start_matches('['));
        } else if !c.is_control() {
            cells.push(Cell { is: c, ..look });
        }
    }
    cells
}

/// What the numbers of an SGR change.
fn dress(look: &mut Cell, sequence: &str) {
    let mut numbers = sequence.split(';');
    while let Some(number) = numbers.next() {
        match number {
            "" | "0" => (look.is_dim, look.is_inverse) = (false, false),
            "2" => look.is_dim = true,
            "22" => look.is_dim = false,
            "7" => look.is_inverse = true,
            "27" => look.is_inverse = false,
            // A colour's own numbers mean nothing else.
            "38" | "48" | "58" => {
                let more = if numbers.next() == Some("5") { 1 } else { 3 };
                numbers.by_ref().take(more).for_each(drop);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(mark: &str, hint: Option<&str>) -> Prompt {
        Prompt { mark: mark.to_owned(), hint: hint.map(ToOwned::to_owned), ..Prompt::default() }
    }

    fn is_empty(line: &str, column: usize, mark: &str) -> bool {
        Input::new(&[line.to_owned()], (column, 0), &prompt(mark, None)).is_some_and(|input| input.is_empty())
    }

    /// As claude 2.1.329 and codex 0.169.0 draw them.
    #[test]
    fn empty_is_what_holds_nothing_but_a_hint() {
        assert!(is_empty("\u{1b}[39m❯\u{a0}\u{1b}[7m \u{1b}[0m", 2, "❯"));
        assert!(is_empty("❯\u{a0}\u{1b}[7mR\u{1b}[0;2m\u{1b}[39mesend your message", 2, "❯"));
        assert!(is_empty("\u{1b}[1m›\u{1b}[0m \u{1b}[2mAsk Codex to do anything", 2, "›"));
        assert!(is_empty("│ ❯ \u{1b}[38;5;2m\u{1b}[0m│", 4, "❯"));
        for (line, column) in [
            ("❯\u{a0}half a li\u{1b}[7m \u{1b}[0m", 11),
            // Somebody went back to the start of it, also of a single letter.
            ("❯\u{a0}\u{1b}[7mh\u{1b}[0malf", 2),
            ("❯\u{a0}\u{1b}[7mh\u{1b}[0m", 2),
            // Two is a colour's number here, and no dimness.
            ("❯ \u{1b}[38;5;2mhalf", 2),
            ("❯ 1. Yes", 2),
            ("❯  ", 5),
            ("$ ", 2),
            ("", 0),
        ] {
            assert!(!is_empty(line, column, "❯"), "{line:?}");
        }
    }

    #[test]
    fn what_is_typed_is_read_back_however_it_is_wrapped() {
        let lines = ["❯ an earlier one", "", "❯\u{a0}Conti", "  nue it, \u{1b}[7m \u{1b}[0m", "───", " hint"]
            .map(ToOwned::to_owned);
        let (claudes, codexs) = (prompt("❯", None), prompt("›", None));
        let input = Input::new(&lines, (10, 3), &claudes).unwrap();
        assert!(input.has("Continue it, ") && !input.has("Continue") && !input.is_empty());
        assert!(Input::new(&lines, (0, 3), &codexs).is_none());
    }

    /// As claude 2.1.329 draws them.
    #[test]
    fn a_line_that_is_begun_is_told_from_a_menu_and_from_what_was_said() {
        let begun = |lines: &[&str], cursor| {
            let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            Input::new(&lines, cursor, &prompt("❯", None)).is_some_and(|input| input.is_begun())
        };
        let rule = "─".repeat(20);
        assert!(begun(&["\u{1b}[39m❯\u{a0}What is it?\u{1b}[7m \u{1b}[0m"], (13, 0)));
        assert!(begun(&[&rule, "❯ one line", "  and another", &rule], (10, 2)));
        assert!(!begun(&["\u{1b}[39m❯\u{a0}\u{1b}[7m \u{1b}[0m"], (2, 0)), "it is empty");
        assert!(!begun(&["❯\u{a0}\u{1b}[2mResend your message"], (4, 0)), "a hint");
        assert!(!begun(&[" \u{1b}[38;5;153m❯\u{1b}[39m 1. Yes", "   2. No"], (1, 0)), "a menu");
        assert!(!begun(&["❯ What is it?", "", "  Some answer", ""], (2, 3)), "what was said");
        assert!(!begun(&[&rule, "❯ one line", &rule, "", "  Settings"], (2, 4)), "the cursor is elsewhere");
    }

    /// As gemini 0.61.0, qwen 0.15.10 and opencode 1.18.33 draw them.
    #[test]
    fn a_hint_is_known_by_its_words_where_it_is_not_dim() {
        let hinted = |lines: &[&str], cursor, mark, hint| {
            let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            let prompt = prompt(mark, Some(hint));
            let input = Input::new(&lines, cursor, &prompt);
            input.map(|input| (input.is_empty(), input.has("Go on.")))
        };
        let rule = "\u{1b}[38;5;131m────────";
        let message = "Type your message";
        let empty = " \u{1b}[38;5;217m* \u{1b}[7m\u{1b}[39m \u{1b}[0m\u{1b}[38;5;248m Type your message or @path/to/file\u{1b}[39m";
        let typed = " \u{1b}[38;5;217m* \u{1b}[39mGo on.\u{1b}[7m \u{1b}[0m\u{200b}";
        assert_eq!(hinted(&[empty], (3, 0), "*", message), Some((true, false)));
        assert_eq!(hinted(&[typed], (9, 0), "*", message), Some((false, true)));
        // The terminal's cursor is below all.
        let under = |line| ["* a list", rule, line, rule, "  YOLO mode", ""];
        assert_eq!(hinted(&under(empty), (0, 5), "*", message), Some((true, false)));
        assert_eq!(hinted(&under(typed), (0, 5), "*", message), Some((false, true)));
        assert_eq!(
            hinted(&under(" > Type your message"), (0, 5), ">", message),
            Some((false, false)),
            "somebody typed it"
        );
        assert_eq!(hinted(&["> ", ""], (0, 1), ">", message), Some((false, false)));

        let bar = |line: &str| format!("  \u{1b}[38;5;75m┃\u{1b}[38;5;15m  {line}      ");
        let boxed = |line: &str| [bar("What is it?"), bar(""), bar(line), bar(""), "  ╹▀▀▀▀".to_owned()];
        let opencode =
            |line: &str, cursor| hinted(&boxed(line).each_ref().map(String::as_str), cursor, "┃", "Ask anything");
        assert_eq!(opencode("", (5, 2)), Some((true, false)));
        assert_eq!(opencode("Ask anything… \"Fix a TODO\"", (5, 2)), Some((true, false)));
        assert_eq!(opencode("Go on.", (11, 2)), Some((false, true)));
        assert_eq!(opencode("Go on.", (5, 2)), Some((false, true)), "somebody went back to its start");
        assert_eq!(opencode("", (70, 2)), Some((false, false)), "the cursor is elsewhere");
    }
}
