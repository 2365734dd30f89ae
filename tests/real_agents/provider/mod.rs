//! A server on loopback that speaks as much of the providers' APIs as the agents need, and remembers what it was asked.
//!
//! What it does with every question is one value, [`Script`]. How that looks on the wire is a file for each API.

mod anthropic;
mod chat;
mod gemini;
mod http;
mod responses;
mod script;
mod tool;

use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

pub use http::Request;
use http::{Connection, Reply};
pub use script::{Failure, Script, Tool};

/// What every agent is answered.
pub const ANSWER: &str = "The answer is forty-two.";

/// A file for agents without tools, which read it in what is said: aider's way of a whole file.
pub const FILE: &str = "Here it is.\n\nanswer.txt\n```\nforty-two\n```\n";

/// What each answer is said to have cost, in tokens, whatever the API calls them.
pub mod usage {
    /// Read that was not in the cache.
    pub const INPUT: u64 = 7;
    /// Read from the cache.
    pub const CACHE_READ: u64 = 13;
    /// Written to the cache; only Anthropic counts these.
    pub const CACHE_WRITE: u64 = 11;
    /// Said.
    pub const OUTPUT: u64 = 5;
}

/// What a model says: words, in as many pieces as they are sent in, or that it wants a tool.
enum Said<'a> {
    Words(Vec<&'a str>),
    Tool { name: String, input: Value },
}

/// The APIs.
#[derive(Clone, Copy)]
enum Api {
    Anthropic,
    Responses,
    Chat,
    Gemini,
}

impl Api {
    /// The API whose question this is.
    fn of(path: &str) -> Option<Self> {
        match path {
            "/v1/messages" => Some(Self::Anthropic),
            "/v1/responses" => Some(Self::Responses),
            "/v1/chat/completions" => Some(Self::Chat),
            path if path.contains(":streamGenerateContent") || path.contains(":generateContent") => Some(Self::Gemini),
            _ => None,
        }
    }

    fn says(self, said: &Said<'_>, request: &Request) -> Reply {
        match self {
            Self::Anthropic => anthropic::says(said, request),
            Self::Responses => responses::says(said),
            Self::Chat => chat::says(said, request),
            Self::Gemini => gemini::says(said, request),
        }
    }

    fn fails(self, failure: Failure) -> Reply {
        match self {
            Self::Anthropic => anthropic::fails(failure),
            Self::Responses | Self::Chat => chat::fails(failure),
            Self::Gemini => gemini::fails(failure),
        }
    }
}

struct State {
    script: Mutex<Script>,
    asked: Mutex<Vec<Request>>,
    failures: AtomicUsize,
}

/// The running server. Its threads end with the test.
pub struct Provider {
    pub port: u16,
    state: Arc<State>,
}

impl Provider {
    /// Does with every question what the script says.
    pub fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state =
            Arc::new(State { script: Mutex::new(script), asked: Mutex::default(), failures: AtomicUsize::new(0) });
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = shared.clone();
                std::thread::spawn(move || serve(stream, &state));
            }
        });
        Self { port, state }
    }

    /// From now on it does this.
    pub fn play(&self, script: Script) {
        *self.state.script.lock().unwrap() = script;
    }

    /// The questions so far.
    pub fn asked(&self) -> Vec<Request> {
        self.state.asked.lock().unwrap().clone()
    }
}

/// One connection, for as many requests as come.
fn serve(stream: TcpStream, state: &State) {
    let mut connection = Connection::new(stream);
    while let Some(request) = connection.read() {
        if answer(&mut connection, &request, state).is_err() {
            return;
        }
    }
}

fn answer(connection: &mut Connection, request: &Request, state: &State) -> std::io::Result<()> {
    let Some(api) = Api::of(&request.path) else {
        return connection.send(&Reply::json(&json!({"input_tokens": 5, "data": []})), Duration::ZERO);
    };
    state.asked.lock().unwrap().push(request.clone());
    let at_once = Duration::ZERO;
    let script = state.script.lock().unwrap().clone();
    match &script {
        Script::Answers => connection.send(&api.says(&Said::Words(vec![ANSWER]), request), at_once),
        Script::Says(words) => connection.send(&api.says(&Said::Words(vec![words]), request), at_once),
        Script::Slow(pause) => {
            let words = ANSWER.split_inclusive(' ').collect();
            connection.send(&api.says(&Said::Words(words), request), *pause)
        }
        Script::Uses(tool) => {
            let said = tool.wanted(request).unwrap_or_else(|| Said::Words(vec![ANSWER]));
            connection.send(&api.says(&said, request), at_once)
        }
        Script::Fails(failure) => connection.send(&api.fails(*failure), at_once),
        Script::FailsFirst(times, failure) => {
            let reply = if state.failures.fetch_add(1, Ordering::SeqCst) < *times {
                api.fails(*failure)
            } else {
                api.says(&Said::Words(vec![ANSWER]), request)
            };
            connection.send(&reply, at_once)
        }
        Script::Hangs => Err(connection.wait_for_hang_up()),
    }
}
