//! What is measured of every supervisor, in one life of it.

use std::collections::HashMap;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::figures::{cpu, kib};
use crate::ground::{Ground, all_gone, children, forks, kill, now};
use crate::supervisors::Supervisor;

/// Children killed one after another, and edited one after another.
const KILLS: usize = 200;
const EDITS: usize = 20;
const IDLE: Duration = Duration::from_secs(30);

/// Of one life. Nanoseconds, unless the name says something else.
#[derive(Debug, Default, serde::Serialize)]
pub struct Life {
    pub start_all: u64,
    pub replaced: Vec<u64>,
    pub all_replaced: u64,
    pub edited: Vec<u64>,
    pub last_child_gone: u64,
    pub gone: u64,
    pub idle_cpu: u64,
    pub idle_forks: u64,
    pub rss_kib: u64,
    pub tmux_rss_kib: u64,
    pub others_pss_kib: u64,
    pub adopted: u64,
}

/// Lives through it. `meanwhile` is called when all run and nothing else is measured.
pub fn live(
    supervisor: &mut dyn Supervisor,
    ground: &Ground,
    count: usize,
    mut meanwhile: impl FnMut(&mut dyn Supervisor, &mut HashMap<usize, u32>),
) -> Life {
    let mut life = Life::default();
    supervisor.declare(ground, count);
    let begin = now();
    supervisor.launch(ground);
    let (mut pids, last) = ground.all(count);
    life.start_all = last - begin;

    // Some wait for a second before they start a program again that did not live for as long.
    std::thread::sleep(Duration::from_millis(1500));
    let kills = if count < 20 { 20 } else { KILLS.min(count) };
    for round in 0..kills {
        let number = round % count;
        let begin = now();
        kill(pids[&number], Signal::SIGKILL);
        let stamp = ground.stamp_of(number);
        life.replaced.push(stamp.at - begin);
        pids.insert(number, stamp.pid);
        if count < 20 {
            std::thread::sleep(Duration::from_millis(1200));
        } else {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    for round in 0..EDITS {
        let number = round % count;
        let begin = now();
        supervisor.edit(ground, number, round + 1);
        let stamp = ground.stamp_of(number);
        life.edited.push(stamp.at - begin);
        pids.insert(number, stamp.pid);
        std::thread::sleep(Duration::from_millis(if count < 20 { 1200 } else { 50 }));
    }

    std::thread::sleep(Duration::from_millis(1500));
    let before = (total_cpu(supervisor.pid()), forks());
    std::thread::sleep(IDLE);
    life.idle_cpu = total_cpu(supervisor.pid()) - before.0;
    life.idle_forks = forks() - before.1;
    life.rss_kib = kib(supervisor.pid(), "status", "VmRSS:").unwrap_or_default();
    for pid in others(supervisor.pid(), &pids) {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if name.trim() == "tmux: server" {
            life.tmux_rss_kib += kib(pid, "status", "VmRSS:").unwrap_or_default();
        } else {
            life.others_pss_kib += kib(pid, "smaps_rollup", "Pss:").unwrap_or_default();
        }
    }
    meanwhile(supervisor, &mut pids);

    ground.forget();
    let begin = now();
    for pid in pids.values() {
        kill(*pid, Signal::SIGKILL);
    }
    let (pids, last) = ground.all(count);
    life.all_replaced = last - begin;

    std::thread::sleep(Duration::from_millis(1500));
    let begin = now();
    supervisor.stop();
    life.last_child_gone = all_gone(pids.into_values()) - begin;
    supervisor.wait();
    life.gone = now() - begin;
    life
}

/// Every process that belongs to it and is none of what it runs.
fn others(main: u32, pids: &HashMap<usize, u32>) -> Vec<u32> {
    let mut found = Vec::new();
    let mut look_at = vec![main];
    while let Some(pid) = look_at.pop() {
        for child in children(pid) {
            if !pids.values().any(|pid| *pid == child) {
                look_at.push(child);
            }
        }
        if pid != main {
            found.push(pid);
        }
    }
    found
}

/// Of it and of everything of it that runs no child of ours: its supervisors, its tmux server.
fn total_cpu(main: u32) -> u64 {
    let mut look_at = vec![main];
    let mut all = 0;
    while let Some(pid) = look_at.pop() {
        look_at.extend(children(pid));
        all += cpu(pid).unwrap_or_default();
    }
    all
}
