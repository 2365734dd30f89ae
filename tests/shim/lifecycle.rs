//! Ends, signals, and orders that come at the wrong time.

use agentd::shim::protocol::*;

use super::harness::*;

#[test]
fn exit_codes_and_signals_are_told_exactly() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    for (script, status) in
        [("exit 0", 0), ("exit 3", 3 << 8), ("exit 255", 255 << 8), ("kill -TERM $$", 15), ("kill -KILL $$", 9)]
    {
        let ended = shim.run_script(&mut link, script);
        assert_eq!((ended.wait_status, ended.terminal_lost), (status, false), "{script}");
        assert!(ended.tree_empty && ended.at > 0 && ended.max_rss_kib > 0);
    }
    let busy = shim.run_script(&mut link, "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done");
    assert!(busy.cpu_micros > 1000, "{busy:?}");
}

#[test]
fn a_signal_reaches_the_group_and_a_main_process_that_left_it() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    let fifo = shim.fifo("up");
    let (run, pid) = shim.start(&mut link, "sleep 1000 & echo $! > $T/up; wait");
    let child: u32 = heard(&fifo).parse().expect("a pid");
    link.send(&Order::Signal { run: run + 1, signal: libc::SIGTERM });
    link.send(&Order::Signal { run, signal: 0 });
    link.send(&Order::Signal { run, signal: 999 });
    link.send(&Order::Signal { run, signal: libc::SIGTERM });
    let ended = link.ended();
    assert_eq!((ended.run, ended.wait_status), (run, libc::SIGTERM));
    link.tree_empty_after(&ended);
    assert!(!is_alive(pid) && !is_alive(child));

    // In another group of the same session, and stopped.
    let script = "import os,time\np=os.fork()\nif p==0: os.setpgid(0,0); time.sleep(1000)\n\
                  os.setpgid(p,p) if os.getpgid(p)!=p else 0\nos.setpgid(0,p); open(os.environ['T']+'/up','w').write('x'); time.sleep(1000)";
    let start = shim.order(["python3", "-c", script]);
    let run = start.run;
    link.send(&Order::Start(start));
    let pid = link.started();
    heard(&fifo);
    kill(i32::try_from(pid).expect("a pid"), libc::SIGSTOP);
    link.send(&Order::Signal { run, signal: libc::SIGTERM });
    let ended = link.ended();
    assert_eq!(ended.wait_status, libc::SIGTERM);
    link.tree_empty_after(&ended);
}

#[test]
fn only_one_run_at_a_time_and_quit_waits_for_none() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    let first = shim.script("read x");
    let (run, other) = (first.run, shim.script("exit 1"));
    link.send(&Order::Start(first.clone()));
    let pid = link.started();
    link.send(&Order::Start(first));
    link.send(&Order::Quit);
    link.send(&Order::Start(other.clone()));
    match link.next() {
        Report::NotStarted(refused) => {
            assert_eq!((refused.run, refused.step, refused.errno), (other.run, Step::Fork, libc::EBUSY));
        }
        report => panic!("{report:?}"),
    }
    assert!(is_alive(pid));
    link.send(&Order::KillTree { run });
    assert_eq!(link.ended().wait_status, libc::SIGKILL);
    link.send(&Order::Quit);
    assert!(shim.exited().success());
    assert_eq!(link.try_next(), None);
}

#[test]
fn a_held_child_runs_only_when_it_is_let_go() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    let mut start = shim.script("echo ran > $T/proof; exit 5");
    start.hold = true;
    let run = start.run;
    link.send(&Order::Start(start.clone()));
    let pid = link.forked();
    link.send(&Order::Go { run: run + 1 });
    link.send(&Order::Abort { run: run + 1, errno: 1 });
    assert!(is_alive(pid) && !shim.path("proof").exists());
    link.send(&Order::Go { run });
    assert_eq!(link.started(), pid);
    assert_eq!(link.ended().wait_status, 5 << 8);
    assert_eq!(std::fs::read_to_string(shim.path("proof")).expect("proof"), "ran\n");

    std::fs::remove_file(shim.path("proof")).expect("removed");
    start.run += 1;
    link.send(&Order::Start(start.clone()));
    let pid = link.forked();
    link.send(&Order::Abort { run: run + 1, errno: libc::ENOSPC });
    link.send(&Order::Go { run: run + 1 });
    assert_eq!(link.not_started(), (Step::Fork, libc::ENOSPC));
    assert!(!is_alive(pid) && !shim.path("proof").exists());

    // Killed from elsewhere while it waits.
    start.run += 1;
    link.send(&Order::Start(start));
    kill(i32::try_from(link.forked()).expect("a pid"), libc::SIGKILL);
    assert_eq!(link.not_started(), (Step::Fork, libc::ECANCELED));
}

#[test]
fn a_shim_that_dies_takes_held_and_running_children_along() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    let (_, pid) = shim.start(&mut link, "trap '' HUP INT TERM; while :; do read x; done");
    kill(shim.pid(), libc::SIGKILL);
    wait_gone(i32::try_from(pid).expect("a pid"));
    assert_eq!(link.try_next(), None);

    let (mut shim, _daemon, mut link) = Shim::connected();
    let mut start = shim.script("echo ran > $T/proof");
    start.hold = true;
    link.send(&Order::Start(start));
    let pid = link.forked();
    kill(shim.pid(), libc::SIGKILL);
    wait_gone(i32::try_from(pid).expect("a pid"));
    assert_eq!(link.try_next(), None);
    assert!(!shim.path("proof").exists());
}

#[test]
fn nonsense_from_the_daemon_costs_the_connection_and_nothing_else() {
    let (mut shim, daemon, mut link) = Shim::connected();
    let (run, pid) = shim.start(&mut link, "read x");
    let later_version = [5, 0, 0, 0, 250, 1, 2, 3, 4];
    for nonsense in [&[0; 4][..], &[255; 4][..], &[2, 0, 0, 0, 1, 9][..], &[9, 0, 0, 0, 6, 1, 2, 3, 4, 5, 6, 7, 8][..]]
    {
        use std::io::Write;
        link.stream.write_all(&later_version).expect("sent");
        link.stream.write_all(nonsense).expect("sent");
        assert_eq!(link.try_next(), None);
        let (next, child, _) = daemon.greeted();
        link = next;
        assert!(matches!(child, ChildReport::Running { run: r, pid: p, .. } if (r, p) == (run, pid)), "{child:?}");
    }
    link.send(&Order::KillTree { run });
    assert_eq!(link.ended().wait_status, libc::SIGKILL);
}

#[test]
fn what_is_ordered_as_the_terminal_goes_is_lost_with_it_at_once() {
    for hold in [false, true] {
        let (mut shim, _daemon, mut link) = Shim::connected();
        let mut start = shim.script("read x");
        start.hold = hold;
        link.send(&Order::Start(start));
        let pid = if hold { link.forked() } else { link.started() };
        kill(shim.pid(), libc::SIGHUP);
        let ended = link.ended();
        assert!(ended.terminal_lost && !is_alive(pid), "{ended:?}");
        assert_eq!(ended.started_at == 0, hold, "only what was executed has a start");

        // It stays a moment for the daemon to hear of this, and starts nothing any more.
        let late = shim.script("read x");
        let run = late.run;
        link.send(&Order::Start(late));
        let ended = link.ended();
        assert_eq!((ended.run, ended.terminal_lost, ended.tree_empty), (run, true, true));
        assert_eq!(ended.started_at, 0);
        assert!(shim.exited().success());
    }
}
