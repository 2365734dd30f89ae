//! The findings for people: by topic, one line each, what mends it below, and a line that sums it up.

use std::io::{self, Write};

use crate::desired::diagnostic::Look;

use super::finding::{Finding, Section, Severity};

/// How to write.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Colours or not.
    pub look: Look,
    /// Whether the terminal shows more than ASCII.
    pub unicode: bool,
    /// Columns; none for a file or a pipe, where no line is broken.
    pub width: Option<usize>,
}

impl Style {
    fn sign(self, severity: Severity) -> &'static str {
        match (severity, self.unicode) {
            (Severity::Ok, true) => "✓",
            (Severity::Info, true) => "·",
            (Severity::Problem, true) => "✗",
            (Severity::Ok, false) => "+",
            (Severity::Info, false) => "-",
            (Severity::Problem, false) => "x",
            (Severity::Warning, _) => "!",
            (Severity::Unknown, _) => "?",
        }
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self.look {
            Look::Plain => text.to_owned(),
            Look::Colour => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

fn code(severity: Severity) -> &'static str {
    match severity {
        Severity::Ok => "32",
        Severity::Info => "2",
        Severity::Unknown => "36",
        Severity::Warning => "33",
        Severity::Problem => "1;31",
    }
}

/// Whether the user's locale shows more than ASCII, by the variables in the order in which they count.
pub fn is_unicode<'a>(variables: impl IntoIterator<Item = Option<&'a str>>) -> bool {
    let locale = variables.into_iter().flatten().find(|value| !value.is_empty()).unwrap_or_default().to_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// Writes them all.
pub fn write(sections: &[Section], style: Style, out: &mut dyn Write) -> io::Result<()> {
    for section in sections.iter().filter(|section| !section.findings.is_empty()) {
        writeln!(out, "{}", style.paint("1", section.title))?;
        for finding in &section.findings {
            write_one(finding, style, out)?;
        }
        writeln!(out)?;
    }
    writeln!(out, "{}", summary(sections, style))?;
    out.flush()
}

fn write_one(finding: &Finding, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let text = match &finding.agent {
        Some(agent) => format!("{agent}: {}", finding.what),
        None => finding.what.clone(),
    };
    let sign = style.paint(code(finding.severity), style.sign(finding.severity));
    for (number, line) in wrap(&text, style.width.map(|width| width.saturating_sub(4))).into_iter().enumerate() {
        let lead = if number == 0 { sign.as_str() } else { " " };
        writeln!(out, "  {lead} {line}")?;
    }
    if let Some(mend) = &finding.mend {
        let (arrow, indent) = if style.unicode { ("→", 2) } else { ("->", 3) };
        // A command is never broken: it is to be copied.
        let width = style.width.filter(|_| finding.is_advice).map(|width| width.saturating_sub(6 + indent));
        for (number, line) in wrap(mend, width).iter().enumerate() {
            let lead = if number == 0 { arrow } else { " " };
            writeln!(out, "      {}", style.paint("1", &format!("{lead:<indent$}{line}")))?;
        }
    }
    Ok(())
}

/// The lines of a text, broken at blanks.
fn wrap(text: &str, width: Option<usize>) -> Vec<String> {
    let Some(width) = width.filter(|width| *width >= 20) else { return vec![text.to_owned()] };
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

fn summary(sections: &[Section], style: Style) -> String {
    let count = |severity| {
        sections.iter().flat_map(|section| &section.findings).filter(|finding| finding.severity == severity).count()
    };
    let counted = [
        (Severity::Problem, "problem", "problems"),
        (Severity::Warning, "warning", "warnings"),
        (Severity::Unknown, "thing that could not be looked at", "things that could not be looked at"),
    ];
    let parts: Vec<String> = counted
        .into_iter()
        .map(|(severity, one, many)| (severity, count(severity), one, many))
        .filter(|(_, n, _, _)| *n > 0)
        .map(|(severity, n, one, many)| {
            style.paint(code(severity), &format!("{n} {}", if n == 1 { one } else { many }))
        })
        .collect();
    let good = count(Severity::Ok);
    if parts.is_empty() {
        return style.paint(code(Severity::Ok), &format!("all is well ({good} checks)"));
    }
    format!("{}; {good} good", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(style: Style, findings: Vec<Finding>) -> String {
        let mut out = Vec::new();
        write(&[Section { title: "tmux", findings }, Section { title: "none", findings: Vec::new() }], style, &mut out)
            .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn findings_are_lines_with_their_mend_below() {
        let style = Style { look: Look::Plain, unicode: true, width: Some(44) };
        let findings = vec![
            Finding::ok("a", "tmux 3.5a"),
            Finding::problem("b", "its workdir /work/one/two/three/four does not exist").mend("mkdir -p /w").of("one"),
            Finding::unknown("c", "x"),
        ];
        assert_eq!(
            written(style, findings),
            "tmux\n  ✓ tmux 3.5a\n  ✗ one: its workdir\n    /work/one/two/three/four does not exist\n      → mkdir -p /w\n  ? x\n\n\
             1 problem, 1 thing that could not be looked at; 1 good\n"
        );
    }

    #[test]
    fn a_terminal_of_ascii_gets_ascii_and_one_with_colours_colours() {
        let style = Style { look: Look::Plain, unicode: false, width: None };
        let text = written(style, vec![Finding::ok("a", "x"), Finding::warning("b", "y").mend("z")]);
        assert!(text.is_ascii(), "{text}");
        let style = Style { look: Look::Colour, unicode: true, width: None };
        assert_eq!(
            written(style, vec![Finding::ok("a", "x")]),
            "\x1b[1mtmux\x1b[0m\n  \x1b[32m✓\x1b[0m x\n\n\x1b[32mall is well (1 checks)\x1b[0m\n"
        );
    }

    #[test]
    fn the_first_variable_that_says_something_is_the_locale() {
        assert!(is_unicode([None, Some(""), Some("de_DE.UTF-8")]));
        assert!(is_unicode([Some("C.utf8")]));
        assert!(!is_unicode([Some("C"), None, Some("de_DE.UTF-8")]));
        assert!(!is_unicode([None]));
    }
}
