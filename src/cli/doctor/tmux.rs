//! tmux: the program, the server that agents are on, and who can attach.

use std::path::Path;
use std::time::Duration;

use crate::model::SessionName;
use crate::sys::probe::{self, bounded};
use crate::sys::tmux::server::{ServerProcess, find};

use super::LOOK_WITHIN;
use super::files::{Meta, meta};
use super::finding::{Finding, word};
use super::place::{Daemon, Place};

/// A tmux that takes longer is stuck.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The oldest that agentd works with.
const OLDEST: (u32, u32) = (3, 3);

/// Looks at all of it.
pub async fn look(place: &Place) -> Vec<Finding> {
    let user = place.sight.user().ok().flatten();
    let asked = probe::ask(&place.tmux, &["-V"], user, None, ANSWER_WITHIN).await;
    let mut findings = vec![match asked {
        Ok(said) => judge_version(said.output.trim()),
        Err(error) => Finding::problem("tmux-found", format!("tmux ({}) {error}", place.tmux.display()))
            .mend("sudo apt-get install tmux    # 3.3 or newer; or name it with --tmux"),
    }];
    let Some(socket) = place.tmux_socket.clone() else {
        let what = "XDG_RUNTIME_DIR is not set, so nobody knows where the tmux server's socket would be";
        findings.push(Finding::warning("tmux-server", what).advise("give --tmux-socket, or log in as that user"));
        return findings;
    };
    let looked = bounded(None, LOOK_WITHIN, {
        let socket = socket.clone();
        move || (find(&socket), meta(&socket))
    });
    let (server, found) = match looked {
        Ok((Ok(server), found)) => (server, found),
        Ok((Err(error), _)) => {
            let what = format!("the tmux server can't be reached on {}: {error}", socket.display());
            findings.push(Finding::unknown("tmux-server", what).mend("sudo agentd doctor"));
            return findings;
        }
        Err(missed) => {
            findings.push(Finding::problem("tmux-server", format!("{}: {missed}", socket.display())));
            return findings;
        }
    };
    let uid = place.user.as_ref().ok().map(|user| user.uid);
    let runs = matches!(place.daemon, Daemon::Runs(_));
    findings.push(judge_server(server, uid, runs, &socket));
    if let (Some(_), Ok(found), Some(Ok(group))) = (server, found, &place.admins) {
        findings.push(judge_socket(&found, group.gid, &group.name, &socket));
    }
    // What runs the client is never root: the server could make it execute something.
    let may_ask = server.is_some_and(|server| Some(server.uid) == uid) && place.sight.user().is_ok();
    if may_ask {
        findings.extend(foreign_sessions(place, &socket).await);
    }
    findings
}

async fn foreign_sessions(place: &Place, socket: &Path) -> Option<Finding> {
    let user = place.sight.user().ok()?;
    let socket = socket.to_str()?;
    let words = ["-N", "-u", "-S", socket, "list-sessions", "-F", "#{AGENTD_AGENT}|#{session_name}"];
    match probe::ask(&place.tmux, &words, user, None, ANSWER_WITHIN).await {
        Ok(said) => judge_sessions(&said.output),
        Err(error) => Some(
            Finding::problem("tmux-server", format!("the tmux server listens, but tmux {error}"))
                .mend(format!("tmux -S {socket} kill-server    # ends all agents; agentd starts them again")),
        ),
    }
}

/// `tmux 3.5a`, `tmux next-3.6`, `tmux openbsd-7.5`.
fn parse_version(text: &str) -> Option<(u32, u32, String)> {
    let version = text.strip_prefix("tmux ")?.trim();
    let plain = version.strip_prefix("next-").unwrap_or(version);
    let (major, rest) = plain.split_once('.')?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((major.parse().ok()?, digits.parse().ok()?, version.to_owned()))
}

fn judge_version(text: &str) -> Finding {
    let Some((major, minor, version)) = parse_version(text) else {
        return Finding::unknown("tmux-version", format!("tmux calls itself {text:?}, which says nothing of its age"));
    };
    if (major, minor) < OLDEST {
        return Finding::problem("tmux-version", format!("tmux {version} is too old: agentd needs 3.3 or newer"))
            .advise("install tmux 3.3 or newer, or name one with --tmux");
    }
    if (major, minor) <= (3, 5) {
        let what = format!(
            "tmux {version}; never `set -g window-size manual` on the agents' server: with that, this version crashes at the next new session"
        );
        return Finding::info("tmux-version", what);
    }
    Finding::ok("tmux-version", format!("tmux {version}"))
}

fn judge_server(server: Option<ServerProcess>, uid: Option<u32>, daemon_runs: bool, socket: &Path) -> Finding {
    let shown = socket.display();
    match (server, uid) {
        (None, _) if daemon_runs => {
            Finding::problem("tmux-server", format!("agentd runs, but no tmux server listens on {shown}"))
                .mend("journalctl -u agentd")
        }
        (None, _) => Finding::info("tmux-server", "no tmux server runs yet; agentd starts it"),
        (Some(server), Some(uid)) if server.uid != uid => {
            let what = format!("the tmux server on {shown} belongs to user {}, not to the agents' user", server.uid);
            Finding::problem("tmux-server", what)
                .mend(format!("sudo kill {}    # ends what runs in it; then restart agentd", server.pid))
        }
        (Some(server), _) => Finding::ok("tmux-server", format!("the tmux server runs, process {}", server.pid)),
    }
}

fn judge_socket(found: &Meta, gid: u32, group: &str, socket: &Path) -> Finding {
    let socket_word = word(socket);
    if found.mode & 0o007 != 0 {
        return Finding::problem(
            "tmux-socket-mode",
            format!("everybody may attach: {} is open to others", socket.display()),
        )
        .mend(format!("sudo chmod o= {socket_word}"));
    }
    if found.gid == gid && found.mode & 0o060 == 0o060 {
        return Finding::ok("tmux-socket-mode", format!("the group {group} may attach"));
    }
    Finding::warning("tmux-socket-mode", format!("the group {group} can't attach to {}", socket.display()))
        .mend(format!("sudo chgrp {group} {socket_word} && sudo chmod 770 {socket_word}"))
}

/// Sessions that are neither an agent's nor agentd's own.
fn judge_sessions(listing: &str) -> Option<Finding> {
    let rows = listing.lines().filter_map(|line| line.split_once('|'));
    let is_foreign = |(agent, session): &(&str, &str)| agent.is_empty() && *session != SessionName::CONTROL;
    let foreign: Vec<&str> = rows.filter(is_foreign).map(|(_, session)| session).collect();
    if foreign.is_empty() {
        return None;
    }
    let shown = foreign.iter().take(5).copied().collect::<Vec<_>>().join(", ");
    let more = if foreign.len() > 5 { ", …" } else { "" };
    let what = format!("sessions on the agents' server that agentd did not make and leaves alone: {shown}{more}");
    Some(Finding::info("tmux-sessions", what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::finding::Severity;

    #[test]
    fn versions_are_compared_as_numbers() {
        for (text, severity) in [
            ("tmux 3.2a", Severity::Problem),
            ("tmux 2.9", Severity::Problem),
            ("tmux 3.3a", Severity::Info),
            ("tmux 3.5a", Severity::Info),
            ("tmux next-3.6", Severity::Ok),
            ("tmux 3.10", Severity::Ok),
            ("tmux openbsd-7.5", Severity::Unknown),
            ("", Severity::Unknown),
        ] {
            assert_eq!(judge_version(text).severity, severity, "{text}");
        }
    }

    #[test]
    fn a_server_belongs_to_the_agents_user() {
        let server = Some(ServerProcess { pid: 7, uid: 5 });
        let severity = |server, uid, runs| judge_server(server, uid, runs, Path::new("/s")).severity;
        assert_eq!(severity(server, Some(5), true), Severity::Ok);
        assert_eq!(severity(server, Some(6), true), Severity::Problem);
        assert_eq!(severity(None, Some(5), false), Severity::Info);
        assert_eq!(severity(None, Some(5), true), Severity::Problem);
    }

    #[test]
    fn admins_and_nobody_else_may_attach() {
        let severity = |mode, gid| {
            let found = Meta { uid: 5, gid, mode, is_dir: false };
            judge_socket(&found, 9, "admin", Path::new("/s")).severity
        };
        assert_eq!(severity(0o770, 9), Severity::Ok);
        assert_eq!(severity(0o700, 9), Severity::Warning);
        assert_eq!(severity(0o770, 8), Severity::Warning);
        assert_eq!(severity(0o777, 9), Severity::Problem);
    }

    #[test]
    fn sessions_of_others_are_named() {
        let own = format!("one|one\n|{}\n", SessionName::CONTROL);
        assert_eq!(judge_sessions(&own), None);
        let found = judge_sessions(&format!("{own}|mine\n")).unwrap();
        assert!(found.what.ends_with(": mine"), "{found:?}");
    }
}
