//! What the program gets, and what can be wrong with it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use agentd::shim::protocol::*;

use super::harness::*;

fn executable(shim: &Shim, name: &str, text: &str) {
    fs::write(shim.path(name), text).expect("written");
    fs::set_permissions(shim.path(name), fs::Permissions::from_mode(0o755)).expect("mode");
}

#[test]
fn arguments_arrive_byte_for_byte() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    let wanted: Vec<Vec<u8>> = vec![
        b"plain".to_vec(),
        vec![],
        b"'\"$(id)`id`\\;".to_vec(),
        b"line\nline\ttab\x1b[31m\x07\x01".to_vec(),
        b"\xff\xfe invalid".to_vec(),
        b"a;".to_vec(),
        b";".to_vec(),
        vec![b'p'; 131_071],
    ];
    let mut start = shim.order(["sh", "-c", "exec cat /proc/self/cmdline > $T/seen", "sh"]);
    // `cat` replaces the shell's arguments: a copy of itself keeps its own.
    start.argv[2] = b"cat /proc/$$/cmdline > $T/seen".to_vec();
    start.argv.extend(wanted.clone());
    link.send(&Order::Start(start));
    link.started();
    assert_eq!(link.ended().wait_status, 0);
    let seen: Vec<Vec<u8>> = lines(&shim.path("seen")).into_iter().skip(4).map(OsString::into_vec).collect();
    assert!(seen == wanted, "arguments changed");

    let mut start = shim.order(["true", "x"]);
    start.argv[1] = vec![b'p'; 131_072];
    link.send(&Order::Start(start));
    assert_eq!(link.not_started(), (Step::Exec, libc::E2BIG));
}

#[test]
fn the_environment_is_the_orders_and_where_the_terminal_is() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    let mut start = shim.script("cat /proc/$$/environ > $T/seen");
    start.env.push(b"TERM=mine".to_vec());
    start.env.push(b"BYTES=\xff\n=x".to_vec());
    link.send(&Order::Start(start.clone()));
    link.started();
    assert_eq!(link.ended().wait_status, 0);
    let seen: Vec<Vec<u8>> = lines(&shim.path("seen")).into_iter().map(OsString::into_vec).collect();
    let mut wanted = start.env.clone();
    wanted.extend([b"TMUX=/t,1,0".to_vec(), b"TMUX_PANE=%7".to_vec()]);
    assert_eq!(seen, wanted);

    let script = "echo $(ls /proc/self/fd | tr '\\n' ' ') $PPID > $T/state; grep -E '^Sig(Blk|Ign)' /proc/self/status >> $T/state; cat /proc/$$/stat >> $T/state";
    let start = shim.script(script);
    link.send(&Order::Start(start));
    let pid = link.started();
    assert_eq!(link.ended().wait_status, 0);
    let state = fs::read_to_string(shim.path("state")).expect("state");
    let mut lines = state.lines();
    // 3 is `ls` reading the directory.
    assert_eq!(lines.next(), Some(format!("0 1 2 3 {}", shim.pid()).as_str()));
    // Without signals 32 and 33, which belong to the C library: nobody can set them, and whoever ran the tests may have.
    let mask = |line: &str| {
        let (name, mask) = line.split_once(":\t").expect("a mask");
        (name.to_owned(), u64::from_str_radix(mask, 16).expect("hex") & !(0b11 << 31))
    };
    let masks: HashMap<String, u64> = lines.by_ref().take(2).map(mask).collect();
    assert_eq!(masks, HashMap::from([("SigBlk".to_owned(), 0), ("SigIgn".to_owned(), 0)]));
    let fields: Vec<_> = lines.next().expect("stat").split(' ').collect();
    let (group, session, foreground) = (fields[4], fields[5], fields[7]);
    assert_eq!((group, session), (pid.to_string().as_str(), shim.pid().to_string().as_str()));
    assert_eq!(foreground, group);
}

#[test]
fn what_is_missing_or_forbidden_is_named_with_its_step() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    let mut fails = |shim: &mut Shim, change: &dyn Fn(&mut Start)| {
        let mut start = shim.order(["no-such-program"]);
        change(&mut start);
        link.send(&Order::Start(start));
        link.not_started()
    };
    assert_eq!(fails(&mut shim, &|_| {}), (Step::Exec, libc::ENOENT));
    assert_eq!(fails(&mut shim, &|s| s.argv = vec![b"/no/such".to_vec()]), (Step::Exec, libc::ENOENT));
    assert_eq!(fails(&mut shim, &|s| s.argv = vec![vec![]]), (Step::Exec, libc::ENOENT));
    assert_eq!(fails(&mut shim, &|s| s.argv = vec![]), (Step::Exec, libc::EINVAL));
    assert_eq!(fails(&mut shim, &|s| s.argv[0] = b"a\0b".to_vec()), (Step::Exec, libc::EINVAL));
    assert_eq!(fails(&mut shim, &|s| s.workdir = b"/no/such".to_vec()), (Step::Workdir, libc::ENOENT));
    assert_eq!(fails(&mut shim, &|s| s.workdir = b"/dev/null".to_vec()), (Step::Workdir, libc::ENOTDIR));

    fs::write(shim.path("plain"), "").expect("written");
    assert_eq!(fails(&mut shim, &|s| s.argv[0] = b"./plain".to_vec()), (Step::Exec, libc::EACCES));
    executable(&shim, "no-interpreter", "#!/no/such\n");
    assert_eq!(fails(&mut shim, &|s| s.argv[0] = b"./no-interpreter".to_vec()), (Step::Exec, libc::ENOENT));
    // After all these the shim is as good as new, and the terminal its own.
    assert_eq!(shim.run_script(&mut link, "exit 7").wait_status, 7 << 8);
    until("the shim to have the terminal", || shim.foreground() == shim.pid());
}

#[test]
fn programs_are_looked_up_as_execvp_does() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    for directory in ["forbidden", "good", "late"] {
        fs::create_dir(shim.path(directory)).expect("made");
    }
    fs::write(shim.path("forbidden/tool"), "").expect("written");
    fs::write(shim.path("forbidden/only"), "").expect("written");
    executable(&shim, "good/tool", "#!/bin/sh\necho good $0 $1 > $T/said\n");
    executable(&shim, "late/tool", "#!/bin/sh\necho late > $T/said\n");
    executable(&shim, "good/old", "echo old $1 > $T/said; exit 4\n");
    executable(&shim, "good/-c", "echo dash > $T/said\n");
    symlink("loop", shim.path("good/loop")).expect("linked");
    let base = shim.dir.path().display().to_string();
    let path = format!("PATH=/no/such:/dev/null:{base}/forbidden:{base}/good:{base}/late:/usr/bin:/bin");
    let order = |shim: &mut Shim, argv: &[&str]| {
        let mut start = shim.order(argv);
        start.env[0] = path.clone().into_bytes();
        start
    };
    let said = |shim: &Shim| fs::read_to_string(shim.path("said")).expect("said");

    link.send(&Order::Start(order(&mut shim, &["tool", "x"])));
    link.started();
    assert_eq!(link.ended().wait_status, 0);
    assert_eq!(said(&shim), format!("good {base}/good/tool x\n"));

    // No `#!`: the shell's.
    link.send(&Order::Start(order(&mut shim, &["old", "y"])));
    link.started();
    assert_eq!(link.ended().wait_status, 4 << 8);
    assert_eq!(said(&shim), "old y\n");

    link.send(&Order::Start(order(&mut shim, &["only"])));
    assert_eq!(link.not_started(), (Step::Exec, libc::EACCES));
    link.send(&Order::Start(order(&mut shim, &["loop"])));
    assert_eq!(link.not_started(), (Step::Exec, libc::ELOOP));

    // An empty entry is the workdir, and a name like an option is still a file.
    let mut start = order(&mut shim, &["-c"]);
    start.env[0] = b"PATH=/no/such:".to_vec();
    start.workdir = format!("{base}/good").into_bytes();
    link.send(&Order::Start(start));
    link.started();
    assert_eq!(link.ended().wait_status, 0);
    assert_eq!(said(&shim), "dash\n");

    // No path at all.
    let mut start = order(&mut shim, &["true"]);
    start.env.remove(0);
    link.send(&Order::Start(start));
    link.started();
    assert_eq!(link.ended().wait_status, 0);
}
