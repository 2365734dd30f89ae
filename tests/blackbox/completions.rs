//! Completions, asked for by the shells themselves.

use std::process::Stdio;

use crate::declare::agent;
use crate::harness::{AGENTD, Daemon, Host};

/// A host with agents whose names are to be completed.
fn host() -> (Host, Daemon) {
    let host = Host::new();
    host.configure(&format!(
        "{}{}{}",
        agent("reviewer-one", &["$PROBE", "wait"], ""),
        agent("reviewer-two", &["$PROBE", "wait"], ""),
        agent("other", &["$PROBE", "wait"], "")
    ));
    let daemon = host.start();
    (host, daemon)
}

/// Runs a script in a shell that finds agentd as an installed one; nothing if the shell is missing.
fn shell(host: &Host, shell: &[&str], script: &str) -> Option<String> {
    let directory = std::path::Path::new(AGENTD).parent().unwrap().to_str().unwrap();
    let path = format!("{directory}:{}", std::env::var("PATH").unwrap());
    let mut command = host.command(shell[0]);
    command
        .args(&shell[1..])
        .arg(script)
        .env("PATH", path)
        .env("AGENTD_API_SOCKET", host.api_socket())
        .current_dir(host.at("work"));
    let Ok(output) = command.stdin(Stdio::null()).output() else {
        eprintln!("SKIPPED: there is no {} to complete in", shell[0]);
        return None;
    };
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "nothing may be written into a command line");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// What bash offers for the last of these words.
fn bash(host: &Host, words: &[&str]) -> Vec<String> {
    let (last, before) = (words.last().unwrap(), words.len() - 1);
    let script = format!(
        "source <(agentd completions bash); COMP_WORDS=({}); COMP_CWORD={before}; COMP_TYPE=9; \
         _clap_complete_agentd agentd '{last}' ''; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ")
    );
    let out = shell(host, &["bash", "--norc", "-c"], &script).unwrap();
    out.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn bash_completes_what_is_told_though_it_splits_it() {
    let host = Host::new();
    assert_eq!(bash(&host, &["agentd", "notify", "ACT"]), ["ACTIVITY=", "ACTIVITY_SOURCE="]);
    assert_eq!(bash(&host, &["agentd", "notify", "ACTIVITY", "=", "bu"]), ["busy"]);
    assert_eq!(bash(&host, &["agentd", "notify", "ACTIVITY", "=", "busy", "OUTC"]), ["OUTCOME=", "OUTCOME_SOURCE="]);
    assert_eq!(bash(&host, &["agentd", "notify", "OUTCOME", ""]).len(), 7);
    assert_eq!(bash(&host, &["agentd", "notify", "QUESTION", ""]), [""; 0]);
}

#[test]
fn bash_completes_commands_and_names_of_running_agents() {
    let (host, daemon) = host();
    assert_eq!(bash(&host, &["agentd", "att"]), ["attach"]);
    assert_eq!(bash(&host, &["agentd", "init", "cu"]), ["cursor", "custom"]);
    let takes_names = |command: &&str| {
        let help = host.command(AGENTD).args([*command, "--help"]).output().unwrap().stdout;
        let help = String::from_utf8(help).unwrap();
        help.lines().any(|line| line.contains("Usage:") && line.contains("NAME"))
    };
    let commands: Vec<&str> = COMMANDS.into_iter().filter(takes_names).collect();
    assert!(commands.contains(&"status") && commands.contains(&"logs"), "{commands:?}");
    for command in commands {
        assert_eq!(bash(&host, &["agentd", command, "re"]), ["reviewer-one", "reviewer-two"], "{command}");
    }
    drop(daemon);
    assert_eq!(
        bash(&host, &["agentd", "status", "re"]),
        [""; 0],
        "without a daemon there is nothing, and nothing is said"
    );
}

#[test]
fn fish_completes_commands_and_names_of_running_agents() {
    let (host, _daemon) = host();
    let fish = |line: &str| {
        let script = format!("agentd completions fish | source; complete -C '{line}'");
        shell(&host, &["fish", "--no-config", "-c"], &script)
    };
    let Some(commands) = fish("agentd att") else { return };
    assert_eq!(commands, "attach\tAttach your terminal to an agent\n");
    let names: Vec<String> =
        fish("agentd status re").unwrap().lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect();
    assert_eq!(names, ["reviewer-one", "reviewer-two"]);
}

/// Types into a zsh with a line editor, which needs a terminal, and looks at the line that Tab made of it.
const ZSH: &str = r#"
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PS1=; unsetopt beep; $SETUP; print re''ady"
zpty -r -m z out '*ready*'
zpty -w -n z "$LINE"$'\t\C-aprint -r -- "<\C-e>"\n'
zpty -r -m z out $'*\n<agentd*>*'
print -r -- ${${out##*<}%%>*}
zpty -d z
"#;

#[test]
fn zsh_completes_commands_and_names_of_running_agents() {
    let (host, _daemon) = host();
    let sourced = "autoload -Uz compinit && compinit -u -D; source <(agentd completions zsh)";
    // As packages install it: a function that is loaded when it is called first.
    let installed = "mkdir -p functions; agentd completions zsh > functions/_agentd; fpath=($PWD/functions $fpath); \
                     autoload -Uz compinit && compinit -u -D";
    for setup in [sourced, installed] {
        for (typed, completed) in [
            ("att", "attach"),
            ("init cus", "init custom"),
            ("status oth", "status other"),
            ("logs reviewer-t", "logs reviewer-two"),
        ] {
            let script = ZSH.replace("$SETUP", setup).replace("$LINE", &format!("agentd {typed}"));
            let Some(line) = shell(&host, &["zsh", "-f", "-c"], &script) else { return };
            assert_eq!(line.trim_end(), format!("agentd {completed}"), "{setup}");
        }
    }
}

#[test]
fn a_daemon_that_does_not_answer_is_not_waited_for() {
    let (host, daemon) = host();
    daemon.signal(nix::sys::signal::Signal::SIGSTOP);
    let begin = std::time::Instant::now();
    let offered = bash(&host, &["agentd", "status", "re"]);
    daemon.signal(nix::sys::signal::Signal::SIGCONT);
    assert_eq!(offered, [""; 0]);
    // The client's own patience is ten seconds.
    assert!(begin.elapsed() < std::time::Duration::from_secs(8));
}

/// The commands that take the name of an agent.
const COMMANDS: [&str; 5] = ["status", "attach", "logs", "send", "events"];
