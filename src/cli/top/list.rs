//! The agents, which of them are listed, in what order, and which one is selected.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, HashMap};

use crate::cli::client::types::{Agent, Usage};
use crate::cli::told;
use crate::model::State;

/// What comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sort {
    #[default]
    Name,
    State,
    Cpu,
    Memory,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct List {
    agents: Vec<Agent>,
    usage: HashMap<String, Usage>,
    /// Some agent tells what it does, or what came of it.
    has_told: bool,
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

impl List {
    /// Takes them as they are now.
    pub(super) fn set_agents(&mut self, agents: Vec<Agent>) {
        self.has_told = agents.iter().any(|agent| told::of(agent).is_some());
        self.agents = agents;
        self.arrange();
    }

    /// Takes what they use now; whether that is news.
    pub(super) fn set_usage(&mut self, usage: Vec<Usage>) -> bool {
        let usage: HashMap<_, _> = usage.into_iter().map(|usage| (usage.name.clone(), usage)).collect();
        let changed = usage != self.usage;
        self.usage = usage;
        if changed && matches!(self.sort, Sort::Cpu | Sort::Memory) {
            self.arrange();
        }
        changed
    }

    /// Lists only those that fail, or all again.
    pub(super) fn troubled_or_all(&mut self) {
        self.only_troubled = !self.only_troubled;
        self.arrange();
    }

    /// The next order.
    pub(super) fn sort_otherwise(&mut self) {
        self.sort = match self.sort {
            Sort::Name => Sort::State,
            Sort::State => Sort::Cpu,
            Sort::Cpu => Sort::Memory,
            Sort::Memory => Sort::Name,
        };
        self.arrange();
    }

    /// Edits what names must have in them.
    pub(super) fn search(&mut self, edit: impl FnOnce(&mut String)) {
        edit(&mut self.filter);
        self.arrange();
    }

    pub(super) fn up(&mut self, rows: usize) {
        self.go(self.cursor.saturating_sub(rows));
    }

    pub(super) fn down(&mut self, rows: usize) {
        self.go(self.cursor.saturating_add(rows));
    }

    pub(super) fn page_up(&mut self) {
        self.up(self.page);
    }

    pub(super) fn page_down(&mut self) {
        self.down(self.page);
    }

    /// Selects what is in that row, or in the last.
    pub(super) fn go(&mut self, row: usize) {
        self.cursor = row.min(self.rows.len().saturating_sub(1));
        self.selected = self.selected().map(|agent| agent.name.clone());
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

    /// Whether any agent tells of itself: else there is no column for that.
    pub(super) fn has_told(&self) -> bool {
        self.has_told
    }

    /// How many wait for somebody.
    pub(super) fn waiting(&self) -> usize {
        self.agents.iter().filter(|agent| told::is_waiting(agent)).count()
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
    is_trouble(&agent.state) || agent.error.is_some() || told::is_waiting(agent)
}

fn is_trouble(state: &str) -> bool {
    matches!(state, "backing_off" | "failed" | "timed_out")
}

/// A state that a newer daemon knows comes last.
fn order_of_life(state: &str) -> usize {
    State::ALL.iter().position(|known| known.as_str() == state).unwrap_or(State::ALL.len())
}
