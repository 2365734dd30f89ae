//! Durations as people write them: the spelling of humantime (`2h 30m`, `1min`) and the one of Go (`1h30m`, `1.5h`).

use std::time::Duration;

const SECOND: u128 = 1_000_000_000;

/// Why a text is no duration. The message completes "… is not a duration: ".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Nothing there.
    #[error("it is empty")]
    Empty,
    /// Starts with a minus.
    #[error("it is negative")]
    Negative,
    /// A number without a unit.
    #[error("it has no unit")]
    NoUnit(String),
    /// A unit that nobody uses.
    #[error("{0:?} is no unit of time")]
    UnknownUnit(String),
    /// Something else stands where a number should.
    #[error("a number was expected at {0:?}")]
    NumberExpected(String),
    /// More than 584 billion years.
    #[error("it is too long")]
    TooLong,
}

/// Reads a duration: one or more numbers, each with a unit, with or without spaces between.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(DurationError::Empty);
    }
    if rest.starts_with(['-', '−']) {
        return Err(DurationError::Negative);
    }
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let (nanos, after) = parse_term(rest)?;
        total = total.checked_add(nanos).ok_or(DurationError::TooLong)?;
        rest = after.trim_start();
    }
    let seconds = u64::try_from(total / SECOND).map_err(|_| DurationError::TooLong)?;
    let nanos = u32::try_from(total % SECOND).map_err(|_| DurationError::TooLong)?;
    Ok(Duration::new(seconds, nanos))
}

/// One number with its unit, in nanoseconds, and what follows. What is finer than a nanosecond is cut off, as Go does.
fn parse_term(text: &str) -> Result<(u128, &str), DurationError> {
    let (whole, rest) = split_while(text, |c| c.is_ascii_digit());
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(after) => split_while(after, |c| c.is_ascii_digit()),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(DurationError::NumberExpected(text.chars().take(20).collect()));
    }
    let number = &text[..text.len() - rest.len()];
    let (name, rest) = split_while(rest.trim_start(), char::is_alphabetic);
    if name.is_empty() {
        return Err(DurationError::NoUnit(number.to_owned()));
    }
    let unit = unit_nanos(name).ok_or_else(|| DurationError::UnknownUnit(name.to_owned()))?;
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| DurationError::TooLong)? };
    // A year has 17 digits of nanoseconds: further ones are worth nothing, and these still fit 128 bits.
    let fraction = &fraction[..fraction.len().min(17)];
    let (numerator, denominator) =
        fraction.bytes().fold((0, 1), |(n, d), digit| (n * 10 + u128::from(digit - b'0'), d * 10));
    let nanos = whole.checked_mul(unit).and_then(|whole| whole.checked_add(numerator * unit / denominator));
    Ok((nanos.ok_or(DurationError::TooLong)?, rest))
}

fn split_while(text: &str, accept: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !accept(c)).unwrap_or(text.len()))
}

/// Every unit of Go and of humantime, whose month and year are averages.
fn unit_nanos(name: &str) -> Option<u128> {
    Some(match name {
        "ns" | "nsec" | "nanos" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" | "usec" | "micros" => 1_000,
        "ms" | "msec" | "millis" => 1_000_000,
        "s" | "sec" | "secs" | "second" | "seconds" => SECOND,
        "m" | "min" | "mins" | "minute" | "minutes" => 60 * SECOND,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600 * SECOND,
        "d" | "day" | "days" => 86_400 * SECOND,
        "w" | "wk" | "wks" | "week" | "weeks" => 7 * 86_400 * SECOND,
        "M" | "month" | "months" => 2_630_016 * SECOND,
        "y" | "yr" | "yrs" | "year" | "years" => 31_557_600 * SECOND,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `time.Duration.String()` of Go.
    fn go(duration: Duration) -> String {
        let trim = |text: String| text.trim_end_matches('0').trim_end_matches('.').to_owned();
        let nanos = duration.as_nanos();
        match nanos {
            0 => "0s".to_owned(),
            1..1_000 => format!("{nanos}ns"),
            1_000..1_000_000 => trim(format!("{}.{:03}", nanos / 1_000, nanos % 1_000)) + "µs",
            1_000_000..SECOND => trim(format!("{}.{:06}", nanos / 1_000_000, nanos % 1_000_000)) + "ms",
            _ => {
                let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
                let tail = trim(format!("{}.{nanos:09}", seconds % 60)) + "s";
                match (seconds / 3600, seconds / 60 % 60) {
                    (0, 0) => tail,
                    (0, minutes) => format!("{minutes}m{tail}"),
                    (hours, minutes) => format!("{hours}h{minutes}m{tail}"),
                }
            }
        }
    }

    #[test]
    fn both_spellings_are_read() {
        for (text, nanos) in [
            ("2h", 7_200 * SECOND),
            ("1h30m", 5_400 * SECOND),
            ("1.5h", 5_400 * SECOND),
            ("300ms", 300_000_000),
            ("1m30.5s", 90_500_000_000),
            ("2h 30m", 9_000 * SECOND),
            ("1µs", 1_000),
            ("1μs", 1_000),
            ("1us", 1_000),
            (" 3 sec ", 3 * SECOND),
            (".5s", 500_000_000),
            ("1.s", SECOND),
            ("0s", 0),
            ("0.1234567899s", 123_456_789),
            ("1.1ns", 1),
        ] {
            assert_eq!(parse(text).map(|d| d.as_nanos()), Ok(nanos), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_its_reason() {
        for (text, error) in [
            ("", DurationError::Empty),
            ("  ", DurationError::Empty),
            ("-3s", DurationError::Negative),
            ("30", DurationError::NoUnit("30".into())),
            ("1.5", DurationError::NoUnit("1.5".into())),
            ("1h30", DurationError::NoUnit("30".into())),
            ("3 parsecs", DurationError::UnknownUnit("parsecs".into())),
            ("soon", DurationError::NumberExpected("soon".into())),
            ("1s,2s", DurationError::NumberExpected(",2s".into())),
            ("600000000000y", DurationError::TooLong),
            ("99999999999999999999999999999999999999999999s", DurationError::TooLong),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_duration_that_humantime_or_go_writes_is_read_back(seconds in 0..20_000_000_000_u64, nanos in 0..1_000_000_000_u32) {
            let duration = Duration::new(seconds, nanos);
            prop_assert_eq!(parse(&humantime::format_duration(duration).to_string()), Ok(duration));
            prop_assert_eq!(parse(&go(duration)), Ok(duration));
            let short = Duration::from_nanos(u64::from(nanos) >> (seconds % 30));
            prop_assert_eq!(parse(&go(short)), Ok(short));
        }

        #[test]
        fn what_humantime_reads_is_read_the_same(text in r"([0-9]{1,5}(\.[0-9]{1,3})? ?(ns|us|ms|s|secs|min|m|hours|h|d|weeks|M|y) ?){1,4}") {
            if let Ok(duration) = humantime::parse_duration(&text) {
                prop_assert_eq!(parse(&text), Ok(duration));
            }
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = parse(&text);
        }
    }
}
