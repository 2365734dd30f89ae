//! What shims report becomes what was observed. Pure translation: nothing here acts, waits or decides.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{Child, Ending, Exit, Mono, Notices, RunId, StartError, StartStage, Told};
use crate::shim::protocol::{ChildReport, Ended, NotStarted, Notice, Report, Step};

/// The child of a shim that has just connected.
pub fn child_of(report: &ChildReport) -> Child {
    match report {
        ChildReport::None => Child::None,
        ChildReport::Starting { run, .. } => Child::Starting(RunId(*run)),
        ChildReport::Running { run, pid, at } => Child::Running { run: RunId(*run), pid: *pid, at: Mono(*at) },
        ChildReport::NotStarted(report) => not_started(report),
        ChildReport::Ended(report) => ended(report),
    }
}

/// What a report says about the child; none if it says nothing new about the run that `child` is about.
pub fn child_after(child: &Child, report: &Report) -> Option<Child> {
    let ours = |run: &u64| child.run() == Some(RunId(*run));
    match report {
        Report::Started { run, pid, at } if ours(run) => {
            Some(Child::Running { run: RunId(*run), pid: *pid, at: Mono(*at) })
        }
        Report::NotStarted(report) if ours(&report.run) => Some(not_started(report)),
        Report::Ended(report) if ours(&report.run) => Some(ended(report)),
        Report::TreeEmpty { run } if ours(run) => match child {
            Child::Ended { run, ending, started, at, .. } => {
                let (run, started, at) = (*run, *started, *at);
                Some(Child::Ended { run, ending: ending.clone(), started, at, tree_empty: true })
            }
            Child::None | Child::Starting(_) | Child::Running { .. } => None,
        },
        Report::Started { .. }
        | Report::NotStarted(_)
        | Report::Ended(_)
        | Report::TreeEmpty { .. }
        | Report::Forked { .. }
        | Report::Noticed { .. }
        | Report::Hello { .. } => None,
    }
}

/// Takes in what an agent told of a run. Of an earlier one nobody wants to know any more.
pub fn hear(told: &mut Arc<Told>, run: RunId, notices: &[Notice]) {
    if run < told.run || notices.is_empty() {
        return;
    }
    if run > told.run {
        *told = Arc::new(Told::of(run));
    }
    let told = Arc::make_mut(told);
    for Notice { at, text } in notices {
        told.hear(&Notices::parse(text), Mono(*at));
    }
}

fn not_started(report: &NotStarted) -> Child {
    let stage = match report.step {
        Step::Fork => StartStage::Fork,
        Step::Workdir => StartStage::Workdir,
        Step::Exec => StartStage::Exec,
    };
    let message = nix::errno::Errno::from_raw(report.errno).desc().to_owned();
    let ending = Ending::NotStarted(StartError { stage, message });
    Child::Ended { run: RunId(report.run), ending, started: None, at: Mono(report.at), tree_empty: true }
}

fn ended(report: &Ended) -> Child {
    let exit = exit_of(report.wait_status);
    let ending = if report.terminal_lost {
        Ending::TerminalLost(exit)
    } else {
        Ending::Exited { exit, cpu: Duration::from_micros(report.cpu_micros), max_rss_kib: report.max_rss_kib }
    };
    let (started, at) = (Some(Mono(report.started_at)).filter(|at| *at > Mono(0)), Mono(report.at));
    Child::Ended { run: RunId(report.run), ending, started, at, tree_empty: report.tree_empty }
}

/// Reads a status as wait(2) gives it.
fn exit_of(wait_status: i32) -> Exit {
    let [low, code, ..] = wait_status.to_le_bytes();
    match low & 0x7f {
        0 => Exit::Code(code),
        0x7f => Exit::Unknown,
        signal => Exit::Signal(signal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_statuses_are_read_as_the_kernel_writes_them() {
        assert_eq!(exit_of(0), Exit::Code(0));
        assert_eq!(exit_of(3 << 8), Exit::Code(3));
        assert_eq!(exit_of(255 << 8), Exit::Code(255));
        assert_eq!(exit_of(9), Exit::Signal(9));
        assert_eq!(exit_of(0x8b), Exit::Signal(11), "a core dump is still signal 11");
    }

    #[test]
    fn a_run_that_was_lost_before_it_began_has_no_start() {
        let report = |started_at| Ended {
            run: 1,
            wait_status: 9,
            terminal_lost: true,
            cpu_micros: 0,
            max_rss_kib: 0,
            started_at,
            at: 7,
            tree_empty: true,
        };
        let started = |at| match ended(&report(at)) {
            Child::Ended { started, .. } => started,
            Child::None | Child::Starting(_) | Child::Running { .. } => unreachable!(),
        };
        assert_eq!((started(0), started(5)), (None, Some(Mono(5))));
    }

    #[test]
    fn news_of_another_run_is_no_news() {
        let child = Child::Starting(RunId(2));
        assert_eq!(child_after(&child, &Report::Started { run: 1, pid: 7, at: 0 }), None);
        let running = child_after(&child, &Report::Started { run: 2, pid: 7, at: 5 });
        assert_eq!(running, Some(Child::Running { run: RunId(2), pid: 7, at: Mono(5) }));
        assert_eq!(child_after(&child, &Report::TreeEmpty { run: 2 }), None, "nothing has ended yet");
    }
}
