//! `agentd send NAME TEXT…`: types into an agent's terminal, as a person who is attached would paste.
//!
//! The text goes through a tmux buffer, so that it arrives byte for byte whatever is in it, and is pasted in brackets into
//! a program that knows them. Enter is a key after it.

mod keys;
mod text;

use std::io::Read;
use std::process::ExitCode;

use clap::Args;

use super::client::{Client, Connect, block_on};
use super::failure::{Failure, finish};
use super::output::harmless;
use super::pane::{self, Pane};
use crate::sys::clock;
use keys::Key;

/// More is not typed, but written into a file.
const MOST: usize = 1024 * 1024;

const HELP: &str = "\
agentd send reviewer Look at the tests first
git diff | agentd send reviewer -          one final line end is dropped, as Enter takes its place
agentd send reviewer --key C-c             keys as tmux names them: C-c, M-x, Escape, Up, F5, Enter
agentd send reviewer yes --key Tab         with --key, Enter is only pressed if it is among the keys

Exit status 0 says that tmux took it, not what the agent made of it.";

/// The flags.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Flags {
    /// Which agent
    name: String,
    /// What to type, joined by spaces; `-` reads it from standard input. After `--` it may begin with a dash
    #[arg(allow_negative_numbers = true, conflicts_with = "stdin")]
    text: Vec<String>,
    /// Read the text from standard input
    #[arg(long)]
    stdin: bool,
    /// Press this key after the text; may be repeated
    #[arg(short, long = "key", value_name = "KEY")]
    keys: Vec<Key>,
    /// Don't press Enter at the end
    #[arg(long)]
    no_enter: bool,
    /// Type even where somebody scrolls in the pane, who loses the place
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    connect: Connect,
}

/// Runs it.
pub fn run(flags: &Flags) -> ExitCode {
    finish(typing(flags).and_then(|typing| block_on(send(flags, &typing))))
}

/// What is to be typed.
#[derive(Debug, PartialEq, Eq)]
struct Typing {
    text: String,
    keys: Vec<Key>,
}

fn typing(flags: &Flags) -> Result<Typing, Failure> {
    let keys = match (&flags.keys[..], flags.no_enter) {
        ([], false) => vec![Key::enter()],
        (keys, _) => keys.to_vec(),
    };
    let from_stdin = flags.stdin || flags.text == ["-"];
    let mut text = if from_stdin { read(std::io::stdin().lock())? } else { flags.text.join(" ") };
    if from_stdin && !keys.is_empty() && text.ends_with('\n') {
        text.pop();
    }
    if text.is_empty() && flags.keys.is_empty() && !from_stdin && flags.text.is_empty() {
        return Err(Failure::Other("there is nothing to type: give a text, `-` to read one, or --key".to_owned()));
    }
    text::check(&text).map_err(Failure::Other)?;
    Ok(Typing { text, keys })
}

fn read(input: impl Read) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    // One more than the limit tells that there is more.
    let limited = input.take(MOST as u64 + 1).read_to_end(&mut bytes);
    limited.map_err(|error| Failure::System { what: "read standard input".to_owned(), error })?;
    String::from_utf8(bytes).map_err(|_| Failure::Other("the text is not UTF-8".to_owned()))
}

async fn send(flags: &Flags, typing: &Typing) -> Result<(), Failure> {
    let pane = Pane::find(&Client::connect(&flags.connect)?, &flags.name).await?;
    if !pane.agent.running {
        let (name, state) = (harmless(&pane.agent.name), harmless(&pane.agent.state));
        return Err(Failure::Other(format!("{name} is not running but {state}: nobody would read it")));
    }
    let state = pane.clients.run(&[look(&pane.target)], b"").await.map_err(pane::failure)?;
    check(state.trim_end(), flags)?;
    let buffer = format!("agentd-send-{}-{}", std::process::id(), clock::now().mono.0);
    let commands = commands(typing, &pane.target, &buffer, flags.force);
    pane.clients.run(&commands, typing.text.as_bytes()).await.map_err(pane::failure)?;
    Ok(())
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(ToOwned::to_owned).to_vec()
}

/// Asks whether the pane takes keys.
fn look(target: &str) -> Vec<String> {
    words(["display-message", "-p", "-t", target, "#{pane_id} #{pane_dead} #{pane_in_mode} #{pane_input_off}"])
}

fn check(state: &str, flags: &Flags) -> Result<(), Failure> {
    let name = harmless(&flags.name);
    let fields: Vec<&str> = state.split(' ').collect();
    let [_, dead, modes, off] = fields[..] else {
        return Err(Failure::Other(format!("the terminal of {name} is gone")));
    };
    if dead != "0" {
        Err(Failure::Other(format!("the terminal of {name} is dead")))
    } else if off != "0" {
        Err(Failure::Other(format!("somebody has switched off the input of {name}'s pane (tmux: select-pane -e)")))
    } else if modes != "0" && !flags.force {
        Err(Failure::Other(format!(
            "somebody scrolls in the pane of {name}, or chooses something there; --force types nevertheless"
        )))
    } else {
        Ok(())
    }
}

/// All that types, in order, for one client.
fn commands(typing: &Typing, target: &str, buffer: &str, force: bool) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    if force {
        commands.push(words(["copy-mode", "-q", "-t", target]));
    }
    // tmux makes no buffer of an empty text.
    if !typing.text.is_empty() {
        commands.push(words(["load-buffer", "-b", buffer, "-"]));
        commands.push(words(["paste-buffer", "-p", "-r", "-d", "-b", buffer, "-t", target]));
    }
    if !typing.keys.is_empty() {
        let mut press = words(["send-keys", "-t", target, "--"]);
        press.extend(typing.keys.iter().map(|key| key.as_str().to_owned()));
        commands.push(press);
    }
    commands
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        flags: Flags,
    }

    fn typed(words: &[&str]) -> Result<Typing, String> {
        let line = Line::try_parse_from(std::iter::once(&"send").chain(words)).map_err(|error| error.to_string())?;
        typing(&line.flags).map_err(|failure| failure.to_string())
    }

    fn text_and_keys(words: &[&str]) -> (String, Vec<String>) {
        let Typing { text, keys } = typed(words).unwrap();
        (text, keys.iter().map(|key| key.as_str().to_owned()).collect())
    }

    #[test]
    fn words_are_a_text_and_enter_follows() {
        assert_eq!(text_and_keys(&["a", "two", "words"]), ("two words".into(), vec!["Enter".into()]));
        assert_eq!(text_and_keys(&["a", "--", "--no-enter", "-x"]).0, "--no-enter -x");
        assert_eq!(text_and_keys(&["a", "--no-enter", "x"]), ("x".into(), vec![]));
        assert_eq!(text_and_keys(&["a", ""]), (String::new(), vec!["Enter".into()]));
        assert_eq!(text_and_keys(&["a", "--key", "C-c", "-k", "Up"]).1, ["C-c", "Up"]);
        assert_eq!(text_and_keys(&["a", "yes", "--key", "Tab"]), ("yes".into(), vec!["Tab".into()]));
    }

    #[test]
    fn what_can_not_be_typed_is_refused_before_anybody_is_asked() {
        assert!(typed(&["a"]).unwrap_err().contains("nothing to type"));
        assert!(typed(&["a", "x\u{1b}[201~y"]).unwrap_err().contains("--key"));
        assert!(typed(&["a", "--key", "Entre"]).unwrap_err().contains("Enter"));
        assert!(typed(&["a", "--stdin", "text"]).is_err());
    }

    #[test]
    fn one_client_types_all_in_order() {
        let typing = Typing { text: "x".to_owned(), keys: vec![Key::enter()] };
        let lines: Vec<String> = commands(&typing, "%1", "b", true).iter().map(|words| words.join(" ")).collect();
        assert_eq!(
            lines,
            [
                "copy-mode -q -t %1",
                "load-buffer -b b -",
                "paste-buffer -p -r -d -b b -t %1",
                "send-keys -t %1 -- Enter"
            ]
        );
        assert_eq!(commands(&Typing { text: String::new(), ..typing }, "%1", "b", false).len(), 1);
    }
}
