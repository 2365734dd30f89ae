//! Whether an agent can work where it is to work. Looked at with its user's rights.

use std::io;
use std::path::{Path, PathBuf};

use crate::sys::identity::Identity;
use crate::sys::probe::may;

use super::finding::{Finding, word};

/// What is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Workdir {
    /// A directory to work in, under its real name.
    Good(PathBuf),
    /// One that can't be written to, and why.
    ReadOnly(PathBuf, String),
    /// Nothing.
    Missing,
    /// No directory.
    NotDirectory,
    /// One that can't be entered, and why.
    Closed(String),
}

/// Looks.
pub fn look(path: &Path) -> Workdir {
    let found = match path.metadata() {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Workdir::Missing,
        Err(error) => return Workdir::Closed(error.to_string()),
    };
    if !found.is_dir() {
        return Workdir::NotDirectory;
    }
    if let Err(error) = may(path, "x") {
        return Workdir::Closed(error.to_string());
    }
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    match may(path, "w") {
        Ok(()) => Workdir::Good(real),
        Err(error) => Workdir::ReadOnly(real, error.to_string()),
    }
}

impl Workdir {
    /// Its real name, if it can be entered.
    pub fn real(&self) -> Option<&Path> {
        match self {
            Self::Good(real) | Self::ReadOnly(real, _) => Some(real),
            Self::Missing | Self::NotDirectory | Self::Closed(_) => None,
        }
    }
}

/// What is wrong with it, if anything is.
pub fn judge(found: &Workdir, path: &Path, user: &Identity, is_roots: bool) -> Option<Finding> {
    let (shown, dir, name) = (path.display(), word(path), &user.name);
    let make = || {
        if is_roots {
            format!("sudo install -d -o {} -g {} {dir}", user.uid, user.gid)
        } else {
            format!("mkdir -p {dir}")
        }
    };
    let give = || format!("sudo chown {}:{} {dir}", user.uid, user.gid);
    let problem = |what: String| Finding::problem("agent-workdir", what);
    match found {
        Workdir::Good(_) => None,
        Workdir::Missing => Some(problem(format!("its workdir {shown} does not exist")).mend(make())),
        Workdir::NotDirectory => {
            Some(problem(format!("its workdir {shown} is no directory")).advise("declare another `workdir`"))
        }
        Workdir::Closed(why) => Some(problem(format!("{name} can't enter its workdir {shown}: {why}")).mend(give())),
        Workdir::ReadOnly(_, why) => Some(
            Finding::warning("agent-workdir", format!("{name} can't write to its workdir {shown}: {why}")).mend(give()),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::cli::doctor::finding::Severity;

    #[test]
    fn a_workdir_is_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert_eq!(look(dir.path()), Workdir::Good(dir.path().canonicalize().unwrap()));
        assert_eq!(look(&dir.path().join("none")), Workdir::Missing);
        assert_eq!(look(&file), Workdir::NotDirectory);
        if !crate::sys::identity::is_root() {
            set_permissions(dir.path(), Permissions::from_mode(0o500)).unwrap();
            assert!(matches!(look(dir.path()), Workdir::ReadOnly(..)));
            set_permissions(dir.path(), Permissions::from_mode(0o400)).unwrap();
            assert!(matches!(look(dir.path()), Workdir::Closed(_)));
            set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
        }
    }

    #[test]
    fn what_is_wrong_with_it_is_told_with_what_mends_it() {
        let user = Identity::current();
        let judged = |found: &Workdir| judge(found, Path::new("/w d"), &user, true).map(|finding| finding.severity);
        assert_eq!(judged(&Workdir::Good("/w".into())), None);
        assert_eq!(judged(&Workdir::ReadOnly("/w".into(), "no".into())), Some(Severity::Warning));
        for found in [Workdir::Missing, Workdir::NotDirectory, Workdir::Closed("no".into())] {
            assert_eq!(judged(&found), Some(Severity::Problem));
        }
        let mend = judge(&Workdir::Missing, Path::new("/w d"), &user, false).unwrap().mend;
        assert_eq!(mend.as_deref(), Some("mkdir -p '/w d'"));
    }
}
