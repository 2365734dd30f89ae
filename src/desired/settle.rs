//! When is a change complete? As data: what was seen, and when it is due.
//!
//! - **Complete** at once: a file of ours was renamed into place, a link was swapped, a writer closed a file that isn't
//!   empty, events were lost. Nothing more is to be expected.
//! - **Unfinished**: a file was written but not closed, created, truncated, removed, or its mode was changed; a directory
//!   came or went. It is due [`QUIET`] after the last such event. So an editor that moves the old file away and writes a new
//!   one makes one change, and so does a truncation that is followed by a write.
//! - **A secret**: a file of the secrets directory was put in place. Whoever delivers secrets delivers several, one
//!   after the other, and each would restart the same agents: it is due [`BURST`] after the last event in that directory, but
//!   not later than [`BURST_MAX`] after the first. A swap of a whole generation is one link, and complete at once.
//!
//! What is due at once carries everything else with it: a load reads all there is.

use std::time::Duration;

use crate::model::Mono;

/// How long nothing may happen to what isn't complete by itself.
pub const QUIET: Duration = Duration::from_millis(100);
/// How long nothing may happen to the secrets after one was put in place.
pub const BURST: Duration = Duration::from_millis(20);
/// How long a stream of secrets is waited for.
pub const BURST_MAX: Duration = Duration::from_millis(200);

/// What an event says of the change that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The change is complete.
    Complete,
    /// There is more to come, or may be.
    Unfinished,
    /// One secret is complete; others may follow.
    Secret,
    /// Somebody is at work in the secrets directory, on what is no secret yet.
    SecretToCome,
}

/// What was seen and not yet reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Settle {
    /// Nothing.
    #[default]
    Calm,
    /// Something that is to be looked at once `quiet` has passed.
    Unfinished {
        /// When.
        due: Mono,
    },
    /// Secrets arrive.
    Burst {
        /// When to report them.
        due: Mono,
        /// When at last.
        latest: Mono,
    },
    /// A complete change.
    Complete,
}

impl Settle {
    /// Takes an event that was seen at `now`.
    #[must_use]
    pub fn step(self, step: Step, now: Mono) -> Self {
        match (self, step) {
            (Self::Complete, _) | (_, Step::Complete) => Self::Complete,
            (Self::Burst { latest, .. }, Step::Secret | Step::SecretToCome | Step::Unfinished) => {
                Self::Burst { due: now.after(BURST).min(latest), latest }
            }
            (Self::Calm | Self::Unfinished { .. }, Step::Secret) => {
                Self::Burst { due: now.after(BURST), latest: now.after(BURST_MAX) }
            }
            (Self::Calm | Self::Unfinished { .. }, Step::Unfinished) => Self::Unfinished { due: now.after(QUIET) },
            (calm @ (Self::Calm | Self::Unfinished { .. }), Step::SecretToCome) => calm,
        }
    }

    /// When there is something to report or to look at, if ever.
    pub fn due(self) -> Option<Mono> {
        match self {
            Self::Calm => None,
            Self::Unfinished { due } | Self::Burst { due, .. } => Some(due),
            Self::Complete => Some(Mono(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Mono {
        Mono(0).after(Duration::from_millis(millis))
    }

    fn due(steps: &[(u64, Step)]) -> Option<Mono> {
        steps.iter().fold(Settle::Calm, |settle, (millis, step)| settle.step(*step, at(*millis))).due()
    }

    #[test]
    fn a_complete_change_is_due_at_once_whatever_else_is_going_on() {
        assert_eq!(due(&[(5, Step::Complete)]), Some(at(0)));
        assert_eq!(due(&[(5, Step::Unfinished), (6, Step::Complete), (7, Step::Unfinished)]), Some(at(0)));
        assert_eq!(due(&[(5, Step::Secret), (6, Step::Complete)]), Some(at(0)));
    }

    #[test]
    fn an_unfinished_change_is_due_after_the_last_of_its_events() {
        assert_eq!(due(&[(5, Step::Unfinished)]), Some(at(105)));
        assert_eq!(due(&[(5, Step::Unfinished), (50, Step::Unfinished)]), Some(at(150)));
        assert_eq!(due(&[(5, Step::SecretToCome)]), None);
    }

    #[test]
    fn secrets_that_follow_each_other_are_one_change_but_not_for_ever() {
        assert_eq!(due(&[(5, Step::Secret)]), Some(at(25)));
        assert_eq!(due(&[(5, Step::Secret), (20, Step::SecretToCome), (24, Step::Secret)]), Some(at(44)));
        let stream: Vec<_> = (0..100).map(|n| (n * 10, Step::Secret)).collect();
        assert_eq!(due(&stream), Some(at(200)));
    }
}
