//! One declared agent with all that its launch would have.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::AgentSpec;
use crate::sys::identity::Identity;
use crate::sys::login_env::Environment;

/// Where programs are looked for without a `PATH`, as execvp(3) does.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// An agent as it would be launched. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Subject {
    /// As declared.
    pub spec: Arc<AgentSpec>,
    /// What its user's login shell gives.
    pub login: Arc<Environment>,
    /// Its user.
    pub user: Arc<Identity>,
}

impl Subject {
    /// Its name.
    pub fn name(&self) -> &str {
        self.spec.name.as_str()
    }

    /// Its program, as declared.
    pub fn program(&self) -> &OsStr {
        OsStr::from_bytes(self.spec.launch.argv.first().map_or(&[], |program| program.as_bytes()))
    }

    /// The argument at an index, as text.
    pub fn argument(&self, index: usize) -> Option<&str> {
        self.spec.launch.argv.get(index)?.to_str().ok()
    }

    /// Whether one of its arguments is this word.
    pub fn has_argument(&self, word: &str) -> bool {
        self.spec.launch.argv.iter().skip(1).any(|argument| argument.as_bytes() == word.as_bytes())
    }

    /// Whether one of its arguments begins so.
    pub fn has_argument_from(&self, start: &str) -> bool {
        self.spec.launch.argv.iter().skip(1).any(|argument| argument.as_bytes().starts_with(start.as_bytes()))
    }

    /// A variable of its environment. It may be a secret: for comparisons, never for a message.
    pub fn variable(&self, name: &str) -> Option<OsString> {
        let declared =
            self.spec.launch.env.get(OsStr::new(name)).map(|value| OsString::from_vec(value.expose().to_vec()));
        declared.or_else(|| self.login.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()))
    }

    /// Whether it has a variable that isn't empty.
    pub fn has(&self, name: &str) -> bool {
        self.variable(name).is_some_and(|value| !value.is_empty())
    }

    /// Where its programs are looked for.
    pub fn path(&self) -> OsString {
        self.variable("PATH").unwrap_or_else(|| DEFAULT_PATH.into())
    }

    /// What `~` is to it.
    pub fn home(&self) -> PathBuf {
        self.variable("HOME").map_or_else(|| self.user.home.clone(), PathBuf::from)
    }

    /// A directory that a variable names, or one in its home.
    pub fn directory(&self, variable: &str, in_home: &str) -> PathBuf {
        match self.variable(variable) {
            Some(named) if !named.is_empty() => Path::new(&named).to_owned(),
            Some(_) | None => self.home().join(in_home),
        }
    }
}
