//! `agentd top` in a real terminal.

use nix::sys::signal::Signal;

use crate::declare::agent;
use crate::harness::{Host, kill};
use crate::screen::Screen;

const SMALL: (u16, u16) = (80, 24);

/// Agents `a00` … that greet and stay.
fn declare(host: &Host, count: usize) {
    let greet = |index: usize| {
        let script = format!("echo greetings from {index}; touch up-{index}; exec cat");
        agent(&format!("a{index:02}"), &["/bin/sh", "-c", &script], "")
    };
    host.configure(&(0..count).map(greet).collect::<String>());
}

fn is_given_back(screen: &Screen) {
    assert_eq!(screen.value("#{alternate_on} #{cursor_flag} #{mouse_any_flag}"), "0 1 0");
    // The line discipline is as before: what is typed is echoed, and a line at a time is passed on to cat.
    screen.press(&["typed afterwards", "Enter"]);
    screen.waits("an echo and an answer", |text| text.matches("typed afterwards").count() == 2);
}

#[test]
fn a_person_looks_searches_attaches_and_leaves() {
    for host in Host::both() {
        declare(&host, 12);
        let daemon = host.start();
        (0..12).for_each(|index| drop(host.file(&format!("up-{index}"))));
        let screen = Screen::of(&host, SMALL, "top");
        screen.shows("12 agents: 12 running");
        assert_eq!(screen.value("#{alternate_on}"), "1");
        screen.press(&["?"]);
        screen.shows("attach to the agent");
        screen.press(&["Escape"]);
        screen.waits("no help", |text| !text.contains("attach to the agent"));
        screen.press(&["/", "1", "1"]);
        screen.waits("one agent", |text| text.contains("a11  ") && !text.contains("a01  "));
        screen.press(&["Enter"]);
        screen.shows("(Esc clears)");
        screen.press(&["Enter"]);
        screen
            .waits("the agent's own screen", |text| text.contains("greetings from 11") && !text.contains("12 agents"));
        screen.press(&["typed in between", "Enter"]);
        screen.waits("the agent's answer", |text| text.matches("typed in between").count() == 2);
        screen.press(&["C-b"]);
        screen.press(&["d"]);
        screen.shows("12 agents: 12 running");
        assert_eq!(screen.value("#{alternate_on}"), "1");
        screen.press(&["Escape"]);
        screen.shows("a00  ");
        // News come by themselves.
        declare(&host, 3);
        daemon.wait_state("a11", "none");
        screen.shows("3 agents: 3 running");
        screen.press(&["q"]);
        screen.shows("status=0");
        is_given_back(&screen);
    }
}

#[test]
fn the_terminal_is_given_back_whatever_ends_it() {
    let host = Host::new();
    declare(&host, 1);
    let _daemon = host.start();
    for (signal, key) in [(Some(Signal::SIGTERM), ""), (Some(Signal::SIGHUP), ""), (None, "C-c")] {
        let screen = Screen::of(&host, SMALL, "top");
        screen.shows("1 agent: ");
        match signal {
            Some(signal) => kill(screen.child("agentd"), signal),
            None => screen.press(&[key]),
        }
        screen.shows("status=0");
        is_given_back(&screen);
    }
}

#[test]
fn a_daemon_that_goes_leaves_its_picture_and_is_found_again() {
    let mut host = Host::new();
    host.arguments.extend(["--on-exit".to_owned(), "detach".to_owned()]);
    declare(&host, 2);
    let daemon = host.start();
    daemon.wait_states(&[("a00", "running"), ("a01", "running")]);
    let screen = Screen::of(&host, SMALL, "top");
    screen.shows("2 agents: 2 running");
    drop(daemon);
    screen.shows("DISCONNECTED");
    assert!(screen.text().contains("a01 "), "{}", screen.text());
    let daemon = host.start();
    screen.waits("the connection", |text| !text.contains("DISCONNECTED"));
    // A configuration that it does not take is prominent, and its mend too.
    host.configure("[[agents]]\nname = \"x\"\nharness = \"no-such\"\n");
    screen.shows("CONFIGURATION REFUSED");
    screen.press(&["e"]);
    screen.shows("no-such");
    screen.press(&["q"]);
    declare(&host, 2);
    screen.waits("the mend", |text| !text.contains("CONFIGURATION REFUSED"));
    drop(daemon);
    screen.shows("DISCONNECTED");
    screen.press(&["q"]);
    screen.shows("status=0");
    is_given_back(&screen);
}

#[test]
fn it_takes_any_size_and_any_number() {
    let host = Host::new();
    declare(&host, 60);
    let daemon = host.start();
    daemon.wait_state("a59", "running");
    let screen = Screen::of(&host, SMALL, "top");
    screen.shows("60 agents: ");
    screen.press(&["G"]);
    screen.shows("a59 ");
    for (columns, rows) in [("20", "5"), ("3", "2"), ("200", "50"), ("80", "24")] {
        screen.tmux(&["resize-window", "-x", columns, "-y", rows]);
        if columns != "3" {
            screen.shows("a59");
        }
    }
    screen.press(&["g"]);
    screen.shows("a00 ");
    screen.press(&["C-z"]);
    // Nobody's child can't be put aside: it goes on, with its screen.
    screen.shows("60 agents: ");
    screen.press(&["q"]);
    screen.shows("status=0");
}

#[test]
fn what_is_no_terminal_is_told() {
    let host = Host::new();
    let _daemon = host.start();
    let mut command = host.command(crate::harness::AGENTD);
    let output = command.args(["top", "--api-socket"]).arg(host.api_socket()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not a terminal"), "{output:?}");
}
