//! Gemini's generateContent.

use serde_json::{Value, json};

use super::http::{Reply, Request};
use super::script::Failure;
use super::{Said, usage};

pub fn says(said: &Said<'_>, request: &Request) -> Reply {
    let is_stream = request.path.contains(":streamGenerateContent");
    match said {
        Said::Words(words) if is_stream => {
            let last = words.len() - 1;
            let piece = |(n, word): (usize, &&str)| ("", content(&json!({"text": word}), n == last));
            Reply::events(words.iter().enumerate().map(piece))
        }
        Said::Words(words) => Reply::json(&content(&json!({"text": words.concat()}), true)),
        Said::Tool { name, input } => {
            let answer = content(&json!({"functionCall": {"name": name, "args": input}}), true);
            if is_stream { Reply::events([("", answer)]) } else { Reply::json(&answer) }
        }
    }
}

fn content(part: &Value, is_last: bool) -> Value {
    let mut candidate = json!({"content": {"role": "model", "parts": [part]}, "index": 0});
    if is_last {
        candidate["finishReason"] = json!("STOP");
    }
    let input = usage::INPUT + usage::CACHE_READ;
    json!({"candidates": [candidate], "modelVersion": "gemini-test",
        "usageMetadata": {"promptTokenCount": input, "cachedContentTokenCount": usage::CACHE_READ,
            "candidatesTokenCount": usage::OUTPUT, "totalTokenCount": input + usage::OUTPUT}})
}

pub fn fails(failure: Failure) -> Reply {
    let error = |code: u16, status: &str, message: &str, details: Value| {
        Reply::json(&json!({"error": {"code": code, "message": message, "status": status, "details": details}}))
    };
    match failure {
        // Not a 401.
        Failure::WrongKey => {
            let details = json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID",
                "domain": "googleapis.com", "metadata": {"service": "generativelanguage.googleapis.com"}}]);
            error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", details)
                .status("400 Bad Request")
        }
        Failure::RateLimited { resets_in } => {
            let details = json!([quota("PerMinute"), {"@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": format!("{}s", resets_in.as_secs())}]);
            error(429, "RESOURCE_EXHAUSTED", EXHAUSTED, details).status("429 Too Many Requests")
        }
        Failure::UsedUp { .. } => {
            error(429, "RESOURCE_EXHAUSTED", EXHAUSTED, json!([quota("PerDay")])).status("429 Too Many Requests")
        }
        Failure::Broken => {
            error(500, "INTERNAL", "An internal error has occurred.", json!([])).status("500 Internal Server Error")
        }
        Failure::Overloaded => {
            let text = "The model is overloaded. Please try again later.";
            error(503, "UNAVAILABLE", text, json!([])).status("503 Service Unavailable")
        }
    }
}

const EXHAUSTED: &str = "You exceeded your current quota, please check your plan and billing details.";

fn quota(per: &str) -> Value {
    json!({"@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{"quotaMetric": "generativelanguage.googleapis.com/generate_content_requests",
            "quotaId": format!("GenerateRequests{per}PerProjectPerModel")}]})
}
