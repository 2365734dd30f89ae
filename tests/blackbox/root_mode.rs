//! The daemon runs as root, and its agents as a user of their own: as whom everything runs, and who may come near.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use nix::sys::signal::Signal;

use crate::account::Account;
use crate::declare::{Record, agent};
use crate::harness::{Daemon, Host, probe, until};

/// A host with an admin group and an operator in it. The fields are dropped in this order, the members of groups first.
struct Place {
    host: Host,
    operator: Account,
    admins: Account,
}

impl Place {
    fn new() -> Option<Self> {
        let mut host = Host::as_root()?;
        let (operator, admins) = (Account::new(Path::new("/")), Account::new(Path::new("/")));
        operator.join(&admins);
        let flag = host.arguments.iter().position(|argument| argument == "--admin-group").unwrap();
        host.arguments[flag + 1].clone_from(&admins.name);
        Some(Self { host, operator, admins })
    }

    fn agent(&self) -> &Account {
        self.host.account.as_ref().unwrap()
    }

    fn run_one(&self) -> Daemon {
        self.host.configure(&agent("one", &["$PROBE", "wait"], ""));
        let daemon = self.host.start();
        daemon.wait_state("one", "running");
        daemon
    }

    fn operator(&self) -> (u32, u32) {
        (self.operator.uid, self.admins.gid())
    }

    fn attach(&self, (uid, gid): (u32, u32)) -> Output {
        let socket = self.host.tmux_socket();
        let words = ["tmux", "-C", "-S", socket.to_str().unwrap(), "attach", "-t", "=one"];
        output_as(uid, gid, &words, "display-message -p 'this is #{session_name}'\ndetach-client\n")
    }
}

/// Runs a program as a user in this one group.
fn output_as(uid: u32, gid: u32, words: &[&str], input: &str) -> Output {
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &uid.to_string(), "--regid", &gid.to_string(), "--clear-groups", "--"]).args(words);
    command.current_dir("/").env("HOME", "/").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Whoever is turned away reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn exchange((uid, gid): (u32, u32), socket: &Path, text: &str) -> Output {
    output_as(uid, gid, &[probe().to_str().unwrap(), "exchange", socket.to_str().unwrap(), text], "")
}

/// Somebody who is in no group that matters.
const STRANGER: (u32, u32) = (65_534, 65_534);

const REQUEST: &str = "GET /v1/agents HTTP/1.1\r\nHost: agentd\r\nConnection: close\r\n\r\n";

/// The numbers in a line of a process's status.
fn numbers(pid: u32, field: &str) -> Vec<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim_start_matches(':').split_whitespace().map(|number| number.parse().unwrap()).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn agents_run_as_their_user_in_its_login_environment_whatever_its_shell() {
    let Some(place) = Place::new() else { return };
    let (host, account) = (&place.host, place.agent());
    account.join(&place.operator);
    let profile = host.fill_in(
        "echo junk\nprintf 'PATH=/junk\\0agentd-environment'\necho more >&2\nPATH=\"$DIR/added:$PATH\"\nexport MINE='a\nb'\n",
    );
    fs::write(host.at("work/.profile"), profile).unwrap();
    host.configure(&agent("one", &["$PROBE", "record", "one", "wait"], ""));
    for shell in ["/bin/bash", "/bin/dash", "/usr/sbin/nologin"] {
        account.set_shell(shell);
        let daemon = host.start();
        let record = Record::read(host, "one");
        let home = host.at("work").into_os_string().into_string().unwrap();
        for (name, value) in [("HOME", &*home), ("USER", &account.name), ("LOGNAME", &account.name), ("MINE", "a\nb")] {
            assert_eq!(record.variable(name).as_deref(), Some(value), "{name} from {shell}");
        }
        let path = record.variable("PATH").unwrap();
        assert!(path.starts_with(&host.fill_in("$DIR/added:/")), "{path} from {shell}");
        assert_eq!(numbers(record.pid, "Uid"), [account.uid; 4]);
        assert_eq!(numbers(record.pid, "Gid"), [account.gid(); 4]);
        let mut groups = numbers(record.pid, "Groups");
        groups.sort_unstable();
        let mut expected = [account.gid(), place.operator.gid()];
        expected.sort_unstable();
        assert_eq!(groups, expected);
        daemon.signal(Signal::SIGTERM);
        assert!(daemon.ended().success());
        fs::remove_file(host.at("work/one")).unwrap();
    }
}

#[test]
fn only_the_daemon_is_root_and_its_files_are_whose_they_should_be() {
    let Some(place) = Place::new() else { return };
    let daemon = place.run_one();
    let (agent, admins) = (place.agent(), place.admins.gid());
    let whose = |name: &str| {
        let meta = fs::metadata(place.host.at(name)).unwrap();
        (meta.uid(), meta.gid(), meta.permissions().mode() & 0o7777)
    };
    assert_eq!(whose("run/api"), (0, 0, 0o755));
    assert_eq!(whose("run/agentd"), (agent.uid, admins, 0o2750));
    assert_eq!(whose("run/api/agentd.sock"), (0, admins, 0o660));
    assert_eq!((whose("run/agentd/shim.sock").0, whose("run/agentd/shim.sock").2), (agent.uid, 0o600));
    until("the socket to be the group's", || {
        (whose("run/agentd/tmux.sock") == (agent.uid, admins, 0o770)).then_some(())
    });
    let mut others = place.host.processes();
    others.retain(|pid| ![daemon.pid(), std::process::id()].contains(pid));
    let program = |pid: &u32| text(&fs::read(format!("/proc/{pid}/comm")).unwrap());
    assert!(others.iter().any(|pid| program(pid).starts_with("tmux")), "a server");
    for pid in others {
        assert_eq!(numbers(pid, "Uid"), [agent.uid; 4], "{}", program(&pid));
        assert_eq!(numbers(pid, "Gid"), [agent.gid(); 4], "{}", program(&pid));
    }
}

#[test]
fn an_operator_attaches_and_asks_and_nobody_else_can() {
    let Some(place) = Place::new() else { return };
    let daemon = place.run_one();
    let host = &place.host;

    let attached = place.attach(place.operator());
    assert!(text(&attached.stdout).contains("this is one"), "{attached:?}");
    let refused = place.attach(STRANGER);
    assert!(!refused.status.success() && !text(&refused.stdout).contains("this is one"), "{refused:?}");

    let asked = exchange(place.operator(), &host.api_socket(), REQUEST);
    assert!(text(&asked.stdout).contains("\"name\":\"one\""), "{asked:?}");
    for (who, socket) in [
        (STRANGER, host.api_socket()),
        (STRANGER, host.at("run/agentd/shim.sock")),
        (place.operator(), host.at("run/agentd/shim.sock")),
    ] {
        let refused = exchange(who, &socket, REQUEST);
        assert!(text(&refused.stderr).contains("PermissionDenied"), "{refused:?}");
    }
    assert_eq!(daemon.agent("one")["state"], "running");
}

#[test]
fn an_agent_has_a_cgroup_that_goes_with_it() {
    let Some(host) = Host::as_root() else { return };
    host.configure(&agent("one", &["$PROBE", "setsid", "child", "wait"], ""));
    let daemon = host.start();
    let child = Record::read(&host, "child").pid;
    daemon.wait_state("one", "running");
    if daemon.log().contains("agents get no cgroups") {
        eprintln!("SKIPPED: there is no writable cgroup v2 here");
        return;
    }
    let base = crate::cgroups::base_of(child).unwrap();
    let groups = fs::read_to_string(format!("/proc/{child}/cgroup")).unwrap();
    assert!(groups.trim_end().ends_with("/one.agent"), "{groups}");
    assert!(base.join("one.agent").is_dir());
    host.configure("# nobody\n");
    daemon.wait_state("one", "none");
    until("the cgroup to be gone", || (!base.join("one.agent").exists()).then_some(()));
    assert!(!crate::harness::is_alive(child));
}

#[test]
fn a_client_that_connects_again_finds_the_admins_allowed() {
    let Some(place) = Place::new() else { return };
    let daemon = place.run_one();
    place.host.tmux(&["detach-client", "-s", "=_agentd"]).unwrap();
    daemon.wait("the connection to be made again", |line| line["message"] == "the tmux server is connected");
    assert!(!daemon.log().contains("could not be allowed to attach"), "{}", daemon.log());
    assert!(place.attach(place.operator()).status.success());
}
