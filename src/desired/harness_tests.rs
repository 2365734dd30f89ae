//! Golden argvs of every row.

use super::*;

fn find(name: &str) -> Option<&'static Harness> {
    HARNESSES.iter().find(|harness| harness.name == name)
}

fn argv(name: &str, request: &Request) -> String {
    match find(name).unwrap().argv(request) {
        Ok(argv) => argv.iter().map(|word| String::from_utf8_lossy(word)).collect::<Vec<_>>().join("│"),
        Err(unsupported) => format!("{unsupported:?}"),
    }
}

fn with(prompt: &str) -> Request<'_> {
    Request { prompt: Some(prompt.as_bytes()), ..Request::default() }
}

/// Prints one row: without and with a prompt, with everything, with each level of permissions, with awkward prompts.
fn row(name: &str) -> String {
    let args: &[&str] = &["--extra", "1"];
    let permissions = |level| Request { permissions: Some(level), ..with("do it") };
    let lines = [
        ("bare", argv(name, &Request::default())),
        ("bare + args", argv(name, &Request { args, ..Request::default() })),
        ("prompt", argv(name, &with("do it"))),
        ("prompt + args", argv(name, &Request { args, ..with("do it") })),
        ("model + args", argv(name, &Request { args, model: Some("m1"), ..with("do it") })),
        ("default", argv(name, &permissions(Permissions::Default))),
        ("accept-edits", argv(name, &permissions(Permissions::AcceptEdits))),
        ("bypass", argv(name, &permissions(Permissions::Bypass))),
        (
            "bypass, bare",
            argv(name, &Request { permissions: Some(Permissions::Bypass), model: Some("m1"), ..Request::default() }),
        ),
        ("dash", argv(name, &with("--version"))),
        ("lone dash", argv(name, &with("-"))),
        ("subcommand", argv(name, &with("help"))),
    ];
    let harness = find(name).unwrap();
    let ends = format!("{:<14} {:?}, bare {:?}", "interrupt", harness.interrupt(true), harness.interrupt(false));
    lines.map(|(what, argv)| format!("{what:<14} {argv}\n")).concat() + &ends
}

#[test]
fn claude_code() {
    insta::assert_snapshot!(row("claude-code"));
}

#[test]
fn opencode() {
    insta::assert_snapshot!(row("opencode"));
}

#[test]
fn gemini_cli() {
    insta::assert_snapshot!(row("gemini-cli"));
}

#[test]
fn codex() {
    insta::assert_snapshot!(row("codex"));
}

#[test]
fn cursor() {
    insta::assert_snapshot!(row("cursor"));
}

#[test]
fn custom() {
    insta::assert_snapshot!(row("custom"));
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
    assert_eq!(custom(&model), "[Permissions, Model]");
}

#[test]
fn a_prompt_is_passed_byte_for_byte() {
    let prompt = b"\xff \n'\"$(x)`y`\x1b;";
    for harness in &HARNESSES {
        let argv = harness.argv(&Request { prompt: Some(prompt), ..Request::default() }).unwrap();
        assert_eq!(argv.last().unwrap(), prompt);
    }
    let argv = find("custom").unwrap().argv(&Request {
        command: Some(&["x", "{prompt}"]),
        prompt: Some(prompt),
        ..Request::default()
    });
    assert_eq!(argv.unwrap()[1], prompt);
}
