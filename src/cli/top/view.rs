//! The picture of a state, at any size. Only what fits is looked at, and whatever is written goes through [`put`].

mod areas;
mod overlay;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::list::Sort;
use super::state::{Mode, State};
use super::words;
use crate::cli::client::types::Agent;
use crate::cli::output::harmless;
use crate::cli::table::Tone;
use crate::cli::told;
use crate::desired::diagnostic::Look;
pub(super) use areas::Areas;

/// Draws all of it.
pub(super) fn draw(state: &State, look: Look, buffer: &mut Buffer) {
    let areas = Areas::of(state, buffer.area);
    let paint = Paint { look, grey: state.lost.is_some() };
    header(state, &paint, areas.header, buffer);
    for (row, banner) in areas.banners.rows().zip(banners(state)) {
        put(buffer, row, &format!(" {banner}"), paint.alarm());
        fill(buffer, row, paint.alarm());
    }
    titles(state, &paint, areas.titles, buffer);
    for (row, (is_selected, agent)) in areas.rows.rows().zip(state.list.visible()) {
        line(state, &paint, agent, row, buffer);
        if is_selected {
            fill(buffer, row, Style::new().add_modifier(Modifier::REVERSED));
        }
    }
    if state.list.counts().1 == 0 {
        put(
            buffer,
            areas.rows,
            if state.list.counts().0 == 0 { "  no agents" } else { "  none like that" },
            paint.faint(),
        );
    }
    if let Some(area) = areas.output {
        output(state, &paint, area, buffer);
    }
    footer(state, &paint, areas.footer, buffer);
    match state.mode {
        Mode::Browse | Mode::Search => {}
        Mode::Help => overlay::help(&paint, buffer),
        Mode::Report => overlay::report(state, &paint, buffer),
    }
}

/// What can't be overlooked, a line each.
pub(super) fn banners(state: &State) -> Vec<String> {
    let mut banners = Vec::new();
    if let Some(cause) = &state.lost {
        let age = words::span(state.silence());
        banners.push(format!("DISCONNECTED {age} ago, trying again: {cause}"));
    }
    if let Some(error) = &state.health.config_error {
        // The report's first two lines are what is wrong and where.
        let mut lines = error.message.lines().map(str::trim).filter(|line| !line.is_empty());
        let (what, place) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        banners.push(format!("CONFIGURATION REFUSED (e shows all): {what} {place}"));
    }
    if let Some(notice) = &state.notice {
        banners.push(notice.clone());
    }
    banners
}

/// Colours, or what stands for them.
struct Paint {
    look: Look,
    /// What is shown is not of now.
    grey: bool,
}

impl Paint {
    fn of(&self, colour: Color, otherwise: Modifier) -> Style {
        match (self.grey, self.look) {
            (true, _) => self.faint(),
            (false, Look::Colour) => Style::new().fg(colour),
            (false, Look::Plain) => Style::new().add_modifier(otherwise),
        }
    }

    fn plain(&self) -> Style {
        if self.grey { self.faint() } else { Style::new() }
    }

    fn faint(&self) -> Style {
        match self.look {
            Look::Colour => Style::new().fg(Color::DarkGray),
            Look::Plain => Style::new().add_modifier(Modifier::DIM),
        }
    }

    fn bold(&self) -> Style {
        self.plain().add_modifier(Modifier::BOLD)
    }

    fn alarm(&self) -> Style {
        match self.look {
            Look::Colour => Style::new().fg(Color::White).bg(Color::Red).add_modifier(Modifier::BOLD),
            Look::Plain => Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD),
        }
    }

    fn state(&self, state: &str) -> Style {
        match state {
            "running" => self.of(Color::Green, Modifier::empty()),
            "starting" | "pending" | "stopping" => self.of(Color::Cyan, Modifier::empty()),
            "backing_off" => self.of(Color::Yellow, Modifier::BOLD),
            "failed" | "timed_out" => self.of(Color::Red, Modifier::BOLD),
            _ => self.plain(),
        }
    }

    fn tone(&self, tone: Tone) -> Style {
        match tone {
            Tone::Good => self.of(Color::Green, Modifier::empty()),
            Tone::Moving => self.of(Color::Cyan, Modifier::empty()),
            Tone::Warning => self.of(Color::Yellow, Modifier::BOLD),
            Tone::Bad => self.of(Color::Red, Modifier::BOLD),
            Tone::Quiet => self.faint(),
            Tone::Normal | Tone::Strong => self.plain(),
        }
    }
}

/// Writes a text into the first row of an area, as far as it fits, without what a terminal would obey. Answers what is left.
fn put(buffer: &mut Buffer, area: Rect, text: &str, style: Style) -> Rect {
    let area = area.intersection(buffer.area);
    if area.is_empty() {
        return area;
    }
    // No terminal is wide enough for more, and a long line isn't looked at whole.
    let text: String = text.chars().take(usize::from(area.width) * 4).collect();
    let (end, _) = buffer.set_stringn(area.x, area.y, harmless(&text), area.width.into(), style);
    Rect { x: end, width: area.right().saturating_sub(end), ..area }
}

fn fill(buffer: &mut Buffer, area: Rect, style: Style) {
    buffer.set_style(area.intersection(buffer.area), style);
}

fn header(state: &State, paint: &Paint, area: Rect, buffer: &mut Buffer) {
    let (total, ..) = state.list.counts();
    let health = &state.health;
    let mut rest = put(buffer, area, &format!("agentd {}", health.version), paint.bold());
    let phase = if health.state == "running" { "up" } else { &health.state };
    rest = put(buffer, rest, &format!("  {phase} {}  ", words::span(state.uptime())), paint.plain());
    let noun = if total == 1 { "agent" } else { "agents" };
    rest = put(buffer, rest, &format!("{total} {noun}"), paint.bold());
    let waiting = state.list.waiting();
    if waiting > 0 {
        rest = put(buffer, rest, &format!(" ({waiting} waiting)"), paint.tone(Tone::Warning));
    }
    for (index, (name, count)) in state.list.by_state().into_iter().enumerate() {
        rest = put(buffer, rest, if index == 0 { ": " } else { ", " }, paint.plain());
        rest = put(buffer, rest, &format!("{count} {name}"), paint.state(name));
    }
}

fn titles(state: &State, paint: &Paint, area: Rect, buffer: &mut Buffer) {
    let style = paint.bold().add_modifier(Modifier::UNDERLINED);
    fill(buffer, area, style);
    for (column, cell) in areas::columns(area, state.list.has_told()) {
        let is_first = match state.list.sort {
            Sort::Name => column == Column::Name,
            Sort::State => column == Column::State,
            Sort::Cpu => column == Column::Cpu,
            Sort::Memory => column == Column::Memory,
        };
        let title = column.title();
        let title = if is_first { format!("{title}↓") } else { title.to_owned() };
        aligned(buffer, cell, &title, column.is_figure(), style);
    }
}

/// What the table says of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Name,
    State,
    For,
    Told,
    Restarts,
    Exit,
    Cpu,
    Memory,
}

impl Column {
    fn title(self) -> &'static str {
        match self {
            Self::Name => "NAME",
            Self::State => "STATE",
            Self::For => "FOR",
            Self::Told => "ACTIVITY",
            Self::Restarts => "RESTARTS",
            Self::Exit => "LAST EXIT",
            Self::Cpu => "CPU",
            Self::Memory => "MEMORY",
        }
    }

    fn is_figure(self) -> bool {
        match self {
            Self::Name | Self::State | Self::Told | Self::Exit => false,
            Self::For | Self::Restarts | Self::Cpu | Self::Memory => true,
        }
    }
}

fn line(state: &State, paint: &Paint, agent: &Agent, area: Rect, buffer: &mut Buffer) {
    let usage = state.list.usage(&agent.name);
    let known = |text: Option<String>| text.unwrap_or_else(|| words::NONE.to_owned());
    for (column, cell) in areas::columns(area, state.list.has_told()) {
        let (text, style) = match column {
            Column::Name => (agent.name.clone(), paint.plain()),
            Column::State => (agent.state.clone(), paint.state(&agent.state)),
            Column::For => (words::age(agent, state.now.wall), paint.plain()),
            Column::Told => words::told(agent, state.now.wall)
                .map_or_else(|| (words::NONE.to_owned(), paint.faint()), |(text, tone)| (text, paint.tone(tone))),
            Column::Restarts => (agent.restarts.to_string(), paint.plain()),
            Column::Exit => (words::exit(agent.exit.as_ref()), paint.plain()),
            Column::Cpu => (known(usage.and_then(|usage| usage.cpu_load).map(words::load)), paint.plain()),
            Column::Memory => (known(usage.map(|usage| words::bytes(usage.memory_bytes))), paint.plain()),
        };
        aligned(buffer, cell, &text, column.is_figure(), style);
    }
}

/// Figures stand at the right. They are ASCII, of which each character is one cell.
fn aligned(buffer: &mut Buffer, cell: Rect, text: &str, to_the_right: bool, style: Style) {
    let width = u16::try_from(text.chars().count()).unwrap_or(u16::MAX);
    let shift = if to_the_right { cell.width.saturating_sub(width) } else { 0 };
    put(buffer, Rect { x: cell.x + shift, width: cell.width - shift, ..cell }, text, style);
}

fn output(state: &State, paint: &Paint, area: Rect, buffer: &mut Buffer) {
    let title = Rect { height: 1.min(area.height), ..area };
    fill(buffer, title, paint.bold().add_modifier(Modifier::UNDERLINED));
    let Some(agent) = state.list.selected() else { return };
    let style = paint.bold().add_modifier(Modifier::UNDERLINED);
    let mut rest = put(buffer, title, &agent.name, style);
    if let Some(next) = words::until(agent.next_restart_at.as_deref(), state.now.wall) {
        rest = put(buffer, rest, &format!(", restarts in {}", words::span(next)), style);
    }
    match (told::question(agent), &agent.error) {
        (Some(question), _) if !question.is_empty() => drop(put(buffer, rest, &format!(" asks: {question}"), style)),
        (_, Some(error)) => drop(put(buffer, rest, &format!(": {error}"), style)),
        (_, None) => {}
    }
    let body = Rect { y: area.y + title.height, height: area.height - title.height, ..area };
    match state.output() {
        Some(Ok(text)) => {
            // The end of what is there, from the top if that is less than the area has.
            let lines: Vec<&str> = text.trim_end().lines().collect();
            let first = lines.len().saturating_sub(body.height.into());
            for (row, text) in body.rows().zip(&lines[first..]) {
                put(buffer, row, text, paint.plain());
            }
        }
        Some(Err(error)) => drop(put(buffer, body, error, paint.faint())),
        None => {}
    }
}

fn footer(state: &State, paint: &Paint, area: Rect, buffer: &mut Buffer) {
    let (_, listed, place) = state.list.counts();
    let at = format!(" {place}/{listed}");
    let width = u16::try_from(at.len()).unwrap_or(0).min(area.width);
    let mut rest = Rect { width: area.width - width, ..area };
    put(buffer, Rect { x: rest.right(), width, ..area }, &at, paint.faint());
    if state.mode == Mode::Search {
        rest = put(buffer, rest, &format!("/{}", state.list.filter), paint.bold());
        rest = put(buffer, rest, "▏", paint.plain());
        put(buffer, rest, "  Enter keeps it, Esc clears it", paint.faint());
        return;
    }
    if state.list.only_troubled {
        rest = put(buffer, rest, "only failing or waiting  ", paint.bold());
    }
    if !state.list.filter.is_empty() {
        rest = put(buffer, rest, &format!("/{} (Esc clears)  ", state.list.filter), paint.bold());
    }
    for (key, what) in
        [("Enter", "attach"), ("/", "search"), ("f", "failing"), ("s", "sort"), ("?", "help"), ("q", "quit")]
    {
        rest = put(buffer, rest, key, paint.bold());
        rest = put(buffer, rest, &format!(" {what}  "), paint.faint());
    }
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
