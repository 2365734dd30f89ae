//! What is declared runs, ends, and runs again.

use nix::sys::signal::Signal;

use crate::declare::agent;
use crate::harness::{Host, is_alive, until};

#[test]
fn an_agent_runs_is_restarted_and_is_stopped_with_the_daemon() {
    Host::both().for_each(|host| live(&host));
}

fn live(host: &Host) {
    host.configure(
        r#"
        [[agents]]
        name = "worker"
        harness = "custom"
        command = ["$PROBE", "record", "run", "exit", "3"]
        workdir = "$DIR/work"
        restart = "on-failure"
        max_restarts = 1
        backoff = "10ms"
        [[agents]]
        name = "idle"
        harness = "custom"
        command = ["$PROBE", "wait"]
        workdir = "$DIR/work"
        "#,
    );
    let daemon = host.start();
    daemon.wait_state("worker", "failed");
    let worker = daemon.agent("worker");
    assert_eq!((&worker["restarts"], &worker["exit"]["code"]), (&1.into(), &3.into()), "{worker}");
    until("the last line on the pane", || host.screen("worker").contains("will not be restarted").then_some(()));

    let idle = daemon.agent("idle");
    assert_eq!((&idle["running"], &idle["state"]), (&true.into(), &"running".into()), "{idle}");
    let pid = u32::try_from(idle["pid"].as_u64().unwrap()).unwrap();
    assert!(is_alive(pid));
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.ended().success());
    until("the agent to be gone", || (!is_alive(pid)).then_some(()));
    assert!(host.tmux(&["list-sessions"]).is_err(), "the server is gone too");
    for socket in [host.tmux_socket(), host.api_socket(), host.at("run/agentd/shim.sock")] {
        assert!(!socket.exists(), "{} is left", socket.display());
    }
}

#[test]
fn edits_in_quick_succession_end_in_the_last_with_nothing_of_the_others() {
    for host in Host::both() {
        host.configure("# nobody\n");
        let daemon = host.start();
        let stubborn = ["$PROBE", "ignore", "2", "ignore", "15", "setsid", "child", "wait"];
        for edit in 0..40 {
            let tables = match edit % 4 {
                0 => agent("one", &["$PROBE", "print", &edit.to_string(), "wait"], ""),
                1 => agent("one", &stubborn, "grace_period = \"10ms\"\nreplicas = 2"),
                2 => agent("one", &["$PROBE", "exit", "1"], "restart = \"always\"\nbackoff = \"0s\""),
                _ => "# nobody\n".to_owned(),
            };
            host.configure(&tables);
        }
        host.configure(&agent("one", &["$PROBE", "touch", "last", "wait"], ""));
        host.file("last");
        let left = || {
            let probes = host.processes().into_iter().filter(|pid| {
                std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|program| program.ends_with("examples/probe"))
            });
            probes.collect::<Vec<_>>()
        };
        until("only the last to run, and to be shown", || {
            let (left, shown) = (left(), daemon.get("/v1/agents").1);
            (left.len() == 1 && shown.as_array().unwrap().len() == 1 && shown[0]["pid"] == left[0]).then_some(())
        });
    }
}
