//! Time as data. Nothing here reads a clock: `sys::clock` does, and hands the reading on as a [`Now`].

use std::time::Duration;

/// Nanoseconds of `CLOCK_MONOTONIC`: never set back, shared by all processes, the same after a restart of the daemon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mono(pub u64);

impl Mono {
    /// This time plus `delay`; the end of time if that overflows (584 years).
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// How long ago `earlier` was; zero if it is still to come.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Nanoseconds since the Unix epoch, for people and for the API; no decision rests on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wall(pub u64);

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For decisions.
    pub mono: Mono,
    /// For display.
    pub wall: Wall,
}

impl Now {
    /// The wall-clock time at which the monotonic clock shows `at`, if nobody sets the clock.
    #[must_use]
    pub fn wall_at(self, at: Mono) -> Wall {
        if at >= self.mono {
            Wall(self.wall.0.saturating_add(at.0 - self.mono.0))
        } else {
            Wall(self.wall.0.saturating_sub(self.mono.0 - at.0))
        }
    }
}

/// Names one run of one agent: unique among all runs of a daemon, also across its restarts. 0 is no run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);
