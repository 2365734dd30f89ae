//! `aider --message`, which has no form for programs: what it prints is for people.
//!
//! Its exit status is 0 whatever happened, so this is all there is to know it by. What the model says is printed between
//! aider's own lines, and may be anything. But behind each answer aider counts its tokens: an error, or an interrupt, is
//! believed where no such count comes after it, as it would after words of the model's.

use super::told::{Told, Usage};
use super::{Moment, Speech, reset, words};
use crate::model::Verdict;

/// What aider has said.
#[derive(Default)]
pub(super) struct Aider {
    usage: Usage,
    /// What it ends with, if nothing takes that back.
    last: Option<Last>,
    /// How many bytes of the line that is being written are a question, which was shown.
    asked: usize,
}

/// The last thing that decides.
enum Last {
    Counted,
    Interrupted,
    /// An error, in litellm's words or Python's, which may go over several lines.
    Fault {
        words: String,
        is_whole: bool,
    },
}

impl Speech for Aider {
    fn line(&mut self, line: &[u8], _now: Moment, told: &mut Told) {
        // What a question is answered is not in the stream, and neither is the end of its line.
        let line = line.get(std::mem::take(&mut self.asked)..).unwrap_or_default();
        told.page.as_it_is(line);
        told.answered("stream answer");
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end();
        match &mut self.last {
            _ if line.starts_with("Aider v") => told.busy("stream banner"),
            _ if line.starts_with("Tokens: ") => self.counted(line, told),
            _ if line.starts_with("Cost: ") => self.paid(line, told),
            _ if matches!(line, "^C again to exit" | "^C KeyboardInterrupt") => self.last = Some(Last::Interrupted),
            // What it tries again has not come to an end.
            Some(Last::Fault { .. }) if line.starts_with("Retrying in ") => self.last = None,
            _ if is_fault(line) => self.last = Some(Last::Fault { words: line.to_owned(), is_whole: false }),
            Some(Last::Fault { is_whole, .. }) if line.is_empty() => *is_whole = true,
            Some(Last::Fault { words, is_whole: false }) if words.len() < LONGEST => {
                *words += " ";
                *words += line.trim_start();
            }
            Some(_) | None => {}
        }
    }

    fn begun(&mut self, line: &[u8], told: &mut Told) {
        let line = line.get(self.asked..).filter(|line| line.len() < LONGEST).unwrap_or_default();
        let text = String::from_utf8_lossy(line);
        if let Some((question, choice)) = text.rsplit_once(" (Y)es/(N)o")
            && choice.ends_with("]: ")
        {
            told.page.as_it_begins(line);
            self.asked += line.len();
            told.waits(question, "stream question");
        }
    }

    fn end(&mut self, now: Moment, told: &mut Told) {
        match self.last.take() {
            Some(Last::Fault { words, .. }) => {
                let verdict = of_words(&words);
                let reset_at = reset::of_limit(verdict, None, &words, now);
                told.end(verdict, &words, reset_at, "stream error");
            }
            Some(Last::Interrupted) => told.end(Verdict::Interrupted, "", None, "stream ^C"),
            Some(Last::Counted) => told.done(None, "stream tokens"),
            // A command of aider's own, which asks no model.
            None => told.rests("stream end"),
        }
    }
}

/// More of an error is not kept, and nothing longer is a question, in bytes.
const LONGEST: usize = 2000;

/// A class of litellm's errors, which aider prints with its name; or Python's own way to fail; or aider's to give up.
fn is_fault(line: &str) -> bool {
    class(line).is_some()
        || line == "Traceback (most recent call last):"
        || (line.starts_with("Model ") && line.ends_with(" has hit a token limit!"))
}

/// The name of the class, which is one word.
fn class(line: &str) -> Option<&str> {
    let (class, _) = line.strip_prefix("litellm.")?.split_once(": ")?;
    (!class.is_empty() && class.chars().all(|c| c.is_ascii_alphanumeric())).then_some(class)
}

/// A class means one thing, unless the provider's own words say more.
fn of_words(text: &str) -> Verdict {
    let by_class = match class(text) {
        Some("AuthenticationError" | "PermissionDeniedError") => Some(Verdict::AuthFailed),
        Some("RateLimitError") => Some(Verdict::RateLimited),
        Some("BudgetExceededError") => Some(Verdict::OverBudget),
        Some(_) | None => None,
    };
    words::of_text(text).or(by_class).unwrap_or(Verdict::Failed)
}

impl Aider {
    /// `Tokens: 1.2k sent, 3 cache write, 5 cache hit, 6 received.`, and on the same line or the next one what they cost.
    fn counted(&mut self, line: &str, told: &mut Told) {
        self.last = Some(Last::Counted);
        let usage = &mut self.usage;
        usage.turns = Some(usage.turns.unwrap_or_default().saturating_add(1));
        let (tokens, cost) = line.split_once(" Cost: ").unwrap_or((line, ""));
        for part in tokens["Tokens: ".len()..].trim_end_matches('.').split(", ") {
            let Some((number, of)) = part.split_once(' ') else { continue };
            let sum = match of {
                "sent" => &mut usage.input,
                "received" => &mut usage.output,
                "cache hit" => &mut usage.cache_read,
                "cache write" => &mut usage.cache_write,
                _ => continue,
            };
            *sum = rounded(number).map(|number| sum.unwrap_or_default().saturating_add(number)).or(*sum);
        }
        self.paid(cost, told);
    }

    /// `$0.0012 message, $0.03 session.`
    fn paid(&mut self, line: &str, told: &mut Told) {
        let session = line.rsplit(", ").next().and_then(|part| part.strip_suffix(" session."));
        let cost = session.and_then(|cost| cost.strip_prefix('$')?.parse().ok());
        self.usage.cost = cost.or(self.usage.cost);
        told.usage(&self.usage);
    }
}

/// `595`, or from a thousand on as aider rounds it: `1.2k`, `12k`.
fn rounded(number: &str) -> Option<u64> {
    let Some(thousands) = number.strip_suffix('k') else { return number.parse().ok() };
    let (whole, tenth) = thousands.split_once('.').unwrap_or((thousands, "0"));
    let (whole, tenth): (u64, u64) = (whole.parse().ok()?, tenth.parse().ok()?);
    whole.checked_mul(1000)?.checked_add(tenth.checked_mul(100)?)
}
