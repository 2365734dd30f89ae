//! What came of a run: not how its process ended, but whether it did what it was for.

use std::fmt;

use super::{Ending, Now, Verdict, Wall};

/// What came of a run, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It did what it was for.
    Succeeded,
    /// It did not.
    Failed,
    /// Somebody interrupted it: not agentd.
    Interrupted,
    /// A tool that it wanted to use was refused.
    PermissionDenied,
    /// Its provider doesn't accept its key or its account.
    AuthFailed,
    /// Its provider wants it to come back later.
    RateLimited,
    /// It used up what it was allowed to: turns, money, or the account's credit.
    OverBudget,
    /// It never ran, or had not begun to work when agentd stopped it for that.
    StartFailed,
    /// agentd stopped it at the end of its timeout.
    TimedOut,
    /// agentd stopped it, as it is declared differently or no longer.
    Stopped,
}

impl Outcome {
    /// All of them, from good to bad to ours.
    pub const ALL: [Self; 10] = [
        Self::Succeeded,
        Self::Failed,
        Self::Interrupted,
        Self::PermissionDenied,
        Self::AuthFailed,
        Self::RateLimited,
        Self::OverBudget,
        Self::StartFailed,
        Self::TimedOut,
        Self::Stopped,
    ];

    /// The word for it in the API and in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::PermissionDenied => "permission_denied",
            Self::AuthFailed => "auth_failed",
            Self::RateLimited => "rate_limited",
            Self::OverBudget => "over_budget",
            Self::StartFailed => "start_failed",
            Self::TimedOut => "timed_out",
            Self::Stopped => "stopped",
        }
    }

    /// The one of this word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Succeeded => Self::Succeeded,
            Verdict::Failed => Self::Failed,
            Verdict::Interrupted => Self::Interrupted,
            Verdict::PermissionDenied => Self::PermissionDenied,
            Verdict::AuthFailed => Self::AuthFailed,
            Verdict::RateLimited => Self::RateLimited,
            Verdict::OverBudget => Self::OverBudget,
        }
    }
}

/// What an outcome is taken from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// What told it: an event of the harness's, or `exit`.
    pub source: String,
    /// The harness's own words; may be empty.
    pub detail: String,
    /// When a rate limit ends, if that was told.
    pub reset_at: Option<Wall>,
}

impl Evidence {
    /// The source of what agentd did itself.
    pub const OURS: &str = "agentd";

    /// The source of what agentd takes from the end of the process; what it goes by besides may follow.
    pub const EXIT: &str = "exit";
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// How its process ended.
    pub ending: Ending,
    /// What came of it.
    pub outcome: Outcome,
    /// How that is known.
    pub evidence: Evidence,
    /// When.
    pub at: Now,
}

impl End {
    /// One of which nothing is known but how the process ended.
    pub fn bare(ending: Ending, at: Now) -> Self {
        let outcome = if ending.is_success() { Outcome::Succeeded } else { Outcome::Failed };
        Self { ending, outcome, evidence: Evidence::default(), at }
    }

    /// Whether agentd stopped it because it gave no sign of life: nothing else that agentd does is a failure of the agent's.
    pub fn is_stall(&self) -> bool {
        self.outcome == Outcome::Failed && self.evidence.source == Evidence::OURS
    }

    /// Whether it did what it was for.
    pub fn is_success(&self) -> bool {
        self.outcome == Outcome::Succeeded
    }
}

/// How it ended, and what of its outcome that doesn't say.
impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ending.fmt(f)?;
        match self.outcome {
            Outcome::StartFailed if !matches!(self.ending, Ending::NotStarted(_)) => {
                f.write_str("; it had not begun to work")?;
            }
            Outcome::Succeeded | Outcome::StartFailed | Outcome::TimedOut | Outcome::Stopped => return Ok(()),
            Outcome::Failed if self.is_stall() => f.write_str("; agentd stopped it")?,
            Outcome::Failed if self.ending.is_success() => f.write_str(", and yet it failed")?,
            Outcome::Interrupted if self.ending.is_success() => f.write_str(", but it was interrupted")?,
            Outcome::Failed | Outcome::Interrupted => {}
            Outcome::PermissionDenied => f.write_str("; a tool that it wanted to use was refused")?,
            Outcome::AuthFailed => f.write_str("; its provider doesn't accept its key or account")?,
            Outcome::RateLimited => f.write_str("; its provider limits its rate")?,
            Outcome::OverBudget => f.write_str("; it used up what it was allowed to")?,
        }
        if self.evidence.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.evidence.detail) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::Exit;

    #[test]
    fn words_are_read_as_they_are_written() {
        assert!(Outcome::ALL.into_iter().all(|outcome| Outcome::of(outcome.as_str()) == Some(outcome)));
        assert_eq!(Outcome::of("fine"), None);
    }

    #[test]
    fn an_end_reads_well() {
        let read = |code, outcome, detail: &str| {
            let ending = Ending::Exited { exit: Exit::Code(code), cpu: Duration::ZERO, max_rss_kib: 0 };
            let evidence = Evidence { detail: detail.to_owned(), ..Evidence::default() };
            End { ending, outcome, evidence, at: Now::default() }.to_string()
        };
        assert_eq!(read(0, Outcome::Succeeded, "fine"), "exited with status 0");
        assert_eq!(read(1, Outcome::Failed, ""), "exited with status 1");
        assert_eq!(read(1, Outcome::Failed, "no model"), "exited with status 1: no model");
        assert_eq!(read(0, Outcome::Failed, ""), "exited with status 0, and yet it failed");
        assert_eq!(read(0, Outcome::Interrupted, ""), "exited with status 0, but it was interrupted");
        assert_eq!(read(130, Outcome::Interrupted, ""), "exited with status 130");
        assert_eq!(
            read(1, Outcome::AuthFailed, "invalid x-api-key"),
            "exited with status 1; its provider doesn't accept its key or account: invalid x-api-key"
        );
        assert_eq!(
            read(0, Outcome::PermissionDenied, ""),
            "exited with status 0; a tool that it wanted to use was refused"
        );
        assert_eq!(read(1, Outcome::Stopped, "x"), "exited with status 1");
    }
}
