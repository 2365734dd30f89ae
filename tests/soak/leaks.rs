//! No secret is where it doesn't belong: every value begins with the same mark, and the mark is looked for.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

use crate::checker::View;
use crate::declared::SECRET_MARK;

/// What of the API is read.
const PATHS: [&str; 6] =
    ["/v1/agents", "/v1/health", "/v1/declared", "/v1/usage", "/v1/events?follow=false&history=10000", "/metrics"];

/// How far the log was read.
#[derive(Debug, Default)]
pub struct Scan {
    log_read: u64,
}

impl Scan {
    /// Where there is one.
    pub fn look(&mut self, view: &View) -> Vec<String> {
        let mut wrong = self.log(view);
        for process in view.processes.values() {
            if process.command.contains(SECRET_MARK) {
                wrong.push(format!("a secret is in the command line of {}: {}", process.pid, process.command));
            }
            // The agents have them, those of another soak too, and nobody else.
            if process.variable("SOAK_ID").is_none()
                && process.environment.iter().any(|entry| entry.contains(SECRET_MARK))
            {
                wrong.push(format!("a secret is in the environment of {} ({})", process.pid, process.name));
            }
        }
        for path in PATHS {
            match view.place.get(path) {
                Ok(body) if body.contains(SECRET_MARK) => wrong.push(format!("a secret is in {path}")),
                Ok(_) => {}
                Err(error) => wrong.push(error),
            }
        }
        let sessions = view.sessions.keys().map(|name| format!("={name}:"));
        let of_sessions = sessions.flat_map(|name| {
            [["show-environment", "-t"], ["show-options", "-t"]]
                .map(|[verb, flag]| vec![verb.to_owned(), flag.to_owned(), name.clone()])
        });
        let of_server = ["show-environment -g", "show-options -g", "show-options -s", "list-buffers"];
        let of_server = of_server.map(|words| words.split(' ').map(str::to_owned).collect::<Vec<_>>());
        for words in of_sessions.chain(of_server) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            if view.place.host.tmux(&words).is_ok_and(|text| text.contains(SECRET_MARK)) {
                wrong.push(format!("a secret is in tmux {words:?}"));
            }
        }
        wrong
    }

    fn log(&mut self, view: &View) -> Vec<String> {
        let mut new = Vec::new();
        if let Ok(mut log) = File::open(view.place.log_file()) {
            log.seek(SeekFrom::Start(self.log_read)).unwrap();
            log.read_to_end(&mut new).unwrap();
        }
        let text = String::from_utf8_lossy(&new);
        let harm = |mark: &str| text.lines().find(|line| line.contains(mark)).map(str::to_owned);
        let found: Vec<String> = [SECRET_MARK, "panicked"].into_iter().filter_map(harm).collect();
        if found.is_empty() {
            // A value that was written in two parts is seen as a whole the next time.
            self.log_read += u64::try_from(new.len().saturating_sub(256)).unwrap();
        }
        found.into_iter().map(|line| format!("in the log: {line}")).collect()
    }
}
