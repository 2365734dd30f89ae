//! What can't be launched says why, at once, and disturbs nobody.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::Value;

use crate::declare::{agent, quoted};
use crate::harness::{Host, until};

/// Generous, for a machine with other things to do.
const AT_ONCE: Duration = Duration::from_secs(2);

fn logged_at(line: &Value) -> std::time::SystemTime {
    humantime::parse_rfc3339(line["timestamp"].as_str().unwrap()).unwrap()
}

/// More than a program's arguments and environment may have together.
fn too_large() -> String {
    let variables = (0..30).map(|number| format!("V{number} = {}", quoted(&"x".repeat(100_000))));
    format!("env = {{ {} }}", variables.collect::<Vec<_>>().join(", "))
}

#[test]
fn each_failure_says_why_and_nothing_else_is_disturbed() {
    for host in Host::both() {
        fs::create_dir(host.at("locked")).unwrap();
        fs::set_permissions(host.at("locked"), fs::Permissions::from_mode(0o000)).unwrap();
        fs::write(host.at("work/text"), "no program").unwrap();
        let fine = agent("fine", &["$PROBE", "record", "fine", "wait"], "");
        host.configure(&fine);
        let daemon = host.start();
        daemon.wait_state("fine", "running");
        let before = daemon.agent("fine");
        host.tmux(&["new-session", "-d", "-s", "taken", "--", "sleep", "1000"]).unwrap();

        let wait = ["$PROBE", "wait"];
        let cases: [(&str, String, &[&str]); 7] = [
            (
                "bare",
                agent("bare", &["no-such-program"], ""),
                &["`no-such-program` was not found in PATH (", "/usr/bin"],
            ),
            ("path", agent("path", &["/nowhere/program"], ""), &["/nowhere/program", "does not exist"]),
            ("text", agent("text", &["$DIR/work/text"], ""), &["can't be executed", "denied"]),
            ("large", agent("large", &wait, &too_large()), &["larger than the system allows"]),
            ("taken", agent("taken", &wait, ""), &["session named \"taken\" exists", "kill-session -t '=taken'"]),
            (
                "nowhere",
                agent("nowhere", &wait, "").replace("$DIR/work", "$DIR/nowhere"),
                &["workdir", "/nowhere does not exist"],
            ),
            ("locked", agent("locked", &wait, "").replace("$DIR/work", "$DIR/locked"), &["workdir", "denied"]),
        ];
        let tables = cases.iter().map(|(_, table, _)| table.as_str());
        let again =
            agent("again", &["no-such-program"], "restart = \"on-failure\"\nmax_restarts = 2\nbackoff = \"1ms\"");
        host.configure(&[&fine, &again].into_iter().map(String::as_str).chain(tables).collect::<String>());
        let taken = daemon.wait("the configuration", |line| line["message"] == "took the configuration");
        let names = cases.iter().map(|(name, ..)| *name).chain(["again"]);
        let last = daemon.wait_states(&names.map(|name| (name, "failed")).collect::<Vec<_>>());
        let took = logged_at(&last).duration_since(logged_at(&taken)).unwrap();
        assert!(took < AT_ONCE, "{took:?}");

        for (name, _, reasons) in &cases {
            let shown = daemon.agent(name);
            assert_eq!((shown["state"].as_str(), &shown["running"]), (Some("failed"), &false.into()), "{shown}");
            assert_eq!(shown["exit"]["kind"], "not_started", "{shown}");
            let error = shown["error"].as_str().unwrap();
            assert!(reasons.iter().all(|reason| error.contains(reason)), "{error}");
            if *name != "taken" {
                until("the pane to say it", || host.screen(name).contains("will not be restarted").then_some(()));
            }
        }
        assert_eq!(daemon.agent("again")["restarts"], 2);
        assert_eq!(daemon.agent("fine"), before);
        assert!(host.tmux(&["has-session", "-t", "=taken"]).is_ok());

        // What fails is tried again when it is declared differently.
        fs::remove_file(host.at("work/text")).unwrap();
        fs::write(host.at("work/text.new"), "#!/bin/sh\nexit 0\n").unwrap();
        fs::set_permissions(host.at("work/text.new"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(host.at("work/text.new"), host.at("work/text")).unwrap();
        host.configure(&[fine, agent("text", &["$DIR/work/text", "now"], "")].concat());
        daemon.wait_state("text", "exited");
        assert_eq!(daemon.agent("fine"), before);
    }
}

#[test]
fn the_line_on_the_terminal_is_a_sentence() {
    let host = Host::new();
    host.configure(&agent("one", &["/nowhere/program"], ""));
    let daemon = host.start();
    daemon.wait_state("one", "failed");
    until("the line", || {
        let text = daemon.get_text("/v1/agents/one/output").1;
        text.contains("agentd: one could not be started: its program /nowhere/program").then_some(())
    });
}
