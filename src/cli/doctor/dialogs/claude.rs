//! Claude Code asks in its full-screen form: how it shall look, whether a key may be used, whether the directory is
//! trusted, and whether to do without permissions. The answers are in `.claude.json`, the last one's in its settings.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde_json::Value;

use crate::cli::doctor::finding::Finding;
use crate::cli::doctor::subject::Subject;

use super::document::{Document, json};
use super::question;

/// A key is remembered by so many of its last characters.
const KEY_END: usize = 20;

pub fn look(subject: &Subject, workdir: &Path) -> Vec<Finding> {
    let mut findings: Vec<Finding> = root_bypass(subject).into_iter().collect();
    // Headless, it asks nothing.
    if subject.has_argument("-p") || subject.has_argument("--print") {
        return findings;
    }
    findings.extend(bypass_question(subject));
    // Beside the directory of its settings, but in it if that was moved.
    let file = subject.directory("CLAUDE_CONFIG_DIR", "").join(".claude.json");
    let document = json(&file);
    if !matches!(document, Document::Broken(_)) {
        findings.extend(questions(subject, document.value().unwrap_or(&Value::Null), workdir));
    }
    findings.extend(document.into_finding());
    findings
}

fn bypasses(subject: &Subject) -> bool {
    subject.has_argument("bypassPermissions") || subject.has_argument("--dangerously-skip-permissions")
}

/// Its first answer is to end.
fn bypass_question(subject: &Subject) -> Option<Finding> {
    if !bypasses(subject) {
        return None;
    }
    let document = json(&subject.directory("CLAUDE_CONFIG_DIR", ".claude").join("settings.json"));
    let accepted = document.value().is_some_and(|settings| settings["skipDangerousModePermissionPrompt"] == true);
    if let Document::Broken(finding) = document {
        return Some(finding);
    }
    (!accepted).then(|| question(subject, "claude asks whether it shall really bypass all permissions"))
}

fn questions(subject: &Subject, settings: &Value, workdir: &Path) -> Vec<Finding> {
    let is_true = |value: &Value| value.as_bool() == Some(true);
    let mut findings = Vec::new();
    if !is_true(&settings["hasCompletedOnboarding"]) {
        findings.push(question(subject, "claude asks how it shall look, as at every first start"));
    }
    if let Some(key) = subject.variable("ANTHROPIC_API_KEY").filter(|key| !key.is_empty()) {
        let key = key.as_bytes();
        let end = key.get(key.len().saturating_sub(KEY_END)..).unwrap_or_default();
        let approved = settings["customApiKeyResponses"]["approved"].as_array().map_or(&[][..], Vec::as_slice);
        if !approved.iter().any(|known| known.as_str().is_some_and(|known| known.as_bytes() == end)) {
            findings.push(question(subject, "claude asks whether it may use ANTHROPIC_API_KEY"));
        }
    }
    // Trust in a directory is trust in all below it.
    let trusted = |dir: &Path| is_true(&settings["projects"][dir.to_string_lossy().as_ref()]["hasTrustDialogAccepted"]);
    if !workdir.ancestors().any(trusted) {
        findings.push(question(subject, &format!("claude asks whether {} is trusted", workdir.display())));
    }
    findings
}

fn root_bypass(subject: &Subject) -> Option<Finding> {
    let is_refused = bypasses(subject) && subject.user.uid == 0 && !subject.has("IS_SANDBOX");
    is_refused.then(|| {
        Finding::problem("agent-root-bypass", "claude refuses `permissions = \"bypass\"` as root")
            .advise("run agents as another user, or set IS_SANDBOX = \"1\" in its `env` if this is a sandbox")
    })
}

#[cfg(test)]
mod tests {
    use super::super::{checks, subject};

    #[test]
    fn the_questions_of_a_first_start_are_found() {
        let home = tempfile::tempdir().unwrap();
        let (file, work) = (home.path().join(".claude.json"), home.path().join("work"));
        let key = [("ANTHROPIC_API_KEY", "sk-ant-0123456789abcdefghij")];
        let one = |argv: &[&str]| checks(&subject("claude-code", home.path(), argv, &key), &work);
        assert_eq!(one(&["claude"]), ["agent-first-run"; 3], "a fresh home");
        assert_eq!(one(&["claude", "-p", "x"]), [""; 0], "headless");
        std::fs::write(&file, "{").unwrap();
        assert_eq!(one(&["claude"]), ["agent-settings"]);
        std::fs::write(&file, "[1]").unwrap();
        assert_eq!(one(&["claude"]), ["agent-first-run"; 3], "of another shape");
        let settings = serde_json::json!({
            "hasCompletedOnboarding": true,
            "customApiKeyResponses": { "approved": ["0123456789abcdefghij"] },
            "projects": { home.path().to_str().unwrap(): { "hasTrustDialogAccepted": true } },
        });
        std::fs::write(&file, settings.to_string()).unwrap();
        assert_eq!(one(&["claude"]), [""; 0]);
        let bypass = ["claude", "--permission-mode", "bypassPermissions"];
        let sandbox = [key[0], ("IS_SANDBOX", "1")];
        let one = || checks(&subject("claude-code", home.path(), &bypass, &sandbox), &work);
        assert_eq!(one(), ["agent-first-run"]);
        std::fs::create_dir(home.path().join(".claude")).unwrap();
        let settings = home.path().join(".claude/settings.json");
        std::fs::write(&settings, "{\"skipDangerousModePermissionPrompt\": true}").unwrap();
        assert_eq!(one(), [""; 0]);
        let other = [("ANTHROPIC_API_KEY", "sk-ant-other")];
        assert_eq!(checks(&subject("claude-code", home.path(), &["claude"], &other), &work), ["agent-first-run"]);
        let moved = home.path().join("moved");
        let env = [key[0], ("CLAUDE_CONFIG_DIR", moved.to_str().unwrap())];
        assert_eq!(checks(&subject("claude-code", home.path(), &["claude"], &env), &work), ["agent-first-run"; 3]);
    }
}
