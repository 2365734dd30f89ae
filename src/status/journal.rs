//! What happened, for those who follow: a bounded ring, in which the oldest gives way. Nobody is ever waited for.

use std::collections::VecDeque;
use std::sync::Arc;

use super::ActivityStatus;
use crate::model::{AgentName, End, State, Wall};

/// What the ring holds. All agents of a host of 1,000 can be started, and end, within it.
const ROOM: usize = 4096;

/// The latest happenings, by number.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    entries: VecDeque<Arc<Entry>>,
    /// The number of the newest; 0 before the first.
    last: u64,
}

/// One happening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Counts from 1 without gaps, for as long as the daemon lives.
    pub number: u64,
    /// When.
    pub at: Wall,
    /// What.
    pub happening: Happening,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// An agent changed its state.
    Transition {
        /// Who.
        agent: AgentName,
        /// From; none for an agent that is new.
        from: Option<State>,
        /// To; none for an agent that is gone.
        to: Option<State>,
        /// Why, in a few words.
        reason: String,
        /// How its run ended, if this is what came of that.
        end: Option<End>,
        /// Restarts by policy so far.
        restarts: u32,
    },
    /// An agent does something else, by its harness's account.
    Activity {
        /// Who.
        agent: AgentName,
        /// What; none if nobody can tell any more.
        activity: Option<ActivityStatus>,
    },
    /// An agent gives no sign of life, or does again.
    Stall {
        /// Who.
        agent: AgentName,
        /// Since when; none if it does.
        since: Option<Wall>,
        /// What is done about it, in a few words.
        reason: String,
    },
    /// A configuration was taken.
    ConfigLoaded {
        /// How many agents it declares.
        agents: usize,
    },
    /// A configuration was not taken.
    ConfigRefused {
        /// The report, several lines, without colours or values of secrets.
        message: String,
    },
    /// Everything is being stopped.
    Stopping,
}

impl Happening {
    /// The word for its kind.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Transition { .. } => "transition",
            Self::Activity { .. } => "activity",
            Self::Stall { .. } => "stall",
            Self::ConfigLoaded { .. } => "config_loaded",
            Self::ConfigRefused { .. } => "config_error",
            Self::Stopping => "stopping",
        }
    }
}

impl Journal {
    /// Adds what has happened.
    pub fn push(&mut self, at: Wall, happening: Happening) {
        self.last += 1;
        if self.entries.len() == ROOM {
            self.entries.pop_front();
        }
        self.entries.push_back(Arc::new(Entry { number: self.last, at, happening }));
    }

    /// The number of the newest; 0 before the first.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// The oldest that is still there, or the one that will come next.
    pub fn first(&self) -> u64 {
        self.last + 1 - self.entries.len() as u64
    }

    /// All that is still there from that number on, at most so many.
    pub fn from(&self, number: u64, most: usize) -> impl Iterator<Item = &Arc<Entry>> {
        let skipped = usize::try_from(number.saturating_sub(self.first())).unwrap_or(usize::MAX);
        self.entries.iter().skip(skipped).take(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(count: u64) -> Journal {
        let mut journal = Journal::default();
        for _ in 0..count {
            journal.push(Wall(0), Happening::Stopping);
        }
        journal
    }

    fn numbers(journal: &Journal, number: u64) -> Vec<u64> {
        journal.from(number, 3).map(|entry| entry.number).collect()
    }

    #[test]
    fn the_oldest_gives_way_and_numbers_go_on() {
        let journal = of(ROOM as u64 + 10);
        assert_eq!((journal.first(), journal.last()), (11, ROOM as u64 + 10));
        assert_eq!(journal.entries.len(), ROOM);
        assert_eq!(numbers(&journal, 0), [11, 12, 13]);
        assert_eq!(numbers(&journal, 20), [20, 21, 22]);
        assert_eq!(numbers(&journal, journal.last()), [journal.last()]);
        assert_eq!(numbers(&journal, journal.last() + 1), [0; 0]);
        assert_eq!(numbers(&journal, u64::MAX), [0; 0]);
    }

    #[test]
    fn an_empty_one_waits_for_the_first() {
        let journal = of(0);
        assert_eq!((journal.first(), journal.last()), (1, 0));
        assert_eq!(numbers(&journal, 1), [0; 0]);
    }
}
