//! agentd itself: does it run, is it this version, what did it say of its configuration, is its shim there.

use std::path::{Path, PathBuf};

use crate::cli::failure::Failure;
use crate::daemon::find_shim;
use crate::sys::probe::{self, bounded, may};

use super::LOOK_WITHIN;
use super::finding::{Finding, word};
use super::place::{Daemon, Place, Sight};

/// What is known of the shim.
#[derive(Debug, Default)]
pub struct Shim {
    /// Where; none without a shim of its own.
    pub path: Option<PathBuf>,
    /// Whether it needs no loader.
    pub is_static: Option<bool>,
    /// Why the agents' user can't execute it; none if it can or nobody knows.
    pub denied: Option<String>,
}

/// Looks at all of it.
pub fn look(place: &Place) -> Vec<Finding> {
    let mut findings = judge_daemon(&place.daemon, env!("CARGO_PKG_VERSION"), &place.config);
    match &place.agentd {
        Ok(agentd) => findings.push(judge_shim(&look_at_shim(agentd, &place.sight), agentd)),
        Err(error) => findings.push(Finding::unknown("shim", format!("this program's own path is unknown: {error}"))),
    }
    findings
}

fn judge_daemon(daemon: &Daemon, version: &str, config: &Path) -> Vec<Finding> {
    let health = match daemon {
        Daemon::Runs(health) => health,
        Daemon::Silent(failure) => return vec![judge_silence(failure, version)],
    };
    let mut findings = vec![if health.version == version {
        Finding::ok("daemon-running", format!("agentd {version} runs, process {}", health.pid))
    } else {
        let theirs = &health.version;
        Finding::warning("daemon-version", format!("agentd {theirs} runs, but this program is agentd {version}"))
            .mend("sudo systemctl restart agentd")
    }];
    if let Some(error) = &health.config_error {
        let first = error.message.lines().next().unwrap_or_default();
        let what = format!("agentd did not take its newest configuration: {first}");
        findings.push(Finding::problem("daemon-configuration", what).mend(format!("agentd check {}", word(config))));
    }
    findings
}

fn judge_silence(failure: &Failure, version: &str) -> Finding {
    let what = format!("this is agentd {version}; {failure}");
    match failure {
        Failure::NotRunning { .. } => Finding::warning("daemon-running", what).mend(if has_systemd() {
            "sudo systemctl start agentd"
        } else {
            "agentd --config FILE"
        }),
        Failure::Denied { group, .. } => Finding::unknown("daemon-running", what).mend(match group {
            Some(group) => format!("sudo usermod -aG {group} $USER    # and log in again; or use sudo"),
            None => "sudo agentd doctor".to_owned(),
        }),
        Failure::NoSuchAgent { .. }
        | Failure::Refused { .. }
        | Failure::Conversation { .. }
        | Failure::System { .. }
        | Failure::Output(_)
        | Failure::Other(_) => Finding::problem("daemon-running", what).mend("sudo systemctl restart agentd"),
    }
}

fn has_systemd() -> bool {
    Path::new("/run/systemd/system").exists()
}

fn look_at_shim(agentd: &Path, sight: &Sight) -> Shim {
    let path = find_shim(agentd);
    let is_own = path != agentd;
    let denied = sight.user().ok().and_then(|user| {
        let path = path.clone();
        match bounded(user, LOOK_WITHIN, move || may(&path, "x")) {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(missed) => Some(missed.to_string()),
        }
    });
    Shim { is_static: is_static(&path), path: is_own.then_some(path), denied }
}

/// Whether an ELF file of this machine's class names no interpreter.
fn is_static(path: &Path) -> Option<bool> {
    let path = path.to_owned();
    let head = bounded(None, LOOK_WITHIN, move || probe::head(&path, 4096)).ok()?.ok()?;
    has_interpreter(&head).map(|has| !has)
}

/// Reads the program headers of a 64-bit little-endian ELF file.
fn has_interpreter(head: &[u8]) -> Option<bool> {
    const PT_INTERP: u32 = 3;
    if head.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let number = |at: usize, size: usize| {
        let bytes = head.get(at..at.checked_add(size)?)?;
        bytes.iter().rev().try_fold(0_usize, |sum, byte| sum.checked_mul(256)?.checked_add(usize::from(*byte)))
    };
    let (start, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    let kinds = (0..count).map(|index| number(start.checked_add(index.checked_mul(size)?)?, 4));
    kinds.map(|kind| kind.map(|kind| kind == PT_INTERP as usize)).try_fold(false, |found, kind| Some(found || kind?))
}

fn judge_shim(shim: &Shim, agentd: &Path) -> Finding {
    let path = shim.path.as_deref().unwrap_or(agentd);
    if let Some(denied) = &shim.denied {
        let what = format!("the agents' user can't execute {}: {denied}", path.display());
        return Finding::problem("shim", what).mend(format!("sudo chmod a+rx {}", word(path)));
    }
    match (&shim.path, shim.is_static) {
        (None, _) => Finding::warning("shim", "there is no agentd-shim beside agentd: each agent costs more memory")
            .advise(format!("install agentd-shim of the same version in {}", parent(agentd))),
        (Some(_), Some(false)) => {
            Finding::info("shim", "agentd-shim is linked dynamically: each agent costs a little more memory")
        }
        (Some(_), Some(true)) => Finding::ok("shim", "agentd-shim is beside agentd, linked statically"),
        (Some(_), None) => Finding::ok("shim", "agentd-shim is beside agentd"),
    }
}

fn parent(path: &Path) -> String {
    word(path.parent().unwrap_or(Path::new("/")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::client::types::{ConfigError, Health};
    use crate::cli::doctor::finding::Severity;

    fn checks(daemon: &Daemon) -> Vec<(&'static str, Severity)> {
        let findings = judge_daemon(daemon, "1.2.3", Path::new("/etc/x"));
        findings.iter().map(|finding| (finding.check, finding.severity)).collect()
    }

    #[test]
    fn a_daemon_that_runs_is_judged_by_what_it_says() {
        let mut health = Health { version: "1.2.3".into(), pid: 7, ..Health::default() };
        assert_eq!(checks(&Daemon::Runs(Box::new(health.clone()))), [("daemon-running", Severity::Ok)]);
        health.config_error = Some(ConfigError { message: "error: no\n --> x".into(), at: String::new() });
        health.version = "1.2.4".into();
        assert_eq!(
            checks(&Daemon::Runs(Box::new(health))),
            [("daemon-version", Severity::Warning), ("daemon-configuration", Severity::Problem)]
        );
    }

    #[test]
    fn a_daemon_that_is_silent_is_told_apart_from_one_that_is_denied() {
        let missing = Daemon::Silent(Failure::NotRunning { tried: vec!["/s".into()] });
        assert_eq!(checks(&missing), [("daemon-running", Severity::Warning)]);
        let denied = Daemon::Silent(Failure::Denied { socket: "/s".into(), group: Some("admin".into()) });
        assert_eq!(checks(&denied), [("daemon-running", Severity::Unknown)]);
        let broken = Daemon::Silent(Failure::Conversation { socket: "/s".into(), cause: "x".into() });
        assert_eq!(checks(&broken), [("daemon-running", Severity::Problem)]);
    }

    #[test]
    fn a_shim_must_be_executable() {
        let at = |denied: Option<&str>, path: Option<&str>| {
            let shim =
                Shim { path: path.map(PathBuf::from), is_static: Some(true), denied: denied.map(ToOwned::to_owned) };
            judge_shim(&shim, Path::new("/bin/agentd")).severity
        };
        assert_eq!(at(None, Some("/bin/agentd-shim")), Severity::Ok);
        assert_eq!(at(None, None), Severity::Warning);
        assert_eq!(at(Some("no"), None), Severity::Problem);
    }

    #[test]
    fn a_program_header_tells_whether_a_loader_is_needed() {
        assert_eq!(has_interpreter(b"#!/bin/sh"), None);
        let mut elf = vec![0; 64 + 2 * 56];
        elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
        (elf[32], elf[54], elf[56], elf[64]) = (64, 56, 2, 1);
        assert_eq!(has_interpreter(&elf), Some(false));
        elf[64 + 56] = 3;
        assert_eq!(has_interpreter(&elf), Some(true));
        elf.truncate(100);
        assert_eq!(has_interpreter(&elf), None);
    }
}
