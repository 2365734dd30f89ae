//! What an agent does when it doesn't say, and what follows when nothing happens.

use crate::declare::agent;
use crate::harness::{Daemon, Host, until};

/// A host whose daemon looks at terminals ten times a second.
fn host() -> Host {
    let mut host = Host::as_root().unwrap_or_else(Host::new);
    host.arguments.extend(["--reconcile-interval", "100ms"].map(ToOwned::to_owned));
    host
}

/// A shell that sets its terminal's time back, and so has been quiet for an hour.
const QUIET: &str = "touch -m -d '1 hour ago' $(tty)";

fn does(daemon: &Daemon, agent: &str, activity: &str) -> serde_json::Value {
    let what = format!("{agent} to be {activity}");
    until(&what, || Some(daemon.agent(agent)["activity"].clone()).filter(|doing| doing["state"] == activity))
}

#[test]
fn what_an_agent_does_is_seen_on_its_terminal_until_it_tells() {
    let host = host();
    let script = format!("{QUIET}; read line; echo; read line");
    host.configure(&agent("one", &["sh", "-c", &script], ""));
    let daemon = host.start();
    daemon.wait_state("one", "running");
    let busy = does(&daemon, "one", "busy");
    assert_eq!((&busy["source"], &busy["since"]), (&"terminal".into(), &daemon.agent("one")["started_at"]));
    let path = host.tmux_socket().with_file_name("notify").join("one");
    let tell = |text: &str| {
        std::os::unix::net::UnixDatagram::unbound().unwrap().send_to(text.as_bytes(), &path).unwrap();
    };
    tell("ACTIVITY=waiting\nACTIVITY_SOURCE=a test");
    assert_eq!(does(&daemon, "one", "waiting")["source"], "a test");
    tell("ACTIVITY=");
    assert_eq!(does(&daemon, "one", "busy")["source"], "terminal");
    // Fifteen seconds after its start.
    let idle = does(&daemon, "one", "idle");
    assert_eq!((&idle["source"], &idle["since"]), (&"terminal".into(), &busy["since"]));
    host.tmux(&["send-keys", "-t", "=one:", "Enter"]).unwrap();
    does(&daemon, "one", "busy");
}
