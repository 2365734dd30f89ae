//! What stands between each harness and its work: a key or a login, and the questions that it asks at its first start.
//!
//! The table says what each program wants, by its harness's name in a configuration. Everything here runs with the rights
//! of the agents' user, reads what may have been put there to trick us, and shows none of it.

mod claude;
mod codex;
mod document;
mod gemini;

use std::path::Path;

use super::finding::{Finding, word};
use super::subject::Subject;

/// One harness.
#[derive(Debug)]
pub struct Wants {
    harness: &'static str,
    /// Gets the program.
    pub install: &'static str,
    /// Variables of which one is enough for it to work. One that ends in `*` stands for all that end so.
    variables: &'static [&'static str],
    /// Files in its home of which one shows that somebody has logged in: a variable that moves the directory, the
    /// directory, the file.
    logins: &'static [(&'static str, &'static str, &'static str)],
    /// What else would hold it up, in this workdir.
    look: fn(&Subject, &Path) -> Vec<Finding>,
}

static WANTS: [Wants; 11] = [
    Wants {
        harness: "claude-code",
        install: "sudo npm install -g @anthropic-ai/claude-code",
        variables: &[
            "ANTHROPIC_API_KEY",
            "ANTHROPIC_AUTH_TOKEN",
            "CLAUDE_CODE_OAUTH_TOKEN",
            "CLAUDE_CODE_USE_BEDROCK",
            "CLAUDE_CODE_USE_VERTEX",
        ],
        logins: &[("CLAUDE_CONFIG_DIR", ".claude", ".credentials.json")],
        look: claude::look,
    },
    Wants {
        harness: "codex",
        install: "sudo npm install -g @openai/codex",
        variables: &["OPENAI_API_KEY", "CODEX_API_KEY"],
        logins: &[("CODEX_HOME", ".codex", "auth.json")],
        look: codex::look,
    },
    Wants {
        harness: "gemini-cli",
        install: "sudo npm install -g @google/gemini-cli",
        variables: &["GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI"],
        logins: &[("", ".gemini", "oauth_creds.json")],
        look: gemini::look,
    },
    Wants {
        harness: "opencode",
        install: "sudo npm install -g opencode-ai",
        variables: &["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENCODE_API_KEY", "*_API_KEY", "OPENCODE_CONFIG_CONTENT"],
        logins: &[("", ".local/share/opencode", "auth.json"), ("", ".config/opencode", "opencode.json")],
        look: |_, _| Vec::new(),
    },
    Wants {
        harness: "cursor",
        install: "curl https://cursor.com/install -fsS | bash    # as the agents' user",
        variables: &["CURSOR_API_KEY"],
        logins: &[("", ".config/cursor", "auth.json"), ("", ".cursor", "cli-config.json")],
        look: |_, _| Vec::new(),
    },
    Wants {
        harness: "copilot",
        install: "sudo npm install -g @github/copilot",
        variables: &["COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"],
        logins: &[("COPILOT_HOME", ".copilot", "config.json")],
        look: |_, _| Vec::new(),
    },
    Wants {
        harness: "qwen-code",
        install: "sudo npm install -g @qwen-code/qwen-code",
        variables: &["OPENAI_API_KEY", "*_API_KEY"],
        logins: &[("", ".qwen", "oauth_creds.json"), ("", ".qwen", "settings.json")],
        look: |_, _| Vec::new(),
    },
    Wants {
        harness: "amp",
        install: "sudo npm install -g @sourcegraph/amp",
        variables: &["AMP_API_KEY"],
        logins: &[("", ".local/share/amp", "secrets.json")],
        look: |_, _| Vec::new(),
    },
    Wants {
        harness: "crush",
        install: "sudo npm install -g @charmland/crush",
        variables: &["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "*_API_KEY"],
        logins: &[("", ".local/share/crush", "crush.json"), ("", ".config/crush", "crush.json")],
        look: |_, _| Vec::new(),
    },
    Wants {
        harness: "aider",
        install: "pipx install aider-chat    # as the agents' user",
        variables: &["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "*_API_KEY"],
        logins: &[("", "", ".aider.conf.yml"), ("", "", ".env")],
        look: |_, _| Vec::new(),
    },
    Wants {
        harness: "goose",
        install: "curl -fsSL https://github.com/block/goose/releases/download/stable/download_cli.sh | bash    # as the agents' user",
        variables: &["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "*_API_KEY"],
        logins: &[("", ".config/goose", "secrets.yaml"), ("", ".config/goose", "config.yaml")],
        look: |_, _| Vec::new(),
    },
];

/// What a harness wants; none for one of the user's own.
pub fn wants(harness: &str) -> Option<&'static Wants> {
    WANTS.iter().find(|wants| wants.harness == harness)
}

/// Everything that would hold the agent up, in this workdir.
pub fn look(subject: &Subject, workdir: &Path) -> Vec<Finding> {
    let Some(wants) = wants(&subject.spec.harness) else { return Vec::new() };
    let mut findings = (wants.look)(subject, workdir);
    findings.extend(wants.login(subject));
    findings
}

impl Wants {
    fn login(&self, subject: &Subject) -> Option<Finding> {
        let has = |variable: &&str| match variable.strip_prefix('*') {
            Some(end) => subject.has_one_that_ends_in(end),
            None => subject.has(variable),
        };
        let file = |(variable, directory, file): &(&str, &str, &str)| subject.directory(variable, directory).join(file);
        if self.variables.iter().any(has) || self.logins.iter().map(file).any(|path| path.exists()) {
            return None;
        }
        let variable = self.variables.first().copied().unwrap_or_default();
        let what = format!("it has neither a key (such as {variable}, as a secret or in `env`) nor a login");
        let mend = format!(
            "put the key into a file {variable} in the secrets directory, or log in once as {}",
            subject.user.name
        );
        Some(Finding::warning("agent-login", what).advise(mend))
    }
}

impl Subject {
    /// Whether it has such a variable that isn't empty.
    fn has_one_that_ends_in(&self, end: &str) -> bool {
        let ends = |name: &std::ffi::OsString| name.as_encoded_bytes().ends_with(end.as_bytes());
        let declared = self.spec.launch.env.iter().any(|(name, value)| ends(name) && !value.expose().is_empty());
        declared || self.login.iter().any(|(name, value)| ends(name) && !value.is_empty())
    }
}

/// Somebody has to answer it once.
fn question(subject: &Subject, what: &str) -> Finding {
    Finding::problem("agent-first-run", format!("{what}; it waits for an answer and does nothing"))
        .mend(format!("agentd attach {}    # and answer it once", word(Path::new(subject.name()))))
}

#[cfg(test)]
use tests::{checks, subject};

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::ffi::{CString, OsString};
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::*;
    use crate::desired::harness::{CUSTOM, Harnesses};
    use crate::model::{AgentSpec, Launch, Secret};
    use crate::sys::identity::Identity;

    /// An agent of this harness with a home.
    pub fn subject(harness: &str, home: &Path, argv: &[&str], env: &[(&str, &str)]) -> Subject {
        let env: BTreeMap<OsString, Secret> =
            env.iter().map(|(name, value)| (OsString::from(name), Secret::new(value.as_bytes()))).collect();
        let argv = argv.iter().map(|word| CString::new(*word).unwrap()).collect();
        let launch = Launch { argv, workdir: PathBuf::from("/"), env, extra: crate::model::Extra::default() };
        let spec = AgentSpec::sample("one", harness, launch);
        let user = Identity { home: home.to_owned(), ..Identity::current() };
        Subject { spec: Arc::new(spec), login: Arc::default(), user: Arc::new(user) }
    }

    /// The checks that have something to say.
    pub fn checks(subject: &Subject, workdir: &Path) -> Vec<&'static str> {
        look(subject, workdir).iter().map(|finding| finding.check).collect()
    }

    #[test]
    fn each_harness_wants_a_key_or_a_login() {
        let home = tempfile::tempdir().unwrap();
        for wants in &WANTS {
            let with = |env: &[(&str, &str)]| wants.login(&subject(wants.harness, home.path(), &["x"], env)).is_none();
            assert!(!with(&[]), "{}", wants.harness);
            assert!(!with(&[(wants.variables[0], "")]), "{}: empty", wants.harness);
            assert!(with(&[(wants.variables[0], "sk-1")]), "{}", wants.harness);
            let (_, directory, file) = wants.logins[0];
            std::fs::create_dir_all(home.path().join(directory)).unwrap();
            std::fs::write(home.path().join(directory).join(file), "{}").unwrap();
            assert!(with(&[]), "{}: logged in", wants.harness);
        }
        assert!(wants("custom").is_none());
    }

    #[test]
    fn every_harness_but_the_users_own_is_in_the_table() {
        for name in Harnesses::builtin().names().filter(|name| *name != CUSTOM) {
            assert!(wants(name).is_some(), "{name}");
        }
    }
}
