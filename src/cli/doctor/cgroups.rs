//! Whether an agent can be killed with all that it started, and what is left of limits for it.

use crate::sys::cgroup::{self, Sighting, Unavailable};
use crate::sys::tmux::server;

use super::finding::{Finding, word};
use super::place::Place;

/// Looks where the daemon would look.
pub fn look(place: &Place) -> Vec<Finding> {
    let server = place.tmux_socket.as_deref().and_then(|socket| server::find(socket).ok().flatten());
    let pid = server.map(|server| server.pid).or(place.daemon_pid());
    judge(&cgroup::look(pid.unwrap_or_else(std::process::id)), pid.is_some(), place.has_daemons_rights())
}

fn judge(found: &Result<Sighting, Unavailable>, is_in_place: bool, has_rights: bool) -> Vec<Finding> {
    const INSTEAD: &str = "agents are killed process by process, and one that hides may survive";
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            let finding = Finding::warning("cgroup-mounted", format!("{error}: {INSTEAD}"));
            return vec![match error {
                Unavailable::NotMounted => finding.advise("boot with systemd.unified_cgroup_hierarchy=1"),
                Unavailable::Unplaced(_) | Unavailable::NoKill | Unavailable::NotWritable { .. } => finding,
            }];
        }
    };
    let mut findings = Vec::new();
    if found.can_kill == Some(false) {
        findings.push(
            Finding::warning("cgroup-kill", format!("the kernel has no cgroup.kill: {INSTEAD}"))
                .advise("use Linux 5.14 or newer"),
        );
    }
    let base = found.base.display();
    match &found.writable {
        Ok(()) if is_in_place => {
            findings.push(Finding::ok("cgroup-delegated", format!("agents have cgroups in {base}")));
        }
        Ok(()) => findings.push(Finding::ok("cgroup-delegated", format!("cgroup2 at {}", found.mount.display()))),
        Err(error) if has_rights && is_in_place => {
            let what = format!("agentd can't make cgroups in {base} ({error}): {INSTEAD}");
            findings.push(
                Finding::warning("cgroup-delegated", what)
                    .advise("let systemd delegate it: Delegate=yes in the unit of the tmux server, or of agentd"),
            );
        }
        Err(error) if has_rights => {
            let what = format!(
                "from here, no cgroups could be made in {} ({error}); a service may have its own",
                word(&found.base)
            );
            findings.push(Finding::info("cgroup-delegated", what));
        }
        Err(_) => {
            findings.push(
                Finding::unknown("cgroup-delegated", format!("whether agentd can use {base}"))
                    .mend("sudo agentd doctor"),
            );
        }
    }
    let missing: Vec<&str> =
        ["memory", "pids"].into_iter().filter(|name| !found.controllers.iter().any(|found| found == name)).collect();
    if !missing.is_empty() {
        let what =
            format!("no limits could be set on agents there: no {} controller in cgroup2", missing.join(" and no "));
        findings.push(Finding::info("cgroup-controllers", what));
    }
    findings
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::cli::doctor::finding::Severity;

    fn checks(found: &Result<Sighting, Unavailable>, in_place: bool, rights: bool) -> Vec<(&'static str, Severity)> {
        judge(found, in_place, rights).iter().map(|finding| (finding.check, finding.severity)).collect()
    }

    fn sighting(writable: io::Result<()>) -> Sighting {
        let controllers = vec!["memory".to_owned(), "pids".to_owned()];
        Sighting { mount: "/c".into(), base: "/c/x".into(), writable, can_kill: Some(true), controllers }
    }

    #[test]
    fn cgroups_are_judged_as_the_daemon_would_find_them() {
        let denied = || Err(io::ErrorKind::PermissionDenied.into());
        let delegated = |severity| [("cgroup-delegated", severity)];
        assert_eq!(checks(&Ok(sighting(Ok(()))), true, true), delegated(Severity::Ok));
        assert_eq!(checks(&Ok(sighting(denied())), true, true), delegated(Severity::Warning));
        assert_eq!(checks(&Ok(sighting(denied())), false, true), delegated(Severity::Info));
        assert_eq!(checks(&Ok(sighting(denied())), true, false), delegated(Severity::Unknown));
        assert_eq!(checks(&Err(Unavailable::NotMounted), true, true), [("cgroup-mounted", Severity::Warning)]);
        let old = Sighting { can_kill: Some(false), controllers: vec!["pids".into()], ..sighting(Ok(())) };
        assert_eq!(
            checks(&Ok(old), true, true),
            [
                ("cgroup-kill", Severity::Warning),
                ("cgroup-delegated", Severity::Ok),
                ("cgroup-controllers", Severity::Info)
            ]
        );
    }
}
