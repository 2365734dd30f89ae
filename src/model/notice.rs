//! What an agent's own harness tells of its run: a notice, one datagram of lines `KEY=VALUE` on the socket that
//! `AGENTD_NOTIFY_SOCKET` names, as services do with sd_notify(3).
//!
//! Any program that the agent runs can send one. So nothing here trusts a sender: what can't be read is passed over, every
//! value is one line without anything that a terminal would obey, and each has a length that it can't exceed.

use std::collections::BTreeMap;
use std::fmt;

/// Declares an enum of words, with all of them and the two ways between a word and its text.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$of])* $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// As it is written in a notice.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// From what is written in a notice, if it is one of these.
            pub fn of(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text)
            }
        }
    };
}

words! {
    /// What can be told.
    Key {
        /// One of [`Activity`].
        Activity = "ACTIVITY",
        /// What it waits on, as a person would be asked.
        Question = "QUESTION",
        /// How the activity is known.
        ActivitySource = "ACTIVITY_SOURCE",
        /// One of [`Verdict`].
        Outcome = "OUTCOME",
        /// The harness's own words for the outcome.
        Detail = "DETAIL",
        /// How the outcome is known.
        OutcomeSource = "OUTCOME_SOURCE",
        /// When a rate limit ends, in seconds since the Unix epoch.
        ResetAt = "RESET_AT",
        /// The harness's session or thread.
        Session = "SESSION",
        /// How many turns it took.
        Turns = "TURNS",
        /// What the run cost, in US dollars, as the harness says.
        CostUsd = "COST_USD",
        /// Tokens sent to the model, without those that a cache had.
        InputTokens = "INPUT_TOKENS",
        /// Tokens that came from the model.
        OutputTokens = "OUTPUT_TOKENS",
        /// Tokens sent to the model that its cache had.
        CacheReadTokens = "CACHE_READ_TOKENS",
        /// Tokens that were put into the model's cache.
        CacheWriteTokens = "CACHE_WRITE_TOKENS",
    }
}

words! {
    /// What a harness is doing, by its own account.
    Activity {
        /// It can't take a prompt yet.
        Starting = "starting",
        /// It works.
        Busy = "busy",
        /// It has nothing to do.
        Idle = "idle",
        /// It goes no further before somebody answers.
        Waiting = "waiting",
    }
}

words! {
    /// How a run or its last turn ended, by the harness's own account.
    Verdict {
        /// It did what it was asked.
        Succeeded = "succeeded",
        /// It did not.
        Failed = "failed",
        /// Somebody stopped it.
        Interrupted = "interrupted",
        /// A tool that it wanted to use was refused.
        PermissionDenied = "permission_denied",
        /// The model's provider doesn't accept its key or its account.
        AuthFailed = "auth_failed",
        /// The model's provider wants it to come back later.
        RateLimited = "rate_limited",
        /// It used up what it was allowed to: turns, money, or the account's credit.
        OverBudget = "over_budget",
    }
}

impl Key {
    /// Whether its value is text for people, which may be shortened. Half a number or half a name is wrong instead.
    fn is_text(self) -> bool {
        matches!(self, Self::Question | Self::ActivitySource | Self::Detail | Self::OutcomeSource)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What was told: for each key one value, which is empty where what was told before is taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notices(BTreeMap<Key, String>);

impl Notices {
    /// The most that one datagram has, in bytes.
    pub const MAX_DATAGRAM: usize = 2048;

    /// The most that a text has, in bytes.
    pub const MAX_TEXT: usize = 500;

    /// The most that any other value has, in bytes. All keys with values of this length and short texts fit a datagram.
    const MAX_WORD: usize = 100;

    /// Nothing is told.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells this, in place of what was told under this key. A text that is too long is shortened; any other value that is
    /// too long is not taken.
    pub fn set(&mut self, key: Key, value: &str) {
        let value = one_line(value, Self::MAX_TEXT);
        if key.is_text() || value.len() <= Self::MAX_WORD {
            self.0.insert(key, value);
        }
    }

    /// What is told under this key: empty where it is taken back, and nothing where it isn't spoken of.
    pub fn get(&self, key: Key) -> Option<&str> {
        self.0.get(&key).map(String::as_str)
    }

    /// What is told, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &str)> {
        self.0.iter().map(|(key, value)| (*key, value.as_str()))
    }

    /// Whether nothing is told.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes in what was told later: of each key the newest value is left.
    pub fn update(&mut self, later: Self) {
        self.0.extend(later.0);
    }

    /// What it does, with what it waits on and how that is known. The three go together: none outlives the others.
    pub fn activity(&mut self, activity: Activity, question: &str, source: &str) {
        self.set(Key::Activity, activity.as_str());
        self.set(Key::Question, question);
        self.set(Key::ActivitySource, source);
    }

    /// How it ended, in the harness's words, when a rate limit ends, and how that is known.
    pub fn outcome(&mut self, verdict: Verdict, detail: &str, reset_at: Option<u64>, source: &str) {
        self.set(Key::Outcome, verdict.as_str());
        self.set(Key::Detail, detail);
        self.set(Key::ResetAt, &reset_at.map(|at| at.to_string()).unwrap_or_default());
        self.set(Key::OutcomeSource, source);
    }

    /// A new turn has begun: how the last one ended is of no account.
    pub fn no_outcome(&mut self) {
        for key in [Key::Outcome, Key::Detail, Key::ResetAt, Key::OutcomeSource] {
            self.set(key, "");
        }
    }

    /// The datagram, of at most [`Self::MAX_DATAGRAM`] bytes: the texts become shorter until it is.
    pub fn encode(&self) -> Vec<u8> {
        let mut most = Self::MAX_TEXT;
        loop {
            let mut datagram = Vec::new();
            for (key, value) in &self.0 {
                let value = if value.len() > most && key.is_text() { &one_line(value, most) } else { value };
                datagram.extend([key.as_str().as_bytes(), b"=", value.as_bytes(), b"\n"].concat());
            }
            if datagram.len() <= Self::MAX_DATAGRAM || most == 0 {
                return datagram;
            }
            most /= 2;
        }
    }

    /// What a datagram tells. Lines that aren't `KEY=VALUE` with a known key are passed over; of a key that is there twice,
    /// the last value counts.
    pub fn parse(datagram: &[u8]) -> Self {
        let mut notices = Self::new();
        for line in datagram.split(|byte| *byte == b'\n') {
            let mut parts = line.splitn(2, |byte| *byte == b'=');
            let key = parts.next().and_then(|key| std::str::from_utf8(key).ok()).and_then(Key::of);
            if let (Some(key), Some(value)) = (key, parts.next()) {
                // What is cut off here is beyond what a value can have.
                let value = &value[..value.len().min(Self::MAX_DATAGRAM)];
                notices.set(key, &String::from_utf8_lossy(value));
            }
        }
        notices
    }
}

/// Where a text was cut.
const CUT: &str = "…";

/// A text as one line of at most so many bytes, without what a terminal would obey: white space is one space each, and
/// the text ends in `…` where it was cut.
fn one_line(text: &str, most: usize) -> String {
    let mut line = String::new();
    let mut space = false;
    for c in text.chars().filter(|c| !is_gone(*c)) {
        if c.is_whitespace() {
            space = !line.is_empty();
            continue;
        }
        if std::mem::take(&mut space) {
            line.push(' ');
        }
        line.push(c);
        if line.len() > most {
            let room = most.saturating_sub(CUT.len());
            let end = (0..=room).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
            line.truncate(line[..end].trim_end().len());
            line.push_str(CUT);
            break;
        }
    }
    line
}

fn is_gone(c: char) -> bool {
    // The last ones are invisible and turn the direction of what follows.
    (c.is_control() && !c.is_whitespace())
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        assert!(Key::ALL.iter().all(|key| Key::of(key.as_str()) == Some(*key)));
        assert!(Activity::ALL.iter().all(|word| Activity::of(word.as_str()) == Some(*word)));
        assert!(Verdict::ALL.iter().all(|word| Verdict::of(word.as_str()) == Some(*word)));
        assert_eq!(Key::of("activity"), None);
        assert_eq!(Activity::of(""), None);
    }

    #[test]
    fn a_datagram_is_lines_and_what_is_none_of_ours_is_passed_over() {
        let text =
            b"\nWHAT=x\nACTIVITY=busy\nSESSION\nDETAIL=a=b\nSESSION=1\nSESSION=2\n=\n\xff=\nQUESTION=\nTURNS=\xff";
        let notices = Notices::parse(text);
        let told: Vec<_> = notices.iter().collect();
        assert_eq!(
            told,
            [
                (Key::Activity, "busy"),
                (Key::Question, ""),
                (Key::Detail, "a=b"),
                (Key::Session, "2"),
                (Key::Turns, "\u{fffd}")
            ]
        );
        assert_eq!(
            String::from_utf8(notices.encode()).unwrap(),
            "ACTIVITY=busy\nQUESTION=\nDETAIL=a=b\nSESSION=2\nTURNS=\u{fffd}\n"
        );
    }

    #[test]
    fn a_value_is_one_line_that_no_terminal_obeys() {
        let mut notices = Notices::new();
        notices.set(Key::Detail, " \u{1b}[31mred\r\n\n\tand \u{202e}more\u{9b}2J\0 ");
        assert_eq!(notices.get(Key::Detail), Some("[31mred and more2J"));
        notices.set(Key::Detail, "\n\u{7}\n");
        assert_eq!(notices.get(Key::Detail), Some(""));
    }

    #[test]
    fn texts_are_shortened_and_half_a_number_is_none() {
        let mut notices = Notices::new();
        notices.set(Key::Detail, &"ä".repeat(400));
        assert_eq!(notices.get(Key::Detail), Some(&*format!("{}…", "ä".repeat(248))));
        notices.set(Key::Session, &"1".repeat(100));
        notices.set(Key::Turns, &"1".repeat(101));
        assert_eq!(notices.get(Key::Session).map(str::len), Some(100));
        assert_eq!(notices.get(Key::Turns), None);
    }

    #[test]
    fn the_largest_notices_fit_a_datagram() {
        let mut notices = Notices::new();
        for key in Key::ALL {
            notices.set(*key, &"x".repeat(if key.is_text() { 5000 } else { Notices::MAX_WORD }));
        }
        let back = Notices::parse(&notices.encode());
        assert_eq!(back.iter().count(), Key::ALL.len());
        assert_eq!(back.get(Key::Session), notices.get(Key::Session));
        assert!(back.get(Key::Detail).unwrap().len() >= 120);
        // Alone, each is told in full.
        notices = Notices::new();
        notices.set(Key::Question, &"y".repeat(500));
        assert_eq!(Notices::parse(&notices.encode()), notices);
    }

    #[test]
    fn what_belongs_together_is_told_together() {
        let mut notices = Notices::new();
        notices.activity(Activity::Waiting, "May I?", "hook Notification");
        notices.outcome(Verdict::RateLimited, "later", Some(12), "stream result");
        let mut later = Notices::new();
        later.activity(Activity::Busy, "", "hook PreToolUse");
        later.no_outcome();
        assert_eq!(later.iter().count(), 7);
        notices.update(later);
        assert_eq!(notices.get(Key::Question), Some(""));
        assert_eq!(notices.get(Key::ResetAt), Some(""));
        assert_eq!(notices.get(Key::ActivitySource), Some("hook PreToolUse"));
    }

    fn notices() -> impl Strategy<Value = Notices> {
        let key = (0..Key::ALL.len()).prop_map(|at| Key::ALL[at]);
        let value = prop_oneof!["\\PC{0,20}", ".{0,600}", any::<Vec<char>>().prop_map(|c| c.into_iter().collect())];
        prop::collection::vec((key, value), 0..20).prop_map(|told| {
            let mut notices = Notices::new();
            for (key, value) in told {
                notices.set(key, &value);
            }
            notices
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_told_is_heard(notices in notices()) {
            let datagram = notices.encode();
            prop_assert!(datagram.len() <= Notices::MAX_DATAGRAM);
            let heard = Notices::parse(&datagram);
            prop_assert_eq!(heard.encode(), datagram);
            let mut told = notices.iter();
            for (key, value) in heard.iter() {
                let (told_key, told) = told.next().unwrap();
                prop_assert_eq!(key, told_key);
                let cut = value.strip_suffix(CUT).is_some_and(|begin| key.is_text() && told.starts_with(begin));
                prop_assert!(value == told || cut, "{:?} became {:?}", told, value);
            }
            prop_assert!(told.next().is_none());
        }

        #[test]
        fn whatever_comes_is_bounded(datagram: Vec<u8>, lines in "((ACTIVITY|DETAIL|TURNS|X)?=?.{0,700}\n?){0,9}") {
            for datagram in [datagram, lines.into_bytes()] {
                for (_, value) in Notices::parse(&datagram).iter() {
                    prop_assert!(value.len() <= Notices::MAX_TEXT);
                    prop_assert!(!value.contains(char::is_control));
                }
            }
        }
    }
}
