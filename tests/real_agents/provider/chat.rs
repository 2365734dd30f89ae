//! OpenAI's chat completions, and how OpenAI fails.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::http::{Reply, Request};
use super::script::Failure;
use super::tool::CALL;
use super::{Said, usage};

pub fn says(said: &Said<'_>, request: &Request) -> Reply {
    let stop = match said {
        Said::Words(_) => "stop",
        Said::Tool { .. } => "tool_calls",
    };
    let call = |name: &str, input: &Value| {
        json!([{"index": 0, "id": CALL, "type": "function",
            "function": {"name": name, "arguments": input.to_string()}}])
    };
    let input = usage::INPUT + usage::CACHE_READ;
    let usage = json!({"prompt_tokens": input, "completion_tokens": usage::OUTPUT, "total_tokens": input + usage::OUTPUT,
        "prompt_tokens_details": {"cached_tokens": usage::CACHE_READ}});
    if !request.wants_stream() {
        let message = match said {
            Said::Words(words) => json!({"role": "assistant", "content": words.concat()}),
            Said::Tool { name, input } => {
                json!({"role": "assistant", "content": null, "tool_calls": call(name, input)})
            }
        };
        let choice = json!([{"index": 0, "message": message, "finish_reason": stop}]);
        return Reply::json(&json!({"id": "c1", "object": "chat.completion", "created": 1, "model": "test",
            "choices": choice, "usage": usage}));
    }
    let chunk = |choices: Value, usage: &Value| {
        let chunk = json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "test",
            "choices": choices, "usage": usage});
        ("", chunk)
    };
    let delta =
        |delta: Value, end: Value| chunk(json!([{"index": 0, "delta": delta, "finish_reason": end}]), &Value::Null);
    let mut chunks: Vec<_> = match said {
        Said::Words(words) => {
            let word = |word: &&str| delta(json!({"role": "assistant", "content": word}), Value::Null);
            words.iter().map(word).collect()
        }
        Said::Tool { name, input } => {
            vec![delta(json!({"role": "assistant", "content": null, "tool_calls": call(name, input)}), Value::Null)]
        }
    };
    chunks.push(delta(json!({}), json!(stop)));
    chunks.push(chunk(json!([]), &usage));
    Reply::events(chunks).and("data: [DONE]\n\n")
}

pub fn fails(failure: Failure) -> Reply {
    let error = |kind: &str, code: Value, message: &str| {
        Reply::json(&json!({"error": {"type": kind, "code": code, "param": null, "message": message}}))
    };
    match failure {
        Failure::WrongKey => {
            let text = "Incorrect API key provided: sk-test. You can find your API key at https://example.invalid.";
            error("invalid_request_error", json!("invalid_api_key"), text).status("401 Unauthorized")
        }
        Failure::RateLimited { resets_in } => {
            let text = format!("Rate limit reached for test on requests per min. Please try again in {resets_in:?}.");
            error("requests", json!("rate_limit_exceeded"), &text)
                .status("429 Too Many Requests")
                .header("retry-after", &resets_in.as_secs())
                .header("x-ratelimit-reset-requests", &format!("{resets_in:?}"))
        }
        // As OpenAI tells the agents that are signed in to a plan.
        Failure::UsedUp { resets_in } => {
            let end = (SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + resets_in).as_secs();
            let error = json!({"type": "usage_limit_reached", "message": "The usage limit has been reached",
                "plan_type": "pro", "resets_at": end, "resets_in_seconds": resets_in.as_secs()});
            Reply::json(&json!({"error": error})).status("429 Too Many Requests")
        }
        Failure::Broken => {
            let text = "The server had an error while processing your request. Sorry about that!";
            error("server_error", Value::Null, text).status("500 Internal Server Error")
        }
        Failure::Overloaded => {
            let text = "The engine is currently overloaded, please try again later.";
            error("server_error", Value::Null, text).status("503 Service Unavailable")
        }
    }
}
