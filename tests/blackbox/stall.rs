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
    until(&what, || Some(daemon.agent_as_seen(agent)["activity"].clone()).filter(|doing| doing["state"] == activity))
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

/// Interrupted, some tell nothing more: then their prompt says it, where nothing moves. Where something does, it works.
#[test]
fn who_said_that_it_works_is_seen_to_rest_at_its_prompt() {
    let host = host();
    let declared = |name: &str, script: &str| {
        format!(
            "[harness.{name}]\nprogram = \"sh\"\n[harness.{name}.interactive]\nargs = [\"-c\", \"{script}\"]\n\
             moves_at_work = true\n[[agents]]\nharness = \"{name}\"\nworkdir = \"$DIR/work\"\n"
        )
    };
    let rests = declared("rests", "printf '❯ '; $PROBE await go");
    let moves = declared("moves", "while [ ! -e go ]; do printf '\\r❯ '; sleep 0.5; done");
    host.configure(&[rests, moves].concat());
    let daemon = host.start();
    daemon.wait_states(&[("rests", "running"), ("moves", "running")]);
    for agent in ["rests", "moves"] {
        let path = host.tmux_socket().with_file_name("notify").join(agent);
        let text = b"ACTIVITY=busy\nACTIVITY_SOURCE=a test";
        std::os::unix::net::UnixDatagram::unbound().unwrap().send_to(text, &path).unwrap();
        let told = || (daemon.agent(agent)["activity"]["source"] == "a test").then_some(());
        until("what it told", told);
    }
    assert_eq!(does(&daemon, "rests", "idle")["source"], "screen");
    assert_eq!(does(&daemon, "moves", "busy")["source"], "a test");
}

/// What came of an agent's last run, and how that is known.
fn exit(daemon: &Daemon, agent: &str) -> [String; 3] {
    let exit = daemon.agent(agent)["exit"].clone();
    ["outcome", "source", "detail"].map(|field| exit[field].as_str().unwrap_or_default().to_owned())
}

fn stalls(daemon: &Daemon) -> Vec<String> {
    let stalls = daemon.events().into_iter().filter(|event| event["type"] == "stall");
    stalls.map(|event| event["reason"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_agent_that_sits_at_a_dialog_at_its_deadline_has_failed_to_start() {
    let host = host();
    let dialog = "cat $DIR/work/screen; $PROBE await go";
    std::fs::copy("tests/fixtures/screens/claude-code/trust.txt", host.at("work/screen")).unwrap();
    host.own(&host.at("work/screen"));
    let more = "startup_deadline = \"1s\"\nrestart = \"on-failure\"\nbackoff = \"1h\"\nbackoff_max = \"1h\"\n";
    let claude =
        "[harness.my-claude]\nprogram = \"sh\"\n[harness.my-claude.interactive]\nargs = [\"-c\", \"SCRIPT\"]\n"
            .replace("SCRIPT", dialog);
    let named =
        |name: &str| format!("[[agents]]\nname = \"{name}\"\nharness = \"my-claude\"\nworkdir = \"$DIR/work\"\n{more}");
    let other = agent("other", &["sh", "-c", "echo working; $PROBE await go"], more);
    let starts = agent("starts", &["sh", "-c", "echo $A is what I wait for; $PROBE await go"], more);
    let starts = format!("{starts}env = {{ A = \"s3cret-value\" }}\n");
    host.configure(&[&claude, &named("asks"), &other, &starts].map(String::as_str).concat());
    let daemon = host.start();
    daemon.wait_states(&[("asks", "running"), ("other", "running"), ("starts", "running")]);
    let path = host.tmux_socket().with_file_name("notify").join("starts");
    std::os::unix::net::UnixDatagram::unbound().unwrap().send_to(b"ACTIVITY=starting", path).unwrap();
    daemon.wait_states(&[("asks", "backing_off"), ("starts", "backing_off")]);
    let asks = "after 1 s it asks whether its directory is trusted".to_owned();
    assert_eq!(exit(&daemon, "asks"), ["start_failed".to_owned(), "agentd".to_owned(), asks]);
    let waits = "after 1 s its screen ends with: *** is what I wait for".to_owned();
    assert_eq!(exit(&daemon, "starts"), ["start_failed".to_owned(), "agentd".to_owned(), waits]);
    assert_eq!(daemon.agent("other")["state"], "running", "who tells nothing and shows no dialog may well work");
}

#[test]
fn an_agent_that_gives_no_sign_of_life_is_told_of_restarted_or_stopped() {
    let host = host();
    let script = format!("{QUIET}; $PROBE await go");
    let with = |on_stall: &str| {
        format!("max_restarts = 1\nbackoff = \"10ms\"\n[agents.stall]\nafter = \"300ms\"\non_stall = \"{on_stall}\"\n")
    };
    let all = ["notify", "restart", "stop"].map(|what| agent(what, &["sh", "-c", &script], &with(what)));
    host.configure(&all.concat());
    let daemon = host.start();
    daemon.wait_states(&[("stop", "failed"), ("restart", "failed")]);
    let silent = "no sign of life for 300 ms".to_owned();
    for agent in ["restart", "stop"] {
        assert_eq!(exit(&daemon, agent), ["failed".to_owned(), "agentd".to_owned(), silent.clone()], "{agent}");
    }
    assert_eq!((&daemon.agent("restart")["restarts"], &daemon.agent("stop")["restarts"]), (&1.into(), &0.into()));
    let stalled = || Some(daemon.agent("notify")).filter(|agent| agent.get("stalled_since").is_some());
    let notified = until("it to have stalled", stalled);
    assert_eq!((&notified["state"], &notified["stalled_since"]), (&"running".into(), &notified["started_at"]));
    assert!(daemon.get_text("/metrics").1.contains("agentd_agent_stalled{agent=\"notify\"} 1"));
    assert_eq!(stalls(&daemon).iter().filter(|reason| **reason == silent).count(), 1);
    drop(daemon);

    let daemon = host.start();
    let after = until("it to be adopted", || Some(daemon.agent("notify")).filter(|agent| agent["state"] == "running"));
    assert_eq!(after["stalled_since"], notified["stalled_since"], "the next daemon knows it");
    assert_eq!(stalls(&daemon), [""; 0], "and has no news of it");
    let path = host.tmux_socket().with_file_name("notify").join("notify");
    std::os::unix::net::UnixDatagram::unbound().unwrap().send_to(b"TURNS=1", path).unwrap();
    daemon.wait("signs of life", |line| line["message"] == "no longer stalled");
}

/// An agent with a prompt, which keeps what is submitted to it and says that it is idle.
fn prompts(name: &str, more: &str) -> String {
    let script =
        format!("printf '❯ '; {QUIET}; read line; echo \"$line\" >$DIR/work/{name}; printf '❯ '; $PROBE await go");
    let stall = "[agents.stall]\nafter = \"300ms\"\nnudge = \"Continue; it's $HOME.\"\nmax_nudges = 1\n";
    agent(name, &["sh", "-c", &script], &format!("{stall}{more}"))
}

fn tell_idle(host: &Host, agent: &str) {
    until("its prompt", || host.screen(agent).contains('❯').then_some(()));
    let path = host.tmux_socket().with_file_name("notify").join(agent);
    std::os::unix::net::UnixDatagram::unbound().unwrap().send_to(b"ACTIVITY=idle", path).unwrap();
}

#[test]
fn a_nudge_is_submitted_at_an_empty_prompt_and_nowhere_else() {
    let host = host();
    host.configure(&["empty", "half", "watched", "busy"].map(|name| prompts(name, "")).concat());
    let daemon = host.start();
    daemon.wait_states(&[("empty", "running"), ("half", "running"), ("watched", "running"), ("busy", "running")]);
    host.tmux(&["send-keys", "-t", "=half:", "half a li"]).unwrap();
    until("what is typed", || host.screen("half").contains("half a li").then_some(()));
    let mut client = host.command("tmux");
    client.args(["-N", "-C", "-S"]).arg(host.tmux_socket()).args(["attach", "-t", "=watched"]);
    let mut client = client.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null()).spawn().unwrap();
    let attached = || host.tmux(&["list-clients", "-t", "=watched"]).ok().filter(|clients| !clients.is_empty());
    until("somebody to attach", attached);
    for agent in ["empty", "half", "watched"] {
        tell_idle(&host, agent);
    }
    let submitted = || std::fs::read_to_string(host.at("work/empty")).ok().filter(|text| text.ends_with('\n'));
    assert_eq!(until("the nudge", submitted), "Continue; it's $HOME.\n");
    let fails = |agent: &str, why: &str| {
        let event = |event: &serde_json::Value| {
            event["type"] == "stall" && event["agent"] == agent && event["reason"].as_str().unwrap().contains(why)
        };
        until(&format!("{agent} to fail: {why}"), || daemon.events().into_iter().find(event));
    };
    fails("half", "nudge 1 of 1 failed: there is no empty prompt on its screen");
    fails("watched", "nudge 1 of 1 failed: somebody types at its terminal");
    // By its terminal it has only just begun.
    fails("busy", "nudge 1 of 1 failed: it is busy");
    for agent in ["half", "watched", "busy"] {
        fails(agent, "no sign of life for 300 ms, also after a nudge");
        assert!(!host.at("work").join(agent).exists(), "{agent}");
    }
    client.kill().unwrap();
    client.wait().unwrap();
}
