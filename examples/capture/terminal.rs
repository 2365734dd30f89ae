//! A terminal of our own, in a tmux of our own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub struct Terminal {
    socket: PathBuf,
}

impl Terminal {
    pub fn start(socket: &Path, home: &Path, environment: Vec<(String, String)>, argv: &[String]) -> Self {
        let terminal = Self { socket: socket.to_owned() };
        let mut tmux = terminal.tmux();
        tmux.env_clear().envs(environment).current_dir(home);
        tmux.args(["-f", "/dev/null", "new-session", "-d", "-x", "160", "-y", "50", "-s", "agent", "--"]).args(argv);
        assert!(tmux.status().unwrap().success());
        terminal
    }

    fn tmux(&self) -> Command {
        let mut tmux = Command::new("tmux");
        tmux.arg("-S").arg(&self.socket).stdin(Stdio::null()).stderr(Stdio::null());
        tmux
    }

    pub fn screen(&self) -> String {
        let shown = self.tmux().args(["capture-pane", "-p", "-t", "=agent:"]).output().unwrap();
        String::from_utf8_lossy(&shown.stdout).into_owned()
    }

    pub fn keys(&self, keys: &[&str]) {
        let _ = self.tmux().args(["send-keys", "-t", "=agent:"]).args(keys).status();
    }

    /// Its only session ends with the agent, and the server with it.
    pub fn has_ended(&self) -> bool {
        !self.tmux().args(["has-session", "-t", "=agent"]).stdout(Stdio::null()).status().unwrap().success()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.tmux().arg("kill-server").status();
    }
}
