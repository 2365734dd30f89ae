//! A system user and its group, for the agents of a daemon that runs as root. They are gone when it is dropped.

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::harness::until;

/// The tools lock the user database and wait for it by the second: one at a time is faster.
static DATABASE: Mutex<()> = Mutex::new(());

/// A user with a group of the same name, whose only member it is.
pub struct Account {
    /// The name of both.
    pub name: String,
    /// The user's number.
    pub uid: u32,
}

impl Account {
    /// Makes it. Its home isn't made.
    pub fn new(home: &Path) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("agentd-t{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let home = home.to_str().unwrap();
        administer(&[
            "useradd",
            "--system",
            "--user-group",
            "--no-create-home",
            "--shell",
            "/bin/sh",
            "-d",
            home,
            &name,
        ]);
        let uid = nix::unistd::User::from_name(&name).unwrap().unwrap().uid.as_raw();
        Self { name, uid }
    }
}

impl Account {
    /// Its group's number.
    pub fn gid(&self) -> u32 {
        nix::unistd::Group::from_name(&self.name).unwrap().unwrap().gid.as_raw()
    }

    /// Adds the user to another's group. The other must be dropped later.
    pub fn join(&self, other: &Self) {
        administer(&["usermod", "--append", "--groups", &other.name, &self.name]);
    }

    /// Gives the user another login shell.
    pub fn set_shell(&self, shell: &str) {
        administer(&["usermod", "--shell", shell, &self.name]);
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        // Its group goes with it.
        administer(&["userdel", "--force", &self.name]);
    }
}

/// Another process may hold the database: it is tried again until it works.
fn administer(words: &[&str]) {
    let _one = DATABASE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    until(&format!("{words:?}"), || {
        let output = Command::new(words[0]).args(&words[1..]).output().unwrap();
        output.status.success().then_some(())
    });
}
