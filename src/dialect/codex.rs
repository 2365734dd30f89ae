//! `codex exec --json`: a thread of turns, in which items begin and end.
//!
//! An `error` may be one that codex gets over: it says that it reconnects. That a turn failed is an event of its own, which
//! repeats the last error.

use std::collections::BTreeSet;

use serde_json::Value;

use super::page::call;
use super::read::{list, number, text};
use super::told::{Told, Usage};
use super::{Moment, Speech, reset, words};

/// Items that have begun and not ended; of more, some are shown twice.
const MOST_ITEMS: usize = 1000;

/// What codex has said.
#[derive(Default)]
pub(super) struct Codex {
    /// The items that are shown and not done.
    begun: BTreeSet<String>,
    /// The command that was refused in this turn.
    refused: Option<String>,
    /// The last error, while no turn has ended since.
    error: Option<String>,
    turns: u64,
}

impl Speech for Codex {
    fn hear(&mut self, event: &Value, now: Moment, told: &mut Told) {
        match text(event, "/type") {
            "thread.started" => told.session(text(event, "/thread_id")),
            "turn.started" => {
                told.busy("stream turn.started");
                (self.refused, self.error) = (None, None);
            }
            "item.started" => self.begins(event, told),
            "item.completed" => self.ends(event, told),
            "error" => {
                let words = text(event, "/message");
                told.page.say(words);
                self.error = Some(words.to_owned());
            }
            "turn.completed" => self.completed(event, told),
            "turn.failed" => {
                let words = text(event, "/error/message");
                if self.error.take().is_none_or(|error| error != words) {
                    told.page.say(words);
                }
                fail(words, "stream turn.failed", now, told);
            }
            _ => {}
        }
    }

    fn end(&mut self, now: Moment, told: &mut Told) {
        // What it was getting over is no outcome: something else ended it.
        if let Some(error) = self.error.take().filter(|error| !error.starts_with("Reconnecting...")) {
            fail(&error, "stream error", now, told);
        }
    }
}

impl Codex {
    fn begins(&mut self, event: &Value, told: &mut Told) {
        told.busy("stream item.started");
        let id = text(event, "/item/id");
        if self.begun.len() < MOST_ITEMS && show(event, told) {
            self.begun.insert(id.to_owned());
        }
    }

    fn ends(&mut self, event: &Value, told: &mut Told) {
        // Before its first turn it may warn.
        let is_shown = self.begun.remove(text(event, "/item/id")) || show(event, told);
        match text(event, "/item/type") {
            "agent_message" => told.page.say(text(event, "/item/text")),
            "error" => told.page.say(text(event, "/item/message")),
            _ if !is_shown => {}
            _ => match text(event, "/item/status") {
                "declined" => {
                    told.page.tool_failed("refused");
                    self.refused.get_or_insert_with(|| name(event));
                }
                "failed" => told.page.tool_failed(&failure(event)),
                _ => {}
            },
        }
    }

    fn completed(&mut self, event: &Value, told: &mut Told) {
        self.error = None;
        told.done(self.refused.take().as_deref(), "stream turn.completed");
        self.turns += 1;
        told.bill(&Usage { turns: Some(self.turns), ..usage(event) });
    }
}

fn fail(words: &str, source: &str, now: Moment, told: &mut Told) {
    let verdict = words::verdict(words);
    told.end(verdict, words, reset::of_limit(verdict, None, words, now), source);
}

/// Shows an item that is a tool's; whether it is one.
fn show(event: &Value, told: &mut Told) -> bool {
    let field = |path: &str| event.pointer(path).unwrap_or(&Value::Null);
    match text(event, "/item/type") {
        "command_execution" => told.page.tool("exec", &command(event).into()),
        "file_change" => {
            for change in list(event, "/item/changes") {
                told.page.tool(text(change, "/kind"), &text(change, "/path").into());
            }
        }
        "mcp_tool_call" => {
            let name = format!("{}.{}", text(event, "/item/server"), text(event, "/item/tool"));
            told.page.tool(&name, field("/item/arguments"));
        }
        "web_search" => told.page.tool("web_search", field("/item/query")),
        _ => return false,
    }
    true
}

/// What an item does, as one line.
fn name(event: &Value) -> String {
    match text(event, "/item/type") {
        "command_execution" => call("exec", &command(event).into()),
        "mcp_tool_call" => format!("{}.{}", text(event, "/item/server"), text(event, "/item/tool")),
        kind => call(kind, event.pointer("/item/changes/0").unwrap_or(&Value::Null)),
    }
}

/// The command, without the shell that codex gives it to.
fn command(event: &Value) -> &str {
    let command = text(event, "/item/command");
    let script = ["/bin/bash -lc ", "bash -lc ", "/bin/sh -c "].iter().find_map(|shell| command.strip_prefix(shell));
    let quoted = script.and_then(|script| script.strip_prefix('\'')?.strip_suffix('\''));
    quoted.filter(|script| !script.contains('\'')).or(script).unwrap_or(command)
}

fn failure(event: &Value) -> String {
    let words = text(event, "/item/error/message");
    match number(event, "/item/exit_code") {
        Some(status) if words.is_empty() => format!("exited with status {status}"),
        Some(_) | None => words.to_owned(),
    }
}

/// What the thread has used. Its input tokens are all, also those that a cache had.
fn usage(event: &Value) -> Usage {
    let cache_read = number(event, "/usage/cached_input_tokens");
    let cache_write = number(event, "/usage/cache_write_input_tokens");
    let cached = cache_read.unwrap_or_default().saturating_add(cache_write.unwrap_or_default());
    Usage {
        turns: None,
        cost: None,
        input: number(event, "/usage/input_tokens").map(|all| all.saturating_sub(cached)),
        output: number(event, "/usage/output_tokens"),
        cache_read,
        cache_write,
    }
}
