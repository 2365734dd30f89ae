//! The one line that a person at an agent's terminal reads after a run.

use std::time::Duration;

use super::{AgentMemory, Phase};
use crate::model::{AgentName, Ending, Now};

/// What happened and what comes next.
pub(super) fn after_run(name: &AgentName, memory: &AgentMemory, ending: &Ending, now: Now) -> String {
    let ended = memory.last_end.as_ref().map_or(now.mono, |(_, ended)| ended.mono);
    let lasted = match (ending, memory.started) {
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
    let not_started = if matches!(ending, Ending::NotStarted(_)) { "could not be started: " } else { "" };
    format!("agentd: {name} {not_started}{ending}{lasted}; {next} (to detach: C-b d)")
}

/// A duration as people say it: `350 ms`, `3 s`, `2 m 5 s`, `1 h 1 m`.
fn short(duration: Duration) -> String {
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
    use super::*;

    #[test]
    fn durations_read_well() {
        let texts = [0, 350, 1_000, 1_300, 12_400, 59_999, 60_000, 125_000, 3_600_000, 3_660_000]
            .map(|millis| short(Duration::from_millis(millis)));
        assert_eq!(texts, ["0 ms", "350 ms", "1 s", "1.3 s", "12 s", "59 s", "1 m", "2 m 5 s", "1 h", "1 h 1 m"]);
    }
}
