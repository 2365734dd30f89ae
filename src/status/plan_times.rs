//! How long plans took, counted in buckets.

use std::time::Duration;

/// The buckets' upper bounds, in microseconds. What takes longer is in one more.
const BOUNDS: [u64; 9] = [10, 30, 100, 300, 1_000, 3_000, 10_000, 100_000, 1_000_000];

/// How long plans took since the daemon started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlanTimes {
    total: Duration,
    counts: [u64; BOUNDS.len() + 1],
}

impl PlanTimes {
    /// One more.
    pub fn add(&mut self, took: Duration) {
        self.total += took;
        let bucket = BOUNDS.iter().position(|bound| took <= Duration::from_micros(*bound)).unwrap_or(BOUNDS.len());
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
    }

    /// All of them together.
    pub fn total(&self) -> Duration {
        self.total
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Each bucket's upper bound in seconds, and how many are in it and in none before it. The last has no bound, which is
    /// written as [`f64::INFINITY`].
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let bounds = BOUNDS.iter().map(|bound| Duration::from_micros(*bound).as_secs_f64()).chain([f64::INFINITY]);
        bounds.zip(self.counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_in_the_first_bucket_that_holds_it() {
        let mut times = PlanTimes::default();
        for micros in [0, 10, 11, 5_000_000] {
            times.add(Duration::from_micros(micros));
        }
        assert_eq!((times.count(), times.total()), (4, Duration::from_micros(5_000_021)));
        let filled: Vec<_> = times.buckets().filter(|(_, count)| *count > 0).collect();
        assert_eq!(filled, [(10e-6, 2), (30e-6, 1), (f64::INFINITY, 1)]);
    }
}
