//! Draws what is on a terminal as SVG: reads a screen with its colours, as `tmux capture-pane -ep` writes it, from standard
//! input. `examples/pictures/make` makes the README's pictures with it.
//!
//!     picture COLUMNS ROWS < screen > picture.svg
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a tool that can't go on fails")]

use std::fmt::Write as _;
use std::io::Read as _;
use std::num::NonZero;

use unicode_width::UnicodeWidthStr as _;
use vt100::{Cell, Color, Parser};

/// Of one cell, in pixels.
const WIDTH: f64 = 8.4;
const HEIGHT: f64 = 18.0;
const MARGIN: f64 = 12.0;

const FOREGROUND: &str = "#d8dee9";
const BACKGROUND: &str = "#1d2129";
const PALETTE: [&str; 16] = [
    "#3b4252", "#e06c75", "#8fbf7f", "#e5c07b", "#6ba4e7", "#c594c5", "#5fb3b3", "#d8dee9", "#6b7486", "#ef8891",
    "#a5d396", "#f0d399", "#8bbcf0", "#d9b0d9", "#80cbcb", "#ffffff",
];

fn main() {
    let numbers: Vec<u16> = std::env::args().skip(1).map(|number| number.parse().unwrap()).collect();
    let [columns, rows] = numbers[..] else { panic!("picture COLUMNS ROWS") };
    let mut screen = String::new();
    std::io::stdin().read_to_string(&mut screen).unwrap();
    let mut parser = Parser::new(NonZero::new(rows).unwrap(), NonZero::new(columns).unwrap(), 0);
    parser.process(screen.trim_end_matches('\n').replace('\n', "\r\n").as_bytes());
    print!("{}", draw(parser.screen(), columns, rows));
}

fn draw(screen: &vt100::Screen, columns: u16, rows: u16) -> String {
    let (width, height) = (f64::from(columns) * WIDTH + 2.0 * MARGIN, f64::from(rows) * HEIGHT + 2.0 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         font-family=\"ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"14\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n"
    );
    for row in 0..rows {
        let mut column = 0;
        while let Some(cell) = screen.cell(row, column) {
            let (start, look) = (column, Look::of(cell));
            let mut text = String::new();
            while let Some(cell) = screen.cell(row, column).filter(|cell| Look::of(cell) == look) {
                text.push_str(if cell.has_contents() { cell.contents() } else { " " });
                column += 1;
            }
            look.draw(&mut svg, &text, f64::from(start), f64::from(row), f64::from(column - start));
        }
    }
    svg + "</svg>\n"
}

/// How a run of cells looks.
#[derive(PartialEq)]
struct Look {
    ink: String,
    paper: Option<String>,
    bold: bool,
    dim: bool,
}

impl Look {
    fn of(cell: &Cell) -> Self {
        let (ink, paper) = (color(cell.fgcolor()), color(cell.bgcolor()));
        let (bold, dim) = (cell.bold(), cell.dim());
        if cell.inverse() {
            let (ink, paper) = (paper.unwrap_or(BACKGROUND.into()), ink.unwrap_or(FOREGROUND.into()));
            return Self { ink, paper: Some(paper), bold, dim };
        }
        Self { ink: ink.unwrap_or(FOREGROUND.into()), paper, bold, dim }
    }

    fn draw(&self, svg: &mut String, text: &str, column: f64, row: f64, cells: f64) {
        let (x, y) = (MARGIN + column * WIDTH, MARGIN + row * HEIGHT);
        if let Some(paper) = &self.paper {
            writeln!(
                svg,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{HEIGHT}\" fill=\"{paper}\"/>",
                cells * WIDTH
            )
            .unwrap();
        }
        // Renderers disagree on spaces at the ends.
        let (inner, indent) = (text.trim(), text.chars().take_while(|letter| *letter == ' ').count());
        if inner.is_empty() {
            return;
        }
        #[allow(clippy::cast_precision_loss, reason = "less than a line has")]
        let (x, length) = (x + indent as f64 * WIDTH, inner.width() as f64 * WIDTH);
        let weight = if self.bold { " font-weight=\"bold\"" } else { "" };
        let opacity = if self.dim { " opacity=\"0.6\"" } else { "" };
        let text = inner.replace('&', "&amp;").replace('<', "&lt;").replace(' ', "\u{a0}");
        let (ink, y) = (&self.ink, y + 0.75 * HEIGHT);
        writeln!(
            svg,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" textLength=\"{length:.1}\" fill=\"{ink}\"{weight}{opacity}>{text}</text>"
        )
        .unwrap();
    }
}

/// None is the terminal's own.
fn color(color: Color) -> Option<String> {
    match color {
        Color::Default => None,
        Color::Idx(index) if index < 16 => Some(PALETTE[usize::from(index)].to_owned()),
        Color::Idx(index) if index >= 232 => {
            let grey = 8 + 10 * (index - 232);
            Some(format!("#{grey:02x}{grey:02x}{grey:02x}"))
        }
        Color::Idx(index) => {
            let level = |part: u8| if part == 0 { 0 } else { 55 + 40 * part };
            let index = index - 16;
            Some(format!("#{:02x}{:02x}{:02x}", level(index / 36), level(index / 6 % 6), level(index % 6)))
        }
        Color::Rgb(red, green, blue) => Some(format!("#{red:02x}{green:02x}{blue:02x}")),
    }
}
