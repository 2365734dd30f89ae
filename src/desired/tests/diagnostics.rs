//! Golden reports, one a kind of mistake. Every value that must not be seen has `sk-` in it.

use proptest::prelude::*;

use super::*;

/// Reports of several files, one after the other.
fn reports(configs: &[&str]) -> String {
    let one = |config: &&str| {
        let report = report(config);
        assert!(!report.contains("sk-"), "a value leaked:\n{report}");
        report
    };
    configs.iter().map(one).collect::<Vec<_>>().join("\n\n────\n")
}

/// `[agent]`, a harness, and one more line.
fn lines(lines: &[&str]) -> String {
    let configs: Vec<String> =
        lines.iter().map(|line| format!("[agent]\nharness = \"claude-code\"\n{line}\n")).collect();
    reports(&configs.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn every_mistake_of_a_file_is_reported_at_once() {
    let config = r#"
# The agents of this machine.
[other]
token = "sk-0"

[agent]
harness = "claud-code"
restart = "on_failure"
max_restarts = -1
promt = "sk-1 do it"

[[agents]]
name = "a.b"
harness = "codex"
timeout = 30
env = { API_KEY = 1, OTHER = "sk-2" }

[[agents]]
name = "A.B"
harness = "codex"
workdir = "src"
session = "fine"
backoff = "1m"
backoff_max = "30s"
"#;
    insta::assert_snapshot!(reports(&[config]));
}

#[test]
fn words() {
    insta::assert_snapshot!(reports(&[
        "[agent]\n",
        "[agent]\nharness = 3\n",
        "[agent]\nharness = \"claude\"\n",
        "[agent]\nharness = \"gpt\"\n",
        "[agent]\nharness = \"codex\"\ntype = \"sandboxed\"\n",
        "[agent]\nharness = \"codex\"\ntype = \"nativ\"\n",
        "[agent]\nharness = \"codex\"\npermissions = \"by-pass\"\n",
        "[agent]\nharness = \"codex\"\nrestart = true\n",
    ]));
}

#[test]
fn types() {
    insta::assert_snapshot!(lines(&[
        "name = 3",
        "model = [\"sk-1\"]",
        "args = \"--verbose sk-1\"",
        "args = [\"--key=sk-1\", 3]",
        "args = [\n  \"--key=sk-1\",\n  3, # sk-2\n]",
        "env = [\"KEY=sk-1\"]",
        "max_restarts = \"3\"",
        "max_restarts = 1.5",
        "replicas = 0",
        "replicas = 4097",
        "replicas = 99999999999999999999",
        "prompt = \"a\\u0000b\"",
        "prompt = { text = \"sk-1\" }",
    ]));
}

#[test]
fn durations() {
    insta::assert_snapshot!(lines(&[
        "timeout = 30",
        "timeout = \"30\"",
        "timeout = \"soon\"",
        "timeout = \"3 parsecs\"",
        "timeout = \"-3s\"",
        "timeout = \"\"",
        "timeout = \"0s\"",
        "timeout = true",
        "grace_period = \"999999999999y\"",
        "backoff = \"1m\"\nbackoff_max = \"30s\"",
    ]));
}

#[test]
fn environments() {
    insta::assert_snapshot!(lines(&[
        "env = { API_KEY = 123, \"A=B\" = \"sk-1\", \"\" = \"sk-2\" }",
        "[agent.env]\nA = true\nB = \"sk-1\\u0000\"\nC = { D = \"sk-2\" }",
        "env.A = [\"sk-1\"]",
        "secrets = [\"MISSING\"]",
        "secrets = \"A\"",
    ]));
}

#[test]
fn names_and_sessions() {
    insta::assert_snapshot!(reports(&[
        "[agent]\nharness = \"codex\"\nname = \"\"\n",
        "[agent]\nharness = \"codex\"\nname = \"a/b\"\n",
        "[agent]\nharness = \"codex\"\nname = \" a\"\n",
        "[agent]\nharness = \"codex\"\nname = \"gpt-4.1\"\n",
        "[agent]\nharness = \"codex\"\nsession = \"a:b\"\n",
        "[agent]\nharness = \"codex\"\nsession = \"_agentd\"\n",
        "[[agents]]\nharness = \"codex\"\nname = \"Rev\"\n[[agents]]\nharness = \"codex\"\nname = \"rev\"\n",
        "[[agents]]\nharness = \"codex\"\nname = \"rev-1\"\n[[agents]]\nharness = \"codex\"\nname = \"rev\"\nreplicas = 3\n",
        "[[agents]]\nharness = \"codex\"\n[[agents]]\nharness = \"cursor\"\nname = \"codex\"\n",
        "[[agents]]\nharness = \"codex\"\nsession = \"s\"\n[[agents]]\nharness = \"cursor\"\nsession = \"s\"\n",
        "agents = [{ harness = \"codex\", env = { A = \"sk-1\" } }, { harness = \"cursor\", name = \"codex\" }]\n",
    ]));
}

#[test]
fn a_name_that_is_wrong_is_reported_once_for_all_replicas() {
    let loaded = Ground::new("[agent]\nharness = \"codex\"\nname = \"a/b\"\nreplicas = 3\n").load();
    assert_eq!(loaded.result.unwrap_err().diagnostics.len(), 1);
}

#[test]
fn what_a_harness_does_not_have() {
    insta::assert_snapshot!(reports(&[
        "[agent]\nharness = \"opencode\"\npermissions = \"accept-edits\"\n",
        "[agent]\nharness = \"custom\"\npermissions = \"bypass\"\nmodel = \"m\"\n",
        "[agent]\nharness = \"codex\"\ncommand = [\"x\", \"sk-1\"]\n",
        "[agent]\nharness = \"codex\"\nprompt = \"-\"\n",
        "[agent]\nharness = \"codex\"\nmodel = \"-m\"\n",
        "[agent]\nharness = \"custom\"\ncommand = []\n",
        "[agent]\nharness = \"custom\"\ncommand = [\"x\", \"{prompt}\"]\n",
    ]));
}

#[test]
fn shapes_of_the_file() {
    insta::assert_snapshot!(reports(&[
        "",
        " \n\t\n",
        "\0\0\0",
        "# nothing runs\n",
        "[other]\nagent = 1\n",
        "agent = 3\n",
        "[[agent]]\nharness = \"codex\"\n",
        "[agents]\nharness = \"codex\"\n",
        "agents = [1, \"sk-1\"]\n",
        "agents = []\n",
    ]));
}

#[test]
fn syntax_errors_show_nothing_but_our_own_words() {
    insta::assert_snapshot!(reports(&[
        "[agent]\nharness = \"codex\nmodel = \"m\"\n",
        "[agent\nharness = \"codex\"\n",
        "[agent]\nharness = \"codex\"\nharness = \"codex\"\n",
        "[agent]\nenv = { KEY = sk-1 }\n",
        "[agent.env]\nKEY = sk-1\n",
        "[stereos]\ntoken = \"sk-1\n[agent]\nharness = codex\n",
        "sk-1\n",
        "[agent]\nprompt = \"\"\"\nsk-1 == sk-2\n",
        "[agent]\nkey = \"\\q sk-1\"\n",
    ]));
}

#[test]
fn each_line_has_its_first_syntax_error_in_whatever_order_they_are_found() {
    // The parser looks at what values are when it has read the whole file: that of line 3 it finds last.
    let config = "[agent]\nmodel = codex = fast\nharness = codex\nname = = a\n";
    let error = Ground::new(config).load().result.unwrap_err();
    assert_eq!(error.diagnostics.iter().map(Diagnostic::line).collect::<Vec<_>>(), [Some(2), Some(3), Some(4)]);
}

#[test]
fn texts_that_are_not_utf_8() {
    let ground = Ground::new(b"[agent]\nmodel = \"\xff sk-1\"\n");
    insta::assert_snapshot!(ground.report());
}

#[test]
fn prompt_files() {
    let config = |file: &str| format!("[agent]\nharness = \"codex\"\nprompt_file = \"{file}\"\n");
    let with = |content: &[u8]| {
        let ground = Ground::new(config("p.md"));
        ground.write("p.md", content);
        ground.report()
    };
    let both = Ground::new(config("p.md") + "prompt = \"sk-1\"\n");
    both.write("p.md", "do it");
    let all = [
        report(&config("missing.md")),
        report(&config("secrets")),
        report(&config("")),
        with(b""),
        with(b"\n"),
        with(b"a\0b"),
        with(&vec![b'x'; MAX + 1]),
        with(&vec![b'x'; 2 << 20]),
        both.report(),
    ];
    insta::assert_snapshot!(all.join("\n\n────\n"));
}

const MAX: usize = fields::MAX_ARGUMENT;

#[test]
fn arguments_that_are_too_long() {
    let long = "x".repeat(MAX + 1);
    let fits = "x".repeat(MAX - 2);
    insta::assert_snapshot!(reports(&[
        &format!("[agent]\nharness = \"codex\"\nprompt = \"{long}\"\n"),
        &format!("[agent]\nharness = \"codex\"\nargs = [\"{long}\"]\n"),
        &format!("[agent]\nharness = \"codex\"\nenv = {{ A = \"{long}\" }}\n"),
        &format!("[agent]\nharness = \"codex\"\nenv = {{ A = \"{fits}\" }}\n"),
        &format!("[agent]\nharness = \"custom\"\ncommand = [\"x\", \"--p={{prompt}}\"]\nprompt = \"{fits}\"\n"),
    ]));
}

#[test]
fn what_can_not_be_read() {
    let no_config = Ground::new("x");
    std::fs::remove_file(no_config.path("jcard.toml")).unwrap();
    let directory = Ground::new("x");
    std::fs::remove_file(directory.path("jcard.toml")).unwrap();
    std::fs::create_dir(directory.path("jcard.toml")).unwrap();
    let no_secrets = Ground::new("[agent]\nharness = \"codex\"\n");
    std::fs::remove_dir(no_secrets.path("secrets")).unwrap();
    let absent = no_secrets.report();
    no_secrets.write("secrets", "");
    insta::assert_snapshot!([no_config.report(), directory.report(), absent, no_secrets.report()].join("\n\n────\n"));
}

#[test]
fn colours_are_the_same_text() {
    let loaded = Ground::new("[agent]\nharness = \"codx\"\n").load();
    let diagnostic = &loaded.result.unwrap_err().diagnostics[0];
    let colour = diagnostic.render(Look::Colour);
    assert!(colour.contains("\x1b["));
    assert_eq!((diagnostic.line(), diagnostic.column()), (Some(2), Some(11)));
    let plain = diagnostic.render(Look::Plain);
    assert!(plain.contains("jcard.toml:2:11"));
    assert_eq!(diagnostic.to_string(), plain);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in ".{0,200}") {
        Ground::new(text).load();
    }

    #[test]
    fn no_mixture_of_pieces_panics_or_shows_a_value(pieces in prop::collection::vec(prop::sample::select(vec![
        "[agent]\n", "[[agents]]\n", "[agent.env]\n", "agents = [", "{", "}", "]", ", ", "\n", "harness = ", "\"codex\"", "\"custom\"",
        "env", " = ", "KEY = ", "\"sk-1\"", "'sk-2'", "\"\"\"sk-3\n", "sk-4", "name = ", "prompt = ", "args = [", "timeout = ", "30", "\"1h\"",
        "ä", "\0", "=", "\"", "# sk-5\n", "secrets = ", "replicas = ", "2",
    ]), 0..30)) {
        let report = report(&pieces.concat());
        // In a field that takes a word, the word is shown, and must be: it says what is wrong.
        if !pieces.iter().any(|piece| ["harness = ", "name = ", "timeout = ", "secrets = ", "replicas = "].contains(piece)) {
            prop_assert!(!report.contains("sk-"), "{}", report);
        }
    }
}
