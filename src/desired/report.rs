//! Collects the mistakes of one file, and cuts what may be shown of it.

use std::ops::Range;

use super::diagnostic::{Diagnostic, Severity, Spot};
use super::fields::Entry;
use super::source::Source;

/// Collects the mistakes of one file.
#[derive(Debug)]
pub struct Reporter<'s> {
    /// The file.
    pub source: &'s Source,
    /// What was found so far, in no order.
    pub found: Vec<Diagnostic>,
}

impl Reporter<'_> {
    /// Reports a mistake at a place of which `harmless` may be shown. What is returned can be added to.
    pub fn at(
        &mut self,
        severity: Severity,
        at: Range<usize>,
        harmless: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> &mut Diagnostic {
        let spot = self.spot(at, harmless, label);
        self.found.push(Diagnostic {
            severity,
            file: self.source.file.clone(),
            message: message.into(),
            spot: Some(spot),
            other: None,
            help: Vec::new(),
        });
        let last = self.found.len() - 1;
        &mut self.found[last]
    }

    /// Reports an error at an entry's value.
    pub fn error(&mut self, entry: &Entry, message: impl Into<String>, label: impl Into<String>) -> &mut Diagnostic {
        self.at(Severity::Error, entry.span(), entry.harmless(), message, label)
    }

    /// A place, for the second place of a mistake.
    pub fn spot(&self, at: Range<usize>, harmless: Range<usize>, label: impl Into<String>) -> Spot {
        let quote = self.source.quote(harmless, at.clone());
        Spot { position: self.source.position(at.start), quote, label: label.into() }
    }
}
