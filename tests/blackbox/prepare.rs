//! `agentd prepare`, as it is run right before an agent.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::harness::{AGENTD, Host, kill, until};

const KEY: &str = "sk-ant-0123456789-nobody-may-see-this";

/// As the agents' user, in the workdir, which is its home.
fn prepare(host: &Host, words: &[&str]) -> Command {
    let mut command = host.command(AGENTD);
    if let Some(account) = &host.account {
        std::os::unix::process::CommandExt::uid(&mut command, account.uid);
    }
    command.arg("prepare").args(words).env_clear().current_dir(host.at("work"));
    command.env("HOME", host.at("work")).env("ANTHROPIC_API_KEY", KEY);
    command
}

fn said(output: &Output) -> String {
    assert!(output.stdout.is_empty());
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(!said.contains(KEY), "{said}");
    assert_eq!(output.status.success(), said.is_empty(), "{said}");
    said
}

fn settings(host: &Host) -> Value {
    serde_json::from_slice(&fs::read(host.at("work/.claude.json")).unwrap()).unwrap()
}

#[test]
fn an_empty_home_is_prepared_in_silence_and_a_second_time_nothing_is_done() {
    for host in Host::both() {
        assert_eq!(said(&prepare(&host, &["claude-code", "--bypass"]).output().unwrap()), "");
        let work = host.at("work").canonicalize().unwrap();
        assert_eq!(
            settings(&host),
            json!({
                "hasCompletedOnboarding": true,
                "customApiKeyResponses": { "approved": [KEY[KEY.len() - 20..]] },
                "projects": { work.to_str().unwrap(): { "hasTrustDialogAccepted": true } },
            })
        );
        let file = |name: &str| fs::metadata(host.at("work").join(name)).unwrap();
        let before = [file(".claude.json"), file(".claude/settings.json")];
        assert_eq!(before.each_ref().map(|file| file.mode() & 0o777), [0o600; 2]);
        assert_eq!(said(&prepare(&host, &["claude-code", "--bypass"]).output().unwrap()), "");
        let after = [file(".claude.json"), file(".claude/settings.json")];
        assert_eq!(after.map(|file| file.ino()), before.map(|file| file.ino()));
    }
}

#[test]
fn what_it_can_not_do_is_a_line_and_the_rest_is_done() {
    let host = Host::new();
    fs::create_dir(host.at("work/.claude")).unwrap();
    host.own(&host.at("work/.claude"));
    fs::write(host.at("work/.claude/settings.json"), format!("{{ {KEY}")).unwrap();
    host.own(&host.at("work/.claude/settings.json"));
    let said = said(&prepare(&host, &["claude-code", "--bypass"]).output().unwrap());
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("settings.json is no JSON (line 1, column 3), and is left as it is"), "{said}");
    assert_eq!(settings(&host)["hasCompletedOnboarding"], true);
}

#[test]
fn of_what_is_not_known_nothing_is_prepared() {
    let host = Host::new();
    for words in [&["opencode"][..], &["no-such-thing", "--later"], &["claude-code", "--headless", "--later"]] {
        assert_eq!(said(&prepare(&host, words).output().unwrap()), "");
    }
    assert_eq!(fs::read_dir(host.at("work")).unwrap().count(), 0);
}

#[test]
fn a_home_that_can_not_be_written_fails_and_says_so() {
    let host = Host::new();
    let mut command = prepare(&host, &["claude-code"]);
    let said = said(&command.env("HOME", "/proc/none").output().unwrap());
    assert!(said.contains("/proc/none/.claude.json can't be written"), "{said}");
}

/// Only root can set this stage: what it leaves in another's home, the other can't change.
#[test]
fn root_leaves_the_homes_of_others_alone() {
    let Some(host) = Host::as_root() else { return };
    let mut command = Command::new(AGENTD);
    command.args(["prepare", "claude-code"]).env_clear().current_dir(host.at("work")).env("HOME", host.at("work"));
    let said = said(&command.output().unwrap());
    assert!(said.contains("and root leaves it alone"), "{said}");
    assert_eq!(fs::read_dir(host.at("work")).unwrap().count(), 0);
    // Nor does a directory that another owns help.
    let moved = host.at("work/moved");
    fs::create_dir(&moved).unwrap();
    chown(&moved, Some(host.account.as_ref().unwrap().uid), None).unwrap();
    command.env("HOME", host.path()).env("CLAUDE_CONFIG_DIR", &moved);
    let said = crate::prepare::said(&command.output().unwrap());
    assert!(said.contains("is left alone"), "{said}");
    assert_eq!(fs::read_dir(&moved).unwrap().count(), 0);
}

/// Agents of one home start at once, each in a workdir of its own.
#[test]
fn many_at_once_lose_nothing_of_each_other() {
    const MANY: usize = 20;
    let host = Host::new();
    let workdir = |index: usize| host.at("work").join(format!("w{index}"));
    let children: Vec<_> = (0..MANY)
        .map(|index| {
            fs::create_dir(workdir(index)).unwrap();
            prepare(&host, &["claude-code"]).current_dir(workdir(index)).spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let settings = settings(&host);
    let is_trusted = |index| settings["projects"][real(&workdir(index))]["hasTrustDialogAccepted"] == true;
    assert!((0..MANY).all(is_trusted), "{settings}");
}

fn real(path: &Path) -> String {
    path.canonicalize().unwrap().into_os_string().into_string().unwrap()
}

/// It is killed where it takes too long, and then nothing is half done.
#[test]
fn one_that_is_killed_leaves_the_file_as_it_was() {
    let host = Host::new();
    let file = host.at("work/.claude.json");
    fs::write(&file, "{ \"mine\": 1 }").unwrap();
    host.own(&file);
    // As claude holds it while it writes.
    fs::create_dir(host.at("work/.claude.json.lock")).unwrap();
    let mut child = prepare(&host, &["claude-code"]).spawn().unwrap();
    let directory = || fs::File::open(host.at("work")).unwrap();
    until("it to wait", || directory().try_lock().is_err().then_some(()));
    kill(child.id(), nix::sys::signal::Signal::SIGKILL);
    child.wait().unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "{ \"mine\": 1 }");
}
