//! What is wrong with what is declared, as data and as text that looks like cargo's.
//!
//! A diagnostic holds no value of a secret, of `env`, or of anything that may hold a key: its quote was cut when it
//! was made (see [`super::source`]), and its texts name such values, never show them. So it may be logged and served.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::source::{Position, Quote};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing of what was read is taken.
    Error,
    /// Costs at most what it is about.
    Warning,
}

/// A place in a file with what may be shown of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Line and column.
    pub position: Position,
    /// The line, cut.
    pub quote: Quote,
    /// What stands there; may be empty.
    pub label: String,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The file, as the user named it.
    pub file: Arc<str>,
    /// One sentence without a full stop.
    pub message: String,
    /// Where; nowhere if it is about the file as a whole.
    pub spot: Option<Spot>,
    /// The other place, where there are two.
    pub other: Option<Spot>,
    /// What to write instead, one suggestion each.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// About a file as a whole.
    pub fn of_file(severity: Severity, file: &Path, message: impl Into<String>) -> Self {
        Self {
            severity,
            file: file.to_string_lossy().into(),
            message: message.into(),
            spot: None,
            other: None,
            help: Vec::new(),
        }
    }

    /// With a suggestion.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// The line, from 1, if it is about one.
    pub fn line(&self) -> Option<usize> {
        self.spot.as_ref().map(|spot| spot.position.line)
    }

    /// The character in that line, from 1.
    pub fn column(&self) -> Option<usize> {
        self.spot.as_ref().map(|spot| spot.position.column)
    }

    /// Several lines, without a line end after the last.
    pub fn render(&self, look: Look) -> String {
        let renderer = match look {
            Look::Plain => Renderer::plain(),
            Look::Colour => Renderer::styled(),
        };
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(self.message.as_str()));
        match &self.spot {
            Some(spot) => group = group.element(self.place(spot, AnnotationKind::Primary)),
            None => group = group.element(Origin::path(&*self.file)),
        }
        if let Some(other) = &self.other {
            group = group.element(self.place(other, AnnotationKind::Context));
        }
        for help in &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.decor_style(DecorStyle::Ascii).term_width(200).render(&[group])
    }

    /// ` --> file:line:column` and the quoted line, which is cut, but has its columns.
    fn place<'a>(&'a self, spot: &'a Spot, kind: AnnotationKind) -> Snippet<'a, Annotation<'a>> {
        let mut annotation = kind.span(spot.quote.span.clone());
        if !spot.label.is_empty() {
            annotation = annotation.label(spot.label.as_str());
        }
        let line = spot.position.line;
        Snippet::source(spot.quote.text.as_str()).path(&*self.file).line_start(line).annotation(annotation)
    }
}

impl fmt::Display for Diagnostic {
    /// Several lines of plain text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Look::Plain))
    }
}

/// How a report looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Plain text, for logs and the API.
    Plain,
    /// With the terminal's colours.
    Colour,
}

/// Why nothing was taken: every mistake that was found, at least one of them an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// In the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

impl fmt::Display for LoadError {
    /// Several lines of plain text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&render_all(&self.diagnostics, Look::Plain))
    }
}

impl std::error::Error for LoadError {}

/// All of them, with an empty line between.
pub fn render_all<'a>(diagnostics: impl IntoIterator<Item = &'a Diagnostic>, look: Look) -> String {
    diagnostics.into_iter().map(|diagnostic| diagnostic.render(look)).collect::<Vec<_>>().join("\n\n")
}

/// Puts mistakes in the order of the file, those of whole files first.
pub fn sort(diagnostics: &mut [Diagnostic]) {
    diagnostics.sort_by(|a, b| {
        let key = |d: &Diagnostic| (d.spot.as_ref().map(|spot| spot.position), d.severity);
        key(a).cmp(&key(b)).then_with(|| a.file.cmp(&b.file)).then_with(|| a.message.cmp(&b.message))
    });
}

/// `did you mean "…"?` for the nearest of the known words, if one is near.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, known).map(|known| format!("did you mean {known:?}?"))
}

/// The word that was meant, most likely.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = word.to_lowercase().replace('_', "-");
    known
        .into_iter()
        .filter_map(|known| {
            let plain = known.to_lowercase().replace('_', "-");
            let shortened = wanted.len() >= 3 && (plain.starts_with(&wanted) || wanted.starts_with(&plain));
            let distance = strsim::damerau_levenshtein(&wanted, &plain);
            let near = shortened || distance <= (plain.len().max(wanted.len()) / 3).max(1);
            near.then_some((distance, known))
        })
        .min()
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_that_was_meant_has_few_other_letters_or_is_the_longer_or_shorter_one() {
        let known = ["accept-edits", "max_restarts", "workdir", "env"];
        for (word, meant) in [
            ("Max-Restart", Some("max_restarts")),
            ("wrkdri", Some("workdir")),
            ("xxxkdir", None),
            ("acc", Some("accept-edits")),
            ("ac", None),
            ("environment", Some("env")),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
    }
}
