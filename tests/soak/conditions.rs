//! Conditions that a daemon has to live with: too few descriptors or processes, full disks, a slow disk, a clock that jumps.
//!
//! Clock and slowness are preloaded into the daemon (`weather.c`), as only it is to have them. Full disks are small file
//! systems, mounted where only this process and its children see them, which only root can do.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sched::CloneFlags;

use crate::action::Want;
use crate::harness::Host;
use crate::place::Place;
use crate::processes::{self, Process};

/// A small file system.
pub struct Disk(PathBuf);

impl Disk {
    /// Covers a directory, which is empty but for what is copied. None, and a word about it, where that can't be.
    pub fn mount(directory: &Path) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            println!("SKIPPED: full disks, which only root can make");
            return None;
        }
        // Of this thread and of all that it starts, and gone with them.
        nix::sched::unshare(CloneFlags::CLONE_NEWNS).unwrap();
        Place::run(&["mount", "--make-rprivate", "/"]).unwrap();
        let owner = fs::metadata(directory).unwrap();
        let options = format!("size=512k,nr_inodes=400,mode=755,uid={},gid={}", owner.uid(), owner.gid());
        let files: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        let kept: Vec<_> = files.iter().map(|path| (path, fs::read(path).unwrap())).collect();
        Place::run(&["mount", "-t", "tmpfs", "-o", &options, "none", directory.to_str().unwrap()]).unwrap();
        for (path, content) in kept {
            fs::write(path, content).unwrap();
        }
        Some(Self(directory.to_owned()))
    }

    /// Leaves no byte and no inode.
    pub fn fill(&self) {
        let mut number = 0;
        for size in [64 << 10, 4 << 10, 0] {
            let content = vec![0; size];
            while fs::write(self.0.join(format!(".full-{number}")), &content).is_ok() {
                number += 1;
            }
        }
    }

    /// Gives them back.
    pub fn free(&self) {
        for entry in fs::read_dir(&self.0).unwrap().flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(b".full-") {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Place::run(&["umount", "--lazy", self.0.to_str().unwrap()]);
    }
}

/// What is preloaded into the daemon.
pub struct Weather {
    /// None without a C compiler.
    library: Option<PathBuf>,
    numbers: File,
    path: PathBuf,
}

impl Weather {
    /// Fair.
    pub fn new(host: &Host) -> Self {
        let (library, path) = (host.at("weather.so"), host.at("weather"));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/soak/weather.c");
        let built = Place::run(&["cc", "-shared", "-fPIC", "-O2", "-o", library.to_str().unwrap(), source]);
        if let Err(error) = &built {
            println!("SKIPPED: a clock that jumps and a slow disk: {error}");
        }
        fs::write(&path, [0; 24]).unwrap();
        let numbers = File::options().write(true).open(&path).unwrap();
        Self { library: built.is_ok().then_some(library), numbers, path }
    }

    /// Has a daemon meet it.
    pub fn preload(&self, command: &mut Command) {
        if let Some(library) = &self.library {
            command.env("LD_PRELOAD", library).env("SOAK_WEATHER", &self.path);
        }
    }

    /// The clock of the day is so many seconds off.
    pub fn set_clock(&self, seconds: i64) {
        self.numbers.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
    }

    /// Each read of a file takes longer.
    pub fn slow_reads(&self, millis: i64) {
        self.numbers.write_all_at(&millis.to_ne_bytes(), 8).unwrap();
    }

    /// Each write to a file takes longer.
    pub fn slow_writes(&self, millis: i64) {
        self.numbers.write_all_at(&millis.to_ne_bytes(), 16).unwrap();
    }
}

/// A process gets no more of something than it has.
pub fn starve(pid: u32, want: Want) {
    let limit = match want {
        Want::Descriptors(more) => {
            // The limit is on the number of the highest.
            let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
            let highest = open.filter_map(|entry| entry.file_name().to_str()?.parse::<usize>().ok()).max();
            format!("--nofile={}:", highest.unwrap_or(0) + 1 + more)
        }
        Want::Processes => "--nproc=1:".to_owned(),
    };
    if let Some(process) = Process::read(pid) {
        limit_as_its_user(&process, &[&limit]);
    }
}

/// As the process's own user: root needs a capability for others' limits that it doesn't have everywhere.
fn limit_as_its_user(process: &Process, limits: &[&str]) {
    let [uid, gid, pid] = [process.uid, process.gid, process.pid].map(|number| number.to_string());
    let user = ["setpriv", "--reuid", &uid, "--regid", &gid, "--clear-groups"];
    let _ = Place::run(&[&user[..], &["prlimit", "--pid", &pid], limits].concat());
}

/// The daemon may have enough again, and so may all that it started meanwhile, which has its limits: the directory is in
/// their command lines.
pub fn relieve(directory: &Path) {
    let directory = directory.to_str().unwrap();
    let mut relieved = BTreeSet::new();
    // Until there is none that was started, by one that was still to be relieved, since the last look; some start all the time.
    for _ in 0..10 {
        let processes = processes::all().into_values();
        let ours = processes.filter(|one| one.command.contains(directory) && !relieved.contains(&one.pid));
        let found: Vec<Process> = ours.collect();
        if found.is_empty() {
            return;
        }
        for process in &found {
            limit_as_its_user(process, &["--nofile=1024:", "--nproc=10000:"]);
            relieved.insert(process.pid);
        }
    }
}
