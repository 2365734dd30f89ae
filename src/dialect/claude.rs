//! `claude -p --output-format stream-json --verbose`.
//!
//! Its result is a field of its own, but not one field: an answer of the provider's that is an error comes as a success
//! with `is_error`, and a refused tool as a success with `permission_denials`. Why a message of the model's is none, the
//! message tells by its `error`.

use serde_json::Value;

use super::messages::{Messages, refused};
use super::read::{is_true, list, number, text};
use super::told::{Told, Usage};
use super::{Moment, Speech, reset, words};
use crate::model::Verdict;

/// What claude has said.
#[derive(Default)]
pub(super) struct Claude {
    messages: Messages,
    /// Why the last message is an error, in claude's own terms.
    error: String,
    /// When the limit ends that the account is at.
    reset_at: Option<u64>,
    turns: u64,
}

impl Speech for Claude {
    fn hear(&mut self, event: &Value, now: Moment, told: &mut Told) {
        if !is_unknown(event) {
            told.session(text(event, "/session_id"));
        }
        match text(event, "/type") {
            "system" => match text(event, "/subtype") {
                "init" => told.busy("stream init"),
                "api_retry" => told.page.say(&retry(event)),
                _ => {}
            },
            "assistant" => {
                text(event, "/error").clone_into(&mut self.error);
                self.messages.assistant(event, told);
            }
            "user" => Messages::user(event, told),
            "rate_limit_event" => {
                let is_rejected = text(event, "/rate_limit_info/status") == "rejected";
                let resets_at = number(event, "/rate_limit_info/resetsAt").filter(|_| is_rejected);
                self.reset_at = resets_at.and_then(|at| reset::of_time(at, now));
            }
            "result" => self.result(event, now, told),
            _ => {}
        }
    }
}

impl Claude {
    fn result(&mut self, event: &Value, now: Moment, told: &mut Told) {
        let result = text(event, "/result");
        let words =
            match list(event, "/errors").iter().filter_map(Value::as_str).find(|words| !is_for_developers(words)) {
                Some(words) => words,
                None if result.is_empty() => text(event, "/terminal_reason"),
                None => result,
            };
        let verdict = self.verdict(event);
        self.messages.say_once(if verdict == Verdict::Interrupted { "" } else { words_of(result, words) }, told);
        if verdict == Verdict::Succeeded {
            told.done(refused(event).as_deref(), "stream result");
        } else {
            let reset_at = reset::of_limit(verdict, self.reset_at, words, now);
            told.end(verdict, words, reset_at, "stream result");
        }
        // Each result counts the turns since the one before, and the rest from the beginning.
        self.turns = self.turns.saturating_add(number(event, "/num_turns").unwrap_or_default());
        told.bill(&Usage { turns: (self.turns > 0).then_some(self.turns), ..usage(event) });
    }

    fn verdict(&self, event: &Value) -> Verdict {
        match text(event, "/subtype") {
            "error_max_turns" | "error_max_budget_usd" => return Verdict::OverBudget,
            _ => {}
        }
        if matches!(text(event, "/terminal_reason"), "aborted_streaming" | "aborted_tools") {
            return Verdict::Interrupted;
        }
        if text(event, "/subtype") == "success" && !is_true(event, "/is_error") {
            return Verdict::Succeeded;
        }
        let status = number(event, "/api_error_status").and_then(words::of_status);
        let answer = status.or_else(|| words::of_type(text(event, "/api_error_type")));
        of_error(&self.error).or(answer).unwrap_or(Verdict::Failed)
    }
}

/// Whether it was to go on with a conversation that there isn't; then it calls its session like that one.
fn is_unknown(event: &Value) -> bool {
    list(event, "/errors").iter().filter_map(Value::as_str).any(|words| words.starts_with("No conversation found"))
}

/// What claude's own term for an error means, in messages and in what it hands to hooks.
pub(super) fn of_error(error: &str) -> Option<Verdict> {
    match error {
        "authentication_failed"
        | "oauth_org_not_allowed"
        | "account_on_hold"
        | "verification_required"
        | "cloud_credential_error" => Some(Verdict::AuthFailed),
        "billing_error" => Some(Verdict::OverBudget),
        "rate_limit" => Some(Verdict::RateLimited),
        _ => None,
    }
}

/// The result's text, or what else there is to say.
fn words_of<'a>(result: &'a str, words: &'a str) -> &'a str {
    if result.is_empty() { words } else { result }
}

/// What goes into `errors` beside the words for people.
fn is_for_developers(words: &str) -> bool {
    words.starts_with("[ede_diagnostic]")
}

/// That it asks its provider again.
fn retry(event: &Value) -> String {
    let status = number(event, "/error_status").map(|status| format!(" ({status})")).unwrap_or_default();
    let delay = number(event, "/retry_delay_ms").unwrap_or_default();
    let (attempt, most) =
        (number(event, "/attempt").unwrap_or_default(), number(event, "/max_retries").unwrap_or_default());
    let error = text(event, "/error");
    format!("{error}{status}: asks again in {}.{} s ({attempt} of {most})", delay / 1000, delay % 1000 / 100)
}

/// What the whole run has used. `usage` is that of the last turn alone, if anything.
fn usage(event: &Value) -> Usage {
    let models: Vec<&Value> =
        event.get("modelUsage").and_then(Value::as_object).into_iter().flat_map(|m| m.values()).collect();
    let sum = |of_model: &str, of_turn: &str| {
        if models.is_empty() {
            return number(event, of_turn);
        }
        Some(models.iter().filter_map(|model| number(model, of_model)).fold(0, u64::saturating_add))
    };
    Usage {
        turns: None,
        cost: event.get("total_cost_usd").and_then(Value::as_f64),
        input: sum("/inputTokens", "/usage/input_tokens"),
        output: sum("/outputTokens", "/usage/output_tokens"),
        cache_read: sum("/cacheReadInputTokens", "/usage/cache_read_input_tokens"),
        cache_write: sum("/cacheCreationInputTokens", "/usage/cache_creation_input_tokens"),
    }
}
