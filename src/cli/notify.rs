//! `agentd notify KEY=VALUE…`: what an agent's own program or script tells of itself, as systemd-notify(1) does it for a
//! service. Other than a hook's, a mistake is said at once: who writes it looks at it.

use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use clap_complete::engine::CompletionCandidate;

use super::failure::{Failure, finish};
use crate::desired::diagnostic::nearest;
use crate::model::{Activity, Key, Mono, Notices, Spent, Told, Verdict};
use crate::sys::notify::{Listener, VARIABLE};

/// How an activity or an outcome is known, where the sender doesn't say.
const SOURCE: &str = "agentd notify";

/// A shim that has not taken in what was told before by then, does not hear of this.
const HEARD_WITHIN: Duration = Duration::from_secs(5);

const HELP: &str = "\
Keys:
  ACTIVITY         starting, busy, idle or waiting
  QUESTION         with ACTIVITY=waiting: what it waits on
  OUTCOME          succeeded, failed, interrupted, permission_denied,
                   auth_failed, rate_limited or over_budget: how it ended, or
                   will end; it counts when the program exits
  DETAIL           with OUTCOME: in its own words
  RESET_AT         with OUTCOME=rate_limited: when that ends, in seconds since
                   1970; agentd waits as long before a restart
  SESSION          the conversation, by the name that the program knows it by
  TURNS, COST_USD, INPUT_TOKENS, OUTPUT_TOKENS, CACHE_READ_TOKENS,
  CACHE_WRITE_TOKENS
                   what this run has used so far
  ACTIVITY_SOURCE, OUTCOME_SOURCE
                   how that is known [default: agentd notify]

A key counts until it is told anew or the program ends; KEY= takes it back. A program that is busy or waiting and exits with \
status 0 without an OUTCOME was interrupted. Texts are one line each and are cut after 500 \
bytes. Whoever is not agentd's program, but wants to tell the same, sends one datagram of such lines, of at most 2048 bytes, \
to the socket that AGENTD_NOTIFY_SOCKET names.

agentd notify ACTIVITY=busy
agentd notify ACTIVITY=waiting QUESTION=\"Deploy to production?\"
agentd notify OUTCOME=failed DETAIL=\"3 tests fail\" TURNS=4 COST_USD=0.21";

/// The flags.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Flags {
    /// What there is to tell
    #[arg(required = true, value_name = "KEY=VALUE")]
    notices: Vec<Pair>,
}

/// One key with its value, which is right.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pair {
    key: Key,
    value: String,
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        let Some(key) = Key::of(name) else {
            let known = Key::ALL.iter().map(|key| key.as_str());
            return Err(match nearest(name, known.clone()) {
                Some(similar) => format!("there is no key {name:?}; did you mean {similar}?"),
                None => format!("there is no key {name:?}; there are {}", listed(known)),
            });
        };
        if !text.contains('=') {
            return Err(format!("{key} has no value: write {key}=VALUE, or {key}= to take it back"));
        }
        if !value.is_empty() {
            check(key, value)?;
        }
        Ok(Self { key, value: value.to_owned() })
    }
}

/// Whether the daemon would take a value; it passes over all others.
fn check(key: Key, value: &str) -> Result<(), String> {
    match key {
        Key::Activity if Activity::of(value).is_none() => Err(no_word(value, words(key.as_str()))),
        Key::Outcome if Verdict::of(value).is_none() => Err(no_word(value, words(key.as_str()))),
        Key::ResetAt if value.parse::<u64>().is_err() => Err("it must be seconds since 1970".to_owned()),
        Key::CostUsd if !is_heard(key, value) => Err("it must be an amount such as 0.25".to_owned()),
        Key::Turns | Key::InputTokens | Key::OutputTokens | Key::CacheReadTokens | Key::CacheWriteTokens
            if !is_heard(key, value) =>
        {
            Err("it must be a whole number".to_owned())
        }
        Key::Session if notices(key, value).get(key).is_none() => Err("a name this long is not taken".to_owned()),
        Key::Activity
        | Key::Question
        | Key::ActivitySource
        | Key::Outcome
        | Key::Detail
        | Key::OutcomeSource
        | Key::ResetAt
        | Key::Session
        | Key::Turns
        | Key::CostUsd
        | Key::InputTokens
        | Key::OutputTokens
        | Key::CacheReadTokens
        | Key::CacheWriteTokens => Ok(()),
    }
}

/// Whether a key is called that.
pub fn is_key(name: &str) -> bool {
    Key::of(name).is_some()
}

/// The words that a key of this name takes; none if it takes others.
pub fn words(name: &str) -> Vec<&'static str> {
    let key = Key::of(name);
    if key == Some(Key::Activity) {
        Activity::ALL.iter().map(|word| word.as_str()).collect()
    } else if key == Some(Key::Outcome) {
        Verdict::ALL.iter().map(|word| word.as_str()).collect()
    } else {
        Vec::new()
    }
}

fn no_word(value: &str, words: Vec<&str>) -> String {
    match nearest(value, words.iter().copied()) {
        Some(similar) => format!("did you mean {similar}?"),
        None => format!("it must be one of {}", listed(words.into_iter())),
    }
}

fn listed<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

fn notices(key: Key, value: &str) -> Notices {
    let mut notices = Notices::new();
    notices.set(key, value);
    notices
}

/// Whether it is a number to the daemon.
fn is_heard(key: Key, value: &str) -> bool {
    let mut told = Told::default();
    told.hear(&notices(key, value), Mono::default());
    told.spent != Spent::default()
}

/// Runs it.
pub fn run(flags: &Flags) -> ExitCode {
    finish(tell(&all(&flags.notices)))
}

/// What goes together is told together: no question outlives its activity, and no detail its outcome.
fn all(pairs: &[Pair]) -> Notices {
    let mut notices = Notices::new();
    let has = |key| pairs.iter().any(|pair| pair.key == key);
    if has(Key::Activity) {
        notices.set(Key::Question, "");
        notices.set(Key::ActivitySource, SOURCE);
    }
    if has(Key::Outcome) {
        notices.set(Key::Detail, "");
        notices.set(Key::ResetAt, "");
        notices.set(Key::OutcomeSource, SOURCE);
    }
    for Pair { key, value } in pairs {
        notices.set(*key, value);
    }
    notices
}

fn tell(notices: &Notices) -> Result<(), Failure> {
    let Some(name) = std::env::var_os(VARIABLE).filter(|name| !name.is_empty()) else {
        let message = format!("{VARIABLE} is not set: this is for what runs as an agent of agentd, or in one");
        return Err(Failure::Other(message));
    };
    let told = Listener::at(&name).and_then(|listener| listener.deliver(&notices.encode(), HEARD_WITHIN));
    told.map_err(|error| Failure::System { what: format!("tell {}", name.display()), error })
}

/// What can be typed, for a shell: keys, and the words that they take.
pub fn complete(typed: &str) -> Vec<CompletionCandidate> {
    let candidates = Key::ALL.iter().flat_map(|key| {
        let whole = words(key.as_str()).into_iter().map(move |word| format!("{key}={word}"));
        std::iter::once(format!("{key}=")).chain(whole)
    });
    // The words of a key come once that is there.
    let depth = |text: &str| text.split_once('=').is_some_and(|(_, word)| !word.is_empty());
    let fitting = candidates.filter(|text| text.starts_with(typed) && depth(text) == typed.contains('='));
    fitting.map(CompletionCandidate::new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(texts: &[&str]) -> Result<String, String> {
        let pairs = texts.iter().map(|text| text.parse()).collect::<Result<Vec<Pair>, String>>()?;
        Ok(String::from_utf8(all(&pairs).encode()).unwrap().trim_end().replace('\n', " "))
    }

    #[test]
    fn what_goes_together_is_told_together() {
        assert_eq!(read(&["ACTIVITY=busy"]).unwrap(), "ACTIVITY=busy QUESTION= ACTIVITY_SOURCE=agentd notify");
        assert_eq!(
            read(&["QUESTION=a=b?", "ACTIVITY=waiting", "ACTIVITY_SOURCE=me"]).unwrap(),
            "ACTIVITY=waiting QUESTION=a=b? ACTIVITY_SOURCE=me"
        );
        assert_eq!(read(&["OUTCOME="]).unwrap(), "OUTCOME= DETAIL= OUTCOME_SOURCE=agentd notify RESET_AT=");
        assert_eq!(read(&["TURNS=3", "COST_USD=0.25", "TURNS="]).unwrap(), "TURNS= COST_USD=0.25");
    }

    #[test]
    fn a_mistake_is_said_with_what_was_meant() {
        for (text, says) in [
            ("activity=busy", "did you mean ACTIVITY?"),
            ("ACTIVTY=busy", "did you mean ACTIVITY?"),
            ("x=1", "there are ACTIVITY, QUESTION"),
            ("", "there is no key"),
            ("ACTIVITY", "write ACTIVITY=VALUE"),
            ("ACTIVITY=bussy", "did you mean busy?"),
            ("ACTIVITY=dancing", "one of starting, busy, idle, waiting"),
            ("OUTCOME=auth-failed", "did you mean auth_failed?"),
            ("OUTCOME=stopped", "one of succeeded, failed"),
            ("TURNS=many", "whole number"),
            ("INPUT_TOKENS=-1", "whole number"),
            ("COST_USD=1e3", "such as 0.25"),
            ("RESET_AT=soon", "seconds since 1970"),
        ] {
            let error = read(&[text]).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
        assert!(read(&[&format!("SESSION={}", "x".repeat(101))]).is_err());
        assert!(read(&[&format!("DETAIL={}", "x".repeat(3_000))]).unwrap().ends_with('…'));
    }

    #[test]
    fn words_are_completed_behind_their_key() {
        let offered = |typed: &str| -> Vec<String> {
            complete(typed).iter().map(|candidate| candidate.get_value().to_string_lossy().into_owned()).collect()
        };
        assert_eq!(offered("ACT"), ["ACTIVITY=", "ACTIVITY_SOURCE="]);
        assert_eq!(offered("ACTIVITY=").len(), Activity::ALL.len());
        assert_eq!(offered("OUTCOME=ra"), ["OUTCOME=rate_limited"]);
        assert_eq!(offered("TURNS="), [""; 0]);
    }
}
