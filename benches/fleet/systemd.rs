//! systemd as a peer: one of its own, booted as PID 1 in namespaces by the script that the tests of the units use.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use crate::ground::{Ground, children};
use crate::supervisors::{Supervisor, wait_for};

/// Carries out orders inside, as root.
const CONTROL: &str = r#"#!/bin/bash
set -eu
# In this system's overlay, which is thrown away. systemd has to find the user by name.
echo "fleet:x:$(stat -c %u:%g /source/work)::/:/bin/sh" >>/etc/passwd
cd /run/systemd/system
cp /source/units/* .
systemctl daemon-reload
touch /source/ready
while read -r order unit; do
    case $order in
        start) systemctl start fleet.target ;;
        edit) cp "/source/units/$unit" . && systemctl daemon-reload && systemctl restart --no-block "$unit" ;;
        stop) systemctl stop 'a*.service' && exit ;;
    esac
done <>/source/orders
"#;

/// The directory of the benchmark, as it is seen inside.
const INSIDE: &str = "/source";

/// systemd, with a service for each child.
#[derive(Default)]
pub struct Systemd {
    boot: Option<Child>,
    orders: PathBuf,
}

impl Systemd {
    /// Whether one can be booted here.
    pub fn is_possible() -> bool {
        let namespaces = || {
            let words = ["--mount", "--pid", "--cgroup", "--uts", "--ipc", "--net", "--fork", "true"];
            Command::new("unshare").args(words).output().is_ok_and(|output| output.status.success())
        };
        nix::unistd::geteuid().is_root() && Path::new("/lib/systemd/systemd").exists() && namespaces()
    }

    fn write(ground: &Ground, number: usize, version: usize) {
        let [_, _, index] = ground.words(number);
        let text = format!(
            "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart={INSIDE}/child {INSIDE}/stamps {index} {version}\n\
             Restart=always\nRestartSec=0\nUser=fleet\n"
        );
        fs::write(ground.at("units").join(format!("a{number}.service")), text).unwrap();
    }

    fn order(&self, order: &str) {
        let mut orders = File::options().write(true).open(&self.orders).unwrap();
        writeln!(orders, "{order}").unwrap();
    }
}

impl Supervisor for Systemd {
    fn name(&self) -> &'static str {
        "systemd"
    }

    /// Boots, too: the start of a machine is not what is measured.
    fn declare(&mut self, ground: &Ground, count: usize) {
        fs::create_dir(ground.at("units")).unwrap();
        let [child, ..] = ground.words(0);
        fs::copy(child, ground.at("child")).unwrap();
        let mut wanted = String::from("[Unit]\nWants=");
        for number in 0..count {
            Self::write(ground, number, 0);
            let _ = write!(wanted, "a{number}.service ");
        }
        fs::write(ground.at("units/fleet.target"), wanted + "\n").unwrap();
        fs::write(ground.at("control"), CONTROL).unwrap();
        fs::set_permissions(ground.at("control"), fs::Permissions::from_mode(0o755)).unwrap();
        self.orders = ground.at("orders");
        nix::unistd::mkfifo(&self.orders, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut boot = Command::new("tests/systemd/boot");
        boot.args([&ground.at(""), &ground.at("")]).arg("control").arg(ground.at("result"));
        self.boot = Some(boot.spawn().unwrap());
        wait_for(&ground.at("ready"));
    }

    fn launch(&mut self, _: &Ground) {
        self.order("start");
    }

    fn process(&mut self) -> &mut Option<Child> {
        &mut self.boot
    }

    fn pid(&mut self) -> u32 {
        let is_systemd =
            |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "systemd\n");
        let mut look_at = vec![self.boot.as_ref().unwrap().id()];
        while let Some(pid) = look_at.pop() {
            if is_systemd(&pid) {
                return pid;
            }
            look_at.extend(children(pid));
        }
        panic!("systemd is gone");
    }

    fn edit(&mut self, ground: &Ground, number: usize, version: usize) {
        Self::write(ground, number, version);
        self.order(&format!("edit a{number}.service"));
    }

    fn stop(&mut self) {
        self.order("stop");
    }
}
