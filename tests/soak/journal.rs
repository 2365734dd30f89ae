//! What the agents themselves say of their starts, and what was done to each of their processes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use crate::action::Order;
use crate::world::World;

/// One start of an agent's program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    pub instance: String,
    pub life: u32,
    pub pid: u32,
}

/// How a process was made to end, perhaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Code(u8),
    Signal(i32),
}

/// Starts and ends, in their order.
#[derive(Debug)]
pub struct Journal {
    file: BufReader<File>,
    partial: String,
    starts: Vec<Start>,
    /// By the place of the start in `starts`.
    ends: BTreeMap<usize, Vec<End>>,
    /// How many starts there were before a life began anew, by instance, life and generation.
    bases: BTreeMap<(String, u32, u32), usize>,
}

impl Journal {
    /// An empty one, which agents write to.
    pub fn new(path: &Path) -> Self {
        let file = BufReader::new(File::open(path).unwrap());
        Self { file, partial: String::new(), starts: Vec::new(), ends: BTreeMap::new(), bases: BTreeMap::new() }
    }

    /// Reads what was added.
    pub fn read(&mut self) {
        while self.file.read_line(&mut self.partial).unwrap() > 0 && self.partial.ends_with('\n') {
            let text = std::mem::take(&mut self.partial);
            let fields: Vec<&str> = text.split_whitespace().collect();
            let ["start", agent, life, _, pid] = fields[..] else { panic!("in the journal: {text}") };
            let (life, pid) = (life.parse().unwrap(), pid.parse().unwrap());
            self.starts.push(Start { instance: agent.to_owned(), life, pid });
        }
    }

    /// Notes where lives begin anew.
    pub fn mark(&mut self, world: &World) {
        self.read();
        for (instance, life) in &world.lives {
            let base = if life.generation == 0 { 0 } else { self.starts.len() };
            self.bases.entry((instance.clone(), life.number, life.generation)).or_insert(base);
        }
    }

    /// The starts of an instance in its present life, oldest first, each with its place.
    pub fn of_life<'j>(&'j self, instance: &'j str, world: &World) -> Vec<(usize, &'j Start)> {
        let life = &world.lives[instance];
        let base = self.bases.get(&(instance.to_owned(), life.number, life.generation)).copied().unwrap_or(0);
        let all = self.starts.iter().enumerate().skip(base);
        all.filter(|(_, start)| start.instance == instance && start.life == life.number).collect()
    }

    /// The newest start of an instance, whatever its life.
    pub fn newest(&self, instance: &str) -> Option<(usize, &Start)> {
        self.starts.iter().enumerate().rev().find(|(_, start)| start.instance == instance)
    }

    /// Something was done to the process of a start that may end it.
    pub fn ended(&mut self, start: usize, end: End) {
        self.ends.entry(start).or_default().push(end);
    }

    /// What was done to it.
    pub fn ends(&self, start: usize) -> &[End] {
        self.ends.get(&start).map_or(&[], Vec::as_slice)
    }
}

impl End {
    /// What an order leads to.
    pub fn of(order: Order) -> Option<Self> {
        match order {
            Order::Exit(code) => Some(Self::Code(code)),
            Order::Signal(signal) => Some(Self::Signal(signal)),
            Order::Deaf | Order::Setsid | Order::DoubleFork | Order::Crowd | Order::Chat => None,
        }
    }
}
