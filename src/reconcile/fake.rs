//! A fake world for tests: sessions, shims and programs as values, that do what actions say when they are told to.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::model::{
    Child, Ending, Exit, Extra, Fingerprint, Interrupt, Launch, Notices, Output, Policy, Restart, Resume, Screen, Seat,
    Server, Shown, Told, Wall,
};

pub(super) const SECOND: u64 = 1_000_000_000;

pub(super) fn policy() -> Policy {
    Policy {
        restart: Restart::No,
        max_restarts: None,
        backoff: Duration::from_secs(3),
        backoff_max: Duration::from_secs(60),
        timeout: None,
        limits: crate::model::Limits::default(),
        grace_period: Duration::from_secs(30),
        interrupt: Interrupt::Sigint,
        shows: crate::model::Shows::Nothing,
        startup_deadline: None,
        stall: None,
    }
}

pub(super) fn name(text: &str) -> AgentName {
    AgentName::new(text).unwrap()
}

/// A spec whose launch differs for each `version`.
pub(super) fn spec(agent: &str, version: u8, policy: Policy) -> Arc<AgentSpec> {
    Arc::new(AgentSpec {
        name: name(agent),
        session: SessionName::new(agent).unwrap(),
        harness: "custom".into(),
        launch: Launch {
            argv: vec![CString::new(format!("v{version}")).unwrap()],
            workdir: "/".into(),
            env: BTreeMap::new(),
            extra: crate::model::Extra::default(),
            prepare: Vec::new(),
        },
        policy,
        nudge: None,
        fingerprint: Fingerprint([version; 32]),
        origin: Arc::default(),
    })
}

/// The same, of a harness that can go on with a conversation and take a name for one, and tells of itself or not.
pub(super) fn resumable(agent: &str, version: u8, policy: Policy, tells: bool) -> Arc<AgentSpec> {
    let mut spec = (*spec(agent, version, policy)).clone();
    let (fresh, options) = (vec![c"--id={session}".to_owned()], vec![c"--go-on={session}".to_owned()]);
    let resume = Some(Resume { fresh, argv: spec.launch.argv.clone(), options, place: 1 });
    spec.launch.extra = Extra { filter: tells.then_some("claude-code"), resume, ..Extra::default() };
    Arc::new(spec)
}

pub(super) fn exited(code: u8) -> Ending {
    Ending::Exited { exit: Exit::Code(code), cpu: Duration::ZERO, max_rss_kib: 0 }
}

pub(super) struct Fake {
    pub now: Now,
    pub desired: Desired,
    pub observed: Observed,
    pub memory: Memory,
    pub transitions: Vec<Transition>,
    pub wake_at: Option<Mono>,
    /// Ordered, not yet done.
    pub todo: Vec<Action>,
    /// All that were ever planned, with their time.
    pub planned: Vec<(Mono, Action)>,
    /// Programs that go on until they are killed.
    pub stubborn: bool,
    /// When something was last written to all terminals.
    pub written: Mono,
    /// What all terminals show.
    pub screen: Screen,
    /// How all nudges go.
    pub nudging: Result<(), String>,
    pub stalls: Vec<StallNews>,
    next_pid: u32,
    killed: BTreeSet<AgentName>,
}

impl Fake {
    pub fn new() -> Self {
        Self {
            now: Now { mono: Mono(100 * SECOND), wall: Wall(1_700_000_000_000) },
            desired: Desired::default(),
            observed: Observed { server: Server::Up, seats: BTreeMap::new() },
            memory: Memory::default(),
            transitions: Vec::new(),
            wake_at: None,
            todo: Vec::new(),
            planned: Vec::new(),
            stubborn: false,
            written: Mono(0),
            screen: Screen::Other("something".into()),
            nudging: Ok(()),
            stalls: Vec::new(),
            next_pid: 100,
            killed: BTreeSet::new(),
        }
    }

    pub fn declare(&mut self, spec: Arc<AgentSpec>) {
        self.desired.agents.insert(spec.name.clone(), spec);
    }

    /// Plans once; the actions are to be done.
    pub fn plan(&mut self) {
        let before = std::mem::take(&mut self.memory);
        let plan = reconcile(Some(&self.desired), &self.observed, before.clone(), self.now);
        self.memory = plan.memory;
        self.check(&before, &plan.changed);
        self.transitions.extend(plan.transitions);
        self.stalls.extend(plan.stalls);
        self.wake_at = plan.wake_at;
        for action in plan.actions {
            if let Action::Open { run, .. } | Action::Start { run, .. } = &action {
                assert_ne!(*run, RunId::default(), "a run that is called as none");
            }
            self.note(&action);
            self.planned.push((self.now.mono, action.clone()));
            // Closing a seat that was refused is done at once.
            if !matches!(&action, Action::Close { agent } if !self.observed.seats.contains_key(agent)) {
                self.todo.push(action);
            }
        }
    }

    /// Who changed is told, and nobody else; a run that isn't found is called as none before it.
    fn check(&self, before: &Memory, told: &[AgentName]) {
        let (old, new) = (&before.agents, &self.memory.agents);
        let changed: BTreeSet<_> = old.keys().chain(new.keys()).filter(|name| old.get(name) != new.get(name)).collect();
        assert_eq!(told.iter().collect::<BTreeSet<_>>(), changed);
        let found = |name: &AgentName| self.child(name).and_then(Child::run);
        let is_new = |(name, now): &(&AgentName, &AgentMemory)| {
            now.run.0 > 0 && old.get(*name).map(|old| old.run) != Some(now.run) && found(name) != Some(now.run)
        };
        let mut runs: Vec<_> = new.iter().filter(is_new).map(|(_, now)| now.run).collect();
        assert!(runs.iter().all(|run| *run > before.last_run && *run <= self.memory.last_run), "{runs:?}");
        let count = runs.len();
        runs.sort();
        runs.dedup();
        assert_eq!(runs.len(), count, "two runs are called the same");
    }

    /// What the executor notes as soon as it is handed an action.
    fn note(&mut self, action: &Action) {
        let since = self.now.mono;
        match action {
            Action::Open { agent, session, .. } => {
                let state = SeatState::Opening { since };
                let old = self.observed.seats.insert(agent.clone(), Seat::new(session.clone(), state));
                assert!(
                    old.is_none_or(|old| matches!(old.state, SeatState::Refused { .. })),
                    "{agent} has a seat already"
                );
            }
            Action::Start { agent, run, .. } => {
                self.killed.remove(agent);
                let seat = self.observed.seats.get_mut(agent).unwrap();
                let free = matches!(seat.state, SeatState::Ready(Child::None | Child::Ended { tree_empty: true, .. }));
                assert!(free, "{agent} is started where something may still run: {:?}", seat.state);
                let again = |planned: &Action| matches!(planned, Action::Start { run: other, .. } if other == run);
                assert!(!self.planned.iter().any(|(_, planned)| again(planned)), "{run:?} is started twice");
                seat.state = SeatState::Ready(Child::Starting(*run));
            }
            Action::Close { agent } => {
                let refused = |seat: &Seat| matches!(seat.state, SeatState::Refused { .. });
                if self.observed.seats.get(agent).is_some_and(refused) {
                    self.observed.seats.remove(agent);
                    return;
                }
                if let Some(seat) = self.observed.seats.get_mut(agent) {
                    let alive = matches!(seat.state, SeatState::Ready(Child::Starting(_) | Child::Running { .. }));
                    assert!(
                        !alive || self.killed.contains(agent),
                        "the session of {agent} is closed under its program"
                    );
                    seat.state = SeatState::Closing { since };
                }
            }
            Action::Signal { agent, signal: StopSignal::KillTree, .. } => drop(self.killed.insert(agent.clone())),
            Action::Look { agent } => self.write(agent, self.written),
            Action::Read { agent, run, .. } => {
                self.observed.seats.get_mut(agent).unwrap().shown =
                    Some(Shown { run: *run, asked: self.now.mono, screen: Screen::Asked });
            }
            Action::Signal { .. } | Action::Note { .. } | Action::Nudge { .. } => {}
        }
    }

    /// Does the oldest of what was ordered. False if there was nothing.
    pub fn act(&mut self) -> bool {
        if self.todo.is_empty() {
            return false;
        }
        let action = self.todo.remove(0);
        let at = self.now.mono;
        match action {
            Action::Open { agent, .. } => {
                let opening = |seat: &Seat| matches!(seat.state, SeatState::Opening { .. });
                if self.observed.seats.get(&agent).is_some_and(opening) {
                    self.set(&agent, SeatState::Ready(Child::None));
                }
            }
            Action::Start { agent, run, .. } => {
                self.next_pid += 1;
                let pid = self.next_pid;
                if self.child(&agent) == Some(&Child::Starting(run)) {
                    self.set(&agent, SeatState::Ready(Child::Running { run, pid, at }));
                }
            }
            Action::Signal { agent, run, signal } => {
                let obeys = !self.stubborn || signal == StopSignal::KillTree;
                let alive = matches!(self.child(&agent), Some(Child::Running { run: live, .. }) if *live == run);
                if obeys && alive {
                    let ending = Ending::Exited { exit: Exit::Signal(15), cpu: Duration::ZERO, max_rss_kib: 0 };
                    self.end(&agent, ending, true);
                } else if signal == StopSignal::KillTree {
                    self.empty(&agent);
                }
            }
            Action::Read { agent, run, .. } => {
                if let Some(seat) = self.observed.seats.get_mut(&agent) {
                    seat.shown = Some(Shown { run, asked: at, screen: self.screen.clone() });
                }
            }
            Action::Nudge { agent, at, .. } => {
                if let Some(seat) = self.observed.seats.get_mut(&agent) {
                    seat.nudged = Some((at, self.nudging.clone()));
                }
            }
            Action::Note { .. } | Action::Look { .. } => {}
            Action::Close { agent } => {
                self.observed.seats.remove(&agent);
            }
        }
        true
    }

    /// Plans and does, until nothing is planned.
    pub fn settle(&mut self) {
        for _ in 0..10_000 {
            self.plan();
            if !self.act() {
                return;
            }
        }
        panic!("no end of planning: {:?}", self.planned.iter().rev().take(10).collect::<Vec<_>>());
    }

    /// Time passes, with every wake-up on the way.
    pub fn pass(&mut self, duration: Duration) {
        let end = self.now.mono.after(duration);
        self.settle();
        while let Some(at) = self.wake_at.filter(|at| *at <= end) {
            assert!(at > self.now.mono, "woken for what was due already");
            self.move_clock(at);
            self.settle();
        }
        self.move_clock(end);
        self.settle();
    }

    pub fn move_clock(&mut self, to: Mono) {
        self.now.wall = self.now.wall_at(to);
        self.now.mono = to;
    }

    /// Somebody sees that something was written to a terminal.
    pub fn write(&mut self, agent: &AgentName, at: Mono) {
        let output = Output { at, until: at, looked: self.now.mono };
        self.observed.seats.get_mut(agent).unwrap().output = Some(output);
    }

    /// An agent tells something.
    pub fn tell(&mut self, agent: &AgentName, text: &str) {
        let run = self.memory.agents[agent].run;
        let seat = self.observed.seats.get_mut(agent).unwrap();
        if seat.told.run != run {
            seat.told = Arc::new(Told::of(run));
        }
        Arc::make_mut(&mut seat.told).hear(&Notices::parse(text.as_bytes()), self.now.mono);
    }

    pub fn child(&self, agent: &AgentName) -> Option<&Child> {
        match &self.observed.seats.get(agent)?.state {
            SeatState::Ready(child) => Some(child),
            SeatState::Opening { .. } | SeatState::Refused { .. } | SeatState::Sweeping | SeatState::Closing { .. } => {
                None
            }
        }
    }

    /// The program of an agent ends, if it runs.
    pub fn end(&mut self, agent: &AgentName, ending: Ending, tree_empty: bool) {
        let running = match self.child(agent) {
            Some(Child::Running { run, at, .. }) => Some((*run, Some(*at))),
            Some(Child::Starting(run)) => Some((*run, None)),
            Some(Child::None | Child::Ended { .. }) | None => None,
        };
        if let Some((run, started)) = running {
            let ended = Child::Ended { run, ending, started, at: self.now.mono, tree_empty };
            self.set(agent, SeatState::Ready(ended));
        }
    }

    /// What a run left is gone.
    pub fn empty(&mut self, agent: &AgentName) {
        if let Some(SeatState::Ready(Child::Ended { tree_empty, .. })) =
            self.observed.seats.get_mut(agent).map(|seat| &mut seat.state)
        {
            *tree_empty = true;
        }
    }

    pub fn set(&mut self, agent: &AgentName, state: SeatState) {
        if let Some(seat) = self.observed.seats.get_mut(agent) {
            seat.state = state;
        }
    }

    pub fn state(&self, agent: &str) -> Option<State> {
        self.memory.agents.get(&name(agent)).map(AgentMemory::state)
    }

    pub fn signals(&self) -> Vec<(u64, StopSignal)> {
        let signal = |(at, action): &(Mono, Action)| match action {
            Action::Signal { signal, .. } => Some((at.0 / SECOND, *signal)),
            Action::Open { .. }
            | Action::Start { .. }
            | Action::Note { .. }
            | Action::Look { .. }
            | Action::Read { .. }
            | Action::Nudge { .. }
            | Action::Close { .. } => None,
        };
        self.planned.iter().filter_map(signal).collect()
    }

    pub fn starts(&self) -> usize {
        self.planned.iter().filter(|(_, action)| matches!(action, Action::Start { .. })).count()
    }
}
