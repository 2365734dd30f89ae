//! A fleet: N agents under one daemon, on real tmux, beside the floors of the same run and the supervisors that are
//! installed here.
//!
//! `cargo bench --bench fleet` prints a table, and writes `target/fleet.json` with every figure and `target/fleet.svg`.
//! `FLEET_N=1,100` chooses the sizes, `FLEET_ONLY=agentd,forkpty` who takes part; `FLEET_DRAW=FILE` only draws such JSON.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]
#![allow(clippy::disallowed_methods, clippy::cast_precision_loss, reason = "a benchmark")]

#[path = "../common/figures.rs"]
mod figures;
mod floors;
mod ground;
mod http;
mod measure;
mod plan;
mod plot;
mod report;
mod supervisors;
mod systemd;
mod tmux;

use std::path::{Path, PathBuf};
use std::process::Command;

use floors::Floor;
use ground::{Ground, PATIENCE, now};
use measure::{Life, live};
use report::{Api, Figures};
use supervisors::{Agentd, Supervisor};

/// The child and the shim as they are shipped: linked statically.
fn build() -> PathBuf {
    let cargo = |words: &[&str]| {
        assert!(Command::new(env!("CARGO")).args(words).status().unwrap().success(), "cargo {words:?}");
    };
    cargo(&["--quiet", "build-shim"]);
    let flags = ["-C", "target-feature=+crt-static", "-C", "relocation-model=static"];
    cargo(&[&["--quiet", "rustc", "--release", "--example", "stamp", "--"][..], &flags].concat());
    Path::new(env!("CARGO_BIN_EXE_agentd")).with_file_name("examples").join("stamp")
}

fn main() {
    if floors::become_one() {
        return;
    }
    if let Some(file) = std::env::var_os("FLEET_DRAW") {
        return plot::draw(&serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap(), "target/fleet.svg");
    }
    let child = build();
    let sizes = std::env::var("FLEET_N").unwrap_or_else(|_| "1,100,1000".to_owned());
    let only = std::env::var("FLEET_ONLY").ok();
    let takes_part = |name: &str| only.as_ref().is_none_or(|only| only.split(',').any(|each| each == name));
    let mut figures = Figures::begin();
    for count in sizes.split(',').map(|size| size.parse::<usize>().unwrap()) {
        for kind in ["forkpty", "spawn"] {
            if takes_part(kind) {
                say(count, kind);
                let life = live(&mut Floor::new(kind), &Ground::new(&child), count, |_, _| {});
                figures.add(count, kind, life);
            }
        }
        if takes_part("tmux") {
            say(count, "tmux");
            figures.add(
                count,
                "tmux",
                Life { start_all: tmux::start_all(&Ground::new(&child), count), ..Life::default() },
            );
        }
        for mut supervisor in supervisors::all() {
            if !takes_part(supervisor.name()) {
                continue;
            }
            say(count, supervisor.name());
            let ground = Ground::new(&child);
            let mut api = None;
            let is_agentd = supervisor.name() == "agentd";
            let mut life = live(&mut *supervisor, &ground, count, |_, _| {
                if is_agentd {
                    api = Some(ask(&ground, count));
                }
            });
            if is_agentd {
                life.adopted = adopted(&child, count);
                figures.api.push(api.unwrap());
            }
            figures.add(count, supervisor.name(), life);
        }
    }
    for count in [1_000, 10_000] {
        figures.plans.push((count, plan::of_one_change(count)));
    }
    figures.end();
}

fn say(count: usize, name: &str) {
    eprintln!("{count} × {name}, load {}", report::load());
}

/// How the API does, and what a server does that has nothing else to do, by turns.
fn ask(ground: &Ground, count: usize) -> Api {
    let socket = Agentd::api(ground);
    let list = http::Client::new(&socket).unwrap().get("/v1/agents").len();
    let one = http::Client::new(&socket).unwrap().get("/v1/agents/a0").len();
    let mut api = Api { count, list_bytes: list, one_bytes: one, ..Api::default() };
    for (bytes, path, connections, ours, floor) in [
        (list, "/v1/agents", 1, &mut api.list, &mut api.list_floor),
        (one, "/v1/agents/a0", 1, &mut api.one, &mut api.one_floor),
        (one, "/v1/agents/a0", 64, &mut api.one_64, &mut api.one_64_floor),
    ] {
        let floor_socket = ground.at("work/http.sock");
        let mut server = ground.command(std::env::current_exe().unwrap());
        server.env("FLEET_FLOOR", "http").arg(&floor_socket).arg(bytes.to_string());
        let mut server = server.spawn().unwrap();
        supervisors::wait_for(&floor_socket);
        for _ in 0..3 {
            floor.push(http::load(&floor_socket, "/", connections));
            ours.push(http::load(&socket, path, connections));
        }
        server.kill().unwrap();
        server.wait().unwrap();
        std::fs::remove_file(floor_socket).unwrap();
    }
    api
}

/// From the start of a daemon that follows one which was killed to the API's answer with all agents running.
fn adopted(child: &Path, count: usize) -> u64 {
    let ground = Ground::new(child);
    let mut daemon = Agentd::default();
    daemon.declare(&ground, count);
    daemon.launch(&ground);
    ground.all(count);
    all_running(&ground, count);
    daemon.crash();
    let begin = now();
    daemon.launch(&ground);
    all_running(&ground, count);
    let taken = now() - begin;
    daemon.stop();
    daemon.wait();
    taken
}

fn all_running(ground: &Ground, count: usize) {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        if let Some(mut client) = http::Client::new(&Agentd::api(ground)) {
            let text = String::from_utf8(client.get("/v1/agents").to_vec()).unwrap();
            if text.matches("\"state\":\"running\"").count() == count {
                return;
            }
        }
        assert!(std::time::Instant::now() < deadline, "they never ran");
        std::thread::sleep(std::time::Duration::from_micros(500));
    }
}
