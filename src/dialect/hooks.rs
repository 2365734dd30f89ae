//! What a harness hands to its hooks. claude, qwen, gemini and codex name the event in `hook_event_name`, each by names of
//! its own for what is the same; codex's older `notify` has a `type`, and so have the events of [`plugin`].
//!
//! Each call of a hook is a process of its own, so nothing is remembered from one to the next.

use serde_json::Value;

use super::claude::of_error;
use super::page::call;
use super::read::text;
use super::words::without_keys;
use super::{Dialect, Moment, plugin, reset, words};
use crate::model::{Activity, Key, Notices, Verdict};

/// How codex begins when it asks its model what to call a task.
const TITLE: &str = "Generate a concise, single-line task title";

/// What this payload tells.
pub(super) fn hear(dialect: Dialect, payload: &Value, now: Moment) -> Notices {
    let mut notices = Notices::new();
    match dialect {
        // It also tells of threads of its own.
        Dialect::Codex if text(payload, "/input-messages/0").starts_with(TITLE) => {}
        Dialect::Codex if text(payload, "/type") == "agent-turn-complete" => {
            session(text(payload, "/thread-id"), &mut notices);
            ended(Verdict::Succeeded, "", None, "notify agent-turn-complete", &mut notices);
        }
        Dialect::ClaudeCode | Dialect::Codex | Dialect::GeminiCli | Dialect::QwenCode => {
            // Claude tells of the end also of one that it was to go on with and that there isn't.
            if text(payload, "/hook_event_name") != "SessionEnd" {
                session(text(payload, "/session_id"), &mut notices);
            }
            event(dialect, payload, now, &mut notices);
        }
        Dialect::OpenCode => return plugin::hear(payload, now),
        // They haven't been tried.
        Dialect::Cursor | Dialect::Copilot | Dialect::Aider => {}
    }
    notices
}

fn event(dialect: Dialect, payload: &Value, now: Moment, notices: &mut Notices) {
    let name = text(payload, "/hook_event_name");
    let source = &format!("hook {name}");
    match name {
        // After it has made room in its context it goes on with what it was doing.
        "SessionStart" if text(payload, "/source") == "compact" => {}
        "SessionStart" | "SessionEnd" => rests(source, notices),
        // The model's own question: a tool that is answered by a person.
        "PreToolUse" | "BeforeTool" if !question(payload).is_empty() => {
            waits(question(payload), source, notices);
            notices.no_outcome();
        }
        "UserPromptSubmit" | "BeforeAgent" | "PreToolUse" | "BeforeTool" | "PostToolUse" | "PostToolUseFailure"
        | "AfterTool" | "PermissionDenied" | "ElicitationResult" => {
            notices.activity(Activity::Busy, "", source);
            notices.no_outcome();
        }
        "PermissionRequest" => waits(&permission(payload), source, notices),
        "Elicitation" => waits(text(payload, "/message"), source, notices),
        "Notification" => notification(payload, source, notices),
        // In gemini's words for a turn that came to nothing: it was interrupted, or the provider had no answer.
        "AfterAgent" if text(payload, "/prompt_response") == "[no response text]" => rests(source, notices),
        "Stop" | "AfterAgent" => ended(Verdict::Succeeded, "", None, source, notices),
        "StopFailure" => {
            let (error, last) = (text(payload, "/error"), text(payload, "/last_assistant_message"));
            let words = [last, text(payload, "/error_details"), error].into_iter().find(|words| !words.is_empty());
            let words = words.unwrap_or_default();
            // qwen calls every 403 a matter of billing.
            let known = if dialect == Dialect::QwenCode { words::of_text(words) } else { None };
            let verdict = known.or_else(|| of_error(error)).unwrap_or_else(|| words::verdict(words));
            let reset_at = reset::of_limit(verdict, None, words, now);
            ended(verdict, words, reset_at, source, notices);
        }
        _ => {}
    }
}

pub(super) fn session(id: &str, notices: &mut Notices) {
    if !id.is_empty() {
        notices.set(Key::Session, id);
    }
}

pub(super) fn waits(question: &str, source: &str, notices: &mut Notices) {
    notices.activity(Activity::Waiting, &without_keys(question), source);
}

pub(super) fn ended(verdict: Verdict, detail: &str, reset_at: Option<u64>, source: &str, notices: &mut Notices) {
    notices.activity(Activity::Idle, "", source);
    notices.outcome(verdict, &without_keys(detail), reset_at, source);
}

/// It has nothing to do, and how it came to that isn't told.
pub(super) fn rests(source: &str, notices: &mut Notices) {
    notices.activity(Activity::Idle, "", source);
}

/// It waits, and the question that is known stays.
fn still_waits(source: &str, notices: &mut Notices) {
    notices.set(Key::Activity, Activity::Waiting.as_str());
    notices.set(Key::ActivitySource, source);
}

/// What the harness asks a person for by itself.
fn notification(payload: &Value, source: &str, notices: &mut Notices) {
    let message = text(payload, "/message");
    match text(payload, "/notification_type") {
        // It comes some seconds after `PermissionRequest`, and says less.
        "permission_prompt" => still_waits(source, notices),
        "worker_permission_prompt" | "elicitation_dialog" | "agent_needs_input" => {
            waits(message, source, notices);
        }
        // gemini's, whose message says what for.
        "ToolPermission" if text(payload, "/details/type") == "ask_user" => still_waits(source, notices),
        "ToolPermission" => {
            let details = payload.get("details").unwrap_or(&Value::Null);
            waits(&call(message, details), source, notices);
        }
        "idle_prompt" => rests(source, notices),
        _ => {}
    }
}

/// The model's own question, where that is what the tool is for.
fn question(payload: &Value) -> &str {
    match text(payload, "/tool_name") {
        "AskUserQuestion" | "ask_user" | "ask_user_question" | "request_user_input" => {
            text(payload, "/tool_input/questions/0/question")
        }
        _ => "",
    }
}

/// What a person is asked: the model's own question, or whether a tool may be used.
fn permission(payload: &Value) -> String {
    match question(payload) {
        "" => call(text(payload, "/tool_name"), payload.get("tool_input").unwrap_or(&Value::Null)),
        question => question.to_owned(),
    }
}
