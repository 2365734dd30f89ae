//! Gemini asks how to log in, and whether a directory is trusted. The answers are in `.gemini` in its home.

use std::path::Path;

use serde_json::Value;

use crate::cli::doctor::finding::Finding;
use crate::cli::doctor::subject::Subject;

use super::document::{Document, json};
use super::question;

pub fn look(subject: &Subject, workdir: &Path) -> Vec<Finding> {
    let directory = subject.home().join(".gemini");
    let document = json(&directory.join("settings.json"));
    if let Document::Broken(finding) = document {
        return vec![finding];
    }
    let settings = document.value().unwrap_or(&Value::Null);
    let security = &settings["security"];
    let mut findings = Vec::new();
    let is_headless = subject.has_argument("-p") || subject.has_argument("--prompt");
    if !is_headless && security["auth"]["selectedType"].as_str().is_none() {
        findings.push(question(subject, "gemini asks how to log in (security.auth.selectedType is not set)"));
    }
    let asks = security["folderTrust"]["enabled"].as_bool() != Some(false);
    if asks && !subject.has("GEMINI_CLI_TRUST_WORKSPACE") && !is_trusted(&directory, workdir) {
        let what = format!("gemini does not trust {}: it may ask, or ignore what it finds there", workdir.display());
        findings.push(
            Finding::warning("agent-trust", what)
                .advise("env = { GEMINI_CLI_TRUST_WORKSPACE = \"true\" }, or answer it once"),
        );
    }
    findings
}

fn is_trusted(directory: &Path, workdir: &Path) -> bool {
    let document = json(&directory.join("trustedFolders.json"));
    let trusts = |dir: &Path| {
        let word = document.value().and_then(|folders| folders[dir.to_string_lossy().as_ref()].as_str());
        word.is_some_and(|word| word.starts_with("TRUST_"))
    };
    workdir.ancestors().any(trusts)
}

#[cfg(test)]
mod tests {
    use super::super::{checks, subject};

    #[test]
    fn a_login_is_chosen_and_a_directory_trusted() {
        let home = tempfile::tempdir().unwrap();
        let work = home.path().join("work");
        let directory = home.path().join(".gemini");
        std::fs::create_dir(&directory).unwrap();
        let key = ("GEMINI_API_KEY", "x");
        let one = |env: &[(&str, &str)]| checks(&subject("gemini-cli", home.path(), &["gemini"], env), &work);
        assert_eq!(one(&[key]), ["agent-first-run", "agent-trust"]);
        assert_eq!(one(&[key, ("GEMINI_CLI_TRUST_WORKSPACE", "true")]), ["agent-first-run"]);
        let settings = directory.join("settings.json");
        std::fs::write(&settings, "{\"security\": {\"auth\": {\"selectedType\": \"gemini-api-key\"}}}").unwrap();
        assert_eq!(one(&[key]), ["agent-trust"]);
        let folders = serde_json::json!({ home.path().to_str().unwrap(): "TRUST_FOLDER" });
        std::fs::write(directory.join("trustedFolders.json"), folders.to_string()).unwrap();
        assert_eq!(one(&[key]), [""; 0]);
        std::fs::write(&settings, "{").unwrap();
        assert_eq!(one(&[key]), ["agent-settings"]);
    }
}
