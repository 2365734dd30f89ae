//! One agent: what the API says of it is what runs, and both are what its declaration and its history lead to.

use std::fmt::Write as _;

use serde_json::Value;

use crate::checker::View;
use crate::declared::{Agent, LONG, Quirk, Restart};
use crate::journal::{End, Start};
use crate::processes::{Process, descends};
use crate::world::Life;

/// Whether it ends and begins all the time, so that no two looks need agree.
pub fn is_restless(agent: &Agent) -> bool {
    let ends = matches!(agent.quirk, Quirk::Brief(_) | Quirk::Absent);
    let is_success = agent.quirk == Quirk::Brief(0);
    // A timeout counts from the first run.
    let is_timed = agent.policy.is_short() && agent.quirk != Quirk::Absent;
    ends && !is_timed && agent.policy.backoff < LONG && agent.policy.restarts_after(is_success, u32::MAX - 1)
}

/// Everything that is wrong with it.
pub fn look(view: &View, agent: &Agent, instance: &str, shown: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    if shown["session"] != instance || shown["harness"] != agent.harness.name() {
        wrong.push("it is shown under other names".to_owned());
    }
    if !is_restless(agent) {
        truth(view, agent, instance, shown, &mut wrong);
        let life = &view.world.lives[instance];
        if !(view.world.is_blind && life.is_touched) {
            history(view, agent, instance, shown, &mut wrong);
        }
    }
    for what in &mut wrong {
        write!(what, "\n    the API: {shown}\n    its life: {:?}", view.world.lives[instance]).unwrap();
    }
    wrong
}

/// The API against /proc.
fn truth(view: &View, agent: &Agent, instance: &str, shown: &Value, wrong: &mut Vec<String>) {
    let alive: Vec<&Process> = marked(view, instance).collect();
    let pid = shown["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
    let state = shown["state"].as_str().unwrap_or_default();
    if shown["running"] != (state == "running") {
        wrong.push("it says that it is running, or not, in another state".to_owned());
    }
    if state != "running" {
        if pid.is_some() || !alive.is_empty() {
            wrong.push(format!("it is said not to run, and has {}", list(&alive)));
        }
        return;
    }
    let newest = view.journal.newest(instance).map(|(_, start)| start.pid);
    let main = alive.iter().find(|process| Some(process.pid) == pid);
    let Some(main) = main.filter(|_| newest == pid) else {
        wrong.push(format!(
            "its process is said to be {pid:?}, the last start was {newest:?}, there is {}",
            list(&alive)
        ));
        return;
    };
    let shim = main.parent;
    if view.panes.get(instance) != Some(&shim) {
        wrong.push(format!("its pane has {:?}, and its shim is {shim}", view.panes.get(instance)));
    }
    for process in alive.iter().filter(|process| !descends(&view.processes, process.pid, shim)) {
        wrong.push(format!("process {} is not of its tree", process.pid));
    }
    let mains = alive.iter().filter(|process| process.command.contains("/work/journal ")).count();
    if mains != 1 {
        wrong.push(format!("it runs {mains} times: {}", list(&alive)));
    }
    launched_as_declared(view, agent, main, wrong);
}

/// What runs is what is declared now, with the secrets that there are now.
fn launched_as_declared(view: &View, agent: &Agent, main: &Process, wrong: &mut Vec<String>) {
    if main.variable("SOAK_LIFE") != Some(&agent.life.to_string()) {
        wrong.push(format!("it runs as of {:?}, and is declared as of {}", main.variable("SOAK_LIFE"), agent.life));
    }
    // A file that can't be taken holds back what the secrets have become.
    if view.world.is_broken && view.world.has_edits {
        return;
    }
    let wanted = agent.secrets(view.world.secrets.keys().copied());
    for name in crate::declared::SECRETS {
        let value = view.world.secrets.get(name).filter(|_| wanted.contains(name)).map(String::as_str);
        if main.variable(name) != value {
            wrong.push(format!("its {name} is {:?}, and should be {value:?}", main.variable(name)));
        }
    }
}

/// Its state, its restarts and its last end against what was done to it.
fn history(view: &View, agent: &Agent, instance: &str, shown: &Value, wrong: &mut Vec<String>) {
    let life = &view.world.lives[instance];
    let starts = view.journal.of_life(instance, view.world);
    let restarts = u32::try_from(shown["restarts"].as_u64().unwrap_or_default()).unwrap_or(u32::MAX);
    let exit = &shown["exit"];
    let is_success = exit["kind"] == "exited" && exit["code"] == 0;
    let state = shown["state"].as_str().unwrap_or_default();
    let is_short = agent.policy.is_short();
    counts(agent, life, &starts, restarts, wrong);
    match state {
        "running" if agent.quirk == Quirk::Absent => wrong.push("it can't run".to_owned()),
        "running" if is_short => wrong.push("its timeout is over".to_owned()),
        "timed_out" if !is_short || agent.quirk == Quirk::Absent => wrong.push("its timeout is not over".to_owned()),
        // It counts from a start, and there may have been none that anybody heard of.
        "backing_off" if is_short && !(agent.quirk == Quirk::Absent || life.was_lost || life.was_short) => {
            wrong.push("its timeout is over, too".to_owned());
        }
        "backing_off" if agent.policy.backoff < LONG => wrong.push("its delay is over".to_owned()),
        "backing_off" if !agent.policy.restarts_after(is_success, restarts) => {
            wrong.push("it is not to be restarted".to_owned());
        }
        "exited" | "failed" if agent.policy.restarts_after(is_success, restarts) => {
            wrong.push("it is to be restarted".to_owned());
        }
        "exited" if !is_success => wrong.push("that was no success".to_owned()),
        "failed" if is_success => wrong.push("that was no failure".to_owned()),
        "running" | "backing_off" | "exited" | "failed" | "timed_out" => {}
        other => wrong.push(format!("{other} is not where it stays")),
    }
    if state != "running" {
        end(view, agent, life, starts.last().copied(), shown, wrong);
    }
}

fn counts(agent: &Agent, life: &Life, starts: &[(usize, &Start)], restarts: u32, wrong: &mut Vec<String>) {
    let count = u32::try_from(starts.len()).unwrap();
    if life.is_loose {
        return;
    }
    if restarts + 1 < count {
        wrong.push(format!("it was started {count} times"));
    }
    // A start that was cut off by the loss of its shim may not have come as far as to say so.
    // A timeout strikes between them as well, or before a program comes as far as that.
    let is_cut_off = agent.policy.is_short() && restarts == count;
    if !life.was_lost && agent.quirk != Quirk::Absent && restarts + 1 != count && !is_cut_off {
        wrong.push(format!("it was started {count} times exactly"));
    }
    if !matches!(agent.quirk, Quirk::Brief(_) | Quirk::Absent) && restarts > life.ends {
        wrong.push(format!("it was ended {} times at most", life.ends));
    }
    if !life.was_repolicied {
        let most = match agent.policy.restart {
            Restart::No => 0,
            Restart::OnFailure | Restart::Always if agent.policy.max_restarts > 0 => agent.policy.max_restarts,
            Restart::OnFailure | Restart::Always => u32::MAX,
        };
        if restarts > most {
            wrong.push(format!("it was to be restarted {most} times at most"));
        }
    }
}

/// It ended as somebody made it end.
fn end(view: &View, agent: &Agent, life: &Life, last: Option<(usize, &Start)>, shown: &Value, wrong: &mut Vec<String>) {
    let (exit, state) = (&shown["exit"], shown["state"].as_str().unwrap_or_default());
    let mut possible: Vec<End> = last.map(|(start, _)| view.journal.ends(start).to_vec()).unwrap_or_default();
    if let Quirk::Brief(code) = agent.quirk {
        possible.push(End::Code(code));
    }
    if state == "timed_out" {
        possible.extend([libc::SIGINT, libc::SIGTERM, libc::SIGKILL].map(End::Signal));
    }
    let is_one_of_them = possible.iter().any(|end| match end {
        End::Code(code) => exit["kind"] == "exited" && exit["code"] == *code,
        End::Signal(signal) => exit["kind"] == "killed" && exit["signal"] == *signal,
    });
    let is_loss =
        life.was_lost && (exit["cause"].is_string() || exit["kind"] == "unknown" || exit["kind"] == "not_started");
    // A timeout withdraws a start that is still to be made.
    let may_be_absent = agent.quirk == Quirk::Absent || life.was_short || state == "timed_out";
    let is_absence = may_be_absent && exit["kind"] == "not_started";
    if !(is_one_of_them || is_loss || is_absence) {
        wrong.push(format!("it ended as nobody made it end: {possible:?} would have been possible"));
    }
}

/// The processes with its mark.
fn marked<'v>(view: &'v View, instance: &'v str) -> impl Iterator<Item = &'v Process> {
    view.processes.values().filter(move |process| {
        process.variable("SOAK_ID") == Some(&view.place.id) && process.variable("AGENTD_AGENT") == Some(instance)
    })
}

fn list(processes: &[&Process]) -> String {
    let words: Vec<String> =
        processes.iter().map(|process| format!("{} of {}: {}", process.pid, process.parent, process.command)).collect();
    format!("[{}]", words.join("; "))
}
