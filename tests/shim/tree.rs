//! Nothing that an agent started outlives it.

use agentd::shim::protocol::*;

use super::harness::*;

/// Ignores every signal that can be ignored, in a session of its own, orphaned.
const STUBBORN: &str = "setsid sh -c '(trap \"\" HUP INT QUIT TERM USR1; echo up > $T/up; exec sleep 1000) &' &";

#[test]
fn what_left_the_session_dies_with_the_agent() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    let (fifo, go) = (shim.fifo("up"), shim.fifo("go"));
    shim.start(&mut link, &format!("{STUBBORN} read x < $T/go; exit 6"));
    assert_eq!(heard(&fifo), "up");
    std::fs::write(go, "\n").expect("told");
    let ended = link.ended();
    assert_eq!(ended.wait_status, 6 << 8);
    assert!(!ended.tree_empty);
    assert_eq!(link.next(), Report::TreeEmpty { run: ended.run });
    assert_eq!(shim.left_over(), Vec::<u32>::new());
}

#[test]
fn the_ladder_ends_with_everything_dead() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    let fifo = shim.fifo("up");
    let script = format!("trap '' HUP INT TERM; {STUBBORN} while :; do read x; done");
    let (run, pid) = shim.start(&mut link, &script);
    heard(&fifo);
    for signal in [libc::SIGINT, libc::SIGHUP, libc::SIGTERM] {
        link.send(&Order::Signal { run, signal });
    }
    // An order that is answered, behind the signals.
    let other = shim.script("exit 0");
    link.send(&Order::Start(other));
    assert_eq!(link.not_started(), (Step::Fork, libc::EBUSY));
    assert!(is_alive(pid));
    link.send(&Order::KillTree { run });
    let ended = link.ended();
    assert_eq!(ended.wait_status, libc::SIGKILL);
    link.tree_empty_after(&ended);
    assert_eq!(shim.left_over(), Vec::<u32>::new());
}

#[test]
fn a_tree_that_is_stopped_or_forks_on_and_on_dies_too() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    let (fifo, go) = (shim.fifo("up"), shim.fifo("go"));
    let forks = "import os,time\n\
        os.setsid()\n\
        open(os.environ['T']+'/up','w').write('x')\n\
        while True:\n  p=os.fork()\n  if p: os._exit(0)\n  time.sleep(0.0001)";
    let script = format!("sh -c 'kill -STOP $$' & python3 -c \"{forks}\" & read x < $T/go; kill -KILL $$");
    for by_order in [false, true] {
        let script = if by_order { script.replace("kill -KILL $$", "sleep 1000") } else { script.clone() };
        let (run, _) = shim.start(&mut link, &script);
        heard(&fifo);
        if by_order {
            link.send(&Order::KillTree { run });
        } else {
            std::fs::write(&go, "\n").expect("told");
        }
        let ended = link.ended();
        assert_eq!(ended.wait_status, libc::SIGKILL);
        link.tree_empty_after(&ended);
        assert_eq!(shim.left_over(), Vec::<u32>::new());
    }
    assert_eq!(shim.run_script(&mut link, "exit 1").wait_status, 1 << 8);
}

#[test]
fn orphans_are_reaped_while_the_agent_runs() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    let fifo = shim.fifo("up");
    shim.start(&mut link, "(sh -c 'echo $$ > $T/up' &) ; read x; exit 3");
    let orphan: i32 = heard(&fifo).parse().expect("a pid");
    until("the orphan to be reaped", || !std::path::Path::new(&format!("/proc/{orphan}")).exists());
    shim.type_in(b"\n");
    let ended = link.ended();
    assert!(ended.tree_empty);
}

#[test]
fn a_closed_terminal_ends_it_all_and_is_told() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    let fifo = shim.fifo("up");
    let (run, _) = shim.start(&mut link, &format!("trap '' HUP; {STUBBORN} while :; do sleep 1000; done"));
    heard(&fifo);
    shim.master = None;
    let ended = link.ended();
    assert_eq!((ended.run, ended.terminal_lost), (run, true));
    link.tree_empty_after(&ended);
    assert_eq!(shim.left_over(), Vec::<u32>::new());
    link.send(&Order::Note { run, memo: vec![], line: String::new() });
    assert!(shim.exited().success());
}

#[test]
fn a_closed_terminal_ends_it_all_without_a_daemon_and_without_an_answer() {
    for daemon_stays in [false, true] {
        let (mut shim, daemon, mut link) = Shim::connected();
        let fifo = shim.fifo("up");
        shim.start(&mut link, &format!("trap '' HUP; {STUBBORN} while :; do sleep 1000; done"));
        heard(&fifo);
        if daemon_stays {
            // It listens and says nothing.
            shim.master = None;
            assert!(shim.exited().success());
        } else {
            drop((link, daemon));
            kill(shim.pid(), libc::SIGTERM);
            assert!(shim.exited().success());
        }
        assert_eq!(shim.left_over(), Vec::<u32>::new());
    }
    let (mut idle, _daemon, _link) = Shim::connected();
    kill(idle.pid(), libc::SIGHUP);
    assert!(idle.exited().success());
}
