//! The messages of Anthropic's API, which claude, qwen and cursor-agent stream: what was said in them, which tools were
//! used, and which were refused.

use serde_json::Value;

use super::page::call;
use super::read::{is_true, list, text};
use super::told::Told;

/// What the messages so far leave behind.
#[derive(Default)]
pub(super) struct Messages {
    /// What the model said last; the result repeats it.
    last: String,
}

impl Messages {
    /// A message of the model's.
    pub(super) fn assistant(&mut self, event: &Value, told: &mut Told) {
        told.busy("stream assistant");
        for block in list(event, "/message/content") {
            match text(block, "/type") {
                "text" => {
                    text(block, "/text").clone_into(&mut self.last);
                    told.page.say(&self.last);
                }
                "tool_use" => told.page.tool(text(block, "/name"), block.get("input").unwrap_or(&Value::Null)),
                _ => {}
            }
        }
    }

    /// A message to the model: what came of its tools, of which only failures are shown.
    pub(super) fn user(event: &Value, told: &mut Told) {
        for block in list(event, "/message/content") {
            if text(block, "/type") == "tool_result" && is_true(block, "/is_error") {
                told.page.tool_failed(result_words(block));
            }
        }
    }

    /// Text of the result, if it wasn't said before.
    pub(super) fn say_once(&mut self, words: &str, told: &mut Told) {
        if !(words.trim().is_empty() || self.last.trim_end().ends_with(words.trim_end())) {
            told.page.say(words);
        }
    }
}

/// The words of a tool's result, which is a text or a list of blocks.
fn result_words(block: &Value) -> &str {
    let words = [text(block, "/content"), text(block, "/content/0/text")].into_iter().find(|text| !text.is_empty());
    // claude's own brackets.
    let words = words.unwrap_or_default().trim();
    words.strip_prefix("<tool_use_error>").and_then(|rest| rest.strip_suffix("</tool_use_error>")).unwrap_or(words)
}

/// The first tool that the result says was refused.
pub(super) fn refused(result: &Value) -> Option<String> {
    let denied = list(result, "/permission_denials").first()?;
    Some(call(text(denied, "/tool_name"), denied.get("tool_input").unwrap_or(&Value::Null)))
}
