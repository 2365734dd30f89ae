//! What is known and what the person has chosen: keys and news in, a picture out. No terminal and no clock.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, HashMap};

use super::data::Update;
use super::input::Key;
use super::words;
use crate::cli::client::types::{Agent, Health, Usage};
use crate::model::{self, Now};

/// What the keys mean at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Browse,
    /// They are a name, or a part of one.
    Search,
    Help,
    /// The refused configuration is shown in full.
    Report,
}

/// What comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Name,
    State,
    Cpu,
    Memory,
}

/// What to do that a state can't.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Nothing,
    Attach { read_only: bool },
    Redraw,
    Suspend,
    Quit,
}

/// All of it.
#[derive(Debug)]
pub(super) struct State {
    pub(super) now: Now,
    pub(super) health: Health,
    /// When the daemon last said something.
    pub(super) heard: Now,
    /// Why it doesn't, if it doesn't.
    pub(super) lost: Option<String>,
    agents: Vec<Agent>,
    usage: HashMap<String, Usage>,
    output: Option<(String, Result<String, String>)>,
    /// What a person should read, until the next key.
    pub(super) notice: Option<String>,
    pub(super) mode: Mode,
    pub(super) filter: String,
    pub(super) only_troubled: bool,
    pub(super) sort: Sort,
    /// Those that are listed, in order, as indices of `agents`.
    rows: Vec<usize>,
    /// The selected one of them.
    cursor: usize,
    /// Which agent that is, wherever it goes.
    selected: Option<String>,
    /// The first row on the screen, and how many there are.
    first: usize,
    page: usize,
}

impl State {
    pub(super) fn new(health: Health, now: Now) -> Self {
        Self {
            now,
            health,
            heard: now,
            lost: None,
            agents: Vec::new(),
            usage: HashMap::new(),
            output: None,
            notice: None,
            mode: Mode::Browse,
            filter: String::new(),
            only_troubled: false,
            sort: Sort::Name,
            rows: Vec::new(),
            cursor: 0,
            selected: None,
            first: 0,
            page: 1,
        }
    }

    /// Takes news; whether there is something new to see.
    pub(super) fn take(&mut self, update: Update, now: Now) -> bool {
        self.now = now;
        match update {
            Update::World { agents, health } => {
                (self.heard, self.lost, self.health) = (now, None, health);
                if let Some(agents) = agents {
                    self.agents = agents;
                    self.arrange();
                }
                true
            }
            Update::Usage(usage) => {
                let usage: HashMap<_, _> =
                    usage.unwrap_or_default().into_iter().map(|usage| (usage.name.clone(), usage)).collect();
                let changed = usage != self.usage;
                self.usage = usage;
                if changed && matches!(self.sort, Sort::Cpu | Sort::Memory) {
                    self.arrange();
                }
                changed
            }
            Update::Output { of, text } => {
                let shown = self.selected.as_ref() == Some(&of);
                let new = Some((of, text));
                let changed = new != self.output;
                self.output = new;
                shown && changed
            }
            Update::Lost(cause) => {
                let changed = self.lost.as_ref() != Some(&cause);
                self.lost = Some(cause);
                changed
            }
        }
    }

    /// Time has passed; whether that can be seen.
    pub(super) fn tick(&mut self, now: Now) -> bool {
        let before = self.times();
        self.now = now;
        before != self.times()
    }

    /// All that is on the screen and changes by itself.
    fn times(&self) -> Vec<String> {
        let mut times: Vec<String> = self.visible().map(|(_, agent)| words::age(agent, self.now.wall)).collect();
        times.push(words::span(self.uptime()));
        times.push(words::span(self.silence()));
        let next = self.selected().and_then(|agent| words::until(agent.next_restart_at.as_deref(), self.now.wall));
        times.extend(next.map(words::span));
        times
    }

    /// How long the daemon has been up.
    pub(super) fn uptime(&self) -> std::time::Duration {
        std::time::Duration::from_secs(self.health.uptime_seconds) + self.heard_ago()
    }

    /// How old the picture is, if nothing new can come.
    pub(super) fn silence(&self) -> std::time::Duration {
        if self.lost.is_some() { self.heard_ago() } else { std::time::Duration::ZERO }
    }

    fn heard_ago(&self) -> std::time::Duration {
        self.now.mono.since(self.heard.mono)
    }

    /// Fits what is listed to a screen of so many rows, with the selected one among them.
    pub(super) fn fit(&mut self, page: usize) {
        self.page = page.max(1);
        let last_first = self.rows.len().saturating_sub(self.page);
        self.first = self.first.min(last_first).min(self.cursor).max((self.cursor + 1).saturating_sub(self.page));
    }

    /// The agents on the screen; true for the selected one.
    pub(super) fn visible(&self) -> impl Iterator<Item = (bool, &Agent)> {
        let rows = self.rows.iter().enumerate().skip(self.first).take(self.page);
        rows.filter_map(|(row, index)| Some((row == self.cursor, self.agents.get(*index)?)))
    }

    /// The agent that is meant.
    pub(super) fn selected(&self) -> Option<&Agent> {
        self.rows.get(self.cursor).and_then(|index| self.agents.get(*index))
    }

    /// What an agent uses.
    pub(super) fn usage(&self, name: &str) -> Option<&Usage> {
        self.usage.get(name)
    }

    /// What the selected agent wrote last; none before that is known.
    pub(super) fn output(&self) -> Option<&Result<String, String>> {
        let (of, text) = self.output.as_ref()?;
        (Some(of) == self.selected.as_ref()).then_some(text)
    }

    /// How many there are, how many are listed, and which of these is selected, from 1.
    pub(super) fn counts(&self) -> (usize, usize, usize) {
        (self.agents.len(), self.rows.len(), (self.cursor + 1).min(self.rows.len()))
    }

    /// How many agents are in each state: what is troubling first, then in the order of a life.
    pub(super) fn by_state(&self) -> Vec<(&str, usize)> {
        let mut counts: BTreeMap<_, usize> = BTreeMap::new();
        for Agent { state, .. } in &self.agents {
            *counts.entry((Reverse(is_trouble(state)), order_of_life(state), state.as_str())).or_default() += 1;
        }
        counts.into_iter().map(|((_, _, state), count)| (state, count)).collect()
    }

    /// What a key does.
    pub(super) fn press(&mut self, key: Key) -> Wish {
        self.notice = None;
        match (self.mode, key) {
            (_, Key::Interrupt) => return Wish::Quit,
            (_, Key::Suspend) => return Wish::Suspend,
            (_, Key::Redraw) => return Wish::Redraw,
            (Mode::Search, Key::Char(c)) => self.search(|filter| filter.push(c)),
            (Mode::Search, Key::Backspace) => self.search(|filter| {
                filter.pop();
            }),
            (Mode::Search, Key::Enter) => self.mode = Mode::Browse,
            (Mode::Search | Mode::Browse, Key::Escape) => {
                self.mode = Mode::Browse;
                self.search(String::clear);
            }
            (Mode::Help | Mode::Report, Key::Char('q' | '?' | 'e') | Key::Escape | Key::Enter) => {
                self.mode = Mode::Browse;
            }
            (Mode::Help | Mode::Report, _) | (Mode::Browse, Key::Backspace) => {}
            (Mode::Browse, Key::Char(c)) => return self.command(c),
            (Mode::Browse, Key::Enter) => return Wish::Attach { read_only: false },
            (Mode::Browse | Mode::Search, Key::Up) => self.go(self.cursor.saturating_sub(1)),
            (Mode::Browse | Mode::Search, Key::Down) => self.go(self.cursor + 1),
            (Mode::Browse | Mode::Search, Key::PageUp) => self.go(self.cursor.saturating_sub(self.page)),
            (Mode::Browse | Mode::Search, Key::PageDown) => self.go(self.cursor + self.page),
            (Mode::Browse | Mode::Search, Key::Home) => self.go(0),
            (Mode::Browse | Mode::Search, Key::End) => self.go(usize::MAX),
        }
        Wish::Nothing
    }

    fn command(&mut self, c: char) -> Wish {
        match c {
            'q' => return Wish::Quit,
            'v' => return Wish::Attach { read_only: true },
            'j' => self.go(self.cursor + 1),
            'k' => self.go(self.cursor.saturating_sub(1)),
            ' ' => self.go(self.cursor + self.page),
            'g' => self.go(0),
            'G' => self.go(usize::MAX),
            '/' => self.mode = Mode::Search,
            '?' | 'h' => self.mode = Mode::Help,
            'e' if self.health.config_error.is_some() => self.mode = Mode::Report,
            'f' => {
                self.only_troubled = !self.only_troubled;
                self.arrange();
            }
            's' => {
                self.sort = match self.sort {
                    Sort::Name => Sort::State,
                    Sort::State => Sort::Cpu,
                    Sort::Cpu => Sort::Memory,
                    Sort::Memory => Sort::Name,
                };
                self.arrange();
            }
            _ => {}
        }
        Wish::Nothing
    }

    fn search(&mut self, edit: impl FnOnce(&mut String)) {
        edit(&mut self.filter);
        self.arrange();
    }

    fn go(&mut self, row: usize) {
        self.cursor = row.min(self.rows.len().saturating_sub(1));
        self.selected = self.selected().map(|agent| agent.name.clone());
    }

    /// Lists what is to be listed, in its order. The selected agent stays so; if it isn't listed any more, the one that is
    /// there now is.
    fn arrange(&mut self) {
        let wanted = self.filter.to_lowercase();
        let is_listed =
            |agent: &Agent| (!self.only_troubled || is_troubled(agent)) && agent.name.to_lowercase().contains(&wanted);
        let mut rows: Vec<usize> = (0..self.agents.len()).filter(|index| is_listed(&self.agents[*index])).collect();
        rows.sort_by(|left, right| self.compare(&self.agents[*left], &self.agents[*right]));
        self.rows = rows;
        let place = self
            .selected
            .as_ref()
            .and_then(|name| self.rows.iter().position(|index| &self.agents[*index].name == name));
        self.go(place.unwrap_or(self.cursor));
    }

    fn compare(&self, left: &Agent, right: &Agent) -> Ordering {
        let load = |agent: &Agent| self.usage(&agent.name).and_then(|usage| usage.cpu_load).unwrap_or(-1.0);
        let memory = |agent: &Agent| self.usage(&agent.name).map(|usage| usage.memory_bytes);
        let first = match self.sort {
            Sort::Name => Ordering::Equal,
            // The end of a life, and what is near it, first.
            Sort::State => {
                let worth = |agent: &Agent| Reverse((is_troubled(agent), order_of_life(&agent.state)));
                worth(left).cmp(&worth(right))
            }
            Sort::Cpu => load(right).total_cmp(&load(left)),
            Sort::Memory => memory(right).cmp(&memory(left)),
        };
        first.then_with(|| left.name.cmp(&right.name))
    }
}

/// Whether somebody should look at it.
fn is_troubled(agent: &Agent) -> bool {
    is_trouble(&agent.state) || agent.error.is_some()
}

fn is_trouble(state: &str) -> bool {
    matches!(state, "backing_off" | "failed" | "timed_out")
}

/// A state that a newer daemon knows comes last.
fn order_of_life(state: &str) -> usize {
    model::State::ALL.iter().position(|known| known.as_str() == state).unwrap_or(model::State::ALL.len())
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
