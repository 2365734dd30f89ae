//! What an agent's harness tells of it, in a word: what it does, or what came of it.

use super::client::types::{Agent, Exit};
use super::table::Tone;

/// A word about an agent, where its state and its exit say less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told<'a> {
    /// An activity or an outcome.
    pub word: &'a str,
    /// Since when it does that, RFC 3339; an end has a time of its own.
    pub since: Option<&'a str>,
    /// What it means.
    pub tone: Tone,
}

/// What it does, if its harness tells; if it has ended, what came of that.
pub fn of(agent: &Agent) -> Option<Told<'_>> {
    if let Some(activity) = &agent.activity {
        let tone = of_activity(&activity.state);
        return Some(Told { word: &activity.state, since: Some(&activity.since), tone });
    }
    // What came of an earlier run says nothing of one that goes on, or is about to.
    if agent.running || matches!(agent.state.as_str(), "pending" | "starting" | "stopping") {
        return None;
    }
    let word = outcome(agent.exit.as_ref()?)?;
    Some(Told { word, since: None, tone: of_outcome(word) })
}

/// What a waiting agent asks; empty if it doesn't say.
pub fn question(agent: &Agent) -> Option<&str> {
    let activity = agent.activity.as_ref().filter(|activity| activity.state == "waiting")?;
    Some(&activity.question)
}

/// Whether it goes no further before somebody answers.
pub fn is_waiting(agent: &Agent) -> bool {
    question(agent).is_some()
}

/// What came of a run, unless that is what its exit says.
pub fn outcome(exit: &Exit) -> Option<&str> {
    let word = exit.outcome.as_deref()?;
    let is_good_exit = exit.code == Some(0);
    match word {
        "succeeded" | "start_failed" | "timed_out" | "stopped" => None,
        "failed" | "interrupted" => is_good_exit.then_some(word),
        // Also those that a newer daemon knows.
        _ => Some(word),
    }
}

/// The tone of what an agent does.
pub fn of_activity(word: &str) -> Tone {
    match word {
        "waiting" => Tone::Warning,
        "busy" => Tone::Good,
        "starting" => Tone::Moving,
        "idle" => Tone::Quiet,
        _ => Tone::Normal,
    }
}

/// The tone of what came of a run.
pub fn of_outcome(word: &str) -> Tone {
    match word {
        "succeeded" => Tone::Good,
        "stopped" => Tone::Quiet,
        "rate_limited" | "interrupted" => Tone::Warning,
        _ => Tone::Bad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::client::types::Activity;

    fn ended(outcome: &str, code: u8) -> Agent {
        let exit = Exit { kind: "exited".into(), code: Some(code), outcome: Some(outcome.into()), ..Exit::default() };
        Agent { state: "failed".into(), exit: Some(exit), ..Agent::default() }
    }

    fn word(agent: &Agent) -> Option<&str> {
        of(agent).map(|told| told.word)
    }

    #[test]
    fn an_outcome_is_a_word_where_it_says_more_than_the_exit() {
        for silent in [ended("succeeded", 0), ended("failed", 1), ended("interrupted", 130), ended("timed_out", 1)] {
            assert_eq!(word(&silent), None, "{silent:?}");
        }
        for outcome in ["auth_failed", "rate_limited", "permission_denied", "over_budget", "from_the_future"] {
            assert_eq!(word(&ended(outcome, 1)), Some(outcome));
        }
        assert_eq!(word(&ended("interrupted", 0)), Some("interrupted"));
        assert_eq!(word(&ended("failed", 0)), Some("failed"));
        assert_eq!(word(&Agent::default()), None);
    }

    #[test]
    fn what_goes_on_is_told_by_its_activity_alone() {
        let running = Agent { state: "running".into(), running: true, ..ended("auth_failed", 1) };
        assert_eq!(word(&running), None);
        let activity = Activity { state: "waiting".into(), question: "May I?".into(), ..Activity::default() };
        let waiting = Agent { activity: Some(activity), ..running };
        assert_eq!((word(&waiting), question(&waiting)), (Some("waiting"), Some("May I?")));
    }
}
