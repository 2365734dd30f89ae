//! What the words of an error tell: nothing, unless they mean one thing.
//!
//! Harnesses hand on what the model's provider answered, in words of theirs. There a type of the provider's own API is
//! sure, and so is an HTTP status where the words around it say that it is one. Phrases are those that were seen.

use std::borrow::Cow;

use crate::model::Verdict;

/// No more of an error is read, in bytes: what it is, it says in the beginning.
const READ: usize = 8 * 1024;

/// Types of errors in the APIs of Anthropic, OpenAI and Google.
const TYPES: [(&str, Verdict); 13] = [
    ("insufficient_quota", Verdict::OverBudget),
    ("billing_error", Verdict::OverBudget),
    ("billing_hard_limit_reached", Verdict::OverBudget),
    ("rate_limit_error", Verdict::RateLimited),
    ("rate_limit_exceeded", Verdict::RateLimited),
    ("usage_limit_reached", Verdict::RateLimited),
    ("RESOURCE_EXHAUSTED", Verdict::RateLimited),
    ("authentication_error", Verdict::AuthFailed),
    ("permission_error", Verdict::AuthFailed),
    ("invalid_api_key", Verdict::AuthFailed),
    ("API_KEY_INVALID", Verdict::AuthFailed),
    ("UNAUTHENTICATED", Verdict::AuthFailed),
    ("PERMISSION_DENIED", Verdict::AuthFailed),
];

/// Phrases of the harnesses and the providers, in lower case.
const PHRASES: [(&str, Verdict); 16] = [
    ("hit your usage limit", Verdict::RateLimited),
    ("exhausted your daily quota", Verdict::RateLimited),
    ("qwen oauth quota exceeded", Verdict::RateLimited),
    // What gemini and qwen put behind an answer with status 429, which they don't repeat.
    ("please wait and try again later. to increase your limits", Verdict::RateLimited),
    ("possible quota limitations in place", Verdict::RateLimited),
    ("quota exceeded. check your plan", Verdict::OverBudget),
    ("workspace is out of credits", Verdict::OverBudget),
    ("hit your spend cap", Verdict::OverBudget),
    ("credit balance is too low", Verdict::OverBudget),
    ("reached max session turns", Verdict::OverBudget),
    ("maximum session turns exceeded", Verdict::OverBudget),
    ("reached maximum number of turns", Verdict::OverBudget),
    ("incorrect api key provided", Verdict::AuthFailed),
    ("invalid api key", Verdict::AuthFailed),
    ("invalid x-api-key", Verdict::AuthFailed),
    ("api key not valid", Verdict::AuthFailed),
];

/// What such a status of the provider's answer means. A server that is overloaded, or broken, says nothing of the account.
pub(super) fn of_status(status: u64) -> Option<Verdict> {
    match status {
        401 | 403 => Some(Verdict::AuthFailed),
        402 => Some(Verdict::OverBudget),
        429 => Some(Verdict::RateLimited),
        _ => None,
    }
}

/// What an error of this type in a provider's API means.
pub(super) fn of_type(name: &str) -> Option<Verdict> {
    TYPES.iter().find(|(known, _)| *known == name).map(|(_, verdict)| *verdict)
}

/// What an error says that is nothing but words.
pub(super) fn of_text(text: &str) -> Option<Verdict> {
    let text = beginning(text);
    let words: Vec<&str> =
        text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty()).collect();
    let lower = text.to_lowercase();
    let typed = || TYPES.iter().find(|(name, _)| words.contains(name)).map(|(_, verdict)| *verdict);
    let phrased = || PHRASES.iter().find(|(phrase, _)| lower.contains(phrase)).map(|(_, verdict)| *verdict);
    typed().or_else(|| statuses(&words).find_map(of_status)).or_else(phrased)
}

/// The same, where nothing else is known: it has failed, if in a way that isn't told.
pub(super) fn verdict(text: &str) -> Verdict {
    of_text(text).unwrap_or(Verdict::Failed)
}

/// The beginning of a text, which is as much as is read of it.
pub(super) fn beginning(text: &str) -> &str {
    let end = (0..=READ.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[..end]
}

/// The words for people in an error that is the provider's answer as it came: `[API Error: {"error":{"message":"…"}}]`.
pub(super) fn message(text: &str) -> Option<String> {
    let answer = text.get(text.find('{')?..=text.rfind('}')?)?;
    let answer: serde_json::Value = serde_json::from_str(answer).ok()?;
    answer.pointer("/error/message")?.as_str().map(ToOwned::to_owned)
}

/// A text without what looks like a key: a provider may repeat the one that it refuses, and a command may have one in it.
/// The shim can't know them, and what is told goes further than the agent's own pane.
pub(super) fn without_keys(text: &str) -> Cow<'_, str> {
    const BEGINNINGS: [&str; 8] = ["sk-", "sk_", "AIza", "ghp_", "gho_", "ghs_", "github_pat_", "xoxb-"];
    const SHORTEST: usize = 20;
    let text = beginning(text);
    let mut shown = String::new();
    for word in text.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_')) {
        match BEGINNINGS.iter().find(|known| word.starts_with(**known)).filter(|_| word.len() > SHORTEST) {
            Some(known) => {
                let end = word.chars().next_back().filter(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')));
                shown.extend([known, "…"]);
                shown.extend(end);
            }
            None => shown.push_str(word),
        }
    }
    if shown == text { text.into() } else { shown.into() }
}

/// The numbers that are an HTTP status by the word before or behind them: `status 401`, `429 Too Many Requests`.
fn statuses<'a>(words: &'a [&str]) -> impl Iterator<Item = u64> + 'a {
    const BEFORE: [&str; 6] = ["status", "statuscode", "code", "error", "http", "rejected"];
    const BEHIND: [&str; 4] = ["unauthorized", "forbidden", "payment", "too"];
    let is_one_of = |list: &[&str], word: Option<&&str>| {
        word.is_some_and(|word| list.iter().any(|known| word.eq_ignore_ascii_case(known)))
    };
    words.iter().enumerate().filter_map(move |(at, word)| {
        let status = word.parse().ok().filter(|_| word.len() == 3)?;
        let before = at.checked_sub(1).and_then(|at| words.get(at));
        (is_one_of(&BEFORE, before) || is_one_of(&BEHIND, words.get(at + 1))).then_some(status)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_one_thing_is_recognised() {
        for (text, verdict) in [
            ("unexpected status 401 Unauthorized: Incorrect API key", Verdict::AuthFailed),
            ("[API Error: 401 Some words]", Verdict::AuthFailed),
            ("got status: 403 Forbidden", Verdict::AuthFailed),
            ("{\"error\":{\"code\":401,\"status\":\"x\"}}", Verdict::AuthFailed),
            ("API key not valid. Please pass a valid API key.", Verdict::AuthFailed),
            ("exceeded retry limit, last status: 429 Too Many Requests", Verdict::RateLimited),
            ("API Error: Request rejected (429) · later", Verdict::RateLimited),
            ("{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\"}", Verdict::RateLimited),
            ("You’ve hit your usage limit. Try again at 2:39 AM.", Verdict::RateLimited),
            ("429 {\"type\":\"insufficient_quota\"}", Verdict::OverBudget),
            ("Quota exceeded. Check your plan and billing details.", Verdict::OverBudget),
            ("HTTP 402", Verdict::OverBudget),
        ] {
            assert_eq!(of_text(text), Some(verdict), "{text}");
        }
    }

    #[test]
    fn an_answer_of_a_provider_is_read_for_people() {
        let answer = "[API Error: {\"error\":{\"code\":400,\"message\":\"API key not valid.\"}}]";
        assert_eq!(message(answer).as_deref(), Some("API key not valid."));
        for text in ["", "{", "}{", "[API Error: 401 {x}]", "{\"error\":{\"message\":1}}"] {
            assert_eq!(message(text), None, "{text}");
        }
    }

    #[test]
    fn keys_are_not_repeated() {
        let long = "a1".repeat(12);
        for (text, shown) in [
            (format!("provided: sk-{long}. It"), "provided: sk-…. It"),
            (format!("curl -H 'x: AIza{long}'"), "curl -H 'x: AIza…'"),
            (format!("KEY=ghp_{long}"), "KEY=ghp_…"),
            (format!("sk-{long}ä"), "sk-…ä"),
            (format!("sk-test and ask-{long}"), &*format!("sk-test and ask-{long}")),
        ] {
            assert_eq!(without_keys(&text), shown);
        }
    }

    #[test]
    fn what_may_mean_anything_is_not() {
        for text in [
            "",
            "the port 401 is closed",
            "line 429: no such file",
            "4290 errors in 401 files",
            "status 500 Internal Server Error",
            "unexpected status 503 Service Unavailable",
            "status 4010",
            "my_rate_limit_error_handler failed",
            "We’re currently experiencing high demand",
            "error 429.5e",
        ] {
            assert_eq!(of_text(text), if text == "error 429.5e" { Some(Verdict::RateLimited) } else { None }, "{text}");
        }
        let far = format!("{} status 401", "é".repeat(READ));
        assert_eq!(of_text(&far), None);
    }
}
