//! The secrets directory: who may read it and write to it, and whether secrets reach a disk. No file in it is read.

use std::io;
use std::path::{Path, PathBuf};

use crate::sys::identity::Identity;
use crate::sys::probe::{bounded, is_in_memory};

use super::LOOK_WITHIN;
use super::files::{Meta, can_read, can_write, meta};
use super::finding::{Finding, word};
use super::place::Place;

/// What is known of it.
#[derive(Debug)]
struct Facts {
    dir: Meta,
    /// Its files, as far as they can be listed.
    files: io::Result<Vec<(PathBuf, Meta)>>,
    in_memory: Option<bool>,
}

/// Looks.
pub fn look(place: &Place) -> Vec<Finding> {
    let dir = place.secret_dir.clone();
    let shown = dir.display().to_string();
    let facts = bounded(None, LOOK_WITHIN, move || {
        let files = std::fs::read_dir(&dir).map(|entries| {
            let paths = entries.flatten().map(|entry| entry.path());
            paths.filter_map(|path| Some((path.clone(), meta(&path).ok()?))).filter(|(_, meta)| !meta.is_dir).collect()
        });
        Ok::<_, io::Error>(Facts { dir: meta(&dir)?, files, in_memory: is_in_memory(&dir).ok() })
    });
    match facts {
        Ok(Ok(facts)) => judge(&facts, &place.secret_dir, place.is_roots, place.user.as_ref().ok()),
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
            vec![Finding::info("secret-dir", format!("there is no secrets directory {shown}: agents get no secrets"))]
        }
        Ok(Err(error)) => {
            vec![Finding::unknown("secret-dir", format!("{shown}: {error}")).mend("sudo agentd doctor")]
        }
        Err(missed) => vec![Finding::problem("secret-dir", format!("{shown}: {missed}"))],
    }
}

fn judge(facts: &Facts, path: &Path, is_roots: bool, user: Option<&Identity>) -> Vec<Finding> {
    let (shown, dir) = (path.display(), word(path));
    if !facts.dir.is_dir {
        return vec![Finding::problem("secret-dir", format!("{shown} is no directory"))];
    }
    // In an ordinary user's daemon, agents are that very user: nothing can be kept from them.
    let agents = user.filter(|user| is_roots && user.uid != 0);
    let mut findings = Vec::new();
    if can_write(facts.dir, None) {
        let what = format!("everybody may write to {shown}, and so give agents what environment they like");
        findings.push(Finding::problem("secret-dir-mode", what).mend(format!("sudo chmod go-w,o= {dir}")));
    } else if let Some(user) = agents.filter(|user| user.uid == facts.dir.uid || can_write(facts.dir, Some(user))) {
        let what = format!("the agents' user {} may write to {shown}", user.name);
        findings.push(
            Finding::problem("secret-dir-mode", what)
                .mend(format!("sudo chown root:root {dir} && sudo chmod 700 {dir}")),
        );
    } else if facts.dir.mode & 0o005 != 0 {
        let what = format!("everybody may look into {shown} (mode {:o})", facts.dir.mode);
        findings.push(Finding::warning("secret-dir-mode", what).mend(format!("sudo chmod o= {dir}")));
    }
    let Ok(files) = &facts.files else {
        findings
            .push(Finding::unknown("secret-file-mode", format!("{shown} can't be listed")).mend("sudo agentd doctor"));
        return findings;
    };
    findings.extend(judge_files(facts.dir, files, &dir, agents));
    if facts.in_memory == Some(false) && !files.is_empty() {
        let what = format!("{shown} is on a disk, where secrets outlive a reboot and reach backups");
        findings.push(Finding::warning("secret-disk", what).advise("put it on a tmpfs, as /run is"));
    }
    if findings.is_empty() {
        findings.push(Finding::ok("secret-dir", format!("{} secrets in {shown}, for the daemon alone", files.len())));
    }
    findings
}

fn judge_files(in_dir: Meta, files: &[(PathBuf, Meta)], dir: &str, agents: Option<&Identity>) -> Option<Finding> {
    let readers = |user: Option<&Identity>| {
        let names = files.iter().filter(|(_, file)| can_read(in_dir, *file, user));
        names.filter_map(|(path, _)| path.file_name()).map(|name| name.to_string_lossy().into_owned()).collect()
    };
    let open: Vec<String> = readers(None);
    let (who, open) = match (open.is_empty(), agents) {
        (false, _) => ("everybody".to_owned(), open),
        (true, Some(user)) => (format!("every process of the agents' user {}", user.name), readers(Some(user))),
        (true, None) => return None,
    };
    let first = open.first()?;
    let more = if open.len() > 1 { format!(" and {} more", open.len() - 1) } else { String::new() };
    let what = format!("{who} can read the secret {first}{more}");
    // Also hidden ones, which are not passed to agents but may be secrets all the same.
    Some(Finding::problem("secret-file-mode", what).mend(format!("sudo chmod -R go= {dir}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::files::tests::of_root;
    use crate::cli::doctor::finding::Severity;

    fn checks(dir: Meta, file: Meta, in_memory: bool) -> Vec<(&'static str, Severity)> {
        let user = Identity {
            uid: 5,
            gid: 5,
            groups: vec![5, 6],
            name: "a".into(),
            home: "/".into(),
            shell: "/bin/sh".into(),
        };
        let facts = Facts { dir, files: Ok(vec![("/s/KEY".into(), file)]), in_memory: Some(in_memory) };
        let findings = judge(&facts, Path::new("/s"), true, Some(&user));
        findings.iter().map(|finding| (finding.check, finding.severity)).collect()
    }

    #[test]
    fn secrets_are_for_the_daemon_alone() {
        let (dir, file) = (of_root(0o700, true), of_root(0o600, false));
        let problem = |check| (check, Severity::Problem);
        assert_eq!(checks(dir, file, true), [("secret-dir", Severity::Ok)]);
        assert_eq!(checks(dir, of_root(0o644, false), true), [("secret-dir", Severity::Ok)], "nobody gets to it");
        assert_eq!(checks(of_root(0o755, true), file, true), [("secret-dir-mode", Severity::Warning)]);
        assert_eq!(checks(of_root(0o777, true), file, true), [problem("secret-dir-mode")]);
        assert_eq!(checks(Meta { uid: 5, ..dir }, file, true), [problem("secret-dir-mode")]);
        assert_eq!(
            checks(of_root(0o755, true), of_root(0o644, false), true),
            [("secret-dir-mode", Severity::Warning), problem("secret-file-mode")]
        );
        let of_group = |meta: Meta, mode| Meta { gid: 6, mode, ..meta };
        assert_eq!(checks(of_group(dir, 0o750), of_group(file, 0o640), true), [problem("secret-file-mode")]);
        assert_eq!(checks(dir, file, false), [("secret-disk", Severity::Warning)]);
    }
}
