//! `agentd completions SHELL`, and what its script asks for when somebody presses Tab.
//!
//! The script calls agentd with [`VARIABLE`] set, so it knows what this very agentd knows; as it names no path, it can be
//! made when a package is built. Names of agents come from the running daemon, which has `WITHIN` to say them. Nothing is
//! ever said about what goes wrong: it would stand in the middle of a command line.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Command, ValueEnum};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};

use super::client::{Client, Connect, block_on};
use super::failure::finish;
use super::notify;

/// Names the shell that asks for completions.
pub const VARIABLE: &str = "AGENTD_COMPLETE";

/// Where the word that is typed is among all, as clap's script for bash says it.
const INDEX: &str = "_CLAP_COMPLETE_INDEX";

/// How long somebody who pressed Tab waits for names.
const WITHIN: Duration = Duration::from_millis(300);

/// Where zsh loads the script as a function, the first Tab calls that: it must complete, and not only register.
const ZSH_AUTOLOAD: &[u8] = b"
if [ \"$funcstack[1]\" = \"_agentd\" ]; then
    _clap_dynamic_completer_agentd \"$@\"
fi
";

/// Arguments of commands that are names of agents.
const NAMES: [&str; 4] = ["name", "names", "agent", "agents"];

/// The flags.
#[derive(Debug, Args)]
pub struct Flags {
    /// The shell
    shell: Shell,
}

/// A shell that can be helped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shell {
    /// In ~/.bashrc: source <(agentd completions bash)
    Bash,
    /// In ~/.zshrc, after compinit: source <(agentd completions zsh)
    Zsh,
    /// agentd completions fish > ~/.config/fish/completions/agentd.fish
    Fish,
}

impl Shell {
    fn completer(self) -> &'static dyn EnvCompleter {
        match self {
            Self::Bash => &Bash,
            Self::Zsh => &Zsh,
            Self::Fish => &Fish,
        }
    }

    /// Whether a candidate arrives as it is. Bash would split it, take it for a pattern, and insert it without quotes.
    fn takes(self, name: &str) -> bool {
        let plain = |c: char| c.is_alphanumeric() || "_-.,@%+/".contains(c);
        match self {
            Self::Bash => name.chars().all(plain),
            Self::Zsh | Self::Fish => !name.contains(char::is_control),
        }
    }
}

/// Runs it.
pub fn run(flags: &Flags) -> ExitCode {
    let mut script = Vec::new();
    let written = flags.shell.completer().write_registration(VARIABLE, "agentd", "agentd", "agentd", &mut script);
    if flags.shell == Shell::Zsh {
        script.extend_from_slice(ZSH_AUTOLOAD);
    }
    finish(written.and_then(|()| io::stdout().write_all(&script)).map_err(Into::into))
}

/// Answers the script: the words of the command line follow a `--`.
pub fn answer(shell: &OsStr, command: Command) -> ExitCode {
    let Some(shell) = shell.to_str().and_then(|shell| Shell::from_str(shell, true).ok()) else {
        return ExitCode::FAILURE;
    };
    let words: Vec<OsString> = std::env::args_os().skip_while(|word| word != "--").skip(1).collect();
    if words.is_empty() {
        return ExitCode::FAILURE;
    }
    let mut command = with_notices(with_names(command, shell, socket(&words)), key_before(shell, &words));
    let mut answer = Vec::new();
    let directory = std::env::current_dir().ok();
    let written = shell.completer().write_complete(&mut command, words, directory.as_deref(), &mut answer);
    let written = written.and_then(|()| io::stdout().write_all(&answer));
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The socket that the command line names.
fn socket(words: &[OsString]) -> Option<PathBuf> {
    let mut words = words.iter().filter_map(|word| word.to_str());
    let found = words.find_map(|word| match word.strip_prefix("--api-socket")? {
        "" => Some(None),
        rest => rest.strip_prefix('=').map(Some),
    })?;
    found.or_else(|| words.next()).map(PathBuf::from)
}

/// Lets every argument that is an agent's name be completed with the names that there are.
fn with_names(command: Command, shell: Shell, socket: Option<PathBuf>) -> Command {
    let connect = Connect { api_socket: socket.or_else(|| std::env::var_os("AGENTD_API_SOCKET").map(PathBuf::from)) };
    let completer = ArgValueCompleter::new(move |typed: &OsStr| {
        let Some(typed) = typed.to_str() else { return Vec::new() };
        let names = names(&connect).into_iter().filter(|(name, _)| name.starts_with(typed) && shell.takes(name));
        names.map(|(name, state)| CompletionCandidate::new(name).help(Some(state.into()))).collect()
    });
    command.mut_subcommands(|subcommand| {
        subcommand.mut_args(|argument| {
            let is_name = NAMES.contains(&argument.get_id().as_str());
            if is_name { argument.add(completer.clone()) } else { argument }
        })
    })
}

/// Lets what `agentd notify` is given be completed.
fn with_notices(command: Command, key: Option<String>) -> Command {
    // Behind a key it is no word of its own, and no flag.
    let has_key = key.is_some();
    let completer = ArgValueCompleter::new(move |typed: &OsStr| match (typed.to_str(), &key) {
        (Some(typed), Some(key)) => {
            let words = notify::words(key).into_iter().filter(|word| word.starts_with(typed));
            words.map(CompletionCandidate::new).collect()
        }
        (Some(typed), None) => notify::complete(typed),
        (None, _) => Vec::new(),
    });
    command.mut_subcommand("notify", |notify| {
        notify.disable_help_flag(has_key).mut_arg("notices", |argument| argument.add(completer))
    })
}

/// Bash takes `KEY=VALUE` for three words, and of a value that isn't begun it hands over only the key.
fn key_before(shell: Shell, words: &[OsString]) -> Option<String> {
    let index: usize = std::env::var(INDEX).ok().filter(|_| shell == Shell::Bash)?.parse().ok()?;
    key_at(words, index)
}

fn key_at(words: &[OsString], index: usize) -> Option<String> {
    let word = |back| words.get(index.checked_sub(back)?)?.to_str();
    let key = word(1).filter(|word| *word != "=").or_else(|| word(2))?;
    notify::is_key(key).then(|| key.to_owned())
}

/// The agents with their states; none if the daemon doesn't say in time.
fn names(connect: &Connect) -> Vec<(String, String)> {
    let agents = block_on(async {
        let client = Client::connect(connect)?;
        Ok(tokio::time::timeout(WITHIN, client.agents()).await)
    });
    let Ok(Ok(Ok(agents))) = agents else { return Vec::new() };
    agents.into_iter().map(|agent| (agent.name, agent.state)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_of_the_command_line_is_asked() {
        let socket = |words: &[&str]| socket(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(socket(&["agentd", "attach", "--api-socket", "/s", ""]), Some("/s".into()));
        assert_eq!(socket(&["agentd", "--api-socket=/s", "attach"]), Some("/s".into()));
        assert_eq!(socket(&["agentd", "attach", "--api-socket"]), None);
        assert_eq!(socket(&["agentd", "attach", ""]), None);
    }

    #[test]
    fn bash_splits_a_notice_at_its_sign() {
        let key = |words: &[&str]| key_at(&words.iter().map(OsString::from).collect::<Vec<_>>(), words.len() - 1);
        assert_eq!(key(&["agentd", "notify", "ACTIVITY", "=", "bu"]).as_deref(), Some("ACTIVITY"));
        assert_eq!(key(&["agentd", "notify", "ACTIVITY", ""]).as_deref(), Some("ACTIVITY"));
        assert_eq!(key(&["agentd", "notify", "ACTIVITY", "=", "busy", "QUE"]), None);
        assert_eq!(key(&["agentd", "notify", ""]), None);
        assert_eq!(key(&["agentd"]), None);
    }

    #[test]
    fn bash_is_offered_only_what_it_would_insert_as_it_is() {
        assert!(Shell::Bash.takes("reviewer-0") && Shell::Bash.takes("prüfer"));
        assert!(!Shell::Bash.takes("a b") && !Shell::Bash.takes("$(id)") && !Shell::Bash.takes("*"));
        assert!(Shell::Fish.takes("a b") && !Shell::Zsh.takes("a\u{7}"));
    }
}
