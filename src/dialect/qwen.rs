//! `qwen --output-format stream-json`, whose events are in the form of claude's.
//!
//! An answer of the provider's that is an error comes as a success without any sign of it but the words: the result ends in
//! `[API Error: …]` then, and qwen exits with status 0.

use serde_json::Value;

use super::messages::{Messages, refused};
use super::read::{is_true, number, text};
use super::told::{Told, Usage};
use super::{Moment, Speech, reset, words};

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
        match error {
            Some(error) => {
                let verdict = words::verdict(error);
                told.end(verdict, error, reset::of_limit(verdict, None, error, now), "stream result");
            }
            None => told.done(refused(event).as_deref(), "stream result"),
        }
        told.bill(&usage(event));
    }
}

/// The error that a result ends in, behind what the model had said by then.
fn api_error(result: &str) -> Option<&str> {
    let result = result.trim();
    let error = &result[result.rfind("[API Error:")?..];
    // Behind it there may be advice, on a line of its own.
    (error.ends_with(']') || error.contains("]\n")).then_some(error)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_at_the_end() {
        assert_eq!(api_error("[API Error: 401 x]\n"), Some("[API Error: 401 x]"));
        assert_eq!(api_error("Half a sen[API Error: terminated]"), Some("[API Error: terminated]"));
        assert_eq!(api_error("[API Error: x]\nPlease wait."), Some("[API Error: x]\nPlease wait."));
        for answer in ["", "It printed [API Error: 401] and went on.", "[API Error:"] {
            assert_eq!(api_error(answer), None, "{answer}");
        }
    }
}
