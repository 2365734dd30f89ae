//! What each agent program asks at its first start, and the answers that let it go on.
//!
//! It is stated once, here: `agentd doctor` says which questions would hold an agent up, and `agentd prepare` answers them
//! ahead. A question names its answers as seeds: values at places of its program's files that hold nothing yet. What is
//! there, whatever it is, is the user's word: a question whose answers are there and that is asked all the same is one that
//! only the user can answer. Nothing here writes, and nothing that it says shows a value of a file or of a variable.

mod claude;
mod codex;
mod copilot;
pub mod document;
mod gemini;
mod qwen;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::desired::harness::Manner;
use document::{Broken, Place};

/// Adds what one program asks.
type Asks = fn(&Start, &mut Asked);

/// Whose questions are known, by the name of the harness. The loader knows the same names (`desired::harness::PREPARED`).
static KNOWN: [(&str, Asks); 5] = [
    ("claude-code", claude::asks),
    ("codex", codex::asks),
    ("copilot", copilot::asks),
    ("gemini-cli", gemini::asks),
    ("qwen-code", qwen::asks),
];

/// How an agent starts, as far as the questions depend on it.
pub struct Start<'a> {
    /// What `~` is to it.
    pub home: PathBuf,
    /// Where it works, without links.
    pub workdir: PathBuf,
    /// How it is run.
    pub manner: Manner,
    /// A variable of its environment. It may be a secret: for comparisons, never for a message.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
}

/// All that a program asks.
#[derive(Debug, Default)]
pub struct Asked {
    /// Its questions, and what else it needs.
    pub asks: Vec<Ask>,
    /// Files of it that are not understood: what they would say is unknown.
    pub broken: Vec<Broken>,
}

/// How much a question matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// It waits for an answer, and does nothing before.
    Waits,
    /// It may wait, or does less than it could.
    Doubts,
    /// It goes on, but does what an agent should not, such as updating itself.
    GoesOn,
}

/// One question.
#[derive(Clone, Debug)]
pub struct Ask {
    /// A sentence without a full stop.
    pub what: String,
    /// How much it matters.
    pub weight: Weight,
    /// The answers; none if only a person can give one.
    pub seeds: Vec<Seed>,
}

/// A value for a place that holds nothing yet.
#[derive(Clone, Debug)]
pub struct Seed {
    /// The file.
    pub place: Place,
    /// The keys that lead there.
    pub at: Vec<String>,
    /// What is put there.
    pub put: Put,
    /// Whether it is missing as far as was seen.
    pub is_missing: bool,
}

/// What is put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// This value, if there is none.
    Value(Value),
    /// This word in a list, if it isn't there.
    Word(String),
}

/// Everything that a program asks of an agent; nothing if it isn't known.
pub fn asked(known_as: &str, start: &Start) -> Asked {
    let mut asked = Asked::default();
    if let Some((_, asks)) = KNOWN.iter().find(|(name, _)| *name == known_as) {
        asks(start, &mut asked);
    }
    asked
}

impl Ask {
    /// Whether its answers can be given ahead.
    pub fn is_answerable(&self) -> bool {
        self.seeds.iter().any(|seed| seed.is_missing)
    }
}

impl Asked {
    /// What a file says; none, and it is noted, if it isn't understood.
    fn read(&mut self, place: &Place) -> Option<Value> {
        place.read().map_err(|broken| self.broken.push(broken)).ok()
    }

    fn ask(&mut self, weight: Weight, what: impl Into<String>, seeds: Vec<Seed>) {
        self.asks.push(Ask { what: what.into(), weight, seeds });
    }
}

impl Start<'_> {
    /// Whether it has a variable that isn't empty.
    fn has(&self, name: &str) -> bool {
        (self.variable)(name).is_some_and(|value| !value.is_empty())
    }

    /// A variable that isn't empty, as text.
    fn text(&self, name: &str) -> Option<String> {
        (self.variable)(name)?.into_string().ok().filter(|value| !value.is_empty())
    }

    /// A directory that a variable names, or one in its home.
    fn directory(&self, variable: &str, in_home: &str) -> PathBuf {
        match (self.variable)(variable) {
            Some(named) if !named.is_empty() => self.workdir.join(named),
            Some(_) | None => self.home.join(in_home),
        }
    }

    /// The directory of the repository that it works in.
    fn repository(&self) -> Option<&Path> {
        self.workdir.ancestors().find(|dir| dir.join(".git").exists())
    }

    /// The workdir as a key of a file, which only holds text.
    fn workdir_key(&self) -> Option<String> {
        self.workdir.to_str().map(ToOwned::to_owned)
    }
}

impl Seed {
    /// A value for these keys of a file that says `document`.
    fn value(place: &Place, document: &Value, at: &[&str], value: impl Into<Value>) -> Self {
        let at: Vec<String> = at.iter().map(|key| (*key).to_owned()).collect();
        let is_missing = is_open(document, &at);
        Self { place: place.clone(), at, put: Put::Value(value.into()), is_missing }
    }

    /// A word for the list at these keys.
    fn word(place: &Place, document: &Value, at: &[&str], word: &str) -> Self {
        let at: Vec<String> = at.iter().map(|key| (*key).to_owned()).collect();
        let is_missing = is_open(document, &at)
            || find(document, &at).and_then(Value::as_array).is_some_and(|words| !words.iter().any(|had| had == word));
        Self { place: place.clone(), at, put: Put::Word(word.to_owned()), is_missing }
    }
}

/// What stands at these keys.
pub fn find<'d>(document: &'d Value, at: &[String]) -> Option<&'d Value> {
    at.iter().try_fold(document, |value, key| value.as_object()?.get(key))
}

/// Whether nothing stands at these keys, and something could.
fn is_open(document: &Value, at: &[String]) -> bool {
    let mut here = document;
    for key in at {
        match here {
            Value::Object(entries) => match entries.get(key) {
                Some(next) => here = next,
                None => return true,
            },
            // A file that isn't there.
            Value::Null => return std::ptr::eq(here, document),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests;
