//! What is known and what the person has chosen: keys and news in, a picture out. No terminal and no clock.

use std::time::Duration;

use super::data::Update;
use super::input::Key;
use super::list::List;
use super::words;
use crate::cli::client::types::Health;
use crate::model::Now;

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
    /// The agents.
    pub(super) list: List,
    output: Option<(String, Result<String, String>)>,
    /// What a person should read, until the next key.
    pub(super) notice: Option<String>,
    pub(super) mode: Mode,
}

impl State {
    pub(super) fn new(health: Health, now: Now) -> Self {
        Self {
            now,
            health,
            heard: now,
            lost: None,
            list: List::default(),
            output: None,
            notice: None,
            mode: Mode::Browse,
        }
    }

    /// Takes news; whether there is something new to see.
    pub(super) fn take(&mut self, update: Update, now: Now) -> bool {
        self.now = now;
        match update {
            Update::World { agents, health } => {
                (self.heard, self.lost, self.health) = (now, None, *health);
                if let Some(agents) = agents {
                    self.list.set_agents(agents);
                }
                true
            }
            Update::Usage(usage) => self.list.set_usage(usage.unwrap_or_default()),
            Update::Output { of, text } => {
                let shown = self.list.selected().is_some_and(|agent| agent.name == of);
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
        let mut times: Vec<String> = self.list.visible().map(|(_, agent)| words::age(agent, self.now.wall)).collect();
        times.extend(self.list.visible().filter_map(|(_, agent)| Some(words::told(agent, self.now.wall)?.0)));
        times.push(words::span(self.uptime()));
        times.push(words::span(self.silence()));
        let next = self.list.selected().and_then(|agent| words::until(agent.next_restart_at.as_deref(), self.now.wall));
        times.extend(next.map(words::span));
        times
    }

    /// How long the daemon has been up.
    pub(super) fn uptime(&self) -> Duration {
        Duration::from_secs(self.health.uptime_seconds) + self.heard_ago()
    }

    /// How old the picture is, if nothing new can come.
    pub(super) fn silence(&self) -> Duration {
        if self.lost.is_some() { self.heard_ago() } else { Duration::ZERO }
    }

    fn heard_ago(&self) -> Duration {
        self.now.mono.since(self.heard.mono)
    }

    /// What the selected agent wrote last; none before that is known.
    pub(super) fn output(&self) -> Option<&Result<String, String>> {
        let (of, text) = self.output.as_ref()?;
        (&self.list.selected()?.name == of).then_some(text)
    }

    /// What a key does.
    pub(super) fn press(&mut self, key: Key) -> Wish {
        self.notice = None;
        match (self.mode, key) {
            (_, Key::Interrupt) => return Wish::Quit,
            (_, Key::Suspend) => return Wish::Suspend,
            (_, Key::Redraw) => return Wish::Redraw,
            (Mode::Search, Key::Char(c)) => self.list.search(|filter| filter.push(c)),
            (Mode::Search, Key::Backspace) => self.list.search(|filter| {
                filter.pop();
            }),
            (Mode::Search, Key::Enter) => self.mode = Mode::Browse,
            (Mode::Search | Mode::Browse, Key::Escape) => {
                self.mode = Mode::Browse;
                self.list.search(String::clear);
            }
            (Mode::Help | Mode::Report, Key::Char('q' | '?' | 'e') | Key::Escape | Key::Enter) => {
                self.mode = Mode::Browse;
            }
            (Mode::Help | Mode::Report, _) | (Mode::Browse, Key::Backspace) => {}
            (Mode::Browse, Key::Char(c)) => return self.command(c),
            (Mode::Browse, Key::Enter) => return Wish::Attach { read_only: false },
            (Mode::Browse | Mode::Search, Key::Up) => self.list.up(1),
            (Mode::Browse | Mode::Search, Key::Down) => self.list.down(1),
            (Mode::Browse | Mode::Search, Key::PageUp) => self.list.page_up(),
            (Mode::Browse | Mode::Search, Key::PageDown) => self.list.page_down(),
            (Mode::Browse | Mode::Search, Key::Home) => self.list.go(0),
            (Mode::Browse | Mode::Search, Key::End) => self.list.go(usize::MAX),
        }
        Wish::Nothing
    }

    fn command(&mut self, c: char) -> Wish {
        match c {
            'q' => return Wish::Quit,
            'v' => return Wish::Attach { read_only: true },
            'j' => self.list.down(1),
            'k' => self.list.up(1),
            ' ' => self.list.page_down(),
            'g' => self.list.go(0),
            'G' => self.list.go(usize::MAX),
            '/' => self.mode = Mode::Search,
            '?' | 'h' => self.mode = Mode::Help,
            'e' if self.health.config_error.is_some() => self.mode = Mode::Report,
            'f' => self.list.troubled_or_all(),
            's' => self.list.sort_otherwise(),
            _ => {}
        }
        Wish::Nothing
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
