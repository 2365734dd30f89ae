//! What was told of a run so far, so that only what is new is told.

use super::Said;
use super::page::Page;
use super::words::without_keys;
use crate::model::{Activity, Key, Notices, Verdict};

/// What a run has used, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Usage {
    pub(super) turns: Option<u64>,
    /// In US dollars.
    pub(super) cost: Option<f64>,
    /// Tokens, without those that a cache had or took.
    pub(super) input: Option<u64>,
    pub(super) output: Option<u64>,
    pub(super) cache_read: Option<u64>,
    pub(super) cache_write: Option<u64>,
}

/// What is told of a run, and shown of it.
#[derive(Default)]
pub(super) struct Told {
    /// For people.
    pub(super) page: Page,
    notices: Notices,
    session: String,
    is_busy: bool,
    is_waiting: bool,
    has_outcome: bool,
}

impl Told {
    /// The harness's session.
    pub(super) fn session(&mut self, session: &str) {
        if !session.is_empty() && self.session != session {
            session.clone_into(&mut self.session);
            self.notices.set(Key::Session, session);
        }
    }

    /// It works. If it had ended before, that was a turn, and this is the next one.
    pub(super) fn busy(&mut self, source: &str) {
        if !std::mem::replace(&mut self.is_busy, true) {
            self.notices.activity(Activity::Busy, "", source);
        }
        if std::mem::take(&mut self.has_outcome) {
            self.notices.no_outcome();
        }
    }

    /// It has come to an end, and has nothing to do.
    pub(super) fn end(&mut self, verdict: Verdict, detail: &str, reset_at: Option<u64>, source: &str) {
        self.is_busy = false;
        self.notices.activity(Activity::Idle, "", source);
        self.has_outcome = true;
        self.notices.outcome(verdict, &without_keys(detail), reset_at, source);
    }

    /// A turn has come to its end, in which this tool, if any, was refused.
    pub(super) fn done(&mut self, refused: Option<&str>, source: &str) {
        match refused {
            Some(tool) => self.end(Verdict::PermissionDenied, &format!("refused: {tool}"), None, source),
            None => self.end(Verdict::Succeeded, "", None, source),
        }
    }

    /// It goes no further before somebody answers.
    pub(super) fn waits(&mut self, question: &str, source: &str) {
        self.is_waiting = true;
        self.notices.activity(Activity::Waiting, question, source);
    }

    /// It goes on, if it waited.
    pub(super) fn answered(&mut self, source: &str) {
        if std::mem::take(&mut self.is_waiting) {
            self.notices.activity(Activity::Busy, "", source);
        }
    }

    /// It has nothing to do, and what came of it isn't known.
    pub(super) fn rests(&mut self, source: &str) {
        if std::mem::take(&mut self.is_busy) {
            self.notices.activity(Activity::Idle, "", source);
        }
    }

    /// Whether it works, as far as it has said.
    pub(super) fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// What it has used so far, and nothing of what isn't known.
    pub(super) fn usage(&mut self, usage: &Usage) {
        let numbers = [
            (Key::Turns, usage.turns),
            (Key::InputTokens, usage.input),
            (Key::OutputTokens, usage.output),
            (Key::CacheReadTokens, usage.cache_read),
            (Key::CacheWriteTokens, usage.cache_write),
        ];
        for (key, number) in numbers {
            if let Some(number) = number {
                self.notices.set(key, &number.to_string());
            }
        }
        if let Some(cost) = usage.cost.filter(|cost| cost.is_finite() && *cost >= 0.0) {
            // Sums of decimal fractions have digits that nobody meant.
            let cost = format!("{cost:.9}");
            self.notices.set(Key::CostUsd, cost.trim_end_matches('0').trim_end_matches('.'));
        }
    }

    /// The same, at an end, where people are shown what it took.
    pub(super) fn bill(&mut self, usage: &Usage) {
        self.usage(usage);
        self.page.bill(usage);
    }

    /// What is new since it was last taken.
    pub(super) fn take(&mut self) -> Said {
        Said { notices: std::mem::take(&mut self.notices), text: self.page.take() }
    }
}
