//! When a rate limit ends, where words tell: `try again in 5m`, `Please retry in 12.5s`, `try again at 2:39 AM`.

use super::Moment;
use super::words::beginning;
use crate::model::Verdict;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// In seconds. What is further away is no time at which a limit ends.
const FURTHEST: u64 = 400 * 86_400;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Numbers and words, in lower case; what is between them doesn't matter.
#[derive(Clone, Copy, Debug)]
enum Token<'a> {
    Number(f64),
    Word(&'a str),
}

/// When a rate limit ends, if that is what came of a turn: as the harness gives it, or else in its words.
pub(super) fn of_limit(verdict: Verdict, given: Option<u64>, words: &str, now: Moment) -> Option<u64> {
    given.or_else(|| of_text(words, now)).filter(|_| verdict == Verdict::RateLimited)
}

/// The time that a text names, in seconds since the Unix epoch, if it names one.
fn of_text(text: &str, now: Moment) -> Option<u64> {
    let text = beginning(text).to_lowercase();
    let tokens = tokens(&text);
    (0..tokens.len()).find_map(|at| {
        let Token::Word(word) = tokens[at] else { return None };
        let told = &tokens[at + 1..];
        let is_about_it = tokens[at.saturating_sub(2)..at]
            .iter()
            .any(|token| matches!(token, Token::Word("again" | "retry" | "reset" | "resets" | "wait")));
        match word {
            // Also of a header `retry-after`.
            "in" | "after" if is_about_it => length(told).and_then(|seconds| of_delay(seconds, now)),
            // A field of Google's API.
            "retrydelay" => length(told).and_then(|seconds| of_delay(seconds, now)),
            "at" if is_about_it => clock(told, now),
            _ => None,
        }
    })
}

/// A time that a harness gives as such, if it can be one.
pub(super) fn of_time(unix: u64, now: Moment) -> Option<u64> {
    (unix > 0 && unix <= now.unix.saturating_add(FURTHEST)).then_some(unix)
}

/// So many seconds from now, if that can be.
pub(super) fn of_delay(seconds: f64, now: Moment) -> Option<u64> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "such a cast saturates")]
    let seconds = seconds.ceil() as u64;
    (seconds <= FURTHEST).then(|| now.unix.saturating_add(seconds))
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit() || c.is_alphabetic()) {
        rest = &rest[start..];
        let is_number = rest.starts_with(|c: char| c.is_ascii_digit());
        let belongs = |c: char| if is_number { c.is_ascii_digit() || c == '.' } else { c.is_alphabetic() };
        let (token, after) = rest.split_at(rest.find(|c| !belongs(c)).unwrap_or(rest.len()));
        let number = token.trim_end_matches('.').parse().ok().filter(|_| is_number);
        tokens.push(number.map_or(Token::Word(token), Token::Number));
        rest = after;
    }
    tokens
}

/// A length of time, in seconds: `30`, `12.5s`, `1h2m`, `3 days 4 hours and 12 minutes`.
fn length(tokens: &[Token<'_>]) -> Option<f64> {
    let mut length = None;
    let mut rest = tokens;
    loop {
        rest = match rest {
            [Token::Word("and"), rest @ ..] if length.is_some() => rest,
            [Token::Number(number), Token::Word(unit), rest @ ..] if seconds_of(unit).is_some() => {
                length = Some(length.unwrap_or_default() + number * seconds_of(unit)?);
                rest
            }
            [Token::Number(number), ..] if length.is_none() => return Some(*number),
            _ => return length,
        };
    }
}

fn seconds_of(unit: &str) -> Option<f64> {
    match unit {
        "ms" => Some(0.001),
        "s" | "sec" | "secs" | "second" | "seconds" => Some(1.0),
        "m" | "min" | "mins" | "minute" | "minutes" => Some(60.0),
        "h" | "hr" | "hrs" | "hour" | "hours" => Some(3_600.0),
        "d" | "day" | "days" => Some(86_400.0),
        _ => None,
    }
}

/// A time by the clock on the wall: `2:39 AM` of today, `Nov 28th, 2026 2:39 AM`.
fn clock(tokens: &[Token<'_>], now: Moment) -> Option<u64> {
    let here = i64::try_from(now.unix).ok()?.checked_add(now.utc_offset)?;
    let at = match tokens {
        [Token::Number(hour), Token::Number(minute), Token::Word(half), ..] => {
            let at = here.div_euclid(DAY) * DAY + time_of_day(*hour, *minute, half)?;
            // It was rounded down to the minute.
            if at + MINUTE <= here { at + DAY } else { at }
        }
        [
            Token::Word(month),
            Token::Number(day),
            Token::Word(_),
            Token::Number(year),
            Token::Number(hour),
            Token::Number(minute),
            Token::Word(half),
            ..,
        ] => {
            let month = MONTHS.iter().position(|known| known == month)?;
            date(whole(*year)?, i64::try_from(month).ok()? + 1, whole(*day)?)? * DAY
                + time_of_day(*hour, *minute, half)?
        }
        _ => return None,
    };
    of_time(u64::try_from(at.checked_sub(now.utc_offset)?).ok()?, now)
}

/// In seconds from midnight.
fn time_of_day(hour: f64, minute: f64, half: &str) -> Option<i64> {
    let (hour, minute) = (whole(hour)?, whole(minute)?);
    let after_noon = match half {
        "am" => 0,
        "pm" => 12,
        _ => return None,
    };
    ((1..=12).contains(&hour) && minute < 60).then_some((hour % 12 + after_noon) * HOUR + minute * MINUTE)
}

/// In days from the Unix epoch. The year begins in March, so that the day that isn't always there is its last.
fn date(year: i64, month: i64, day: i64) -> Option<i64> {
    if !((1970..10_000).contains(&year) && (1..=31).contains(&day)) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468)
}

#[allow(clippy::cast_possible_truncation, reason = "checked")]
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 1e9).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-28 01:30:20 in a zone two hours ahead of Greenwich.
    const NOW: Moment = Moment { unix: 1_795_822_220, utc_offset: 2 * HOUR };

    fn after(text: &str) -> Option<i64> {
        of_text(text, NOW).map(|at| at.cast_signed() - NOW.unix.cast_signed())
    }

    #[test]
    fn lengths_of_time_are_understood() {
        for (text, seconds) in [
            ("Try again in 5m.", 300),
            ("please try again in 20s", 20),
            ("Please retry in 12.52s.", 13),
            ("try again in 3 days 4 hours and 12 minutes.", 3 * DAY + 4 * HOUR + 12 * MINUTE),
            ("try again in 1h2m3s", 3723),
            ("please try again in 250ms", 1),
            ("\"retryDelay\": \"44s\"", 44),
            ("retry-after: 30\r\nx: 5", 30),
            ("Retry after 7 requests", 7),
            ("your limit resets in 2 hours", 7200),
        ] {
            assert_eq!(after(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn times_of_day_are_those_of_the_harness() {
        for (text, seconds) in [
            ("try again at 1:31 AM.", 40),
            ("try again at 1:30 AM.", -20),
            ("try again at 1:29 AM.", DAY - 80),
            ("try again at 12:00 PM", 10 * HOUR + 30 * MINUTE - 20),
            ("try again at 12:31 AM", 23 * HOUR + 40),
            ("try again at Nov 28th, 2026 1:31 AM.", 40),
            ("try again at Dec 1st, 2026 1:31 AM.", 3 * DAY + 40),
            ("try again at Mar 1st, 2027 1:31 AM.", 93 * DAY + 40),
        ] {
            assert_eq!(after(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn what_names_no_time_is_none() {
        for text in [
            "",
            "try again later",
            "please try again in a moment",
            "in 5 minutes it will be 3",
            "try again at noon",
            "try again at 13:00 PM",
            "try again at 1:75 AM",
            "try again at Foo 1st, 2026 1:31 AM",
            "try again at Nov 28th, 2036 1:31 AM",
            "try again in 99999 days",
            "try again in 1.2.3 s",
            "5 retry",
        ] {
            assert_eq!(after(text), None, "{text}");
        }
        assert_eq!(of_time(0, NOW), None);
        assert_eq!(of_time(NOW.unix + 5, NOW), Some(NOW.unix + 5));
        assert_eq!(of_time(NOW.unix * 1000, NOW), None);
        assert_eq!(of_delay(f64::INFINITY, NOW), None);
    }
}
