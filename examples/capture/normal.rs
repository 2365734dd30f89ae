//! Writes alike what differs each time, so that what is stored changes only with what an agent says.

use std::collections::HashMap;
use std::path::Path;

use regex::{Captures, Regex};

pub fn normal(text: &str, home: &Path, port: u16) -> String {
    let home = home.to_str().unwrap();
    let dashed: String = home.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    let text = text.replace(home, "/home/agent").replace(&dashed, "-home-agent").replace(&port.to_string(), "PORT");
    let text = numbered(&text, r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", |n| {
        format!("00000000-0000-4000-8000-{n:012}")
    });
    let text = numbered(&text, r"\b(?:ses|msg|prt|per|evt|que)_[0-9a-zA-Z]{20,}", |n| format!("id_{n:026}"));
    let times = [
        (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)", "2030-01-01T00:00:00.000Z"),
        (r"\b1[789]\d{11}\b", "1893456000000"),
        (r"\b1[789]\d{8}\b", "1893456000"),
        (r#""slug":"[a-z-]+""#, r#""slug":"a-name""#),
        (r"run_shell_command_\d+_\d+", "run_shell_command_1"),
        (r#""path":"tmp/[^"]*""#, r#""path":"home/agent""#),
        (r"Process Group PGID: \d+", "Process Group PGID: 1"),
        (r"file:///\S+/node_modules/", "file:///opt/agents/node_modules/"),
        (r"-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z", "-2030-01-01T00-00-00-000Z"),
        (r"/cc-socks-\d+/\d+", "/cc-socks-1000/1"),
        (r#"("[a-zA-Z]*(?:DurationMs|durationMs|BodyBytes|BodyWireBytes)"):[0-9]+"#, "$1:1"),
        (r"retry wait time: [0-9.]+ s", "retry wait time: 1 s"),
        (r"try again at [0-9: ]+[AP]M", "try again at 1:00 AM"),
        (r"resets [0-9:]+[ap]m", "resets 1:00am"),
        (r#""(time_to_request_ms|first_content_frame_ms|retry_delay_ms|seconds|waitedMs)":[0-9.]+"#, r#""$1":1"#),
        (r#"("[a-z_]*(?:duration|ttft|latency)[a-z_]*(?:ms)?"):[0-9.]+"#, "$1:1"),
    ];
    times
        .iter()
        .fold(text, |text, (pattern, instead)| Regex::new(pattern).unwrap().replace_all(&text, *instead).into_owned())
}

/// Each in the order in which it is first seen.
fn numbered(text: &str, pattern: &str, name: impl Fn(usize) -> String) -> String {
    let mut seen = HashMap::new();
    let instead = |found: &Captures<'_>| {
        let next = seen.len() + 1;
        name(*seen.entry(found[0].to_owned()).or_insert(next))
    };
    Regex::new(pattern).unwrap().replace_all(text, instead).into_owned()
}
