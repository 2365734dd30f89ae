//! More agents than the host has room for: those that fit run, and the others say what is missing.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::declare::agent;
use crate::harness::{AGENTD, Daemon, Host, until};

/// Starts a daemon by way of these words, as the host's user.
fn start_by(host: &Host, words: &[&str]) -> Daemon {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    if let Some(uid) = host.uid {
        command.args(["setpriv", "--reuid", &uid.to_string(), "--regid", &uid.to_string(), "--clear-groups"]);
    }
    command.arg(AGENTD).arg("--config").arg(host.at("etc/jcard.toml")).args(["--log-format", "json", "--secret-dir"]);
    command.arg(host.at("secrets")).env("HOME", host.at("work")).env("XDG_RUNTIME_DIR", host.at("run"));
    command.current_dir(host.path()).process_group(0);
    host.spawn_as(command)
}

fn count(daemon: &Daemon, state: &str) -> usize {
    daemon.get("/v1/agents").1.as_array().unwrap().iter().filter(|agent| agent["state"] == state).count()
}

#[test]
fn the_soft_limit_of_open_files_limits_no_fleet() {
    let host = Host::new();
    host.configure(&agent("many", &["$PROBE", "wait"], "replicas = 60"));
    let daemon = start_by(&host, &["prlimit", "--nofile=64:"]);
    until("all to run", || (count(&daemon, "running") == 60).then_some(()));
}

#[test]
fn without_another_terminal_it_is_said_and_the_others_run() {
    let host = Host::new();
    if host.uid.is_none() {
        eprintln!("SKIPPED: only root can make a host with few terminals");
        return;
    }
    host.configure(&agent("many", &["$PROBE", "wait"], "replicas = 12"));
    let few = "mount -t devpts -o newinstance,ptmxmode=0666,mode=620,max=8 none /dev/pts && \
        mount --bind /dev/pts/ptmx /dev/ptmx && exec \"$@\"";
    let daemon = start_by(&host, &["unshare", "--mount", "sh", "-c", few, "sh"]);
    until("some to run and the rest to fail", || {
        let (running, failed) = (count(&daemon, "running"), count(&daemon, "failed"));
        (running >= 5 && running + failed == 12 && failed >= 4).then_some(())
    });
    let (_, agents) = daemon.get("/v1/agents");
    for agent in agents.as_array().unwrap().iter().filter(|agent| agent["state"] == "failed") {
        assert!(agent["error"].to_string().contains("no terminal is left, raise kernel.pty.max"), "{agent}");
    }
}
