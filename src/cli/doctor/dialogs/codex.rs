//! Codex asks in its full-screen form how to sign in, whatever keys there are in its environment, and whether a directory is
//! trusted; headless it refuses one that isn't in a git repository.

use std::path::Path;

use crate::cli::doctor::finding::Finding;
use crate::cli::doctor::subject::Subject;

use super::document::{Document, toml};
use super::question;

const BYPASS: &str = "--dangerously-bypass-approvals-and-sandbox";

pub fn look(subject: &Subject, workdir: &Path) -> Vec<Finding> {
    let repository = workdir.ancestors().find(|dir| dir.join(".git").exists());
    if subject.argument(1) == Some("exec") {
        let may_be_anywhere = subject.has_argument("--skip-git-repo-check") || subject.has_argument(BYPASS);
        return (repository.is_none() && !may_be_anywhere).then(|| refused(workdir)).into_iter().collect();
    }
    let directory = subject.directory("CODEX_HOME", ".codex");
    let document = toml(&directory.join("config.toml"));
    if let Document::Broken(finding) = document {
        return vec![finding];
    }
    let mut findings = Vec::new();
    // Another provider needs none of its logins.
    let is_own = document.value().is_none_or(|settings| !settings.contains_key("model_provider"));
    if is_own && !directory.join("auth.json").exists() {
        let what = "codex asks how to sign in; a key in its environment is not enough for its full-screen form";
        findings.push(question(subject, what));
    }
    let projects = document.value().and_then(|settings| settings.get("projects")?.as_table());
    let is_known =
        |dir: &Path| projects.and_then(|projects| projects.get(dir.to_str()?)?.get("trust_level")?.as_str()).is_some();
    if is_known(workdir) || repository.is_some_and(is_known) {
        return findings;
    }
    let shown = workdir.display();
    findings.push(if repository.is_some() && !subject.has_argument(BYPASS) {
        question(subject, &format!("codex asks whether {shown} is trusted"))
    } else {
        // Some versions ask, some don't.
        Finding::warning("agent-trust", format!("codex does not know whether {shown} is trusted, and may ask"))
            .advise(format!("answer it once, or write trust_level for it into {}/config.toml", directory.display()))
    });
    findings
}

fn refused(workdir: &Path) -> Finding {
    let what = format!("codex refuses to work in {}, which is in no git repository", workdir.display());
    Finding::problem("agent-git", what).advise("args = [\"--skip-git-repo-check\"], or `git init` there")
}

#[cfg(test)]
mod tests {
    use super::super::{checks, subject};

    #[test]
    fn a_directory_is_trusted_or_a_repository() {
        let home = tempfile::tempdir().unwrap();
        let work = home.path().join("work");
        std::fs::create_dir_all(home.path().join(".codex")).unwrap();
        std::fs::create_dir(&work).unwrap();
        let one = |argv: &[&str]| checks(&subject("codex", home.path(), argv, &[("OPENAI_API_KEY", "x")]), &work);
        assert_eq!(one(&["codex"]), ["agent-first-run", "agent-trust"], "nobody has signed in");
        std::fs::write(home.path().join(".codex/auth.json"), "{}").unwrap();
        assert_eq!(one(&["codex"]), ["agent-trust"]);
        assert_eq!(one(&["codex", "exec", "x"]), ["agent-git"]);
        assert_eq!(one(&["codex", "exec", "--skip-git-repo-check", "x"]), [""; 0]);
        let config = home.path().join(".codex/config.toml");
        std::fs::write(&config, "projects = = x").unwrap();
        assert_eq!(one(&["codex"]), ["agent-settings"]);
        std::fs::write(&config, "projects = 3").unwrap();
        assert_eq!(one(&["codex"]), ["agent-trust"]);
        std::fs::write(&config, format!("[projects.{:?}]\ntrust_level = \"trusted\"\n", work.to_str().unwrap()))
            .unwrap();
        assert_eq!(one(&["codex"]), [""; 0]);
        std::fs::create_dir(work.join(".git")).unwrap();
        assert_eq!(one(&["codex", "exec", "x"]), [""; 0]);
        std::fs::remove_file(&config).unwrap();
        assert_eq!(one(&["codex"]), ["agent-first-run"], "a repository that nobody trusts");
        assert_eq!(one(&["codex", super::BYPASS]), ["agent-trust"]);
    }
}
