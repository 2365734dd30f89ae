//! One agent in full.

use super::telling::{amounts, doing, outcome};
use super::view::View;
use super::{Style, list};
use crate::cli::client::types::{Agent, Exit, Usage};
use crate::cli::client::{Client, Connect, encode};
use crate::cli::failure::Failure;
use crate::cli::output::harmless;
use crate::cli::table::{Tone, cut, one_line, paint, width};
use crate::cli::time;
use crate::cli::told;
use crate::model::Wall;

/// How much of an agent's output is shown.
const OUTPUT_LINES: usize = 10;

/// Where values begin.
const INDENT: usize = 12;

/// All that is known of an agent.
#[derive(Debug)]
pub(super) struct One {
    view: View,
    agent: Agent,
    /// The last lines; none if it has no terminal.
    output: Option<Vec<String>>,
    /// The command that attaches to it.
    attach: String,
}

impl One {
    /// `view` has the one agent.
    pub(super) async fn fetch(client: &Client, mut view: View, connect: &Connect) -> Result<Self, Failure> {
        let agent = view.agents.pop().unwrap_or_default();
        let path = format!("/v1/agents/{}/output?lines={OUTPUT_LINES}", encode(&agent.name));
        let output = match client.text(&path).await {
            Ok(text) => Some(last_lines(&String::from_utf8_lossy(&text))),
            // It has no terminal, or the daemon is one that shows none.
            Err(Failure::Refused { .. }) => None,
            Err(failure) => return Err(failure),
        };
        let socket = connect.api_socket.as_ref().map(|path| path.to_string_lossy());
        let attach = attach(&agent.name, socket.as_deref());
        Ok(Self { view, agent, output, attach })
    }

    /// Whether it says the same, apart from durations and usage.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.agent.is_same(&other.agent) && self.view.is_same(&other.view) && self.output == other.output
    }

    pub(super) fn lines(&self, now: Wall, style: Style) -> Vec<String> {
        let mut lines = list::notes(&self.view, now, style, usize::MAX);
        for (label, value, tone) in self.fields(now, style) {
            let room = style.width.map(|width| width.saturating_sub(INDENT).max(20));
            for (number, part) in wrap(&one_line(&value), room).into_iter().enumerate() {
                let label = if number == 0 { label } else { "" };
                let label = paint(&format!("{label:INDENT$}"), Tone::Quiet, style.look);
                lines.push(label + &paint(&part, tone, style.look));
            }
        }
        lines.extend(self.output_lines(style));
        lines
    }

    fn fields(&self, now: Wall, style: Style) -> Vec<(&'static str, String, Tone)> {
        let agent = &self.agent;
        let usage = self.view.usage.get(&agent.name);
        let tone = Tone::of_state(&agent.state);
        let model_usage = agent.model_usage.as_ref();
        let activity_tone = agent.activity.as_ref().map_or(Tone::Normal, |it| told::of_activity(&it.state));
        let outcome_tone = agent.exit.as_ref().and_then(told::outcome).map_or(Tone::Normal, told::of_outcome);
        let when = |text: &String| time::full_of(text, style.zone);
        let maybe = [
            ("Name", Some(agent.name.clone()), Tone::Strong),
            ("State", Some(self.state(now, style)), tone),
            ("Activity", agent.activity.as_ref().map(|activity| doing(activity, now, style)), activity_tone),
            ("Question", told::question(agent).filter(|text| !text.is_empty()).map(str::to_owned), activity_tone),
            ("Next start", next_start(agent, now, style), Tone::Normal),
            ("Error", agent.error.clone(), tone),
            ("Last exit", agent.exit.as_ref().map(|exit| last_exit(exit, now, style)), Tone::Normal),
            ("Outcome", agent.exit.as_ref().and_then(|exit| outcome(exit, agent, now, style)), outcome_tone),
            ("Restarts", Some(agent.restarts.to_string()), Tone::Normal),
            ("Started", agent.started_at.as_ref().map(when), Tone::Normal),
            ("Process", agent.pid.map(|pid| pid.to_string()), Tone::Normal),
            ("CPU", usage.map(cpu), Tone::Normal),
            ("Memory", usage.map(memory), Tone::Normal),
            ("Model use", model_usage.map(|usage| amounts(&usage.run)), Tone::Normal),
            (
                "In all",
                model_usage.filter(|usage| usage.total != usage.run).map(|usage| amounts(&usage.total)),
                Tone::Normal,
            ),
            ("Harness", harness(agent), Tone::Normal),
            ("Session", Some(session(agent)), Tone::Normal),
            ("Attach", agent.pane.is_some().then(|| self.attach.clone()), Tone::Normal),
        ];
        maybe.into_iter().filter_map(|(label, value, tone)| Some((label, value?, tone))).collect()
    }

    fn state(&self, now: Wall, style: Style) -> String {
        match self.agent.since.as_deref().and_then(time::parse) {
            Some(since) => {
                let length = time::short(time::between(since, now));
                format!("{} for {length}, since {}", self.agent.state, time::full(since, style.zone))
            }
            None => self.agent.state.clone(),
        }
    }

    fn output_lines(&self, style: Style) -> Vec<String> {
        let Some(output) = self.output.as_ref().filter(|output| !output.is_empty()) else { return Vec::new() };
        let title = format!("Its last output (all of it: agentd logs {})", quoted(&self.agent.name));
        let limit = style.width.unwrap_or(usize::MAX);
        let mut lines = vec![String::new(), paint(&cut(&one_line(&title), limit), Tone::Quiet, style.look)];
        let bar = paint("│", Tone::Quiet, style.look);
        lines.extend(output.iter().map(|line| format!("{bar} {}", cut(line, limit.saturating_sub(2)))));
        lines
    }
}

/// The last lines with something on them, and what is between these.
fn last_lines(text: &str) -> Vec<String> {
    let lines: Vec<String> = text.lines().map(|line| harmless(line.trim_end()).into_owned()).collect();
    let end = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
    let from = end.saturating_sub(OUTPUT_LINES);
    let lines = lines.get(from..end).unwrap_or_default();
    lines.iter().skip_while(|line| line.is_empty()).cloned().collect()
}

fn last_exit(exit: &Exit, now: Wall, style: Style) -> String {
    let ago = time::parse(&exit.at).map(|at| format!(", {} ago", time::short(time::between(at, now))));
    format!("{}{} ({})", how(exit), ago.unwrap_or_default(), time::full_of(&exit.at, style.zone))
}

/// How a run ended, in words.
fn how(exit: &Exit) -> String {
    let how = match (exit.kind.as_str(), exit.code, exit.signal) {
        ("exited", Some(code), _) => format!("exited with status {code}"),
        ("killed", _, Some(signal)) => {
            let name = exit.signal_name.as_ref().map(|name| format!(" ({name})"));
            format!("killed by signal {signal}{}", name.unwrap_or_default())
        }
        ("unknown", _, _) => "ended, nobody knows how".to_owned(),
        ("not_started", _, _) => "could not be started".to_owned(),
        (kind, _, _) => kind.to_owned(),
    };
    match exit.cause.as_deref() {
        Some("terminal_lost") => how + ", as its tmux session was closed or the tmux server died",
        Some("shim_lost") => how + ", as its shim was killed",
        Some(cause) => format!("{how} ({cause})"),
        None => how,
    }
}

fn next_start(agent: &Agent, now: Wall, style: Style) -> Option<String> {
    let delay = list::next_start(agent, now)?;
    let delay = if delay == "now" { delay } else { format!("in {delay}") };
    Some(format!("{delay}, at {}", time::full_of(agent.next_restart_at.as_deref()?, style.zone)))
}

fn cpu(usage: &Usage) -> String {
    let total = std::time::Duration::try_from_secs_f64(usage.cpu_seconds).unwrap_or_default();
    let total = format!("{} of CPU time in all", time::short(total));
    usage.cpu_load.map_or_else(|| total.clone(), |load| format!("{} of a core, {total}", list::percent(load)))
}

fn memory(usage: &Usage) -> String {
    let processes = if usage.processes == 1 { "process" } else { "processes" };
    format!("{} in {} {processes}", list::memory(usage), usage.processes)
}

/// With the conversation, which a person would give it to go on with.
fn harness(agent: &Agent) -> Option<String> {
    let harness = Some(agent.harness.clone()).filter(|harness| !harness.is_empty());
    match (harness, &agent.conversation) {
        (Some(harness), Some(conversation)) => Some(format!("{harness}, conversation {conversation}")),
        (harness, conversation) => harness.or_else(|| Some(format!("conversation {}", conversation.as_ref()?))),
    }
}

fn session(agent: &Agent) -> String {
    match &agent.pane {
        Some(pane) => format!("{}, pane {pane}", agent.session),
        None => agent.session.clone(),
    }
}

fn attach(name: &str, socket: Option<&str>) -> String {
    let socket = socket.map(|socket| format!("--api-socket {} ", quoted(socket)));
    format!("agentd attach {}{}", socket.unwrap_or_default(), quoted(name))
}

/// As a word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ',' | '+' | ':' | '@' | '%');
    if !word.is_empty() && word.chars().all(is_plain) && !word.starts_with('-') {
        word.to_owned()
    } else {
        let quoted = format!("'{}'", word.replace('\'', r"'\''"));
        if word.starts_with('-') { format!("-- {quoted}") } else { quoted }
    }
}

/// Lines of at most so many cells, broken between words where that is possible.
pub(super) fn wrap(text: &str, cells: Option<usize>) -> Vec<String> {
    let limit = cells.unwrap_or(usize::MAX);
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().map_or("", |line| line.as_str());
        let separator = if line.is_empty() { "" } else { " " };
        if width(line) + separator.len() + width(word) <= limit {
            if let Some(line) = lines.last_mut() {
                line.push_str(separator);
                line.push_str(word);
            }
            continue;
        }
        if line.is_empty() {
            lines.pop();
        }
        lines.extend(pieces(word, limit));
    }
    lines
}

fn pieces(word: &str, limit: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for c in word.chars() {
        let piece = pieces.last_mut().map_or("", |piece| piece.as_str());
        let mut longer = piece.to_owned();
        longer.push(c);
        if !piece.is_empty() && width(&longer) > limit {
            pieces.push(c.to_string());
        } else if let Some(piece) = pieces.last_mut() {
            *piece = longer;
        }
    }
    pieces
}

#[cfg(test)]
#[path = "one_tests.rs"]
mod tests;
