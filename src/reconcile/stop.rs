//! The stop ladder: the harness's own interrupt, SIGTERM, and at the end of the grace period SIGKILL to the tree.

use std::time::Duration;

use super::{Rung, StopSignal};
use crate::model::{Interrupt, Mono, Policy};

/// A tree that is still there this long after a kill is killed again.
const KILL_AGAIN: Duration = Duration::from_secs(1);

/// A shim that has not told of the end this long after the kill was due never will: its session is closed over it, and
/// the sweep that follows asks nobody.
const HOPELESS: Duration = Duration::from_secs(5);

/// Whether waiting for the shim's word is over.
pub(super) fn is_hopeless(policy: &Policy, since: Mono, rung: Rung, hurry: bool, now: Mono) -> bool {
    let grace = if hurry { Duration::ZERO } else { policy.grace_period };
    matches!(rung, Rung::Killed { .. }) && now >= since.after(grace.saturating_add(HOPELESS))
}

/// The next step of a stop, if it is due, and when to look again.
pub(super) struct Climb {
    pub signal: Option<StopSignal>,
    pub rung: Rung,
    pub wake_at: Mono,
}

/// Climbs from `rung`, for a stop that began at `since`.
///
/// SIGTERM comes after a third of the grace period: early enough to leave a program that ignores interrupts most of
/// the time to end well, late enough for one that saves its work first. A step whose time has passed is skipped.
pub(super) fn climb(policy: &Policy, since: Mono, rung: Rung, hurry: bool, now: Mono) -> Climb {
    let grace = if hurry { Duration::ZERO } else { policy.grace_period };
    let kill_at = since.after(grace);
    let terminate_at = since.after(grace / 3);
    if let Rung::Killed { at } = rung {
        let again = at.after(KILL_AGAIN);
        return if now >= again { kill(now) } else { Climb { signal: None, rung, wake_at: again } };
    }
    if now >= kill_at {
        return kill(now);
    }
    match (rung, policy.interrupt) {
        (Rung::Ground, Interrupt::Sigint) => step(StopSignal::Interrupt, Rung::Interrupted, terminate_at),
        (Rung::Ground, Interrupt::TypeCtrlC(times)) => {
            step(StopSignal::TypeCtrlC(times), Rung::Interrupted, terminate_at)
        }
        (Rung::Ground, Interrupt::Sigterm) => step(StopSignal::Terminate, Rung::Terminated, kill_at),
        (Rung::Interrupted, _) if now >= terminate_at => step(StopSignal::Terminate, Rung::Terminated, kill_at),
        (Rung::Interrupted, _) => Climb { signal: None, rung, wake_at: terminate_at },
        (Rung::Terminated | Rung::Killed { .. }, _) => Climb { signal: None, rung, wake_at: kill_at },
    }
}

fn step(signal: StopSignal, rung: Rung, wake_at: Mono) -> Climb {
    Climb { signal: Some(signal), rung, wake_at }
}

fn kill(now: Mono) -> Climb {
    step(StopSignal::KillTree, Rung::Killed { at: now }, now.after(KILL_AGAIN))
}

#[cfg(test)]
mod tests {
    use super::super::fake::policy;
    use super::*;

    const S: u64 = 1_000_000_000;

    #[test]
    fn each_rung_comes_once_and_in_time() {
        let mut policy = policy();
        let mut rung = Rung::Ground;
        let mut seen = Vec::new();
        for second in 0..=33 {
            let climb = climb(&policy, Mono(0), rung, false, Mono(second * S));
            rung = climb.rung;
            seen.extend(climb.signal.map(|signal| (second, signal)));
        }
        let kills = [30, 31, 32, 33].map(|second| (second, StopSignal::KillTree));
        assert_eq!(seen, [&[(0, StopSignal::Interrupt), (10, StopSignal::Terminate)], &kills[..]].concat());

        policy.interrupt = Interrupt::Sigterm;
        let first = climb(&policy, Mono(0), Rung::Ground, false, Mono(0));
        assert_eq!((first.signal, first.wake_at), (Some(StopSignal::Terminate), Mono(30 * S)));
    }

    #[test]
    fn without_grace_or_in_a_hurry_the_kill_is_at_once() {
        let mut policy = policy();
        assert_eq!(climb(&policy, Mono(0), Rung::Interrupted, true, Mono(1)).signal, Some(StopSignal::KillTree));
        policy.grace_period = Duration::ZERO;
        assert_eq!(climb(&policy, Mono(5), Rung::Ground, false, Mono(5)).signal, Some(StopSignal::KillTree));
    }
}
