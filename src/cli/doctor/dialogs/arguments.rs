//! What the arguments of an agent say: how it is run, and what its program refuses with them.

use std::path::Path;

use crate::cli::doctor::finding::Finding;
use crate::cli::doctor::subject::Subject;
use crate::desired::harness::Manner;

/// What can be told of one program's arguments.
#[derive(Debug)]
pub struct Arguments {
    /// How it is run.
    pub manner: fn(&Subject) -> Manner,
    /// What it does not do, in this workdir.
    pub forbid: fn(&Subject, &Path) -> Vec<Finding>,
}

/// Nothing that matters.
pub const UNKNOWN: Arguments = Arguments { manner: |_| Manner::default(), forbid: |_, _| Vec::new() };

/// Of claude.
pub const CLAUDE: Arguments = Arguments {
    manner: |subject| Manner {
        is_headless: has_one(subject, &["-p", "--print"]),
        bypasses: has_one(subject, &["bypassPermissions", "--dangerously-skip-permissions"]),
    },
    forbid: |subject, _| root_bypass(subject).into_iter().collect(),
};

/// Of codex.
pub const CODEX: Arguments = Arguments {
    manner: |subject| Manner {
        is_headless: subject.argument(1) == Some("exec"),
        bypasses: subject.has_argument(CODEX_BYPASS),
    },
    forbid: |subject, workdir| no_repository(subject, workdir).into_iter().collect(),
};

/// Of copilot.
pub const COPILOT: Arguments = Arguments {
    manner: |subject| Manner {
        is_headless: has_one(subject, &["-p", "--prompt"]) || subject.has_argument_from("--prompt="),
        bypasses: has_one(subject, &["--allow-all", "--yolo"]),
    },
    forbid: |_, _| Vec::new(),
};

/// Of gemini.
pub const GEMINI: Arguments = Arguments {
    manner: |subject| Manner {
        is_headless: has_one(subject, &["-p", "--prompt"]) || subject.has_argument_from("--prompt="),
        bypasses: has_one(subject, &["yolo", "--yolo", "-y"]),
    },
    forbid: |_, _| Vec::new(),
};

const CODEX_BYPASS: &str = "--dangerously-bypass-approvals-and-sandbox";

fn has_one(subject: &Subject, words: &[&str]) -> bool {
    words.iter().any(|word| subject.has_argument(word))
}

fn root_bypass(subject: &Subject) -> Option<Finding> {
    let is_refused = (CLAUDE.manner)(subject).bypasses && subject.user.uid == 0 && !subject.has("IS_SANDBOX");
    is_refused.then(|| {
        Finding::problem("agent-root-bypass", "claude refuses `permissions = \"bypass\"` as root")
            .advise("run agents as another user, or set IS_SANDBOX = \"1\" in its `env` if this is a sandbox")
    })
}

/// Headless it refuses a directory that isn't in a git repository.
fn no_repository(subject: &Subject, workdir: &Path) -> Option<Finding> {
    let Manner { is_headless, bypasses } = (CODEX.manner)(subject);
    let may_be_anywhere = bypasses || subject.has_argument("--skip-git-repo-check");
    let is_refused = is_headless && !may_be_anywhere && !workdir.ancestors().any(|dir| dir.join(".git").exists());
    is_refused.then(|| {
        let what = format!("codex refuses to work in {}, which is in no git repository", workdir.display());
        Finding::problem("agent-git", what).advise("args = [\"--skip-git-repo-check\"], or `git init` there")
    })
}
