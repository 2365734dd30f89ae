//! `gemini --output-format stream-json`. What the model says comes in pieces.

use serde_json::Value;

use super::page::call;
use super::read::{is_true, number, text};
use super::told::{Told, Usage};
use super::{Moment, Speech, reset, words};
use crate::model::Verdict;

/// What gemini has said.
#[derive(Default)]
pub(super) struct Gemini {
    /// The tool that was called last, for the case that it is refused: its id, and the call as one line.
    called: (String, String),
    refused: Option<String>,
    /// The last error that was more than a warning.
    error: Option<String>,
}

impl Speech for Gemini {
    fn hear(&mut self, event: &Value, now: Moment, told: &mut Told) {
        match text(event, "/type") {
            "init" => {
                told.session(text(event, "/session_id"));
                told.busy("stream init");
            }
            "message" if text(event, "/role") == "assistant" => {
                told.busy("stream message");
                if is_true(event, "/delta") {
                    told.page.piece(text(event, "/content"));
                } else {
                    told.page.say(text(event, "/content"));
                }
            }
            "tool_use" => {
                told.busy("stream tool_use");
                let (name, input) = (text(event, "/tool_name"), event.get("parameters").unwrap_or(&Value::Null));
                self.called = (text(event, "/tool_id").to_owned(), call(name, input));
                told.page.tool(name, input);
            }
            "tool_result" if text(event, "/status") == "error" => self.tool_failed(event, told),
            "error" => {
                let words = text(event, "/message");
                told.page.say(words);
                if text(event, "/severity") == "error" {
                    self.error = Some(words.to_owned());
                }
            }
            "result" => self.result(event, now, told),
            _ => {}
        }
    }
}

impl Gemini {
    fn tool_failed(&mut self, event: &Value, told: &mut Told) {
        told.page.tool_failed(text(event, "/error/message"));
        if matches!(text(event, "/error/type"), "policy_violation" | "execution_denied") {
            let (id, call) = &self.called;
            let tool = if *id == text(event, "/tool_id") { call } else { text(event, "/error/message") };
            self.refused.get_or_insert_with(|| tool.to_owned());
        }
    }

    fn result(&mut self, event: &Value, now: Moment, told: &mut Told) {
        let told_here = text(event, "/error/message");
        let error = self.error.take();
        let words = if told_here.is_empty() { error.as_deref().unwrap_or_default() } else { told_here };
        if !told_here.is_empty() && error.as_deref() != Some(told_here) {
            told.page.say(told_here);
        }
        // An error that it told of before is one, whatever the result is called.
        if text(event, "/status") == "success" && words.is_empty() {
            told.done(self.refused.take().as_deref(), "stream result");
        } else {
            let verdict = of_type(text(event, "/error/type")).unwrap_or_else(|| words::verdict(words));
            let reset_at = reset::of_limit(verdict, None, words, now);
            let detail = words::message(words);
            told.end(verdict, detail.as_deref().unwrap_or(words), reset_at, "stream result");
        }
        told.bill(&usage(event));
    }
}

/// What gemini's own type of an error means.
fn of_type(name: &str) -> Option<Verdict> {
    match name {
        "FatalAuthenticationError" => Some(Verdict::AuthFailed),
        "FatalTurnLimitedError" => Some(Verdict::OverBudget),
        "FatalCancellationError" => Some(Verdict::Interrupted),
        "policy_violation" | "execution_denied" => Some(Verdict::PermissionDenied),
        _ => None,
    }
}

fn usage(event: &Value) -> Usage {
    let cache_read = number(event, "/stats/cached");
    Usage {
        turns: None,
        cost: None,
        // `input_tokens` are all, also those that a cache had.
        input: number(event, "/stats/input_tokens").map(|all| all.saturating_sub(cache_read.unwrap_or_default())),
        output: number(event, "/stats/output_tokens"),
        cache_read,
        cache_write: None,
    }
}
