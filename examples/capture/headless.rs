//! An agent without a person: its standard output is stored, how it ended, and what its hooks were told.

use std::fs::{self, File};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::agents::{self, Agent};
use crate::cases::Case;
use crate::hooks::Hooks;
use crate::provider::Provider;
use crate::{fixtures, normal};

pub const PROMPT: &str = "What is the answer? Say 'forty-two'; don't use any tool.";

/// What takes longer has failed.
pub const PATIENCE: Duration = Duration::from_secs(150);

pub fn capture(agent: &Agent, case: &Case) {
    println!("{} {}", agent.name, case.name);
    let provider = Provider::start(case.script.clone());
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("agent");
    fs::create_dir(&home).unwrap();
    agents::furnish(&home, provider.port);
    let (out, err) = (dir.path().join("out"), dir.path().join("err"));
    let hooks = Hooks::of(agent, dir.path());
    let mut command = Command::new(agent.path());
    command.env_clear().envs(agents::environment(&home, provider.port));
    command.args(agent.run).args(&case.args).envs(case.env.iter().copied());
    command.args(&hooks.args).envs(hooks.env.iter().map(|(name, value)| (name, value)));
    command.args(agent.headless).arg(PROMPT);
    command.current_dir(&home);
    command.stdin(Stdio::null()).stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
    let started = Instant::now();
    let mut child = command.process_group(0).spawn().unwrap();
    let group = Pid::from_raw(child.id().cast_signed());
    if let Some(signal) = case.signal {
        while provider.asked().is_empty() && child.try_wait().unwrap().is_none() {
            sleep(Duration::from_millis(20));
        }
        killpg(group, signal).unwrap();
    }
    let (status, was_killed) = end_of(&mut child, group);
    println!("  {status}, {} questions, {:.1?}", provider.asked().len(), started.elapsed());
    let place = fixtures("streams", agent);
    let normal = |text: Vec<u8>| normal::normal(&String::from_utf8_lossy(&text), &home, provider.port);
    fs::write(place.join(format!("{}.{}", case.name, agent.form())), normal(fs::read(&out).unwrap())).unwrap();
    let exit = if was_killed { format!("still there after {PATIENCE:?}") } else { say(status) };
    fs::write(place.join(format!("{}.exit", case.name)), exit + "\n").unwrap();
    fs::write(place.join("version"), format!("{}\n", agent.version())).unwrap();
    let errors = place.join(format!("{}.stderr", case.name));
    let _ = fs::remove_file(&errors);
    let said = fs::read(&err).unwrap();
    if !said.is_empty() {
        fs::write(errors, normal(said)).unwrap();
    }
    for (kind, file) in [("headless", &hooks.told), ("headless-notify", &hooks.notified)] {
        if let Ok(payloads) = fs::read(file) {
            fs::write(fixtures("hooks", agent).join(format!("{kind}-{}.jsonl", case.name)), normal(payloads)).unwrap();
        }
    }
}

fn end_of(child: &mut Child, group: Pid) -> (ExitStatus, bool) {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            // What it started and didn't end.
            let _ = killpg(group, Signal::SIGKILL);
            return (status, false);
        }
        if started.elapsed() > PATIENCE {
            killpg(group, Signal::SIGKILL).unwrap();
            return (child.wait().unwrap(), true);
        }
        sleep(Duration::from_millis(20));
    }
}

fn say(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("status {code}"),
        (None, Some(signal)) => Signal::try_from(signal).unwrap().to_string(),
        (None, None) => unreachable!("it has ended"),
    }
}
