//! What no fixture has: events as the programs' own sources and documentation describe them.

use super::*;
use crate::model::Key;

const NOW: Moment = Moment { unix: 1_795_831_200, utc_offset: 0 };

/// What is left of all that was told in the end, and the text.
fn hear(dialect: Dialect, events: &[&str]) -> (Notices, String) {
    let mut stream = Stream::new(dialect);
    let mut said: Vec<Said> = events.iter().map(|event| stream.line(event.as_bytes(), NOW)).collect();
    said.push(stream.end(NOW));
    let mut left = Notices::new();
    let mut text = Vec::new();
    for said in said {
        left.update(said.notices);
        text.extend(said.text);
    }
    (left, String::from_utf8(text).unwrap())
}

fn outcome(told: &Notices) -> [&str; 3] {
    [Key::Outcome, Key::Detail, Key::ResetAt].map(|key| told.get(key).unwrap_or("-"))
}

fn activity(told: &Notices) -> [&str; 2] {
    [Key::Activity, Key::Question].map(|key| told.get(key).unwrap_or("-"))
}

#[test]
fn claude_tells_when_its_limit_ends() {
    let limit = r#"{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1795840000}}"#;
    let message = r#"{"type":"assistant","error":"rate_limit","message":{"content":[{"type":"text","text":"You've hit your limit"}]}}"#;
    let result = r#"{"type":"result","subtype":"success","is_error":true,"result":"You've hit your limit"}"#;
    let (told, text) = hear(Dialect::ClaudeCode, &[limit, message, result]);
    assert_eq!(outcome(&told), ["rate_limited", "You've hit your limit", "1795840000"]);
    assert_eq!(text, "You've hit your limit\n");
    let allowed = r#"{"type":"rate_limit_event","rate_limit_info":{"status":"allowed","resetsAt":1795840000}}"#;
    assert_eq!(outcome(&hear(Dialect::ClaudeCode, &[limit, allowed, message, result]).0)[2], "");
}

#[test]
fn claude_tells_why_a_message_is_none() {
    for (error, verdict) in [
        ("authentication_failed", "auth_failed"),
        ("oauth_org_not_allowed", "auth_failed"),
        ("billing_error", "over_budget"),
        ("rate_limit", "rate_limited"),
        ("overloaded", "failed"),
        ("model_not_found", "failed"),
        ("of_tomorrow", "failed"),
    ] {
        let message = format!(r#"{{"type":"assistant","error":"{error}","message":{{"content":[]}}}}"#);
        let result = r#"{"type":"result","subtype":"success","is_error":true,"result":"words"}"#;
        let (told, text) = hear(Dialect::ClaudeCode, &[&message, result]);
        assert_eq!(outcome(&told), [verdict, "words", ""], "{error}");
        assert_eq!(text, "words\n", "said once, where no message said it");
    }
}

#[test]
fn a_new_turn_takes_the_outcome_back() {
    let result =
        r#"{"type":"result","subtype":"success","is_error":false,"result":"x","num_turns":2,"total_cost_usd":0.5}"#;
    let message = r#"{"type":"assistant","message":{"content":[{"type":"text","text":"y"}]}}"#;
    let (told, _) = hear(Dialect::ClaudeCode, &[message, result, message]);
    assert_eq!(outcome(&told), ["", "", ""]);
    assert_eq!(activity(&told), ["busy", ""]);
    let (told, text) = hear(Dialect::ClaudeCode, &[message, result, message, result]);
    assert_eq!(told.get(Key::Turns), Some("4"));
    assert_eq!(told.get(Key::CostUsd), Some("0.5"));
    assert!(text.ends_with("— 4 turns, $0.5000\n"), "{text}");
}

#[test]
fn codex_shows_what_it_does() {
    let (told, text) = hear(
        Dialect::Codex,
        &[
            r#"{"type":"turn.started"}"#,
            r#"{"type":"item.started","item":{"id":"1","type":"command_execution","command":"bash -lc \"it's\""}}"#,
            r#"{"type":"item.started","item":{"id":"2","type":"mcp_tool_call","server":"s","tool":"t","arguments":{"query":"q"}}}"#,
            r#"{"type":"item.completed","item":{"id":"1","type":"command_execution","command":"x","exit_code":2,"status":"failed"}}"#,
            r#"{"type":"item.completed","item":{"id":"2","type":"mcp_tool_call","status":"failed","error":{"message":"gone"}}}"#,
            r#"{"type":"item.completed","item":{"id":"3","type":"file_change","changes":[{"path":"/a","kind":"update"},{"path":"/b","kind":"add"}],"status":"completed"}}"#,
            r#"{"type":"item.completed","item":{"id":"4","type":"web_search","query":"w"}}"#,
            r#"{"type":"item.completed","item":{"id":"5","type":"reasoning","text":"hm"}}"#,
            r#"{"type":"item.completed","item":{"id":"6","type":"command_execution","command":"rm x","status":"declined"}}"#,
            r#"{"type":"turn.completed","usage":{"input_tokens":5}}"#,
        ],
    );
    assert_eq!(outcome(&told), ["permission_denied", "refused: exec: rm x", ""]);
    assert_eq!(
        text,
        "• exec: \"it's\"\n• s.t: q\n  ! exited with status 2\n  ! gone\n• update: /a\n• add: /b\n• web_search: w\n\
         • exec: rm x\n  ! refused\n— 1 turn, 5 tokens in\n"
    );
}

#[test]
fn codex_may_end_without_saying_that_a_turn_failed() {
    let error = r#"{"type":"error","message":"unexpected status 401 Unauthorized"}"#;
    let (told, text) = hear(Dialect::Codex, &[error]);
    assert_eq!(outcome(&told), ["auth_failed", "unexpected status 401 Unauthorized", ""]);
    assert_eq!(text, "unexpected status 401 Unauthorized\n");
    let reconnects = r#"{"type":"error","message":"Reconnecting... 1/5 (unexpected status 401 Unauthorized)"}"#;
    assert_eq!(outcome(&hear(Dialect::Codex, &[reconnects]).0), ["-", "-", "-"]);
}

#[test]
fn gemini_tells_what_went_wrong() {
    let used = r#"{"type":"tool_use","tool_name":"run","tool_id":"1","parameters":{"command":"rm x"}}"#;
    let denied = r#"{"type":"tool_result","tool_id":"1","status":"error","error":{"type":"policy_violation","message":"denied by policy"}}"#;
    let success = r#"{"type":"result","status":"success","stats":{}}"#;
    let (told, text) = hear(Dialect::GeminiCli, &[used, denied, success]);
    assert_eq!(outcome(&told), ["permission_denied", "refused: run: rm x", ""]);
    assert_eq!(text, "• run: rm x\n  ! denied by policy\n");
    let turns = r#"{"type":"error","severity":"error","message":"Maximum session turns exceeded"}"#;
    assert_eq!(outcome(&hear(Dialect::GeminiCli, &[turns, success]).0)[0], "over_budget");
    let warning = r#"{"type":"error","severity":"warning","message":"Loop detected, stopping execution"}"#;
    assert_eq!(outcome(&hear(Dialect::GeminiCli, &[warning, success]).0)[0], "succeeded");
    for (kind, verdict) in [
        ("FatalAuthenticationError", "auth_failed"),
        ("FatalTurnLimitedError", "over_budget"),
        ("FatalCancellationError", "interrupted"),
        ("Error", "failed"),
    ] {
        let result = format!(r#"{{"type":"result","status":"error","error":{{"type":"{kind}","message":"words"}}}}"#);
        let (told, text) = hear(Dialect::GeminiCli, &[&result]);
        assert_eq!(outcome(&told), [verdict, "words", ""], "{kind}");
        assert_eq!(text, "words\n");
    }
}

#[test]
fn qwen_tells_its_error_in_two_places() {
    let result = r#"{"type":"result","subtype":"error_during_execution","is_error":true,"error":{"message":"429 Too Many Requests, retry after 9s"}}"#;
    let (told, text) = hear(Dialect::QwenCode, &[result]);
    assert_eq!(outcome(&told), ["rate_limited", "429 Too Many Requests, retry after 9s", "1795831209"]);
    assert_eq!(text, "429 Too Many Requests, retry after 9s\n");
    let denied = r#"{"type":"result","subtype":"success","result":"","permission_denials":[{"tool_name":"edit","tool_input":{"file_path":"/a"}}]}"#;
    assert_eq!(outcome(&hear(Dialect::QwenCode, &[denied]).0), ["permission_denied", "refused: edit: /a", ""]);
}

#[test]
fn opencode_stops_for_many_reasons() {
    let error = |name: &str, data: &str| format!(r#"{{"type":"error","error":{{"name":"{name}","data":{data}}}}}"#);
    for (error, told) in [
        (error("ProviderAuthError", r#"{"message":"no key"}"#), ["auth_failed", "no key", ""]),
        (error("MessageAbortedError", "{}"), ["interrupted", "MessageAbortedError", ""]),
        (error("APIError", r#"{"message":"x","statusCode":500}"#), ["failed", "x", ""]),
        (
            error("APIError", r#"{"message":"x","statusCode":429,"responseHeaders":{"retry-after":"30"}}"#),
            ["rate_limited", "x", "1795831230"],
        ),
        (
            error("APIError", r#"{"message":"x","statusCode":429,"responseBody":"{\"code\":\"insufficient_quota\"}"}"#),
            ["over_budget", "x", ""],
        ),
    ] {
        assert_eq!(outcome(&hear(Dialect::OpenCode, &[&error]).0), told, "{error}");
    }
    let step = r#"{"type":"step_finish","part":{"reason":"length","cost":0.25,"tokens":{"output":3,"reasoning":4}}}"#;
    let (told, text) = hear(Dialect::OpenCode, &[step]);
    assert_eq!(outcome(&told), ["failed", "the model stopped: length", ""]);
    assert_eq!(text, "— 1 turn, 7 out, $0.2500\n");
}

#[test]
fn cursor_says_what_its_documentation_says() {
    let (told, text) = hear(
        Dialect::Cursor,
        &[
            r#"{"type":"system","subtype":"init","session_id":"s1","model":"m","permissionMode":"default"}"#,
            r#"{"type":"user","message":{"role":"user","content":[{"type":"text","text":"p"}]},"session_id":"s1"}"#,
            r#"{"type":"assistant","message":{"role":"assistant","content":[{"type":"text","text":"I look."}]},"session_id":"s1"}"#,
            r#"{"type":"tool_call","subtype":"started","call_id":"1","tool_call":{"readToolCall":{"args":{"path":"a.txt"}}},"session_id":"s1"}"#,
            r#"{"type":"tool_call","subtype":"completed","call_id":"1","tool_call":{"readToolCall":{"args":{"path":"a.txt"}}},"session_id":"s1"}"#,
            r#"{"type":"tool_call","subtype":"started","call_id":"2","tool_call":{"function":{"name":"f","arguments":"{}"}},"session_id":"s1"}"#,
            r#"{"type":"result","subtype":"success","is_error":false,"result":"I look.","session_id":"s1"}"#,
        ],
    );
    assert_eq!(outcome(&told), ["succeeded", "", ""]);
    assert_eq!(told.get(Key::Session), Some("s1"));
    assert_eq!(text, "I look.\n• read: a.txt\n• f: {}\n");
}

#[test]
fn copilot_tells_that_it_was_interrupted_and_goes_on_after_an_error() {
    let begin = r#"{"type":"assistant.turn_start","data":{"turnId":"0"}}"#;
    let end = r#"{"type":"result","sessionId":"s1","exitCode":0}"#;
    let aborted = r#"{"type":"assistant.idle","data":{"aborted":true}}"#;
    let (told, _) = hear(Dialect::Copilot, &[begin, aborted, end]);
    assert_eq!(outcome(&told), ["interrupted", "", ""]);
    assert_eq!(told.get(Key::Session), Some("s1"));
    let error = r#"{"type":"session.error","data":{"errorType":"rate_limit","message":"slow","statusCode":429}}"#;
    let (told, _) = hear(Dialect::Copilot, &[begin, error, begin, end]);
    assert_eq!(outcome(&told), ["succeeded", "", ""]);
    let credit = r#"{"type":"model.call_failure","data":{"errorMessage":"{\"code\":\"insufficient_quota\"}"}}"#;
    let (told, _) = hear(Dialect::Copilot, &[begin, credit, error, end]);
    assert_eq!(outcome(&told), ["over_budget", "slow", ""]);
    let (told, _) = hear(Dialect::Copilot, &[begin, r#"{"type":"result","exitCode":1}"#]);
    assert_eq!(outcome(&told), ["failed", "", ""]);
}

const AIDER: &str = "Aider v0.86.2";

#[test]
fn aider_may_say_anything_before_it_counts() {
    let counted = "Tokens: 1.2k sent, 3 cache write, 12k cache hit, 6 received. Cost: $0.01 message, $0.03 session.";
    for words in ["litellm.AuthenticationError: x", "^C again to exit", "Traceback (most recent call last):"] {
        let (told, text) = hear(Dialect::Aider, &[AIDER, words, "", counted]);
        assert_eq!(outcome(&told), ["succeeded", "", ""]);
        assert!(text.contains(words));
    }
    let (told, _) = hear(Dialect::Aider, &[AIDER, counted, counted]);
    let used =
        [Key::InputTokens, Key::OutputTokens, Key::CacheReadTokens, Key::CacheWriteTokens, Key::CostUsd, Key::Turns];
    assert_eq!(used.map(|key| told.get(key).unwrap()), ["2400", "12", "24000", "6", "0.03", "2"]);
    let (told, _) =
        hear(Dialect::Aider, &[AIDER, "Tokens: 5k sent, 1 received.", "Cost: $0.01 message, $0.5 session."]);
    assert_eq!(told.get(Key::CostUsd), Some("0.5"));
}

#[test]
fn aider_ends_with_what_nothing_takes_back() {
    let counted = "Tokens: 1 sent, 6 received.";
    for (lines, told) in [
        (&["litellm.RateLimitError: slow", "Retrying in 0.2 seconds..."][..], ["-", "-", "-"]),
        (
            &["litellm.RateLimitError: x insufficient_quota"],
            ["over_budget", "litellm.RateLimitError: x insufficient_quota", ""],
        ),
        (&["litellm.BadRequestError: a", "b", "", "c"], ["failed", "litellm.BadRequestError: a b", ""]),
        (&[counted, "^C KeyboardInterrupt"], ["interrupted", "", ""]),
        (&[counted, "Model x has hit a token limit!"], ["failed", "Model x has hit a token limit!", ""]),
        // What it is told to do without a model.
        (&["Git commit abc"], ["-", "-", "-"]),
        (&["{\"type\":\"text\"}"], ["-", "-", "-"]),
    ] {
        let lines: Vec<&str> = [AIDER].into_iter().chain(lines.iter().copied()).collect();
        let (notices, text) = hear(Dialect::Aider, &lines);
        assert_eq!(outcome(&notices), told, "{lines:?}");
        assert_eq!(activity(&notices), ["idle", ""]);
        assert_eq!(text, lines.join("\n") + "\n");
    }
}

#[test]
fn aider_asks_on_a_line_that_has_no_end() {
    let mut stream = Stream::new(Dialect::Aider);
    let _ = stream.line(AIDER.as_bytes(), NOW);
    assert_eq!(stream.begun(b"Create new "), Said::default());
    let asked = stream.begun(b"Create new file? (Y)es/(N)o [Yes]: ");
    assert_eq!(activity(&asked.notices), ["waiting", "Create new file?"]);
    assert_eq!(asked.text, b"Create new file? (Y)es/(N)o [Yes]: ");
    // The answer and the end of its line are the terminal's.
    let next = b"Create new file? (Y)es/(N)o [Yes]: Add a.txt to the chat? (Y)es/(N)o/(D)on't ask again [Yes]: ";
    let asked = stream.begun(next);
    assert_eq!(activity(&asked.notices), ["waiting", "Add a.txt to the chat?"]);
    let said = stream.line(&[next, &b"Tokens: 5 sent, 6 received."[..]].concat(), NOW);
    assert_eq!(said.text, b"Tokens: 5 sent, 6 received.\n");
    assert_eq!(activity(&said.notices), ["busy", ""]);
    assert_eq!(outcome(&stream.end(NOW).notices), ["succeeded", "", ""]);
}

#[test]
fn hooks_ask_people() {
    let told = |dialect, payload: &str| {
        let told = hook(dialect, payload.as_bytes(), NOW);
        activity(&told).map(ToOwned::to_owned)
    };
    let claude = |payload| told(Dialect::ClaudeCode, payload);
    let gemini = r#"{"hook_event_name":"Notification","notification_type":"ToolPermission","message":"Tool Shell requires execution","details":{"type":"exec","command":"rm x"}}"#;
    assert_eq!(told(Dialect::GeminiCli, gemini), ["waiting", "Tool Shell requires execution: rm x"]);
    let codex = r#"{"hook_event_name":"PermissionRequest","tool_name":"Bash","tool_input":{"command":"rm x","description":"y"}}"#;
    assert_eq!(told(Dialect::Codex, codex), ["waiting", "Bash: rm x"]);
    assert_eq!(claude(r#"{"hook_event_name":"Elicitation","message":"Which?"}"#), ["waiting", "Which?"]);
    assert_eq!(claude(r#"{"hook_event_name":"ElicitationResult"}"#), ["busy", ""]);
    let asks = r#"{"hook_event_name":"Notification","notification_type":"elicitation_dialog","message":"Which?"}"#;
    assert_eq!(claude(asks), ["waiting", "Which?"]);
    assert_eq!(claude(r#"{"hook_event_name":"Notification","notification_type":"auth_success"}"#), ["-", "-"]);
    assert_eq!(claude(r#"{"hook_event_name":"SessionStart","source":"compact"}"#), ["-", "-"]);
    assert_eq!(claude(r#"{"hook_event_name":"SessionStart","source":"resume"}"#), ["idle", ""]);
    for began in ["BeforeAgent", "BeforeTool", "AfterTool"] {
        let payload = format!(r#"{{"hook_event_name":"{began}"}}"#);
        assert_eq!(told(Dialect::GeminiCli, &payload), ["busy", ""]);
    }
    assert_eq!(told(Dialect::OpenCode, codex), ["-", "-"]);
    assert_eq!(told(Dialect::Cursor, codex), ["-", "-"]);
    let opencode =
        r#"{"type":"permission.asked","properties":{"sessionID":"s","permission":"bash","patterns":["rm x"]}}"#;
    assert_eq!(told(Dialect::OpenCode, opencode), ["waiting", "bash: rm x"]);
    let opencode = r#"{"type":"question.asked","properties":{"questions":[{"question":"Which?"}]}}"#;
    assert_eq!(told(Dialect::OpenCode, opencode), ["waiting", "Which?"]);
    assert_eq!(told(Dialect::OpenCode, r#"{"type":"permission.replied","properties":{}}"#), ["busy", ""]);
    let over = hook(Dialect::GeminiCli, br#"{"hook_event_name":"AfterAgent","session_id":"s"}"#, NOW);
    assert_eq!(outcome(&over), ["succeeded", "", ""]);
    let forbidden =
        br#"{"hook_event_name":"StopFailure","error":"billing_error","last_assistant_message":"[API Error: 403 x]"}"#;
    assert_eq!(outcome(&hook(Dialect::QwenCode, forbidden, NOW))[0], "auth_failed");
    assert_eq!(outcome(&hook(Dialect::ClaudeCode, forbidden, NOW))[0], "over_budget");
}
