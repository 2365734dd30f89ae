//! What the agents use, as the API, the metrics and the table tell it.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::asked::ask;
use crate::declare::agent;
use crate::harness::{Daemon, Host, until};

/// The text of the metrics that Prometheus had before OpenMetrics.
fn classic(daemon: &Daemon) -> String {
    let mut connection = daemon.connect();
    write!(connection, "GET /metrics HTTP/1.0\r\nAccept: text/plain\r\n\r\n").unwrap();
    let answer = std::io::read_to_string(connection).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[test]
fn an_agents_whole_tree_is_measured() {
    let host = Host::new();
    host.configure(&agent("one", &["sh", "-c", "sleep 1000 & exec sleep 1000"], ""));
    let daemon = host.start();
    daemon.wait_state("one", "running");
    let usage = until("both processes to be there", || {
        let list = daemon.get("/v1/usage").1;
        (list["agents"][0]["processes"] == 2).then(|| list["agents"][0].clone())
    });
    assert_eq!(usage["name"], "one");
    assert!(usage["memory_bytes"].as_u64().unwrap() > 100_000, "{usage}");
    let (cpu, load) = (usage["cpu_seconds"].as_f64().unwrap(), usage["cpu_load"].as_f64().unwrap());
    assert!((0.0..60.0).contains(&cpu) && (0.0..2.0).contains(&load), "{usage}");
    let said = ask(&host, &["status", "--json", "one"]);
    assert!(said.out.contains("\"processes\":") && said.out.contains("\"cpu_load\":"), "{}", said.out);
}

#[test]
fn what_an_ended_run_has_used_stays_counted() {
    let host = Host::new();
    let burn = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
    host.configure(&agent("one", &["sh", "-c", burn], "restart = \"no\""));
    let daemon = host.start();
    daemon.wait_state("one", "exited");
    let usage = daemon.get("/v1/usage").1["agents"][0].clone();
    assert_eq!((&usage["processes"], &usage["memory_bytes"]), (&0.into(), &0.into()), "{usage}");
    assert!(usage["cpu_seconds"].as_f64().unwrap() > 0.0, "{usage}");
}

#[test]
fn the_metrics_say_what_the_api_says_and_promtool_has_nothing_against_them() {
    let host = Host::new();
    let policy = "restart = \"on-failure\"\nmax_restarts = 1\nbackoff = \"0s\"";
    let agents = [agent("failing", &["$PROBE", "exit", "3"], policy), agent("two", &["$PROBE", "wait"], "")];
    host.configure(&agents.concat());
    let daemon = host.start();
    daemon.wait_state("failing", "failed");
    until("the other to run", || (daemon.agent("two")["state"] == "running").then_some(()));
    let (status, text) = daemon.get_text("/metrics");
    assert_eq!(status, 200);
    for line in [
        "agentd_config_error 0.0",
        "agentd_agent_state{agent=\"failing\",state=\"failed\"} 1.0",
        "agentd_agent_state{agent=\"two\",state=\"running\"} 1.0",
        "agentd_agent_state{agent=\"two\",state=\"failed\"} 0.0",
        "agentd_agent_restarts_total{agent=\"failing\"} 1.0",
        "agentd_agent_exits_total{agent=\"failing\",reason=\"failure\"} 2.0",
        "agentd_agent_processes{agent=\"two\"} 1.0",
    ] {
        assert!(text.lines().any(|one| one == line), "{line} is not in\n{text}");
    }
    assert!(text.ends_with("\n# EOF\n") && text.contains("agentd_reconcile_duration_seconds_bucket{le=\"+Inf\"}"));
    host.configure("[agent]\nharness = 3\n");
    until("the mistake to be told", || daemon.get_text("/metrics").1.contains("agentd_config_error 1.0").then_some(()));
    check(&classic(&daemon));
}

/// `tests/run` says so where there is none.
fn check(text: &str) {
    let promtool = std::env::var("PROMTOOL").unwrap_or_else(|_| "promtool".into());
    let started =
        Command::new(promtool).args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut promtool) = started else { return };
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{complaints}\n{text}");
}
