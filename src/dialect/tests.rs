//! What real programs said, through what understands them. `tests/fixtures` says how it was recorded.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::model::Key;

/// When the fixtures were recorded, more or less.
const NOW: Moment = Moment { unix: 1_795_831_200, utc_offset: 0 };

fn fixtures(kind: &str, dialect: Dialect) -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(kind).join(dialect.as_str());
    let files = std::fs::read_dir(directory).into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|kind| kind == "jsonl" || kind == "txt")).collect();
    files.sort();
    files
        .iter()
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read(path).unwrap()))
        .collect()
}

/// How the program ended that a fixture was recorded of.
fn exit(dialect: Dialect, name: &str) -> String {
    let file = format!("tests/fixtures/streams/{}/{name}.exit", dialect.as_str());
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap().trim().to_owned()
}

/// What is told, as one line.
fn line(notices: &Notices) -> String {
    notices.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" | ")
}

/// What came of a stream: all that was told, what is left of it in the end, and the text.
fn hear(dialect: Dialect, stream: &[u8]) -> (Vec<Notices>, Notices, String) {
    let mut speech = Stream::new(dialect);
    let lines = stream.split_inclusive(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\n").unwrap_or(line));
    let mut said: Vec<Said> = lines.map(|line| speech.line(line, NOW)).collect();
    said.push(speech.end(NOW));
    let text = said.iter().flat_map(|said| said.text.clone()).collect();
    let told: Vec<Notices> = said.into_iter().map(|said| said.notices).filter(|notices| !notices.is_empty()).collect();
    let mut left = Notices::new();
    for notices in &told {
        left.update(notices.clone());
    }
    (told, left, String::from_utf8(text).unwrap())
}

fn report(dialect: Dialect) -> String {
    let mut report = String::new();
    for (name, stream) in fixtures("streams", dialect) {
        let (told, _, text) = hear(dialect, &stream);
        writeln!(report, "=== {name}").unwrap();
        for notices in &told {
            writeln!(report, "[{}]", line(notices)).unwrap();
        }
        report += &text;
    }
    report
}

#[test]
fn streams_of_claude() {
    insta::assert_snapshot!(report(Dialect::ClaudeCode));
}

#[test]
fn streams_of_codex() {
    insta::assert_snapshot!(report(Dialect::Codex));
}

#[test]
fn streams_of_gemini() {
    insta::assert_snapshot!(report(Dialect::GeminiCli));
}

#[test]
fn streams_of_qwen() {
    insta::assert_snapshot!(report(Dialect::QwenCode));
}

#[test]
fn streams_of_opencode() {
    insta::assert_snapshot!(report(Dialect::OpenCode));
}

#[test]
fn streams_of_copilot() {
    insta::assert_snapshot!(report(Dialect::Copilot));
}

#[test]
fn streams_of_aider() {
    insta::assert_snapshot!(report(Dialect::Aider));
}

/// The outcome that is expected of each fixture by its name, where it is the same whoever said it.
fn expected(name: &str) -> Option<&'static str> {
    match name.strip_prefix("plan_").unwrap_or(name) {
        "success" | "tool" => Some("succeeded"),
        "wrong_key" => Some("auth_failed"),
        "rate_limited" | "used_up" => Some("rate_limited"),
        "over_budget" | "max_turns" => Some("over_budget"),
        "broken" | "overloaded" | "no_conversation" => Some("failed"),
        // What ended it tells its exit status, if the harness doesn't.
        "sigterm" => None,
        _ => panic!("{name} is expected to be something"),
    }
}

#[test]
fn outcomes_are_what_happened() {
    for dialect in Dialect::ALL {
        for (name, stream) in
            fixtures("streams", dialect).into_iter().filter(|(name, _)| !name.starts_with("interactive-"))
        {
            let expected = match (dialect, &*name) {
                // It was killed while it asked its provider again and again, and had said nothing of it.
                _ if exit(dialect, &name) == "ignored the signal" => None,
                (Dialect::ClaudeCode | Dialect::QwenCode | Dialect::OpenCode | Dialect::Copilot, "refused") => {
                    Some("permission_denied")
                }
                (Dialect::ClaudeCode | Dialect::Aider, "sigint") => Some("interrupted"),
                // It says nothing of it.
                (_, "sigint") | (Dialect::QwenCode, "max_turns") => None,
                // They do what they may, and don't say that there was more.
                (_, "refused") => Some("succeeded"),
                (_, name) => expected(name),
            };
            let (_, left, _) = hear(dialect, &stream);
            if stream.is_empty() {
                assert!(left.is_empty());
                continue;
            }
            assert_eq!(left.get(Key::Outcome), expected, "{} {name}", dialect.as_str());
            // A conversation that there isn't is none to go on with.
            let has_session = left.get(Key::Session).is_some_and(|id| id.len() >= 20);
            let tells = match dialect {
                Dialect::Aider => false,
                // At its end.
                Dialect::Copilot => expected.is_some(),
                Dialect::ClaudeCode
                | Dialect::Codex
                | Dialect::GeminiCli
                | Dialect::QwenCode
                | Dialect::OpenCode
                | Dialect::Cursor => name != "no_conversation",
            };
            assert_eq!(has_session, tells, "{} {name}", dialect.as_str());
            // Aider's end is that of its output, whatever it was.
            let activity = if expected.is_some() || dialect == Dialect::Aider { "idle" } else { "busy" };
            assert_eq!(left.get(Key::Activity), Some(activity), "{} {name}", dialect.as_str());
        }
    }
}

#[test]
fn hooks_tell_what_they_are_handed() {
    let mut report = String::new();
    for dialect in Dialect::ALL {
        for (name, payloads) in fixtures("hooks", dialect) {
            writeln!(report, "=== {} {name}", dialect.as_str()).unwrap();
            for payload in payloads.split(|byte| *byte == b'\n').filter(|payload| !payload.is_empty()) {
                writeln!(report, "[{}]", line(&hook(dialect, payload, NOW))).unwrap();
            }
        }
    }
    insta::assert_snapshot!(report);
}

/// Something like an event: the keys that are looked for, with anything in them.
fn event() -> impl Strategy<Value = Value> {
    const KEYS: [&str; 24] = [
        "type",
        "subtype",
        "message",
        "content",
        "text",
        "name",
        "input",
        "command",
        "item",
        "id",
        "status",
        "error",
        "data",
        "usage",
        "result",
        "errors",
        "modelUsage",
        "part",
        "state",
        "tokens",
        "cache",
        "tool_call",
        "is_error",
        "session_id",
    ];
    const WORDS: [&str; 18] = [
        "system",
        "init",
        "assistant",
        "user",
        "result",
        "text",
        "tool_use",
        "tool_result",
        "error",
        "success",
        "item.started",
        "item.completed",
        "turn.failed",
        "command_execution",
        "step_finish",
        "message",
        "rejected",
        "\u{1b}[2J",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0..WORDS.len()).prop_map(|at| Value::from(WORDS[at])),
        ".{0,30}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        let fields = prop::collection::vec((0..KEYS.len(), inner.clone()), 0..8);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            fields.prop_map(|fields| fields.into_iter().map(|(at, value)| (KEYS[at].to_owned(), value)).collect()),
        ]
    })
}

/// A line that a harness may write: an event, nearly one, or a fixture's with something else in the place of a few bytes.
fn any_line() -> impl Strategy<Value = Vec<u8>> {
    let recorded: Vec<Vec<u8>> = Dialect::ALL
        .into_iter()
        .flat_map(|dialect| [fixtures("streams", dialect), fixtures("hooks", dialect)].concat())
        .flat_map(|(_, lines)| lines.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>())
        .filter(|line| line.len() < 2000)
        .collect();
    let mutant = (0..recorded.len(), any::<usize>(), "[a-z0-9\"{},:\\[\\]]{0,3}").prop_map(move |(line, at, with)| {
        let mut line = recorded[line].clone();
        let at = at % (line.len() + 1);
        let end = (at + with.len()).min(line.len());
        line.splice(at..end, with.bytes());
        line
    });
    let word = prop_oneof![Just("assistant"), Just("result"), Just("system"), Just("item.completed"), Just("error")];
    let typed = (event(), word).prop_map(|(mut event, word)| {
        if let Value::Object(fields) = &mut event {
            fields.insert("type".to_owned(), word.into());
        }
        event.to_string().into_bytes()
    });
    prop_oneof![4 => mutant, 2 => typed, 1 => any::<Vec<u8>>()]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_said_is_whole_lines_and_small_notices(lines in prop::collection::vec(any_line(), 1..8)) {
        for dialect in Dialect::ALL {
            let mut stream = Stream::new(dialect);
            let mut said: Vec<Said> = lines.iter().map(|line| stream.line(line, NOW)).collect();
            said.push(stream.end(NOW));
            for said in &said {
                prop_assert!(said.text.is_empty() || said.text.ends_with(b"\n"));
                prop_assert!(said.notices.encode().len() <= Notices::MAX_DATAGRAM);
                let told = |key| said.notices.get(key).is_some();
                prop_assert!(told(Key::Activity) == told(Key::Question) && told(Key::Activity) == told(Key::ActivitySource));
                prop_assert!(told(Key::Outcome) == told(Key::Detail) && told(Key::Outcome) == told(Key::ResetAt));
            }
            for line in &lines {
                let _ = hook(dialect, line, NOW);
            }
        }
    }
}
