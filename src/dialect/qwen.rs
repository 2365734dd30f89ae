//! `qwen --output-format stream-json`, whose events are in the form of claude's.
//!
//! An answer of the provider's that is an error comes as a success without any sign of it but the words: the whole result
//! is `[API Error: …]` then, and qwen exits with status 0.

use serde_json::Value;

use super::messages::{Messages, refused};
use super::read::{is_true, number, text};
use super::told::{Told, Usage};
use super::{Moment, Speech, reset, words};
use crate::model::Verdict;

/// What qwen has said.
#[derive(Default)]
pub(super) struct Qwen {
    messages: Messages,
}

impl Speech for Qwen {
    fn hear(&mut self, event: &Value, now: Moment, told: &mut Told) {
        told.session(text(event, "/session_id"));
        match text(event, "/type") {
            "system" if text(event, "/subtype") == "init" => told.busy("stream init"),
            "assistant" => self.messages.assistant(event, told),
            "user" => Messages::user(event, told),
            "result" => self.result(event, now, told),
            _ => {}
        }
    }
}

impl Qwen {
    fn result(&mut self, event: &Value, now: Moment, told: &mut Told) {
        let result = text(event, "/result");
        let is_error = is_true(event, "/is_error");
        let error = if is_error { Some(text(event, "/error/message")) } else { api_error(result) };
        self.messages.say_once(if is_error { error.unwrap_or_default() } else { result }, told);
        match (error, refused(event)) {
            (Some(error), _) => {
                let verdict = words::verdict(error);
                let reset_at = reset::of_text(error, now).filter(|_| verdict == Verdict::RateLimited);
                told.end(verdict, error, reset_at, "stream result");
            }
            (None, Some(tool)) => {
                told.end(Verdict::PermissionDenied, &format!("refused: {tool}"), None, "stream result");
            }
            (None, None) => told.end(Verdict::Succeeded, "", None, "stream result"),
        }
        let usage = usage(event);
        told.usage(&usage);
        told.page.bill(&usage);
    }
}

/// The error that a result is, if it is nothing else.
pub(super) fn api_error(result: &str) -> Option<&str> {
    let result = result.trim();
    result.strip_prefix("[API Error:")?.strip_suffix(']').map(|_| result)
}

/// Its input tokens are all, also those that a cache had.
fn usage(event: &Value) -> Usage {
    let cache_read = number(event, "/usage/cache_read_input_tokens");
    Usage {
        turns: number(event, "/num_turns"),
        cost: None,
        input: number(event, "/usage/input_tokens").map(|all| all.saturating_sub(cache_read.unwrap_or_default())),
        output: number(event, "/usage/output_tokens"),
        cache_read,
        cache_write: None,
    }
}
