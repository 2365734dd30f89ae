//! What `prepare = true` makes of an agent.

use super::*;
use crate::desired::harness::PREPARED;

/// The words for `agentd prepare`, and the environment.
fn prepared(lines: &str) -> String {
    let ground = Ground::new(format!("[agent]\n{lines}\n"));
    ground.write("secrets/A", "a");
    let desired = ground.load().result.unwrap();
    let spec = only(&desired);
    let words = spec.launch.prepare.iter().map(|word| word.to_string_lossy().into_owned());
    let env = spec
        .launch
        .env
        .iter()
        .map(|(name, value)| format!("{}={}", name.display(), String::from_utf8_lossy(value.expose())));
    words.chain(env).collect::<Vec<_>>().join(" ")
}

#[test]
fn it_says_whose_questions_are_answered_and_how_the_agent_is_run() {
    let claude = |lines: &str| prepared(&format!("harness = \"claude-code\"\nprepare = true\n{lines}"));
    assert_eq!(claude(""), "claude-code A=a DISABLE_AUTOUPDATER=1");
    assert_eq!(claude("permissions = \"bypass\""), "claude-code --bypass A=a DISABLE_AUTOUPDATER=1");
    assert_eq!(claude("prompt = \"p\""), "claude-code --headless A=a DISABLE_AUTOUPDATER=1");
    assert_eq!(claude("prompt = \"p\"\nmode = \"interactive\""), "claude-code A=a DISABLE_AUTOUPDATER=1");
    assert_eq!(prepared("harness = \"gemini-cli\"\nprepare = true"), "gemini-cli A=a");
    assert_eq!(prepared("harness = \"opencode\"\nprepare = true"), "A=a OPENCODE_DISABLE_AUTOUPDATE=1");
}

#[test]
fn without_it_nothing_is_prepared() {
    for lines in ["", "prepare = false"] {
        assert_eq!(prepared(&format!("harness = \"claude-code\"\n{lines}")), "A=a");
    }
}

#[test]
fn what_an_agent_says_of_its_environment_stays() {
    let lines = "harness = \"claude-code\"\nprepare = true\nenv = { DISABLE_AUTOUPDATER = \"0\" }";
    assert_eq!(prepared(lines), "claude-code A=a DISABLE_AUTOUPDATER=0");
    let ground = Ground::new("[agent]\nharness = \"claude-code\"\nprepare = true\n");
    ground.write("secrets/DISABLE_AUTOUPDATER", "secret");
    let desired = ground.load().result.unwrap();
    assert_eq!(only(&desired).launch.env[std::ffi::OsStr::new("DISABLE_AUTOUPDATER")].expose(), b"secret");
    assert!(only(&desired).origin.env.is_empty());
}

/// An upgrade must replace nobody, and who turns it on means it.
#[test]
fn it_is_a_part_of_what_is_launched_only_where_it_is_on() {
    let launched = |lines: &str| {
        let desired = desired(&format!("[agent]\nharness = \"codex\"\n{lines}\n"));
        (only(&desired).fingerprint, only(&desired).origin.fields.contains_key("prepare"))
    };
    assert_eq!(launched(""), launched("prepare = false"));
    assert_ne!(launched("").0, launched("prepare = true").0);
    assert_eq!((launched("").1, launched("prepare = true").1), (false, true));
    let origin = |lines: &str| only(&desired(&format!("[agent]\nharness = \"opencode\"\n{lines}\n"))).origin.clone();
    assert!(origin("prepare = true").env.iter().eq(["OPENCODE_DISABLE_AUTOUPDATE"]));
}

#[test]
fn harnesses_of_the_users_own_say_whose_questions_are_theirs() {
    let own = |table: &str| {
        let agent = "[agent]\nharness = \"mine\"\nprepare = true\npermissions = \"bypass\"\n";
        let ground = Ground::new(format!("{agent}[harness.mine]\nprogram = \"x\"\npermissions.bypass = []\n{table}\n"));
        let desired = ground.load().result.unwrap();
        let words: Vec<_> =
            only(&desired).launch.prepare.iter().map(|word| word.to_str().unwrap().to_owned()).collect();
        (words.join(" "), ground.report().starts_with("ok"))
    };
    assert_eq!(own("prepare_as = \"codex\""), ("codex --bypass".to_owned(), true));
    assert_eq!(own("prepare_env = { A = \"1\" }"), (String::new(), true));
    assert_eq!(own(""), (String::new(), false), "nothing is known of it");
    let known =
        desired("[agent]\nharness = \"claude-code\"\nprepare = true\n[harness.claude-code]\nprogram = \"/x\"\n");
    assert_eq!(only(&known).launch.prepare, [c"claude-code".to_owned()]);
    let less = desired("[agent]\nharness = \"claude-code\"\nprepare = true\n[harness.claude-code]\nprepare_env = {}\n");
    assert!(only(&less).launch.env.is_empty());
}

#[test]
fn every_name_that_is_known_belongs_to_a_harness() {
    let named: Vec<&str> = Harnesses::builtin().iter().filter_map(|harness| harness.prepare_as.as_deref()).collect();
    let mut sorted = named.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, PREPARED);
    assert!(
        Harnesses::builtin()
            .iter()
            .all(|harness| harness.prepare_as.as_deref().is_none_or(|name| name == &*harness.name))
    );
}

#[test]
fn mistakes() {
    let reports: Vec<String> = [
        "[agent]\nharness = \"codex\"\nprepare = \"true\"\n",
        "[agent]\nharness = \"codex\"\nprepare = 1\n",
        "[agent]\nharness = \"codex\"\nprepar = true\n",
        "[agent]\nharness = \"goose\"\nprepare = true\n",
        "[harness.mine]\nprogram = \"x\"\nprepare_as = \"claude\"\nprepare_env = { A = \"sk-1\", B = 2 }\n",
        "[harness.mine]\nprogram = \"x\"\nprepare_env = [\"A=sk-1\"]\n",
    ]
    .iter()
    .map(|config| report(config))
    .collect();
    insta::assert_snapshot!(reports.join("\n\n----\n"));
}
