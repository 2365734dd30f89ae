//! The agents' user, its home, its login shell and what that shell gives it; the group of those who may attach.

use std::path::Path;
use std::time::Duration;

use crate::sys::clock;
use crate::sys::identity::{AccessGroup, Identity, IdentityError};
use crate::sys::login_env::{self, Environment};
use crate::sys::probe::{bounded, may};

use super::LOOK_WITHIN;
use super::files::{Meta, meta};
use super::finding::{Finding, word};
use super::place::{Place, Sight};

/// A login shell that takes longer delays the first launch noticeably.
const SLOW: Duration = Duration::from_secs(2);

/// What is known of a user's home and shell.
#[derive(Debug)]
struct Account {
    home: Result<Meta, String>,
    /// Why the shell can't be executed, by whoever looked.
    shell: Result<(), String>,
}

/// The findings, and the login environment for the checks of agents.
pub async fn look(place: &Place) -> (Vec<Finding>, Environment) {
    let mut findings = Vec::new();
    let mut environment = Environment::new();
    match &place.user {
        Err(error) => findings.push(judge_no_user(error)),
        Ok(user) => {
            let (home, shell) = (user.home.clone(), user.shell.clone());
            let look = move || Account {
                home: meta(&home).map_err(|error| error.to_string()),
                shell: may(&shell, "x").map_err(|error| error.to_string()),
            };
            match bounded(place.sight.user().ok().flatten(), LOOK_WITHIN, look) {
                Ok(account) => findings.extend(judge_account(user, &account)),
                Err(missed) => {
                    findings.push(Finding::problem("agent-home", format!("{}: {missed}", user.home.display())));
                }
            }
            let (found, asked) = ask(place, user).await;
            findings.extend(found);
            environment = asked;
        }
    }
    findings.extend(place.admins.as_ref().map(judge_admins));
    (findings, environment)
}

async fn ask(place: &Place, user: &Identity) -> (Option<Finding>, Environment) {
    let (Ok(agentd), Ok(_)) = (&place.agentd, place.sight.user()) else {
        let what = "the login environment of the agents' user can only be asked for by root, or by that user";
        return (Some(Finding::unknown("login-environment", what).mend("sudo agentd doctor")), Environment::new());
    };
    let drop_to_user = matches!(place.sight, Sight::As(_));
    let before = clock::now().mono;
    let asked = login_env::ask_shell(agentd, user, drop_to_user, &user.shell).await;
    let took = clock::now().mono.since(before);
    let finding = judge_login(asked.as_ref().map(Vec::len).map_err(ToString::to_string), took, user);
    let environment = match asked {
        Ok(environment) => environment,
        // As the daemon does: another shell, or a plain environment.
        Err(_) => login_env::ask(agentd, &Identity { shell: "/bin/sh".into(), ..user.clone() }, drop_to_user).await,
    };
    (Some(finding), environment)
}

fn judge_no_user(error: &IdentityError) -> Finding {
    let finding = Finding::problem("agent-user", error.to_string());
    match error {
        IdentityError::NoUser { name } => {
            finding.mend(format!("sudo useradd -m -s /bin/bash {}", word(Path::new(name))))
        }
        IdentityError::NoGroup { .. } | IdentityError::Lookup { .. } => finding,
    }
}

fn judge_account(user: &Identity, account: &Account) -> Vec<Finding> {
    let (name, home, shell) = (&user.name, user.home.display(), user.shell.display());
    let make = || format!("sudo install -d -m 700 -o {} -g {} {}", user.uid, user.gid, word(&user.home));
    let of_home = match &account.home {
        Err(error) => Finding::problem("agent-home", format!("the home of {name}, {home}: {error}")).mend(make()),
        Ok(meta) if !meta.is_dir => {
            Finding::problem("agent-home", format!("the home of {name}, {home}, is no directory"))
        }
        Ok(meta) if meta.uid != user.uid => {
            Finding::problem("agent-home", format!("the home of {name}, {home}, belongs to user {}", meta.uid))
                .mend(format!("sudo chown {}:{} {}", user.uid, user.gid, word(&user.home)))
        }
        Ok(meta) if meta.mode & 0o002 != 0 => {
            Finding::problem("agent-home", format!("everybody may write to the home of {name}, {home}"))
                .mend(format!("sudo chmod o-w {}", word(&user.home)))
        }
        Ok(_) => Finding::ok("agent-home", format!("agents run as {name}, at home in {home}")),
    };
    let is_no_login = user.shell.file_name().is_some_and(|file| file == "nologin" || file == "false");
    let change = format!("sudo usermod --shell /bin/bash {}", word(Path::new(name)));
    let of_shell = match &account.shell {
        Ok(()) if is_no_login => {
            let what = format!("the login shell of {name}, {shell}, lets nobody in: agents get a plain environment");
            Some(Finding::warning("agent-shell", what).mend(change))
        }
        Ok(()) => None,
        Err(error) => {
            let what = format!("the login shell of {name}, {shell}: {error}; agents get a plain environment");
            Some(Finding::warning("agent-shell", what).mend(change))
        }
    };
    let root = (user.uid == 0).then(|| {
        let what = "agents run as root: each of them may do everything on this host";
        Finding::warning("agent-user", what).advise("`sudo useradd -m agent`, and run agentd with --agent-user agent")
    });
    [Some(of_home), of_shell, root].into_iter().flatten().collect()
}

fn judge_login(asked: Result<usize, String>, took: Duration, user: &Identity) -> Finding {
    let millis = took.as_millis();
    match asked {
        Err(error) => {
            let what = format!("the login shell {} {error}: agents get a plain environment", user.shell.display());
            Finding::warning("login-environment", what)
                .mend(format!("sudo -iu {} true    # shows what its start-up files do wrong", user.name))
        }
        Ok(_) if took >= SLOW => {
            let what = format!("the login shell takes {millis} ms to answer, for which the first launch waits");
            Finding::warning("login-environment", what)
                .advise(format!("make the start-up files of {} (~/.profile and the like) faster", user.name))
        }
        Ok(count) => {
            Finding::ok("login-environment", format!("the login shell answers in {millis} ms with {count} variables"))
        }
    }
}

fn judge_admins(admins: &Result<AccessGroup, IdentityError>) -> Finding {
    match admins {
        Err(error) => {
            let finding = Finding::warning("admin-group", format!("{error}; until then only root can use agentd"));
            match error {
                IdentityError::NoGroup { name } => finding.mend(format!("sudo groupadd {}", word(Path::new(name)))),
                IdentityError::NoUser { .. } | IdentityError::Lookup { .. } => finding,
            }
        }
        Ok(group) if group.members.is_empty() => {
            let what = format!("the group {} has no members: only root can attach to agents", group.name);
            Finding::warning("admin-group", what).mend(format!("sudo usermod -aG {} USER", group.name))
        }
        Ok(group) => {
            Finding::ok("admin-group", format!("the group {} may attach: {}", group.name, group.members.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::finding::Severity;

    fn user(shell: &str) -> Identity {
        let home = "/home/a".into();
        Identity { uid: 5, gid: 5, groups: vec![5], name: "a".into(), home, shell: shell.into() }
    }

    fn checks(
        shell: &str,
        home: Result<Meta, String>,
        executable: Result<(), String>,
    ) -> Vec<(&'static str, Severity)> {
        let findings = judge_account(&user(shell), &Account { home, shell: executable });
        findings.iter().map(|finding| (finding.check, finding.severity)).collect()
    }

    #[test]
    fn a_home_is_the_users_own() {
        let home = Meta { uid: 5, gid: 5, mode: 0o700, is_dir: true };
        let good = ("agent-home", Severity::Ok);
        let bad = ("agent-home", Severity::Problem);
        assert_eq!(checks("/bin/sh", Ok(home), Ok(())), [good]);
        for home in [Meta { uid: 6, ..home }, Meta { is_dir: false, ..home }, Meta { mode: 0o777, ..home }] {
            assert_eq!(checks("/bin/sh", Ok(home), Ok(())), [bad]);
        }
        assert_eq!(checks("/bin/sh", Err("no".into()), Ok(())), [bad]);
        let shell = ("agent-shell", Severity::Warning);
        assert_eq!(checks("/usr/sbin/nologin", Ok(home), Ok(())), [good, shell]);
        assert_eq!(checks("/bin/none", Ok(home), Err("no".into())), [good, shell]);
    }

    #[test]
    fn a_login_shell_answers_soon() {
        let severity = |asked, millis| judge_login(asked, Duration::from_millis(millis), &user("/bin/sh")).severity;
        assert_eq!(severity(Ok(3), 20), Severity::Ok);
        assert_eq!(severity(Ok(3), 2000), Severity::Warning);
        assert_eq!(severity(Err("did not answer".into()), 20), Severity::Warning);
    }

    #[test]
    fn admins_are_a_group_with_members() {
        let group = |members: &[&str]| {
            let members = members.iter().map(ToString::to_string).collect();
            judge_admins(&Ok(AccessGroup { gid: 3, name: "admin".into(), members })).severity
        };
        assert_eq!(group(&["op"]), Severity::Ok);
        assert_eq!(group(&[]), Severity::Warning);
        let missing = judge_admins(&Err(IdentityError::NoGroup { name: "admin".into() }));
        assert_eq!(missing.mend.as_deref(), Some("sudo groupadd admin"));
        let missing = judge_no_user(&IdentityError::NoUser { name: "agent".into() });
        assert_eq!(missing.mend.as_deref(), Some("sudo useradd -m -s /bin/bash agent"));
    }
}
