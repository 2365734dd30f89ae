//! Each declared agent: whether it could start, and whether it would work then.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::model::Desired;
use crate::sys::identity::Identity;
use crate::sys::login_env::Environment;
use crate::sys::probe::{self, Missed, RunError, Said, start};

use super::finding::{Finding, word};
use super::place::Place;
use super::program::{self, Program};
use super::subject::Subject;
use super::workdir::{self, Workdir};
use super::{LOOK_WITHIN, dialogs};

/// Agents that are looked at beside each other.
const AT_ONCE: usize = 16;
/// Programs that are asked beside each other.
const PROGRAMS_AT_ONCE: usize = 4;
/// A program that takes longer to say its version isn't waited for.
const VERSION_WITHIN: Duration = Duration::from_secs(5);

/// What was seen of one agent.
#[derive(Debug)]
struct Facts {
    workdir: Workdir,
    program: Program,
    held_up: Vec<Finding>,
}

/// A program and the `PATH` that it is asked with.
type Asked = (PathBuf, OsString);
type Versions = BTreeMap<Asked, Result<Said, RunError>>;

/// Looks at all of them.
pub async fn look(place: &Place, desired: &Desired, login: Environment) -> Vec<Finding> {
    let (Ok(user), Ok(rights)) = (&place.user, place.sight.user()) else {
        if desired.agents.is_empty() {
            return Vec::new();
        }
        let finding = |what| Finding::unknown("agents", what);
        if place.user.is_err() {
            return vec![finding("workdirs and programs can only be looked at once there is the agents' user")];
        }
        let what = "workdirs and programs can only be looked at by root, or by the agents' user";
        return vec![finding(what).mend("sudo agentd doctor")];
    };
    let (login, identity) = (Arc::new(login), Arc::new(user.clone()));
    let subjects: Vec<Subject> = desired
        .agents
        .values()
        .map(|spec| Subject { spec: Arc::clone(spec), login: Arc::clone(&login), user: Arc::clone(&identity) })
        .collect();
    let mut seen = Vec::new();
    for some in subjects.chunks(AT_ONCE) {
        let looking = some.iter().map(|subject| {
            let at = subject.clone();
            (subject, start(rights, LOOK_WITHIN, move || see(&at)))
        });
        let looking: Vec<_> = looking.collect();
        seen.extend(looking.into_iter().map(|(subject, pending)| (subject, pending.wait())));
    }
    let versions = ask_versions(&seen, rights).await;
    seen.iter().flat_map(|(subject, facts)| judge(subject, facts, &versions, place.is_roots)).collect()
}

/// With the rights of the agents' user.
fn see(subject: &Subject) -> Facts {
    let path = &subject.spec.launch.workdir;
    let workdir = workdir::look(path);
    let program = program::look(subject.program(), &subject.path(), path);
    let held_up = workdir.real().map(|real| dialogs::look(subject, real)).unwrap_or_default();
    Facts { workdir, program, held_up }
}

/// The program that a version is asked of: none of the user's own, which may do anything with `--version`.
fn asked(subject: &Subject, facts: &Facts) -> Option<Asked> {
    dialogs::wants(&subject.spec.harness)?;
    if let Program::Found(file) = &facts.program { Some((file.clone(), subject.path())) } else { None }
}

async fn ask_versions(seen: &[(&Subject, Result<Facts, Missed>)], rights: Option<&Identity>) -> Versions {
    let programs: BTreeSet<Asked> =
        seen.iter().filter_map(|(subject, facts)| asked(subject, facts.as_ref().ok()?)).collect();
    let turns = Arc::new(Semaphore::new(PROGRAMS_AT_ONCE));
    let mut tasks = JoinSet::new();
    for (file, path) in programs {
        let (turns, rights) = (Arc::clone(&turns), rights.cloned());
        tasks.spawn(async move {
            let _turn = turns.acquire_owned().await;
            let said = probe::ask(&file, &["--version"], rights.as_ref(), Some(&path), VERSION_WITHIN).await;
            ((file, path), said)
        });
    }
    tasks.join_all().await.into_iter().collect()
}

fn judge(subject: &Subject, facts: &Result<Facts, Missed>, versions: &Versions, is_roots: bool) -> Vec<Finding> {
    let workdir = &subject.spec.launch.workdir;
    let facts = match facts {
        Ok(facts) => facts,
        Err(missed) => {
            let what = format!("looking at its workdir {} and its program: {missed}", workdir.display());
            let mend = format!("timeout 5 stat {}    # a network file system whose server is gone?", word(workdir));
            return vec![Finding::problem("agent-unreachable", what).mend(mend).of(subject.name())];
        }
    };
    let install = dialogs::wants(&subject.spec.harness).map(|wants| wants.install);
    let mut findings: Vec<Finding> =
        workdir::judge(&facts.workdir, workdir, &subject.user, is_roots).into_iter().collect();
    findings.extend(program::judge(&facts.program, subject.program(), &subject.path(), install));
    let name = subject.program().to_string_lossy();
    let short = Path::new(&*name).file_name().map_or_else(|| name.to_string(), |file| file.to_string_lossy().into());
    let said = asked(subject, facts).and_then(|asked| versions.get(&asked));
    let version = match said.map(|said| program::judge_version(&short, said)) {
        Some(Ok(version)) => version,
        Some(Err(finding)) => {
            findings.push(finding);
            short
        }
        None => short,
    };
    findings.extend(facts.held_up.iter().cloned());
    if let (Program::Found(_), Workdir::Good(_)) = (&facts.program, &facts.workdir) {
        findings.insert(0, Finding::ok("agent", format!("{version} in {}", workdir.display())));
    }
    findings.into_iter().map(|finding| finding.of(subject.name())).collect()
}
