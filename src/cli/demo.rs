//! `agentd demo`: two small scripted agents in a private directory, as the current user, until C-c.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use crate::daemon::{self, Keeper, Options};
use crate::sys::identity::Identity;
use crate::sys::{runtime_dir, tmux};

use super::run::{LogFormat, start_log};

/// One that goes on, and one that crashes again and again.
const AGENTS: &str = r#"# Edit this file while the demo runs: agentd notices.

[[agents]]
name = "clock"
harness = "custom"
command = ["sh", "-c", "while :; do date +%T; sleep 1; done"]
workdir = "$WORKDIR"

[[agents]]
name = "flaky"
harness = "custom"
command = ["sh", "-c", "echo 'thinking…'; sleep 5; echo 'segmentation fault (not really)'; exit 139"]
workdir = "$WORKDIR"
restart = "on-failure"
backoff = "2s"
"#;

/// Runs the demo to its end and removes what it made.
pub fn demo() -> ExitCode {
    match prepare() {
        Ok(directory) => {
            let ended = show(&directory).map_err(|error| error.to_string());
            let removed = std::fs::remove_dir_all(&directory).map_err(|error| error.to_string());
            report(ended.and(removed))
        }
        Err(error) => report(Err(error.to_string())),
    }
}

fn report(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // There is nowhere else to say it.
            let _ = writeln!(io::stderr(), "agentd demo: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A private directory with a configuration.
fn prepare() -> io::Result<PathBuf> {
    if !tmux::install::is_installed() {
        writeln!(io::stderr(), "tmux is missing; installing it")?;
        tmux::install::install()?;
    }
    let directory = runtime_dir::make_private("agentd-demo")?;
    let workdir = directory.join("work");
    std::fs::create_dir(&workdir)?;
    std::fs::create_dir(directory.join("secrets"))?;
    std::fs::write(directory.join("jcard.toml"), AGENTS.replace("$WORKDIR", &workdir.to_string_lossy()))?;
    Ok(directory)
}

fn show(directory: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let at = |name: &str| directory.join(name);
    let (tmux_socket, api_socket, config) = (at("tmux.sock"), at("agentd.sock"), at("jcard.toml"));
    writeln!(
        io::stderr(),
        "\n\
         agentd keeps two agents running: `clock`, and `flaky`, which crashes and is restarted.\n\n  \
         look at them:  tmux -S {tmux} attach -t clock   (to detach: C-b d)\n  \
         ask the API:   curl --unix-socket {api} http://localhost/v1/agents\n  \
         change them:   {config}\n  \
         end it all:    C-c\n",
        tmux = tmux_socket.display(),
        api = api_socket.display(),
        config = config.display(),
    )?;
    start_log(LogFormat::Text, false);
    let agentd = std::env::current_exe()?;
    let options = Options {
        config,
        secret_dir: at("secrets"),
        credentials_dir: None,
        tmux_socket,
        keeper: Keeper::Daemon,
        api_socket,
        shim_socket: at("shim.sock"),
        user: Identity::current(),
        drop_to_user: false,
        agent_path: None,
        admins: None,
        shim: daemon::find_shim(&agentd),
        agentd,
        tmux: PathBuf::from("tmux"),
        resync: Duration::from_secs(5),
        detach_on_exit: false,
        debug: false,
    };
    Ok(daemon::run(options)?)
}
