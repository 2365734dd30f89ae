//! Agents that turn against what watches them: they can say what they like, and gain nothing by it.

use nix::sys::signal::Signal;

use crate::declare::{Record, agent};
use crate::harness::{Host, is_alive, kill, until};

fn shim_of(host: &Host, session: &str) -> u32 {
    let target = format!("={session}:");
    host.tmux(&["display-message", "-p", "-t", &target, "#{pane_pid}"]).unwrap().trim().parse().unwrap()
}

#[test]
fn an_agent_that_plays_a_shim_is_turned_away_and_disturbs_nobody() {
    for host in Host::both() {
        host.configure(&agent("honest", &["$PROBE", "wait"], "restart = \"always\""));
        let daemon = host.start();
        daemon.wait_state("honest", "running");
        let before = daemon.agent("honest");
        let socket = host.fill_in("$DIR/run/agentd/shim.sock");
        let liar =
            ["$PROBE", "hello", &socket, "honest", "turned-away", "hello", &socket, "liar", "again", "exit", "7"];
        host.configure(
            &[agent("honest", &["$PROBE", "wait"], "restart = \"always\""), agent("liar", &liar, "")].concat(),
        );
        // Its own end is the one that counts, not the one that it tells of.
        daemon.wait_state("liar", "failed");
        host.file("turned-away");
        host.file("again");
        assert_eq!(daemon.agent("liar")["exit"]["code"], 7);
        assert_eq!(daemon.agent("honest"), before);
        daemon.signal(Signal::SIGTERM);
        assert!(daemon.ended().success());
    }
}

#[test]
fn agents_start_beside_one_that_plays_the_shims_of_many() {
    let host = Host::new();
    let socket = host.fill_in("$DIR/run/agentd/shim.sock");
    let liar = agent("liar", &["$PROBE", "hellos", &socket, "500", "said", "wait"], "");
    host.configure(&liar);
    let daemon = host.start();
    host.file("said");
    host.configure(&[liar, agent("honest", &["$PROBE", "wait"], "replicas = 10")].concat());
    let names: Vec<String> = (0..10).map(|number| format!("honest-{number}")).collect();
    daemon.wait_states(&names.iter().map(|name| (name.as_str(), "running")).collect::<Vec<_>>());
}

#[test]
fn an_agent_whose_shim_is_halted_is_stopped_all_the_same() {
    for host in Host::both() {
        let words = ["$PROBE", "ignore", "1", "ignore", "2", "ignore", "15", "setsid", "child", "wait"];
        host.configure(&agent("one", &words, "grace_period = \"100ms\""));
        let daemon = host.start();
        daemon.wait_state("one", "running");
        let child = Record::read(&host, "child").pid;
        let pid = u32::try_from(daemon.agent("one")["pid"].as_u64().unwrap()).unwrap();
        let shim = shim_of(&host, "one");
        kill(shim, Signal::SIGSTOP);
        host.configure("# nobody\n");
        daemon.wait_state("one", "none");
        for pid in [pid, child, shim] {
            until("it to be gone", || (!is_alive(pid)).then_some(()));
        }
    }
}

#[test]
fn an_agent_whose_shim_is_halted_is_replaced_and_obeys_in_time() {
    let host = Host::new();
    host.configure(&agent("one", &["$PROBE", "wait"], "grace_period = \"10m\""));
    let daemon = host.start();
    daemon.wait_state("one", "running");
    kill(shim_of(&host, "one"), Signal::SIGSTOP);
    host.configure(&agent("one", &["$PROBE", "touch", "replaced", "wait"], "grace_period = \"10m\""));
    host.file("replaced");
    daemon.wait_state("one", "running");
}
