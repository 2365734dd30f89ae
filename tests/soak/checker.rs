//! Holds what runs and what the API says against what ought to be. It knows the declared state and what was done to whom; it
//! shares no code with agentd, and what runs it reads from /proc itself.
//!
//! It looks at quiet points only: nothing is done any more, and whatever differs has time to stop differing.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::declared::Agent;
use crate::fate;
use crate::journal::Journal;
use crate::leaks;
use crate::perform::{RENAMED, STRANGER};
use crate::place::Place;
use crate::processes::{self, Process};
use crate::resources::Resources;
use crate::world::World;

/// What is remembered of an instance from one quiet point to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    life: (u32, u32),
    pid: Option<u64>,
    state: String,
    restarts: u64,
    exit: Value,
}

/// The checker's own memory.
#[derive(Debug, Default)]
pub struct Checker {
    seen: BTreeMap<String, Seen>,
    pub resources: Resources,
    leaks: leaks::Scan,
}

/// One look at everything.
pub struct View<'v> {
    pub world: &'v World,
    pub place: &'v Place,
    pub journal: &'v Journal,
    pub processes: BTreeMap<u32, Process>,
    /// The agents as the API shows them.
    pub shown: BTreeMap<String, Value>,
    /// The process in the pane of each agent's session, by the name that it was made with.
    pub panes: BTreeMap<String, u32>,
    /// All sessions, as they are called.
    pub sessions: BTreeMap<String, u32>,
}

impl Checker {
    /// Everything that is not as it ought to be.
    pub fn look(&mut self, world: &World, place: &Place, journal: &mut Journal) -> Vec<String> {
        let (list, health) = match (place.get_json("/v1/agents"), place.get_json("/v1/health")) {
            (Ok(list), Ok(health)) => (list, health),
            (Err(error), _) | (_, Err(error)) => return vec![error],
        };
        let list = list.as_array().cloned().unwrap_or_default();
        let count = list.len();
        let shown: BTreeMap<_, _> =
            list.into_iter().map(|agent| (agent["name"].as_str().unwrap_or_default().to_owned(), agent)).collect();
        let sessions = sessions(place);
        let agents = sessions.iter().filter(|(name, _)| !name.starts_with(STRANGER));
        let made = |name: &String| name.strip_prefix(RENAMED).unwrap_or(name).to_owned();
        let panes: BTreeMap<_, _> = agents.map(|(name, pid)| (made(name), *pid)).collect();
        let processes = processes::all();
        journal.read();
        let view = View { world, place, journal, processes, shown, panes, sessions };
        let mut wrong = Vec::new();
        if view.shown.len() != count {
            wrong.push("the API lists an agent twice".to_owned());
        }
        check_health(&view, &health, &mut wrong);
        check_list(&view, &mut wrong);
        check_foreign_sessions(&view, &mut wrong);
        check_strangers(&view, &mut wrong);
        for agent in &world.agents {
            for instance in agent.instances() {
                let found = self.instance(&view, agent, &instance);
                wrong.extend(found.into_iter().map(|what| format!("{instance}: {what}")));
            }
        }
        wrong.extend(self.resources.look(&view));
        wrong.extend(self.leaks.look(&view));
        wrong.extend(place.follower.look(&view.shown, |name| world.agent_of(name).is_some_and(fate::is_restless)));
        if wrong.is_empty() {
            self.remember(&view);
        }
        wrong
    }

    fn instance(&self, view: &View, agent: &Agent, instance: &str) -> Vec<String> {
        let Some(shown) = view.shown.get(instance) else { return Vec::new() };
        let mut wrong = fate::look(view, agent, instance, shown);
        wrong.extend(self.since_last(view, instance, shown));
        wrong
    }

    /// Nobody who wasn't touched may have changed.
    fn since_last(&self, view: &View, instance: &str, shown: &Value) -> Vec<String> {
        let (life, now) = (&view.world.lives[instance], seen(view, instance, shown));
        let Some(before) = self.seen.get(instance).filter(|before| before.life == now.life) else { return Vec::new() };
        let mut wrong = Vec::new();
        let was_running = before.state == "running";
        if !life.is_touched && (was_running || !life.is_repolicied) && *before != now {
            wrong.push(format!("nobody touched it, and it was {before:?}, and is {now:?}"));
        }
        if now.restarts < before.restarts && !life.is_loose {
            wrong.push(format!("its restarts went from {} to {}", before.restarts, now.restarts));
        }
        wrong
    }

    fn remember(&mut self, view: &View) {
        let settled = view
            .shown
            .iter()
            .filter(|(name, _)| view.world.agent_of(name).is_some_and(|agent| !fate::is_restless(agent)));
        self.seen = settled.map(|(name, shown)| (name.clone(), seen(view, name, shown))).collect();
    }
}

fn check_health(view: &View, health: &Value, wrong: &mut Vec<String>) {
    if health["config_error"].is_null() == view.world.is_broken {
        let file = if view.world.is_broken { "can't be taken" } else { "is valid" };
        wrong.push(format!("the file {file}, and the API says of it: {}", health["config_error"]));
    }
    if health["pid"].as_u64() != view.place.daemon().map(u64::from) {
        wrong.push(format!("another process answers: {health}"));
    }
    if health["agents"]["total"].as_u64() != u64::try_from(view.shown.len()).ok() {
        wrong.push(format!("the API counts otherwise than it lists: {health}"));
    }
}

/// Exactly what is declared is listed. A daemon that never saw a valid file knows what runs at most.
fn check_list(view: &View, wrong: &mut Vec<String>) {
    for name in view.shown.keys().filter(|name| view.world.agent_of(name).is_none()) {
        wrong.push(format!("{name} is listed and not declared: {}", view.shown[name]));
    }
    for agent in &view.world.agents {
        for instance in agent.instances() {
            if !view.shown.contains_key(&instance) && !view.world.is_blind {
                wrong.push(format!("{instance} is declared and not listed"));
            }
        }
    }
    for session in view.panes.keys().filter(|name| *name != "_agentd" && !view.shown.contains_key(*name)) {
        wrong.push(format!("a session {session} is left"));
    }
}

/// A session of others is left alone, and an agent has but one.
fn check_foreign_sessions(view: &View, wrong: &mut Vec<String>) {
    let strangers: BTreeMap<_, _> = view
        .sessions
        .iter()
        .filter(|(name, _)| name.starts_with(STRANGER))
        .map(|(name, pid)| (name.clone(), *pid))
        .collect();
    if strangers != view.place.strangers {
        wrong.push(format!("of the sessions {:?} of others there are {strangers:?}", view.place.strangers));
    }
    if strangers.len() + view.panes.len() != view.sessions.len() {
        wrong.push(format!("an agent has two sessions: {:?}", view.sessions));
    }
}

/// Whatever the agents' user runs is known, and nobody has an agent's mark who isn't one.
fn check_strangers(view: &View, wrong: &mut Vec<String>) {
    let uid = view.place.agent_uid();
    let shims: Vec<u32> = view.panes.values().copied().collect();
    // There, a child that is about to be an agent may be seen at any time.
    let is_restless = |name: &str| view.world.agent_of(name).is_some_and(fate::is_restless);
    let restless = view.panes.iter().filter(|(name, _)| is_restless(name));
    let restless_shims: Vec<u32> = restless.map(|(_, pid)| *pid).collect();
    for process in view.processes.values() {
        let is_marked = process.variable("SOAK_ID") == Some(&view.place.id);
        if !is_marked && process.uid != uid {
            continue;
        }
        let owner = process.variable("AGENTD_AGENT");
        // Of two deaths at once tmux hears now and then but once (its utempter), and reaps with the next; init takes its time.
        let parent = view.processes.get(&process.parent);
        let is_theirs = process.parent == 1 || parent.is_some_and(|parent| parent.name.starts_with("tmux"));
        let known = if process.is_zombie {
            is_theirs
        } else if is_marked {
            owner.is_some_and(|owner| view.world.agent_of(owner).is_some())
        } else {
            Some(process.pid) == view.place.daemon()
                || process.name.starts_with("tmux")
                || shims.contains(&process.pid)
                || view.place.strangers.values().any(|pid| *pid == process.pid)
                || restless_shims.contains(&process.parent)
        };
        if !known && nix::unistd::geteuid().is_root() | is_marked {
            let Process { pid, parent, name, command, is_zombie, .. } = process;
            wrong.push(format!("process {pid} of {parent} ({name}, zombie: {is_zombie}) is nobody's: {command}"));
        }
    }
}

fn seen(view: &View, instance: &str, shown: &Value) -> Seen {
    let life = &view.world.lives[instance];
    Seen {
        life: (life.number, life.generation),
        pid: shown["pid"].as_u64(),
        state: shown["state"].as_str().unwrap_or_default().to_owned(),
        restarts: shown["restarts"].as_u64().unwrap_or_default(),
        exit: shown["exit"].clone(),
    }
}

fn sessions(place: &Place) -> BTreeMap<String, u32> {
    let rows = place.host.tmux(&["list-panes", "-a", "-F", "#{pane_pid} #{session_name}"]).unwrap_or_default();
    let row = |row: &str| row.split_once(' ').and_then(|(pid, name)| Some((name.to_owned(), pid.parse().ok()?)));
    rows.lines().filter_map(row).collect()
}
