//! The terminal is the agent's while it runs, and sane when it doesn't.

use agentd::shim::protocol::*;

use super::harness::*;

fn echoes(shim: &Shim) -> (bool, bool) {
    let mode = shim.mode();
    (mode.c_lflag & libc::ECHO != 0, mode.c_lflag & libc::ICANON != 0)
}

#[test]
fn a_program_that_left_a_mess_is_cleaned_up_after() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    // Not even echo while there is nobody to read.
    assert_eq!(echoes(&shim), (false, true));
    let script =
        "stty raw -echo; printf '\\033[?1049h\\033[?1000h\\033[?1006h\\033[?2004h\\033[?25lmess'; kill -KILL $$";
    assert_eq!(shim.run_script(&mut link, script).wait_status, libc::SIGKILL);
    shim.shows(b"mess");
    shim.shows(b"\x1b[?1049l");
    for undone in ["\x1b[?1000l", "\x1b[?1006l", "\x1b[?2004l", "\x1b[?25h"] {
        // In this order.
        shim.shows(undone.as_bytes());
    }
    let settled = shim.shows(b"\r\x1b[K");
    // A line's blanks.
    assert!(settled.windows(80).any(|part| part == [b' '; 80]));
    until("the shim to have the terminal", || shim.foreground() == shim.pid());
    assert_eq!(echoes(&shim), (false, true));

    let fifo = shim.fifo("up");
    shim.start(&mut link, "echo up > $T/up; read x; exit 4");
    heard(&fifo);
    assert_eq!(echoes(&shim), (true, true));
    shim.type_in(b"typed\n");
    shim.shows(b"typed\r\n");
    assert_eq!(link.ended().wait_status, 4 << 8);
}

#[test]
fn what_is_typed_between_two_runs_is_not_the_next_ones() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    shim.type_in(b"early\n\x03\x1a\x1c");
    let start = shim.script("read x; echo \"got $x.\"");
    link.send(&Order::Start(start));
    link.started();
    shim.type_in(b"late\n");
    shim.shows(b"got late.");
    assert_eq!(link.ended().wait_status, 0);
}

#[test]
fn the_line_of_a_start_comes_before_the_program() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    let mut start = shim.script("echo from the program");
    start.line = "agentd: here it comes".to_owned();
    link.send(&Order::Start(start));
    shim.shows(b"agentd: here it comes\x1b[0m\r\n");
    shim.shows(b"from the program");
}

#[test]
fn keys_reach_the_agent_and_not_the_shim() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    let fifo = shim.fifo("up");
    // Not a shell, which hears of a C-c at some moments only.
    let waits = "import os,signal,time\nsignal.signal(signal.SIGINT,signal.SIG_DFL)\n\
                 open(os.environ['T']+'/up','w').write('x')\ntime.sleep(1000)";
    let start = shim.order(["python3", "-c", waits]);
    link.send(&Order::Start(start));
    link.started();
    heard(&fifo);
    shim.type_in(b"\x03");
    assert_eq!(link.ended().wait_status, libc::SIGINT);
    until("the shim to have the terminal", || shim.foreground() == shim.pid());
    shim.type_in(b"\x03\x1c\x1a");
    assert_eq!(shim.run_script(&mut link, "exit 1").wait_status, 1 << 8);
}

#[test]
fn a_stop_that_nobody_could_end_is_ended() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    let script = "trap 'echo continued' CONT; echo ready; while :; do read x && exit 5; done";
    shim.start(&mut link, script);
    shim.shows(b"ready");
    shim.type_in(b"\x1a");
    shim.shows(b"continued");

    // One who has lost the terminal to a group that is gone gets it back with the first read.
    shim.type_in(b"\n");
    assert_eq!(link.ended().wait_status, 5 << 8);
    let lost = "import os,signal\nsignal.signal(signal.SIGTTOU,signal.SIG_IGN)\np=os.fork()\n\
                if p==0: os.setpgid(0,0); os.tcsetpgrp(0,os.getpid()); os._exit(0)\nos.waitpid(p,0)\nprint('reading',flush=True)\ninput()\nos._exit(8)";
    let start = shim.order(["python3", "-c", lost]);
    link.send(&Order::Start(start));
    link.started();
    shim.shows(b"reading");
    shim.type_in(b"x\n");
    assert_eq!(link.ended().wait_status, 8 << 8);
}

#[test]
fn an_explicit_stop_is_left_alone() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    let (run, pid) = shim.start(&mut link, "read x");
    kill(i32::try_from(pid).expect("a pid"), libc::SIGSTOP);
    let state = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("stat");
    until("the stop", || state(pid).contains(") T "));
    // The shim has seen the stop before it answers this.
    let other = shim.script("exit 0");
    link.send(&Order::Start(other));
    link.not_started();
    assert!(state(pid).contains(") T "));
    link.send(&Order::Signal { run, signal: libc::SIGTERM });
    assert_eq!(link.ended().wait_status, libc::SIGTERM);
}

#[test]
fn a_terminal_that_takes_nothing_holds_nothing_up() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    let fifo = shim.fifo("up");
    shim.start(&mut link, "echo up > $T/up; read x; exit 3");
    heard(&fifo);
    // C-s, and then the end.
    shim.type_in(b"\x13\n");
    assert_eq!(link.ended().wait_status, 3 << 8);
    for run in 0..3000 {
        link.send(&Order::Note { run, memo: vec![], line: "a line that nobody reads".repeat(9) });
    }
    assert_eq!(shim.run_script(&mut link, "exit 2").wait_status, 2 << 8);
}

#[test]
fn a_descriptor_left_without_blocking_blocks_again() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    let start = shim.order(["python3", "-c", "import os\nos.set_blocking(0,False)"]);
    link.send(&Order::Start(start));
    link.started();
    assert_eq!(link.ended().wait_status, 0);
    let start = shim.order(["python3", "-c", "import os,sys\nsys.exit(10 if os.get_blocking(0) else 11)"]);
    link.send(&Order::Start(start));
    link.started();
    assert_eq!(link.ended().wait_status, 10 << 8);
}
