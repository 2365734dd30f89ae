//! Who may read and write the files that agentd goes by: whoever can write the configuration decides what runs, and
//! whoever can read the secrets has them.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::sys::identity::Identity;
use crate::sys::probe::bounded;

use super::LOOK_WITHIN;
use super::finding::{Finding, word};
use super::place::Place;

/// Whose a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its permission bits.
    pub mode: u32,
    /// Whether it is a directory.
    pub is_dir: bool,
}

/// Whose a file is, through its links.
pub fn meta(path: &Path) -> io::Result<Meta> {
    let found = path.metadata()?;
    Ok(Meta { uid: found.uid(), gid: found.gid(), mode: found.mode() & 0o7777, is_dir: found.is_dir() })
}

impl Meta {
    /// Whether a user has all of these rights (of `rwx`, as three bits).
    fn grants(self, uid: u32, groups: &[u32], rights: u32) -> bool {
        let bits = if self.uid == uid {
            self.mode >> 6
        } else if groups.contains(&self.gid) {
            self.mode >> 3
        } else {
            self.mode
        };
        bits & rights == rights
    }

    /// Whether a user can give another entry of this directory a name that somebody relies on.
    fn lets_replace(self, child: Self, uid: u32, groups: &[u32]) -> bool {
        let is_sticky = self.mode & 0o1000 != 0;
        let has_a_say = !is_sticky || child.uid == uid || self.uid == uid;
        uid != 0 && has_a_say && (self.uid == uid || self.grants(uid, groups, 0o3))
    }
}

/// Somebody who must not be able to do something.
#[derive(Debug)]
struct Stranger<'a> {
    who: String,
    uid: u32,
    groups: &'a [u32],
}

/// The users that must not change what root's daemon goes by; an ordinary user's daemon has only the others.
fn strangers(place: &Place) -> Vec<Stranger<'_>> {
    // No real user has this number: what it may, everybody may.
    let mut strangers = vec![Stranger { who: "everybody".to_owned(), uid: u32::MAX, groups: &[] }];
    if let (true, Ok(Identity { uid: uid @ 1.., groups, name, .. })) = (place.is_roots, &place.user) {
        strangers.push(Stranger { who: format!("the agents' user {name}"), uid: *uid, groups });
    }
    strangers
}

/// A file and the directories above it, itself first.
type Chain = Vec<(PathBuf, Meta)>;

/// What is there on the way to a file, links resolved; an error if it can't be looked at.
fn chain(path: &Path) -> io::Result<Chain> {
    let real = path.canonicalize()?;
    real.ancestors().map(|part| Ok((part.to_owned(), meta(part)?))).collect()
}

/// Looks at all of it. `prompts` are the files that the configuration names.
pub fn look(place: &Place, prompts: &[PathBuf]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let strangers = strangers(place);
    let config = bounded(None, LOOK_WITHIN, {
        let config = place.config.clone();
        move || chain(&config)
    });
    findings.extend(match config {
        Ok(Ok(chain)) => vec![judge_config(&chain, &strangers)],
        // What can't be read is said by the check of the configuration itself.
        Ok(Err(_)) => Vec::new(),
        Err(missed) => vec![Finding::problem("config-mode", format!("{}: {missed}", place.config.display()))],
    });
    let chains = bounded(None, LOOK_WITHIN, {
        let prompts = prompts.to_vec();
        move || prompts.iter().filter_map(|prompt| chain(prompt).ok()).collect::<Vec<_>>()
    });
    match chains {
        Ok(chains) => findings.extend(judge_prompts(&chains, &strangers)),
        Err(missed) => findings.push(Finding::problem("prompt-mode", format!("the prompt files: {missed}"))),
    }
    findings.extend(super::secrets::look(place));
    findings.extend(runtime(place, &strangers));
    findings
}

/// The first way in which a stranger could change a file.
fn changeable(chain: &Chain, stranger: &Stranger) -> Option<PathBuf> {
    let (path, file) = chain.first()?;
    if stranger.uid == file.uid || file.grants(stranger.uid, stranger.groups, 0o2) {
        return Some(path.clone());
    }
    let pairs = chain.iter().zip(chain.iter().skip(1));
    let replaceable = pairs.filter(|((_, child), (_, dir))| dir.lets_replace(*child, stranger.uid, stranger.groups));
    replaceable.map(|(_, (dir, _))| dir.clone()).next()
}

fn judge_config(chain: &Chain, strangers: &[Stranger]) -> Finding {
    let Some((file, _)) = chain.first() else { return Finding::unknown("config-mode", "there is no configuration") };
    for stranger in strangers {
        let Some(at) = changeable(chain, stranger) else { continue };
        let who = &stranger.who;
        let how = if &at == file { String::new() } else { format!(", as {} is writable", at.display()) };
        let what = format!("{who} can change {} and so decide what runs{how}", file.display());
        return Finding::problem("config-mode", what).mend(close(&at));
    }
    Finding::ok("config-mode", format!("{} can't be changed by agents or others", file.display()))
}

/// For a file of root's.
fn close(path: &Path) -> String {
    let path = word(path);
    format!("sudo chown root:root {path} && sudo chmod go-w {path}")
}

fn judge_prompts(chains: &[Chain], strangers: &[Stranger]) -> Option<Finding> {
    let writable = chains.iter().filter_map(|chain| {
        let stranger = strangers.iter().find(|stranger| changeable(chain, stranger).is_some())?;
        Some((chain.first()?.0.display().to_string(), stranger))
    });
    let writable: Vec<_> = writable.collect();
    let (file, stranger) = writable.first()?;
    let more = if writable.len() > 1 { format!(" (and {} more)", writable.len() - 1) } else { String::new() };
    let what = format!("{} can change the prompt file {file}{more}, and so what agents are told", stranger.who);
    let finding = if stranger.uid == u32::MAX {
        Finding::warning("prompt-mode", what)
    } else {
        Finding::info("prompt-mode", what)
    };
    Some(finding.mend(format!("sudo chmod go-w {}    # if it isn't meant to be so", word(Path::new(file)))))
}

/// The directories of the sockets.
fn runtime(place: &Place, strangers: &[Stranger]) -> Vec<Finding> {
    let sockets = [(&place.tmux_socket, "tmux"), (&place.api_socket, "API")];
    let looked = sockets.into_iter().filter_map(|(socket, what)| {
        let socket = socket.clone()?;
        let dir = socket.parent()?.to_owned();
        let metas = bounded(None, LOOK_WITHIN, move || (meta(&dir), meta(&socket), dir));
        Some((what, metas))
    });
    let mut findings = Vec::new();
    for (what, metas) in looked {
        match metas {
            Ok((Ok(found), socket, dir)) => {
                findings.extend(judge_runtime_dir(what, &dir, found, strangers, place.user.as_ref().ok()));
                if let (Ok(socket), "API") = (socket, what) {
                    findings.extend(judge_api_socket(socket, place.api_socket.as_deref()));
                }
            }
            // Not made yet, or not for us to see.
            Ok((Err(_), ..)) => {}
            Err(missed) => findings.push(Finding::problem("runtime-dir", format!("the {what} socket: {missed}"))),
        }
    }
    findings
}

fn judge_runtime_dir(
    what: &str,
    dir: &Path,
    found: Meta,
    strangers: &[Stranger],
    user: Option<&Identity>,
) -> Option<Finding> {
    let shown = dir.display();
    if !found.is_dir {
        return Some(Finding::problem("runtime-dir", format!("{shown}, for the {what} socket, is no directory")));
    }
    // The agents' user owns the directory of its tmux server.
    let may_write = |stranger: &&Stranger| {
        found.grants(stranger.uid, stranger.groups, 0o2) && (stranger.uid == u32::MAX || what == "API")
    };
    if let Some(stranger) = strangers.iter().find(may_write) {
        let what = format!("{} may write to {shown} and could put another {what} socket there", stranger.who);
        let owner = if stranger.uid == u32::MAX { "" } else { "sudo chown root " };
        let and = if owner.is_empty() { String::new() } else { format!("{owner}{} && ", word(dir)) };
        return Some(Finding::problem("runtime-dir", what).mend(format!("{and}sudo chmod o-w {}", word(dir))));
    }
    let user = user?;
    if what == "tmux" && !found.grants(user.uid, &user.groups, 0o3) {
        let what = format!("the agents' user {} can't make the tmux server's socket in {shown}", user.name);
        return Some(Finding::problem("runtime-dir", what).mend(format!("sudo chown {} {}", user.uid, word(dir))));
    }
    Some(Finding::ok("runtime-dir", format!("{shown}, for the {what} socket")))
}

fn judge_api_socket(found: Meta, socket: Option<&Path>) -> Option<Finding> {
    let socket = socket?;
    (found.mode & 0o002 != 0).then(|| {
        let what = format!("everybody may use the API: {} is open to others", socket.display());
        Finding::problem("api-socket-mode", what).mend(format!("sudo chmod o= {}", word(socket)))
    })
}

/// Whether a user could read a file in a directory: for the secrets.
pub fn can_read(dir: Meta, file: Meta, user: Option<&Identity>) -> bool {
    let (uid, groups) = user.map_or((u32::MAX, [].as_slice()), |user| (user.uid, user.groups.as_slice()));
    dir.grants(uid, groups, 0o1) && file.grants(uid, groups, 0o4)
}

/// Whether a user could put files into a directory.
pub fn can_write(dir: Meta, user: Option<&Identity>) -> bool {
    let (uid, groups) = user.map_or((u32::MAX, [].as_slice()), |user| (user.uid, user.groups.as_slice()));
    dir.grants(uid, groups, 0o3)
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::cli::doctor::finding::Severity;

    /// A file of root's.
    pub const fn of_root(mode: u32, is_dir: bool) -> Meta {
        Meta { uid: 0, gid: 0, mode, is_dir }
    }

    fn config(metas: &[Meta]) -> Severity {
        let paths = ["/a/b/c", "/a/b", "/a", "/"];
        let chain = paths.iter().zip(metas).map(|(path, meta)| (PathBuf::from(path), *meta)).collect();
        let strangers = [
            Stranger { who: "everybody".into(), uid: u32::MAX, groups: &[] },
            Stranger { who: "agent".into(), uid: 5, groups: &[5, 6] },
        ];
        judge_config(&chain, &strangers).severity
    }

    #[test]
    fn agents_must_not_decide_what_runs() {
        let (file, dir) = (of_root(0o644, false), of_root(0o755, true));
        assert_eq!(config(&[file, dir, dir]), Severity::Ok);
        assert_eq!(config(&[Meta { mode: 0o666, ..file }, dir, dir]), Severity::Problem);
        assert_eq!(config(&[Meta { uid: 5, mode: 0o400, ..file }, dir, dir]), Severity::Problem, "can chmod it");
        assert_eq!(config(&[Meta { gid: 6, mode: 0o664, ..file }, dir, dir]), Severity::Problem);
        assert_eq!(config(&[Meta { gid: 7, mode: 0o664, ..file }, dir, dir]), Severity::Ok);
        assert_eq!(config(&[file, dir, Meta { uid: 5, ..dir }]), Severity::Problem, "can replace /a/b");
        assert_eq!(config(&[file, dir, Meta { mode: 0o1777, ..dir }]), Severity::Ok, "/tmp");
        assert_eq!(config(&[file, Meta { uid: 5, ..dir }, Meta { mode: 0o1777, ..dir }]), Severity::Problem);
    }

    #[test]
    fn prompts_that_agents_may_change_are_told() {
        let chain =
            |mode| vec![vec![(PathBuf::from("/p"), of_root(mode, false)), (PathBuf::from("/"), of_root(0o755, true))]];
        let everybody = [Stranger { who: "everybody".into(), uid: u32::MAX, groups: &[] }];
        assert_eq!(judge_prompts(&chain(0o644), &everybody), None);
        assert_eq!(judge_prompts(&chain(0o646), &everybody).unwrap().severity, Severity::Warning);
    }

    #[test]
    fn a_runtime_directory_is_for_those_who_listen_in_it() {
        let everybody = [Stranger { who: "everybody".into(), uid: u32::MAX, groups: &[] }];
        let user =
            Identity { uid: 5, gid: 5, groups: vec![5], name: "a".into(), home: "/".into(), shell: "/bin/sh".into() };
        let severity =
            |what, meta| judge_runtime_dir(what, Path::new("/r"), meta, &everybody, Some(&user)).unwrap().severity;
        let own = Meta { uid: 5, gid: 5, mode: 0o2750, is_dir: true };
        assert_eq!(severity("tmux", own), Severity::Ok);
        assert_eq!(severity("tmux", of_root(0o755, true)), Severity::Problem);
        assert_eq!(severity("API", of_root(0o755, true)), Severity::Ok);
        assert_eq!(severity("API", of_root(0o777, true)), Severity::Problem);
        assert_eq!(severity("tmux", Meta { is_dir: false, ..own }), Severity::Problem);
        assert!(judge_api_socket(of_root(0o666, false), Some(Path::new("/s"))).is_some());
        assert!(judge_api_socket(of_root(0o660, false), Some(Path::new("/s"))).is_none());
    }
}
