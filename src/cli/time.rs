//! Times as people read them: how long, and when.

use std::time::{Duration, UNIX_EPOCH};

use crate::model::Wall;
use crate::sys::local_time;

/// Whose clock is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// The reader's.
    Local,
    /// Everybody's.
    Utc,
}

/// What the daemon wrote as RFC 3339.
pub fn parse(text: &str) -> Option<Wall> {
    let since_epoch = humantime::parse_rfc3339(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Wall(u64::try_from(since_epoch.as_nanos()).ok()?))
}

/// From `earlier` to `later`; nothing if the clock was set back in between.
pub fn between(earlier: Wall, later: Wall) -> Duration {
    Duration::from_nanos(later.0.saturating_sub(earlier.0))
}

/// A length in its two largest units, and in one where the second hardly matters: `5s`, `3m20s`, `12m`, `3d4h`.
pub fn short(length: Duration) -> String {
    let seconds = length.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..600 => two(minutes, "m", seconds % 60, "s"),
        600..3_600 => format!("{minutes}m"),
        3_600..86_400 => two(hours, "h", minutes % 60, "m"),
        86_400..8_640_000 => two(days, "d", hours % 24, "h"),
        _ => format!("{days}d"),
    }
}

fn two(large: u64, unit: &str, small: u64, smaller: &str) -> String {
    if small == 0 { format!("{large}{unit}") } else { format!("{large}{unit}{small}{smaller}") }
}

/// Date and time of day, to the second: `2026-11-21 08:20:31`, and a `Z` behind it if it isn't the reader's own time.
pub fn full(at: Wall, zone: Zone) -> String {
    let local = match zone {
        Zone::Local => local_time::local(at),
        Zone::Utc => None,
    };
    match local {
        Some(at) => {
            format!("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", at.year, at.month, at.day, at.hour, at.minute, at.second)
        }
        None => {
            humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_nanos(at.0)).to_string().replace('T', " ")
        }
    }
}

/// The same of what the daemon wrote; what can't be read is shown as it is.
pub fn full_of(text: &str, zone: Zone) -> String {
    parse(text).map_or_else(|| text.to_owned(), |at| full(at, zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_two_units_at_most() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (61, "1m1s"),
            (599, "9m59s"),
            (600, "10m"),
            (3_599, "59m"),
            (3_600, "1h"),
            (86_399, "23h59m"),
            (86_400, "1d"),
            (3 * 86_400 + 4 * 3_600, "3d4h"),
            (99 * 86_400 + 23 * 3_600, "99d23h"),
            (100 * 86_400 + 1, "100d"),
        ] {
            assert_eq!(short(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn times_are_shown_without_what_nobody_reads() {
        let at = parse("2026-11-21T08:20:31.123Z").unwrap();
        assert_eq!(full(at, Zone::Utc), "2026-11-21 08:20:31Z");
        assert_eq!(full(at, Zone::Local).len(), "2026-11-21 08:20:31".len());
        assert_eq!(full_of("soon", Zone::Utc), "soon");
    }

    #[test]
    fn a_clock_that_was_set_back_shows_no_negative_length() {
        assert_eq!(between(Wall(5), Wall(3)), Duration::ZERO);
    }
}
