//! What the provider does with every question: a value, for tests to name.

use std::time::Duration;

/// What happens to the questions.
#[derive(Clone, Debug)]
pub enum Script {
    /// Each is answered.
    Answers,
    /// Each is answered with this.
    Says(&'static str),
    /// Each is answered, with so long a pause before every piece.
    Slow(Duration),
    /// The tool is asked for, of agents that offer it; what comes of it is answered. What an agent isn't permitted it
    /// refuses by itself.
    Uses(Tool),
    /// Each fails.
    Fails(Failure),
    /// So many fail, then each is answered.
    FailsFirst(usize, Failure),
    /// Each is taken, and none answered.
    Hangs,
}

/// How a question fails, as the real providers say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// 401, or what the API says instead: the key is none that it knows.
    WrongKey,
    /// 429: too many questions for now.
    RateLimited { resets_in: Duration },
    /// 429: what the plan or the account may use is used up.
    UsedUp { resets_in: Duration },
    /// 500.
    Broken,
    /// 529, or 503: more is asked than the provider can answer.
    Overloaded,
}

/// What the model wants of the agent, whatever the agent calls it.
#[derive(Clone, Debug)]
pub enum Tool {
    /// To execute this.
    Shell(&'static str),
    /// To execute this outside of the agent's sandbox, for which codex asks its user; of the others, as `Shell`.
    Outside(&'static str),
    /// To read this file.
    Read(&'static str),
    /// To write this file.
    Write(&'static str),
    /// To ask whoever sits in front of it.
    Ask(&'static str),
}
