//! Secrets reach the agents that may see them, and nobody else.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::declare::{Record, agent};
use crate::harness::{Host, until};

#[test]
fn env_wins_over_secrets_and_secrets_over_the_login_environment() {
    for host in Host::both() {
        fs::write(host.at("work/.profile"), "export A=login B=login C=login\n").unwrap();
        host.secret("A", "secret");
        host.secret("B", "secret\n\r\n\n");
        host.secret("D", " sec\nret\t ");
        host.secret("EMPTY", "\n");
        host.configure(&agent("one", &["$PROBE", "record", "one"], "env = { A = \"env\" }"));
        let _daemon = host.start();
        let record = Record::read(&host, "one");
        let values = ["A", "B", "C", "D", "EMPTY"].map(|name| record.variable(name));
        let wanted = ["env", "secret", "login", " sec\nret\t ", ""].map(|value| Some(value.to_owned()));
        assert_eq!(values, wanted);
    }
}

#[test]
fn a_secret_is_seen_by_whom_it_is_for_and_restarts_nobody_else() {
    for host in Host::both() {
        host.secret("A", "a1");
        host.secret("B", "b1");
        let table = |name: &str, fields: &str| {
            agent(name, &["/bin/sh", "-c", &format!("exec $PROBE record {name}-$A$B wait")], fields)
        };
        let tables = [
            table("all", ""),
            table("none", "secrets = []"),
            table("only-a", "secrets = [\"A\"]"),
            table("only-b", "secrets = [\"B\"]"),
            table("own-a", "secrets = [\"A\"]\nenv = { A = \"own\" }"),
        ];
        host.configure(&tables.concat());
        let daemon = host.start();
        let names = ["all", "none", "only-a", "only-b", "own-a"];
        let _ = daemon.wait_states(&names.map(|name| (name, "running")));
        for file in ["all-a1b1", "none-", "only-a-a1", "only-b-b1", "own-a-own"] {
            host.file(file);
        }
        let untouched = ["none", "only-b", "own-a"].map(|name| daemon.agent(name));

        // The same value, written again, is no change; a file that is no secret isn't one either.
        host.secret("A", "a1\n");
        host.secret(".hidden", "x");
        host.secret("A", "a2");
        // It is stopped, which its policy doesn't count, and runs again.
        let _ = daemon.wait_states(&[
            ("all", "stopping"),
            ("only-a", "stopping"),
            ("all", "running"),
            ("only-a", "running"),
        ]);
        for file in ["all-a2b1", "only-a-a2"] {
            host.file(file);
        }
        assert_eq!(["none", "only-b", "own-a"].map(|name| daemon.agent(name)), untouched);
        assert_eq!(daemon.agent("all")["restarts"], 0);

        fs::remove_file(host.at("secrets/A")).unwrap();
        let _ = daemon.wait_states(&[("all", "running"), ("only-a", "running")]);
        for file in ["all-b1", "only-a-"] {
            host.file(file);
        }
        assert_eq!(["none", "only-b", "own-a"].map(|name| daemon.agent(name)), untouched);
    }
}

/// Reads the command lines of all processes until it is asked what it saw.
struct Watch {
    done: Arc<AtomicBool>,
    seen: std::thread::JoinHandle<BTreeSet<Vec<u8>>>,
}

impl Watch {
    /// Remembers each command line that has one of these texts in it.
    fn of(texts: &[&str]) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&done);
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let seen = std::thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !stop.load(Ordering::Relaxed) {
                let processes = fs::read_dir("/proc").unwrap().flatten();
                let lines = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
                seen.extend(lines.filter(|line| texts.iter().any(|text| contains(line, text))));
            }
            seen
        });
        Self { done, seen }
    }

    fn seen(self) -> BTreeSet<Vec<u8>> {
        self.done.store(true, Ordering::Relaxed);
        self.seen.join().unwrap()
    }
}

fn contains(text: &[u8], part: &str) -> bool {
    text.windows(part.len()).any(|window| window == part.as_bytes())
}

#[test]
fn no_secret_is_in_any_command_line_log_or_answer() {
    for mut host in Host::both() {
        let (secret, env) = ("s3cret-e5b1f0c7", "env-9d27aa41");
        let prompt = "prompt-61c0be5d $(touch owned)";
        host.arguments.push("--debug".to_owned());
        host.secret("TOKEN", secret);
        let fields = format!(
            "env = {{ OTHER = {env:?} }}\nprompt = {prompt:?}\nrestart = \"always\"\nbackoff = \"0s\"\nmax_restarts = 3"
        );
        let words = ["$PROBE", "show", "TOKEN", "show", "OTHER", "exit", "1", "--"];
        let names: Vec<String> = (0..10).map(|number| format!("a{number}")).collect();
        host.configure(&names.iter().map(|name| agent(name, &words, &fields)).collect::<String>());
        let watch = Watch::of(&[secret, env, prompt]);
        let daemon = host.start();
        let _ = daemon.wait_states(&names.iter().map(|name| (name.as_str(), "failed")).collect::<Vec<_>>());
        // It has the secret, and may show it: its terminal is its own.
        until("the secret on the pane", || host.screen("a0").contains(secret).then_some(()));
        // With --debug the log shows these lines, masked.
        daemon.wait("the pane's last lines", |line| line["lines"].as_str().is_some_and(|lines| lines.contains("***")));

        let program = crate::harness::probe().into_os_string().into_encoded_bytes();
        for line in watch.seen() {
            let shown = String::from_utf8_lossy(&line).into_owned();
            assert!(!contains(&line, secret) && !contains(&line, env), "{shown}");
            assert!(line.starts_with(&program), "the prompt is not only its agent's: {shown}");
        }
        let mut said = vec![("the log", daemon.log())];
        for path in ["/v1/health", "/v1/agents", "/v1/agents/a0"] {
            said.push((path, daemon.get(path).1.to_string()));
        }
        for words in [&["show-environment", "-g"][..], &["show-environment", "-t", "=a0"], &["show-messages"]] {
            said.push(("tmux", host.tmux(words).unwrap_or_else(|error| error)));
        }
        let format = "#{pane_start_command} #{pane_current_command} #{pane_title} #{window_name}";
        said.push(("the panes", host.tmux(&["list-panes", "-a", "-F", format]).unwrap()));
        for (what, text) in said {
            assert!(!text.contains(secret) && !text.contains(env), "{what}: {text}");
        }
        assert!(!host.at("work/owned").exists());
    }
}
