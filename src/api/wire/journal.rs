//! The JSON of events.

use hyper::body::Bytes;
use serde::Serialize;
use utoipa::ToSchema;

use super::told::Activity;
use super::{LastEnd, StateWord, Time, to_bytes};
use crate::status::{Entry, Happening, Now};

/// One entry of the journal.
pub(in crate::api) fn entry(entry: &Entry) -> Bytes {
    let at = Time(entry.at);
    to_bytes(&match &entry.happening {
        Happening::Transition { agent, from, to, reason, end, restarts } => Event::Transition {
            at,
            agent: agent.as_str(),
            from: from.map(super::State::as_str),
            to: to.map(super::State::as_str),
            reason,
            exit: end.as_ref().map(LastEnd::of),
            restarts: *restarts,
        },
        Happening::Activity { agent, activity } => {
            let activity = activity.as_ref().map(Activity::of);
            Event::Activity { at, agent: agent.as_str(), activity }
        }
        Happening::Stall { agent, since, reason } => {
            Event::Stall { at, agent: agent.as_str(), since: since.map(Time), reason }
        }
        Happening::ConfigLoaded { agents } => Event::ConfigLoaded { at, agents: *agents },
        Happening::ConfigRefused { message } => Event::ConfigError { at, message },
        Happening::Stopping => Event::Stopping { at },
    })
}

/// Entries can't be told any more: so many, or nobody knows how many.
pub(in crate::api) fn missed(count: Option<u64>, now: Now) -> Bytes {
    to_bytes(&Event::Missed { at: Time(now.wall), count })
}

/// What happened: `type` says which of the other fields to expect.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Event<'a> {
    /// An agent changed its state.
    Transition {
        at: Time,
        agent: &'a str,
        /// Null for an agent that is new.
        #[schema(value_type = Option<StateWord>)]
        from: Option<&'static str>,
        /// Null for an agent that is gone.
        #[schema(value_type = Option<StateWord>)]
        to: Option<&'static str>,
        /// Why, in a few words.
        reason: &'a str,
        /// How its run ended, if this is what came of that.
        #[serde(skip_serializing_if = "Option::is_none")]
        exit: Option<LastEnd>,
        restarts: u32,
    },
    /// A running agent does something else, by its harness's account.
    Activity {
        at: Time,
        agent: &'a str,
        /// Null if nobody can tell any more.
        activity: Option<Activity<'a>>,
    },
    /// An agent with a policy for that gives no sign of life, or does again; or something is done about it.
    Stall {
        at: Time,
        agent: &'a str,
        /// Since when; null if it gives signs of life.
        since: Option<Time>,
        /// What is done about it, in a few words.
        reason: &'a str,
    },
    /// A configuration was taken.
    ConfigLoaded {
        at: Time,
        /// How many agents it declares.
        agents: usize,
    },
    /// A configuration was not taken; the one before stays in force.
    ConfigError {
        at: Time,
        /// The report, several lines.
        message: &'a str,
    },
    /// The daemon ends and stops its agents.
    Stopping { at: Time },
    /// Some events can't be told any more.
    Missed {
        at: Time,
        /// How many; null if they were an earlier daemon's.
        count: Option<u64>,
    },
}
