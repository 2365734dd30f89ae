//! A shim dies, and strangers talk to the socket that is for shims.

use std::io::Write;
use std::os::unix::net::UnixStream;

use nix::sys::signal::Signal;

use crate::declare::{Record, agent};
use crate::harness::{Host, is_alive, kill, until};

#[test]
fn what_a_killed_shim_ran_is_gone_and_runs_again_on_a_new_one() {
    let host = Host::new();
    let words = ["$PROBE", "setsid", "child", "wait"];
    host.configure(&agent("one", &words, "restart = \"always\"\nbackoff = \"10ms\""));
    let daemon = host.start();
    daemon.wait_state("one", "running");
    let old = u32::try_from(daemon.agent("one")["pid"].as_u64().unwrap()).unwrap();
    let child = Record::read(&host, "child").pid;
    let shim: u32 =
        host.tmux(&["display-message", "-p", "-t", "=one:", "#{pane_pid}"]).unwrap().trim().parse().unwrap();
    kill(shim, Signal::SIGKILL);
    daemon.wait_state("one", "running");
    for pid in [old, child] {
        until("the old one to be gone", || (!is_alive(pid)).then_some(()));
    }
}

#[test]
fn strangers_on_the_socket_disturb_nobody() {
    let host = Host::new();
    host.configure(&agent("one", &["$PROBE", "wait"], ""));
    let daemon = host.start();
    daemon.wait_state("one", "running");
    let pid = daemon.agent("one")["pid"].clone();
    let connect = || UnixStream::connect(host.at("run/agentd/shim.sock")).unwrap();
    let silent: Vec<_> = (0..100).map(|_| connect()).collect();
    connect().write_all(b"GET / HTTP/1.1\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff").unwrap();
    connect().write_all(&[0; 4096]).unwrap();
    host.configure(&[agent("one", &["$PROBE", "wait"], ""), agent("two", &["$PROBE", "wait"], "")].concat());
    daemon.wait_state("two", "running");
    assert_eq!(daemon.agent("one")["pid"], pid);
    drop(silent);
}
