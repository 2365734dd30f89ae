//! How a run ends decides what follows.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use crate::declare::agent;
use crate::harness::{Host, until};

/// Every way to end, with how the API shows it.
const ENDS: [(&[&str], &str, u64); 7] = [
    (&["exit", "0"], "code", 0),
    (&["exit", "1"], "code", 1),
    (&["exit", "3"], "code", 3),
    (&["exit", "255"], "code", 255),
    (&["signal", "15"], "signal", 15),
    (&["signal", "9"], "signal", 9),
    (&["signal", "11"], "signal", 11),
];

#[test]
fn every_exit_is_handled_by_every_policy() {
    let host = Host::new();
    let policies = ["no", "on-failure", "always"];
    let cases = policies.iter().flat_map(|policy| ENDS.iter().map(move |end| (*policy, *end)));
    let named: Vec<_> = cases.map(|(policy, end)| (format!("{policy}-{}-{}", end.1, end.2), policy, end)).collect();
    let tables = named.iter().map(|(name, policy, (words, ..))| {
        let command = [&["$PROBE"], *words, &["wait"]].concat();
        agent(name, &command, &format!("restart = {policy:?}\nmax_restarts = 2\nbackoff = \"1ms\""))
    });
    host.configure(&tables.collect::<String>());
    let daemon = host.start();
    let end = |value: u64| if value == 0 { "exited" } else { "failed" };
    // An agent that is to be restarted has been backing off first: its final state comes only once.
    daemon.wait_states(&named.iter().map(|(name, _, (.., value))| (name.as_str(), end(*value))).collect::<Vec<_>>());
    for (name, policy, (_, kind, value)) in &named {
        let shown = daemon.agent(name);
        let is_restarted = *policy == "always" || (*policy == "on-failure" && *value != 0);
        let exit = &shown["exit"];
        assert_eq!(shown["state"], end(*value), "{shown}");
        assert_eq!(shown["running"], false, "{shown}");
        assert_eq!(shown["restarts"], if is_restarted { 2 } else { 0 }, "{shown}");
        assert_eq!(exit[*kind], *value, "{shown}");
        assert_eq!(exit["kind"], if *kind == "code" { "exited" } else { "killed" }, "{shown}");
        assert!(exit["at"].is_string(), "{shown}");
        assert!(shown.get("next_restart_at").is_none() && shown.get("pid").is_none(), "{shown}");
        let error = shown.get("error").map(|error| error.as_str().unwrap());
        assert_eq!(error.is_some(), *value != 0, "{shown}");
        if let Some(error) = error {
            let number = if *kind == "code" { format!("status {value}") } else { format!("signal {value} ") };
            assert!(error.contains(&number), "{shown}");
            assert_eq!(error.contains("max_restarts"), is_restarted, "{shown}");
        }
    }
}

/// Keeps two cores busy.
struct Load(Arc<AtomicBool>);

impl Load {
    fn new() -> Self {
        let done = Arc::new(AtomicBool::new(false));
        for _ in 0..2 {
            let done = Arc::clone(&done);
            std::thread::spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        Self(done)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn of_two_hundred_exits_under_load_none_is_unknown() {
    let _load = Load::new();
    let host = Host::new();
    let names: Vec<String> = (0..20).map(|number| format!("a{number}")).collect();
    let tables = names.iter().enumerate().map(|(number, name)| {
        let base = (number * 10 + 1).to_string();
        let words = ["$PROBE", "exit-next", name, &base];
        agent(name, &words, "restart = \"always\"\nmax_restarts = 9\nbackoff = \"0s\"")
    });
    host.configure(&tables.collect::<String>());
    let daemon = host.start();
    daemon.wait_states(&names.iter().map(|name| (name.as_str(), "failed")).collect::<Vec<_>>());
    let log = daemon.log();
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    for (number, name) in names.iter().enumerate() {
        let wanted: Vec<String> = (number * 10 + 1..=number * 10 + 10)
            .map(|status| match status % 7 {
                0 => "was killed by signal 9 (SIGKILL)".to_owned(),
                _ => format!("exited with status {status}"),
            })
            .collect();
        let ended = |line: &&Value| line["agent"] == **name && (line["to"] == "backing_off" || line["to"] == "failed");
        let told: Vec<&str> = lines.iter().filter(ended).map(|line| line["reason"].as_str().unwrap()).collect();
        assert_eq!(told, wanted);
    }
}

#[test]
fn the_backoff_doubles_up_to_its_maximum() {
    let host = Host::new();
    let again = "restart = \"always\"\nmax_restarts = 4\nbackoff = \"40ms\"\nbackoff_max = \"100ms\"";
    let words = ["/bin/sh", "-c", "date +%s%N >> times; exit 1"];
    host.configure(
        &[
            agent("often", &words, again),
            agent(
                "rare",
                &["$PROBE", "exit", "1"],
                "restart = \"on-failure\"\nbackoff = \"1h\"\nbackoff_max = \"90m\"",
            ),
        ]
        .concat(),
    );
    let daemon = host.start();
    daemon.wait_states(&[("often", "failed"), ("rare", "backing_off")]);
    let times = String::from_utf8(host.file("times")).unwrap();
    let times: Vec<u64> = times.lines().map(|line| line.parse().unwrap()).collect();
    let pauses: Vec<u64> = times.windows(2).map(|pair| (pair[1] - pair[0]) / 1_000_000).collect();
    let least = [40, 80, 100, 100];
    assert!(pauses.len() == 4 && pauses.iter().zip(least).all(|(pause, least)| *pause >= least), "{pauses:?}");
    let rare = daemon.agent("rare");
    let pause = time(&rare["next_restart_at"]).duration_since(time(&rare["exit"]["at"])).unwrap();
    assert_eq!(pause, Duration::from_secs(3600), "{rare}");
    until("the pane to say it", || host.screen("rare").contains("restarts in 1 h").then_some(()));
}

fn time(text: &Value) -> SystemTime {
    humantime::parse_rfc3339(text.as_str().unwrap()).unwrap()
}

#[test]
fn a_timeout_counts_over_restarts_and_is_final() {
    let host = Host::new();
    let quick = "restart = \"always\"\nbackoff = \"20ms\"\nbackoff_max = \"20ms\"\ntimeout = \"500ms\"";
    let tables = [
        agent("restless", &["/bin/sh", "-c", "echo >> runs"], quick),
        agent("long", &["$PROBE", "wait"], "restart = \"always\"\nbackoff = \"0s\"\ntimeout = \"300ms\""),
        agent("other", &["$PROBE", "wait"], ""),
    ];
    let started = Instant::now();
    host.configure(&tables.concat());
    let daemon = host.start();
    daemon.wait_states(&[("restless", "timed_out"), ("long", "timed_out")]);
    assert!(started.elapsed() >= Duration::from_millis(500));
    let (restless, long) = (daemon.agent("restless"), daemon.agent("long"));
    assert!(restless["restarts"].as_u64().unwrap() >= 1, "{restless}");
    assert_eq!((&long["restarts"], &long["running"]), (&0.into(), &false.into()), "{long}");
    assert_eq!(long["exit"]["signal"], 2, "{long}");
    assert!(long["error"].as_str().unwrap().contains("timeout"), "{long}");
    // Whatever else changes.
    let runs = host.file("runs");
    host.configure(&tables[..2].concat());
    daemon.wait_state("other", "none");
    assert_eq!((daemon.agent("restless")["state"].as_str(), host.file("runs")), (Some("timed_out"), runs));
    until("the pane to say it", || host.screen("long").contains("its timeout of 300 ms has passed").then_some(()));
}

#[test]
fn a_timeout_during_a_stop_changes_nothing() {
    let host = Host::new();
    let stubborn = ["$PROBE", "ignore", "2", "ignore", "15", "touch", "up", "wait"];
    host.configure(&agent("stubborn", &stubborn, "timeout = \"700ms\"\ngrace_period = \"1s\""));
    let daemon = host.start();
    daemon.wait_state("stubborn", "running");
    host.file("up");
    let asked = Instant::now();
    host.configure("# nobody\n");
    daemon.wait_state("stubborn", "none");
    assert!(asked.elapsed() >= Duration::from_secs(1), "gone after {:?}", asked.elapsed());
    let log = daemon.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let states: BTreeSet<String> = lines.filter_map(|line| Some(line["to"].as_str()?.to_owned())).collect();
    assert!(!states.contains("timed_out"), "{log}");
}
