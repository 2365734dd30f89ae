//! Everything that a soak does to a daemon and its agents, as values. The choice rests on the dice and on what is declared,
//! never on what is seen: a seed makes the same actions on every machine.

use crate::declared::{Agent, Harness, NAMES, Policy, Quirk, SECRETS, Sees};
use crate::dice::Dice;
use crate::world::World;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Another agent, or one that is run or kept differently. The file is written so.
    Declare(Agent, Write),
    /// An agent fewer.
    Remove(&'static str, Write),
    /// The file is harmed.
    Break(Harm),
    /// It is written again as it was.
    Repair(Write),
    /// A secret is put in place, with a value that it never had.
    Secret(&'static str, u32),
    /// A secret is taken away.
    NoSecret(&'static str),
    /// An agent is told to do something.
    Tell(String, Order),
    /// An agent's process gets a signal from outside.
    Kill(String, i32),
    /// An agent's shim is killed.
    KillShim(String),
    /// An agent's tmux session is closed.
    CloseSession(String),
    /// An agent's tmux session is called otherwise.
    Rename(String),
    /// Somebody makes a session of their own on the tmux server.
    Stranger(u32),
    /// Their sessions are closed.
    StrangersLeave,
    /// The tmux server is killed, or told to end.
    KillServer(bool),
    /// The daemon is told to read everything again.
    Hangup,
    /// The daemon crashes.
    Crash,
    /// The daemon is told to end, by this signal, and ends with all agents.
    End(i32),
    /// `agentd drain`: all agents are stopped and the tmux server ends, and with it a daemon that keeps the server.
    Drain,
    /// A daemon is started.
    Start,
    /// The daemon gets no more of something than it has.
    Starve(Want),
    /// Its disks, for secrets, sockets and the configuration, are full.
    FillDisks,
    /// Every shortage is over.
    Relieve,
    /// The daemon's clock of the day is so many seconds off from now on.
    JumpClock(i64),
    /// Each of the daemon's reads of a file takes so many milliseconds longer, for the rest of the round.
    SlowDisk(i64),
    /// The same, of its writes.
    SlowWrites(i64),
    /// Nothing, for so many milliseconds: what was done before has time to begin to act.
    Rest(u64),
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// Beside it, then renamed.
    Renamed,
    /// In place: truncated and written.
    InPlace,
    /// In place, first a half that can't be valid, then the rest.
    InHalves,
    /// Removed, then written.
    Anew,
}

/// How a file is harmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    Emptied,
    Removed,
    CutOff,
    Garbage,
    WrongValue,
    ADirectory,
}

/// What there is too little of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// This many more descriptors than it has, and no more.
    Descriptors(usize),
    /// No process or thread more.
    Processes,
}

/// What an agent is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Exit(u8),
    Signal(i32),
    Deaf,
    Setsid,
    DoubleFork,
    Crowd,
    Chat,
}

impl Order {
    /// As the puppet reads it.
    pub fn words(self) -> String {
        match self {
            Self::Exit(code) => format!("exit {code}"),
            Self::Signal(signal) => format!("signal {signal}"),
            Self::Deaf => "deaf".to_owned(),
            Self::Setsid => "setsid".to_owned(),
            Self::DoubleFork => "double-fork".to_owned(),
            Self::Crowd => "crowd".to_owned(),
            Self::Chat => "chat".to_owned(),
        }
    }
}

/// Kinds of actions, to be weighed.
#[derive(Clone, Copy)]
enum Kind {
    Declare,
    Relaunch,
    Repolicy,
    Remove,
    Break,
    Repair,
    Secret,
    NoSecret,
    Tell,
    Kill,
    KillShim,
    CloseSession,
    Rename,
    Stranger,
    StrangersLeave,
    KillServer,
    Hangup,
    Crash,
    End,
    Drain,
    Start,
    Starve,
    FillDisks,
    Relieve,
    JumpClock,
    SlowDisk,
    SlowWrites,
    Rest,
}

/// The next action.
pub fn choose(dice: &mut Dice, world: &World) -> Action {
    let some = usize::from(!world.agents.is_empty());
    let (up, down) = (usize::from(world.is_up), usize::from(!world.is_up));
    let deaths = usize::from(world.daemon_may_die);
    let broken = usize::from(world.is_broken);
    // What can be written to a disk that is full is a matter of luck.
    let dry = usize::from(!world.has_full_disks);
    // What is made on a server that ends goes with it; and while there is none, there is nothing to drain.
    let served = usize::from(!world.server_was_lost);
    let (in_want, sated) = (usize::from(world.is_short()), usize::from(!world.is_short()));
    let kind = dice.weighted(&[
        (10 * dry, Kind::Declare),
        (8 * some * dry, Kind::Relaunch),
        (8 * some * dry, Kind::Repolicy),
        (5 * some * dry, Kind::Remove),
        (6 * dry, Kind::Break),
        (20 * broken * dry, Kind::Repair),
        (4 * dry, Kind::Secret),
        (2 * dry, Kind::NoSecret),
        (24 * some, Kind::Tell),
        (10 * some, Kind::Kill),
        (4 * some, Kind::KillShim),
        (4 * some, Kind::CloseSession),
        (3 * some, Kind::Rename),
        (2 * served, Kind::Stranger),
        (1, Kind::StrangersLeave),
        (2, Kind::KillServer),
        (4 * up * dry, Kind::Hangup),
        (6 * up * deaths, Kind::Crash),
        (2 * up * deaths * dry, Kind::End),
        (2 * deaths * sated * served, Kind::Drain),
        (40 * down, Kind::Start),
        (3 * up * sated, Kind::Starve),
        (2 * sated, Kind::FillDisks),
        (20 * in_want, Kind::Relieve),
        (2, Kind::JumpClock),
        (2, Kind::SlowDisk),
        (2, Kind::SlowWrites),
        (14, Kind::Rest),
    ]);
    of_kind(kind, dice, world)
}

fn of_kind(kind: Kind, dice: &mut Dice, world: &World) -> Action {
    match kind {
        Kind::Declare => Action::Declare(any_agent(dice, world), any_write(dice)),
        Kind::Relaunch => {
            let mut agent = dice.pick(&world.agents);
            agent.life = world.next_life;
            if dice.percent(40) {
                agent.harness = Harness::any(dice);
            }
            if dice.percent(60) {
                agent.quirk = Quirk::any(dice);
            }
            Action::Declare(agent, any_write(dice))
        }
        Kind::Repolicy => {
            let mut agent = dice.pick(&world.agents);
            agent.policy = Policy::any(dice);
            Action::Declare(agent, any_write(dice))
        }
        Kind::Remove => Action::Remove(dice.pick(&world.agents).name, any_write(dice)),
        Kind::Break => Action::Break(dice.pick(&[
            Harm::Emptied,
            Harm::Removed,
            Harm::CutOff,
            Harm::Garbage,
            Harm::WrongValue,
            Harm::ADirectory,
        ])),
        Kind::Repair => Action::Repair(any_write(dice)),
        Kind::Secret => Action::Secret(dice.pick(&SECRETS), world.next_value),
        Kind::NoSecret => Action::NoSecret(dice.pick(&SECRETS)),
        Kind::Tell => Action::Tell(any_instance(dice, world), any_order(dice)),
        Kind::Kill => Action::Kill(any_instance(dice, world), dice.pick(&[1, 2, 9, 9, 11, 15])),
        Kind::KillShim => Action::KillShim(any_instance(dice, world)),
        Kind::CloseSession => Action::CloseSession(any_instance(dice, world)),
        Kind::Rename => Action::Rename(any_instance(dice, world)),
        Kind::Stranger => Action::Stranger(world.next_stranger),
        Kind::StrangersLeave => Action::StrangersLeave,
        Kind::KillServer => Action::KillServer(dice.percent(50)),
        Kind::Hangup => Action::Hangup,
        Kind::Crash => Action::Crash,
        Kind::End => Action::End(dice.pick(&[2, 15])),
        Kind::Drain => Action::Drain,
        Kind::Start => Action::Start,
        Kind::Starve => Action::Starve(dice.pick(&[
            Want::Descriptors(0),
            Want::Descriptors(1),
            Want::Descriptors(3),
            Want::Processes,
        ])),
        Kind::FillDisks => Action::FillDisks,
        Kind::Relieve => Action::Relieve,
        Kind::JumpClock => Action::JumpClock(dice.pick(&[0, -1, 3600, -3600, 86_400 * 400, -86_400 * 400])),
        Kind::SlowDisk => Action::SlowDisk(dice.pick(&[10, 50, 300])),
        Kind::SlowWrites => Action::SlowWrites(dice.pick(&[2, 20, 100])),
        Kind::Rest => Action::Rest(dice.pick(&[1, 5, 20, 60, 150, 300])),
    }
}

/// A new agent under a name that may be taken: then it takes its place.
fn any_agent(dice: &mut Dice, world: &World) -> Agent {
    let sees = dice.pick(&[Sees::All, Sees::Nothing, Sees::Nothing, Sees::One(SECRETS[0]), Sees::One(SECRETS[1])]);
    Agent {
        name: dice.pick(&NAMES),
        replicas: dice.pick(&[1, 1, 1, 2, 3]),
        life: world.next_life,
        harness: Harness::any(dice),
        quirk: Quirk::any(dice),
        policy: Policy::any(dice),
        sees,
    }
}

fn any_instance(dice: &mut Dice, world: &World) -> String {
    let instances = dice.pick(&world.agents).instances();
    dice.pick(&instances)
}

fn any_write(dice: &mut Dice) -> Write {
    dice.pick(&[Write::Renamed, Write::Renamed, Write::InPlace, Write::InHalves, Write::Anew])
}

fn any_order(dice: &mut Dice) -> Order {
    let code = u8::try_from(dice.below(256)).unwrap();
    let exit = dice.pick(&[Order::Exit(0), Order::Exit(code), Order::Exit(1)]);
    let signal = Order::Signal(dice.pick(&[1, 2, 6, 9, 11, 13, 15]));
    dice.weighted(&[
        (8, exit),
        (5, signal),
        (2, Order::Deaf),
        (3, Order::Setsid),
        (3, Order::DoubleFork),
        (2, Order::Crowd),
        (1, Order::Chat),
    ])
}
