//! OpenAI's responses. They fail as its chat completions do.

use serde_json::{Value, json};

use super::http::Reply;
use super::tool::CALL;
use super::{Said, usage};

pub fn says(said: &Said<'_>) -> Reply {
    let (item, deltas) = match said {
        Said::Words(words) => {
            let content = json!([{"type": "output_text", "text": words.concat(), "annotations": []}]);
            let item = json!({"type": "message", "role": "assistant", "id": "msg_1", "status": "completed",
                "content": content});
            let delta = |word: &&str| {
                json!({"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0,
                    "content_index": 0, "delta": word})
            };
            (item, words.iter().map(delta).collect::<Vec<_>>())
        }
        Said::Tool { name, input } => {
            let item = json!({"type": "function_call", "id": "fc_1", "call_id": CALL, "name": name,
                "arguments": input.to_string(), "status": "completed"});
            (item, Vec::new())
        }
    };
    let mut added = item.clone();
    added["status"] = json!("in_progress");
    if added["content"].is_array() {
        added["content"] = json!([]);
    }
    let input = usage::INPUT + usage::CACHE_READ;
    let usage = json!({"input_tokens": input, "input_tokens_details": {"cached_tokens": usage::CACHE_READ},
        "output_tokens": usage::OUTPUT, "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": input + usage::OUTPUT});
    let event = |name: &'static str, data: Value| (name, data);
    let begin = [
        event("response.created", json!({"type": "response.created", "response": {"id": "resp_1"}})),
        event(
            "response.output_item.added",
            json!({"type": "response.output_item.added", "output_index": 0, "item": added}),
        ),
    ];
    let finish = [
        event(
            "response.output_item.done",
            json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
        ),
        event(
            "response.completed",
            json!({"type": "response.completed", "response": {"id": "resp_1", "usage": usage, "output": [item]}}),
        ),
    ];
    let deltas = deltas.into_iter().map(|delta| ("response.output_text.delta", delta));
    Reply::events(begin.into_iter().chain(deltas).chain(finish))
}
