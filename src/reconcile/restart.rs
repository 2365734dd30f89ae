//! What follows the end of a run.

use std::time::Duration;

use super::{AgentMemory, Phase};
use crate::model::{Ending, Mono, Policy, Restart};

/// A run of this length counts as good: the next delay is the first again.
pub(super) const GOOD_RUN: Duration = Duration::from_secs(60);

/// The phase after a run that ended so, by this policy. It can be asked again at any time: when the policy changes,
/// the answer does.
pub(super) fn settle(memory: &AgentMemory, ending: &Ending, ended: Mono, policy: &Policy) -> Phase {
    let wanted = match policy.restart {
        Restart::No => false,
        Restart::OnFailure => !ending.is_success(),
        Restart::Always => true,
    };
    let exhausted = policy.max_restarts.is_some_and(|most| memory.restarts >= most.get());
    if wanted && !exhausted {
        return Phase::BackingOff { until: ended.after(delay(policy, memory.streak)) };
    }
    if ending.is_success() {
        return Phase::Exited;
    }
    let error = if wanted {
        let times = if memory.restarts == 1 { "time" } else { "times" };
        format!("{ending}; restarted {} {times}, which is its max_restarts", memory.restarts)
    } else {
        ending.to_string()
    };
    Phase::Failed { error }
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
    use super::super::fake::policy;
    use super::*;

    #[test]
    fn the_delay_doubles_up_to_its_maximum() {
        let policy = policy();
        let delays: Vec<u64> = [0, 1, 2, 3, 4, 5, 31, 32, 4_000_000_000].map(|n| delay(&policy, n).as_secs()).into();
        assert_eq!(delays, [3, 6, 12, 24, 48, 60, 60, 60, 60]);
        let none = Policy { backoff: Duration::ZERO, ..policy };
        assert_eq!(super::delay(&none, 40), Duration::ZERO);
    }
}
