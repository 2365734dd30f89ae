//! What ought to be: what is declared, and what was done to whom. It follows from the actions alone.

use std::collections::{BTreeMap, BTreeSet};

use crate::action::{Action, Order};
use crate::declared::{Agent, Policy, Quirk, SECRET_MARK};

/// The declared state, and the history of each agent's present life as far as its fate hangs on it.
#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct World {
    /// Of the last file that was valid.
    pub agents: Vec<Agent>,
    /// By name, the values.
    pub secrets: BTreeMap<&'static str, String>,
    /// By instance.
    pub lives: BTreeMap<String, Life>,
    /// A daemon runs.
    pub is_up: bool,
    /// It has had no chance to read a valid file.
    pub is_blind: bool,
    /// It was started since all was at rest: nobody knows what it has read of that file so far.
    pub was_started: bool,
    /// Whether this part of the soak may end daemons: growth shows only in those that live long.
    pub daemon_may_die: bool,
    /// A daemon that is told to end leaves its agents to the next one (`--on-exit detach`).
    pub detaches: bool,
    /// The file can't be taken.
    pub is_broken: bool,
    /// The valid file has changed since all was at rest.
    pub has_edits: bool,
    /// The daemon has been refused something since all was at rest, or may have been.
    pub was_short: bool,
    /// It still is.
    pub is_starved: bool,
    /// Nothing can be written.
    pub has_full_disks: bool,
    /// The tmux server was killed since all was at rest, or these instances lost their terminal or their shim.
    pub server_was_lost: bool,
    pub lost: BTreeSet<String>,
    /// Never used before.
    pub next_life: u32,
    /// Never used before.
    pub next_value: u32,
    /// Never used before.
    pub next_stranger: u32,
}

/// One life of one instance: from a change of what is run to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Life {
    /// As declared.
    pub number: u32,
    /// Counts what begins it anew although what is declared is the same.
    pub generation: u32,
    /// It may have ended, by itself or by what was done to it: how often at most, or more if that is not known.
    pub ends: u32,
    /// It was taken down with its terminal or its shim, so nobody may know how it ended.
    pub was_lost: bool,
    /// Its policy is not what it was all the time.
    pub was_repolicied: bool,
    /// The same, since all was at rest.
    pub is_repolicied: bool,
    /// The daemon may have begun it anew at any time since, or not at all.
    pub is_loose: bool,
    /// It may have neither a shim nor a session that would remember it: the next daemon begins it anew.
    pub may_be_forgotten: bool,
    /// It may have been to start while there was too little of something, and so not have been able to.
    pub was_short: bool,
    /// Something was done to it since all was at rest.
    pub is_touched: bool,
}

impl World {
    /// Nothing declared, and a daemon that has read so.
    pub fn new() -> Self {
        Self { is_up: true, next_life: 1, next_value: 1, ..Self::default() }
    }

    /// The whole file.
    pub fn file(&self) -> String {
        let tables: Vec<String> = self.agents.iter().map(Agent::table).collect();
        format!("# {} agents\n{}", self.agents.len(), tables.concat())
    }

    /// The table that an instance comes from.
    pub fn agent_of(&self, instance: &str) -> Option<&Agent> {
        self.agents.iter().find(|agent| agent.instances().iter().any(|name| name == instance))
    }

    /// There is too little of something.
    pub fn is_short(&self) -> bool {
        self.is_starved || self.has_full_disks
    }

    /// Nothing more is done now: what a shortage may have meant to whom is known.
    pub fn round_ends(&mut self) {
        for life in self.lives.values_mut().filter(|life| self.was_short && (life.is_touched || life.is_repolicied)) {
            (life.was_short, life.is_loose, life.may_be_forgotten) = (true, true, true);
        }
    }

    /// All was at rest just now.
    pub fn settled(&mut self) {
        (self.has_edits, self.was_short, self.server_was_lost) = (false, false, false);
        self.was_started = false;
        self.lost.clear();
        for agent in &self.agents {
            for instance in agent.instances() {
                let Some(life) = self.lives.get_mut(&instance) else { continue };
                // A blind daemon restarts nobody: what ended waits for the file.
                (life.is_touched, life.is_repolicied) = (life.is_touched && self.is_blind, false);
                life.may_be_forgotten &= !agent.policy.comes_back();
            }
        }
    }

    /// What an action makes true.
    pub fn apply(&mut self, action: &Action) {
        match action {
            Action::Declare(agent, _) => self.declare(agent),
            Action::Remove(name, _) => {
                self.agents.retain(|agent| agent.name != *name);
                self.edited();
            }
            Action::Break(_) => self.is_broken = true,
            Action::Repair(_) => self.edited(),
            Action::Secret(name, number) => {
                self.secrets.insert(name, format!("{SECRET_MARK}{number:08x}"));
                self.next_value += 1;
                self.secrets_changed(name);
            }
            Action::NoSecret(name) => {
                if self.secrets.remove(name).is_some() {
                    self.secrets_changed(name);
                }
            }
            Action::Tell(instance, Order::Exit(_) | Order::Signal(_)) | Action::Kill(instance, _) => {
                self.harmed(instance, false);
            }
            Action::Tell(instance, _) => self.touched(instance),
            Action::KillShim(instance) | Action::CloseSession(instance) => self.harmed(instance, true),
            Action::KillServer(_) => {
                self.server_was_lost = true;
                for instance in self.lives.keys().cloned().collect::<Vec<_>>() {
                    self.harmed(&instance, true);
                }
            }
            Action::Starve(_) => (self.is_starved, self.was_short) = (true, true),
            Action::FillDisks => (self.has_full_disks, self.was_short) = (true, true),
            Action::Relieve => (self.is_starved, self.has_full_disks) = (false, false),
            Action::Stranger(_) => self.next_stranger += 1,
            Action::Rename(_)
            | Action::StrangersLeave
            | Action::Hangup
            | Action::JumpClock(_)
            | Action::SlowDisk(_)
            | Action::SlowWrites(_)
            | Action::Rest(_) => {}
            Action::End(_) if self.detaches => self.apply(&Action::Crash),
            Action::Crash => {
                (self.is_up, self.is_starved) = (false, false);
                for life in self.lives.values_mut().filter(|life| life.may_be_forgotten) {
                    (life.is_loose, life.is_touched) = (true, true);
                }
            }
            Action::End(_) | Action::Drain => {
                (self.is_up, self.is_starved, self.server_was_lost) = (false, false, false);
                self.lost.clear();
                for agent in &self.agents {
                    for instance in agent.instances() {
                        self.lives.entry(instance).and_modify(|life| life.begin_anew(agent));
                    }
                }
            }
            Action::Start => {
                (self.is_up, self.was_started) = (true, true);
                self.is_blind = self.is_broken;
            }
        }
    }

    fn declare(&mut self, agent: &Agent) {
        self.next_life = self.next_life.max(agent.life + 1);
        let mut before = None;
        match self.agents.iter_mut().find(|known| known.name == agent.name) {
            Some(known) => {
                before = Some(known.policy);
                *known = agent.clone();
            }
            None => self.agents.push(agent.clone()),
        }
        self.edited();
        if let Some(before) = before.filter(|before| *before != agent.policy) {
            for instance in agent.instances() {
                self.lives.entry(instance).and_modify(|life| life.kept_otherwise(&before, &agent.policy));
            }
        }
    }

    /// The valid file is in place, and is what counts.
    fn edited(&mut self) {
        (self.is_broken, self.is_blind, self.has_edits) = (false, false, true);
        let mut before = std::mem::take(&mut self.lives);
        for agent in &self.agents {
            for instance in agent.instances() {
                let same = before.remove(&instance).filter(|life| life.number == agent.life);
                let mut life = same.unwrap_or_else(|| Life::of(agent));
                if self.server_was_lost || self.lost.contains(&instance) {
                    // The loss that came before may be seen after.
                    life.lose(true);
                }
                self.lives.insert(instance, life);
            }
        }
    }

    fn secrets_changed(&mut self, name: &str) {
        // A file that can't be taken holds the secrets up, too.
        self.has_edits = true;
        for agent in self.agents.iter().filter(|agent| agent.secrets(std::iter::once(name)).contains(name)) {
            for instance in agent.instances() {
                // What is changed and changed back may never have been seen.
                if let Some(life) = self.lives.get_mut(&instance) {
                    (life.is_loose, life.is_touched) = (true, true);
                }
            }
        }
    }

    fn touched(&mut self, instance: &str) {
        if let Some(life) = self.lives.get_mut(instance) {
            life.is_touched = true;
        }
    }

    fn harmed(&mut self, instance: &str, is_lost: bool) {
        let knows = self.is_up;
        if let Some(life) = self.lives.get_mut(instance) {
            life.is_touched = true;
            if is_lost {
                // Its memory goes with its shim if no daemon has it: a daemon that is down now, or soon.
                life.lose(!knows || self.daemon_may_die);
                self.lost.insert(instance.to_owned());
            } else {
                life.ends += 1;
            }
        }
    }
}

impl Life {
    /// Its terminal or its shim is taken away.
    fn lose(&mut self, is_loose: bool) {
        self.ends += 1;
        (self.was_lost, self.may_be_forgotten, self.is_touched) = (true, true, true);
        self.is_loose |= is_loose;
    }

    fn of(agent: &Agent) -> Self {
        let ends_by_itself = matches!(agent.quirk, Quirk::Brief(_) | Quirk::Absent);
        Self { number: agent.life, ends: u32::from(ends_by_itself), is_touched: true, ..Self::default() }
    }

    /// Its policy is another one.
    fn kept_otherwise(&mut self, before: &Policy, now: &Policy) {
        (self.was_repolicied, self.is_repolicied) = (true, true);
        if before.timeout != now.timeout {
            // One that strikes now ends it, and another one than that which ended it begins it anew.
            self.is_touched |= before.is_short() || now.is_short();
            self.is_loose |= before.is_short();
        }
    }

    /// What came before counts no more.
    fn begin_anew(&mut self, agent: &Agent) {
        *self = Self { generation: self.generation + 1, ..Self::of(agent) };
    }
}
