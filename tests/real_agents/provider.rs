//! A server on loopback that speaks as much of the providers' APIs as the agents need, and remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// What every agent is answered.
pub const ANSWER: &str = "The answer is forty-two.";

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    pub path: String,
    pub head: String,
    pub body: String,
}

/// What happens to a question.
#[derive(Default)]
struct State {
    asked: Mutex<Vec<Request>>,
    failures: AtomicUsize,
    is_silent: bool,
}

/// The running server. Its threads end with the test.
pub struct Provider {
    pub port: u16,
    state: Arc<State>,
}

impl Provider {
    /// Answers everything, after so many questions that it refuses.
    pub fn start(failures: usize) -> Self {
        Self::with(State { failures: AtomicUsize::new(failures), ..State::default() })
    }

    /// Takes every question and never answers one.
    pub fn silent() -> Self {
        Self::with(State { is_silent: true, ..State::default() })
    }

    fn with(state: State) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(state);
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = shared.clone();
                std::thread::spawn(move || serve(stream, &state));
            }
        });
        Self { port, state }
    }

    /// The questions so far.
    pub fn asked(&self) -> Vec<Request> {
        self.state.asked.lock().unwrap().clone()
    }
}

/// One connection, for as many requests as come.
fn serve(stream: TcpStream, state: &State) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    while let Some(request) = read(&mut reader) {
        if answer(&mut stream, &request, state).is_err() {
            return;
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        head.push_str(&line);
    }
    let lower = head.to_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let path = head.split(' ').nth(1)?.split('?').next()?.to_owned();
    Some(Request { path, head, body: String::from_utf8_lossy(&body).into_owned() })
}

fn answer(stream: &mut TcpStream, request: &Request, state: &State) -> std::io::Result<()> {
    let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
    let is_gemini = request.path.contains(":streamGenerateContent") || request.path.contains(":generateContent");
    let is_question =
        is_gemini || ["/v1/messages", "/v1/responses", "/v1/chat/completions"].iter().any(|path| request.path == *path);
    if !is_question {
        return send(stream, "200 OK", "application/json", &json!({"input_tokens": 5, "data": []}).to_string());
    }
    state.asked.lock().unwrap().push(request.clone());
    if state.is_silent {
        // Until the agent hangs up.
        let _ = stream.read(&mut [0]);
        return Err(std::io::ErrorKind::ConnectionAborted.into());
    }
    if state.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
        let error = json!({"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}});
        return send(stream, "401 Unauthorized", "application/json", &error.to_string());
    }
    let events = match request.path.as_str() {
        "/v1/messages" if body["stream"] == true => anthropic_events(),
        "/v1/messages" => return send(stream, "200 OK", "application/json", &anthropic_message().to_string()),
        "/v1/responses" => openai_events(),
        path if path.contains(":generateContent") => {
            return send(stream, "200 OK", "application/json", &gemini_answer().to_string());
        }
        path if path.contains(":streamGenerateContent") => format!("data: {}\n\n", gemini_answer()),
        "/v1/chat/completions" if body["stream"] != true => {
            return send(stream, "200 OK", "application/json", &chat_message().to_string());
        }
        _ => chat_events(),
    };
    send(stream, "200 OK", "text/event-stream", &events)
}

fn send(stream: &mut TcpStream, status: &str, kind: &str, body: &str) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn events(events: &[(&str, Value)]) -> String {
    events.iter().map(|(name, data)| format!("event: {name}\ndata: {data}\n\n")).collect::<Vec<_>>().concat()
}

fn anthropic_message() -> Value {
    json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-test", "stop_reason": "end_turn",
        "stop_sequence": null, "content": [{"type": "text", "text": ANSWER}],
        "usage": {"input_tokens": 5, "output_tokens": 5}})
}

fn anthropic_events() -> String {
    let mut start = anthropic_message();
    start["content"] = json!([]);
    start["stop_reason"] = Value::Null;
    events(&[
        ("message_start", json!({"type": "message_start", "message": start})),
        (
            "content_block_start",
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        ),
        (
            "content_block_delta",
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": ANSWER}}),
        ),
        ("content_block_stop", json!({"type": "content_block_stop", "index": 0})),
        (
            "message_delta",
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
            "usage": {"output_tokens": 5}}),
        ),
        ("message_stop", json!({"type": "message_stop"})),
    ])
}

fn openai_events() -> String {
    let item = json!({"type": "message", "role": "assistant", "id": "msg_1",
        "content": [{"type": "output_text", "text": ANSWER}]});
    let usage = json!({"input_tokens": 5, "input_tokens_details": null, "output_tokens": 5, "output_tokens_details": null,
        "total_tokens": 10});
    events(&[
        ("response.created", json!({"type": "response.created", "response": {"id": "resp_1"}})),
        ("response.output_item.done", json!({"type": "response.output_item.done", "item": item})),
        (
            "response.completed",
            json!({"type": "response.completed", "response": {"id": "resp_1", "usage": usage, "output": [item]}}),
        ),
    ])
}

fn gemini_answer() -> Value {
    json!({"candidates": [{"content": {"role": "model", "parts": [{"text": ANSWER}]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 5, "totalTokenCount": 10},
        "modelVersion": "gemini-test"})
}

fn chat_message() -> Value {
    let choice = json!([{"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}]);
    json!({"id": "c1", "object": "chat.completion", "created": 1, "model": "test", "choices": choice})
}

fn chat_events() -> String {
    let chunk = |delta: Value, end: Value| {
        let choice = json!([{"index": 0, "delta": delta, "finish_reason": end}]);
        let chunk =
            json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "test", "choices": choice});
        format!("data: {chunk}\n\n")
    };
    let text = chunk(json!({"role": "assistant", "content": ANSWER}), Value::Null);
    format!("{text}{}data: [DONE]\n\n", chunk(json!({}), json!("stop")))
}
