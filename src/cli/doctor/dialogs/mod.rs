//! What stands between each harness and its work: a key or a login, what its arguments forbid, and the questions that it
//! asks at its first start.
//!
//! The table says what each program wants, by its harness's name in a configuration; what it asks is `cli/first_run`'s to
//! know, which also answers it ahead. Everything here runs with the rights of the agents' user, reads what may have been put
//! there to trick us, and shows none of it.

mod arguments;

use std::collections::BTreeSet;
use std::path::Path;

use super::finding::{Finding, word};
use super::subject::Subject;
use crate::cli::first_run::{self, Ask, Asked, Start, Weight};
use crate::desired::harness::Manner;
use arguments::Arguments;

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
    /// What its arguments say.
    arguments: Arguments,
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
        arguments: arguments::CLAUDE,
    },
    Wants {
        harness: "codex",
        install: "sudo npm install -g @openai/codex",
        variables: &["OPENAI_API_KEY", "CODEX_API_KEY"],
        logins: &[("CODEX_HOME", ".codex", "auth.json")],
        arguments: arguments::CODEX,
    },
    Wants {
        harness: "gemini-cli",
        install: "sudo npm install -g @google/gemini-cli",
        variables: &["GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI"],
        logins: &[("", ".gemini", "oauth_creds.json")],
        arguments: arguments::GEMINI,
    },
    Wants {
        harness: "opencode",
        install: "sudo npm install -g opencode-ai",
        variables: &["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENCODE_API_KEY", "*_API_KEY", "OPENCODE_CONFIG_CONTENT"],
        logins: &[("", ".local/share/opencode", "auth.json"), ("", ".config/opencode", "opencode.json")],
        arguments: arguments::UNKNOWN,
    },
    Wants {
        harness: "cursor",
        install: "curl https://cursor.com/install -fsS | bash    # as the agents' user",
        variables: &["CURSOR_API_KEY"],
        logins: &[("", ".config/cursor", "auth.json"), ("", ".cursor", "cli-config.json")],
        arguments: arguments::UNKNOWN,
    },
    Wants {
        harness: "copilot",
        install: "sudo npm install -g @github/copilot",
        variables: &["COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"],
        logins: &[("COPILOT_HOME", ".copilot", "config.json")],
        arguments: arguments::COPILOT,
    },
    Wants {
        harness: "qwen-code",
        install: "sudo npm install -g @qwen-code/qwen-code",
        variables: &["OPENAI_API_KEY", "*_API_KEY"],
        logins: &[("", ".qwen", "oauth_creds.json"), ("", ".qwen", "settings.json")],
        arguments: arguments::UNKNOWN,
    },
    Wants {
        harness: "amp",
        install: "sudo npm install -g @sourcegraph/amp",
        variables: &["AMP_API_KEY"],
        logins: &[("", ".local/share/amp", "secrets.json")],
        arguments: arguments::UNKNOWN,
    },
    Wants {
        harness: "crush",
        install: "sudo npm install -g @charmland/crush",
        variables: &["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "*_API_KEY"],
        logins: &[("", ".local/share/crush", "crush.json"), ("", ".config/crush", "crush.json")],
        arguments: arguments::UNKNOWN,
    },
    Wants {
        harness: "aider",
        install: "pipx install aider-chat    # as the agents' user",
        variables: &["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "*_API_KEY"],
        logins: &[("", "", ".aider.conf.yml"), ("", "", ".env")],
        arguments: arguments::UNKNOWN,
    },
    Wants {
        harness: "goose",
        install: "curl -fsSL https://github.com/block/goose/releases/download/stable/download_cli.sh | bash    # as the agents' user",
        variables: &["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "*_API_KEY"],
        logins: &[("", ".config/goose", "secrets.yaml"), ("", ".config/goose", "config.yaml")],
        arguments: arguments::UNKNOWN,
    },
];

/// What a harness wants; none for one of the user's own.
pub fn wants(harness: &str) -> Option<&'static Wants> {
    WANTS.iter().find(|wants| wants.harness == harness)
}

/// Everything that would hold the agent up, in this workdir.
pub fn look(subject: &Subject, workdir: &Path) -> Vec<Finding> {
    let Some(wants) = wants(&subject.spec.harness) else { return Vec::new() };
    let mut findings = (wants.arguments.forbid)(subject, workdir);
    let asked = asked(subject, wants.harness, workdir, (wants.arguments.manner)(subject));
    findings.extend(asked.broken.iter().map(|broken| {
        let shown = broken.path.display();
        Finding::problem("agent-settings", broken.to_string()).advise(format!("mend or remove {shown}"))
    }));
    let seen_to = seen_to(subject, workdir);
    let asks = asked.asks.iter().filter(|ask| !seen_to.contains(&ask.what));
    findings.extend(asks.filter_map(|ask| finding(subject, ask)));
    findings.extend(wants.login(subject));
    findings
}

fn asked(subject: &Subject, known_as: &str, workdir: &Path, manner: Manner) -> Asked {
    let variable = |name: &str| subject.variable(name);
    let start = Start { home: subject.home(), workdir: workdir.to_owned(), manner, variable: &variable };
    first_run::asked(known_as, &start)
}

/// What is answered ahead, by the words with which that is done.
fn seen_to(subject: &Subject, workdir: &Path) -> BTreeSet<String> {
    let mut words = subject.spec.launch.prepare.iter();
    let Some(known_as) = words.next().and_then(|word| word.to_str().ok()) else { return BTreeSet::new() };
    let asked = asked(subject, known_as, workdir, Manner::of_words(words.map(|word| word.to_bytes())));
    asked.asks.into_iter().filter(Ask::is_answerable).map(|ask| ask.what).collect()
}

/// Of a question that holds it up, or may.
fn finding(subject: &Subject, ask: &Ask) -> Option<Finding> {
    let what = &ask.what;
    let finding = match ask.weight {
        Weight::Waits => {
            Finding::problem("agent-first-run", format!("{what}; it waits for an answer and does nothing"))
        }
        Weight::Doubts => Finding::warning("agent-trust", what),
        Weight::GoesOn => return None,
    };
    let attach = format!("agentd attach {}    # and answer it once", word(Path::new(subject.name())));
    Some(if !subject.spec.launch.prepare.is_empty() || !ask.is_answerable() {
        finding.mend(attach)
    } else {
        finding.advise(format!("prepare = true answers it ahead; or {attach}"))
    })
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
        let workdir = PathBuf::from("/");
        let launch = Launch { argv, workdir, env, prepare: Vec::new(), extra: crate::model::Extra::default() };
        let spec = AgentSpec::sample("one", harness, launch);
        let user = Identity { home: home.to_owned(), ..Identity::current() };
        Subject { spec: Arc::new(spec), login: Arc::default(), user: Arc::new(user) }
    }

    /// The checks that have something to say.
    pub fn checks(subject: &Subject, workdir: &Path) -> Vec<&'static str> {
        look(subject, workdir).iter().map(|finding| finding.check).collect()
    }

    /// The same agent, prepared.
    fn prepared(mut subject: Subject, words: &[&str]) -> Subject {
        let spec = Arc::make_mut(&mut subject.spec);
        spec.launch.prepare = words.iter().map(|word| CString::new(*word).unwrap()).collect();
        subject
    }

    #[test]
    fn what_is_answered_ahead_holds_nobody_up() {
        let home = tempfile::tempdir().unwrap();
        let work = home.path().join("work");
        let key = [("ANTHROPIC_API_KEY", "sk-ant-0123456789abcdefghij"), ("IS_SANDBOX", "1")];
        let bypass = ["claude", "--permission-mode", "bypassPermissions"];
        let one = |argv: &[&str]| subject("claude-code", home.path(), argv, &key);
        let with = |words: &[&str]| checks(&prepared(one(&bypass), words), &work);
        assert_eq!(checks(&one(&bypass), &work), ["agent-first-run"; 4], "a fresh home");
        assert_eq!(checks(&one(&["claude", "-p", "x"]), &work), [""; 0], "headless");
        assert_eq!(with(&["claude-code", "--bypass"]), [""; 0]);
        assert_eq!(with(&["claude-code"]), ["agent-first-run"], "it was not told that all is allowed");
        let mend = |subject: &Subject| look(subject, &work)[0].mend.clone().unwrap();
        assert!(mend(&one(&bypass)).starts_with("prepare = true"), "{}", mend(&one(&bypass)));
        assert!(mend(&prepared(one(&bypass), &["claude-code"])).starts_with("agentd attach"));
        std::fs::write(home.path().join(".claude.json"), "{\"hasCompletedOnboarding\": false}").unwrap();
        assert_eq!(with(&["claude-code", "--bypass"]), ["agent-first-run"], "its user's word stays");
        std::fs::write(home.path().join(".claude.json"), "{").unwrap();
        assert_eq!(with(&["claude-code", "--bypass"]), ["agent-settings"]);
    }

    #[test]
    fn arguments_say_how_a_program_is_run_and_what_it_refuses() {
        let home = tempfile::tempdir().unwrap();
        let work = home.path().join("work");
        std::fs::create_dir_all(home.path().join(".codex")).unwrap();
        std::fs::write(home.path().join(".codex/auth.json"), "{}").unwrap();
        let codex = |argv: &[&str]| checks(&subject("codex", home.path(), argv, &[]), &work);
        assert_eq!(codex(&["codex"]), ["agent-trust"]);
        assert_eq!(codex(&["codex", "exec", "x"]), ["agent-git"]);
        assert_eq!(codex(&["codex", "exec", "--skip-git-repo-check", "x"]), [""; 0]);
        assert_eq!(codex(&["codex", "exec", "--dangerously-bypass-approvals-and-sandbox", "x"]), [""; 0]);
        let gemini =
            |argv: &[&str]| checks(&subject("gemini-cli", home.path(), argv, &[("GEMINI_API_KEY", "x")]), &work);
        assert_eq!(gemini(&["gemini"]), ["agent-first-run"; 2]);
        assert_eq!(gemini(&["gemini", "--prompt=-x"]), ["agent-trust"]);
        let root = |env: &[(&str, &str)]| {
            let mut subject =
                subject("claude-code", home.path(), &["claude", "-p", "--dangerously-skip-permissions"], env);
            Arc::make_mut(&mut subject.user).uid = 0;
            checks(&subject, &work)
        };
        assert_eq!(root(&[("ANTHROPIC_API_KEY", "x")]), ["agent-root-bypass"]);
        assert_eq!(root(&[("ANTHROPIC_API_KEY", "x"), ("IS_SANDBOX", "1")]), [""; 0]);
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
