//! The one line that a person at an agent's terminal reads after a run.

use std::time::Duration;

use super::{AgentMemory, Phase};
use crate::model::{AgentName, End, Ending, Now};

/// What happened and what comes next.
pub(super) fn after_run(name: &AgentName, memory: &AgentMemory, end: &End, now: Now) -> String {
    let ended = end.at.mono;
    let lasted = match (&end.ending, memory.started) {
        (Ending::NotStarted(_), _) | (_, None) => String::new(),
        (_, Some(started)) => format!(" after {}", short(ended.since(started.mono))),
    };
    let next = match &memory.phase {
        Phase::BackingOff { until } if *until <= now.mono => "restarts now".to_owned(),
        Phase::BackingOff { until } => format!("restarts in {}", short(until.since(ended))),
        Phase::TimedOut { limit } => format!("its timeout of {} has passed: will not be restarted", short(*limit)),
        Phase::Closing => "is no longer declared".to_owned(),
        Phase::Pending | Phase::Opening | Phase::Starting if memory.restarts > 0 => "restarts now".to_owned(),
        Phase::Pending | Phase::Opening | Phase::Starting => "starts anew, as it is declared now".to_owned(),
        Phase::Exited | Phase::Failed { .. } | Phase::Running { .. } | Phase::Stopping { .. } => {
            "will not be restarted".to_owned()
        }
    };
    let not_started = if matches!(end.ending, Ending::NotStarted(_)) { "could not be started: " } else { "" };
    format!("agentd: {name} {not_started}{end}{lasted}; {next} (to detach: C-b d)")
}

/// A duration as people say it: `350 ms`, `3 s`, `2 m 5 s`, `1 h 1 m`.
pub(super) fn short(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..60 if duration.subsec_millis() >= 100 && seconds < 10 => {
            format!("{seconds}.{} s", duration.subsec_millis() / 100)
        }
        1..60 => format!("{seconds} s"),
        60..3600 if seconds.is_multiple_of(60) => format!("{} m", seconds / 60),
        60..3600 => format!("{} m {} s", seconds / 60, seconds % 60),
        _ if (seconds / 60).is_multiple_of(60) => format!("{} h", seconds / 3600),
        _ => format!("{} h {} m", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{SECOND, exited, name, policy, spec};
    use super::*;
    use crate::model::{Mono, StartError, StartStage, Wall};

    /// The line after a run of five seconds that ended at 100 s, read at 101 s.
    fn line(ending: &Ending, restarts: u32, phase: Phase) -> String {
        let at = |second| Now { mono: Mono(second * SECOND), wall: Wall(0) };
        let memory =
            AgentMemory { phase, restarts, started: Some(at(95)), ..AgentMemory::new(&spec("a", 1, policy())) };
        let line = after_run(&name("a"), &memory, &End::bare(ending.clone(), at(100)), at(101));
        line.strip_prefix("agentd: a ").unwrap().strip_suffix(" (to detach: C-b d)").unwrap().to_owned()
    }

    #[test]
    fn what_comes_next_is_said_of_each_phase() {
        let next = |restarts, phase| {
            line(&exited(3), restarts, phase).strip_prefix("exited with status 3 after 5 s; ").unwrap().to_owned()
        };
        let until = |second| Phase::BackingOff { until: Mono(second * SECOND) };
        assert_eq!(next(0, until(103)), "restarts in 3 s");
        assert_eq!(next(0, until(101)), "restarts now");
        let timed_out = Phase::TimedOut { limit: Duration::from_secs(7200) };
        assert_eq!(next(0, timed_out), "its timeout of 2 h has passed: will not be restarted");
        assert_eq!(next(0, Phase::Closing), "is no longer declared");
        assert_eq!(next(1, Phase::Starting), "restarts now");
        assert_eq!(next(0, Phase::Starting), "starts anew, as it is declared now");
        assert_eq!(next(1, Phase::Exited), "will not be restarted");
    }

    #[test]
    fn what_never_began_lasted_no_time() {
        let error = StartError { stage: StartStage::Exec, message: "no such program".into() };
        let line = line(&Ending::NotStarted(error), 0, Phase::Exited);
        assert_eq!(line, "could not be started: no such program; will not be restarted");
    }

    #[test]
    fn durations_read_well() {
        for (millis, text) in [
            (0, "0 ms"),
            (350, "350 ms"),
            (1_000, "1 s"),
            (1_099, "1 s"),
            (1_300, "1.3 s"),
            (10_300, "10 s"),
            (12_400, "12 s"),
            (59_999, "59 s"),
            (60_000, "1 m"),
            (125_000, "2 m 5 s"),
            (3_600_000, "1 h"),
            (3_660_000, "1 h 1 m"),
        ] {
            assert_eq!(short(Duration::from_millis(millis)), text);
        }
    }
}
