//! The real command-line programs, from npm and PyPI, once: into `target/real-agents`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// What is proven, with which version.
pub const CLAUDE: &str = "@anthropic-ai/claude-code@2.1.329";
pub const CODEX: &str = "@openai/codex@0.169.0";
pub const OPENCODE: &str = "opencode-ai@1.18.33";
pub const GEMINI: &str = "@google/gemini-cli@0.61.0";
pub const QWEN: &str = "@qwen-code/qwen-code@0.15.10";
pub const COPILOT: &str = "@github/copilot@1.0.102";
/// From PyPI.
pub const AIDER: &str = "aider-chat==0.86.2";

/// Where packages come from.
#[derive(Clone, Copy)]
enum Registry {
    Npm,
    PyPi,
}

impl Registry {
    fn of(package: &str) -> Self {
        if package.contains("==") { Self::PyPi } else { Self::Npm }
    }

    /// Where the programs are in the directory that the package is installed into.
    fn programs(self) -> &'static str {
        match self {
            Self::Npm => "node_modules/.bin",
            Self::PyPi => "bin",
        }
    }

    fn install(self, package: &str, into: &Path) -> bool {
        let is_done = |command: &mut Command| {
            let command = command.stdin(Stdio::null()).stdout(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        match self {
            Self::Npm => {
                let mut npm = Command::new("npm");
                npm.args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-timeout=60000"]);
                let copilot = into.join("node_modules/.bin/copilot");
                is_done(npm.arg("--prefix").arg(into).arg(package))
                    && (!copilot.exists()
                        || is_done(Command::new(copilot).arg("--version").env("HOME", into.join("home"))))
            }
            Self::PyPi => {
                // Root's own python may be where the agents' user can't look.
                let python = ["/usr/bin/python3", "python3"].into_iter().find(|python| Path::new(python).exists());
                let mut pip = Command::new(into.join("bin/python"));
                pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", package]);
                is_done(Command::new(python.unwrap_or("python3")).args(["-m", "venv"]).arg(into))
                    && is_done(&mut pip)
                    && can_be_moved(into, "aider")
            }
        }
    }
}

/// Where copilot's program is unpacked, which takes it longer than all the rest, and which it would do in every home.
pub fn unpacked(bin: &Path) -> PathBuf {
    let home = bin.join("../../home");
    let unpacked = home.join(".cache/copilot/pkg");
    let at = fs::read_dir(unpacked).into_iter().flatten().flatten().next().map(|entry| entry.path());
    let version = at.and_then(|at| fs::read_dir(at).into_iter().flatten().flatten().next());
    version.map(|entry| entry.path()).unwrap_or_default()
}

/// What pip writes there is executed by the place where it was installed, and that is renamed.
fn can_be_moved(place: &Path, program: &str) -> bool {
    let script = format!("#!/bin/sh\nexec \"${{0%/*}}/python\" -m {program} \"$@\"\n");
    fs::write(place.join("bin").join(program), script).is_ok()
}

/// The directory with the package's programs; none, said loudly, where its registry isn't there, or who asks it.
pub fn bin(package: &str) -> Option<PathBuf> {
    // Tests run beside each other, and a registry's cache is one.
    static ONE_AT_A_TIME: [Mutex<()>; 2] = [Mutex::new(()), Mutex::new(())];
    let registry = Registry::of(package);
    let _turn = ONE_AT_A_TIME[registry as usize].lock().unwrap_or_else(PoisonError::into_inner);
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/real-agents").join(package.replace('/', "_"));
    let done = place.join("done");
    if !done.exists() {
        // Beside another run that installs the same; a rename decides.
        let fresh = place.with_extension(format!("new.{}", std::process::id()));
        let _ = fs::remove_dir_all(&fresh);
        fs::create_dir_all(&fresh).unwrap();
        if !registry.install(package, &fresh) {
            let _ = fs::remove_dir_all(&fresh);
            let text = format!("NOT PROVEN: {package} could not be installed, so agentd was not tried with it");
            assert!(std::env::var_os("AGENTD_REQUIRE_REAL_AGENTS").is_none(), "{text}");
            // Not by `eprintln!`: what that writes, the test runner keeps to itself when the test passes.
            std::io::stderr().write_all(format!("\n!!! {text}\n\n").as_bytes()).unwrap();
            return None;
        }
        fs::write(fresh.join("done"), "").unwrap();
        let _ = fs::remove_dir_all(&place);
        // Whoever was first has installed the same.
        let _ = fs::rename(&fresh, &place);
        let _ = fs::remove_dir_all(&fresh);
    }
    Some(place.join(registry.programs()))
}
