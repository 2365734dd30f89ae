//! What was found, as data.

use std::path::Path;

use serde::Serialize;

use crate::cli::output::harmless;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Worth to know.
    Info,
    /// Could not be looked at.
    Unknown,
    /// Works, but not as well or as safely as it could.
    Warning,
    /// Something doesn't work, or isn't safe.
    Problem,
}

/// One finding. It holds no value of a secret or of an agent's environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check, by a name that stays.
    pub check: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// A sentence without a full stop.
    pub what: String,
    /// A command line, or what else to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
    /// Whether that is words and no command line.
    #[serde(skip)]
    pub is_advice: bool,
    /// The agent that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
}

impl Finding {
    fn new(check: &'static str, severity: Severity, what: impl AsRef<str>) -> Self {
        let what = without_numbers(&harmless(what.as_ref()));
        Self { check, severity, what, mend: None, is_advice: false, agent: None }
    }

    /// As it should be.
    pub fn ok(check: &'static str, what: impl AsRef<str>) -> Self {
        Self::new(check, Severity::Ok, what)
    }

    /// Worth to know.
    pub fn info(check: &'static str, what: impl AsRef<str>) -> Self {
        Self::new(check, Severity::Info, what)
    }

    /// Could not be looked at.
    pub fn unknown(check: &'static str, what: impl AsRef<str>) -> Self {
        Self::new(check, Severity::Unknown, what)
    }

    /// Not as good as it could be.
    pub fn warning(check: &'static str, what: impl AsRef<str>) -> Self {
        Self::new(check, Severity::Warning, what)
    }

    /// Doesn't work.
    pub fn problem(check: &'static str, what: impl AsRef<str>) -> Self {
        Self::new(check, Severity::Problem, what)
    }

    /// With the command line that mends it.
    #[must_use]
    pub fn mend(mut self, mend: impl AsRef<str>) -> Self {
        self.mend = Some(harmless(mend.as_ref()).into_owned());
        self
    }

    /// With what else to do about it, in words.
    #[must_use]
    pub fn advise(mut self, advice: impl AsRef<str>) -> Self {
        self.is_advice = true;
        self.mend(advice)
    }

    /// About an agent.
    #[must_use]
    pub fn of(mut self, agent: &str) -> Self {
        self.agent = Some(harmless(agent).into_owned());
        self
    }
}

/// Findings on one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// What people see above them.
    pub title: &'static str,
    /// The findings.
    pub findings: Vec<Finding>,
}

/// The library's errors end in ` (os error N)`, which tells an operator nothing.
fn without_numbers(text: &str) -> String {
    let mut parts = text.split(" (os error ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once(')').map_or("", |(_, rest)| rest))
}

/// A path as a word of a command line.
pub fn word(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%=,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_for_a_shell() {
        assert_eq!(word(Path::new("/a/b-c.d")), "/a/b-c.d");
        assert_eq!(word(Path::new("/a b/it's $x")), "'/a b/it'\\''s $x'");
    }

    #[test]
    fn what_a_terminal_would_obey_is_in_no_finding() {
        let finding = Finding::problem("x", "\u{1b}[2J").mend("rm \u{7}").of("a\u{9b}");
        let error = Finding::problem("x", "a: denied (os error 13); b: none (os error 2)");
        assert_eq!(error.what, "a: denied; b: none");
        assert_eq!((&*finding.what, finding.mend.as_deref()), ("\u{fffd}[2J", Some("rm \u{fffd}")));
        assert_eq!(finding.agent.as_deref(), Some("a\u{fffd}"));
    }
}
