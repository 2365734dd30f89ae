//! Harnesses that a file declares or changes, and the modes of its agents.

use super::*;
use crate::desired::harness::read::{FORM, HARNESS, PERMISSIONS};
use crate::desired::harness::{Harnesses, Mode, reference};
use crate::desired::reference::{Field, Kind, Preset};
use crate::model::Interrupt;

const MINE: &str = r#"
[harness.mine]
program = "/opt/mine"
model = ["--model={model}"]
permissions = { default = [], bypass = ["--yes"] }
[harness.mine.headless]
args = ["do"]
prompt = ["{prompt}"]
guarded_prompt = ["--", "{prompt}"]
guarded_words = ["help"]
interrupt = "SIGTERM"
[harness.mine.interactive]
permissions = { bypass = ["--yolo"] }
interrupt = "C-c C-c C-c"
"#;

fn run(file: &str, agent: &str) -> (String, Vec<String>, Interrupt) {
    let desired = desired(&format!("{file}\n[agent]\n{agent}\n"));
    let spec = only(&desired);
    (spec.name.to_string(), argv(spec), spec.policy.interrupt)
}

#[test]
fn a_harness_of_the_users_own_is_like_one_that_is_known() {
    let mine = |agent: &str| run(MINE, &format!("harness = \"mine\"\n{agent}"));
    let (name, argv, interrupt) = mine("prompt = \"do it\"\nmodel = \"m\"\npermissions = \"bypass\"\nargs = [\"-v\"]");
    assert_eq!((name.as_str(), interrupt), ("mine", Interrupt::Sigterm));
    assert_eq!(argv, ["/opt/mine", "do", "--model=m", "--yes", "-v", "do it"]);
    assert_eq!(mine("prompt = \"help\"").1, ["/opt/mine", "do", "--", "help"]);
    let (_, argv, interrupt) = mine("model = \"m\"\npermissions = \"bypass\"");
    assert_eq!(
        (argv.as_slice(), interrupt),
        (&["/opt/mine", "--model=m", "--yolo"].map(Into::into)[..], Interrupt::TypeCtrlC(3))
    );
    // It is enough to say what it is.
    let (name, argv, interrupt) = run("harness.small.program = \"small\"", "harness = \"small\"");
    assert_eq!((name.as_str(), argv, interrupt), ("small", vec!["small".to_owned()], Interrupt::Sigint));
}

#[test]
fn a_known_harness_is_changed_field_by_field() {
    let changed = |table: &str, agent: &str| run(table, &format!("harness = \"claude-code\"\n{agent}")).1;
    let with_prompt = "prompt = \"p\"\npermissions = \"bypass\"";
    assert_eq!(
        changed("harness.claude-code.program = \"/opt/claude\"", with_prompt),
        ["/opt/claude", "--permission-mode", "bypassPermissions", "-p", "p"]
    );
    assert_eq!(
        changed("harness.claude-code.permissions.bypass = [\"--all\"]", with_prompt),
        ["claude", "--all", "-p", "p"]
    );
    assert_eq!(changed("harness.claude-code.mode = \"interactive\"", "prompt = \"p\""), ["claude", "p"]);
    // The guarded form belongs to the form.
    let prompt = "harness.claude-code.headless.prompt = [\"--print={prompt}\"]";
    assert_eq!(changed(prompt, "prompt = \"-p\""), ["claude", "--print=-p"]);
    assert_eq!(changed("harness.claude-code.headless.args = [\"x\"]", "prompt = \"p\""), ["claude", "x", "-p", "p"]);
}

#[test]
fn an_agent_says_how_it_runs() {
    let mode = |agent: &str| run("", agent).1;
    assert_eq!(mode("harness = \"codex\"\nprompt = \"p\"\nmode = \"interactive\""), ["codex", "p"]);
    assert_eq!(mode("harness = \"opencode\"\nprompt = \"p\"\nmode = \"headless\""), ["opencode", "run", "p"]);
    assert_eq!(mode("harness = \"gemini-cli\"\nprompt = \"p\"\nmode = \"headless\""), ["gemini", "-p", "p"]);
    assert_eq!(mode("harness = \"goose\"\nmode = \"interactive\""), ["goose", "session"]);
    let custom = "harness = \"custom\"\ncommand = [\"x\"]\nmode = \"headless\"";
    assert_eq!(mode(custom), ["x"], "its command may have the prompt in it");
}

#[test]
fn mistakes_in_harnesses_and_modes() {
    let reports: Vec<String> = [
        "harness = \"codex\"\n",
        "[harness]\nmine = 3\n",
        "[harness.mine]\nmodel = [\"-m\"]\n",
        "[harness.mine]\nprogram = \"\"\nmodel = [\"-m\"]\n",
        "[harness.mine]\nprogram = 3\n",
        "[harness.mine]\nprogram = \"x\"\nheadles = {}\nmode = \"headless\"\n",
        "[harness.mine]\nprogram = \"x\"\nheadless = 3\n[harness.mine.interactive]\nprompt = [\"p\"]\ninterrupt = \"C-d\"\n",
        "[harness.mine]\nprogram = \"x\"\n[harness.mine.permissions]\nbypas = []\n",
        "[harness.custom]\nprogram = \"x\"\n",
        "[harness.\"a/b\"]\nprogram = \"x\"\n",
        "[harness.mine]\nprogram = \"x\"\nmodel = [\"-m\"]\nheadless = {}\n",
        "[agent]\nharness = \"codex\"\nmode = \"headless\"\n",
        "[agent]\nharness = \"crush\"\nmode = \"interactive\"\nprompt = \"p\"\n",
        "[agent]\nharness = \"mine\"\nmode = \"headless\"\nprompt = \"p\"\n[harness.mine]\nprogram = \"x\"\n",
        "[agent]\nharness = \"crush\"\nmodel = \"m\"\n",
        "[agent]\nharness = \"claude-code\"\nmode = \"interactive\"\nprompt = \"update\"\n",
    ]
    .iter()
    .map(|config| report(config))
    .collect();
    insta::assert_snapshot!(reports.join("\n\n----\n"));
}

/// One that a mistake hides must not make its agents look as if they named none.
#[test]
fn a_harness_that_is_wrong_is_one_mistake() {
    let report = report("[agent]\nharness = \"mine\"\n[harness.mine]\nprogram = 3\n");
    assert!(!report.contains("unknown harness"), "{report}");
    let agent = "[agent]\nharness = \"mine\"\nmode = \"headless\"\nprompt = \"p\"\n";
    let wrong = self::report(&format!("{agent}[harness.mine]\nprogram = \"x\"\nheadless = 3\n"));
    assert_eq!(wrong.matches("error: ").count(), 1, "{wrong}");
}

#[test]
fn a_harness_with_a_field_that_is_not_known_is_still_one() {
    let report = report("[agent]\nharness = \"mine\"\n[harness.mine]\nprogram = \"x\"\npromt = 3\n");
    assert!(report.contains("unknown field") && report.ends_with("ok: [\"mine\"]"), "{report}");
}

#[test]
fn a_mode_that_a_harness_does_not_have_is_not_advised() {
    let prompt = |harness: &str| {
        report(&format!(
            "[agent]\nharness = \"{harness}\"\nmode = \"interactive\"\nprompt = \"p\"\n[harness.mine]\nprogram = \"x\"\n"
        ))
    };
    assert!(prompt("crush").contains("write mode = \"headless\""), "{}", prompt("crush"));
    assert!(!prompt("mine").contains("headless"), "{}", prompt("mine"));
}

#[test]
fn every_field_of_a_harness_is_described() {
    let names = |fields: &[Field]| fields.iter().map(|field| field.name).collect::<Vec<_>>();
    assert_eq!(names(&reference::HARNESS), HARNESS.fields);
    assert_eq!(names(&reference::FORM), FORM.fields);
    assert_eq!(names(&reference::PERMISSIONS), PERMISSIONS.fields);
    let within = |field: &Field| matches!(field.kind, Kind::Table(_)) && !matches!(field.preset, Preset::Value(_));
    for field in reference::HARNESS.iter().chain(&reference::FORM).chain(&reference::PERMISSIONS) {
        for example in field.examples {
            let (table, key) = if reference::HARNESS.iter().any(|own| std::ptr::eq(own, field)) {
                ("mine", field.name)
            } else if reference::FORM.iter().any(|own| std::ptr::eq(own, field)) {
                ("mine.headless", field.name)
            } else {
                ("mine.permissions", field.name)
            };
            let program = if key == "program" { "" } else { "harness.mine.program = \"x\"\n" };
            let report = report(&format!("{program}harness.{table}.{key} = {example}\n"));
            assert!(report.starts_with("ok"), "{key}: {report}");
        }
        assert!(!field.examples.is_empty() || within(field));
    }
}

#[test]
fn every_mode_that_a_harness_has_can_be_declared() {
    for harness in Harnesses::builtin().iter().filter(|harness| harness.has(Mode::Headless)) {
        let command = if harness.takes_command { "command = [\"true\"]\n" } else { "" };
        desired(&format!("[agent]\nharness = \"{}\"\nmode = \"headless\"\nprompt = \"p\"\n{command}", harness.name));
    }
}
