//! When to try again what could not be done: soon, and then ever more seldom.

use std::time::Duration;

use tokio::time::Instant;

/// How long to wait, first and at most; it doubles.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Counts what failed in a row.
#[derive(Debug, Default)]
pub struct Retry {
    failures: u32,
    due: Option<Instant>,
}

impl Retry {
    /// Notes an attempt.
    pub fn note(&mut self, is_done: bool) {
        if is_done {
            *self = Self::default();
            return;
        }
        let pause = PAUSE.0.saturating_mul(2_u32.saturating_pow(self.failures)).min(PAUSE.1);
        self.failures = self.failures.saturating_add(1);
        self.due = Some(Instant::now() + pause);
    }

    /// Whether the last attempt didn't fail.
    pub fn is_fresh(&self) -> bool {
        self.failures == 0
    }

    /// Waits until it is to be tried again: for ever if it was done.
    pub async fn passed(&self) {
        match self.due {
            Some(due) => tokio::time::sleep_until(due).await,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_fails_is_tried_again_ever_more_seldom_and_soon_after_it_was_done() {
        let mut retry = Retry::default();
        let mut pause = |is_done| {
            let before = Instant::now();
            retry.note(is_done);
            retry.due.map(|due| due.saturating_duration_since(before).as_millis() / 100)
        };
        let pauses: Vec<_> = (0..8).map(|_| pause(false)).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 50, 50].map(Some));
        assert_eq!((pause(true), pause(false)), (None, Some(1)));
    }
}
