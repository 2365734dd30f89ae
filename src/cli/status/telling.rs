//! What an agent's harness tells of it, in full: what it does, what came of it, and what that took.

use super::Style;
use crate::cli::client::types::{Activity, Agent, Amounts, Exit};
use crate::cli::time;
use crate::model::{Evidence, Wall};

/// What it does, since when, and how that is known.
pub(super) fn doing(activity: &Activity, now: Wall, style: Style) -> String {
    let since = time::parse(&activity.since).map(|since| {
        format!(" for {}, since {}", time::short(time::between(since, now)), time::full(since, style.zone))
    });
    format!("{}{}{}", activity.state, since.unwrap_or_default(), source(&activity.source))
}

/// What came of the last run, in the harness's words where the agent's error doesn't have them anyway, and how that is known.
pub(super) fn outcome(exit: &Exit, agent: &Agent, now: Wall, style: Style) -> Option<String> {
    let word = exit.outcome.as_deref()?;
    let until = exit.reset_at.as_ref().map(|at| {
        let left = left(at, now).map(|left| format!(", in {left}")).unwrap_or_default();
        format!(" until {}{left}", time::full_of(at, style.zone))
    });
    let is_known = agent.error.as_deref().is_some_and(|error| error.contains(&exit.detail));
    let detail = if is_known || exit.detail.is_empty() { String::new() } else { format!(": {}", exit.detail) };
    // That the exit tells it need not be said.
    let source = if exit.source == Evidence::EXIT { String::new() } else { source(&exit.source) };
    Some(format!("{word}{}{detail}{source}", until.unwrap_or_default()))
}

/// For how long its provider still limits its rate, after a word.
pub(super) fn reset(agent: &Agent, now: Wall) -> Option<String> {
    Some(format!(", {}", left(agent.exit.as_ref()?.reset_at.as_deref()?, now)?))
}

/// How long it is until then, if that is to come.
fn left(at: &str, now: Wall) -> Option<String> {
    let left = time::between(now, time::parse(at)?);
    (!left.is_zero()).then(|| time::short(left))
}

fn source(source: &str) -> String {
    if source.is_empty() { String::new() } else { format!(" (by {source})") }
}

/// What was used of a model, as far as it was told.
pub(super) fn amounts(amounts: &Amounts) -> String {
    let Amounts { turns, cost_usd, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens } = amounts;
    let tokens: Vec<String> = [
        (input_tokens, "in"),
        (output_tokens, "out"),
        (cache_read_tokens, "from the cache"),
        (cache_write_tokens, "into the cache"),
    ]
    .into_iter()
    .filter_map(|(count, what)| Some(format!("{} {what}", short(*count.as_ref()?))))
    .collect();
    let tokens = (!tokens.is_empty()).then(|| format!("tokens: {}", tokens.join(", ")));
    let turns = turns.map(|turns| format!("{turns} {}", if turns == 1 { "turn" } else { "turns" }));
    let parts: Vec<String> = [turns, cost_usd.map(dollars), tokens].into_iter().flatten().collect();
    if parts.is_empty() { "nothing told".to_owned() } else { parts.join(", ") }
}

/// To the cent, and of less than a dime to a hundredth of that.
fn dollars(amount: f64) -> String {
    if amount < 0.0995 { format!("${amount:.4}") } else { format!("${amount:.2}") }
}

/// A count in three digits or so: 950, 1.2k, 34k, 1.2M.
fn short(count: u64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut amount = count as f64;
    let mut units = ["", "k", "M", "G", "T"].into_iter().peekable();
    while amount >= 999.5 && units.len() > 1 {
        amount /= 1000.0;
        units.next();
    }
    let unit = units.next().unwrap_or_default();
    if amount < 9.95 && !unit.is_empty() { format!("{amount:.1}{unit}") } else { format!("{amount:.0}{unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short() {
        assert_eq!([0, 999, 1_000, 12_345, 999_600, 7_000_000].map(short), ["0", "999", "1.0k", "12k", "1.0M", "7.0M"]);
        assert_eq!([0.0, 0.0123, 0.1, 12.345].map(dollars), ["$0.0000", "$0.0123", "$0.10", "$12.35"]);
    }

    #[test]
    fn what_is_not_told_is_not_said() {
        let all = Amounts {
            turns: Some(3),
            cost_usd: Some(0.25),
            input_tokens: Some(1_200),
            output_tokens: Some(850),
            cache_read_tokens: Some(34_000),
            cache_write_tokens: Some(2_000),
        };
        assert_eq!(amounts(&all), "3 turns, $0.25, tokens: 1.2k in, 850 out, 34k from the cache, 2.0k into the cache");
        assert_eq!(amounts(&Amounts { turns: Some(1), ..Amounts::default() }), "1 turn");
        assert_eq!(amounts(&Amounts::default()), "nothing told");
    }
}
