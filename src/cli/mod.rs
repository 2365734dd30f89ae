//! The command line: one file a subcommand. It parses, calls the library, and turns what comes back into an exit
//! status; it decides nothing about agents.

pub mod attach;
pub mod check;
pub mod client;
pub mod completions;
pub mod demo;
pub mod diff;
pub mod doctor;
pub mod drain;
pub mod events;
pub mod failure;
mod filter;
pub mod first_run;
mod ground;
mod hook;
pub mod init;
pub mod logs;
pub mod man;
pub mod notify;
pub mod output;
mod pane;
pub mod prepare;
pub mod run;
pub mod schema;
pub mod send;
mod sse;
pub mod status;
mod table;
mod time;
mod told;
pub mod top;
mod waiting;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::desired::{MissingPrompt, Sources};
use crate::sys::identity::Identity;
use crate::sys::login_env;

/// Where a configuration is looked for.
pub const CONFIG: &str = "/etc/stereos/jcard.toml";

/// Where secrets are looked for.
pub const SECRET_DIR: &str = "/run/stereos/secrets";

/// The API's socket of a daemon that runs as root.
pub const ROOT_API_SOCKET: &str = "/run/stereos/agentd.sock";

/// Keeps a declared set of AI coding agents running, each in its own tmux session.
#[derive(Debug, Parser)]
#[command(name = "agentd", version, args_conflicts_with_subcommands = true, max_term_width = 100, after_help = failure::EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: run::Flags,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon (the same as no command at all)
    Run(run::Flags),
    /// What every agent is doing, or one agent in full
    Status(status::Flags),
    /// Attach your terminal to an agent
    Attach(attach::Flags),
    /// What an agent has written to its terminal
    Logs(logs::Flags),
    /// What has happened, and happens, to the agents
    Events(events::Flags),
    /// Type a text into an agent, as you would
    Send(send::Flags),
    /// All agents at work, full screen
    Top(top::Flags),
    /// Tell agentd how an agent is doing, from a program or a script that runs in it
    ///
    /// Its activity, outcome, conversation and usage are shown by status and the API, and the outcome decides, with the exit
    /// status, whether it is restarted.
    Notify(notify::Flags),
    /// What the running daemon would do with a configuration
    ///
    /// Compares a file with what the daemon has taken, agent by agent, and changes nothing. Agents behind `+` would be
    /// started, behind `~` restarted for the fields that follow, behind `=` go on under another policy, and behind `-`
    /// be stopped. Values of secrets and of env are compared for root and the daemon's own user only, and never shown.
    Diff(diff::Flags),
    /// Stop all agents gracefully, then the tmux server
    ///
    /// Each agent has its own grace period; nothing that it started is left. A daemon that runs does it, and starts what is
    /// declared again once there is another tmux server; without one, it is done here. For `ExecStop=` of the unit that
    /// runs the tmux server.
    Drain(drain::Flags),
    /// Check a jcard.toml and print every mistake in it
    Check {
        /// The file
        #[arg(default_value = CONFIG)]
        file: PathBuf,
        /// Check against the secrets in this directory, too
        #[arg(long, env = "AGENTD_SECRET_DIR")]
        secret_dir: Option<PathBuf>,
        /// Prompt files need not be there: check the configuration of another host
        #[arg(long)]
        without_files: bool,
    },
    /// The JSON Schema of jcard.toml
    ///
    /// For editors that know TOML, such as those with taplo or Even Better TOML: write it into jcard.schema.json beside
    /// jcard.toml, and make `#:schema ./jcard.schema.json` the first line of that.
    Schema(schema::Flags),
    /// Write a jcard.toml to begin with
    ///
    /// It declares one agent. Every field that this agent program has is explained, and shown with its default.
    Init(init::Flags),
    /// Look for what is wrong on this host, and say what mends it
    Doctor(doctor::Flags),
    /// A script that completes commands and names of agents in your shell
    Completions(completions::Flags),
    /// The manual pages
    Man(man::Flags),
    /// Run two small scripted agents in a private directory, as you, to see how it works
    Demo,
    /// What runs right before an agent does, and answers ahead what its program would ask
    #[command(hide = true)]
    Prepare(prepare::Flags),
    /// What a login shell is asked to execute
    #[command(name = login_env::SUBCOMMAND, hide = true)]
    PrintEnvironment,
    /// What an agent's events are piped through
    #[command(hide = true)]
    Filter(filter::Flags),
    /// What a harness runs as its hook
    #[command(hide = true)]
    Hook(hook::Flags),
}

/// The flags of the older agentd, which took them with one dash.
const ONE_DASH: [&str; 5] = ["config", "secret-dir", "tmux-socket", "api-socket", "debug"];

/// Parses the process's arguments, does what they say, and answers with the exit status.
pub fn main() -> ExitCode {
    if let Some(shell) = std::env::var_os(completions::VARIABLE) {
        return completions::answer(&shell, <Arguments as clap::CommandFactory>::command());
    }
    let mut arguments = std::env::args_os();
    let program = arguments.next().unwrap_or_default();
    let arguments: Vec<OsString> = arguments.collect();
    if is_shim(&arguments) {
        return crate::shim::main(arguments.into_iter());
    }
    let arguments = std::iter::once(program).chain(arguments.into_iter().map(two_dashes));
    let Arguments { command, run } = Arguments::parse_from(arguments);
    match command {
        None => run::run(run),
        Some(Command::Run(flags)) => run::run(flags),
        Some(Command::Drain(flags)) => drain::run(flags),
        Some(Command::Check { file, secret_dir, without_files }) => check(file, secret_dir, without_files),
        Some(Command::Status(flags)) => status::run(&flags),
        Some(Command::Attach(flags)) => attach::run(&flags),
        Some(Command::Logs(flags)) => logs::run(&flags),
        Some(Command::Events(flags)) => events::run(&flags),
        Some(Command::Send(flags)) => send::run(&flags),
        Some(Command::Top(flags)) => top::run(&flags),
        Some(Command::Notify(flags)) => notify::run(&flags),
        Some(Command::Diff(flags)) => diff::run(&flags),
        Some(Command::Schema(flags)) => schema::run(&flags),
        Some(Command::Init(flags)) => init::run(&flags),
        Some(Command::Doctor(flags)) => doctor::run(&flags),
        Some(Command::Completions(flags)) => completions::run(&flags),
        Some(Command::Man(flags)) => man::run(&flags),
        Some(Command::Demo) => demo::demo(),
        Some(Command::Filter(flags)) => filter::run(&flags),
        Some(Command::Hook(flags)) => hook::run(&flags),
        Some(Command::Prepare(flags)) => prepare::run(&flags),
        Some(Command::PrintEnvironment) => exit_code(login_env::print(std::io::stdout()).is_ok()),
    }
}

/// Whether these are the arguments of agentd-shim: where there is none beside agentd, agentd stands for it. No command
/// begins with a slash, and no flag is called that.
fn is_shim(arguments: &[OsString]) -> bool {
    match arguments {
        [flag] => flag == "--hold",
        [socket, _name] => Path::new(socket).is_absolute(),
        _ => false,
    }
}

/// `-config` becomes `--config`, and `-config=x` becomes `--config=x`.
fn two_dashes(argument: OsString) -> OsString {
    let Some(text) = argument.to_str() else { return argument };
    let Some(flag) = text.strip_prefix('-').filter(|flag| !flag.starts_with('-')) else { return argument };
    let name = flag.split_once('=').map_or(flag, |(name, _)| name);
    if ONE_DASH.contains(&name) { format!("-{text}").into() } else { argument }
}

fn check(config: PathBuf, secret_dir: Option<PathBuf>, without_files: bool) -> ExitCode {
    let missing_prompt = if without_files { MissingPrompt::ToCome } else { MissingPrompt::Mistake };
    let sources = Sources { secret_dir, missing_prompt, ..Sources::new(config, Identity::current().home) };
    let mut stdout = std::io::stdout();
    exit_code(matches!(check::check(&sources, output::look(), &mut stdout), Ok(check::Verdict::Good)))
}

fn exit_code(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_spelling_of_flags_is_understood() {
        for (old, new) in [
            ("-config", "--config"),
            ("-config=/x=y", "--config=/x=y"),
            ("-debug", "--debug"),
            ("--debug", "--debug"),
            ("-h", "-h"),
            ("-", "-"),
            ("/a-config", "/a-config"),
        ] {
            assert_eq!(two_dashes(old.into()), OsString::from(new));
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }
}
