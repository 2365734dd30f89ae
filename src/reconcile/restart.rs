//! What follows the end of a run.

use std::time::Duration;

use super::{AgentMemory, Conversation, Phase, outcome};
use crate::model::{End, Evidence, Mono, OnStall, Outcome, Policy, Restart};

/// A run of this length counts as good: the next delay is the first again.
pub(super) const GOOD_RUN: Duration = Duration::from_secs(60);

/// After the time at which a provider ends a rate limit, which is told in whole seconds.
const RESET_MARGIN: Duration = Duration::from_secs(1);

/// The phase after a run that ended so, by this policy. It can be asked again at any time: when the policy changes,
/// the answer does.
pub(super) fn settle(memory: &AgentMemory, end: &End, policy: &Policy) -> Phase {
    // Whom agentd stopped for what it used may go on once it may use more.
    let may_use_more = end.evidence.source == Evidence::OURS && !outcome::is_over_budget(&memory.told, &policy.limits);
    let vain = in_vain(end.outcome).filter(|_| end.outcome != Outcome::OverBudget || !may_use_more);
    let wanted = match policy.restart {
        Restart::No => false,
        Restart::OnFailure => !end.is_success() && vain.is_none(),
        Restart::Always => true,
    };
    let wanted = policy.stall.filter(|_| end.is_stall()).map_or(wanted, |stall| stall.on_stall == OnStall::Restart);
    let is_counted = memory.conversation != Conversation::Lost;
    let exhausted = is_counted && policy.max_restarts.is_some_and(|most| memory.restarts >= most.get());
    if wanted && !exhausted {
        let until = end.at.mono.after(delay(policy, memory.streak));
        return Phase::BackingOff { until: reset(end).map_or(until, |reset| reset.max(until)) };
    }
    if end.is_success() {
        return Phase::Exited;
    }
    let error = if wanted {
        let times = if memory.restarts == 1 { "time" } else { "times" };
        format!("{end}; restarted {} {times}, which is its max_restarts", memory.restarts)
    } else if let (Restart::OnFailure, Some(change)) = (policy.restart, vain) {
        format!("{end}; not restarted before {change}, as it would end in the same way")
    } else {
        end.to_string()
    };
    Phase::Failed { error }
}

/// What has to change before another run can end otherwise, if that is known. A change of what is declared, secrets
/// included, begins a new life anyway.
fn in_vain(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::AuthFailed => Some("a secret of it changes"),
        Outcome::PermissionDenied => Some("its permissions change"),
        Outcome::OverBudget => Some("its limits change"),
        Outcome::Succeeded
        | Outcome::Failed
        | Outcome::Interrupted
        | Outcome::RateLimited
        | Outcome::StartFailed
        | Outcome::TimedOut
        | Outcome::Stopped => None,
    }
}

/// When its provider takes requests again, if it said so.
fn reset(end: &End) -> Option<Mono> {
    let at = end.evidence.reset_at.filter(|_| end.outcome == Outcome::RateLimited)?;
    let wait = Duration::from_nanos(at.0.saturating_sub(end.at.wall.0));
    Some(end.at.mono.after(wait.saturating_add(RESET_MARGIN)))
}

/// The delay before the restart that follows `streak` restarts in a row.
pub(super) fn delay(policy: &Policy, streak: u32) -> Duration {
    if policy.backoff.is_zero() {
        return Duration::ZERO;
    }
    let doubled = 2_u32.checked_pow(streak).and_then(|factor| policy.backoff.checked_mul(factor));
    doubled.unwrap_or(Duration::MAX).min(policy.backoff_max)
}

/// When the timeout of an agent strikes, if it has one and has ever run.
pub(super) fn deadline(memory: &AgentMemory, policy: &Policy) -> Option<Mono> {
    Some(memory.first_started?.mono.after(policy.timeout?))
}

/// The timeout of an agent, if it has struck at that time.
pub(super) fn overdue(memory: &AgentMemory, policy: &Policy, at: Mono) -> Option<Duration> {
    policy.timeout.filter(|_| deadline(memory, policy).is_some_and(|deadline| at >= deadline))
}

#[cfg(test)]
mod tests {
    use super::super::fake::{SECOND, exited, policy, spec};
    use super::*;
    use crate::model::{Now, Wall};

    fn settled(restart: Restart, outcome: Outcome, reset_at: Option<u64>) -> Phase {
        let evidence = Evidence { reset_at: reset_at.map(|second| Wall(second * SECOND)), ..Evidence::default() };
        let at = Now { mono: Mono(10 * SECOND), wall: Wall(1000 * SECOND) };
        let end = End { ending: exited(1), outcome, evidence, at };
        settle(&AgentMemory::new(&spec("a", 1, policy())), &end, &Policy { restart, ..policy() })
    }

    #[test]
    fn what_would_end_in_the_same_way_is_held_where_only_failures_are_restarted() {
        let waits = |phase: &Phase| matches!(phase, Phase::BackingOff { until } if *until == Mono(13 * SECOND));
        for outcome in Outcome::ALL {
            let held = matches!(outcome, Outcome::AuthFailed | Outcome::PermissionDenied | Outcome::OverBudget);
            let phase = settled(Restart::OnFailure, outcome, None);
            assert_eq!(waits(&phase), !held && outcome != Outcome::Succeeded, "{outcome:?} {phase:?}");
            assert!(waits(&settled(Restart::Always, outcome, None)), "{outcome:?}");
        }
        let Phase::Failed { error } = settled(Restart::OnFailure, Outcome::AuthFailed, None) else { panic!() };
        assert!(error.ends_with("; not restarted before a secret of it changes, as it would end in the same way"));
        let Phase::Failed { error } = settled(Restart::No, Outcome::AuthFailed, None) else { panic!() };
        assert!(error.ends_with("its provider doesn't accept its key or account"), "{error}");
    }

    #[test]
    fn a_rate_limit_is_waited_out() {
        let until = |second| Phase::BackingOff { until: Mono(second * SECOND) };
        assert_eq!(settled(Restart::OnFailure, Outcome::RateLimited, Some(1100)), until(111));
        assert_eq!(settled(Restart::Always, Outcome::RateLimited, Some(1100)), until(111));
        // One that is over, and one of another outcome, which nobody reported.
        assert_eq!(settled(Restart::OnFailure, Outcome::RateLimited, Some(900)), until(13));
        assert_eq!(settled(Restart::OnFailure, Outcome::Failed, Some(1100)), until(13));
    }

    #[test]
    fn the_delay_doubles_up_to_its_maximum() {
        let policy = policy();
        let delays: Vec<u64> = [0, 1, 2, 3, 4, 5, 31, 32, 4_000_000_000].map(|n| delay(&policy, n).as_secs()).into();
        assert_eq!(delays, [3, 6, 12, 24, 48, 60, 60, 60, 60]);
        let none = Policy { backoff: Duration::ZERO, ..policy };
        assert_eq!(super::delay(&none, 40), Duration::ZERO);
    }
}
