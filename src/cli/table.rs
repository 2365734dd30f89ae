//! Columns of text on a terminal of some width. Everything that comes in is made harmless here, once; widths are those
//! of the terminal's cells, not of bytes or characters.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::output::harmless;
use crate::desired::diagnostic::Look;

/// Between two columns.
const GAP: usize = 2;

/// What a text means, which is what its colour says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    #[default]
    Normal,
    /// As it should be.
    Good,
    /// On its way.
    Moving,
    /// Will mend itself, perhaps.
    Warning,
    /// Needs somebody.
    Bad,
    /// Matters less than the rest.
    Quiet,
    /// A heading.
    Strong,
}

impl Tone {
    fn sgr(self) -> Option<&'static str> {
        match self {
            Self::Normal => None,
            Self::Good => Some("32"),
            Self::Moving => Some("36"),
            Self::Warning => Some("33"),
            Self::Bad => Some("31"),
            Self::Quiet => Some("2"),
            Self::Strong => Some("1"),
        }
    }

    /// The tone of an agent's state; a state that a newer daemon knows has none.
    pub fn of_state(state: &str) -> Self {
        match state {
            "running" => Self::Good,
            "starting" | "stopping" => Self::Moving,
            "backing_off" => Self::Warning,
            "failed" | "timed_out" => Self::Bad,
            "pending" | "exited" => Self::Quiet,
            _ => Self::Normal,
        }
    }
}

/// A text in the colour of its tone, if there are to be colours.
pub fn paint(text: &str, tone: Tone, look: Look) -> String {
    match (look, tone.sgr()) {
        (Look::Colour, Some(sgr)) if !text.is_empty() => format!("\x1b[{sgr}m{text}\x1b[0m"),
        (Look::Colour | Look::Plain, _) => text.to_owned(),
    }
}

/// The cells that a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// A text on one line, without what a terminal would obey.
pub fn one_line(text: &str) -> String {
    let lines: Vec<&str> = text.split(['\n', '\t']).map(str::trim).filter(|line| !line.is_empty()).collect();
    harmless(&lines.join(" ")).into_owned()
}

/// A text in at most so many cells, with `…` for what doesn't fit.
pub fn cut(text: &str, cells: usize) -> Cow<'_, str> {
    if width(text) <= cells {
        return text.into();
    }
    let mut used = 0;
    let fits = |(_, c): &(usize, char)| {
        used += c.width().unwrap_or(0);
        used < cells
    };
    let mut end = text.char_indices().take_while(fits).last().map_or(0, |(at, c)| at + c.len_utf8());
    // Some characters are wider together than each by itself.
    while width(&text[..end]) >= cells.max(1) {
        end = text[..end].char_indices().last().map_or(0, |(at, _)| at);
    }
    if cells == 0 { "".into() } else { format!("{}…", &text[..end]).into() }
}

/// One field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A field with a tone.
    pub fn new(text: impl AsRef<str>, tone: Tone) -> Self {
        Self { text: one_line(text.as_ref()), tone }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text, Tone::Normal)
    }
}

/// What may happen to a column for which there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Squeeze {
    /// It may get as narrow as this, but never goes.
    To(usize),
    /// It goes; those with the smallest number first.
    Drop(u8),
    /// The same, but it may be as narrow as the second number before.
    DropOrTo(u8, usize),
}

/// A column.
#[derive(Clone, Debug)]
pub struct Column {
    /// What stands above it.
    pub title: &'static str,
    /// Numbers stand to the right.
    pub right: bool,
    /// What happens to it when it gets tight.
    pub squeeze: Squeeze,
    /// Its fields, one a row.
    pub cells: Vec<Cell>,
}

impl Column {
    fn natural(&self) -> usize {
        self.cells.iter().map(|cell| width(&cell.text)).chain([width(self.title)]).max().unwrap_or(0)
    }
}

/// A column that has its place.
#[derive(Debug)]
struct Placed {
    column: Column,
    width: usize,
    least: usize,
}

/// Columns that fit together.
#[derive(Debug)]
pub struct Table {
    columns: Vec<Placed>,
}

impl Table {
    /// Makes columns fit into so many cells; without a limit, all keep their width.
    pub fn fit(columns: Vec<Column>, limit: Option<usize>) -> Self {
        let place = |column: Column| {
            let width = column.natural();
            let least = match column.squeeze {
                Squeeze::To(cells) | Squeeze::DropOrTo(_, cells) => width.min(cells),
                Squeeze::Drop(_) => width,
            };
            Placed { column, width, least }
        };
        let mut table = Self { columns: columns.into_iter().map(place).collect() };
        if let Some(limit) = limit {
            table.drop_until(limit);
            table.narrow(limit);
        }
        table
    }

    fn drop_until(&mut self, limit: usize) {
        while total(self.columns.iter().map(|placed| placed.least)) > limit {
            let next = self.columns.iter().enumerate().filter_map(|(at, placed)| match placed.column.squeeze {
                Squeeze::To(_) => None,
                Squeeze::Drop(order) | Squeeze::DropOrTo(order, _) => Some((order, at)),
            });
            let Some((_, at)) = next.min() else { break };
            self.columns.remove(at);
        }
    }

    /// Takes cell by cell from the widest column that has some to give.
    fn narrow(&mut self, limit: usize) {
        while self.width() > limit {
            let can_give = self.columns.iter_mut().filter(|placed| placed.width > placed.least);
            match can_give.max_by_key(|placed| placed.width) {
                Some(placed) => placed.width -= 1,
                None => break,
            }
        }
    }

    /// How wide it came out.
    pub fn width(&self) -> usize {
        total(self.columns.iter().map(|placed| placed.width))
    }

    #[cfg(test)]
    fn titles(&self) -> Vec<&str> {
        self.columns.iter().map(|placed| placed.column.title).collect()
    }

    /// The line of titles.
    pub fn head(&self, look: Look) -> String {
        self.line(look, |column| Cell { text: column.title.to_owned(), tone: Tone::Quiet })
    }

    /// A row.
    pub fn row(&self, number: usize, look: Look) -> String {
        self.line(look, |column| column.cells.get(number).cloned().unwrap_or_default())
    }

    fn line(&self, look: Look, cell: impl Fn(&Column) -> Cell) -> String {
        let mut line = String::new();
        let mut blank = 0;
        for Placed { column, width: cells, .. } in &self.columns {
            let cell = cell(column);
            let text = cut(&cell.text, *cells);
            let free = cells.saturating_sub(width(&text));
            let (before, after) = if column.right { (free, 0) } else { (0, free) };
            // Blanks at the end of a line are of no use to anybody.
            if text.is_empty() {
                blank += cells + GAP;
            } else {
                line.extend(std::iter::repeat_n(' ', blank + before));
                line.push_str(&paint(&text, cell.tone, look));
                blank = after + GAP;
            }
        }
        line
    }
}

fn total(widths: impl Iterator<Item = usize>) -> usize {
    widths.fold(None, |sum: Option<usize>, width| Some(sum.map_or(width, |sum| sum + GAP + width))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_by_cells() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdef", 5), "abcd…");
        assert_eq!(cut("日本語", 6), "日本語");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("日本語", 1), "…");
        assert_eq!(cut("日本語", 0), "");
        for cells in 1..12 {
            assert!(width(&cut("a❤\u{fe0f}👩\u{200d}🚀e\u{301}x日本", cells)) <= cells, "{cells}");
        }
    }

    #[test]
    fn a_field_is_one_harmless_line() {
        assert_eq!(one_line("a\n  b\t\u{1b}[2Jc\r\n"), "a b \u{fffd}[2Jc");
        assert_eq!(Cell::from("\u{202e}x").text, "\u{fffd}x");
    }

    fn columns() -> Vec<Column> {
        let column = |title, right, squeeze, texts: [&str; 2]| Column {
            title,
            right,
            squeeze,
            cells: texts.into_iter().map(Into::into).collect(),
        };
        vec![
            column("NAME", false, Squeeze::To(6), ["reviewer-of-all", "日本"]),
            column("CPU", true, Squeeze::Drop(0), ["5%", "100%"]),
            column("STATE", false, Squeeze::To(40), ["running", ""]),
            column("SESSION", false, Squeeze::DropOrTo(1, 5), ["x", "long-session"]),
        ]
    }

    fn lines(limit: Option<usize>) -> String {
        let table = Table::fit(columns(), limit);
        [table.head(Look::Plain), table.row(0, Look::Plain), table.row(1, Look::Plain)].join("\n")
    }

    #[test]
    fn columns_stand_below_their_titles() {
        let expected = "\
            NAME              CPU  STATE    SESSION\n\
            reviewer-of-all    5%  running  x\n\
            日本             100%           long-session";
        assert_eq!(lines(None), expected);
        assert_eq!(lines(Some(44)), expected);
    }

    #[test]
    fn what_gets_tight_is_cut_and_then_left_out() {
        assert_eq!(Table::fit(columns(), Some(35)).titles(), ["NAME", "CPU", "STATE", "SESSION"]);
        assert_eq!(Table::fit(columns(), Some(25)).titles(), ["NAME", "STATE", "SESSION"]);
        assert_eq!(Table::fit(columns(), Some(18)).titles(), ["NAME", "STATE"]);
        assert_eq!(lines(Some(15)), "NAME    STATE\nrevie…  running\n日本");
        for limit in 15..60 {
            assert!(lines(Some(limit)).lines().all(|line| width(line) <= limit), "{limit}");
        }
    }

    #[test]
    fn colours_are_outside_of_the_counted_text() {
        let cells = vec![Cell::new("up", Tone::Good)];
        let table = Table::fit(vec![Column { title: "S", right: true, squeeze: Squeeze::To(3), cells }], Some(3));
        assert_eq!(table.row(0, Look::Colour), "\x1b[32mup\x1b[0m");
        assert_eq!(table.row(0, Look::Plain), "up");
    }
}
