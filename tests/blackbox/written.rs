//! What agentd writes about itself: starter files, the schema, manual pages.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{AGENTD, Host};

const HARNESSES: [(&str, &str); 12] = [
    ("claude-code", "ANTHROPIC_API_KEY"),
    ("opencode", "ANTHROPIC_API_KEY"),
    ("gemini-cli", "GEMINI_API_KEY"),
    ("codex", "CODEX_API_KEY"),
    ("cursor", "CURSOR_API_KEY"),
    ("copilot", "COPILOT_GITHUB_TOKEN"),
    ("qwen-code", "OPENAI_API_KEY"),
    ("amp", "AMP_API_KEY"),
    ("crush", "ANTHROPIC_API_KEY"),
    ("aider", "ANTHROPIC_API_KEY"),
    ("goose", "ANTHROPIC_API_KEY"),
    ("custom", ""),
];

fn agentd(host: &Host, arguments: &[&str]) -> (i32, String, String) {
    let output = host.command(AGENTD).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn check(host: &Host, file: &Path) -> String {
    let (code, out, err) = agentd(host, &["check", file.to_str().unwrap()]);
    assert_eq!((code, &*err), (0, ""), "{out}");
    out.replace(file.to_str().unwrap(), "FILE")
}

#[test]
fn a_starter_file_is_right_for_every_harness() {
    let host = Host::new();
    for (harness, secret) in HARNESSES {
        for prompt in [None, Some("-a \"quoted\" \\ prompt\nof two lines \u{7f}")] {
            let prompt = prompt.map(|prompt| format!("--prompt={prompt}"));
            let arguments: Vec<&str> = ["init", harness].into_iter().chain(prompt.as_deref()).collect();
            let (code, text, err) = agentd(&host, &arguments);
            assert_eq!((code, &*err), (0, ""));
            assert!(text.contains(secret) && text.lines().all(|line| line.chars().count() <= 120), "{text}");
            let file = host.at("work/starter.toml");
            std::fs::write(&file, &text).unwrap();
            assert_eq!(check(&host, &file), format!("FILE: ok, 1 agent: {harness}\n"));
            // Each field that is commented out can be let in, one after the other.
            for field in text.lines().filter(|line| line.starts_with("# ") && line.contains(" = ")) {
                let with = text.replace(field, field.trim_start_matches("# "));
                std::fs::write(&file, &with).unwrap();
                if !field.starts_with("# prompt") {
                    assert_eq!(check(&host, &file).lines().count(), 1, "{field}");
                }
            }
        }
    }
    let (_, default, _) = agentd(&host, &["init"]);
    assert!(default.contains("\nharness = \"claude-code\"\n"), "{default}");
}

#[test]
fn a_file_that_exists_is_replaced_only_when_that_is_said() {
    let host = Host::new();
    let file = host.at("work/jcard.toml");
    let path = file.to_str().unwrap();
    assert_eq!(agentd(&host, &["init", "codex", path]).0, 0);
    let (code, _, err) = agentd(&host, &["init", "cursor", path]);
    assert_eq!(code, 1);
    assert!(err.contains("exists") && err.contains("--force"), "{err}");
    assert_eq!(check(&host, &file), "FILE: ok, 1 agent: codex\n");
    assert_eq!(agentd(&host, &["init", "cursor", path, "--force"]).0, 0);
    assert_eq!(check(&host, &file), "FILE: ok, 1 agent: cursor\n");
    assert_eq!(std::fs::read_dir(host.at("work")).unwrap().count(), 1, "nothing is left beside it");
    let (code, _, err) = agentd(&host, &["init", "codx"]);
    assert_eq!(code, 2);
    assert!(err.contains("codex"), "{err}");
}

#[test]
fn the_schema_is_json_of_one_line_for_programs() {
    let host = Host::new();
    let (code, text, err) = agentd(&host, &["schema"]);
    assert_eq!((code, &*err, text.lines().count()), (0, "", 1));
    let schema: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        schema["definitions"]["agent"]["properties"].as_object().unwrap().len(),
        agentd::desired::reference::REFERENCE.len()
    );
}

#[test]
fn every_command_has_a_manual_page_that_is_always_the_same_and_well_formed() {
    let host = Host::new();
    let pages = host.at("work/pages");
    assert_eq!(agentd(&host, &["man", "--out", pages.to_str().unwrap()]), (0, String::new(), String::new()));
    let mut names: Vec<String> =
        std::fs::read_dir(&pages).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let (_, help, _) = agentd(&host, &["--help"]);
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let commands = commands.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let mut expected: Vec<String> = commands
        .map(|line| format!("agentd-{}.1", line.split_whitespace().next().unwrap()))
        .filter(|name| name != "agentd-help.1")
        .chain(["agentd.1".to_owned(), "jcard.toml.5".to_owned()])
        .collect();
    expected.sort();
    assert_eq!(names, expected);
    for name in names {
        let page = std::fs::read_to_string(pages.join(&name)).unwrap();
        for part in [".SH NAME", ".SH \"SEE ALSO\""] {
            assert!(page.contains(part), "{name} has no {part}");
        }
        if let Some(warnings) = warnings_of_groff(&page) {
            assert_eq!(warnings, "", "{name}");
        }
    }
    let (_, one, _) = agentd(&host, &["man"]);
    assert_eq!(one, std::fs::read_to_string(pages.join("agentd.1")).unwrap());
}

/// Every warning that groff knows; none, and a loud word, if there is no groff.
fn warnings_of_groff(page: &str) -> Option<String> {
    let child = Command::new("groff")
        .args(["-man", "-ww", "-z", "-Kutf8", "-Tutf8"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("SKIPPED: without groff nobody checks the manual pages");
        return None;
    };
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), page.as_bytes()).unwrap();
    Some(String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap())
}
