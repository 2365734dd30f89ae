//! The one description of the fields of a harness's table, for people: the schema and the manual are made of it.

use super::super::reference::{Field, Kind, Preset};
use super::read::INTERRUPTS;
use super::{Mode, PREPARED};
use crate::dialect::Dialect;

/// The fields of `[harness.<name>]`.
pub static HARNESS: [Field; 10] = [
    Field {
        name: "program",
        kind: Kind::Text(Some("^[^\\x00]+$")),
        preset: Preset::Else("that of the harness with this name; else it must be there"),
        meaning: "The program: a path, or a name that is looked for in the agent's PATH.",
        examples: &["\"my-agent\""],
    },
    Field {
        name: "secret",
        kind: Kind::Text(None),
        preset: Preset::Else("none"),
        meaning: "The secret that it signs in with.",
        examples: &["\"MY_AGENT_KEY\""],
    },
    Field {
        name: "secret_note",
        kind: Kind::Text(None),
        preset: Preset::Else("that it signs in with it"),
        meaning: "When it does, for people.",
        examples: &["\"my-agent signs in with it\""],
    },
    Field {
        name: "prepare_as",
        kind: Kind::Word(prepared),
        preset: Preset::Else("nobody's"),
        meaning: "Whose questions at a first start it asks: those that agentd answers ahead where an agent has prepare.",
        examples: &["\"claude-code\""],
    },
    Field {
        name: "prepare_env",
        kind: Kind::Variables("^[^=\\x00]+$"),
        preset: Preset::Value("{}"),
        meaning: "Variables for agents with prepare, unless they have one of that name.",
        examples: &["{ DISABLE_AUTOUPDATER = \"1\" }"],
    },
    Field {
        name: "mode",
        kind: Kind::Word(modes),
        preset: Preset::Else("headless if it has that mode"),
        meaning: "How agents with a prompt run that don't say how; those without one are interactive.",
        examples: &["\"interactive\""],
    },
    Field {
        name: "model",
        kind: Kind::Texts { least: 0 },
        preset: Preset::Value("[]"),
        meaning: "The arguments that tell it a model, which {model} stands for.",
        examples: &["[\"--model\", \"{model}\"]"],
    },
    Field {
        name: "permissions",
        kind: Kind::Table(&PERMISSIONS),
        preset: Preset::Value("{}"),
        meaning: "The arguments for each level of permissions that it has.",
        examples: &["{ default = [], bypass = [\"--yes\"] }"],
    },
    Field {
        name: "headless",
        kind: Kind::Table(&FORM),
        preset: Preset::Else("it has no such mode"),
        meaning: "How it is run to do its prompt and end.",
        examples: &["{ args = [\"run\"], prompt = [\"{prompt}\"] }"],
    },
    Field {
        name: "interactive",
        kind: Kind::Table(&FORM),
        preset: Preset::Value("{}"),
        meaning: "How it is run to keep its screen, and wait for who attaches.",
        examples: &["{ interrupt = \"C-c C-c\" }"],
    },
];

/// The levels of permissions.
pub static PERMISSIONS: [Field; 3] = [
    level("default", "Its arguments to be allowed what it allows by itself."),
    level("accept-edits", "Its arguments to be allowed to change files in the workdir."),
    level("bypass", "Its arguments to be allowed everything."),
];

/// The fields of `[harness.<name>.headless]` and `[harness.<name>.interactive]`.
pub static FORM: [Field; 19] = [
    Field {
        name: "args",
        kind: Kind::Texts { least: 0 },
        preset: Preset::Value("[]"),
        meaning: "Its first arguments, such as a subcommand.",
        examples: &["[\"run\"]"],
    },
    Field {
        name: "bare_args",
        kind: Kind::Texts { least: 0 },
        preset: Preset::Else("as args"),
        meaning: "The same for an agent without a prompt.",
        examples: &["[\"session\"]"],
    },
    Field {
        name: "model",
        kind: Kind::Texts { least: 0 },
        preset: Preset::Else("as in both modes"),
        meaning: "The arguments that tell it a model in this mode, which {model} stands for.",
        examples: &["[\"-m\", \"{model}\"]"],
    },
    Field {
        name: "permissions",
        kind: Kind::Table(&PERMISSIONS),
        preset: Preset::Else("as in both modes"),
        meaning: "The arguments for levels of permissions that are others, or are there, in this mode only.",
        examples: &["{ bypass = [\"--yolo\"] }"],
    },
    Field {
        name: "prompt",
        kind: Kind::Texts { least: 0 },
        preset: Preset::Else("it can't be given a prompt in this mode"),
        meaning: "Its last arguments, which pass the prompt, which {prompt} stands for.",
        examples: &["[\"-p\", \"{prompt}\"]"],
    },
    Field {
        name: "guarded_prompt",
        kind: Kind::Texts { least: 0 },
        preset: Preset::Else("as prompt"),
        meaning: "The same for a prompt that begins with a dash or is one of guarded_words.",
        examples: &["[\"-p\", \"--\", \"{prompt}\"]"],
    },
    Field {
        name: "guarded_words",
        kind: Kind::Texts { least: 0 },
        preset: Preset::Value("[]"),
        meaning: "Prompts that it would take for something else, such as its subcommands.",
        examples: &["[\"help\"]"],
    },
    Field {
        name: "refused_prompts",
        kind: Kind::Texts { least: 0 },
        preset: Preset::Value("[]"),
        meaning: "Prompts that it takes for something else however they are passed: they are refused.",
        examples: &["[\"-\"]"],
    },
    Field {
        name: "event_args",
        kind: Kind::Texts { least: 0 },
        preset: Preset::Value("[]"),
        meaning: "Further arguments that have it tell what it does, which {agentd} can run as a hook: {agentd} hook DIALECT.",
        examples: &["[\"--output-format\", \"stream-json\"]"],
    },
    Field {
        name: "event_env",
        kind: Kind::Variables("^[^=\\x00]+$"),
        preset: Preset::Value("{}"),
        meaning: "Variables to the same end, all or none of them: none if the agent has one of that name, or agentd can't make the \
                  file of its own that a value names: {hooks}/opencode.json, {hooks}/gemini.json or {hooks}/qwen.json.",
        examples: &["{ QWEN_CODE_SYSTEM_DEFAULTS_PATH = \"{hooks}/qwen.json\" }"],
    },
    Field {
        name: "filter",
        kind: Kind::Word(dialects),
        preset: Preset::Else("what it prints is for people"),
        meaning: "Whose events it then prints, one a line, for agentd to read and to show as text.",
        examples: &["\"claude-code\""],
    },
    Field {
        name: "session_args",
        kind: Kind::Texts { least: 0 },
        preset: Preset::Value("[]"),
        meaning: "Further arguments that have it call a new conversation {session}, a UUID that agentd makes up.",
        examples: &["[\"--session-id\", \"{session}\"]"],
    },
    Field {
        name: "resume_args",
        kind: Kind::Texts { least: 0 },
        preset: Preset::Else("it can't go on with a conversation"),
        meaning: "Further arguments that have it go on with the conversation {session}; a subcommand stands after an agent's args.",
        examples: &["[\"--resume\", \"{session}\"]"],
    },
    Field {
        name: "resume_prompt",
        kind: Kind::Text(None),
        preset: Preset::Value("\"Continue.\""),
        meaning: "What it is then told in place of its prompt, if it has one.",
        examples: &["\"Go on.\""],
    },
    Field {
        name: "session_words",
        kind: Kind::Texts { least: 0 },
        preset: Preset::Value("[]"),
        meaning: "Others of its arguments that name a conversation: an agent that has one in its args begins and goes on as they say.",
        examples: &["[\"-c\"]"],
    },
    Field {
        name: "max_turns",
        kind: Kind::Texts { least: 0 },
        preset: Preset::Else("it knows no such limit"),
        meaning: "The arguments that tell it how many turns it may take, which {limit} stands for.",
        examples: &["[\"--max-turns\", \"{limit}\"]"],
    },
    Field {
        name: "max_cost_usd",
        kind: Kind::Texts { least: 0 },
        preset: Preset::Else("it knows no such limit"),
        meaning: "The arguments that tell it how many dollars it may spend, which {limit} stands for.",
        examples: &["[\"--max-budget-usd\", \"{limit}\"]"],
    },
    Field {
        name: "interrupt",
        kind: Kind::Word(interrupts),
        preset: Preset::Value("\"SIGINT\""),
        meaning: "How it is asked to end, before SIGTERM and SIGKILL.",
        examples: &["\"C-c C-c\""],
    },
    Field {
        name: "moves_at_work",
        kind: Kind::Flag,
        preset: Preset::Value("false"),
        meaning: "Whether it writes to its terminal all the time while it works, tools included. Of one that tells that it is busy, \
                  and shows nothing but its empty prompt and doesn't move for half a minute, agentd then says that it is idle.",
        examples: &["true"],
    },
];

const fn level(name: &'static str, meaning: &'static str) -> Field {
    let kind = Kind::Texts { least: 0 };
    Field { name, kind, preset: Preset::Else("it doesn't have this level"), meaning, examples: &["[\"--yes\"]"] }
}

/// The words for a mode.
pub fn modes() -> Vec<(&'static str, String)> {
    let meaning = |mode| match mode {
        Mode::Headless => "works on its prompt and ends",
        Mode::Interactive => "keeps its screen, and waits for you to attach",
    };
    Mode::ALL.into_iter().map(|mode| (mode.word(), meaning(mode).to_owned())).collect()
}

fn dialects() -> Vec<(&'static str, String)> {
    Dialect::ALL.iter().map(|dialect| (dialect.as_str(), format!("as {} streams them", dialect.as_str()))).collect()
}

fn prepared() -> Vec<(&'static str, String)> {
    PREPARED.iter().map(|name| (*name, format!("those of {name}"))).collect()
}

fn interrupts() -> Vec<(&'static str, String)> {
    let meaning = |word: &str| match word {
        "SIGINT" | "SIGTERM" => "this signal, to its process group".to_owned(),
        _ => "this key, typed as often as it stands there".to_owned(),
    };
    INTERRUPTS.iter().map(|(word, _)| (*word, meaning(word))).collect()
}
