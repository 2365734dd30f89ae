//! What shims say before the daemon knows which panes they are in.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::harness::{Host, until};

#[test]
fn an_exit_between_hello_and_adoption_is_not_lost() {
    let mut host = Host::new();
    host.configure(
        r#"
        [[agents]]
        name = "brief"
        harness = "custom"
        command = ["$PROBE", "await", "enough", "exit", "5"]
        workdir = "$DIR/work"
        "#,
    );
    let daemon = host.start();
    daemon.wait_state("brief", "running");
    let pid = daemon.agent("brief")["pid"].to_string();
    drop(daemon);

    // The next daemon learns of tmux's panes only when we let it.
    let slow = host.at("slow-tmux");
    fs::write(
        &slow,
        format!("#!/bin/sh\nwhile ! [ -e {0}/go ]; do :; done\nexec tmux \"$@\"\n", host.path().display()),
    )
    .unwrap();
    fs::set_permissions(&slow, fs::Permissions::from_mode(0o755)).unwrap();
    host.arguments = vec!["--debug".to_owned(), "--tmux".to_owned(), slow.to_str().unwrap().to_owned()];
    let daemon = host.spawn();
    daemon.wait("the shim to connect", |line| line["message"] == "a shim waits for its pane to be known");
    fs::write(host.at("work/enough"), "").unwrap();
    // Its shim tells the daemon as it reaps it.
    until("the agent to be reaped", || (!Path::new("/proc").join(&pid).exists()).then_some(()));
    fs::write(host.at("go"), "").unwrap();
    daemon.wait_state("brief", "failed");
    assert_eq!(daemon.agent("brief")["exit"]["code"], 5);
}
