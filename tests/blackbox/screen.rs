//! A person's own terminal: a pane of a private tmux server, in which a command of agentd's runs.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::harness::{AGENTD, Host, until};

/// A terminal. Whatever runs in it ends with the host.
pub struct Screen<'a> {
    host: &'a Host,
    /// Its server's, and no other's: one that ends may still remove its socket.
    socket: PathBuf,
}

impl<'a> Screen<'a> {
    /// Opens one of that size, and runs `agentd` in it with these words and the daemon's socket. Its end shows as `status=N`.
    pub fn of(host: &'a Host, (columns, rows): (u16, u16), words: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let screen = Self { host, socket: host.at(&format!("run/person-{number}.sock")) };
        let socket = host.api_socket();
        let script = format!("{AGENTD} {words} --api-socket '{}'; echo status=$?; exec cat", socket.display());
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let size = ["-x", &columns, "-y", &rows];
        screen.tmux(&[&["new-session", "-d"] as &[_], &size, &["sh", "-c", &script]].concat());
        screen
    }

    /// A command on the person's server.
    pub fn tmux(&self, words: &[&str]) -> String {
        let mut command = self.host.command("tmux");
        command.args(["-u", "-f", "/dev/null", "-S"]).arg(&self.socket).args(words);
        let output = command.env("TERM", "xterm-256color").env_remove("TMUX").output().unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Presses keys.
    pub fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// What is on it.
    pub fn text(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Waits until that is on it.
    pub fn shows(&self, text: &str) {
        self.waits(text, |screen| screen.contains(text));
    }

    /// Waits until it looks so.
    pub fn waits(&self, what: &str, fits: impl Fn(&str) -> bool) {
        let last = std::cell::RefCell::new(String::new());
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        until(what, || {
            *last.borrow_mut() = self.text();
            assert!(std::time::Instant::now() < deadline, "waited in vain for {what}; the screen:\n{}", last.borrow());
            fits(&last.borrow()).then_some(())
        });
    }

    /// A value of its pane.
    pub fn value(&self, format: &str) -> String {
        self.tmux(&["display-message", "-p", format]).trim().to_owned()
    }

    /// The process of this program that the script has started.
    pub fn child(&self, program: &str) -> u32 {
        let shell = self.value("#{pane_pid}");
        until(&format!("a child {program}"), || {
            let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).ok()?;
            let pid = children.split_whitespace().next()?.parse().ok()?;
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
            name.trim().starts_with(program).then_some(pid)
        })
    }
}

impl Drop for Screen<'_> {
    fn drop(&mut self) {
        let mut command = self.host.command("tmux");
        let _ = command.arg("-S").arg(&self.socket).arg("kill-server").output();
    }
}
