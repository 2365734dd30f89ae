//! Users and groups by name, as the system's user database (NSS) knows them.

use std::ffi::CString;
use std::io;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::unistd::{Gid, Group, Uid, User, getegid, geteuid, getgrouplist, getgroups};

/// The group that nothing belongs to.
const NOBODYS: u32 = 65_534;

/// A user that processes can run as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its uid.
    pub uid: u32,
    /// Its primary gid.
    pub gid: u32,
    /// All its gids, the primary one included.
    pub groups: Vec<u32>,
    /// Its login name.
    pub name: String,
    /// Its home directory.
    pub home: PathBuf,
    /// Its login shell, `/bin/sh` if the database names none.
    pub shell: PathBuf,
}

/// A group that may use our sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessGroup {
    /// Its gid.
    pub gid: u32,
    /// Its name.
    pub name: String,
    /// Its members by name. Users for whom it is the primary group are missing: finding them means reading every user.
    pub members: Vec<String>,
}

/// Why a user or group could not be resolved.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// No such user.
    #[error("user `{name}` doesn't exist: create it with `useradd -m {name}`, or name another with --agent-user")]
    NoUser {
        /// As asked for.
        name: String,
    },
    /// No such group.
    #[error("group `{name}` doesn't exist: create it with `groupadd {name}`, or name another with --admin-group")]
    NoGroup {
        /// As asked for.
        name: String,
    },
    /// The database could not be asked.
    #[error("could not look up the {what} `{name}`: {source}")]
    Lookup {
        /// "user", "group" or "groups of".
        what: &'static str,
        /// As asked for.
        name: String,
        /// The system's answer.
        source: io::Error,
    },
}

impl Identity {
    /// The user of this name.
    pub fn of_user(name: &str) -> Result<Self, IdentityError> {
        let fail = |what| {
            let name = name.to_owned();
            move |errno: Errno| IdentityError::Lookup { what, name, source: errno.into() }
        };
        let Some(user) = User::from_name(name).map_err(fail("user"))? else {
            return Err(IdentityError::NoUser { name: name.to_owned() });
        };
        let c_name = CString::new(name).map_err(|_| fail("user")(Errno::EINVAL))?;
        let groups = getgrouplist(&c_name, user.gid).map_err(fail("groups of"))?;
        Ok(Self::from_entry(user, &groups))
    }

    /// The user of this name, or of this number where it has no name, as containers have them. Such a user is in no group.
    pub fn of_user_or_uid(name: &str) -> Result<Self, IdentityError> {
        match (Self::of_user(name), name.parse()) {
            (Err(IdentityError::NoUser { .. }), Ok(uid)) => {
                let (home, shell) = (PathBuf::from("/"), PathBuf::from("/bin/sh"));
                Ok(Self { uid, gid: NOBODYS, groups: vec![NOBODYS], name: name.to_owned(), home, shell })
            }
            (result, _) => result,
        }
    }

    /// The user that this process runs as. A uid without an entry, as containers have them, is named by its number.
    pub fn current() -> Self {
        let groups = getgroups().unwrap_or_default();
        match User::from_uid(geteuid()) {
            Ok(Some(user)) => Self::from_entry(User { gid: getegid(), ..user }, &groups),
            Ok(None) | Err(_) => Self {
                uid: geteuid().as_raw(),
                gid: getegid().as_raw(),
                groups: groups.into_iter().map(Gid::as_raw).collect(),
                name: geteuid().to_string(),
                home: std::env::var_os("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from),
                shell: PathBuf::from("/bin/sh"),
            },
        }
    }

    fn from_entry(user: User, groups: &[Gid]) -> Self {
        let shell = if user.shell.as_os_str().is_empty() { PathBuf::from("/bin/sh") } else { user.shell };
        Self {
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            groups: groups.iter().map(|gid| gid.as_raw()).collect(),
            name: user.name,
            home: user.dir,
            shell,
        }
    }
}

impl AccessGroup {
    /// The group of this name.
    pub fn of_name(name: &str) -> Result<Self, IdentityError> {
        match Group::from_name(name) {
            Ok(Some(group)) => Ok(Self { gid: group.gid.as_raw(), name: group.name, members: group.mem }),
            Ok(None) => Err(IdentityError::NoGroup { name: name.to_owned() }),
            Err(errno) => Err(IdentityError::Lookup { what: "group", name: name.to_owned(), source: errno.into() }),
        }
    }
}

/// Whether this process has root's rights by its uid.
pub fn is_root() -> bool {
    geteuid() == Uid::from_raw(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_known_everywhere() {
        let root = Identity::of_user("root").unwrap();
        assert_eq!((root.uid, root.gid, root.name.as_str()), (0, 0, "root"));
        assert!(root.groups.contains(&0));
        assert!(root.shell.is_absolute());
        assert_eq!(AccessGroup::of_name("root").unwrap().gid, 0);
    }

    #[test]
    fn a_missing_user_or_group_says_what_to_do() {
        assert_eq!(
            Identity::of_user("no-such-user").unwrap_err().to_string(),
            "user `no-such-user` doesn't exist: create it with `useradd -m no-such-user`, or name another with --agent-user"
        );
        assert_eq!(
            AccessGroup::of_name("no-such-group").unwrap_err().to_string(),
            "group `no-such-group` doesn't exist: create it with `groupadd no-such-group`, or name another with --admin-group"
        );
    }

    #[test]
    fn a_user_may_have_no_name() {
        let nameless = Identity::of_user_or_uid("3999999999").unwrap();
        assert_eq!((nameless.uid, nameless.gid, nameless.groups), (3_999_999_999, NOBODYS, vec![NOBODYS]));
        assert_eq!(Identity::of_user_or_uid("root").unwrap().uid, 0);
        assert!(Identity::of_user_or_uid("no-such-user").is_err());
    }

    #[test]
    fn this_process_has_an_identity() {
        let current = Identity::current();
        assert_eq!(current.uid, geteuid().as_raw());
        assert!(!current.name.is_empty());
    }
}
