//! `cursor-agent -p --output-format stream-json`, as its documentation describes it (cursor.com/docs/cli/reference/output-format).
//!
//! Its result is only ever a success: where it fails, it says so on standard error, and the events end.

use serde_json::Value;

use super::messages::Messages;
use super::read::{is_true, text};
use super::told::Told;
use super::{Moment, Speech, words};

/// What cursor-agent has said.
#[derive(Default)]
pub(super) struct Cursor {
    messages: Messages,
}

impl Speech for Cursor {
    fn hear(&mut self, event: &Value, _now: Moment, told: &mut Told) {
        told.session(text(event, "/session_id"));
        match text(event, "/type") {
            "system" if text(event, "/subtype") == "init" => told.busy("stream init"),
            "assistant" => self.messages.assistant(event, told),
            "tool_call" if text(event, "/subtype") == "started" => {
                told.busy("stream tool_call");
                tool(event, told);
            }
            "result" => {
                let result = text(event, "/result");
                if is_true(event, "/is_error") {
                    self.messages.say_once(result, told);
                    told.end(words::verdict(result), result, None, "stream result");
                } else {
                    told.done(None, "stream result");
                }
            }
            _ => {}
        }
    }
}

/// A tool's call is an object with one field, which names it: `{"readToolCall": {"args": {"path": "x"}}}`, or
/// `{"function": {"name": "x", "arguments": "{}"}}`.
fn tool(event: &Value, told: &mut Told) {
    let Some((kind, call)) = event.get("tool_call").and_then(Value::as_object).and_then(|fields| fields.iter().next())
    else {
        return;
    };
    let (name, input) = match kind.as_str() {
        "function" => (text(call, "/name"), call.get("arguments")),
        kind => (kind.strip_suffix("ToolCall").unwrap_or(kind), call.get("args")),
    };
    told.page.tool(name, input.unwrap_or(&Value::Null));
}
