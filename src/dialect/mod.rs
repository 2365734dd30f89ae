//! What each harness says of itself, in its own form: the events that it streams while it works without a terminal, and
//! what it hands to its hooks. Both become [`Notices`]; events become text for people, too.
//!
//! Pure: no I/O, no clock, and no memory beyond the last few things said. Whatever comes, nothing here fails: a harness of
//! another version says something that isn't understood, and it is passed over, or shown as it is where it is no event at
//! all. An outcome is told only where a harness tells it: in a field of its own first, and else in words of an error
//! that mean one thing (`words.rs`). What isn't recognised has failed, in the words of the harness.
//!
//! Aider alone streams no events: of it, the lines that it prints for people are read.
//!
//! What was measured, with programs as of 2026: `tests/fixtures`. By its documentation alone: cursor-agent.

mod aider;
mod claude;
mod codex;
mod copilot;
mod cursor;
mod gemini;
mod hooks;
mod messages;
mod opencode;
mod page;
mod plugin;
mod qwen;
mod read;
mod reset;
pub mod screens;
#[cfg(test)]
mod tests;
mod told;
#[cfg(test)]
mod unrecorded_tests;
mod words;

use serde_json::Value;

use crate::model::Notices;
use told::Told;

/// A harness whose events are understood, by the name that the harness has in a jcard.toml.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `claude --output-format stream-json --verbose`.
    ClaudeCode,
    /// `codex exec --json`.
    Codex,
    /// `gemini --output-format stream-json`.
    GeminiCli,
    /// `qwen --output-format stream-json`.
    QwenCode,
    /// `opencode run --format json`.
    OpenCode,
    /// `cursor-agent --output-format stream-json`.
    Cursor,
    /// `copilot --output-format json`.
    Copilot,
    /// What `aider --message` prints.
    Aider,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::ClaudeCode,
        Self::Codex,
        Self::GeminiCli,
        Self::QwenCode,
        Self::OpenCode,
        Self::Cursor,
        Self::Copilot,
        Self::Aider,
    ];

    /// The name of the harness.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClaudeCode => "claude-code",
            Self::Codex => "codex",
            Self::GeminiCli => "gemini-cli",
            Self::QwenCode => "qwen-code",
            Self::OpenCode => "opencode",
            Self::Cursor => "cursor",
            Self::Copilot => "copilot",
            Self::Aider => "aider",
        }
    }

    /// The dialect of the harness of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.as_str() == name)
    }
}

/// When something is heard, for what is said in relation to it: `try again in 5 minutes`, `at 2:39 AM`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Seconds since the Unix epoch.
    pub unix: u64,
    /// By how many seconds the clocks of the harness's time zone are ahead of Greenwich.
    pub utc_offset: i64,
}

/// What came of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// What there is to tell, if anything.
    pub notices: Notices,
    /// Text for people, in whole lines but for a question, which is shown when it is asked. Only what was no event, and so is
    /// shown as it came, may be anything but UTF-8.
    pub text: Vec<u8>,
}

/// How one harness speaks. It hears events in the order in which they come.
trait Speech: Send {
    /// Takes an event: an object with a `type`.
    fn hear(&mut self, _event: &Value, _now: Moment, _told: &mut Told) {}

    /// Takes a line, without its end. What is no event is shown as it is: a harness that fails early says so in plain words.
    fn line(&mut self, line: &[u8], now: Moment, told: &mut Told) {
        let event = serde_json::from_slice::<Value>(line).ok();
        match event.filter(|event| event.get("type").is_some_and(Value::is_string)) {
            Some(event) => self.hear(&event, now, told),
            None => told.page.as_it_is(line),
        }
    }

    /// Takes what there is of a line that has no end yet.
    fn begun(&mut self, _line: &[u8], _told: &mut Told) {}

    /// There is no more: what is told only by that.
    fn end(&mut self, _now: Moment, _told: &mut Told) {}
}

/// The events of one run.
pub struct Stream {
    speech: Box<dyn Speech>,
    told: Told,
}

impl Stream {
    /// Nothing has been said yet.
    pub fn new(dialect: Dialect) -> Self {
        let speech: Box<dyn Speech> = match dialect {
            Dialect::ClaudeCode => Box::new(claude::Claude::default()),
            Dialect::Codex => Box::new(codex::Codex::default()),
            Dialect::GeminiCli => Box::new(gemini::Gemini::default()),
            Dialect::QwenCode => Box::new(qwen::Qwen::default()),
            Dialect::OpenCode => Box::new(opencode::OpenCode::default()),
            Dialect::Cursor => Box::new(cursor::Cursor::default()),
            Dialect::Copilot => Box::new(copilot::Copilot::default()),
            Dialect::Aider => Box::new(aider::Aider::default()),
        };
        Self { speech, told: Told::default() }
    }

    /// Takes a line, without its end.
    pub fn line(&mut self, line: &[u8], now: Moment) -> Said {
        self.speech.line(line, now, &mut self.told);
        self.told.take()
    }

    /// Takes what there is of a line that has no end yet: a question waits for its answer there.
    pub fn begun(&mut self, line: &[u8]) -> Said {
        self.speech.begun(line, &mut self.told);
        self.told.take()
    }

    /// There is no more.
    pub fn end(&mut self, now: Moment) -> Said {
        self.speech.end(now, &mut self.told);
        self.told.page.close();
        self.told.take()
    }
}

/// What a harness tells by running a hook with this payload: also codex's `notify`, and a plugin of opencode's.
pub fn hook(dialect: Dialect, payload: &[u8], now: Moment) -> Notices {
    serde_json::from_slice::<Value>(payload)
        .map_or_else(|_| Notices::new(), |payload| hooks::hear(dialect, &payload, now))
}
