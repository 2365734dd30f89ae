//! What is declared runs, ends, and runs again.

use nix::sys::signal::Signal;

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
}
