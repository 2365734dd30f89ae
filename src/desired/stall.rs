//! The table that says what follows when an agent gives no sign of life.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{OnStall, Stall};

use super::fields::{Fields, TableKind};
use super::report::Reporter;

/// The words for what follows, in the order of [`ALL`].
pub const ON_STALL: [&str; 3] = ["notify", "restart", "stop"];
const ALL: [OnStall; 3] = [OnStall::Notify, OnStall::Restart, OnStall::Stop];

const DEFAULT_MAX_NUDGES: u32 = 3;
const MOST_NUDGES: u32 = 1000;

/// What is typed as one line is no longer than this.
const LONGEST_NUDGE: usize = 1000;

/// An agent's `stall`. A nudge is for a model, and may be shown.
static STALL: TableKind =
    TableKind { what: "a stall", fields: &["after", "nudge", "max_nudges", "on_stall"], hidden: &["nudge"] };

/// What follows, and what is typed before.
pub fn read(fields: &Fields, reporter: &mut Reporter) -> Option<(Stall, Option<Arc<str>>)> {
    let table = fields.table("stall", &STALL, reporter)?;
    let after = some_time(&table, "after", "it would be stalled at once", reporter);
    if let Some(entry) = fields.entry("stall").filter(|_| table.entry("after").is_none()) {
        reporter.error(&entry, "stall says nothing of when", "expected after = \"10m\" in it");
    }
    let nudge = table.string("nudge", reporter);
    if let Some((entry, text)) = nudge {
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            reporter.error(&entry, "nudge is not one line of text", "expected a sentence");
        } else if text.len() > LONGEST_NUDGE {
            reporter.error(&entry, format!("nudge is longer than {LONGEST_NUDGE} bytes"), "expected a sentence");
        }
    }
    let max_nudges = table.integer("max_nudges", 1..=MOST_NUDGES, reporter).unwrap_or(DEFAULT_MAX_NUDGES);
    let on_stall = table.word("on_stall", &ON_STALL, reporter);
    let on_stall = on_stall.and_then(|(_, index)| ALL.get(index).copied()).unwrap_or_default();
    Some((Stall { after: after?, max_nudges, on_stall }, nudge.map(|(_, text)| text.into())))
}

/// A duration that isn't zero.
pub fn some_time(fields: &Fields, key: &str, otherwise: &str, reporter: &mut Reporter) -> Option<Duration> {
    let (entry, time) = fields.duration(key, reporter)?;
    if time.is_zero() {
        let diagnostic = reporter.error(&entry, format!("{key} is zero"), otherwise);
        diagnostic.help.push("remove the line if there is no limit".to_owned());
    }
    Some(time)
}
