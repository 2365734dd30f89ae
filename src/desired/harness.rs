//! The one table of harnesses: how each agent program is told its prompt, its model and its permissions, and how it
//! is asked to end. A new program is a new row and its golden test; there is no `if` on a harness's name anywhere.
//!
//! The order of an argv is: program, subcommand, model, permissions, the agent's `args`, the flag of the prompt, the
//! prompt. A prompt is passed as the user reads in the manual, but where a program would take it for something else (it
//! begins with `-`, or is one of its subcommands) the guarded form is used, checked with the real programs: claude
//! 2.1, codex 0.169, opencode 1.18, gemini 0.61. cursor-agent isn't on npm and is assumed to be like claude.

use crate::model::Interrupt;

/// What an agent may do without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permissions {
    /// What the harness allows by itself.
    Default,
    /// Change files in the workdir.
    AcceptEdits,
    /// Everything.
    Bypass,
}

impl Permissions {
    /// The words in a configuration, in the order of [`Permissions::ALL`].
    pub const WORDS: [&'static str; 3] = ["default", "accept-edits", "bypass"];
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Default, Self::AcceptEdits, Self::Bypass];
}

/// One row.
#[derive(Debug)]
pub struct Harness {
    /// Its name in a configuration.
    pub name: &'static str,
    /// Whether `command` says what to run.
    pub takes_command: bool,
    /// The program that it runs by itself.
    pub program: &'static str,
    /// The secret that it signs in with, and when it does, if that is known.
    pub secret: Option<(&'static str, &'static str)>,
    /// The flag that the model follows, if there is one.
    model: Option<&'static str>,
    /// The arguments for each level that there is.
    permissions: &'static [(Permissions, &'static [&'static str])],
    prompt: PromptForm,
    /// Asks it to end when it was given a prompt, and when not.
    interrupt: (Interrupt, Interrupt),
}

/// How a prompt is passed.
#[derive(Debug)]
struct PromptForm {
    /// Stands after the program if there is a prompt.
    subcommand: &'static [&'static str],
    /// Stands right before the prompt.
    flag: &'static [&'static str],
    /// Is used instead where the prompt would be taken for something else.
    guard: Guard,
    /// Prompts that would be taken for a subcommand.
    words: &'static [&'static str],
    /// Prompts that can't be passed.
    impossible: &'static [&'static str],
}

#[derive(Debug)]
enum Guard {
    /// The program is the user's: nothing is known.
    None,
    /// `--` between flag and prompt.
    Separator,
    /// One argument, this and the prompt.
    Joined(&'static str),
}

/// In the order in which the manual lists them.
pub static HARNESSES: [Harness; 6] = [
    Harness {
        name: "claude-code",
        takes_command: false,
        program: "claude",
        secret: Some(("ANTHROPIC_API_KEY", "claude signs in with it")),
        model: Some("--model"),
        permissions: &[
            (Permissions::Default, &["--permission-mode", "default"]),
            (Permissions::AcceptEdits, &["--permission-mode", "acceptEdits"]),
            (Permissions::Bypass, &["--permission-mode", "bypassPermissions"]),
        ],
        prompt: PromptForm { subcommand: &[], flag: &["-p"], guard: Guard::Separator, words: &[], impossible: &[] },
        interrupt: (Interrupt::Sigint, Interrupt::TypeCtrlC(2)),
    },
    Harness {
        name: "opencode",
        takes_command: false,
        program: "opencode",
        secret: Some((
            "ANTHROPIC_API_KEY",
            "opencode signs in with the key of its model's provider, which may be another one",
        )),
        model: Some("-m"),
        permissions: &[(Permissions::Default, &[]), (Permissions::Bypass, &["--auto"])],
        prompt: PromptForm {
            subcommand: &[],
            flag: &["--prompt"],
            guard: Guard::Joined("--prompt="),
            words: &[],
            impossible: &[],
        },
        interrupt: (Interrupt::Sigterm, Interrupt::Sigterm),
    },
    Harness {
        name: "gemini-cli",
        takes_command: false,
        program: "gemini",
        secret: Some(("GEMINI_API_KEY", "gemini signs in with it")),
        model: Some("-m"),
        permissions: &[
            (Permissions::Default, &["--approval-mode", "default"]),
            (Permissions::AcceptEdits, &["--approval-mode", "auto_edit"]),
            (Permissions::Bypass, &["--approval-mode", "yolo"]),
        ],
        prompt: PromptForm {
            subcommand: &[],
            flag: &[],
            guard: Guard::Separator,
            words: &["mcp", "extensions", "extension", "skills", "skill", "hooks", "hook", "gemma"],
            impossible: &[],
        },
        // On a terminal a positional prompt starts the same full-screen program as none.
        interrupt: (Interrupt::TypeCtrlC(2), Interrupt::TypeCtrlC(2)),
    },
    Harness {
        name: "codex",
        takes_command: false,
        program: "codex",
        secret: Some(("CODEX_API_KEY", "codex signs in with it if it has a prompt, and else asks in its pane, once")),
        model: Some("-m"),
        // `codex exec` never asks, and knows no `-a`: what it may do is its sandbox alone.
        permissions: &[
            (Permissions::Default, &[]),
            (Permissions::AcceptEdits, &["-s", "workspace-write"]),
            (Permissions::Bypass, &["--dangerously-bypass-approvals-and-sandbox"]),
        ],
        prompt: PromptForm {
            subcommand: &["exec"],
            flag: &[],
            guard: Guard::Separator,
            words: &["resume", "fork", "review", "help"],
            // Read from standard input, also after `--`.
            impossible: &["-"],
        },
        interrupt: (Interrupt::Sigint, Interrupt::TypeCtrlC(2)),
    },
    Harness {
        name: "cursor",
        takes_command: false,
        program: "cursor-agent",
        secret: Some(("CURSOR_API_KEY", "cursor-agent signs in with it")),
        model: Some("--model"),
        permissions: &[(Permissions::Default, &[]), (Permissions::Bypass, &["--force"])],
        prompt: PromptForm { subcommand: &[], flag: &["-p"], guard: Guard::Separator, words: &[], impossible: &[] },
        interrupt: (Interrupt::Sigint, Interrupt::TypeCtrlC(2)),
    },
    Harness {
        name: "custom",
        takes_command: true,
        program: "agent",
        secret: None,
        model: None,
        permissions: &[],
        prompt: PromptForm { subcommand: &[], flag: &[], guard: Guard::None, words: &[], impossible: &[] },
        interrupt: (Interrupt::Sigint, Interrupt::Sigint),
    },
];

/// Stands for the prompt in the arguments of a harness that takes a `command`.
pub const PLACEHOLDER: &str = "{prompt}";

/// What an agent asks of its harness.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// Program and arguments, if the harness takes them.
    pub command: Option<&'a [&'a str]>,
    /// Further arguments.
    pub args: &'a [&'a str],
    /// The model.
    pub model: Option<&'a str>,
    /// The permissions.
    pub permissions: Option<Permissions>,
    /// The prompt, byte for byte.
    pub prompt: Option<&'a [u8]>,
}

/// What a harness can't do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsupported {
    /// It can't be told a model.
    Model,
    /// It doesn't have this level of permissions.
    Permissions,
    /// It can't be given this very prompt.
    Prompt,
    /// An argument holds the place of a prompt that there isn't.
    Placeholder,
}

impl Harness {
    /// Whether it can be told a model.
    pub fn has_model(&self) -> bool {
        self.model.is_some()
    }

    /// The words for the permissions that it has.
    pub fn permission_words(&self) -> Vec<&'static str> {
        let has = |level: &Permissions| self.permissions.iter().any(|(known, _)| known == level);
        let words = Permissions::ALL.iter().zip(Permissions::WORDS);
        words.filter(|(level, _)| has(level)).map(|(_, word)| word).collect()
    }

    /// How it is asked to end.
    pub fn interrupt(&self, has_prompt: bool) -> Interrupt {
        if has_prompt { self.interrupt.0 } else { self.interrupt.1 }
    }

    /// The argv, or everything that it can't do.
    pub fn argv(&self, request: &Request) -> Result<Vec<Vec<u8>>, Vec<Unsupported>> {
        let mut unsupported = Vec::new();
        let arguments_of =
            |wanted| self.permissions.iter().find(|(known, _)| *known == wanted).map(|(_, words)| *words);
        let permissions = request.permissions.map(arguments_of);
        if permissions == Some(None) {
            unsupported.push(Unsupported::Permissions);
        }
        if request.model.is_some() && self.model.is_none() {
            unsupported.push(Unsupported::Model);
        }
        if request.prompt.is_some_and(|prompt| self.prompt.impossible.iter().any(|p| p.as_bytes() == prompt)) {
            unsupported.push(Unsupported::Prompt);
        }
        let command = request.command.unwrap_or(std::slice::from_ref(&self.program));
        let mut words: Vec<&str> = command.to_vec();
        words.extend(request.prompt.iter().flat_map(|_| self.prompt.subcommand));
        words.extend(self.model.zip(request.model).iter().flat_map(|(flag, model)| [*flag, *model]));
        words.extend(permissions.flatten().unwrap_or_default());
        words.extend(request.args);
        let has_placeholder = self.takes_command && words.iter().skip(1).any(|word| word.contains(PLACEHOLDER));
        if has_placeholder && request.prompt.is_none() {
            unsupported.push(Unsupported::Placeholder);
        }
        if !unsupported.is_empty() {
            return Err(unsupported);
        }
        let mut argv: Vec<Vec<u8>> = words.into_iter().map(|word| word.as_bytes().to_vec()).collect();
        match request.prompt {
            Some(prompt) if has_placeholder => argv.iter_mut().skip(1).for_each(|word| fill_in(word, prompt)),
            Some(prompt) => self.prompt.append(prompt, &mut argv),
            None => {}
        }
        Ok(argv)
    }
}

impl PromptForm {
    fn append(&self, prompt: &[u8], argv: &mut Vec<Vec<u8>>) {
        let guarded = prompt.starts_with(b"-") || self.words.iter().any(|word| word.as_bytes() == prompt);
        match &self.guard {
            Guard::Joined(start) if guarded => argv.push([start.as_bytes(), prompt].concat()),
            guard @ (Guard::None | Guard::Separator | Guard::Joined(_)) => {
                argv.extend(self.flag.iter().map(|word| word.as_bytes().to_vec()));
                if guarded && matches!(guard, Guard::Separator) {
                    argv.push(b"--".to_vec());
                }
                argv.push(prompt.to_vec());
            }
        }
    }
}

/// Puts the prompt in every place that is held for it; what the prompt itself contains is not looked at.
fn fill_in(word: &mut Vec<u8>, prompt: &[u8]) {
    if let Ok(text) = str::from_utf8(word) {
        let parts: Vec<&[u8]> = text.split(PLACEHOLDER).map(str::as_bytes).collect();
        *word = parts.join(prompt);
    }
}

#[cfg(test)]
#[path = "harness_tests.rs"]
mod tests;
