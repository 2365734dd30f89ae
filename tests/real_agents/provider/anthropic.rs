//! Anthropic's messages.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::http::{Reply, Request};
use super::script::Failure;
use super::tool::CALL;
use super::{Said, usage};

pub fn says(said: &Said<'_>, request: &Request) -> Reply {
    let model = request.json()["model"].clone();
    let (start, deltas, stop) = match said {
        Said::Words(words) => {
            let delta = |word: &&str| json!({"type": "text_delta", "text": word});
            (json!({"type": "text", "text": ""}), words.iter().map(delta).collect(), "end_turn")
        }
        Said::Tool { name, input } => {
            let delta = json!({"type": "input_json_delta", "partial_json": input.to_string()});
            (json!({"type": "tool_use", "id": CALL, "name": name, "input": {}}), vec![delta], "tool_use")
        }
    };
    if !request.wants_stream() {
        let content = match said {
            Said::Words(words) => json!({"type": "text", "text": words.concat()}),
            Said::Tool { name, input } => json!({"type": "tool_use", "id": CALL, "name": name, "input": input}),
        };
        return Reply::json(&message(&model, &json!([content]), &json!(stop)));
    }
    let deltas = deltas.into_iter().map(|delta: Value| {
        ("content_block_delta", json!({"type": "content_block_delta", "index": 0, "delta": delta}))
    });
    let end = json!({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": null},
        "usage": {"output_tokens": usage::OUTPUT}});
    let begin = [
        ("message_start", json!({"type": "message_start", "message": message(&model, &json!([]), &Value::Null)})),
        ("content_block_start", json!({"type": "content_block_start", "index": 0, "content_block": start})),
    ];
    let finish = [
        ("content_block_stop", json!({"type": "content_block_stop", "index": 0})),
        ("message_delta", end),
        ("message_stop", json!({"type": "message_stop"})),
    ];
    limits(Reply::events(begin.into_iter().chain(deltas).chain(finish)), "allowed", Duration::from_secs(4000))
}

/// What is left of a plan, which the agents that are signed in to one are told with every answer.
fn limits(reply: Reply, status: &str, resets_in: Duration) -> Reply {
    let end = (SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + resets_in).as_secs();
    reply
        .header("anthropic-ratelimit-unified-status", &status)
        .header("anthropic-ratelimit-unified-representative-claim", &"five_hour")
        .header("anthropic-ratelimit-unified-reset", &end)
}

fn message(model: &Value, content: &Value, stop: &Value) -> Value {
    json!({"id": "msg_1", "type": "message", "role": "assistant", "model": model, "stop_reason": stop,
        "stop_sequence": null, "content": content,
        "usage": {"input_tokens": usage::INPUT, "output_tokens": usage::OUTPUT,
            "cache_read_input_tokens": usage::CACHE_READ, "cache_creation_input_tokens": usage::CACHE_WRITE}})
}

pub fn fails(failure: Failure) -> Reply {
    let error = |kind: &str, message: &str| {
        Reply::json(&json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}))
    };
    match failure {
        Failure::WrongKey => error("authentication_error", "invalid x-api-key").status("401 Unauthorized"),
        Failure::RateLimited { resets_in } => {
            error("rate_limit_error", "This request would exceed your account's rate limit. Please try again later.")
                .status("429 Too Many Requests")
                .header("retry-after", &resets_in.as_secs())
        }
        Failure::UsedUp { resets_in } => {
            let text = "This request would exceed your account's rate limit. Please try again later.";
            let reply = error("rate_limit_error", text).status("429 Too Many Requests");
            limits(reply.header("retry-after", &resets_in.as_secs()), "rejected", resets_in)
        }
        Failure::Broken => error("api_error", "Internal server error").status("500 Internal Server Error"),
        Failure::Overloaded => error("overloaded_error", "Overloaded").status("529 Overloaded"),
    }
}
