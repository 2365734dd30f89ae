//! `agentd check [FILE]`: the report that the daemon would log, without a daemon.

use std::io::{self, Write};

use crate::desired::diagnostic::{Diagnostic, Look, render_all, sort};
use crate::desired::{self, Loaded, Sources};

/// Whether the configuration would be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes, perhaps with warnings: exit status 0.
    Good,
    /// No: exit status 1.
    Bad,
}

/// Colours only for a terminal, and not if the user asked for none: `NO_COLOR` set to anything but the empty string.
pub fn look(is_terminal: bool, no_color: Option<&std::ffi::OsStr>) -> Look {
    let refused = no_color.is_some_and(|value| !value.is_empty());
    if is_terminal && !refused { Look::Colour } else { Look::Plain }
}

/// Loads what the daemon would load and writes the report with a last line that sums it up. A reader that went away is
/// no error.
pub fn check(sources: &Sources, look: Look, out: &mut dyn Write) -> io::Result<Verdict> {
    let loaded = desired::load(sources);
    let verdict = if loaded.result.is_ok() { Verdict::Good } else { Verdict::Bad };
    match writeln!(out, "{}", report(sources, &loaded, look)).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        Ok(()) | Err(_) => Ok(verdict),
    }
}

fn report(sources: &Sources, loaded: &Loaded, look: Look) -> String {
    let errors: &[Diagnostic] = loaded.result.as_ref().err().map_or(&[], |error| &error.diagnostics);
    let mut all: Vec<Diagnostic> = errors.iter().chain(&loaded.warnings).cloned().collect();
    sort(&mut all);
    let file = sources.config.display();
    let mut counts = Vec::new();
    if let Ok(desired) = &loaded.result {
        let names: Vec<&str> = desired.agents.keys().map(crate::model::AgentName::as_str).collect();
        counts.push(match names.as_slice() {
            [] => "ok, no agents".to_owned(),
            names => format!("ok, {}: {}", count(names.len(), "agent"), names.join(", ")),
        });
    } else {
        counts.push(count(errors.len(), "error"));
    }
    if !loaded.warnings.is_empty() {
        counts.push(count(loaded.warnings.len(), "warning"));
    }
    let separator = if loaded.result.is_ok() { "; " } else { ", " };
    let summary = format!("{file}: {}", counts.join(separator));
    if all.is_empty() { summary } else { format!("{}\n\n{summary}", render_all(&all, look)) }
}

fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}
