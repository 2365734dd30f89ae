//! Captures anew what real agent programs show at their first start, in a home that is empty: the fixtures in
//! `tests/fixtures/screens`, that `src/dialect/screens.toml` is held against.
//!
//! `cargo run --example screens -- BIN…` with the directories that the programs are in, such as
//! `target/real-agents/*/node_modules/.bin`; a program that isn't there is left out, and what is known of it stays.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a tool for who works on agentd"
)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A screen that shows what was waited for, and has not changed for this long, waits for somebody.
const STILL: Duration = Duration::from_secs(1);

/// One that is never still is taken after this.
const PATIENCE: Duration = Duration::from_secs(15);

const KEY: &str = "sk-ant-test-0123456789abcdefghijklmnop";

/// A program on its way from one dialog to the next.
struct Case {
    harness: &'static str,
    argv: &'static [&'static str],
    env: &'static [(&'static str, &'static str)],
    /// A file of its home, with its text.
    file: Option<(&'static str, &'static str)>,
    steps: &'static [Step],
}

/// What each screen is called, words that are on it, and the keys that lead to the next.
type Step = (&'static str, &'static str, &'static [&'static str]);

/// Where this is said, claude doesn't ask its maker before all else whether it may be used here.
const BEGUN: Option<(&str, &str)> = Some((".claude.json", "{\"hasCompletedOnboarding\": true}"));

static CASES: [Case; 10] = [
    Case {
        harness: "claude-code",
        argv: &["claude"],
        env: &[("CLAUDE_CODE_USE_BEDROCK", "1"), ("AWS_REGION", "us-east-1")],
        file: None,
        steps: &[("onboarding", "Choose the", &["Enter"]), ("security-notes", "Security", &[])],
    },
    Case {
        harness: "claude-code",
        argv: &["claude", "--permission-mode", "bypassPermissions"],
        env: &[("ANTHROPIC_API_KEY", KEY)],
        file: BEGUN,
        steps: &[
            ("trust", "trust", &["Down", "Enter"]),
            ("api-key", "API key", &["Up", "Enter"]),
            ("bypass", "Bypass", &["Down", "Enter"]),
            ("prompt", "❯", &[]),
        ],
    },
    Case {
        harness: "claude-code",
        argv: &["claude"],
        env: &[],
        file: BEGUN,
        steps: &[("trust", "trust", &["Down", "Enter"]), ("prompt-notes", "❯", &[])],
    },
    Case { harness: "codex", argv: &["codex"], env: &[], file: None, steps: &[("login", "Sign in with", &[])] },
    Case {
        harness: "codex",
        argv: &["codex", "-c", "model_provider=\"local\"", "-c", LOCAL],
        env: &[("OPENAI_API_KEY", KEY), ("IN_REPOSITORY", "1")],
        file: None,
        steps: &[("trust", "trust", &["Enter"]), ("prompt", "›", &[])],
    },
    Case {
        harness: "gemini-cli",
        argv: &["gemini"],
        env: &[],
        file: None,
        steps: &[("trust", "Do you trust", &["Enter"]), ("auth", "How would you like to", &[])],
    },
    Case {
        harness: "qwen-code",
        argv: &["qwen"],
        env: &[],
        file: None,
        steps: &[("auth", "Select Authentication", &[])],
    },
    Case {
        harness: "gemini-cli",
        argv: &["gemini"],
        env: &[("GEMINI_API_KEY", KEY), ("GEMINI_CLI_TRUST_WORKSPACE", "true")],
        file: Some((".gemini/settings.json", "{\"security\": {\"auth\": {\"selectedType\": \"gemini-api-key\"}}}")),
        steps: &[("prompt", "Type your message", &[])],
    },
    Case {
        harness: "qwen-code",
        argv: &["qwen"],
        env: &[("OPENAI_API_KEY", KEY), ("OPENAI_MODEL", "test")],
        file: Some((
            ".qwen/settings.json",
            "{\"$version\": 4, \"security\": {\"auth\": {\"selectedType\": \"openai\"}}}",
        )),
        steps: &[("prompt", "Type your message", &[])],
    },
    Case { harness: "opencode", argv: &["opencode"], env: &[], file: None, steps: &[("prompt", "Ask anything", &[])] },
];

/// A provider for codex that needs no login.
const LOCAL: &str =
    "model_providers.local={name=\"local\",base_url=\"http://127.0.0.1:9/v1\",env_key=\"OPENAI_API_KEY\"}";

fn main() {
    let bins: Vec<String> = std::env::args().skip(1).collect();
    let only = std::env::var("ONLY").unwrap_or_default();
    let port = provider();
    for case in CASES.iter().filter(|case| case.harness.contains(&only)) {
        let has = |bin: &String| Path::new(bin).join(case.argv[0]).exists();
        if !bins.iter().any(has) {
            eprintln!("{}: no {} in any of the directories", case.harness, case.argv[0]);
            continue;
        }
        capture(case, &bins, port);
    }
}

fn capture(case: &Case, bins: &[String], port: u16) {
    let home = tempfile::Builder::new().prefix("home").tempdir().unwrap();
    let work = home.path().join("work");
    fs::create_dir(&work).unwrap();
    if case.env.iter().any(|(name, _)| *name == "IN_REPOSITORY") {
        assert!(Command::new("git").args(["init", "--quiet"]).arg(&work).status().unwrap().success());
    }
    if let Some((name, text)) = case.file {
        let path = home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let terminal = Terminal::start(home.path(), environment(home.path(), bins, port, case.env), case.argv);
    for (name, words, keys) in case.steps {
        let (screen, is_there) = terminal.settled(words);
        if !is_there {
            eprintln!("{} {name}: {words:?} is not on its screen:\n{screen}", case.harness);
            return;
        }
        let home = home.path().to_str().unwrap();
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/screens").join(case.harness);
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join(format!("{name}.txt")), screen.replace(home, "/home/agent")).unwrap();
        eprintln!("{} {name}", case.harness);
        for key in *keys {
            terminal.run(&["send-keys", "-t", "=agent:", key]);
            sleep(Duration::from_millis(500));
        }
    }
}

fn environment(home: &Path, bins: &[String], port: u16, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let at = format!("http://127.0.0.1:{port}");
    let path = format!("{}:{}", bins.join(":"), std::env::var("PATH").unwrap());
    let mut variables = vec![
        ("HOME", home.to_str().unwrap().to_owned()),
        ("PATH", path),
        ("LANG", "C.UTF-8".to_owned()),
        ("TERM", "xterm-256color".to_owned()),
        ("COLORTERM", "truecolor".to_owned()),
        // Of root, claude wants to hear this before it does without permissions.
        ("IS_SANDBOX", "1".to_owned()),
        ("DISABLE_AUTOUPDATER", "1".to_owned()),
        ("OPENCODE_DISABLE_AUTOUPDATE", "1".to_owned()),
        ("ANTHROPIC_BASE_URL", at.clone()),
        ("GOOGLE_GEMINI_BASE_URL", at.clone()),
        ("OPENAI_BASE_URL", format!("{at}/v1")),
    ];
    variables.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Answers whatever is asked with an empty object: claude wants to reach somebody before it asks anything.
fn provider() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 8192]);
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n";
                let _ = write!(stream, "{head}connection: close\r\n\r\n{{}}");
            });
        }
    });
    port
}

/// A terminal of our own, in a tmux of our own, as wide as an agent's.
struct Terminal {
    socket: PathBuf,
}

impl Terminal {
    fn start(home: &Path, environment: Vec<(String, String)>, argv: &[&str]) -> Self {
        let terminal = Self { socket: home.join("tmux.sock") };
        let mut tmux = terminal.tmux();
        tmux.env_clear().envs(environment);
        tmux.args(["new-session", "-d", "-x", "200", "-y", "50", "-s", "agent", "-c"]).arg(home.join("work"));
        // One word alone would be a shell's.
        assert!(tmux.args(["--", "env"]).args(argv).status().unwrap().success());
        terminal
    }

    fn tmux(&self) -> Command {
        let mut tmux = Command::new("tmux");
        tmux.args(["-u", "-f", "/dev/null", "-S"]).arg(&self.socket).stdin(Stdio::null()).stderr(Stdio::null());
        tmux
    }

    fn run(&self, arguments: &[&str]) -> String {
        String::from_utf8_lossy(&self.tmux().args(arguments).output().unwrap().stdout).into_owned()
    }

    /// What it shows when these words are there and nothing moves any more, and whether they are.
    fn settled(&self, words: &str) -> (String, bool) {
        let begun = Instant::now();
        let (mut shown, mut since) = (String::new(), Instant::now());
        loop {
            let now = self.run(&["capture-pane", "-p", "-t", "=agent:"]);
            if now != shown {
                (shown, since) = (now, Instant::now());
            }
            let is_there = shown.contains(words);
            if is_there && since.elapsed() >= STILL || begun.elapsed() >= PATIENCE * if is_there { 1 } else { 3 } {
                let lines: Vec<&str> = shown.lines().map(str::trim_end).collect();
                return (lines.join("\n").trim_end().to_owned() + "\n", is_there);
            }
            sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
        // Some outlive their terminal.
        let home = self.socket.parent().map(|home| format!("HOME={}", home.display())).unwrap_or_default();
        for process in fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let environment = fs::read(process.path().join("environ")).unwrap_or_default();
            if environment.split(|byte| *byte == 0).any(|variable| variable == home.as_bytes()) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }
}
