//! A plan for people: a line an agent, within 80 columns, and a line that sums it up.

use std::io::{self, Write};

use crate::cli::output::harmless;
use crate::desired::diagnostic::Look;

use super::Report;
use super::plan::{Action, Change};

const WIDTH: usize = 80;

/// Names that are longer push the fields of their own line only.
const WIDEST_NAME: usize = 24;

pub(super) fn write(report: &Report, look: Look, out: &mut dyn Write) -> io::Result<()> {
    let changes = &report.plan.agents;
    let width = |change: &Change| harmless(&change.name).chars().count();
    let name_width = changes.iter().map(width).filter(|width| *width <= WIDEST_NAME).max().unwrap_or(0);
    for change in changes {
        line(change, name_width, look, out)?;
    }
    let mut notes = Vec::new();
    if !report.taken {
        notes.push("Note: agentd has not taken any configuration yet.".to_owned());
    }
    if !report.may_start.is_empty() {
        let names = harmless(&report.may_start.join(", ")).into_owned();
        notes.push(format!("Note: ended already, and perhaps started again by the new policy: {names}."));
    }
    notes.extend(report.not_compared.map(|sentence| format!("Note: {sentence}.")));
    if !changes.is_empty() && !notes.is_empty() {
        writeln!(out)?;
    }
    for line in notes.iter().flat_map(|note| wrap(note.split(' '), " ", WIDTH)) {
        writeln!(out, "{line}")?;
    }
    if !changes.is_empty() || !notes.is_empty() {
        writeln!(out)?;
    }
    writeln!(out, "{}", summary(report))
}

fn line(change: &Change, name_width: usize, look: Look, out: &mut dyn Write) -> io::Result<()> {
    let (sign, word, colour) = match change.action {
        Action::Start => ('+', "start", "32"),
        Action::Restart => ('~', "restart", "33"),
        Action::Update => ('=', "update", "36"),
        Action::Stop => ('-', "stop", "31"),
    };
    let name = harmless(&change.name).into_owned();
    let head = format!("{sign} {word:<7}  {name:<name_width$}");
    let indent = head.chars().count() + 2;
    let (on, off) = match look {
        Look::Colour => (format!("\u{1b}[{colour}m"), "\u{1b}[0m"),
        Look::Plain => (String::new(), ""),
    };
    let fields: Vec<String> = change.fields.iter().map(|field| harmless(field).into_owned()).collect();
    if fields.is_empty() {
        return writeln!(out, "{on}{}{off}", head.trim_end());
    }
    // Of a long name the fields stand below.
    let (first, indent) = if indent + 20 > WIDTH {
        (format!("{on}{head}{off}\n{:14}", ""), 14)
    } else {
        (format!("{on}{head}{off}  "), indent)
    };
    let lines = wrap(fields.iter().map(String::as_str), ", ", WIDTH - indent);
    writeln!(out, "{first}{}", lines.join(&format!("\n{:indent$}", "")))
}

/// Joins words to lines of at most `width` characters, where a word allows it. A line that goes on keeps its separator.
fn wrap<'a>(words: impl IntoIterator<Item = &'a str>, separator: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.chars().count() + separator.len() + word.chars().count() < width => {
                line.push_str(separator);
                line.push_str(word);
            }
            Some(line) => {
                line.push_str(separator.trim_end());
                lines.push(word.to_owned());
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

fn summary(report: &Report) -> String {
    let count = |action| report.plan.agents.iter().filter(|change| change.action == action).count();
    let unchanged = match (report.plan.agents.is_empty(), report.plan.unchanged) {
        (true, 1) => "agent unchanged",
        (true, _) => "agents unchanged",
        (false, _) => "unchanged",
    };
    let counts = [
        (count(Action::Start), "to start"),
        (count(Action::Restart), "to restart"),
        (count(Action::Update), "to update in place"),
        (count(Action::Stop), "to stop"),
        (report.plan.unchanged, unchanged),
    ];
    let counts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    match (report.plan.agents.is_empty(), counts.is_empty()) {
        (true, true) => "Nothing to do: no agents.".to_owned(),
        (true, false) => format!("Nothing to do: {}.", counts.join(", ")),
        (false, _) => format!("{}.", counts.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::diff::plan::Plan;

    fn shown(agents: Vec<Change>, look: Look) -> String {
        let plan = Plan { agents, unchanged: 3 };
        let report =
            Report { config: "f".into(), taken: false, plan, may_start: vec!["u".into()], not_compared: Some("x") };
        let mut out = Vec::new();
        write(&report, look, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn change(name: &str, action: Action, fields: &[&str]) -> Change {
        Change { name: name.to_owned(), action, fields: fields.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn it_fits_eighty_columns_and_sums_up() {
        let fields = ["args", "env.SOME_LONG_NAME", "env.SOME_OTHER_NAME", "prompt", "secrets.ANTHROPIC_API_KEY"];
        let long = "a-name-that-is-longer-than-any-should-be-but-is-allowed-to-be";
        let text = shown(
            vec![
                change("n", Action::Start, &[]),
                change("reviewer", Action::Restart, &fields),
                change(long, Action::Restart, &["prompt"]),
                change("u", Action::Update, &["restart"]),
                change("\u{1b}x", Action::Stop, &[]),
            ],
            Look::Plain,
        );
        let expected = format!(
            "+ start    n\n\
             ~ restart  reviewer  args, env.SOME_LONG_NAME, env.SOME_OTHER_NAME, prompt,\n\
             {0:21}secrets.ANTHROPIC_API_KEY\n\
             ~ restart  {long}\n\
             {0:14}prompt\n\
             = update   u         restart\n\
             - stop     \u{fffd}x\n\n\
             Note: agentd has not taken any configuration yet.\n\
             Note: ended already, and perhaps started again by the new policy: u.\n\
             Note: x.\n\n\
             1 to start, 2 to restart, 1 to update in place, 1 to stop, 3 unchanged.\n",
            ""
        );
        assert_eq!(text, expected);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn colours_mark_what_happens_and_nothing_else() {
        let text = shown(vec![change("a", Action::Restart, &["prompt"])], Look::Colour);
        assert!(text.starts_with("\u{1b}[33m~ restart  a\u{1b}[0m  prompt\n"), "{text:?}");
    }
}
