//! The daemon goes and comes: nothing is lost, and nothing is asked for again and again.

use std::fs;

use agentd::shim::protocol::*;

use super::harness::*;

#[test]
fn an_exit_is_kept_until_it_is_acknowledged() {
    let (mut shim, daemon, mut link) = Shim::connected();
    let fifo = shim.fifo("go");
    let (run, _) = shim.start(&mut link, "read x < $T/go; exit 9");
    drop((link, daemon));
    fs::remove_file(&shim.socket).expect("removed");
    fs::write(&fifo, "\n").expect("told");
    shim.shows(b"agentd: tester exited with status 9; agentd isn't running and decides when it is back");

    let daemon = Daemon::bind(&shim.socket);
    for _ in 0..2 {
        let (link, child, memo) = daemon.greeted();
        let ChildReport::Ended(ended) = child else { panic!("{child:?}") };
        assert_eq!((ended.run, ended.wait_status, ended.tree_empty), (run, 9 << 8, true));
        assert_eq!(memo, b"memo 1");
        // Not acknowledged.
        drop(link);
    }
    let (mut link, child, _) = daemon.greeted();
    assert!(matches!(child, ChildReport::Ended(_)));
    link.send(&Order::Note { run: run + 1, memo: b"another run's".to_vec(), line: String::new() });
    drop(link);
    let (mut link, child, memo) = daemon.greeted();
    assert!(matches!(child, ChildReport::Ended(_)));
    assert_eq!(memo, b"another run's");
    link.send(&Order::Note { run, memo: b"done".to_vec(), line: "next: \x1b[31mnothing".to_owned() });
    shim.shows(b"next: [31mnothing\x1b[0m\r\n");
    drop(link);
    // It goes on telling: the next daemon may know nothing of it.
    let (_link, child, memo) = daemon.greeted();
    assert!(matches!(child, ChildReport::Ended(ended) if ended.run == run));
    assert_eq!(memo, b"done");
}

#[test]
fn a_daemon_that_goes_between_the_end_and_its_answer_is_spoken_for_once() {
    let (mut shim, daemon, mut link) = Shim::connected();
    assert_eq!(shim.run_script(&mut link, "exit 9").wait_status, 9 << 8);
    let said = b"exited with status 9; agentd isn't running";
    drop((link, daemon));
    let before = shim.shows(said);
    assert!(!before[..before.len() - said.len()].windows(said.len()).any(|part| part == said));
    let daemon = Daemon::bind(&shim.socket);
    let (mut link, ..) = daemon.greeted();
    link.send(&Order::Note { run: 1, memo: vec![], line: "next".to_owned() });
    let after = shim.shows(b"next");
    assert!(!after.windows(said.len()).any(|part| part == said));
}

#[test]
fn a_running_agent_is_told_of_and_left_alone() {
    let (mut shim, daemon, mut link) = Shim::connected();
    let (run, pid) = shim.start(&mut link, "read x; exit 2");
    drop((link, daemon));
    // Nobody listens at the file that is left, until another takes its place.
    let daemon = Daemon::bind(&shim.socket);
    let (mut link, child, memo) = daemon.greeted();
    assert!(matches!(child, ChildReport::Running { run: r, pid: p, at: 1.. } if (r, p) == (run, pid)), "{child:?}");
    assert_eq!(memo, b"memo 1");
    shim.type_in(b"\n");
    assert_eq!(link.ended().wait_status, 2 << 8);
}

#[test]
fn a_program_that_could_not_start_and_one_that_was_held_are_told_of() {
    let (mut shim, daemon, mut link) = Shim::connected();
    let start = shim.order(["no-such-program"]);
    link.send(&Order::Start(start));
    link.not_started();
    drop(link);
    let (mut link, child, _) = daemon.greeted();
    assert!(matches!(child, ChildReport::NotStarted(NotStarted { run: 1, step: Step::Exec, errno: libc::ENOENT, .. })));
    link.send(&Order::Note { run: 1, memo: vec![], line: String::new() });
    let mut start = shim.script("exit 3");
    start.hold = true;
    link.send(&Order::Start(start));
    let pid = link.forked();
    drop(link);
    let (mut link, child, _) = daemon.greeted();
    assert_eq!(child, ChildReport::Starting { run: 2, pid: Some(pid) });
    link.send(&Order::Go { run: 2 });
    assert_eq!(link.started(), pid);
    assert_eq!(link.ended().wait_status, 3 << 8);
}

#[test]
fn the_socket_is_seen_wherever_its_way_begins_and_whatever_becomes_of_it() {
    let dir = tempfile::tempdir().expect("tempdir");
    let shim = Shim::in_dir(dir, "a/b/shim.sock");
    let idle = |shim: &Shim| until("the shim to sleep", || sleeps(shim.pid()));
    idle(&shim);
    fs::create_dir(shim.path("a")).expect("made");
    idle(&shim);
    fs::create_dir(shim.path("a/b")).expect("made");
    idle(&shim);
    let daemon = Daemon::bind(&shim.socket);
    let (link, ..) = daemon.greeted();
    drop((link, daemon));

    // As systemd does with a runtime directory.
    fs::remove_dir_all(shim.path("a/b")).expect("removed");
    fs::create_dir(shim.path("a/b")).expect("made");
    let daemon = Daemon::bind(&shim.socket);
    let (link, ..) = daemon.greeted();
    drop((link, daemon));

    // A socket that nobody listens at, then one made in place, and everything moved in at once.
    idle(&shim);
    fs::remove_dir_all(shim.path("a")).expect("removed");
    fs::create_dir_all(shim.path("new/b")).expect("made");
    let daemon = Daemon::bind(&shim.path("new/b/shim.sock"));
    fs::rename(shim.path("new"), shim.path("a")).expect("moved");
    daemon.greeted();
}

/// Blocked in its poll, with no timer: what it waits for must come by itself.
fn sleeps(pid: i32) -> bool {
    let call = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
    let mut words = call.split(' ');
    let number = words.next().and_then(|number| number.parse().ok());
    let timeout = words.nth(2);
    number == Some(libc::SYS_poll) && timeout.is_some_and(|value| value.ends_with("ffffffff"))
}

#[test]
fn more_shims_wait_than_a_user_may_have_inotify_instances() {
    let dir = tempfile::tempdir().expect("tempdir");
    let shims: Vec<_> = (0..8)
        .map(|_| {
            let own = tempfile::tempdir_in(dir.path()).expect("tempdir");
            Shim::in_dir(own, "../shim.sock")
        })
        .collect();
    for shim in &shims {
        until("the shim to sleep", || sleeps(shim.pid()));
        let inotify = fs::read_dir(format!("/proc/{}/fd", shim.pid())).expect("descriptors").flatten();
        let links = inotify.filter_map(|entry| fs::read_link(entry.path()).ok());
        assert!(!links.into_iter().any(|link| link.as_os_str() == "anon_inode:inotify"));
    }
    let daemon = Daemon::bind(&dir.path().join("shim.sock"));
    let links: Vec<_> = shims.iter().map(|_| daemon.greeted()).collect();
    assert_eq!(links.len(), shims.len());
}

#[test]
fn a_daemon_that_drops_every_connection_is_not_stormed() {
    let (shim, daemon, link) = Shim::connected();
    drop(link);
    let begin = std::time::Instant::now();
    for _ in 0..2 {
        drop(daemon.accept());
    }
    // Two pauses, less the time since the first connection.
    assert!(begin.elapsed() > std::time::Duration::from_millis(1200));
    drop(shim);
}
