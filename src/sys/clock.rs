//! The one place that reads the clocks.

use std::time::{SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

use crate::model::{Mono, Now, Wall};

/// Both clocks, now.
///
/// `CLOCK_MONOTONIC` can't fail on Linux; a clock set to before 1970 reads as 1970.
pub fn now() -> Now {
    let mono = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Mono(0), |time| {
        let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
        let nanos = u64::try_from(time.tv_nsec()).unwrap_or(0);
        Mono(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
    });
    #[allow(clippy::disallowed_methods, reason = "this is the clock's room")]
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    Now { mono, wall: Wall(u64::try_from(wall).unwrap_or(u64::MAX)) }
}
