//! What is shown over the rest, until a key.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Block, Clear, Widget};

use super::{Paint, put};
use crate::cli::top::state::State;

const HELP: [&str; 19] = [
    "j k, arrows     next, previous agent",
    "PgDn PgUp       a screen further, back",
    "g G, Home End   first, last agent",
    "Enter           attach to the agent (C-b d comes back)",
    "v               attach to look only",
    "/               list only names with these letters",
    "f               list only agents that fail or wait for you",
    "s               sort by name, state, CPU, memory",
    "e               the refused configuration, in full",
    "Esc             list all again",
    "C-l             draw the screen anew",
    "C-z             put this aside (fg comes back)",
    "q, C-c          quit; the agents go on",
    "",
    "FOR             how long it has been in its state",
    "ACTIVITY        what it tells that it does; or what came of it",
    "CPU             of one core, lately; with all it started",
    "MEMORY          resident; with all it started",
    "-               not known",
];

/// What the keys do.
pub(super) fn help(paint: &Paint, buffer: &mut Buffer) {
    window(" help ", HELP.into_iter(), paint, buffer);
}

/// Why the configuration was refused.
pub(super) fn report(state: &State, paint: &Paint, buffer: &mut Buffer) {
    let message = state.health.config_error.as_ref().map_or("it has been taken now", |error| &error.message);
    window(" configuration refused ", message.lines(), paint, buffer);
}

fn window<'a>(title: &str, lines: impl Iterator<Item = &'a str>, paint: &Paint, buffer: &mut Buffer) {
    let lines: Vec<&str> = lines.take(buffer.area.height.into()).collect();
    let longest = lines.iter().map(|line| line.chars().count()).max().unwrap_or_default();
    let width = u16::try_from(longest.max(title.len())).unwrap_or(u16::MAX).saturating_add(4).min(buffer.area.width);
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(2).min(buffer.area.height);
    let place = |all: u16, part: u16| (all - part) / 2;
    let area = Rect { x: place(buffer.area.width, width), y: place(buffer.area.height, height), width, height };
    Clear.render(area, buffer);
    // In a window that is too small for its border, the text is worth more.
    let inner = if area.height >= 5 && area.width >= 30 {
        Block::bordered().title(title).border_style(paint.plain()).render(area, buffer);
        Rect { x: area.x + 2, y: area.y + 1, width: area.width - 4, height: area.height - 2 }
    } else {
        area
    };
    for (row, line) in inner.rows().zip(lines) {
        put(buffer, row, line, paint.plain());
    }
}
