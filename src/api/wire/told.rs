//! The JSON of what a harness tells of its agent.

use serde::Serialize;
use utoipa::ToSchema;

use super::Time;
use crate::status::{ActivityStatus, AgentStatus, End, Spent};

/// What an agent does, by the best account there is.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct Activity<'a> {
    #[schema(value_type = ActivityWord)]
    state: &'static str,
    since: Time,
    /// What told it: an event of the harness's; `terminal`, where only the pane's output was to be seen; `title`, where
    /// the harness says it in its terminal's; or `screen`, where an agent that told it was busy or waiting stands still at its
    /// prompt.
    source: &'a str,
    /// What it waits on, in the words in which a person is asked.
    #[serde(skip_serializing_if = "str::is_empty")]
    question: &'a str,
}

impl<'a> Activity<'a> {
    pub(super) fn of(status: &'a ActivityStatus) -> Self {
        let ActivityStatus { activity, since, source, question } = status;
        Self { state: activity.as_str(), since: Time(*since), source, question }
    }
}

/// What an agent does, as words.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "for the description only")]
pub(in crate::api) enum ActivityWord {
    Starting,
    Busy,
    Idle,
    Waiting,
}

/// What came of a run, and how that is known.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct Outcome {
    #[serde(rename = "outcome")]
    #[schema(value_type = OutcomeWord)]
    word: &'static str,
    /// What told it: an event of the harness's, `exit` for the process's own end, or `agentd`.
    #[serde(skip_serializing_if = "String::is_empty")]
    source: String,
    /// The harness's own words.
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
    /// When a rate limit ends, if that was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    reset_at: Option<Time>,
}

impl Outcome {
    pub(super) fn of(end: &End) -> Self {
        let evidence = end.evidence.clone();
        Self {
            word: end.outcome.as_str(),
            source: evidence.source,
            detail: evidence.detail,
            reset_at: evidence.reset_at.map(Time),
        }
    }
}

/// What came of a run, as words.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "for the description only")]
pub(in crate::api) enum OutcomeWord {
    Succeeded,
    Failed,
    Interrupted,
    PermissionDenied,
    AuthFailed,
    RateLimited,
    OverBudget,
    StartFailed,
    TimedOut,
    Stopped,
}

/// What an agent used of its model, by its harness's own account.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct ModelUsage {
    /// In the newest run.
    run: Amounts,
    /// In all runs, also of earlier declarations, for as long as the agent is declared.
    total: Amounts,
}

impl ModelUsage {
    /// None if nothing was told.
    pub(super) fn of(status: &AgentStatus) -> Option<Self> {
        let is_known = status.spent_total != Spent::default();
        is_known.then(|| Self { run: Amounts::of(status.spent), total: Amounts::of(status.spent_total) })
    }
}

/// What isn't told is left out.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct Amounts {
    #[serde(skip_serializing_if = "Option::is_none")]
    turns: Option<u64>,
    /// US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_usd: Option<f64>,
    /// Sent, without those that a cache had.
    #[serde(skip_serializing_if = "Option::is_none")]
    input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_read_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_tokens: Option<u64>,
}

impl Amounts {
    fn of(spent: Spent) -> Self {
        let Spent { turns, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, .. } = spent;
        let cost_usd = spent.dollars();
        Self { turns, cost_usd, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens }
    }
}
