//! What is captured of each agent.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::agents::Agent;
use crate::provider::{FILE, Failure, Script, Tool};

/// One run.
pub struct Case {
    pub name: &'static str,
    pub script: Script,
    /// More arguments.
    pub args: Vec<&'static str>,
    /// More of its environment.
    pub env: Vec<(&'static str, &'static str)>,
    /// Sent when the question has reached the provider.
    pub signal: Option<Signal>,
    /// On a terminal: what it is waited for until it is ended.
    pub until: Until,
    /// Typed then.
    pub keys: &'static [&'static str],
    /// What that brings.
    pub then: Option<Until>,
}

/// When an agent on a terminal has come as far as the case wants.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// Its screen shows this.
    Shows(&'static str),
    /// Its hooks, or what else it tells, say this.
    Told(&'static str),
    /// The question has reached the provider.
    Asked,
    /// So much time has passed: of who tells nothing, or nothing that is known yet.
    Later(Duration),
}

const SHELL: Tool = Tool::Shell("echo forty-two > answer.txt");
/// What needs somebody's leave.
const OUTSIDE: Tool = Tool::Outside("echo forty-two > answer.txt");
/// opencode asks for nothing by itself.
const ASK: [(&str, &str); 1] = [("OPENCODE_PERMISSION", "{\"bash\":\"ask\"}")];
/// claude as one that is signed in to a plan, who alone is told of its limits.
const PLAN: [(&str, &str); 2] =
    [("ANTHROPIC_API_KEY", ""), ("CLAUDE_CODE_OAUTH_TOKEN", "sk-ant-oat01-0123456789abcdefghijklmnopqrstuvwxyz")];
const USED_UP: Script = Script::Fails(Failure::UsedUp { resets_in: Duration::from_secs(4000) });
const AFTER: Duration = Duration::from_secs(2);

pub fn headless(agent: &Agent) -> Vec<Case> {
    let case = |name, script| Case {
        name,
        script,
        args: Vec::new(),
        env: Vec::new(),
        signal: None,
        until: Until::Asked,
        keys: &[],
        then: None,
    };
    let mut cases = vec![
        case("success", Script::Answers),
        Case { args: agent.bypass.to_vec(), ..case("tool", Script::Uses(SHELL)) },
        Case { args: agent.ask.to_vec(), env: ASK.to_vec(), ..case("refused", Script::Uses(OUTSIDE)) },
        case("wrong_key", Script::Fails(Failure::WrongKey)),
        case("rate_limited", Script::Fails(Failure::RateLimited { resets_in: AFTER })),
        case("used_up", USED_UP),
        case("broken", Script::Fails(Failure::Broken)),
        case("overloaded", Script::Fails(Failure::Overloaded)),
        Case { signal: Some(Signal::SIGINT), ..case("sigint", Script::Hangs) },
        Case { signal: Some(Signal::SIGTERM), ..case("sigterm", Script::Hangs) },
    ];
    if agent.name == "claude-code" {
        cases.push(Case { env: PLAN.to_vec(), ..case("plan_success", Script::Answers) });
        cases.push(Case { env: PLAN.to_vec(), ..case("plan_used_up", USED_UP) });
        let mut args = agent.bypass.to_vec();
        args.extend(["--max-turns", "1"]);
        cases.push(Case { args, ..case("max_turns", Script::Uses(SHELL)) });
        let mut args = agent.bypass.to_vec();
        args.extend(["--max-budget-usd", "0.00001"]);
        cases.push(Case { args, ..case("over_budget", Script::Uses(SHELL)) });
    }
    if agent.name == "aider" {
        // It has no tools: it reads what to do with files in what the model says.
        cases.retain(|case| !matches!(case.name, "tool" | "refused"));
        cases.push(Case { args: agent.bypass.to_vec(), ..case("tool", Script::Says(FILE)) });
    }
    if agent.name == "qwen-code" {
        let mut args = agent.bypass.to_vec();
        args.extend(["--max-session-turns", "1"]);
        cases.push(Case { args, ..case("max_turns", Script::Uses(SHELL)) });
    }
    cases
}

pub fn interactive(agent: &Agent) -> Vec<Case> {
    let case = |name, script, until| Case {
        name,
        script,
        args: Vec::new(),
        env: Vec::new(),
        signal: None,
        until,
        keys: &[],
        then: None,
    };
    let failure = Until::Told("StopFailure");
    match agent.name {
        "claude-code" => {}
        // They tell nothing there.
        "copilot" | "aider" => return Vec::new(),
        _ => return others(agent),
    }
    let shell = || Script::Uses(SHELL);
    let asks = || Case { args: agent.ask.to_vec(), ..case("permission", shell(), Until::Told("permission_prompt")) };
    let at_once = Until::Told("PermissionRequest");
    vec![
        case("success", Script::Answers, Until::Told("\"Stop\"")),
        Case { args: agent.bypass.to_vec(), ..case("tool", shell(), Until::Told("\"Stop\"")) },
        asks(),
        Case { name: "permission_given", keys: &["Enter"], then: Some(Until::Told("\"Stop\"")), ..asks() },
        Case { name: "permission_refused", keys: &["Escape"], until: at_once, ..asks() },
        case("question", Script::Uses(Tool::Ask("Is it forty-two?")), Until::Told("Notification")),
        case("idle", Script::Answers, Until::Told("idle_prompt")),
        case("wrong_key", Script::Fails(Failure::WrongKey), failure),
        case("rate_limited", Script::Fails(Failure::RateLimited { resets_in: AFTER }), failure),
        case("used_up", USED_UP, failure),
        Case { env: PLAN.to_vec(), ..case("plan_used_up", USED_UP, failure) },
        case("broken", Script::Fails(Failure::Broken), failure),
        case("overloaded", Script::Fails(Failure::Overloaded), failure),
        Case { keys: &["Escape"], ..case("escaped", Script::Hangs, Until::Asked) },
        Case {
            keys: &["C-c"],
            then: Some(Until::Told("idle_prompt")),
            ..case("interrupted", Script::Hangs, Until::Asked)
        },
        Case {
            args: agent.bypass.to_vec(),
            keys: &["C-c"],
            ..case("interrupted_tool", Script::Uses(Tool::Shell("tail -f /dev/null")), Until::Told("PreToolUse"))
        },
    ]
}

/// Of whose failures it isn't known what they tell.
fn others(agent: &Agent) -> Vec<Case> {
    let case = |name, script, until| Case {
        name,
        script,
        args: Vec::new(),
        env: ASK.to_vec(),
        signal: None,
        until,
        keys: &[],
        then: None,
    };
    let (done, asks) = match agent.name {
        "gemini-cli" => ("AfterAgent", "ToolPermission"),
        "opencode" => ("session.idle", ".asked"),
        "qwen-code" => ("\"Stop\"", "permission_prompt"),
        _ => ("\"Stop\"", "PermissionRequest"),
    };
    let (done, asks) = (Until::Told(done), Until::Told(asks));
    let asked = |name| Case { args: agent.ask.to_vec(), ..case(name, Script::Uses(OUTSIDE), asks) };
    // Codex and qwen ask nothing of their own accord.
    let question = if matches!(agent.name, "codex" | "qwen-code") { done } else { asks };
    let later = Until::Later(Duration::from_secs(20));
    let (failure, retry) = match agent.name {
        "opencode" => (Until::Told("session.error"), Until::Told("\"retry\"")),
        _ => (later, later),
    };
    vec![
        case("success", Script::Answers, done),
        Case { args: agent.bypass.to_vec(), env: Vec::new(), ..case("tool", Script::Uses(SHELL), done) },
        asked("permission"),
        Case { keys: &["Enter"], then: Some(done), ..asked("permission_given") },
        Case { keys: &["Escape"], ..asked("permission_refused") },
        case("question", Script::Uses(Tool::Ask("Is it forty-two?")), question),
        case("wrong_key", Script::Fails(Failure::WrongKey), failure),
        case("rate_limited", Script::Fails(Failure::RateLimited { resets_in: AFTER }), retry),
        case("used_up", USED_UP, retry),
        case("broken", Script::Fails(Failure::Broken), retry),
        Case { keys: &["Escape"], ..case("escaped", Script::Hangs, Until::Asked) },
        Case { keys: &["C-c"], ..case("interrupted", Script::Hangs, Until::Asked) },
    ]
}
