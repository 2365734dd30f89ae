//! Takes on another user's rights: for good in a child process, for a moment in a thread.

use std::io;
use std::marker::PhantomData;

use nix::errno::Errno;
use nix::unistd::{Gid, Uid, geteuid, setfsgid, setfsuid};

use super::identity::Identity;

/// What a child runs between fork and exec to become `identity` for good: its groups, its gids, its uids.
///
/// Meant for `pre_exec`: it allocates nothing, takes no lock, and makes raw system calls only. glibc's own wrappers
/// would try to change every thread of the process, which in a child that shares its parent's memory are the
/// parent's. Only root can do this; for anyone else it does nothing if the identity is already the process's own.
/// The kernel clears the parent-death signal here: set that afterwards.
pub fn drop_privileges_to(identity: &Identity) -> impl FnMut() -> io::Result<()> + Send + Sync + 'static {
    let (uid, gid) = (identity.uid, identity.gid);
    let groups = identity.groups.clone();
    let nothing_to_do = !geteuid().is_root() && geteuid().as_raw() == uid;
    move || if nothing_to_do { Ok(()) } else { become_user(uid, gid, &groups) }
}

// The system calls below take 32-bit ids under these names on 64-bit systems only.
const _: () = assert!(usize::BITS == 64, "agentd supports 64-bit Linux");

#[allow(unsafe_code, reason = "raw system calls, see SAFETY")]
fn become_user(uid: u32, gid: u32, groups: &[u32]) -> io::Result<()> {
    // SAFETY: `groups` is a live slice of `gid_t`s and its own length is passed with it. The other two calls take
    // numbers only. None of them writes to our memory.
    let done = unsafe {
        libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) == 0
            && libc::syscall(libc::SYS_setresgid, gid, gid, gid) == 0
            && libc::syscall(libc::SYS_setresuid, uid, uid, uid) == 0
    };
    if done { Ok(()) } else { Err(io::Error::from_raw_os_error(Errno::last_raw())) }
}

/// This thread alone takes on `identity`, for good: what it does to files from now on, it does with that user's rights.
/// Only root can. The thread must end soon, as nobody else expects one that may do less than the others.
pub fn become_for_good(identity: &Identity) -> io::Result<()> {
    become_user(identity.uid, identity.gid, &identity.groups)
}

/// For as long as it lives, files that this thread makes belong to the given user and group. Without root's rights
/// over files meanwhile, if the user isn't root: the directory must let that user in.
#[derive(Debug)]
pub struct FsIdentity {
    previous: (Uid, Gid),
    /// Belongs to the thread that made it: the identity is that thread's.
    _this_thread: PhantomData<*const ()>,
}

impl FsIdentity {
    /// Takes on the identity; `None` keeps the thread's own.
    pub fn assume(uid: Option<u32>, gid: Option<u32>) -> io::Result<Self> {
        let previous = (current_fsuid(), current_fsgid());
        let this = Self { previous, _this_thread: PhantomData };
        let uid = uid.map_or(previous.0, Uid::from_raw);
        let gid = gid.map_or(previous.1, Gid::from_raw);
        // The group first: without root's fsuid it could still be changed, but not the other way round on the way back.
        setfsgid(gid);
        setfsuid(uid);
        // Neither call reports an error.
        if (current_fsuid(), current_fsgid()) == (uid, gid) { Ok(this) } else { Err(Errno::EPERM.into()) }
    }
}

impl Drop for FsIdentity {
    fn drop(&mut self) {
        setfsuid(self.previous.0);
        setfsgid(self.previous.1);
    }
}

/// An id that no one can have is refused, and the current one answered.
fn current_fsuid() -> Uid {
    setfsuid(Uid::from_raw(u32::MAX))
}

fn current_fsgid() -> Gid {
    setfsgid(Gid::from_raw(u32::MAX))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::process::CommandExt;

    use super::*;

    fn nobody() -> Identity {
        Identity {
            uid: 65_534,
            gid: 65_533,
            groups: vec![65_533, 4_242],
            name: "nobody".into(),
            home: "/".into(),
            shell: "/bin/sh".into(),
        }
    }

    /// What the kernel says of a child that ran the closure: uids, gids and groups.
    #[allow(unsafe_code, clippy::disallowed_methods, reason = "the test needs a child that runs the closure")]
    fn ids_of_child(identity: &Identity) -> Vec<String> {
        let mut command = std::process::Command::new("/bin/cat");
        command.arg("/proc/self/status");
        // SAFETY: the closure is made for this place.
        unsafe { command.pre_exec(drop_privileges_to(identity)) };
        let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
        let wanted = |line: &&str| ["Uid:", "Gid:", "Groups:", "CapEff:"].iter().any(|key| line.starts_with(key));
        text.lines().filter(wanted).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn a_child_becomes_the_user_for_good() {
        if !geteuid().is_root() {
            eprintln!("SKIPPED: needs root");
            return;
        }
        assert_eq!(
            ids_of_child(&nobody()),
            [
                "Uid: 65534 65534 65534 65534",
                "Gid: 65533 65533 65533 65533",
                "Groups: 4242 65533",
                "CapEff: 0000000000000000"
            ]
        );
    }

    #[test]
    fn an_ordinary_user_stays_itself() {
        if geteuid().is_root() {
            eprintln!("SKIPPED: needs an ordinary user");
            return;
        }
        assert!(!ids_of_child(&Identity::current()).is_empty());
    }

    #[test]
    fn files_are_made_as_another_user_for_a_moment() {
        if !geteuid().is_root() {
            eprintln!("SKIPPED: needs root");
            return;
        }
        let temp = tempfile::tempdir().unwrap();
        std::fs::set_permissions(temp.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        let owner_of = |name: &str| {
            std::fs::write(temp.path().join(name), "").unwrap();
            let found = temp.path().join(name).metadata().unwrap();
            (found.uid(), found.gid())
        };
        let guard = FsIdentity::assume(Some(12_345), Some(23_456)).unwrap();
        assert_eq!(owner_of("theirs"), (12_345, 23_456));
        drop(guard);
        assert_eq!(owner_of("ours"), (0, 0));
    }
}
