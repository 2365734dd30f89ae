//! What an agent does to its terminal, and to the tmux server, which it may command.

use std::os::unix::fs::MetadataExt;

use crate::harness::{AGENTD, Host, until};
use crate::threats::Siege;

#[test]
fn a_flooded_terminal_slows_nobody_down() {
    for host in Host::both() {
        let script = "yes '0123456789 0123456789 0123456789 0123456789 0123456789' | head -c 30000000; \
             touch done; exec yes";
        let siege = Siege::begin(host, script, "grace_period = \"1s\"");
        siege.the_rest_still_works();
        siege.host.file("done");
        siege.the_rest_still_works();
        siege.lift();
    }
}

#[test]
fn what_is_written_for_other_terminals_reaches_none() {
    let host = Host::new();
    let script = r"printf '\033]0;title \033[31m\007\033]2;$(touch owned)\033\\\033]52;c;b3duZWQ=\007\033k#(touch owned)\033\\'
        printf '\033[6n\033[c\033[?1049hscreen\302\233 2J \342\200\256 reversed\033P+q544e\033\\\n'; touch done; exec sleep 1000";
    let siege = Siege::begin(host, script, "");
    siege.host.file("done");
    for words in [&["status"][..], &["status", "attacker"], &["logs", "attacker"], &["events"]] {
        let output = siege.host.command(AGENTD).args(words).arg("--api-socket").arg(siege.host.api_socket()).output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        assert!(!text.is_empty(), "{words:?}");
        let commands = |c: char| c.is_control() && c != '\n';
        assert!(!text.contains(commands), "{words:?} writes {text:?}");
    }
    assert!(!siege.host.at("work/owned").exists());
    siege.the_rest_still_works();
}

#[test]
fn what_the_tmux_server_is_told_runs_as_the_agents_user_and_disturbs_nobody() {
    let Some(host) = Host::as_root() else { return };
    let uid = host.account.as_ref().unwrap().uid;
    let script = host.fill_in(
        "t='tmux -S $DIR/run/agentd/tmux.sock'; \
         $t set-hook -g session-created 'run-shell \"touch $DIR/work/hooked\"'; \
         $t set-hook -g client-attached 'run-shell \"touch $DIR/work/attached\"'; \
         $t set -g default-command 'touch $DIR/work/default; sleep 1000'; \
         $t set -g default-shell /bin/false; \
         $t set -g status-left '#(touch $DIR/work/status)'; \
         $t set -g update-environment 'PATH HOME'; $t set-environment -g LD_PRELOAD /nonexistent.so; \
         $t set -g history-limit 10; $t set -g prefix C-c; $t bind-key -n C-c kill-server; \
         $t rename-session -t =attacker: renamed; $t link-window -s =renamed: -t =bystander:7; \
         $t set -s exit-empty on; $t set -g remain-on-exit on; touch done; exec sleep 1000",
    );
    let siege = Siege::begin(host, &script, "");
    siege.host.file("done");
    siege.the_rest_still_works();
    // A new session, and a new client.
    let again = crate::declare::agent("again", &["$PROBE", "wait"], "");
    siege.host.configure(&[Siege::bystander(), again].concat());
    siege.daemon.wait_states(&[("attacker", "none"), ("again", "running")]);
    until("the hook", || siege.host.at("work/hooked").exists().then_some(()));
    for entry in std::fs::read_dir(siege.host.at("work")).unwrap().flatten() {
        assert_eq!(entry.metadata().unwrap().uid(), uid, "{}", entry.path().display());
    }
    siege.the_rest_still_works();
}

#[test]
fn aliases_of_tmux_commands_make_root_run_nothing() {
    let Some(host) = Host::as_root() else { return };
    let uid = host.account.as_ref().unwrap().uid;
    let script = host.fill_in(
        "t='tmux -S $DIR/run/agentd/tmux.sock'; n=20; \
         for name in new-session list-panes kill-session send-keys copy-mode resize-window set-option; do n=$((n + 1)); \
           $t set -s \"command-alias[$n]\" \"$name=run-shell 'touch $DIR/work/alias-$name' ; $name\"; done; \
         touch done; exec sleep 1000",
    );
    let siege = Siege::begin(host, &script, "");
    siege.host.file("done");
    let again = crate::declare::agent("again", &["$PROBE", "wait"], "");
    siege.host.configure(&[Siege::bystander(), again].concat());
    until("an alias to be used", || siege.host.at("work/alias-new-session").exists().then_some(()));
    for entry in std::fs::read_dir(siege.host.at("work")).unwrap().flatten() {
        assert_eq!(entry.metadata().unwrap().uid(), uid, "{}", entry.path().display());
    }
    // Sessions can't be made now, which the agents' user has done to itself; what runs goes on, and is told.
    until("the refusal to be told", || (!siege.daemon.agent("again")["error"].is_null()).then_some(()));
    siege.the_rest_still_works();
}
