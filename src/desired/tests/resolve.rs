//! What is made of a file that is right.

use std::time::Duration;

use crate::model::{Interrupt, OnStall, Policy, Restart, Shows, Stall};

use super::*;

#[test]
fn the_defaults() {
    let desired = desired("[agent]\nharness = \"claude-code\"\n");
    let spec = only(&desired);
    assert_eq!(spec.name.as_str(), "claude-code");
    assert_eq!(spec.session.as_str(), "claude-code");
    assert_eq!(argv(spec), ["claude"]);
    assert_eq!(spec.launch.workdir, PathBuf::from("/home/agent/workspace"));
    assert!(spec.launch.env.is_empty());
    assert_eq!(
        spec.policy,
        Policy {
            limits: crate::model::Limits::default(),
            restart: Restart::No,
            max_restarts: None,
            backoff: Duration::from_secs(3),
            backoff_max: Duration::from_secs(60),
            timeout: None,
            grace_period: Duration::from_secs(30),
            interrupt: Interrupt::TypeCtrlC(2),
            shows: Shows::Motion,
            startup_deadline: None,
            stall: None,
        }
    );
}

#[test]
fn every_field() {
    let desired = desired(
        r#"
        [agent]
        name = "Reviewer"
        type = "native"
        harness = "codex"
        args = ["--skip-git-repo-check"]
        model = "o9"
        permissions = "accept-edits"
        prepare = true
        events = false
        prompt = "review\n"
        workdir = "~/src"
        restart = "always"
        max_restarts = 5
        backoff = "0s"
        backoff_max = "1.5m"
        timeout = "2h 30m"
        grace_period = "5s"
        startup_deadline = "1m"
        stall = { after = "10m", nudge = "Continue.", max_nudges = 2, on_stall = "restart" }
        session = "rev"
        replicas = 1
        env = { A = "1" }
        secrets = []
        "#,
    );
    let spec = only(&desired);
    assert_eq!(names(&desired), [("Reviewer".into(), "rev".into())]);
    let expected = ["codex", "exec", "-m", "o9", "-s", "workspace-write", "--skip-git-repo-check", "review\n"];
    assert_eq!(argv(spec), expected);
    assert_eq!(spec.launch.prepare, [c"codex".to_owned(), c"--headless".to_owned()]);
    assert_eq!(spec.launch.extra, spec.launch.extra.clone().silent(), "events = false");
    assert_eq!(spec.launch.workdir, PathBuf::from("/home/u/src"));
    assert_eq!(spec.launch.env[std::ffi::OsStr::new("A")].expose(), b"1");
    assert_eq!(spec.policy.restart, Restart::Always);
    assert_eq!(spec.policy.max_restarts.map(std::num::NonZeroU32::get), Some(5));
    assert_eq!(spec.policy.backoff, Duration::ZERO);
    assert_eq!(spec.policy.backoff_max, Duration::from_secs(90));
    assert_eq!(spec.policy.timeout, Some(Duration::from_secs(9000)));
    assert_eq!(spec.policy.grace_period, Duration::from_secs(5));
    assert_eq!(spec.policy.startup_deadline, Some(Duration::from_secs(60)));
    let stall = Stall { after: Duration::from_secs(600), max_nudges: 2, on_stall: OnStall::Restart };
    assert_eq!((spec.policy.stall, spec.nudge.as_deref()), (Some(stall), Some("Continue.")));
    assert_eq!(spec.policy.interrupt, Interrupt::Sigint);
}

#[test]
fn without_events_nothing_has_it_tell_and_nobody_is_replaced() {
    let claude = |line: &str| {
        let desired = desired(&format!("[agent]\nharness = \"claude-code\"\nprompt = \"x\"\n{line}\n"));
        let spec = only(&desired);
        (spec.launch.extra.clone(), argv(spec), spec.fingerprint)
    };
    let (told, silent) = (claude("events = true"), claude("events = false"));
    assert_eq!(told, claude(""));
    assert_eq!((told.0.events.len(), told.0.filter), (3, Some("claude-code")));
    assert_eq!(silent.0, told.0.silent(), "what its conversation needs stays");
    assert_eq!((told.1, told.2), (silent.1, silent.2));
}

#[test]
fn a_default_of_the_backoff_fits_the_other_that_is_set() {
    let backoff = |line: &str| {
        let desired = desired(&format!("[agent]\nharness = \"codex\"\n{line}\n"));
        (only(&desired).policy.backoff.as_secs(), only(&desired).policy.backoff_max.as_secs())
    };
    assert_eq!(backoff("backoff = \"5m\""), (300, 300));
    assert_eq!(backoff("backoff_max = \"1s\""), (1, 1));
    assert_eq!(backoff("backoff = \"5s\"\nbackoff_max = \"5s\""), (5, 5));
}

#[test]
fn unnamed_agents_and_replicas_are_numbered() {
    let text = |desired: &Desired| {
        names(desired)
            .into_iter()
            .map(|(n, s)| if n == s { n } else { format!("{n}@{s}") })
            .collect::<Vec<_>>()
            .join(" ")
    };
    let numbered = desired(
        "[[agents]]\nharness = \"codex\"\n[[agents]]\nharness = \"codex\"\nsession = \"s\"\n[[agents]]\nharness = \"cursor\"\n\
         [[agents]]\nharness = \"codex\"\nname = \"x\"\n",
    );
    assert_eq!(text(&numbered), "codex-0 codex-1@s cursor x");
    let replicas = desired(
        "[agent]\nharness = \"codex\"\nreplicas = 2\n[[agents]]\nharness = \"cursor\"\nname = \"rev\"\nsession = \"s\"\nreplicas = 3\n",
    );
    assert_eq!(text(&replicas), "codex-0 codex-1 rev-0@s-0 rev-1@s-1 rev-2@s-2");
    let both = desired("[agent]\nharness = \"codex\"\n[[agents]]\nharness = \"codex\"\nreplicas = 2\n");
    assert_eq!(text(&both), "codex-0 codex-1-0 codex-1-1");
}

#[test]
fn a_prompt_file_is_passed_byte_for_byte_less_one_line_end() {
    let ground = Ground::new("[agent]\nharness = \"codex\"\nprompt_file = \"p.md\"\n");
    let prompt = |content: &[u8]| {
        ground.write("p.md", content);
        let desired = ground.load().result.unwrap();
        only(&desired).launch.argv.last().unwrap().to_bytes().to_vec()
    };
    assert_eq!(prompt(b"a\n"), b"a");
    assert_eq!(prompt(b"a\r\n"), b"a");
    assert_eq!(prompt(b" a \n\n"), b" a \n");
    assert_eq!(prompt(b"\xff\x1b;"), b"\xff\x1b;");
    let longest = vec![b'x'; fields::MAX_ARGUMENT];
    assert_eq!(prompt(&longest), longest);
    assert!(ground.load().paths.files.contains(&ground.path("p.md")));
}

#[test]
fn a_prompt_file_may_be_still_to_come_but_not_be_wrong() {
    let ground = Ground::new("[agent]\nharness = \"codex\"\nprompt_file = \"p.md\"\n");
    let taken = |missing_prompt| {
        let config = ground.path("jcard.toml");
        load(&Sources { missing_prompt, ..Sources::new(config, PathBuf::from("/home/u")) }).result.is_ok()
    };
    assert_eq!([MissingPrompt::ToCome, MissingPrompt::Mistake].map(taken), [true, false]);
    ground.write("p.md", "");
    assert!(!taken(MissingPrompt::ToCome));
}

#[test]
fn an_empty_prompt_is_none() {
    assert_eq!(argv(only(&desired("[agent]\nharness = \"codex\"\nprompt = \"\"\n"))), ["codex"]);
}

#[test]
fn env_wins_over_secrets_and_a_list_limits_them() {
    let env = |line: &str| {
        let ground = Ground::new(format!("[agent]\nharness = \"codex\"\n{line}\n"));
        ground.write("secrets/A", "a\n");
        ground.write("secrets/B", "b\n");
        let desired = ground.load().result.unwrap();
        let text = |(name, value): (&std::ffi::OsString, &Secret)| {
            format!("{}={}", name.display(), String::from_utf8_lossy(value.expose()))
        };
        (only(&desired).launch.env.iter().map(text).collect::<Vec<_>>().join(" "), only(&desired).fingerprint)
    };
    let all = env("");
    assert_eq!(all.0, "A=a B=b");
    assert_eq!(env("env = { A = \"mine\" }").0, "A=mine B=b");
    assert_eq!(env("secrets = [\"B\"]").0, "B=b");
    assert_eq!(env("secrets = []").0, "");
    assert_ne!(env("secrets = [\"B\"]").1, all.1);
    assert_eq!(env("# a comment\nrestart = \"always\"").1, all.1, "a policy is no part of the launch");
}

#[test]
fn workdirs() {
    let workdir = |text: &str| {
        only(&desired(&format!("[agent]\nharness = \"codex\"\nworkdir = \"{text}\"\n"))).launch.workdir.clone()
    };
    assert_eq!(workdir("~"), PathBuf::from("/home/u"));
    assert_eq!(workdir("~//x"), PathBuf::from("/home/u/x"));
    assert_eq!(workdir("/"), PathBuf::from("/"));
    assert!(report("[agent]\nharness = \"codex\"\nworkdir = \"~other/x\"\n").contains("not an absolute path"));
}

#[test]
fn everything_whose_change_may_change_what_is_declared_is_told() {
    let ground = Ground::new("[agent]\nharness = \"codex\"\nprompt_file = \"p.md\"\n");
    ground.write("secrets/A", "a");
    let expected = Paths {
        files: [ground.path("jcard.toml"), ground.path("p.md")].into(),
        secret_dir: Some(ground.path("secrets")),
        secret_files: [ground.path("secrets/A")].into(),
    };
    assert_eq!(ground.load().paths, expected);
}

#[test]
fn a_stamp_covers_everything_that_was_read() {
    let ground = Ground::new("[agent]\nharness = \"codex\"\nprompt_file = \"p.md\"\n");
    ground.write("secrets/A", "a");
    ground.write("p.md", "a");
    for (file, content) in [("jcard.toml", "# none"), ("secrets/A", "bb"), ("secrets/B", "b"), ("p.md", "bb")] {
        let loaded = ground.load();
        assert!(loaded.stamp.is_current());
        ground.write(file, content);
        assert!(!loaded.stamp.is_current(), "{file}");
        ground.write("jcard.toml", "[agent]\nharness = \"codex\"\nprompt_file = \"p.md\"\n");
    }
}

#[test]
fn an_origin_tells_which_fields_differ() {
    let origin = |lines: &str| {
        let desired = desired(&format!("[agent]\nharness = \"codex\"\n{lines}\n"));
        only(&desired).origin.clone()
    };
    let lines = "model = \"m\"\nargs = [\"a\", \"b\"]\npermissions = \"bypass\"\nprompt = \"p\"\n";
    let before = origin(lines);
    assert_eq!(before.fields.keys().collect::<Vec<_>>(), [&"args", &"model", &"permissions", &"prompt"]);
    for (field, from, to) in [
        ("args", "\"a\", \"b\"", "\"ab\""),
        ("model", "\"m\"", "\"n\""),
        ("permissions", "bypass", "default"),
        ("prompt", "\"p\"", "\"q\""),
    ] {
        let after = origin(&lines.replace(from, to));
        let differs = |field: &&&str| before.fields.get(**field) != after.fields.get(**field);
        assert_eq!(before.fields.keys().filter(differs).collect::<Vec<_>>(), [&field]);
    }
    assert_eq!(origin("args = []\nprompt = \"\""), origin(""), "a field that is empty is one that isn't there");
    assert!(origin("env = { A = \"1\" }").env.iter().eq(["A"]));
}

#[test]
fn the_longest_that_fits_one_argument_is_taken_and_a_byte_more_is_not() {
    // The bytes that come to each of them: none, `A=`, `--p=`.
    for (config, more) in [
        ("harness = \"codex\"\nprompt = \"LONG\"\n", 0),
        ("harness = \"codex\"\nargs = [\"LONG\"]\n", 0),
        ("harness = \"codex\"\nenv = { A = \"LONG\" }\n", 2),
        ("harness = \"custom\"\ncommand = [\"x\", \"--p={prompt}\"]\nprompt = \"LONG\"\n", 4),
    ] {
        let fits = fields::MAX_ARGUMENT - more;
        let taken = |length: usize| report(&format!("[agent]\n{}", config.replace("LONG", &"x".repeat(length))));
        assert!(taken(fits).starts_with("ok"), "{config}");
        assert!(taken(fits + 1).ends_with("not taken"), "{config}");
    }
}
