//! `opencode run --format json`: the parts of the model's messages, each when it is done.
//!
//! There is no result. A turn is over with the first step that calls for no other; and what ends without one, and without
//! an error, has told nothing.

use serde_json::Value;

use super::page::call;
use super::read::{number, text};
use super::told::{Told, Usage};
use super::{Moment, Speech, reset, words};
use crate::model::Verdict;

/// What opencode has said.
#[derive(Default)]
pub(super) struct OpenCode {
    usage: Usage,
    /// The tool that was refused in this turn.
    refused: Option<String>,
}

impl Speech for OpenCode {
    fn hear(&mut self, event: &Value, now: Moment, told: &mut Told) {
        told.session(text(event, "/sessionID"));
        match text(event, "/type") {
            "step_start" => told.busy("stream step_start"),
            "text" => {
                told.busy("stream text");
                told.page.say(text(event, "/part/text"));
            }
            "tool_use" => self.tool(event, told),
            "step_finish" => self.step_finished(event, told),
            "error" => self.error(event, now, told),
            _ => {}
        }
    }

    fn end(&mut self, _now: Moment, told: &mut Told) {
        if told.is_busy()
            && let Some(tool) = self.refused.take()
        {
            told.done(Some(&tool), "stream tool_use");
            told.page.bill(&self.usage);
        }
    }
}

impl OpenCode {
    fn tool(&mut self, event: &Value, told: &mut Told) {
        told.busy("stream tool_use");
        let (name, input) = (text(event, "/part/tool"), event.pointer("/part/state/input").unwrap_or(&Value::Null));
        told.page.tool(name, input);
        let error = text(event, "/part/state/error");
        told.page.tool_failed(error);
        // In its own words, for that alone.
        if ["rejected permission to use this", "user has specified a rule which prevents you"]
            .iter()
            .any(|words| error.contains(words))
        {
            self.refused.get_or_insert_with(|| call(name, input));
        }
    }

    fn step_finished(&mut self, event: &Value, told: &mut Told) {
        let add = |sum: &mut Option<u64>, path: &str| {
            if let Some(number) = number(event, path) {
                *sum = Some(sum.unwrap_or_default().saturating_add(number));
            }
        };
        let usage = &mut self.usage;
        usage.turns = Some(usage.turns.unwrap_or_default().saturating_add(1));
        add(&mut usage.input, "/part/tokens/input");
        add(&mut usage.output, "/part/tokens/output");
        add(&mut usage.output, "/part/tokens/reasoning");
        add(&mut usage.cache_read, "/part/tokens/cache/read");
        add(&mut usage.cache_write, "/part/tokens/cache/write");
        if let Some(cost) = event.pointer("/part/cost").and_then(Value::as_f64) {
            usage.cost = Some(usage.cost.unwrap_or_default() + cost);
        }
        told.usage(usage);
        match (text(event, "/part/reason"), self.refused.take()) {
            ("stop", refused) => told.done(refused.as_deref(), "stream step_finish"),
            (reason @ ("length" | "content-filter" | "error"), _) => {
                told.end(Verdict::Failed, &format!("the model stopped: {reason}"), None, "stream step_finish");
            }
            (_, refused) => {
                self.refused = refused;
                return;
            }
        }
        told.page.bill(&self.usage);
    }

    fn error(&mut self, event: &Value, now: Moment, told: &mut Told) {
        let (verdict, words, reset_at) = fault(event.get("error").unwrap_or(&Value::Null), now);
        told.page.say(words);
        told.end(verdict, words, reset_at, "stream error");
        self.refused = None;
        told.page.bill(&self.usage);
    }
}

/// What an error of opencode's means, its words, and when the limit ends that it is of.
pub(super) fn fault(error: &Value, now: Moment) -> (Verdict, &str, Option<u64>) {
    let (name, message) = (text(error, "/name"), text(error, "/data/message"));
    let words = if message.is_empty() { name } else { message };
    let status = number(error, "/data/statusCode").and_then(words::of_status);
    // The provider's own answer tells more than its status: no credit is a 429, too.
    let answer = words::of_text(text(error, "/data/responseBody"));
    let verdict = match name {
        "ProviderAuthError" => Verdict::AuthFailed,
        "MessageAbortedError" => Verdict::Interrupted,
        _ => answer.or(status).unwrap_or_else(|| words::verdict(words)),
    };
    (verdict, words, reset::of_limit(verdict, reset_at(error, now), words, now))
}

/// When a limit ends, by a header of the provider's answer, or by fields of it.
fn reset_at(error: &Value, now: Moment) -> Option<u64> {
    let header = text(error, "/data/responseHeaders/retry-after").parse().ok();
    let answer: Value = serde_json::from_str(text(error, "/data/responseBody")).unwrap_or_default();
    let delay = header.or_else(|| answer.pointer("/error/resets_in_seconds")?.as_f64());
    let time = || number(&answer, "/error/resets_at").and_then(|at| reset::of_time(at, now));
    delay.and_then(|seconds| reset::of_delay(seconds, now)).or_else(time)
}
