//! The table of agents, and what is to be said about all of them.

use std::collections::BTreeMap;

use super::news::{self, News};
use super::view::View;
use super::{Style, one, telling};
use crate::cli::client::types::{Agent, ConfigError, Exit, Usage};
use crate::cli::output::harmless;
use crate::cli::table::{Cell, Column, Squeeze, Table, Tone, cut, one_line, paint, width};
use crate::cli::{time, told};
use crate::model::Wall;

/// An error or a question gets a column of its own where that many cells are left for it.
const NEWS_CELLS: usize = 30;

/// Where what an agent tells has its column.
const AFTER_FOR: usize = 3;

/// Of a refused configuration's report, on a screen that is full of agents, too.
const REPORT_LINES: usize = 8;

/// As many lines as it takes, the summary last.
pub(super) fn plain(view: &View, now: Wall, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    if !view.agents.is_empty() {
        let Listing { head, rows } = listing(view, now, style);
        lines.push(head);
        lines.extend(rows.into_iter().flatten());
        lines.push(String::new());
    }
    lines.extend(notes(view, now, style, usize::MAX));
    lines.extend(summary(view, style));
    lines
}

/// So many lines at most, the summary first.
pub(super) fn fitted(view: &View, now: Wall, style: Style, height: usize) -> Vec<String> {
    let mut lines = summary(view, style);
    lines.extend(notes(view, now, style, REPORT_LINES));
    if view.agents.is_empty() {
        return lines;
    }
    let Listing { head, mut rows } = listing(view, now, style);
    if lines.last().is_some_and(|line| !line.is_empty()) {
        lines.push(String::new());
    }
    lines.push(head);
    let room = height.saturating_sub(lines.len());
    let mut shown = fitting(&rows, room);
    if shown < rows.len() {
        shown = fitting(&rows, room.saturating_sub(1));
    }
    let hidden = view.agents.get(shown..).unwrap_or_default();
    rows.truncate(shown);
    lines.extend(rows.into_iter().flatten());
    if !hidden.is_empty() {
        let states = by_state(hidden);
        let states: Vec<String> = states.iter().map(|(state, count)| format!("{count} {}", words(state))).collect();
        let line = format!("… and {} more: {}", hidden.len(), states.join(", "));
        lines.push(paint(&fit(&line, style), Tone::Quiet, style.look));
    }
    lines
}

/// How many rows fit into so many lines.
fn fitting(rows: &[Vec<String>], lines: usize) -> usize {
    let mut used = 0;
    rows.iter()
        .take_while(|row| {
            used += row.len();
            used <= lines
        })
        .count()
}

struct Listing {
    head: String,
    /// The lines of each agent.
    rows: Vec<Vec<String>>,
}

fn listing(view: &View, now: Wall, style: Style) -> Listing {
    let (agents, all_news): (&[Agent], Vec<_>) = (&view.agents, view.agents.iter().map(news::of).collect());
    let mut columns = columns(view, now);
    let natural = |columns: &[Column]| Table::fit(columns.to_vec(), None).width();
    let room = style.width.unwrap_or(usize::MAX);
    if natural(&columns) > room && agents.iter().all(|agent| agent.session == agent.name) {
        columns.retain(|column| column.title != "SESSION");
    }
    let title = news::title(&all_news);
    let wide = title.is_some() && room.saturating_sub(natural(&columns)) > NEWS_CELLS;
    if let Some(title) = title.filter(|_| wide) {
        let cell = |news: &Option<News>| news.as_ref().map_or_else(Cell::default, |it| Cell::new(&it.text, it.tone));
        let cells = all_news.iter().map(cell).collect();
        columns.push(Column { title, right: false, squeeze: Squeeze::To(NEWS_CELLS), cells });
    }
    let table = Table::fit(columns, style.width);
    let row = |(number, news): (usize, &Option<News>)| {
        let mut lines = vec![table.row(number, style.look)];
        if let Some(news) = news.as_ref().filter(|_| !wide) {
            let line = format!("  └ {}", one_line(&news.text));
            lines.push(paint(&fit(&line, style), news.tone, style.look));
        }
        lines
    };
    Listing { head: table.head(style.look), rows: all_news.iter().enumerate().map(row).collect() }
}

fn columns(view: &View, now: Wall) -> Vec<Column> {
    let column = |title, right, squeeze, cell: &dyn Fn(&Agent) -> Cell| Column {
        title,
        right,
        squeeze,
        cells: view.agents.iter().map(cell).collect(),
    };
    let usage = |agent: &Agent| view.usage.get(&agent.name);
    let state = |agent: &Agent| Cell::new(state(agent, now), Tone::of_state(&agent.state));
    let since = |agent: &Agent| agent.since.as_deref().and_then(time::parse);
    let length = |agent: &Agent| or_dash(since(agent).map(|since| time::short(time::between(since, now))));
    let load = |agent: &Agent| or_dash(usage(agent).and_then(|usage| usage.cpu_load).map(percent));
    let mut columns = vec![
        column("NAME", false, Squeeze::To(12), &|agent| Cell::new(&agent.name, Tone::Strong)),
        column("STATE", false, Squeeze::To(usize::MAX), &state),
        column("FOR", true, Squeeze::Drop(6), &length),
        column("RESTARTS", true, Squeeze::Drop(4), &|agent| agent.restarts.to_string().into()),
        column("LAST EXIT", false, Squeeze::Drop(3), &|agent| or_dash(agent.exit.as_ref().map(exit))),
        column("CPU", true, Squeeze::Drop(2), &load),
        column("MEMORY", true, Squeeze::Drop(1), &|agent| or_dash(usage(agent).map(memory))),
        column("SESSION", false, Squeeze::DropOrTo(0, 12), &|agent| Cell::new(&agent.session, Tone::Quiet)),
    ];
    if view.agents.iter().any(|agent| told::of(agent).is_some()) {
        columns.insert(AFTER_FOR, column("ACTIVITY", false, Squeeze::Drop(5), &|agent| activity(agent, now)));
    }
    columns
}

fn or_dash(text: Option<String>) -> Cell {
    text.map_or_else(|| Cell::new("-", Tone::Quiet), Cell::from)
}

fn fit(line: &str, style: Style) -> String {
    cut(line, style.width.unwrap_or(usize::MAX)).into_owned()
}

/// The state, and when that ends by itself.
fn state(agent: &Agent, now: Wall) -> String {
    match next_start(agent, now) {
        Some(delay) => format!("{}, {delay}", agent.state),
        None => agent.state.clone(),
    }
}

/// What it does and for how long, or what came of it.
fn activity(agent: &Agent, now: Wall) -> Cell {
    let Some(told) = told::of(agent) else { return or_dash(None) };
    let length = match told.since {
        Some(since) => time::parse(since).map(|since| format!(" {}", time::short(time::between(since, now)))),
        // Where it is started again, its state says when.
        None if told.word == "rate_limited" && agent.next_restart_at.is_none() => telling::reset(agent, now),
        None => None,
    };
    Cell::new(format!("{}{}", told.word, length.unwrap_or_default()), told.tone)
}

/// How long until the next start, if there is to be one.
pub(super) fn next_start(agent: &Agent, now: Wall) -> Option<String> {
    let at = agent.next_restart_at.as_deref().and_then(time::parse)?;
    // Rounded up, as a countdown that ends at its end.
    let left = time::between(now, at).as_millis().div_ceil(1000);
    let left = std::time::Duration::from_secs(u64::try_from(left).unwrap_or(u64::MAX));
    Some(if left.is_zero() { "now".to_owned() } else { time::short(left) })
}

/// How the last run ended, in a word or two.
fn exit(exit: &Exit) -> String {
    match (exit.kind.as_str(), exit.code, exit.signal) {
        ("exited", Some(code), _) => code.to_string(),
        ("killed", _, Some(signal)) => exit.signal_name.clone().unwrap_or_else(|| format!("signal {signal}")),
        ("not_started", _, _) => "not started".to_owned(),
        (kind, _, _) => kind.to_owned(),
    }
}

/// Of one core.
pub(super) fn percent(load: f64) -> String {
    let percent = load * 100.0;
    if (0.05..9.95).contains(&percent) { format!("{percent:.1}%") } else { format!("{percent:.0}%") }
}

/// Resident memory, in units of 1024.
pub(super) fn memory(usage: &Usage) -> String {
    #[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut amount = usage.memory_bytes as f64;
    let mut units = ["B", "K", "M", "G", "T"].into_iter().peekable();
    while amount >= 999.5 && units.len() > 1 {
        amount /= 1024.0;
        units.next();
    }
    let unit = units.next().unwrap_or_default();
    if amount < 9.95 && unit != "B" { format!("{amount:.1}{unit}") } else { format!("{amount:.0}{unit}") }
}

/// How many agents there are in each state, in the order of a life that goes from good to bad.
fn by_state(agents: &[Agent]) -> Vec<(&str, usize)> {
    const ORDER: [&str; 8] =
        ["running", "starting", "pending", "stopping", "backing_off", "failed", "timed_out", "exited"];
    let mut counts = BTreeMap::new();
    for agent in agents {
        let order = ORDER.iter().position(|state| *state == agent.state).unwrap_or(ORDER.len());
        *counts.entry((order, agent.state.as_str())).or_insert(0_usize) += 1;
    }
    counts.into_iter().map(|((_, state), count)| (state, count)).collect()
}

/// How many of those in a state wait for somebody, if any do.
fn waiting(agents: &[Agent], state: &str) -> String {
    let count = agents.iter().filter(|agent| agent.state == state && told::is_waiting(agent)).count();
    if count == 0 { String::new() } else { format!(" ({count} waiting)") }
}

fn words(state: &str) -> String {
    one_line(&state.replace('_', " "))
}

/// `20 agents: 17 running, 2 backing off, 1 failed`, on as many lines as it takes.
fn summary(view: &View, style: Style) -> Vec<String> {
    if view.agents.is_empty() {
        let file = one_line(&view.health.config);
        let place = if file.is_empty() { String::new() } else { format!(" in {file}") };
        return one::wrap(&format!("no agents are declared{place}"), style.width);
    }
    let count = view.agents.len();
    let head = format!("{count} {}:", if count == 1 { "agent" } else { "agents" });
    let (mut used, mut lines) = (width(&head), vec![head]);
    let states = by_state(&view.agents);
    for (number, (state, count)) in states.iter().enumerate() {
        let part = format!("{count} {}", words(state));
        let waiting = waiting(&view.agents, state);
        let comma = if number + 1 == states.len() { "" } else { "," };
        let cells = width(&part) + width(&waiting) + comma.len();
        used += 1 + cells;
        if style.width.is_some_and(|limit| used > limit) {
            lines.push(" ".to_owned());
            used = 2 + cells;
        }
        if let Some(line) = lines.last_mut() {
            let part = paint(&part, Tone::of_state(state), style.look);
            *line = format!("{line} {part}{}{comma}", paint(&waiting, Tone::Warning, style.look));
        }
    }
    lines
}

/// What is wrong with the daemon as a whole; an empty line behind it.
pub(super) fn notes(view: &View, now: Wall, style: Style, report_lines: usize) -> Vec<String> {
    let mut lines = Vec::new();
    if view.health.state == "stopping" {
        lines.push(paint("agentd is stopping: it ends all agents, and then itself", Tone::Warning, style.look));
    }
    if let Some(error) = &view.health.config_error {
        lines.extend(refused(error, &view.health.config, now, style, report_lines));
    }
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

fn refused(error: &ConfigError, file: &str, now: Wall, style: Style, report_lines: usize) -> Vec<String> {
    let ago = time::parse(&error.at).map(|at| format!(" {} ago", time::short(time::between(at, now))));
    let head =
        format!("The newest configuration was refused{}; the last good one stays in force.", ago.unwrap_or_default());
    let mut lines: Vec<String> =
        one::wrap(&head, style.width).iter().map(|line| paint(line, Tone::Bad, style.look)).collect();
    let report: Vec<&str> = error.message.trim_end().lines().collect();
    lines.extend(report.iter().take(report_lines).map(|line| fit(&format!("  {}", harmless(line)), style)));
    if report.len() > report_lines && !file.is_empty() {
        lines.push(fit(&format!("  … see `agentd check {}`", one_line(file)), style));
    }
    lines
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;
