//! What an agent does with processes: it makes too many, hides them, and halts them.

use std::fs;

use crate::harness::{Host, is_alive, until};
use crate::threats::Siege;

/// The processes of the agents' user whose command line has this.
fn with(host: &Host, text: &str) -> Vec<u32> {
    let mut found = host.processes();
    found.retain(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(text) && is_alive(*pid)
    });
    found
}

#[test]
fn who_forks_without_end_is_stopped_and_slows_nobody_down() {
    let Some(host) = Host::as_root() else { return };
    // As many as this user may have; the others of the same user may have more.
    let script = "touch done; exec prlimit --nproc=120 python3 -c 'import os, time
while True:
    try:
        os.fork()
    except OSError:
        time.sleep(0.02)'";
    let siege = Siege::begin(host, script, "grace_period = \"500ms\"");
    siege.host.file("done");
    until("there to be many", || (with(&siege.host, "os.fork()").len() > 60).then_some(()));
    siege.the_rest_still_works();
    siege.lift();
    assert_eq!(with(&siege.host, "os.fork()"), [] as [u32; 0]);
    siege.the_rest_still_works();
}

#[test]
fn who_hides_its_processes_has_none_left_when_it_is_stopped() {
    for host in Host::both() {
        // Without the mark, in sessions of their own, nobody's children, deaf and halted. Only by the numbers that they write
        // down: others of the same user run beside this test.
        let script = "for n in 1 2 3; do \
               (setsid env -i sh -c 'trap \"\" HUP INT QUIT TERM USR1 USR2; sleep 1000 & echo $$ $! >> hidden; wait' & ) ; done; \
             while [ \"$(wc -l 2>/dev/null < hidden)\" != 3 ]; do sleep 0.01; done; \
             for pid in $(cat hidden); do kill -STOP $pid; done; touch done; exec sleep 1000";
        let siege = Siege::begin(host, script, "grace_period = \"300ms\"");
        siege.host.file("done");
        let hidden = String::from_utf8(siege.host.file("hidden")).unwrap();
        let hidden: Vec<u32> = hidden.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
        assert_eq!(hidden.len(), 6, "{hidden:?}");
        assert!(hidden.iter().all(|pid| is_alive(*pid)));
        siege.lift();
        for pid in hidden {
            assert!(!is_alive(pid), "{pid} is left");
        }
        siege.the_rest_still_works();
    }
}
