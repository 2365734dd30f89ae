//! agentd as a service: what it says to the service manager, a tmux server that another unit runs, `agentd drain`, and
//! what a unit hands to it.

use std::cell::RefCell;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::declare::{Record, agent};
use crate::harness::{AGENTD, Daemon, Host, PATIENCE, is_alive, kill, until};

/// The service manager's ear.
struct Manager {
    socket: UnixDatagram,
    path: std::path::PathBuf,
    heard: RefCell<Vec<String>>,
}

impl Manager {
    fn new(host: &Host) -> Self {
        let path = host.at("run/notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        host.own(&path);
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, path, heard: RefCell::default() }
    }

    /// The next line of the daemon's that begins so. Others stay to be heard.
    fn hear(&self, beginning: &str) -> String {
        let mut heard = self.heard.borrow_mut();
        loop {
            if let Some(position) = heard.iter().position(|line| line.starts_with(beginning)) {
                return heard.remove(position);
            }
            let mut buffer = [0; 4096];
            let length =
                self.socket.recv(&mut buffer).unwrap_or_else(|error| panic!("no {beginning}: {error}; {heard:?}"));
            heard.extend(std::str::from_utf8(&buffer[..length]).unwrap().lines().map(str::to_owned));
        }
    }

    fn forget(&self) {
        self.socket.set_nonblocking(true).unwrap();
        self.heard.borrow_mut().clear();
        while self.socket.recv(&mut [0; 4096]).is_ok() {}
        self.socket.set_nonblocking(false).unwrap();
    }
}

fn spawn(host: &Host, manager: &Manager, watchdog: Option<Duration>) -> Daemon {
    let mut command = command(host);
    command.env("NOTIFY_SOCKET", &manager.path);
    if let Some(limit) = watchdog {
        command.env("WATCHDOG_USEC", limit.as_micros().to_string());
    }
    host.spawn_as(command)
}

fn command(host: &Host) -> Command {
    let mut command = host.command(AGENTD);
    command.arg("run").arg("--config").arg(host.at("etc/jcard.toml")).arg("--secret-dir").arg(host.at("secrets"));
    command.args(["--log-format", "json"]).args(&host.arguments);
    command
}

/// The tmux server of a unit of its own, which ends with the test.
struct TmuxUnit(Child);

impl TmuxUnit {
    fn start(host: &Host) -> Self {
        let socket = host.tmux_socket();
        let _ = fs::create_dir(socket.parent().unwrap());
        host.own(socket.parent().unwrap());
        let mut command = host.command("tmux");
        if let Some(account) = &host.account {
            use std::os::unix::process::CommandExt as _;
            command.uid(account.uid).gid(account.gid());
        }
        command.args(["-u", "-D", "-f", "/dev/null", "-S"]).arg(socket);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn ended(&mut self) {
        let _ = until("the tmux server to end", || self.0.try_wait().unwrap());
    }
}

impl Drop for TmuxUnit {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn external(host: &mut Host) {
    let flags = ["--tmux-server", "external", "--on-exit", "detach"].map(str::to_owned);
    host.arguments.extend(flags);
}

fn drain(host: &Host) -> Child {
    let mut command = host.command(AGENTD);
    // Of a daemon's flags those that say where and as whom.
    let skip = ["--tmux-server", "--on-exit"];
    let pairs = host.arguments.chunks(2).filter(|pair| !skip.contains(&&*pair[0]));
    command.arg("drain").args(pairs.flatten()).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn succeeds(child: Child) {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn pid(daemon: &Daemon, agent: &str) -> u32 {
    u32::try_from(daemon.agent(agent)["pid"].as_u64().unwrap()).unwrap()
}

#[test]
fn the_service_manager_is_told_what_the_daemon_does() {
    let host = Host::new();
    host.configure(
        &(agent("one", &["$PROBE", "wait"], "")
            + &agent("two", &["$PROBE", "exit", "3"], "restart = \"on-failure\"\nbackoff = \"1h\"")),
    );
    let manager = Manager::new(&host);
    let daemon = spawn(&host, &manager, None);
    manager.hear("READY=1");
    // Whoever was told that it is ready can ask it.
    assert_eq!(daemon.get("/v1/agents").1.as_array().map(Vec::len), Some(2));
    while manager.hear("STATUS=") != "STATUS=1 running, 1 backing off" {}

    host.configure("# nothing\n");
    daemon.signal(Signal::SIGHUP);
    manager.hear("RELOADING=1");
    manager.hear("READY=1");
    // What was there to be read when it was asked has been taken.
    assert_eq!(daemon.get("/v1/declared").1["agents"], serde_json::json!([]));
    while manager.hear("STATUS=") != "STATUS=no agents" {}

    host.configure("[[agents]\n");
    let line = manager.hear("STATUS=no agents; configuration not taken: ");
    assert!(line.contains("jcard.toml:1"), "{line}");
    daemon.signal(Signal::SIGTERM);
    manager.hear("STOPPING=1");
    assert!(daemon.ended().success());
}

#[test]
fn a_stop_that_takes_its_time_is_said_to_be_under_way() {
    let host = Host::new();
    host.configure(&agent(
        "deaf",
        &["$PROBE", "ignore", "2", "ignore", "15", "touch", "deaf", "wait"],
        "grace_period = \"10m\"",
    ));
    let manager = Manager::new(&host);
    let daemon = spawn(&host, &manager, None);
    host.file("deaf");
    daemon.signal(Signal::SIGTERM);
    manager.hear("STOPPING=1");
    assert_eq!(manager.hear("EXTEND_TIMEOUT_USEC="), "EXTEND_TIMEOUT_USEC=30000000");
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.ended().success());
}

#[test]
fn a_daemon_that_hangs_does_not_say_that_it_is_alive() {
    let host = Host::new();
    let manager = Manager::new(&host);
    let daemon = spawn(&host, &manager, Some(Duration::from_millis(40)));
    for _ in 0..3 {
        manager.hear("WATCHDOG=1");
    }
    daemon.signal(Signal::SIGSTOP);
    until("it to be stopped", || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", daemon.pid())).unwrap();
        stat.rsplit(") ").next().unwrap().starts_with('T').then_some(())
    });
    manager.forget();
    // Five times as long as it may take.
    manager.socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(manager.socket.recv(&mut [0; 4096]).is_err());
    daemon.signal(Signal::SIGCONT);
    manager.socket.set_read_timeout(Some(PATIENCE)).unwrap();
    manager.hear("WATCHDOG=1");
}

#[test]
fn a_tmux_server_of_another_unit_is_waited_for_and_left_running() {
    for mut host in Host::both() {
        external(&mut host);
        host.configure(&agent("one", &["$PROBE", "wait"], ""));
        let daemon = host.start();
        daemon.wait_state("one", "pending");
        let says_so = || daemon.log().contains("waits for the tmux server on").then_some(());
        until("it to be said that there is no tmux server", says_so);
        let mut tmux = TmuxUnit::start(&host);
        daemon.wait_state("one", "running");
        let agent = pid(&daemon, "one");

        daemon.signal(Signal::SIGTERM);
        assert!(daemon.ended().success());
        assert!(is_alive(agent));
        host.arguments.extend(["--on-exit", "stop"].map(str::to_owned));
        let position = host.arguments.iter().position(|argument| argument == "detach").unwrap();
        host.arguments.drain(position - 1..=position);
        let daemon = host.start();
        assert_eq!(pid(&daemon, "one"), agent);
        daemon.signal(Signal::SIGTERM);
        assert!(daemon.ended().success());
        assert!(!is_alive(agent));
        assert!(tmux.0.try_wait().unwrap().is_none(), "the server of another unit is not ours to end");
    }
}

#[test]
fn a_drain_by_the_daemon_stops_all_and_the_next_server_has_all_again() {
    for mut host in Host::both() {
        external(&mut host);
        let fields = "grace_period = \"10m\"";
        host.configure(&agent("one", &["$PROBE", "setsid", "child", "wait"], fields));
        let mut tmux = TmuxUnit::start(&host);
        let daemon = host.start();
        daemon.wait_state("one", "running");
        let child = Record::read(&host, "child").pid;
        let agent = pid(&daemon, "one");

        succeeds(drain(&host));
        tmux.ended();
        assert!(!is_alive(agent) && !is_alive(child));
        assert!(!host.tmux_socket().exists());
        daemon.wait_state("one", "none");

        let _tmux = TmuxUnit::start(&host);
        daemon.wait_state("one", "running");
        assert_eq!(daemon.get("/v1/health").1["state"], "running");
    }
}

#[test]
fn a_drain_without_a_daemon_keeps_to_the_grace_periods() {
    for mut host in Host::both() {
        external(&mut host);
        // One obeys, one says what it was sent and needs the kill, and one has ended for good.
        let obeys = agent("obeys", &["$PROBE", "setsid", "child", "wait"], "grace_period = \"10m\"");
        let deaf =
            agent("deaf", &["$PROBE", "ignore", "2", "ignore", "15", "touch", "deaf", "wait"], "grace_period = \"1s\"");
        let ended = agent("ended", &["$PROBE", "exit", "0"], "restart = \"no\"");
        host.configure(&(obeys + &deaf + &ended));
        let mut tmux = TmuxUnit::start(&host);
        let daemon = host.start();
        daemon.wait_states(&[("obeys", "running"), ("deaf", "running"), ("ended", "exited")]);
        host.file("deaf");
        let child = Record::read(&host, "child").pid;
        let agents = [pid(&daemon, "obeys"), pid(&daemon, "deaf"), child];
        drop(daemon);
        // It was killed; nothing else is needed that a daemon has, not even the configuration.
        fs::remove_file(host.at("etc/jcard.toml")).unwrap();

        assert!(agents.iter().all(|pid| is_alive(*pid)));
        succeeds(drain(&host));
        tmux.ended();
        assert!(!agents.iter().any(|pid| is_alive(*pid)));
        assert!(!host.tmux_socket().exists() && !host.api_socket().exists());
        // There is nothing to do the second time, and that is well.
        succeeds(drain(&host));
    }
}

#[test]
fn a_drain_outlives_the_daemon_that_it_has_asked() {
    let mut host = Host::new();
    external(&mut host);
    host.configure(&agent(
        "deaf",
        &["$PROBE", "ignore", "2", "ignore", "15", "touch", "deaf", "wait"],
        "grace_period = \"2s\"",
    ));
    let mut tmux = TmuxUnit::start(&host);
    let daemon = host.start();
    daemon.wait_state("deaf", "running");
    host.file("deaf");
    let agent = pid(&daemon, "deaf");
    let drain = drain(&host);
    daemon.wait_state("deaf", "stopping");
    kill(daemon.pid(), Signal::SIGKILL);
    succeeds(drain);
    tmux.ended();
    assert!(!is_alive(agent));
}

#[test]
fn credentials_are_secrets_and_the_directory_goes_before_them() {
    for host in Host::both() {
        let credentials = host.at("run/credentials");
        fs::create_dir(&credentials).unwrap();
        for (name, value) in [("A", "of the service\n"), ("B", "of the service\n")] {
            fs::write(credentials.join(name), value).unwrap();
        }
        host.secret("B", "of the directory");
        host.configure(&agent("one", &["$PROBE", "record", "one", "wait"], ""));
        let mut command = command(&host);
        command.env("CREDENTIALS_DIRECTORY", &credentials);
        let daemon = host.spawn_as(command);
        let record = Record::read(&host, "one");
        assert_eq!(record.variable("A").as_deref(), Some("of the service"));
        assert_eq!(record.variable("B").as_deref(), Some("of the directory"));
        assert_eq!(record.variable("CREDENTIALS_DIRECTORY"), None);
        daemon.wait_state("one", "running");

        let socket = host.api_socket();
        let said = host.command(AGENTD).arg("diff").arg("--api-socket").arg(socket).output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        assert_eq!(said, "Nothing to do: 1 agent unchanged.\n");
    }
}

#[test]
fn agents_look_for_programs_where_the_service_says_first() {
    for mut host in Host::both() {
        let programs = host.at("programs");
        fs::create_dir(&programs).unwrap();
        std::os::unix::fs::symlink(crate::harness::probe(), programs.join("probe-of-the-service")).unwrap();
        fs::write(host.at("work/.profile"), "export PATH=/usr/bin:/bin\n").unwrap();
        host.arguments.extend(["--agent-path".to_owned(), format!("{0}:{0}/more", programs.display())]);
        host.configure(&agent("one", &["probe-of-the-service", "record", "one", "wait"], ""));
        let daemon = host.start();
        daemon.wait_state("one", "running");
        let wanted = format!("{0}:{0}/more:/usr/bin:/bin", programs.display());
        assert_eq!(Record::read(&host, "one").variable("PATH"), Some(wanted));
        let agent = pid(&daemon, "one");
        drop(daemon);
        // Another path is for the next start: no agent is restarted for it.
        host.arguments.truncate(host.arguments.len() - 2);
        assert_eq!(pid(&host.start(), "one"), agent);
    }
}
