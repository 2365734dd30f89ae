//! A tool, found by the name that the agent offers it under.

use serde_json::{Value, json};

use super::{Request, Said, Tool};

/// Says which call an answer belongs to. The agent sends it back with what came of the tool.
pub const CALL: &str = "call_forty_two";

impl Tool {
    /// The call, if the agent hasn't been asked for it yet. Agents that may not use a tool don't always offer it: they are
    /// asked for it all the same, by the name that they would.
    pub(super) fn wanted<'a>(&self, request: &Request) -> Option<Said<'a>> {
        let body = request.json();
        let has_run = request.body.contains(CALL) || request.body.contains("functionResponse");
        if has_run {
            return None;
        }
        let offered = names(&body["tools"]);
        let last = self.names().last().filter(|_| !offered.is_empty());
        let name = self.names().iter().find(|name| offered.iter().any(|offered| offered == *name)).or(last)?;
        Some(Said::Tool { name: (*name).to_owned(), input: self.input(name) })
    }

    /// What the agents call it.
    fn names(&self) -> &'static [&'static str] {
        match self {
            Self::Shell(_) | Self::Outside(_) => &["Bash", "bash", "exec_command", "run_shell_command"],
            Self::Read(_) => &["Read", "read", "read_file"],
            Self::Write(_) => &["Write", "write", "write_file"],
            Self::Ask(_) => &["AskUserQuestion", "ask_user_question", "ask_user", "question", "request_user_input"],
        }
    }

    fn input(&self, name: &str) -> Value {
        match (self, name) {
            (Self::Shell(command), "exec_command") => json!({"cmd": command}),
            (Self::Outside(command), "exec_command") => {
                json!({"cmd": command, "sandbox_permissions": "require_escalated", "justification": "May I look?"})
            }
            (Self::Shell(command) | Self::Outside(command), "run_shell_command") => {
                json!({"command": command, "is_background": false})
            }
            (Self::Shell(command) | Self::Outside(command), _) => json!({"command": command, "description": "Look"}),
            (Self::Read(path), "read") => json!({"filePath": path}),
            (Self::Read(path), _) => json!({"file_path": path}),
            (Self::Write(path), "write") => json!({"filePath": path, "content": "forty-two\n"}),
            (Self::Ask(question), name) => ask(name, question),
            (Self::Write(path), _) => json!({"file_path": path, "content": "forty-two\n"}),
        }
    }
}

fn ask(name: &str, question: &str) -> Value {
    let options = json!([{"label": "Yes", "description": "It is"}, {"label": "No", "description": "It isn't"}]);
    let mut asked = json!({"question": question, "header": "Answer", "options": options});
    match name {
        "request_user_input" => asked["id"] = json!("answer"),
        "ask_user" => asked["type"] = json!("choice"),
        _ => asked["multiSelect"] = json!(false),
    }
    json!({"questions": [asked]})
}

/// Every API lists them in its own shape, each with a `name`.
fn names(tools: &Value) -> Vec<String> {
    let mut names = Vec::new();
    let mut left = vec![tools];
    while let Some(value) = left.pop() {
        match value {
            Value::Array(values) => left.extend(values),
            Value::Object(fields) => {
                names.extend(fields.get("name").and_then(Value::as_str).map(str::to_owned));
                left.extend(["function", "functionDeclarations"].iter().filter_map(|inner| fields.get(*inner)));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    names
}
