//! A client that follows the events, as the manual says, and knows each agent's state from them.
//!
//! It asks for the agents as a whole when it begins, and when it was told that it missed something; from then on events say
//! all. It comes back behind the event that it saw last, whoever ended the connection: now and then it does so itself.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use serde_json::Value;

use crate::declared::SECRET_MARK;
use crate::place;

/// The pause before it comes back.
const PAUSE: Duration = Duration::from_millis(20);

/// A connection is ended after so many events.
const EVENTS: usize = 40;

/// What a client knows.
#[derive(Debug, Default)]
struct Known {
    /// By name.
    agents: BTreeMap<String, Agent>,
    /// The event that was seen last.
    last: Option<String>,
    /// What it knows is not the whole.
    has_gap: bool,
    connections: usize,
    events: usize,
    gaps: usize,
    /// Broken promises.
    wrong: Vec<String>,
}

/// One agent as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Agent {
    state: String,
    restarts: u64,
    /// How its last run ended, if that is known.
    exit: Value,
    /// Known from a look at all agents, which an event that comes later may be older than.
    is_ahead: bool,
}

/// Follows in a thread, until it is dropped.
#[derive(Debug)]
pub struct Follower(Arc<Mutex<Known>>);

impl Follower {
    /// Begins to follow the daemons on a socket.
    pub fn new(socket: PathBuf) -> Self {
        let known = Arc::new(Mutex::new(Known { has_gap: true, ..Known::default() }));
        let follower = Self(Arc::clone(&known));
        let known = Arc::downgrade(&known);
        std::thread::spawn(move || {
            while known.strong_count() > 0 {
                // A daemon that isn't there, has no room or ends.
                let _ = follow(&socket, &known);
                std::thread::sleep(PAUSE);
            }
        });
        follower
    }

    /// How what it knows differs from what the API shows of the agents that are at rest.
    pub fn look(&self, shown: &BTreeMap<String, Value>, is_restless: impl Fn(&str) -> bool) -> Vec<String> {
        let known = self.0.lock().unwrap();
        let mut wrong = known.wrong.clone();
        if known.has_gap {
            wrong.push("who follows has not caught up".to_owned());
            return wrong;
        }
        for name in known.agents.keys().filter(|name| !shown.contains_key(*name)) {
            wrong.push(format!("who follows was not told that {name} is gone"));
        }
        for (name, shown) in shown.iter().filter(|(name, _)| !is_restless(name)) {
            let Some(agent) = known.agents.get(name) else {
                wrong.push(format!("who follows was not told of {name}"));
                continue;
            };
            let is_same = Agent { is_ahead: false, ..agent.clone() } == Agent::shown(shown, agent);
            if !is_same {
                wrong.push(format!("who follows knows {name} as {agent:?}, and it is {shown}"));
            }
        }
        wrong
    }

    /// What it has seen.
    pub fn summary(&self) -> String {
        let Known { connections, events, gaps, .. } = *self.0.lock().unwrap();
        format!("{events} events over {connections} connections with {gaps} gaps")
    }
}

impl Agent {
    /// As the API shows it. An end counts when it is the last thing that happened.
    fn shown(shown: &Value, known: &Self) -> Self {
        let state = shown["state"].as_str().unwrap_or_default().to_owned();
        let has_ended = ["backing_off", "exited", "failed", "timed_out"].contains(&state.as_str());
        let exit = if has_ended { shown["exit"].clone() } else { known.exit.clone() };
        Self { state, restarts: shown["restarts"].as_u64().unwrap_or_default(), exit, is_ahead: false }
    }
}

/// Follows for as long as one connection lasts.
fn follow(socket: &Path, known: &Weak<Mutex<Known>>) -> std::io::Result<()> {
    let last = known.upgrade().and_then(|known| known.lock().unwrap().last.clone());
    let mut stream = UnixStream::connect(socket)?;
    // To see now and then whether anybody still wants to know.
    stream.set_read_timeout(Some(Duration::from_millis(300)))?;
    let last = last.map(|last| format!("Last-Event-ID: {last}\r\n")).unwrap_or_default();
    // Of HTTP 1.0, which knows no chunks.
    write!(stream, "GET /v1/events HTTP/1.0\r\nHost: agentd\r\n{last}\r\n")?;
    let mut stream = BufReader::new(stream);
    let (mut line, mut event) = (Vec::new(), Vec::new());
    let (mut is_head, mut count) = (true, 0);
    while count < EVENTS {
        match stream.read_until(b'\n', &mut line) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                if known.strong_count() == 0 {
                    return Ok(());
                }
                continue;
            }
            Err(error) => return Err(error),
        }
        if !line.ends_with(b"\n") {
            return Ok(());
        }
        let text = String::from_utf8(std::mem::take(&mut line)).unwrap();
        let text = text.trim_end();
        let Some(known) = known.upgrade() else { return Ok(()) };
        if is_head {
            if text.starts_with("HTTP/") && !text.contains(" 200 ") {
                return Ok(());
            }
            is_head = !text.is_empty();
            if !is_head {
                let mut known = known.lock().unwrap();
                known.connections += 1;
                known.catch_up(socket);
            }
        } else if text.is_empty() {
            count += usize::from(known.lock().unwrap().hear(&std::mem::take(&mut event), socket));
        } else {
            event.push(text.to_owned());
        }
    }
    Ok(())
}

impl Known {
    /// Looks at all agents, if there is a need to. Only behind the beginning of a stream, so that nothing lies between.
    fn catch_up(&mut self, socket: &Path) {
        if !self.has_gap {
            return;
        }
        let list =
            place::ask(socket, "/v1/agents").ok().and_then(|body| serde_json::from_str::<Vec<Value>>(&body).ok());
        let Some(list) = list else { return };
        let agent = |shown: &Value| {
            let known = Agent { exit: shown["exit"].clone(), ..Agent::default() };
            let name = shown["name"].as_str().unwrap_or_default().to_owned();
            (name, Agent { is_ahead: true, ..Agent::shown(shown, &known) })
        };
        self.agents = list.iter().map(agent).collect();
        self.has_gap = false;
    }

    /// Hears one event, if it is one.
    fn hear(&mut self, lines: &[String], socket: &Path) -> bool {
        let field = |name: &str| lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let (Some(id), Some(data)) = (field("id"), field("data")) else { return false };
        let Ok(event) = serde_json::from_str::<Value>(data) else {
            self.wrong.push(format!("an event is no JSON: {data}"));
            return false;
        };
        if data.contains(SECRET_MARK) {
            self.wrong.push("a secret is in an event".to_owned());
        }
        if event["type"] != field("event").unwrap_or_default() {
            self.wrong.push(format!("an event is called otherwise than it is: {lines:?}"));
        }
        self.events += 1;
        let is_gap = event["type"] == "missed";
        let last = self.last.replace(id.to_owned());
        if let Some(last) = last.filter(|_| !is_gap)
            && number(id) != number(&last).map(|(of, number)| (of, number + 1))
        {
            self.wrong.push(format!("{last} is followed by {id}: {event}"));
        }
        if is_gap {
            self.gaps += 1;
            self.has_gap = true;
            self.catch_up(socket);
        } else if event["type"] == "transition" {
            self.changed(&event);
        }
        true
    }

    fn changed(&mut self, event: &Value) {
        let name = event["agent"].as_str().unwrap_or_default();
        let before = self.agents.get(name);
        let is_ahead = self.has_gap || before.is_some_and(|before| before.is_ahead);
        let from = event["from"].as_str();
        // One that isn't known may have been, and be gone already.
        if before.is_some() && !is_ahead && before.map(|before| before.state.as_str()) != from {
            self.wrong.push(format!("{name} was {before:?}, and then: {event}"));
        }
        let exit = event.get("exit").or(before.map(|before| &before.exit)).cloned().unwrap_or_default();
        match event["to"].as_str() {
            Some(to) => {
                let restarts = event["restarts"].as_u64().unwrap_or_default();
                let agent = Agent { state: to.to_owned(), restarts, exit, is_ahead: false };
                self.agents.insert(name.to_owned(), agent);
            }
            None => drop(self.agents.remove(name)),
        }
    }
}

/// The daemon that an event is of, and its number there.
fn number(id: &str) -> Option<(&str, u64)> {
    let (of, number) = id.rsplit_once('-')?;
    Some((of, number.parse().ok()?))
}
