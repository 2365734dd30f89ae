//! Golden argvs of every harness.

use std::fmt::Write as _;

use super::*;

fn find(name: &str) -> Option<&'static Arc<Harness>> {
    Harnesses::builtin().find(name)
}

fn argv(name: &str, request: &Request) -> String {
    match find(name).unwrap().argv(request) {
        Ok(argv) => argv.words.iter().map(|word| String::from_utf8_lossy(word)).collect::<Vec<_>>().join("│"),
        Err(unsupported) => format!("{unsupported:?}"),
    }
}

fn with(prompt: &str) -> Request<'_> {
    Request { prompt: Some(prompt.as_bytes()), ..Request::default() }
}

/// Prints one harness: by itself, and in each mode, without and with a prompt, with everything, with each level of
/// permissions, with awkward prompts.
fn golden(harness: &Harness) -> String {
    let name = &*harness.name;
    let args: &[&str] = &["--extra", "1"];
    let permissions = |level| Request { permissions: Some(level), ..with("do it") };
    let bypass = Request { permissions: Some(Permissions::Bypass), ..Request::default() };
    let requests = [
        ("bare", Request::default()),
        ("bare + args", Request { args, ..Request::default() }),
        ("bare, model", Request { model: Some("m1"), ..Request::default() }),
        ("bare, bypass", bypass),
        ("prompt", with("do it")),
        ("prompt + args", Request { args, ..with("do it") }),
        ("model + args", Request { args, model: Some("m1"), ..with("do it") }),
        ("default", permissions(Permissions::Default)),
        ("accept-edits", permissions(Permissions::AcceptEdits)),
        ("bypass", permissions(Permissions::Bypass)),
        ("dash", with("--version")),
        ("lone dash", with("-")),
        ("subcommand", with("mcp")),
    ];
    // After what a run that goes on with a conversation is given stands what gives a fresh one its name.
    let resumed = |request: &Request| match (harness.sessions(request), harness.resumed(request)) {
        (Some((fresh, options)), Some((mut resumed, place))) => {
            resumed.words.splice(place..place, options.iter().map(|option| option.clone().into_bytes()));
            let words: Vec<_> = resumed.words.iter().map(|word| String::from_utf8_lossy(word)).collect();
            format!("{} ({})", words.join("│"), fresh.join("│"))
        }
        (None, _) | (_, None) => "never".to_owned(),
    };
    let mut text =
        format!("bare           {}\nprompt         {}\n", argv(name, &Request::default()), argv(name, &with("do it")));
    for mode in Mode::ALL {
        let interrupt = harness.form(mode).map(|form| form.interrupt);
        writeln!(text, "\n{}: {interrupt:?}", mode.word()).unwrap();
        for (what, request) in &requests {
            writeln!(text, "{what:<14} {}", argv(name, &Request { mode: Some(mode), ..*request })).unwrap();
        }
        for (what, request) in
            [("resumed, bare", requests[0].1), ("resumed", requests[6].1), ("resumed, dash", requests[10].1)]
        {
            writeln!(text, "{what:<14} {}", resumed(&Request { mode: Some(mode), ..request })).unwrap();
        }
    }
    text
}

#[test]
fn every_harness_is_run_as_its_manual_says() {
    for harness in Harnesses::builtin().iter() {
        insta::assert_snapshot!(format!("{}", harness.name), golden(harness));
    }
}

#[test]
fn nothing_is_wrong_with_what_agentd_knows_by_itself() {
    assert!(read::builtin_from(include_str!("builtin.toml")).1);
    assert!(!read::builtin_from("[harness.x]\nprogramme = 3\n").1);
    let names: Vec<&str> = Harnesses::builtin().names().collect();
    assert_eq!((names.first(), names.last(), names.len()), (Some(&"claude-code"), Some(&"custom"), 12));
}

/// What runs with a version of agentd must be what runs with the next: else an upgrade replaces it.
#[test]
fn what_was_run_before_there_were_modes_is_run_still() {
    for (name, bare, prompt) in [
        ("claude-code", "claude", "claude│-p│do it"),
        ("opencode", "opencode", "opencode│--prompt│do it"),
        ("gemini-cli", "gemini", "gemini│do it"),
        ("codex", "codex", "codex│exec│do it"),
        ("cursor", "cursor-agent", "cursor-agent│-p│do it"),
        ("custom", "agent", "agent│do it"),
    ] {
        assert_eq!((argv(name, &Request::default()), argv(name, &with("do it"))), (bare.to_owned(), prompt.to_owned()));
    }
}

#[test]
fn custom_command() {
    let command: &[&str] = &["/bin/x", "--ask={prompt}", "{prompt}", "-v"];
    let request =
        |prompt: Option<&'static [u8]>, command| Request { command: Some(command), prompt, ..Request::default() };
    let custom = |request: &Request| argv("custom", request);
    assert_eq!(custom(&request(Some(b"say {prompt}"), command)), "/bin/x│--ask=say {prompt}│say {prompt}│-v");
    assert_eq!(custom(&request(None, command)), "[Placeholder]");
    assert_eq!(custom(&request(Some(b"hi"), &["/bin/x", "-v"])), "/bin/x│-v│hi");
    assert_eq!(custom(&request(None, &["/bin/x", "-v"])), "/bin/x│-v");
    assert_eq!(custom(&request(Some(b"hi"), &["{prompt}", "-v"])), "{prompt}│-v│hi");
    let args = Request { args: &["--in={prompt}"], ..request(Some(b"hi"), &["/bin/x", "-v"]) };
    assert_eq!(custom(&args), "/bin/x│-v│--in=hi");
    let model = Request { model: Some("m"), permissions: Some(Permissions::Bypass), ..Request::default() };
    assert_eq!(custom(&model), "[Permissions(Interactive), Model(Interactive)]");
}

#[test]
fn a_prompt_is_passed_byte_for_byte() {
    let prompt = b"\xff \n'\"$(x)`y`\x1b;";
    for harness in Harnesses::builtin().iter() {
        let request = Request { prompt: Some(prompt), ..Request::default() };
        let argv = harness.argv(&request).unwrap();
        assert_eq!(argv.words.last().unwrap(), prompt, "{}", harness.name);
    }
    let argv = find("custom").unwrap().argv(&Request {
        command: Some(&["x", "{prompt}"]),
        prompt: Some(prompt),
        ..Request::default()
    });
    assert_eq!(argv.unwrap().words[1], prompt);
}

#[test]
fn a_harness_is_asked_for_its_events_unless_an_agent_says_what_it_prints() {
    let claude = find("claude-code").unwrap();
    let asked = |args: &[&str], mode| {
        let request = Request { args, mode: Some(mode), ..with("do it") };
        claude.events(&request).map(|events| (events.args.len(), events.filter))
    };
    assert_eq!(asked(&[], Mode::Headless), Some((3, Some(Dialect::ClaudeCode))));
    assert_eq!(asked(&[], Mode::Interactive), Some((2, None)));
    assert_eq!(asked(&["--add-dir", "/x"], Mode::Headless), Some((3, Some(Dialect::ClaudeCode))));
    for args in [&["--output-format", "json"][..], &["--output-format=json"], &["--verbose"]] {
        assert_eq!(asked(args, Mode::Headless), None, "{args:?}");
    }
    assert_eq!(asked(&["--settings", "mine.json"], Mode::Interactive), None);
    let gemini = Request { args: &["-o", "json"], mode: Some(Mode::Headless), ..with("do it") };
    assert_eq!(find("gemini-cli").unwrap().events(&gemini), None);
    assert_eq!(find("custom").unwrap().events(&with("do it")), None);
}

#[test]
fn who_names_a_conversation_in_its_args_is_given_none() {
    let given = |name, mode, args: &[&str]| {
        find(name).unwrap().sessions(&Request { args, mode: Some(mode), ..with("do it") }).is_some()
    };
    for mode in Mode::ALL {
        assert!(given("claude-code", mode, &["--verbose"]));
        for own in ["--resume", "--resume=5f", "-r", "-c", "--continue", "--session-id=5f", "--fork-session"] {
            assert!(!given("claude-code", mode, &["--verbose", own]), "{own}");
        }
        // Here these are its sandbox and its settings.
        assert!(given("codex", mode, &["-s", "read-only", "-c", "a=1"]));
        for own in ["resume", "fork", "--"] {
            assert!(!given("codex", mode, &[own, "5f"]), "{own}");
        }
    }
    assert!(
        given("gemini-cli", Mode::Headless, &["--yolo"]) && !given("gemini-cli", Mode::Headless, &["-r", "latest"])
    );
    assert!(!given("opencode", Mode::Headless, &["-s", "ses_1"]) && !given("opencode", Mode::Headless, &["-c"]));
    assert!(!given("opencode", Mode::Interactive, &[]) && !given("custom", Mode::Headless, &[]));
}

#[test]
fn claudes_hooks_are_settings_that_it_can_read() {
    let request = Request { mode: Some(Mode::Interactive), ..Request::default() };
    let args = find("claude-code").unwrap().events(&request).unwrap().args;
    let settings: serde_json::Value = serde_json::from_str(&args[1]).unwrap();
    let hooks = settings["hooks"].as_object().unwrap();
    assert!(hooks.len() >= 9, "{settings}");
    for hook in hooks.values() {
        assert_eq!(hook[0]["hooks"][0]["command"], "{agentd} hook claude-code");
    }
}

#[test]
fn limits_are_told_to_whom_knows_them() {
    let limits = Limits { turns: std::num::NonZeroU32::new(5), cost_micros: Some(2_500_000) };
    let told = |name: &str, mode, limits, args: &[&str]| {
        argv(name, &Request { mode: Some(mode), limits, args, ..with("do it") })
    };
    let claude = told("claude-code", Mode::Headless, limits, &["--x"]);
    assert_eq!(claude, "claude│--max-turns│5│--max-budget-usd│2.500000│--x│-p│do it");
    assert_eq!(told("claude-code", Mode::Interactive, limits, &[]), "claude│do it");
    assert_eq!(told("qwen-code", Mode::Headless, limits, &[]), "qwen│--max-session-turns│5│do it");
    assert_eq!(told("codex", Mode::Headless, limits, &[]), "codex│exec│do it");
    let cost = Limits { turns: None, ..limits };
    assert_eq!(told("claude-code", Mode::Headless, cost, &[]), "claude│--max-budget-usd│2.500000│-p│do it");
    // Who says it better is not contradicted.
    let own = told("claude-code", Mode::Headless, limits, &["--max-turns", "9"]);
    assert_eq!(own, "claude│--max-budget-usd│2.500000│--max-turns│9│-p│do it");
    let own = told("claude-code", Mode::Headless, limits, &["--max-turns=9", "--max-budget-usd=1"]);
    assert_eq!(own, "claude│--max-turns=9│--max-budget-usd=1│-p│do it");
}

#[test]
fn interactive_harnesses_that_read_of_hooks_in_a_file_are_told_of_it_by_a_variable() {
    let names = |name: &str, mode, args: &[&str]| {
        let request = Request { args, mode: Some(mode), ..with("do it") };
        let events = find(name).unwrap().events(&request);
        events.map(|events| events.env.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>())
    };
    for (name, variable) in [
        ("gemini-cli", "GEMINI_CLI_SYSTEM_DEFAULTS_PATH={hooks}/gemini.json"),
        ("qwen-code", "QWEN_CODE_SYSTEM_DEFAULTS_PATH={hooks}/qwen.json"),
        ("opencode", "OPENCODE_TUI_CONFIG={hooks}/opencode.json"),
    ] {
        assert_eq!(names(name, Mode::Interactive, &[]), Some(vec![variable.to_owned()]));
        assert_eq!(names(name, Mode::Interactive, &["--verbose"]), Some(vec![variable.to_owned()]));
        assert_eq!(names(name, Mode::Headless, &[]), Some(Vec::new()), "its stream tells");
        assert!(Mode::ALL.into_iter().all(|mode| find(name).unwrap().has_events(mode)), "{name}");
    }
}
