//! The one description of the fields of an agent, for people: the schema, the starter file and the manual are made of
//! it. It decides nothing; tests hold it against what the loader really does.

use super::harness::reference::modes;
use super::harness::{Harness, Harnesses, Permissions};
use super::stall::ON_STALL;
use super::validate::{MAX_REPLICAS, RESTARTS, RESUMES, TYPES};

/// One field.
#[derive(Debug)]
pub struct Field {
    /// Its key.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What holds without it.
    pub preset: Preset,
    /// What it does, in one sentence or two.
    pub meaning: &'static str,
    /// Values as they are written in TOML; at least one.
    pub examples: &'static [&'static str],
}

impl Field {
    /// What it does, and what holds without it if no value says that.
    pub fn text(&self) -> String {
        match self.preset {
            Preset::Required | Preset::Value(_) => self.meaning.to_owned(),
            Preset::Else(words) => format!("{} Default: {words}.", self.meaning),
        }
    }
}

/// What a field takes.
#[derive(Debug)]
pub enum Kind {
    /// A string, with the regular expression that it fits.
    Text(Option<&'static str>),
    /// One of a few words, each with its meaning.
    Word(fn() -> Vec<(&'static str, String)>),
    /// One of a few names, each with its meaning, or another that the file declares.
    Name(fn() -> Vec<(&'static str, String)>),
    /// True or false.
    Flag,
    /// A whole number.
    Whole {
        /// The smallest.
        least: u32,
        /// The largest.
        most: u32,
    },
    /// A number of US dollars, more than none.
    Dollars,
    /// A duration.
    Duration {
        /// Whether it may be zero.
        zero: bool,
    },
    /// A list of strings.
    Texts {
        /// How many there are at least.
        least: u32,
    },
    /// A table of strings, with the regular expression that each name fits.
    Variables(&'static str),
    /// A table of these fields.
    Table(&'static [Field]),
}

/// What holds without a field.
#[derive(Debug)]
pub enum Preset {
    /// It must be there.
    Required,
    /// This value, as it is written in TOML.
    Value(&'static str),
    /// What no value says, in a few words.
    Else(&'static str),
}

/// A duration, as far as a regular expression can tell.
pub const DURATION: &str = "^\\s*(([0-9]+\\.?[0-9]*|\\.[0-9]+)\\s*(ns|nsec|nanos|us|µs|μs|usec|micros|ms|msec|millis|\
    s|sec|secs|second|seconds|m|min|mins|minute|minutes|h|hr|hrs|hour|hours|d|day|days|w|wk|wks|week|weeks|M|month|\
    months|y|yr|yrs|year|years)\\s*)+$";

/// The name of a tmux session: one character that isn't part of a target, and an end that can be seen.
const SESSION: &str =
    "^[^\\s.:\\\\$@%=+!{\\x00-\\x1f\\x7f-]([^.:\\\\\\x00-\\x1f\\x7f]{0,62}[^\\s.:\\\\\\x00-\\x1f\\x7f])?$";

/// All fields, in the order in which a reader needs them.
pub static REFERENCE: [Field; 28] = [
    Field {
        name: "harness",
        kind: Kind::Name(harnesses),
        preset: Preset::Required,
        meaning: "Which agent program runs: one that agentd knows, or one that [harness.NAME] declares.",
        examples: &["\"claude-code\""],
    },
    Field {
        name: "name",
        kind: Kind::Text(Some("^[^\\s/\\x00-\\x1f\\x7f]([^/\\x00-\\x1f\\x7f]{0,62}[^\\s/\\x00-\\x1f\\x7f])?$")),
        preset: Preset::Else("the harness, numbered if there are several"),
        meaning: "The agent's name: unique, also without regard to case.",
        examples: &["\"reviewer\""],
    },
    Field {
        name: "type",
        kind: Kind::Word(types),
        preset: Preset::Value("\"native\""),
        meaning: "How the agent is kept apart; \"sandboxed\" is known, but not supported yet.",
        examples: &["\"native\""],
    },
    Field {
        name: "command",
        kind: Kind::Texts { least: 1 },
        preset: Preset::Else("the harness's own program"),
        meaning: "Program and arguments, for harness \"custom\" only; {prompt} stands for the prompt, else it comes last.",
        examples: &["[\"my-agent\", \"--task\", \"{prompt}\"]"],
    },
    Field {
        name: "prompt",
        kind: Kind::Text(None),
        preset: Preset::Else("none, and the agent is interactive and waits for you to attach"),
        meaning: "What the agent is to do.",
        examples: &["\"Review the open changes and write what you find to REVIEW.md.\""],
    },
    Field {
        name: "prompt_file",
        kind: Kind::Text(Some("^[^\\x00]+$")),
        preset: Preset::Else("none"),
        meaning: "A file with the prompt, relative to this one; it wins over prompt, and is watched.",
        examples: &["\"prompts/review.md\""],
    },
    Field {
        name: "workdir",
        kind: Kind::Text(Some("^(/|~/|~$)")),
        preset: Preset::Value("\"/home/agent/workspace\""),
        meaning: "Where the agent works: an absolute path, or one from ~/. The directory must exist.",
        examples: &["\"/home/agent/workspace\"", "\"~/project\""],
    },
    Field {
        name: "args",
        kind: Kind::Texts { least: 0 },
        preset: Preset::Value("[]"),
        meaning: "Further arguments, after the harness's own and before the prompt; \
            after a flag that takes several values, end them with \"--\".",
        examples: &["[\"--verbose\"]"],
    },
    Field {
        name: "mode",
        kind: Kind::Word(modes),
        preset: Preset::Else("with a prompt what the harness does by itself, else interactive"),
        meaning: "Whether the agent works on its prompt and ends, or keeps its screen.",
        examples: &["\"headless\""],
    },
    Field {
        name: "model",
        kind: Kind::Text(Some("^[^-]")),
        preset: Preset::Else("the harness's own choice"),
        meaning: "The model, by the name that the harness knows it by; not for \"custom\".",
        examples: &["\"MODEL\""],
    },
    Field {
        name: "permissions",
        kind: Kind::Word(permissions),
        preset: Preset::Else("the harness's own choice"),
        meaning: "What the agent may do without asking, as far as the harness has it; not for \"custom\".",
        examples: &["\"default\""],
    },
    Field {
        name: "prepare",
        kind: Kind::Flag,
        preset: Preset::Value("false"),
        meaning: "Whether agentd answers ahead what the program asks at its first start: how it looks, whether this directory \
            is trusted and the key may be used, whether it updates itself. What its user has answered stays.",
        examples: &["true"],
    },
    Field {
        name: "events",
        kind: Kind::Flag,
        preset: Preset::Value("true"),
        meaning: "Whether agentd has the program tell what it does, by arguments of its own: the harness's event_args. What \
            changes here applies from the next start.",
        examples: &["false"],
    },
    Field {
        name: "restart",
        kind: Kind::Word(restarts),
        preset: Preset::Value("\"no\""),
        meaning: "Which ends are followed by a restart.",
        examples: &["\"on-failure\""],
    },
    Field {
        name: "resume",
        kind: Kind::Word(resumes),
        preset: Preset::Value("\"auto\""),
        meaning: "What a restart does about the conversation, as far as the harness can go on with one and args name none.",
        examples: &["\"never\""],
    },
    Field {
        name: "max_restarts",
        kind: Kind::Whole { least: 0, most: u32::MAX },
        preset: Preset::Value("0"),
        meaning: "How many restarts at most; 0 is no limit.",
        examples: &["5"],
    },
    Field {
        name: "backoff",
        kind: Kind::Duration { zero: true },
        preset: Preset::Value("\"3s\""),
        meaning: "The delay before a restart; it doubles each time, and begins anew after a run of a minute or more.",
        examples: &["\"500ms\""],
    },
    Field {
        name: "backoff_max",
        kind: Kind::Duration { zero: true },
        preset: Preset::Value("\"60s\""),
        meaning: "The longest delay before a restart.",
        examples: &["\"5m\""],
    },
    Field {
        name: "timeout",
        kind: Kind::Duration { zero: false },
        preset: Preset::Else("no limit"),
        meaning: "How long the agent may run in all, restarts and delays included; then it is stopped and stays so.",
        examples: &["\"2h\"", "\"1h30m\""],
    },
    Field {
        name: "max_turns",
        kind: Kind::Whole { least: 1, most: u32::MAX },
        preset: Preset::Else("no limit"),
        meaning: "How many turns of the model one run may take: told to programs that have such a limit, and kept by agentd where \
            the program tells how many there were.",
        examples: &["50"],
    },
    Field {
        name: "max_cost_usd",
        kind: Kind::Dollars,
        preset: Preset::Else("no limit"),
        meaning: "What one run may cost, in US dollars, by the program's own account; as with max_turns.",
        examples: &["2.5"],
    },
    Field {
        name: "grace_period",
        kind: Kind::Duration { zero: true },
        preset: Preset::Value("\"30s\""),
        meaning: "How long a stop may take, from the interrupt to the kill.",
        examples: &["\"10s\""],
    },
    Field {
        name: "startup_deadline",
        kind: Kind::Duration { zero: false },
        preset: Preset::Else("no limit"),
        meaning: "How long the agent has to begin to work after each start; one that still asks something by then is stopped, \
            which counts as a failure, and said to ask it.",
        examples: &["\"60s\""],
    },
    Field {
        name: "stall",
        kind: Kind::Table(&STALL),
        preset: Preset::Else("nothing follows"),
        meaning: "What follows when the running agent gives no sign of life: it tells nothing, and writes nothing to its terminal.",
        examples: &["{ after = \"10m\", on_stall = \"restart\" }"],
    },
    Field {
        name: "session",
        kind: Kind::Text(Some(SESSION)),
        preset: Preset::Else("the name"),
        meaning: "The tmux session that you attach to.",
        examples: &["\"review\""],
    },
    Field {
        name: "replicas",
        kind: Kind::Whole { least: 1, most: MAX_REPLICAS },
        preset: Preset::Value("1"),
        meaning: "How many of it run; more than one are called NAME-0, NAME-1 and so on, each with a session of its own.",
        examples: &["2"],
    },
    Field {
        name: "env",
        kind: Kind::Variables("^[^=\\x00]+$"),
        preset: Preset::Value("{}"),
        meaning: "Variables of the agent's environment; they win over secrets. Keep keys out of here: use secrets.",
        examples: &["{ LANG = \"C.UTF-8\" }"],
    },
    Field {
        name: "secrets",
        kind: Kind::Texts { least: 0 },
        preset: Preset::Else("all"),
        meaning: "Which secrets the agent sees as variables: files of the secrets directory; only these restart it.",
        examples: &["[\"ANTHROPIC_API_KEY\"]"],
    },
];

/// The fields of an agent's `stall`.
pub static STALL: [Field; 4] = [
    Field {
        name: "after",
        kind: Kind::Duration { zero: false },
        preset: Preset::Required,
        meaning: "How long it may be silent. What is seen on its terminal is exact to eight seconds, in its favour.",
        examples: &["\"10m\""],
    },
    Field {
        name: "nudge",
        kind: Kind::Text(Some("^[^\\x00-\\x1f\\x7f]+$")),
        preset: Preset::Else("it is not nudged"),
        meaning: "A line that is typed to it while it is idle at its prompt, and nobody types there.",
        examples: &["\"Continue.\""],
    },
    Field {
        name: "max_nudges",
        kind: Kind::Whole { least: 1, most: 1000 },
        preset: Preset::Value("3"),
        meaning: "How many nudges without a sign of life, before on_stall follows.",
        examples: &["3"],
    },
    Field {
        name: "on_stall",
        kind: Kind::Word(on_stall),
        preset: Preset::Value("\"notify\""),
        meaning: "What follows.",
        examples: &["\"restart\""],
    },
];

fn on_stall() -> Vec<(&'static str, String)> {
    let meanings = [
        "it is told: in the events, the API and the metrics",
        "it is stopped and started again, whatever `restart` says, within max_restarts",
        "it is stopped and stays so, as failed",
    ];
    ON_STALL.iter().zip(meanings).map(|(word, meaning)| (*word, meaning.to_owned())).collect()
}

fn harnesses() -> Vec<(&'static str, String)> {
    let meaning = |harness: &Harness| {
        let program = &harness.program;
        if harness.takes_command { "any other program: see command".to_owned() } else { format!("runs `{program}`") }
    };
    Harnesses::builtin().iter().map(|harness| (&*harness.name, meaning(harness))).collect()
}

fn types() -> Vec<(&'static str, String)> {
    // The other one is refused.
    TYPES.iter().take(1).map(|word| (*word, "as a process of the agents' user".to_owned())).collect()
}

fn permissions() -> Vec<(&'static str, String)> {
    let meaning = |level| match level {
        Permissions::Default => "what the harness allows by itself",
        Permissions::AcceptEdits => "change files in the workdir",
        Permissions::Bypass => "everything",
    };
    Permissions::ALL.iter().zip(Permissions::WORDS).map(|(level, word)| (word, meaning(*level).to_owned())).collect()
}

fn resumes() -> Vec<(&'static str, String)> {
    let meanings = ["goes on with what was not finished, else begins a new one", "begins a new one"];
    RESUMES.iter().zip(meanings).map(|(word, meaning)| (*word, meaning.to_owned())).collect()
}

fn restarts() -> Vec<(&'static str, String)> {
    let meanings = ["none", "every one that came to nothing and may come to something", "every one"];
    RESTARTS.iter().zip(meanings).map(|(word, meaning)| (*word, meaning.to_owned())).collect()
}
