//! An agent on a terminal: what its hooks are told is stored.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::agents::{self, Agent};
use crate::cases::{Case, Until};
use crate::headless::{PATIENCE, PROMPT};
use crate::hooks::Hooks;
use crate::provider::Provider;
use crate::terminal::Terminal;
use crate::{fixtures, normal};

pub fn capture(agent: &Agent, case: &Case) {
    println!("interactive {} {}", agent.name, case.name);
    let provider = Provider::start(case.script.clone());
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("agent");
    fs::create_dir(&home).unwrap();
    agents::furnish(&home, provider.port);
    let hooks = Hooks::of(agent, dir.path());
    let told = &hooks.told;
    let mut argv = vec![agent.path().to_str().unwrap().to_owned()];
    argv.extend(case.args.iter().map(|arg| (*arg).to_owned()));
    argv.extend(hooks.args.iter().cloned());
    if agent.name == "qwen-code" {
        argv.extend(["--json-file".to_owned(), hooks.stream.to_str().unwrap().to_owned()]);
    }
    argv.extend(agent.interactive.iter().map(|arg| (*arg).to_owned()));
    argv.push(PROMPT.to_owned());
    let mut environment = agents::environment(&home, provider.port);
    environment.extend(case.env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    environment.extend(hooks.env.iter().cloned());
    let terminal = Terminal::start(&dir.path().join("tmux"), &home, environment, &argv);
    let started = Instant::now();
    let come = |until: Until| {
        let has_come = || match until {
            Until::Shows(text) => terminal.screen().contains(text),
            Until::Told(text) => read(told).contains(text),
            Until::Asked => !provider.asked().is_empty(),
            Until::Later(time) => !provider.asked().is_empty() && started.elapsed() > time,
        };
        let started = Instant::now();
        while !has_come() && started.elapsed() < PATIENCE && !terminal.has_ended() {
            sleep(Duration::from_millis(50));
        }
        println!("  {until:?} after {:.1?}: {}\n{}", started.elapsed(), has_come(), terminal.screen().trim());
    };
    come(case.until);
    if !case.keys.is_empty() {
        // The screen may still be behind what the hook was told.
        sleep(Duration::from_secs(2));
        terminal.keys(case.keys);
        if let Some(until) = case.then {
            come(until);
        } else {
            sleep(Duration::from_secs(3));
            println!("{}", terminal.screen().trim());
        }
    }
    let before_end = read(told);
    for round in 0..8 {
        if terminal.has_ended() {
            break;
        }
        // Every other time a dialog first, if there is one.
        if round % 2 == 1 {
            terminal.keys(&["Escape"]);
            sleep(Duration::from_secs(1));
        }
        terminal.keys(&["C-c", "C-c"]);
        sleep(Duration::from_secs(2));
    }
    println!("  ended: {}, {} bytes told, {} at its end", terminal.has_ended(), before_end.len(), read(told).len());
    let normal = |file: &Path| normal::normal(&read(file), &home, provider.port);
    let place = fixtures("hooks", agent);
    fs::write(place.join(format!("interactive-{}.jsonl", case.name)), normal(told)).unwrap();
    if hooks.notified.exists() {
        fs::write(place.join(format!("interactive-notify-{}.jsonl", case.name)), normal(&hooks.notified)).unwrap();
    }
    if hooks.stream.exists() {
        let place = fixtures("streams", agent).join(format!("interactive-{}.jsonl", case.name));
        fs::write(place, normal(&hooks.stream)).unwrap();
    }
    fs::write(place.join("version"), format!("{}\n", agent.version())).unwrap();
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
