//! A randomised soak: a real daemon on a real tmux is treated badly, and at every quiet point an independent checker asks
//! whether what is declared is what runs, and whether what the API says is true.
//!
//! - `SOAK_SEED`: the same seed does the same things, in the same order; a random one that is printed first
//! - `SOAK_SECONDS`: how long, 60 if it isn't given; `SOAK_ROUNDS` ends it earlier
//! - `SOAK_PATIENCE`: how many seconds all may take to come to rest, 60 if it isn't given
//! - `SOAK_AGENTD`: another daemon than the one that was built with it
//!
//! [`dice`] chooses [`action`]s, which [`world`] knows the meaning of and [`perform`] does to a [`place`]. [`checker`] compares:
//! [`fate`] each agent, [`resources`] the daemon, [`leaks`] secrets, [`follower`] events; by what [`processes`] shows, and what
//! the agents tell in their [`journal`].
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests start processes, read clocks, and may fail"
)]
#![allow(missing_docs, reason = "the modules say what they are for")]

#[path = "../blackbox/account.rs"]
#[allow(dead_code, reason = "made for other tests")]
mod account;
mod action;
#[path = "../blackbox/cgroups.rs"]
mod cgroups;
mod checker;
mod conditions;
mod declared;
mod dice;
mod fate;
mod follower;
#[path = "../blackbox/harness.rs"]
#[allow(dead_code, clippy::print_stderr, reason = "made for other tests")]
mod harness;
mod journal;
mod leaks;
mod perform;
mod place;
mod processes;
mod resources;
mod world;

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime};

use action::{Action, Write};
use checker::Checker;
use dice::Dice;
use journal::Journal;
use place::{PATIENCE, Place};
use world::World;

/// Actions that a failure tells.
const TOLD: usize = 80;

/// Rounds after which daemons may die, or may not any more.
const STRETCH: u64 = 15;

/// One run.
struct Soak {
    seed: u64,
    round: u64,
    dice: Dice,
    world: World,
    place: Place,
    journal: Journal,
    checker: Checker,
    patience: Duration,
    history: VecDeque<String>,
    /// The round that took longest to come to rest, and what it waited for.
    slowest: (Duration, u64, String),
}

impl Soak {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let (as_root, is_debugging, detaches) = (dice.percent(50), dice.percent(30), dice.percent(30));
        let flags = [("--debug", is_debugging), ("--on-exit=detach", detaches)];
        let flags: Vec<&str> = flags.iter().filter(|(_, is_given)| *is_given).map(|(flag, _)| *flag).collect();
        let mut place = Place::new(as_root, &flags);
        println!("the daemon is root's: {}; it is given {flags:?}", place.host.account.is_some());
        let journal = Journal::new(&place.host.at("work/journal"));
        place.start();
        let (checker, history) = (Checker::default(), VecDeque::new());
        let patience = number("SOAK_PATIENCE").map_or(PATIENCE, Duration::from_secs);
        Self {
            seed,
            round: 0,
            dice,
            world: World { detaches, ..World::new() },
            place,
            journal,
            checker,
            patience,
            history,
            slowest: Default::default(),
        }
    }

    fn act(&mut self, action: &Action) {
        self.history.push_back(format!("{}: {action:?}", self.round));
        if self.history.len() > TOLD {
            self.history.pop_front();
        }
        self.world.apply(action);
        let done = perform::perform(action, &self.world, &mut self.place, &mut self.journal);
        self.journal.mark(&self.world);
        if let Err(wrong) = done {
            self.fail(&[wrong]);
        }
    }

    fn round(&mut self) {
        self.round += 1;
        self.world.daemon_may_die = self.round / STRETCH % 2 == 1;
        if self.world.is_blind {
            self.act(&Action::Repair(Write::Renamed));
        }
        for _ in 0..=self.dice.below(8) {
            let action = action::choose(&mut self.dice, &self.world);
            self.act(&action);
        }
        if self.world.is_short() {
            self.act(&Action::Relieve);
        }
        let repair = self.dice.percent(50);
        let must_be_whole = self.world.has_edits || self.world.was_started && !self.world.is_blind;
        if self.world.is_broken && (must_be_whole || repair) {
            self.act(&Action::Repair(Write::Renamed));
        }
        if !self.world.is_up {
            self.act(&Action::Start);
        }
        self.place.weather.slow_reads(0);
        self.place.weather.slow_writes(0);
        self.world.round_ends();
        self.settle();
    }

    /// Waits until nothing differs, and still doesn't a moment later.
    fn settle(&mut self) {
        let started = Instant::now();
        let (mut good, mut last_wrong) = (0, String::new());
        loop {
            let mut wrong = self.checker.look(&self.world, &self.place, &mut self.journal);
            wrong.extend(self.place.has_died());
            good = if wrong.is_empty() { good + 1 } else { 0 };
            if !wrong.is_empty() {
                last_wrong = wrong.join("; ");
            }
            if good == 2 {
                break;
            }
            if started.elapsed() > self.patience {
                self.fail(&wrong);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.slowest = self.slowest.clone().max((started.elapsed(), self.round, last_wrong));
        self.world.settled();
        self.place.settled();
        self.checker.resources.passed(self.place.daemon().unwrap());
    }

    fn fail(&self, wrong: &[String]) -> ! {
        let history: Vec<&str> = self.history.iter().map(String::as_str).collect();
        panic!(
            "SOAK_SEED={} SOAK_ROUNDS={}\n\nthe last actions:\n{}\n\ndeclared:\n{}\n\nthe log:\n{}\n\nthe API:\n{}\n\nwhat is wrong:\n{}\n",
            self.seed,
            self.round,
            history.join("\n"),
            self.world.file(),
            self.place.log_tail(120),
            self.place.get("/v1/agents").unwrap_or_else(|error| error),
            wrong.join("\n"),
        )
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

#[test]
fn what_is_declared_is_what_runs_whatever_happens() {
    let random = || u64::from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().subsec_micros());
    let seed = number("SOAK_SEED").unwrap_or_else(random);
    let time = Duration::from_secs(number("SOAK_SECONDS").unwrap_or(60));
    let rounds = number("SOAK_ROUNDS").unwrap_or(u64::MAX);
    println!("SOAK_SEED={seed}");
    let started = Instant::now();
    let mut soak = Soak::new(seed);
    while started.elapsed() < time && soak.round < rounds {
        soak.round();
    }
    soak.act(&Action::End(libc::SIGTERM));
    println!(
        "{} rounds in {:.0?}; {:?}; {}; number {} took longest to come to rest, {:.1?}: {}",
        soak.round,
        started.elapsed(),
        soak.checker.resources.now,
        soak.place.follower.summary(),
        soak.slowest.1,
        soak.slowest.0,
        soak.slowest.2
    );
}

#[test]
fn the_same_seed_does_the_same_things() {
    let actions = |seed| {
        let (mut dice, mut world) = (Dice::new(seed), World::new());
        world.daemon_may_die = true;
        let next = |_| {
            let action = action::choose(&mut dice, &world);
            world.apply(&action);
            action
        };
        (0..2000).map(next).collect::<Vec<_>>()
    };
    assert_eq!(actions(7), actions(7));
    assert_ne!(actions(7), actions(8));
}
