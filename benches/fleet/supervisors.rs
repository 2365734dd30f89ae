//! What is compared: agentd, and whatever else keeps programs running and is installed here.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use nix::sys::signal::Signal;

use crate::ground::{Ground, PATIENCE, kill};
use crate::systemd::Systemd;

/// Keeps children running, one program each.
pub trait Supervisor {
    /// Its name in the tables.
    fn name(&self) -> &'static str;
    /// Writes down that so many are to run.
    fn declare(&mut self, ground: &Ground, count: usize);
    /// Starts.
    fn launch(&mut self, ground: &Ground);
    /// Its own process, while there is one.
    fn process(&mut self) -> &mut Option<Child>;
    /// Changes what is declared of one child, and has it applied.
    fn edit(&mut self, ground: &Ground, number: usize, version: usize);
    /// What asks it to stop everything and end.
    fn end(&self) -> Signal {
        Signal::SIGTERM
    }
    /// The number of its process.
    fn pid(&mut self) -> u32 {
        self.process().as_ref().unwrap().id()
    }
    /// Asks it to stop everything and end.
    fn stop(&mut self) {
        kill(self.pid(), self.end());
    }
    /// Waits until it has.
    fn wait(&mut self) {
        self.process().take().unwrap().wait().unwrap();
    }
}

/// Those that are here; agentd first.
pub fn all() -> Vec<Box<dyn Supervisor>> {
    let mut found: Vec<Box<dyn Supervisor>> = vec![Box::new(Agentd::default())];
    for (program, peer) in [
        ("runsvdir", Box::new(Tree::runit()) as Box<dyn Supervisor>),
        ("s6-svscan", Box::new(Tree::s6())),
        ("supervisord", Box::new(Supervisord::default())),
    ] {
        if is_installed(program) {
            found.push(peer);
        }
    }
    if Systemd::is_possible() {
        found.push(Box::new(Systemd::default()));
    }
    found
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

/// agentd, as it is shipped.
#[derive(Default)]
pub struct Agentd {
    /// What it runs, by number: the version of each.
    versions: Vec<usize>,
    process: Option<Child>,
}

impl Agentd {
    /// Where its API is.
    pub fn api(ground: &Ground) -> PathBuf {
        ground.at("run/agentd/agentd.sock")
    }

    fn write(&self, ground: &Ground) {
        let mut text = String::new();
        for (number, version) in self.versions.iter().enumerate() {
            let [child, stamps, index] = ground.words(number);
            let _ = write!(
                text,
                "[[agents]]\nname = \"a{number}\"\nharness = \"custom\"\ncommand = ['{child}', '{stamps}', '{index}', \
                 '{version}']\nworkdir = \"/\"\nrestart = \"always\"\nbackoff = \"0s\"\n\n"
            );
        }
        fs::write(ground.at(".new"), text).unwrap();
        fs::rename(ground.at(".new"), ground.at("jcard.toml")).unwrap();
    }

    /// Kills the daemon, as a crash would; the agents go on.
    pub fn crash(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }
}

impl Supervisor for Agentd {
    fn name(&self) -> &'static str {
        "agentd"
    }

    fn declare(&mut self, ground: &Ground, count: usize) {
        self.versions = vec![0; count];
        self.write(ground);
    }

    fn launch(&mut self, ground: &Ground) {
        let mut command = ground.command(env!("CARGO_BIN_EXE_agentd"));
        command.arg("--config").arg(ground.at("jcard.toml")).arg("--secret-dir").arg(ground.at("none"));
        self.process = Some(command.spawn().unwrap());
    }

    fn process(&mut self) -> &mut Option<Child> {
        &mut self.process
    }

    fn edit(&mut self, ground: &Ground, number: usize, version: usize) {
        self.versions[number] = version;
        self.write(ground);
    }
}

/// A directory of services, a supervisor process for each: runit and s6.
pub struct Tree {
    name: &'static str,
    scan: &'static str,
    control: [&'static str; 2],
    end: Signal,
    count: usize,
    directory: PathBuf,
    process: Option<Child>,
}

impl Tree {
    fn runit() -> Self {
        Self::new("runit", "runsvdir", ["sv", "restart"], Signal::SIGHUP)
    }

    fn s6() -> Self {
        Self::new("s6", "s6-svscan", ["s6-svc", "-r"], Signal::SIGTERM)
    }

    fn new(name: &'static str, scan: &'static str, control: [&'static str; 2], end: Signal) -> Self {
        Self { name, scan, control, end, count: 0, directory: PathBuf::new(), process: None }
    }

    fn write(&self, ground: &Ground, number: usize, version: usize) {
        let service = self.directory.join(format!("a{number}"));
        if fs::create_dir(&service).is_ok() {
            std::os::unix::fs::chown(&service, ground.uid, ground.uid).unwrap();
        }
        let [child, stamps, index] = ground.words(number);
        fs::write(service.join(".new"), format!("#!/bin/sh\nexec {child} {stamps} {index} {version}\n")).unwrap();
        fs::set_permissions(service.join(".new"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(service.join(".new"), service.join("run")).unwrap();
    }
}

impl Supervisor for Tree {
    fn name(&self) -> &'static str {
        self.name
    }

    fn declare(&mut self, ground: &Ground, count: usize) {
        self.directory = ground.at("work").join(self.name);
        fs::create_dir(&self.directory).unwrap();
        std::os::unix::fs::chown(&self.directory, ground.uid, ground.uid).unwrap();
        self.count = count;
        (0..count).for_each(|number| self.write(ground, number, 0));
    }

    fn launch(&mut self, ground: &Ground) {
        let mut command = ground.command(self.scan);
        if self.scan == "s6-svscan" {
            command.args(["-c", "5000"]);
        }
        self.process = Some(command.arg(&self.directory).spawn().unwrap());
    }

    fn process(&mut self) -> &mut Option<Child> {
        &mut self.process
    }

    fn edit(&mut self, ground: &Ground, number: usize, version: usize) {
        self.write(ground, number, version);
        let [program, word] = self.control;
        let status = ground.command(program).arg(word).arg(self.directory.join(format!("a{number}"))).status();
        assert!(status.unwrap().success());
    }

    fn end(&self) -> Signal {
        self.end
    }
}

/// supervisord.
#[derive(Default)]
pub struct Supervisord {
    versions: Vec<usize>,
    process: Option<Child>,
}

impl Supervisord {
    fn write(&self, ground: &Ground) {
        let at = |name: &str| ground.at("work").join(name).display().to_string();
        let mut text = format!(
            "[unix_http_server]\nfile={socket}\n[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\n\
             pidfile={pid}\nminfds=8192\n[supervisorctl]\nserverurl=unix://{socket}\n[rpcinterface:supervisor]\n\
             supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n",
            socket = at("s.sock"),
            pid = at("s.pid"),
        );
        for (number, version) in self.versions.iter().enumerate() {
            let [child, stamps, index] = ground.words(number);
            let _ = write!(
                text,
                "[program:a{number}]\ncommand={child} {stamps} {index} {version}\nautorestart=true\nstartsecs=0\n\
                 stdout_logfile=NONE\nstderr_logfile=NONE\n"
            );
        }
        fs::write(ground.at("supervisord.conf"), text).unwrap();
    }

    fn control(ground: &Ground, word: &str) {
        let status = ground.command("supervisorctl").arg("-c").arg(ground.at("supervisord.conf")).arg(word).status();
        assert!(status.unwrap().success());
    }
}

impl Supervisor for Supervisord {
    fn name(&self) -> &'static str {
        "supervisord"
    }

    fn declare(&mut self, ground: &Ground, count: usize) {
        self.versions = vec![0; count];
        self.write(ground);
    }

    fn launch(&mut self, ground: &Ground) {
        let mut command = ground.command("supervisord");
        self.process = Some(command.arg("-c").arg(ground.at("supervisord.conf")).spawn().unwrap());
    }

    fn process(&mut self) -> &mut Option<Child> {
        &mut self.process
    }

    fn edit(&mut self, ground: &Ground, number: usize, version: usize) {
        self.versions[number] = version;
        self.write(ground);
        Self::control(ground, "update");
    }
}

/// The version that a program says it is, in one line.
pub fn version(program: &str, flag: &str) -> String {
    let output = Command::new(program).arg(flag).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}

/// A file that is there within the patience.
pub fn wait_for(path: &Path) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while !path.exists() {
        assert!(std::time::Instant::now() < deadline, "{} never came", path.display());
        std::thread::sleep(std::time::Duration::from_micros(200));
    }
}
