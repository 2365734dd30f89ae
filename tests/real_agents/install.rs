//! The real command-line programs, from npm, once: into `target/real-agents`.

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

/// The directory with the package's programs; none, said loudly, where npm or its registry isn't there.
pub fn bin(package: &str) -> Option<PathBuf> {
    // Tests run beside each other, and npm's cache is one.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/real-agents").join(package.replace('/', "_"));
    let done = place.join("done");
    if !done.exists() {
        // Beside another run that installs the same; a rename decides.
        let fresh = place.with_extension(format!("new.{}", std::process::id()));
        let _ = fs::remove_dir_all(&fresh);
        fs::create_dir_all(&fresh).unwrap();
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-timeout=60000"]);
        npm.arg("--prefix").arg(&fresh).arg(package).stdin(Stdio::null()).stdout(Stdio::null());
        if !npm.status().is_ok_and(|status| status.success()) {
            let _ = fs::remove_dir_all(&fresh);
            let text =
                format!("NOT PROVEN: {package} could not be installed from npm, so agentd was not tried with it");
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
    Some(place.join("node_modules/.bin"))
}
