//! The events that opencode hands to its plugins: with a terminal, it has no other way to tell. A plugin runs our hook for
//! each event of the main session, one after the other; those of sessions below it are its agents', and say nothing of it.
//!
//! An answer of the model's is told again and again while it grows. It ends a turn when it is complete and calls for no
//! tool, or with its error; that opencode is busy and idle are events of their own, which come in between.

use serde_json::Value;

use super::Moment;
use super::hooks::{ended, rests, session, waits};
use super::opencode::fault;
use super::read::{number, text};
use super::told::{Told, Usage};
use crate::model::{Activity, Notices, Verdict};

/// What this event tells.
pub(super) fn hear(event: &Value, now: Moment) -> Notices {
    let mut notices = Notices::new();
    let name = text(event, "/type");
    let source = &format!("plugin {name}");
    session(text(event, "/properties/sessionID"), &mut notices);
    match name {
        // Our plugin's own, before any other.
        "agentd.loaded" => rests("plugin loaded", &mut notices),
        "session.created" | "session.idle" => rests(source, &mut notices),
        "session.updated" => notices.update(usage(event)),
        "session.status" => match text(event, "/properties/status/type") {
            "idle" => rests(source, &mut notices),
            "busy" | "retry" => notices.activity(Activity::Busy, "", source),
            _ => {}
        },
        "session.error" => fails("/properties/error", event, source, now, &mut notices),
        "message.updated" if text(event, "/properties/info/role") == "assistant" => {
            message(event, source, now, &mut notices);
        }
        "permission.asked" => waits(&permission(event), source, &mut notices),
        "question.asked" => waits(text(event, "/properties/questions/0/question"), source, &mut notices),
        "permission.replied" | "question.replied" | "question.rejected" => {
            notices.activity(Activity::Busy, "", source);
        }
        _ => {}
    }
    notices
}

fn message(event: &Value, source: &str, now: Moment, notices: &mut Notices) {
    let is_complete = number(event, "/properties/info/time/completed").is_some();
    match text(event, "/properties/info/finish") {
        _ if event.pointer("/properties/info/error").is_some() => {
            fails("/properties/info/error", event, source, now, notices);
        }
        "stop" if is_complete => ended(Verdict::Succeeded, "", None, source, notices),
        "" if !is_complete => {
            notices.activity(Activity::Busy, "", source);
            notices.no_outcome();
        }
        _ => {}
    }
}

fn fails(error: &str, event: &Value, source: &str, now: Moment, notices: &mut Notices) {
    let Some(error) = event.pointer(error) else { return };
    let (verdict, words, reset_at) = fault(error, now);
    ended(verdict, words, reset_at, source, notices);
}

/// What a person is asked to permit: `bash: rm x`.
fn permission(event: &Value) -> String {
    let what = text(event, "/properties/permission");
    match text(event, "/properties/patterns/0") {
        "" => what.to_owned(),
        pattern => format!("{what}: {pattern}"),
    }
}

/// What the session has used; nothing before it has used anything.
fn usage(event: &Value) -> Notices {
    let of = |path: &str| number(event, &format!("/properties/info/tokens/{path}"));
    let mut told = Told::default();
    if of("output").is_some_and(|tokens| tokens > 0) {
        told.usage(&Usage {
            turns: None,
            cost: event.pointer("/properties/info/cost").and_then(Value::as_f64),
            input: of("input"),
            output: of("output").map(|output| output.saturating_add(of("reasoning").unwrap_or_default())),
            cache_read: of("cache/read"),
            cache_write: of("cache/write"),
        });
    }
    told.take().notices
}
