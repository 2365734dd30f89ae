//! What came of a run: what its harness said, against how its process ended.
//!
//! An exit status alone is not believed where the harness says more: some exit 0 when they were interrupted, refused a tool,
//! or never reached their provider.

use super::StopReason;
use crate::model::{End, Ending, Evidence, Exit, Limits, Now, Outcome, Spent, Told, Verdict};

/// Judges the end of a run. `stopped` says why, if it was agentd that ended it.
pub(super) fn judge(ending: Ending, told: &Told, stopped: Option<StopReason>, at: Now) -> End {
    let said = told.verdict.as_ref();
    let (outcome, evidence) = match (stopped, said) {
        (Some(StopReason::Timeout { .. }), _) => (Outcome::TimedOut, by(Evidence::OURS)),
        (Some(StopReason::OverBudget), _) => {
            let detail = spent_in_words(told.spent);
            (Outcome::OverBudget, Evidence { detail, ..by(Evidence::OURS) })
        }
        (Some(StopReason::Unstarted), _) => (Outcome::StartFailed, by(Evidence::OURS)),
        (Some(StopReason::Stalled), _) => (Outcome::Failed, by(Evidence::OURS)),
        (Some(StopReason::Undeclared | StopReason::Replaced), _) => (Outcome::Stopped, by(Evidence::OURS)),
        (None, Some((verdict, evidence))) if *verdict != Verdict::Succeeded => ((*verdict).into(), evidence.clone()),
        (None, Some((_, evidence))) if ending.is_success() => (Outcome::Succeeded, evidence.clone()),
        (None, None) if ending.is_success() && told.is_at_work() => {
            let source = told.activity.as_ref().map(|doing| doing.source.as_str()).unwrap_or_default();
            (
                Outcome::Interrupted,
                Evidence { source: format!("{} after {source}", Evidence::EXIT), ..Evidence::default() },
            )
        }
        (None, None | Some(_)) => (by_exit(&ending), by(Evidence::EXIT)),
    };
    End { ending, outcome, evidence, at }
}

fn by_exit(ending: &Ending) -> Outcome {
    match ending {
        Ending::NotStarted(_) => Outcome::StartFailed,
        Ending::TerminalLost(_) => Outcome::Interrupted,
        Ending::ShimLost => Outcome::Failed,
        Ending::Exited { exit, .. } => match exit {
            Exit::Code(0) => Outcome::Succeeded,
            // SIGHUP, SIGINT and SIGTERM, and what shells and many programs make of the last two.
            Exit::Signal(1 | 2 | 15) | Exit::Code(130 | 143) => Outcome::Interrupted,
            Exit::Code(_) | Exit::Signal(_) | Exit::Unknown => Outcome::Failed,
        },
    }
}

/// Whether a run has used more than it may, as far as it has told.
pub(super) fn is_over_budget(told: &Told, limits: &Limits) -> bool {
    let turns = limits.turns.zip(told.spent.turns).is_some_and(|(most, turns)| turns > u64::from(most.get()));
    let cost = limits.cost_micros.zip(told.spent.cost_micros).is_some_and(|(most, cost)| cost > most);
    turns || cost
}

fn spent_in_words(spent: Spent) -> String {
    let turns = spent.turns.map(|turns| format!("{turns} turns"));
    let cost = spent.dollars().map(|dollars| format!("${dollars:.4}"));
    turns.into_iter().chain(cost).collect::<Vec<_>>().join(", ")
}

fn by(source: &str) -> Evidence {
    Evidence { source: source.to_owned(), ..Evidence::default() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::fake::exited;
    use super::*;
    use crate::model::{Activity, Doing, Mono, StartError, StartStage};

    fn outcome(ending: Ending, told: &Told) -> Outcome {
        judge(ending, told, None, Now::default()).outcome
    }

    fn signal(number: u8) -> Ending {
        Ending::Exited { exit: Exit::Signal(number), cpu: Duration::ZERO, max_rss_kib: 0 }
    }

    fn said(verdict: Verdict) -> Told {
        Told { verdict: Some((verdict, by("stream result"))), ..Told::default() }
    }

    fn doing(activity: Activity) -> Told {
        let doing = Doing { activity, since: Mono(1), source: "stream assistant".into(), question: String::new() };
        Told { activity: Some(doing), ..Told::default() }
    }

    #[test]
    fn without_a_word_the_exit_decides() {
        let nothing = Told::default();
        assert_eq!(outcome(exited(0), &nothing), Outcome::Succeeded);
        assert_eq!(outcome(exited(1), &nothing), Outcome::Failed);
        assert_eq!(outcome(signal(9), &nothing), Outcome::Failed);
        assert_eq!(outcome(Ending::ShimLost, &nothing), Outcome::Failed);
        for interrupted in [exited(130), exited(143), signal(1), signal(2), signal(15)] {
            assert_eq!(outcome(interrupted, &nothing), Outcome::Interrupted);
        }
        assert_eq!(outcome(Ending::TerminalLost(Exit::Signal(9)), &nothing), Outcome::Interrupted);
        let error = StartError { stage: StartStage::Exec, message: "no such program".into() };
        assert_eq!(outcome(Ending::NotStarted(error), &nothing), Outcome::StartFailed);
    }

    #[test]
    fn a_bad_verdict_is_believed_against_any_exit_and_a_good_one_only_with_a_good_exit() {
        assert_eq!(outcome(exited(0), &said(Verdict::PermissionDenied)), Outcome::PermissionDenied);
        assert_eq!(outcome(exited(1), &said(Verdict::AuthFailed)), Outcome::AuthFailed);
        assert_eq!(outcome(exited(0), &said(Verdict::Succeeded)), Outcome::Succeeded);
        assert_eq!(outcome(exited(1), &said(Verdict::Succeeded)), Outcome::Failed);
        assert_eq!(outcome(signal(2), &said(Verdict::Succeeded)), Outcome::Interrupted);
        let source = |verdict| judge(exited(0), &said(verdict), None, Now::default()).evidence.source;
        assert_eq!([Verdict::RateLimited, Verdict::Succeeded].map(source), ["stream result"; 2]);
        assert_eq!(judge(exited(1), &said(Verdict::Succeeded), None, Now::default()).evidence.source, "exit");
    }

    #[test]
    fn a_good_exit_amid_work_is_an_interruption() {
        assert_eq!(outcome(exited(0), &doing(Activity::Busy)), Outcome::Interrupted);
        let end = judge(exited(0), &doing(Activity::Busy), None, Now::default());
        assert_eq!(end.evidence.source, "exit after stream assistant");
        assert_eq!(outcome(exited(0), &doing(Activity::Waiting)), Outcome::Interrupted);
        assert_eq!(outcome(exited(0), &doing(Activity::Idle)), Outcome::Succeeded);
        assert_eq!(outcome(exited(0), &doing(Activity::Starting)), Outcome::Succeeded);
        assert_eq!(outcome(exited(1), &doing(Activity::Busy)), Outcome::Failed);
    }

    #[test]
    fn what_agentd_ended_is_ours_whatever_is_said() {
        let of = |reason| judge(exited(0), &said(Verdict::Succeeded), Some(reason), Now::default()).outcome;
        assert_eq!(of(StopReason::Replaced), Outcome::Stopped);
        assert_eq!(of(StopReason::Undeclared), Outcome::Stopped);
        assert_eq!(of(StopReason::Timeout { limit: Duration::ZERO }), Outcome::TimedOut);
        assert_eq!(of(StopReason::OverBudget), Outcome::OverBudget);
    }

    #[test]
    fn a_run_may_use_its_limit_and_no_more() {
        let spent = |turns, cost_micros| Told {
            spent: Spent { turns: Some(turns), cost_micros: Some(cost_micros), ..Spent::default() },
            ..Told::default()
        };
        let limits = Limits { turns: std::num::NonZeroU32::new(3), cost_micros: Some(500_000) };
        assert!(!is_over_budget(&spent(3, 500_000), &limits));
        assert!(is_over_budget(&spent(4, 0), &limits));
        assert!(is_over_budget(&spent(0, 500_001), &limits));
        assert!(!is_over_budget(&spent(9, 9_000_000), &Limits::default()));
        assert!(!is_over_budget(&Told::default(), &limits));
        let end = judge(exited(1), &spent(4, 1_230_000), Some(StopReason::OverBudget), Now::default());
        assert_eq!(end.evidence.detail, "4 turns, $1.2300");
    }
}
