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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn run(config: &str) -> (Verdict, String) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("jcard.toml");
        std::fs::write(&file, config).unwrap();
        let sources = Sources::new(file, "/home/u".into());
        let mut out = Vec::new();
        let verdict = check(&sources, Look::Plain, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        (verdict, text.replace(Path::to_str(dir.path()).unwrap(), "DIR"))
    }

    #[test]
    fn a_good_file_is_summed_up_in_a_line() {
        let text = "[[agents]]\nharness = \"codex\"\n[[agents]]\nharness = \"cursor\"\nsecrets = [\"A\"]\n";
        assert_eq!(run(text), (Verdict::Good, "DIR/jcard.toml: ok, 2 agents: codex, cursor\n".into()));
        assert_eq!(run("# none\n"), (Verdict::Good, "DIR/jcard.toml: ok, no agents\n".into()));
    }

    #[test]
    fn warnings_are_shown_and_forgiven() {
        let (verdict, text) = run("[agent]\nharness = \"codex\"\npromt = \"x\"\n");
        assert_eq!(verdict, Verdict::Good);
        assert!(text.ends_with("\n\nDIR/jcard.toml: ok, 1 agent: codex; 1 warning\n"), "{text}");
    }

    #[test]
    fn mistakes_are_counted() {
        let (verdict, text) = run("[agent]\nharness = \"codx\"\npromt = \"x\"\ntimeout = 3\n");
        assert_eq!(verdict, Verdict::Bad);
        assert!(text.contains("jcard.toml:2:11"), "{text}");
        assert!(text.ends_with("\n\nDIR/jcard.toml: 2 errors, 1 warning\n"), "{text}");
    }

    #[test]
    fn a_reader_that_went_away_is_no_error() {
        struct Gone(io::ErrorKind);
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(self.0.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let sources = Sources::new("/none".into(), "/".into());
        let verdict = |kind| check(&sources, Look::Plain, &mut Gone(kind)).ok();
        assert_eq!(verdict(io::ErrorKind::BrokenPipe), Some(Verdict::Bad));
        assert_eq!(verdict(io::ErrorKind::StorageFull), None);
    }
}
