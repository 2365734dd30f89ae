//! What is left of runs whose shim was killed while nobody looked: it had left the shim's session, and the kernel gave it to
//! init. No daemon knows these runs. Their processes have a run's mark and our terminal's in the environment that they were
//! executed with, and no shim above them.
//!
//! Whoever is taken for one by mistake is killed: what isn't certain isn't one.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;

use super::process::{self, Sweep};
use super::read_file::is_of_the_moment;

/// What tells them from everybody else.
#[derive(Clone, Debug)]
pub struct Orphans {
    /// The user that agents run as.
    pub uid: u32,
    /// How entries of their environments begin, one for each of these at least.
    pub marks: Vec<OsString>,
    /// What the file name of every shim's program contains.
    pub shim: &'static str,
}

impl Orphans {
    /// Kills all of them. Cancel-safe.
    pub async fn kill(&self) -> io::Result<Sweep> {
        let who = self.clone();
        process::kill_all(move |pid| who.has(pid)).await
    }

    /// Whether it is one. What can't be looked at isn't.
    fn has(&self, pid: u32) -> io::Result<bool> {
        let is_theirs = std::fs::metadata(format!("/proc/{pid}")).is_ok_and(|meta| meta.uid() == self.uid);
        Ok(is_theirs && self.is_marked(pid)? && self.is_without_shim(pid)?)
    }

    fn is_marked(&self, pid: u32) -> io::Result<bool> {
        let environ = process::environ(pid)?;
        let begins = |mark: &OsString| environ.split(|byte| *byte == 0).any(|entry| entry.starts_with(mark.as_bytes()));
        Ok(self.marks.iter().all(begins))
    }

    /// Whether there is nobody above it but processes that can be looked at, and are no shims, and init. A shim hides what it
    /// has in memory, so that an ordinary user can't look at it: who can't be looked at may be one.
    fn is_without_shim(&self, pid: u32) -> io::Result<bool> {
        let mut at = pid;
        while at != 1 {
            if program(at).is_none_or(|name| name.contains(self.shim)) {
                return Ok(false);
            }
            at = match process::ppid_and_start_time(at) {
                Ok((parent, _)) => parent,
                Err(error) if is_of_the_moment(&error) => return Err(error),
                // One whose parent ends just now gets another, and may be one of ours next time.
                Err(_) => return Ok(false),
            };
        }
        Ok(true)
    }
}

/// The file name of what a process runs, if it may be known.
fn program(pid: u32) -> Option<String> {
    let path = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    Some(path.file_name()?.to_string_lossy().into_owned())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test")]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    fn of(orphans: &Orphans) -> Vec<u32> {
        process::all().unwrap().filter(|pid| orphans.has(*pid).unwrap()).collect()
    }

    /// A shell in another's stead: what it starts has it above, as long as it lives.
    fn family(mark: &str) -> (std::process::Child, Orphans) {
        let mut shell = Command::new("sh");
        shell.args(["-c", "setsid sleep 1000 & setsid sleep 1000 & read end"]);
        shell.env("ORPHANS_RUN", mark).env("ORPHANS_TERMINAL", "1,2").stdin(Stdio::piped());
        let shell = shell.spawn().unwrap();
        let marks = vec![format!("ORPHANS_RUN={mark}").into(), "ORPHANS_TERMINAL=1,".into()];
        let all = Orphans { uid: nix::unistd::geteuid().as_raw(), marks, shim: "no such" };
        let sleeps = || of(&all).into_iter().filter(|pid| program(*pid).is_some_and(|name| name == "sleep"));
        // One that executes something just now has no environment.
        while sleeps().count() < 2 {
            std::thread::yield_now();
        }
        (shell, all)
    }

    #[tokio::test]
    async fn they_are_killed_and_nobody_who_has_a_shim() {
        let (mut shell, all) = family(&format!("{}-a", std::process::id()));
        // Whatever the shell is: `dash`, `bash`, `busybox`.
        let shim = program(shell.id()).unwrap().leak();
        let orphans = Orphans { shim, ..all.clone() };
        assert_eq!(orphans.kill().await.unwrap().killed, 0, "the shell is a shim here");
        let others = Orphans { marks: vec![all.marks[0].clone(), "ORPHANS_TERMINAL=2,".into()], ..all.clone() };
        assert_eq!(others.kill().await.unwrap().killed, 0, "of another terminal");
        assert_eq!(Orphans { uid: all.uid + 1, ..all.clone() }.kill().await.unwrap().killed, 0, "of another user");
        shell.kill().unwrap();
        shell.wait().unwrap();
        assert_eq!(orphans.kill().await.unwrap().killed, 2);
        assert_eq!(of(&all), [0_u32; 0]);
    }
}
