//! `agentd diff`: what it says is what then happens.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use serde_json::{Value, json};

use crate::declare::agent;
use crate::harness::{AGENTD, Daemon, Host, until};

const WAIT: [&str; 2] = ["$PROBE", "wait"];

fn run(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn command(host: &Host, arguments: &[&str]) -> Command {
    let mut command = host.command(AGENTD);
    command.arg("diff").arg("--api-socket").arg(host.api_socket()).args(arguments);
    command
}

/// Compares a text with what the daemon has taken.
fn diff(host: &Host, text: &str) -> Value {
    let file = host.at("etc/new.toml");
    std::fs::write(&file, host.fill_in(text)).unwrap();
    let (code, out, err) = run(&mut command(host, &["--json", file.to_str().unwrap()]));
    assert_eq!((code, &*err), (0, ""), "{out}");
    serde_json::from_str(&out).unwrap()
}

fn changes(plan: &Value) -> BTreeMap<String, (String, Vec<String>)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let change = |change: &Value| {
        let fields = change["fields"].as_array().unwrap().iter().map(text).collect();
        (text(&change["name"]), (text(&change["action"]), fields))
    };
    plan["agents"].as_array().unwrap().iter().map(change).collect()
}

fn pids(daemon: &Daemon) -> BTreeMap<String, u64> {
    let (_, agents) = daemon.get("/v1/agents");
    let agents = agents.as_array().unwrap().iter();
    agents.filter_map(|agent| Some((agent["name"].as_str()?.to_owned(), agent["pid"].as_u64()?))).collect()
}

/// What happened to each agent, told by its process.
fn happened(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> BTreeMap<String, &'static str> {
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let what = |name: &String| match (before.get(name), after.get(name)) {
        (Some(old), Some(new)) if old == new => None,
        (Some(_), Some(_)) => Some("restart"),
        (None, _) => Some("start"),
        (_, None) => Some("stop"),
    };
    names.into_iter().filter_map(|name| Some((name.clone(), what(name)?))).collect()
}

/// Says what an edit would do, does it, and holds one against the other. `all` are the agents that then run.
fn edit(host: &Host, daemon: &Daemon, text: &str, all: &[&str]) -> BTreeMap<String, (String, Vec<String>)> {
    let said = changes(&diff(host, text));
    let before = pids(daemon);
    host.configure(text);
    daemon.wait("the edit to be taken", |line| {
        line["message"].as_str().is_some_and(|message| message.starts_with("took the configuration"))
    });
    let changed: Vec<&String> =
        said.iter().filter(|(_, (action, _))| action != "update").map(|(name, _)| name).collect();
    let after = until("the agents to settle", || {
        let now = pids(daemon);
        let settled = now.keys().eq(all.iter()) && changed.iter().all(|name| before.get(*name) != now.get(*name));
        settled.then_some(now)
    });
    let restarts: BTreeMap<String, &str> = happened(&before, &after);
    let promised: BTreeMap<String, &str> = said
        .iter()
        .filter(|(_, (action, _))| action != "update")
        .map(|(name, (action, _))| (name.clone(), action.as_str()))
        .collect();
    assert_eq!(restarts, promised);
    let again = diff(host, text);
    assert_eq!((&again["agents"], &again["unchanged"]), (&json!([]), &json!(all.len())), "then there is nothing to do");
    said
}

fn is(action: &str, fields: &[&str]) -> (String, Vec<String>) {
    (action.to_owned(), fields.iter().map(ToString::to_string).collect())
}

#[test]
fn to_be_prepared_is_a_change_of_what_is_launched() {
    let host = Host::new();
    let text = |prepare: bool| {
        format!(
            "[harness.mine]\nprogram = \"$PROBE\"\nprepare_as = \"qwen-code\"\nprepare_env = {{ K = \"1\" }}\n\
             [[agents]]\nharness = \"mine\"\nargs = [\"wait\"]\nworkdir = \"$DIR/work\"\nprepare = {prepare}\n"
        )
    };
    host.configure(&text(false));
    let daemon = host.start();
    daemon.wait_state("mine", "running");
    assert_eq!(edit(&host, &daemon, &text(true), &["mine"])["mine"], is("restart", &["env.K", "prepare"]));
}

#[test]
fn what_is_said_is_what_happens() {
    let host = Host::new();
    host.secret("ONE", "1");
    host.secret("TWO", "2");
    let a = agent("a", &WAIT, "secrets = [\"ONE\"]\nprompt = \"x\"");
    let b = agent("b", &WAIT, "secrets = []\nenv = { K = \"1\", L = \"2\" }");
    let c = agent("c", &WAIT, "secrets = []\nreplicas = 2");
    host.configure(&format!("{a}{b}{c}"));
    let daemon = host.start();
    daemon.wait_states(&[("a", "running"), ("b", "running"), ("c-0", "running"), ("c-1", "running")]);
    let all = ["a", "b", "c-0", "c-1"];
    let text = format!("# a word\n{b}{a}{c}");
    assert_eq!(changes(&diff(&host, &text)), BTreeMap::new());
    // A policy, and a program.
    let a = agent("a", &WAIT, "secrets = [\"ONE\"]\nprompt = \"y\"\ngrace_period = \"1s\"");
    let b = agent("b", &WAIT, "secrets = []\nenv = { K = \"1\", L = \"2\" }\nrestart = \"always\"\ntimeout = \"10h\"");
    let said = edit(&host, &daemon, &format!("{a}{b}{c}"), &all);
    assert_eq!(said["a"], is("restart", &["grace_period", "prompt"]));
    assert_eq!(said["b"], is("update", &["restart", "timeout"]));
    assert_eq!(said.len(), 2);
    // The environment, and who is there.
    let b = agent("b", &WAIT, "secrets = [\"TWO\"]\nenv = { K = \"3\" }\nrestart = \"always\"\ntimeout = \"10h\"");
    let d = agent("d", &["$PROBE", "wait", "more"], "");
    let said = edit(&host, &daemon, &format!("{a}{b}{d}"), &["a", "b", "d"]);
    assert_eq!(said["b"], is("restart", &["env.K", "env.L", "secrets.TWO"]));
    assert_eq!([&said["c-0"], &said["c-1"]], [&is("stop", &[]), &is("stop", &[])]);
    assert_eq!(said["d"], is("start", &[]));
    // Parts of the command line, the directory, the session.
    let d = agent("d", &WAIT, "session = \"other\"\nargs = [\"more\"]");
    let d = d.replace("$DIR/work", "$DIR/etc");
    let said = edit(&host, &daemon, &format!("{a}{b}{d}"), &["a", "b", "d"]);
    assert_eq!(said["d"], is("restart", &["args", "command", "session", "workdir"]));
    // The same program, declared in another way, and the same variable from another source.
    let d = agent("d", &["$PROBE", "wait", "more"], "session = \"other\"").replace("$DIR/work", "$DIR/etc");
    let a = agent("a", &WAIT, "secrets = []\nenv = { ONE = \"1\" }\nprompt = \"y\"\ngrace_period = \"1s\"");
    let said = edit(&host, &daemon, &format!("{a}{b}{d}"), &["a", "b", "d"]);
    assert_eq!(said["d"], is("update", &["args", "command"]));
    assert_eq!(said.len(), 1);
    let file = std::fs::read_to_string(host.at("etc/jcard.toml")).unwrap();
    assert_eq!(diff(&host, &file)["not_compared"], Value::Null);
}

#[test]
fn secrets_are_told_by_name_only_and_nobody_hears_more() {
    let host = Host::new();
    host.secret("TOKEN", "sk-before");
    host.configure(&agent("a", &WAIT, "prompt_file = \"p.txt\"\nenv = { V = \"sk-env\" }"));
    std::fs::write(host.at("etc/p.txt"), "sk-prompt\n").unwrap();
    let daemon = host.start();
    daemon.wait_state("a", "running");
    let (status, declared) = daemon.get("/v1/declared");
    assert_eq!(status, 200);
    let text = declared.to_string();
    assert!(!text.contains("sk-"), "{text}");
    for digest in declared["agents"][0]["fields"].as_object().unwrap().values() {
        assert_eq!(digest.as_str().map(str::len), Some(8), "{text}");
    }
    // A copy of the secrets that differs, as the next generation would.
    let text = agent("a", &WAIT, "prompt_file = \"q.txt\"\nenv = { V = \"sk-env\" }");
    std::fs::write(host.at("etc/q.txt"), "sk-prompt").unwrap();
    assert_eq!(changes(&diff(&host, &text)), BTreeMap::new(), "the same prompt from elsewhere is the same");
    std::fs::write(host.at("etc/q.txt"), "sk-other").unwrap();
    assert_eq!(changes(&diff(&host, &text))["a"], is("restart", &["prompt"]));
}

#[test]
fn values_are_compared_only_for_those_who_can_read_them() {
    let Some(host) = Host::as_root() else { return };
    host.secret("TOKEN", "before");
    host.configure(&agent("a", &WAIT, "env = { V = \"1\" }"));
    let daemon = host.start();
    daemon.wait_state("a", "running");
    let file = host.at("etc/new.toml");
    std::fs::write(&file, host.fill_in(&agent("a", &WAIT, "env = { V = \"2\", W = \"2\" }"))).unwrap();
    let plan = |command: &mut Command| {
        let (code, out, err) = run(command.arg(&file));
        assert_eq!(code, 0, "{err}");
        serde_json::from_str::<Value>(&out).unwrap()
    };
    let of_root = plan(&mut command(&host, &["--json"]));
    assert_eq!(changes(&of_root)["a"], is("restart", &["env.V", "env.W"]));
    let user = host.account.as_ref().unwrap();
    let of_user = plan(command(&host, &["--json"]).uid(user.uid).gid(user.gid()));
    assert_eq!(changes(&of_user)["a"], is("restart", &["env.W"]));
    assert!(of_user["not_compared"].as_str().unwrap().contains("only their names"), "{of_user}");
    std::fs::set_permissions(host.at("secrets"), std::fs::Permissions::from_mode(0o700)).unwrap();
    let of_user = plan(command(&host, &["--json"]).uid(user.uid).gid(user.gid()));
    assert_eq!(changes(&of_user)["a"], is("restart", &["env.W"]));
    assert!(of_user["not_compared"].as_str().unwrap().contains("can't be read from here"), "{of_user}");
}

#[test]
fn people_get_a_line_an_agent_and_scripts_a_status() {
    let host = Host::new();
    host.configure(&format!("{}{}", agent("stays", &WAIT, ""), agent("goes", &WAIT, "")));
    let daemon = host.start();
    daemon.wait_states(&[("stays", "running"), ("goes", "running")]);
    let (code, out, err) = run(&mut command(&host, &["--exit-code"]));
    assert_eq!((code, &*out, &*err), (0, "Nothing to do: 2 agents unchanged.\n", ""), "the daemon's own file");
    let file = host.at("etc/new.toml");
    let text = format!("{}{}", agent("stays", &WAIT, "env = { A = \"1\" }"), agent("comes", &WAIT, ""));
    std::fs::write(&file, host.fill_in(&text)).unwrap();
    let (code, out, _) = run(&mut command(&host, &["--exit-code", file.to_str().unwrap()]));
    let expected =
        "+ start    comes\n- stop     goes\n~ restart  stays  env.A\n\n1 to start, 1 to restart, 1 to stop.\n";
    assert_eq!((code, &*out), (1, expected));
    let (code, _, _) = run(&mut command(&host, &[file.to_str().unwrap()]));
    assert_eq!(code, 0);
    std::fs::write(&file, "[agent]\nharness = \"codx\"\n").unwrap();
    let (code, out, _) = run(&mut command(&host, &[file.to_str().unwrap()]));
    assert_eq!(code, 1);
    assert!(out.contains("did you mean \"codex\"?") && out.ends_with("new.toml: 1 error\n"), "{out}");
}

#[test]
fn a_daemon_that_has_taken_nothing_yet_is_said_to() {
    let host = Host::new();
    host.configure("[agent]\n");
    let daemon = host.start();
    let (_, declared) = daemon.get("/v1/declared");
    assert_eq!(declared["agents"], Value::Null);
    let plan = diff(&host, &agent("one", &WAIT, ""));
    assert_eq!(
        (&plan["taken"], changes(&plan)),
        (&json!(false), BTreeMap::from([("one".to_owned(), is("start", &[]))]))
    );
}

#[test]
fn an_agent_that_has_ended_may_start_again_under_another_policy() {
    let host = Host::new();
    host.secret("TOKEN", "x");
    let text = agent("a", &["true"], "");
    host.configure(&text);
    let daemon = host.start();
    daemon.wait_state("a", "exited");
    let plan = diff(&host, &format!("{text}restart = \"always\"\nbackoff = \"10h\"\n"));
    assert_eq!(changes(&plan)["a"], is("update", &["backoff", "backoff_max", "restart"]));
    assert_eq!(plan["may_start"], json!(["a"]));
    let plan = diff(&host, &format!("{text}grace_period = \"1s\"\n"));
    assert_eq!(plan["may_start"], Value::Null);
    std::fs::rename(host.at("secrets"), host.at("elsewhere")).unwrap();
    let plan = diff(&host, &text);
    assert_eq!(changes(&plan), BTreeMap::new(), "the daemon keeps what it has");
    assert!(plan["not_compared"].as_str().unwrap().contains("secrets"), "{plan}");
}

#[test]
fn without_a_daemon_that_is_said() {
    let host = Host::new();
    let (code, _, err) = run(&mut command(&host, &[]));
    assert_eq!(code, 3, "{err}");
}
