//! Figures in the width of a column.

use std::time::{Duration, UNIX_EPOCH};

use crate::cli::client::types::{Agent, Exit};
use crate::cli::table::Tone;
use crate::cli::told;
use crate::model::Wall;

/// Nothing is known.
pub(super) const NONE: &str = "-";

/// The two largest units.
pub(super) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, 1..10) => format!("{minutes}m{:02}s", seconds % 60),
        (0, 0, _) => format!("{minutes}m"),
        (0, _, _) => format!("{hours}h{:02}m", minutes % 60),
        (1..100, _, _) => format!("{days}d{:02}h", hours % 24),
        _ => format!("{days}d"),
    }
}

/// How long ago that was.
pub(super) fn since(time: Option<&str>, now: Wall) -> Option<Duration> {
    Some(Duration::from_nanos(now.0.saturating_sub(wall(time?)?)))
}

/// How long it is until then.
pub(super) fn until(time: Option<&str>, now: Wall) -> Option<Duration> {
    Some(Duration::from_nanos(wall(time?)?.saturating_sub(now.0)))
}

fn wall(time: &str) -> Option<u64> {
    let time = humantime::parse_rfc3339(time).ok()?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(time.as_nanos()).ok()
}

/// For how long an agent has been what it is.
pub(super) fn age(agent: &Agent, now: Wall) -> String {
    since(agent.since.as_deref().or(agent.started_at.as_deref()), now).map_or_else(|| NONE.to_owned(), span)
}

/// What it tells of itself: what it does and for how long, or what came of it.
pub(super) fn told(agent: &Agent, now: Wall) -> Option<(String, Tone)> {
    let told = told::of(agent)?;
    let length = since(told.since, now).map(|length| format!(" {}", span(length)));
    Some((format!("{}{}", told.word, length.unwrap_or_default()), told.tone))
}

/// How the last run ended.
pub(super) fn exit(exit: Option<&Exit>) -> String {
    let Some(exit) = exit else { return NONE.to_owned() };
    match (&exit.signal_name, exit.signal, exit.code, &exit.cause) {
        (_, _, _, Some(cause)) => cause.replace('_', " "),
        (Some(name), _, _, None) => name.clone(),
        (None, Some(signal), _, None) => format!("signal {signal}"),
        (None, None, Some(code), None) => format!("status {code}"),
        (None, None, None, None) => exit.kind.replace('_', " "),
    }
}

/// A share of one core.
pub(super) fn load(load: f64) -> String {
    let percent = load.max(0.0) * 100.0;
    if percent < 9.95 { format!("{percent:.1}%") } else { format!("{percent:.0}%") }
}

/// Memory in powers of 1024.
pub(super) fn bytes(bytes: u64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut amount = bytes as f64;
    let mut units = ["B", "K", "M", "G", "T"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    for next in units {
        if amount < 999.5 {
            break;
        }
        amount /= 1024.0;
        unit = next;
    }
    if amount < 9.95 && unit != "B" { format!("{amount:.1}{unit}") } else { format!("{amount:.0}{unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        let spans = [0, 59, 61, 600, 3_660, 90_000, 9_000_000].map(|seconds| span(Duration::from_secs(seconds)));
        assert_eq!(spans, ["0s", "59s", "1m01s", "10m", "1h01m", "1d01h", "104d"]);
        assert_eq!([0, 900, 1_024, 20 << 20, 3 << 30].map(bytes), ["0B", "900B", "1.0K", "20M", "3.0G"]);
        assert_eq!([0.0, 0.031, 0.5, 12.0].map(load), ["0.0%", "3.1%", "50%", "1200%"]);
    }

    #[test]
    fn times_are_read_and_odd_ones_passed_over() {
        let now = Wall(61_000_000_000);
        assert_eq!(since(Some("1970-01-01T00:00:01.000Z"), now), Some(Duration::from_secs(60)));
        assert_eq!(until(Some("1970-01-01T00:01:03.000Z"), now), Some(Duration::from_secs(2)));
        assert_eq!(since(Some("yesterday"), now), None);
    }

    #[test]
    fn an_end_is_one_or_two_words() {
        let end = |kind: &str| Exit { kind: kind.to_owned(), ..Exit::default() };
        assert_eq!(exit(None), "-");
        assert_eq!(exit(Some(&Exit { code: Some(3), ..end("exited") })), "status 3");
        assert_eq!(
            exit(Some(&Exit { signal: Some(9), signal_name: Some("SIGKILL".into()), ..end("killed") })),
            "SIGKILL"
        );
        assert_eq!(exit(Some(&Exit { signal: Some(34), ..end("killed") })), "signal 34");
        assert_eq!(exit(Some(&Exit { cause: Some("terminal_lost".into()), ..end("unknown") })), "terminal lost");
        assert_eq!(exit(Some(&end("not_started"))), "not started");
    }
}
