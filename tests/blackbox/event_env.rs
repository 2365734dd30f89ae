//! Harnesses that are told by a variable how to tell of themselves, and the files that agentd makes for them.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::harness::{AGENTD, Host, until};

const MINE: &str = r#"
    [harness.mine]
    program = "/bin/sh"
    [harness.mine.interactive]
    event_env = { TOLD_BY = "{agentd} reads {hooks}/qwen.json", TOO = "1" }
    [[agents]]
    harness = "mine"
    name = "one"
    args = ["-c", "env > env.new; mv env.new env; exec $PROBE await go"]
    workdir = "$DIR/work"
"#;

/// What the agent's environment says of these two.
fn environment(host: &Host) -> [Option<String>; 2] {
    let text = String::from_utf8(host.file("env")).unwrap();
    ["TOLD_BY=", "TOO="].map(|name| text.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned))
}

fn hooks(host: &Host) -> std::path::PathBuf {
    host.api_socket().with_extension("hooks")
}

#[test]
fn the_variables_name_files_that_the_agent_can_read_and_not_change() {
    for host in Host::both() {
        host.configure(MINE);
        let daemon = host.start();
        daemon.wait_state("one", "running");
        let file = hooks(&host).join("qwen.json");
        let [told_by, too] = environment(&host);
        assert_eq!(told_by.unwrap(), format!("{AGENTD} reads {}", file.display()));
        assert_eq!(too.as_deref(), Some("1"));
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(&format!("\"{AGENTD} hook qwen-code\"")), "{text}");
        let (directory, found) = (hooks(&host).metadata().unwrap(), file.metadata().unwrap());
        let owner = host.uid.unwrap_or(0);
        assert_eq!((directory.uid(), directory.mode() & 0o7777), (owner, 0o755));
        assert_eq!((found.uid(), found.mode() & 0o7777), (owner, 0o644));
        drop(daemon);

        // An upgrade is told by the files, and replaces nobody.
        fs::write(&file, "of an older version").unwrap();
        let daemon = host.start();
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
        until("the agent to be adopted", || (daemon.agent("one")["state"] == "running").then_some(()));
        assert_eq!(daemon.agent("one")["restarts"], 0);
    }
}

#[test]
fn an_agent_that_has_one_of_them_is_given_none() {
    let host = Host::new();
    host.configure(&format!("{MINE}\n    env = {{ TOO = \"its own\" }}\n"));
    let daemon = host.start();
    daemon.wait_state("one", "running");
    assert_eq!(environment(&host), [None, Some("its own".to_owned())]);
    fs::remove_file(host.at("work/env")).unwrap();
    host.secret("TOLD_BY", "a secret");
    host.configure(MINE);
    daemon.wait_state("one", "running");
    assert_eq!(environment(&host), [Some("a secret".to_owned()), None]);
}

#[test]
fn nothing_is_made_in_a_directory_of_the_agents_user() {
    let Some(host) = Host::as_root() else { return };
    let directory = host.api_socket().parent().unwrap().to_owned();
    fs::create_dir_all(&directory).unwrap();
    let elsewhere = host.at("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let is_there = |path: &Path| path.symlink_metadata().is_ok();
    host.configure(MINE);
    // Theirs, or anybody's.
    for theirs in [true, false] {
        if theirs {
            host.own(&directory);
        } else {
            std::os::unix::fs::chown(&directory, Some(0), Some(0)).unwrap();
            fs::set_permissions(&directory, PermissionsExt::from_mode(0o777)).unwrap();
        }
        let daemon = host.start();
        until("the agent to run", || (daemon.agent("one")["state"] == "running").then_some(()));
        assert!(!is_there(&hooks(&host)));
        assert_eq!(environment(&host), [None, None]);
    }
    // A link that they have put there before it was ours.
    fs::set_permissions(&directory, PermissionsExt::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink(&elsewhere, hooks(&host)).unwrap();
    host.own(&elsewhere);
    let _daemon = host.start();
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
}
