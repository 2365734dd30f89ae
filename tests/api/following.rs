//! Clients that follow: what they know already, what changes, and what happens.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use agentd::api::Limits;
use agentd::model::AgentName;
use agentd::status::{Happening, State, Wall};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::support::{Api, Client, PATIENCE, block_on, snapshot};

fn tag(client: &mut Client) -> String {
    let response = client.get("/v1/agents");
    assert_eq!((response.status, response.header("cache-control")), (200, Some("no-cache")));
    response.header("etag").unwrap().to_owned()
}

fn transition(agent: &str, to: State) -> Happening {
    let (agent, reason) = (AgentName::new(agent).unwrap(), "because".to_owned());
    Happening::Transition { agent, from: None, to: Some(to), reason, end: None, restarts: 0 }
}

impl Api {
    fn happens(&self, happening: Happening) {
        self.journal.send_modify(|journal| journal.push(Wall(0), happening));
    }

    fn starts(&self, agents: &[&str]) {
        for agent in agents {
            self.happens(transition(agent, State::Running));
        }
    }
}

/// The agents of the events in a text, and what else there is by its kind.
fn told(text: &str) -> Vec<String> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| {
        let event: serde_json::Value = serde_json::from_str(data).unwrap();
        event["agent"].as_str().or(event["type"].as_str()).unwrap().to_owned()
    })
    .collect()
}

#[test]
fn who_has_the_latest_list_is_told_so() {
    let api = Api::with(&["a"]);
    let mut client = api.connect();
    let tag = tag(&mut client);
    for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
        let response = client.ask("/v1/agents", &format!("If-None-Match: {known}\r\n"));
        assert_eq!((response.status, response.header("etag")), (304, Some(tag.as_str())), "{known}");
    }
    api.snapshots.send_replace(Arc::new(snapshot(2, &["a", "b"])));
    let response = client.ask("/v1/agents", &format!("If-None-Match: {tag}\r\n"));
    assert_eq!(response.status, 200);
    assert_ne!(response.header("etag"), Some(tag.as_str()));
}

#[test]
fn who_waits_is_answered_when_something_changes() {
    let api = Api::with(&["a"]);
    let mut client = api.connect();
    let tag = tag(&mut client);
    client.send(format!("GET /v1/agents?wait=5m HTTP/1.1\r\nHost: agentd\r\nIf-None-Match: {tag}\r\n\r\n"));
    assert_eq!(api.get("/v1/health").status, 200, "others are answered meanwhile");
    api.snapshots.send_replace(Arc::new(snapshot(2, &["a", "b"])));
    let response = client.read_response();
    assert_eq!((response.status, response.json().as_array().unwrap().len()), (200, 2));
}

#[test]
fn who_waits_in_vain_is_told_so_in_time() {
    let api = Api::with(&["a"]);
    let mut client = api.connect();
    let tag = tag(&mut client);
    let response = client.ask("/v1/agents?wait=10ms", &format!("If-None-Match: {tag}\r\n"));
    assert_eq!((response.status, response.header("etag")), (304, Some(tag.as_str())));
    // Without a tag there is nothing to wait for.
    assert_eq!(client.get("/v1/agents?wait=5m").status, 200);
}

#[test]
fn what_cannot_be_asked_is_said() {
    let api = Api::with(&["a"]);
    for (path, sentence) in [
        ("/v1/agents?wait=x", "wait must be a duration such as 30s, 5m at most"),
        ("/v1/agents?wait=6m", "wait must be a duration such as 30s, 5m at most"),
        ("/v1/agents?wait=1s&wait=1s", "wait is given more than once"),
        ("/v1/events?history=-1", "history must be a whole number from 0 to 10000"),
        ("/v1/events?follow=1", "follow must be true or false"),
        ("/v1/agents/a/output?lines=0", "lines must be a whole number from 1 to 10000"),
        ("/v1/agents/a/output?format=html", "format must be plain or ansi"),
    ] {
        let response = api.get(path);
        assert_eq!((response.status, response.json()["error"].as_str()), (400, Some(sentence)), "{path}");
    }
    assert_eq!(api.get("/v1/agents/b/output").status, 404);
    assert_eq!(api.get("/v1/agents/a/output").json()["error"], "the agent has no terminal yet");
}

#[test]
fn events_come_as_they_happen() {
    let api = Api::with(&["a"]);
    api.starts(&["before"]);
    let mut client = api.connect();
    let head = client.ask("/v1/events", "");
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
    client.read_until("retry: 1000\n\n");
    api.starts(&["a"]);
    let text = client.read_until("\n\n");
    let data = r#"{"type":"transition","at":"1970-01-01T00:00:00.000Z","agent":"a","from":null,"to":"running","reason":"because","restarts":0}"#;
    assert!(text.ends_with(&format!("id: 0-2\nevent: transition\ndata: {data}\n\n")), "{text}");
    api.happens(Happening::ConfigRefused { message: "two\nlines".into() });
    let text = client.read_until("\n\n");
    assert!(text.contains("event: config_error\n") && text.contains(r#""message":"two\nlines"}"#), "{text}");
}

#[test]
fn events_that_happened_can_be_asked_for() {
    let api = Api::with(&["a"]);
    api.starts(&["a", "b", "c"]);
    let history = |query: &str| {
        let mut client = api.connect();
        client.send(format!("GET /v1/events?{query} HTTP/1.1\r\nHost: agentd\r\nConnection: close\r\n\r\n"));
        told(&String::from_utf8(client.read_to_end()).unwrap())
    };
    assert_eq!(history("follow=false"), [""; 0]);
    assert_eq!(history("follow=false&history=2"), ["b", "c"]);
    assert_eq!(history("follow=false&history=10000"), ["a", "b", "c"]);
    api.happens(Happening::ConfigLoaded { agents: 3 });
    assert_eq!(history("follow=false&history=10&agent=B"), ["b", "config_loaded"]);
}

#[test]
fn who_comes_back_goes_on_where_it_was() {
    let api = Api::with(&["a"]);
    api.starts(&["a", "b", "c"]);
    let since = |id: &str| {
        let mut client = api.connect();
        client.ask("/v1/events?follow=false", &format!("Last-Event-ID: {id}\r\nConnection: close\r\n"));
        told(&String::from_utf8(client.read_to_end()).unwrap())
    };
    assert_eq!(since("0-1"), ["b", "c"]);
    assert_eq!(since("0-3"), [""; 0]);
    // Another daemon's: all that this one knows, and that there was more.
    assert_eq!(since("17-1"), ["missed", "a", "b", "c"]);
    assert_eq!(since("0-4"), ["missed", "a", "b", "c"]);
    let many: Vec<_> = (0..5000).map(|_| "x").collect();
    api.starts(&many);
    let after = since("0-3");
    assert_eq!((after.len(), after[0].as_str()), (4097, "missed"));
}

#[test]
fn a_follower_that_does_not_read_costs_nobody_anything() {
    let limits = Limits { write_timeout: Duration::from_millis(500), ..Limits::default() };
    let api = Api::start(&["a"], limits);
    let mut deaf = api.connect();
    deaf.ask("/v1/events", "");
    deaf.read_until("retry: 1000\n\n");
    let mut attentive = api.connect();
    attentive.ask("/v1/events", "");
    let attentive = std::thread::spawn(move || attentive.read_until("id: 0-4000\n"));
    let names: Vec<_> = (0..4000).map(|_| "a-name-that-takes-its-room-in-the-buffers-of-a-socket").collect();
    api.starts(&names);
    attentive.join().unwrap();
    // It was sent what fits, and then dropped: a hangup, for which nothing has to be read.
    let mut hangup = [PollFd::new(deaf.stream.as_fd(), PollFlags::empty())];
    assert_eq!(poll(&mut hangup, PollTimeout::try_from(PATIENCE).unwrap()), Ok(1));
    let sent = deaf.read_to_end();
    assert!(sent.len() < 4000 * 100, "{}", sent.len());
}

#[test]
fn those_who_follow_leave_room_for_those_who_ask() {
    let api = Api::start(&["a"], Limits { max_held: 2, max_connections: 4, ..Limits::default() });
    let mut followers: Vec<_> = (0..2).map(|_| api.connect()).collect();
    for follower in &mut followers {
        assert_eq!(follower.ask("/v1/events", "").status, 200);
    }
    let mut client = api.connect();
    let tag = tag(&mut client);
    for (path, headers) in [("/v1/events", String::new()), ("/v1/agents?wait=1m", format!("If-None-Match: {tag}\r\n"))]
    {
        let mut client = api.connect();
        let head = client.ask(path, &headers);
        assert_eq!((head.status, head.header("retry-after")), (503, Some("1")), "{path}");
    }
    // One that goes makes room.
    drop(followers.pop());
    loop {
        if api.connect().ask("/v1/events", "").status == 200 {
            break;
        }
    }
}

#[test]
fn the_end_of_the_server_ends_what_is_held() {
    let api = Api::with(&["a"]);
    let (mut follower, mut waiting) = (api.connect(), api.connect());
    follower.ask("/v1/events", "");
    follower.read_until("retry: 1000\n\n");
    let tag = tag(&mut waiting);
    waiting.send(format!("GET /v1/agents?wait=5m HTTP/1.1\r\nHost: agentd\r\nIf-None-Match: {tag}\r\n\r\n"));
    assert_eq!(api.get("/v1/health").status, 200);
    let Api { server, .. } = api;
    block_on(server.shutdown(Duration::from_secs(20))).unwrap();
    // The end of a body of unknown length: all of it has come.
    assert!(follower.read_to_end().ends_with(b"0\r\n\r\n"));
    assert_eq!(waiting.read_head().status, 304);
}
