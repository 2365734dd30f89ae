//! `agentd attach` in a real terminal.

use std::os::unix::fs::MetadataExt;
use std::process::Stdio;

use crate::declare::agent;
use crate::harness::{AGENTD, Host, until};
use crate::screen::Screen;

/// One that shows a greeting, and what is typed to it.
const GREETER: &[&str] = &["/bin/sh", "-c", "echo hello from the agent; touch up; exec cat"];

#[test]
fn a_person_sees_the_agent_types_and_detaches() {
    for host in Host::both() {
        host.configure(&agent("one", GREETER, ""));
        let daemon = host.start();
        host.file("up");
        let screen = Screen::of(&host, (80, 24), "attach one");
        screen.shows("hello from the agent");
        screen.press(&["typed by a person", "Enter"]);
        until("the agent to answer", || (host.screen("one").matches("typed by a person").count() == 2).then_some(()));
        // Also when root asked, the client is the agents' user's.
        let client = screen.child("tmux");
        let owner = std::fs::metadata(format!("/proc/{client}")).unwrap().uid();
        let user = host.uid.or(host.account.as_ref().map(|account| account.uid));
        assert_eq!(Some(owner), user.or(Some(nix::unistd::geteuid().as_raw())));
        assert_eq!(
            host.tmux(&["list-clients", "-t", "=one", "-F", "#{client_pid}"]).unwrap().trim(),
            client.to_string()
        );
        screen.press(&["C-b"]);
        screen.press(&["d"]);
        screen.shows("status=0");
        assert_eq!(screen.value("#{alternate_on} #{cursor_flag}"), "0 1");
        assert_eq!(daemon.agent("one")["state"], "running");
        assert_eq!(
            host.tmux(&["list-panes", "-t", "=one:", "-F", "#{pane_width}x#{pane_height}"]).unwrap(),
            "200x50\n"
        );
    }
}

#[test]
fn who_only_looks_types_nothing() {
    let host = Host::new();
    host.configure(&agent("one", GREETER, ""));
    let _daemon = host.start();
    host.file("up");
    let screen = Screen::of(&host, (80, 24), "attach one --read-only");
    screen.shows("hello from the agent");
    screen.press(&["not typed", "Enter"]);
    let flags = || host.tmux(&["list-clients", "-t", "=one", "-F", "#{client_readonly}"]).unwrap();
    assert_eq!(flags().trim(), "1");
    // The client reads what comes in order: when it has taken the keys that detach, it has taken the others.
    screen.press(&["C-b"]);
    screen.press(&["d"]);
    screen.shows("status=0");
    assert!(!host.screen("one").contains("not typed"), "{}", host.screen("one"));
}

#[test]
fn why_nobody_can_attach_is_said() {
    let host = Host::new();
    host.configure(&[agent("one", GREETER, ""), agent("lost", &["/no/such/program"], "")].concat());
    let daemon = host.start();
    daemon.wait_states(&[("one", "running"), ("lost", "failed")]);
    let attach = |words: &[&str]| {
        let mut command = host.command(AGENTD);
        command.arg("attach").args(words).arg("--api-socket").arg(host.api_socket()).stdin(Stdio::null());
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (status, said) = attach(&["onee"]);
    assert!(status == Some(5) && said.contains("did you mean \"one\"?"), "{status:?} {said}");
    let (status, said) = attach(&["one"]);
    assert!(status == Some(1) && said.contains("not a terminal"), "{status:?} {said}");
}

#[test]
fn a_stranger_is_told_whose_the_server_is() {
    let Some(host) = Host::as_root() else { return };
    host.configure(&agent("one", GREETER, ""));
    let _daemon = host.start();
    host.file("up");
    // The API is open to this one; the directory of tmux's socket is not.
    std::fs::set_permissions(host.api_socket(), std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    let socket = host.api_socket();
    let words = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--", AGENTD, "attach", "one"];
    let mut command = host.command(words[0]);
    let output = command.args(&words[1..]).arg("--api-socket").arg(socket).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let group = &host.account.as_ref().unwrap().name;
    assert!(output.status.code() == Some(4) && said.contains(&format!("the group {group}")), "{said}");
}
