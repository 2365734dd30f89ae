//! A snapshot in one line, for whoever has room for no more.

use super::{AgentStatus, Phase, Snapshot, State};
use crate::model::Activity;

/// The order in which states are counted up: what is well first, what needs somebody last.
const STATES: [State; 8] = [
    State::Running,
    State::Pending,
    State::Starting,
    State::BackingOff,
    State::Stopping,
    State::Exited,
    State::TimedOut,
    State::Failed,
];

/// As "3 running (1 waiting), 1 backing off".
pub fn line(snapshot: &Snapshot) -> String {
    let mut parts = Vec::new();
    for state in STATES {
        let of_it = || snapshot.agents.iter().filter(|agent| agent.state == state);
        let (count, waiting) = (of_it().count(), of_it().filter(|agent| is_waiting(agent)).count());
        let waiting = if waiting > 0 { format!(" ({waiting} waiting)") } else { String::new() };
        if count > 0 {
            parts.push(format!("{count} {}{waiting}", state.as_str().replace('_', " ")));
        }
    }
    if parts.is_empty() {
        parts.push("no agents".to_owned());
    }
    let agents = parts.join(", ");
    let agents = match snapshot.phase {
        Phase::Running => agents,
        Phase::Stopping => format!("stops: {agents}"),
    };
    match &snapshot.config_error {
        None => agents,
        Some(error) => format!("{agents}; configuration not taken: {}", first_mistake(&error.message)),
    }
}

/// Whether it goes no further before somebody answers.
fn is_waiting(agent: &AgentStatus) -> bool {
    agent.activity.as_ref().is_some_and(|status| status.activity == Activity::Waiting)
}

/// Of a report: what is wrong, and where.
fn first_mistake(report: &str) -> String {
    let mut lines = report.lines();
    let what = lines.next().unwrap_or_default();
    let what = what.strip_prefix("error: ").unwrap_or(what);
    match lines.next().and_then(|line| line.trim_start().strip_prefix("--> ")) {
        Some(place) => format!("{place}: {what}"),
        None => what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::model::Wall;
    use crate::status::ConfigError;

    use super::*;

    #[test]
    fn who_has_one_line_sees_what_matters() {
        let mut snapshot = Snapshot::default();
        assert_eq!(line(&snapshot), "no agents");
        let message = "error: expected `=`\n --> jcard.toml:3:1\n  |".to_owned();
        snapshot.config_error = Some(Arc::new(ConfigError { message, at: Wall::default() }));
        assert_eq!(line(&snapshot), "no agents; configuration not taken: jcard.toml:3:1: expected `=`");
        snapshot = Snapshot { phase: Phase::Stopping, ..Snapshot::default() };
        assert_eq!(line(&snapshot), "stops: no agents");
    }
}
