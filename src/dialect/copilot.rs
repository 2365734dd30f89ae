//! `copilot -p … --output-format json`: the events of its session, and a result.
//!
//! The result has copilot's own name of the session and the exit status, which is 0 also after an interrupt and after a tool
//! was refused: these are told by the events before it. Tokens are told nowhere.

use serde_json::Value;

use super::page::call;
use super::read::{is_true, number, text};
use super::told::{Told, Usage};
use super::{Moment, Speech, reset, words};
use crate::model::Verdict;

/// What copilot has said.
#[derive(Default)]
pub(super) struct Copilot {
    turns: u64,
    /// The provider's last answer that was an error, as it came.
    answer: String,
    fault: Option<Fault>,
    is_aborted: bool,
    /// The tools that run: the name of each call, and what it is for people.
    running: Vec<(String, String)>,
    refused: Option<String>,
}

/// Why a turn came to nothing.
struct Fault {
    verdict: Verdict,
    words: String,
    reset_at: Option<u64>,
}

impl Speech for Copilot {
    fn hear(&mut self, event: &Value, now: Moment, told: &mut Told) {
        match text(event, "/type") {
            "user.message" => told.busy("stream user.message"),
            "assistant.turn_start" => {
                told.busy("stream assistant.turn_start");
                self.turns = self.turns.saturating_add(1);
                self.fault = None;
            }
            "assistant.message" => told.page.say(text(event, "/data/content")),
            "assistant.turn_retry" => told.page.say(&format!("asks again ({})", text(event, "/data/reason"))),
            "assistant.idle" => self.is_aborted |= is_true(event, "/data/aborted"),
            "model.call_failure" => text(event, "/data/errorMessage").clone_into(&mut self.answer),
            "tool.execution_start" => self.started(event, told),
            "tool.execution_complete" => self.completed(event, told),
            "session.error" => {
                told.page.say(text(event, "/data/message"));
                self.fault = Some(self.fault(event, now));
            }
            "result" => self.result(event, told),
            _ => {}
        }
    }
}

impl Copilot {
    fn started(&mut self, event: &Value, told: &mut Told) {
        const MOST: usize = 100;
        let (name, input) = (text(event, "/data/toolName"), event.pointer("/data/arguments").unwrap_or(&Value::Null));
        told.page.tool(name, input);
        // More don't run at once; who never says that one has ended must not make this grow.
        self.running.truncate(MOST);
        self.running.push((text(event, "/data/toolCallId").to_owned(), call(name, input)));
    }

    fn completed(&mut self, event: &Value, told: &mut Told) {
        let id = text(event, "/data/toolCallId");
        let at = self.running.iter().position(|(running, _)| running == id);
        let call = at.map(|at| self.running.swap_remove(at).1);
        told.page.tool_failed(text(event, "/data/error/message"));
        if text(event, "/data/error/code") == "denied" {
            self.refused.get_or_insert_with(|| call.unwrap_or_default());
        }
    }

    fn fault(&self, event: &Value, now: Moment) -> Fault {
        let message = text(event, "/data/message");
        let kind = match text(event, "/data/errorType") {
            "authentication" | "authorization" => Some(Verdict::AuthFailed),
            "quota" => Some(Verdict::OverBudget),
            "rate_limit" => Some(Verdict::RateLimited),
            _ => None,
        };
        let status = number(event, "/data/statusCode").and_then(words::of_status);
        // The provider's own answer tells more than its status: no credit is a 429, too.
        let verdict = words::of_text(&self.answer).or(status).or(kind).unwrap_or_else(|| words::verdict(message));
        let answer: Value = serde_json::from_str(&self.answer).unwrap_or_default();
        let time = number(&answer, "/resets_at").and_then(|at| reset::of_time(at, now));
        let delay = || answer.get("resets_in_seconds")?.as_f64().and_then(|seconds| reset::of_delay(seconds, now));
        let reset_at = reset::of_limit(verdict, time.or_else(delay), message, now);
        Fault { verdict, words: message.to_owned(), reset_at }
    }

    fn result(&mut self, event: &Value, told: &mut Told) {
        told.session(text(event, "/sessionId"));
        let usage = Usage { turns: (self.turns > 0).then_some(self.turns), ..Usage::default() };
        match (self.fault.take(), self.refused.take(), number(event, "/exitCode")) {
            _ if std::mem::take(&mut self.is_aborted) => {
                told.end(Verdict::Interrupted, "", None, "stream assistant.idle");
            }
            (Some(fault), _, _) => told.end(fault.verdict, &fault.words, fault.reset_at, "stream session.error"),
            (None, Some(tool), _) => told.done(Some(&tool), "stream tool.execution_complete"),
            (None, None, Some(0)) => told.done(None, "stream result"),
            (None, None, _) => told.end(Verdict::Failed, "", None, "stream result"),
        }
        told.bill(&usage);
    }
}
