//! The description of the API for programs and their authors: OpenAPI 3.1. The shapes are generated from the types that
//! are sent; `tests/schemathesis` holds the whole of it against a running daemon.

use std::cell::OnceCell;

use hyper::body::Bytes;
use serde_json::{Map, Value, json};

use super::wire;

/// The document, made when it is first asked for.
#[derive(Default)]
pub(super) struct Document(OnceCell<Bytes>);

impl Document {
    pub(super) fn bytes(&self) -> Bytes {
        self.0.get_or_init(|| Bytes::from(document().to_string())).clone()
    }
}

fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "agentd",
            "description": "What agentd's agents are doing. Read only, over a Unix socket.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT", "identifier": "MIT" }
        },
        "servers": [{ "url": "http://localhost", "description": "curl --unix-socket /run/stereos/agentd.sock" }],
        "paths": paths(),
        "components": { "schemas": wire::schemas() }
    })
}

fn paths() -> Value {
    let mut paths = Map::new();
    let mut add = |path: &str, get: Value| drop(paths.insert(path.to_owned(), json!({ "get": get })));
    add(
        "/v1/health",
        operation("health", "The daemon itself", &[], answer("application/json", &reference("Health")), &[]),
    );
    add("/v1/agents", agents());
    let one = answer("application/json", &reference("Agent"));
    add("/v1/agents/{name}", operation("agent", "One agent", &[name()], one, &[404]));
    add("/v1/agents/{name}/output", output());
    let usage = answer("application/json", &reference("UsageList"));
    add(
        "/v1/usage",
        operation("usage", "What each agent and all that it started use, measured now", &[], usage, &[503]),
    );
    add("/metrics", metrics());
    add("/v1/declared", declared());
    add("/v1/events", events());
    let this = answer("application/json", &json!({ "type": "object" }));
    add("/v1/openapi.json", operation("openapi", "This document", &[], this, &[]));
    Value::Object(paths)
}

fn metrics() -> Value {
    let text = json!({ "schema": { "type": "string" } });
    let content = json!({
        "application/openmetrics-text; version=1.0.0; charset=utf-8": text,
        "text/plain; version=0.0.4; charset=utf-8": text
    });
    let accept = header("Accept", "text/plain alone for the text that Prometheus had before OpenMetrics.");
    let good = json!({ "description": "As of now", "content": content });
    operation("metrics", "Metrics for Prometheus and its kin, as OpenMetrics text", &[accept], good, &[503])
}

fn agents() -> Value {
    let wait = query(
        "wait",
        "With If-None-Match: hold the answer until something changes, for so long at most: a number with its unit, ms, s or m, and no more than 5m.",
        &json!({ "type": "string", "pattern": DURATION, "examples": ["30s"] }),
    );
    let known = header("If-None-Match", "The ETag of the list that the client has.");
    let mut list = answer("application/json", &json!({ "type": "array", "items": reference("Agent") }));
    let tag =
        json!({ "ETag": { "description": "Names this revision of this daemon", "schema": { "type": "string" } } });
    if let Some(list) = list.as_object_mut() {
        list.insert("headers".to_owned(), tag.clone());
    }
    let mut operation = operation("agents", "All agents, sorted by name", &[wait, known], list, &[400, 503]);
    let same = json!({ "description": "The client has the latest list", "headers": tag });
    if let Some(responses) = operation["responses"].as_object_mut() {
        responses.insert("304".to_owned(), same);
    }
    operation
}

fn output() -> Value {
    let lines = json!({ "type": "integer", "minimum": 1, "maximum": 10_000, "default": 100 });
    let format = json!({ "type": "string", "enum": ["plain", "ansi"], "default": "plain" });
    let parameters = [
        name(),
        query("lines", "The last so many lines, scrollback included.", &lines),
        query("format", "plain, or with colours and the like as SGR sequences and no others.", &format),
    ];
    let text = answer("text/plain; charset=utf-8", &json!({ "type": "string" }));
    operation("output", "What an agent has written to its terminal", &parameters, text, &[400, 404, 503])
}

fn declared() -> Value {
    let summary = "What is declared, as salted digests to compare another configuration with";
    operation("declared", summary, &[], answer("application/json", &reference("Declared")), &[503])
}

fn events() -> Value {
    let history = json!({ "type": "integer", "minimum": 0, "maximum": 10_000, "default": 0 });
    let parameters = [
        query("history", "Begin with up to so many events that have happened.", &history),
        query("follow", "Whether to go on when these were told.", &json!({ "type": "boolean", "default": true })),
        query("agent", "Only this agent's transitions.", &json!({ "type": "string" })),
        header("Last-Event-ID", "Begin behind this event; a missed event says if some are gone."),
    ];
    // Each event's; its data is a text that holds JSON.
    let data = json!({ "type": "string", "contentMediaType": "application/json", "contentSchema": reference("Event") });
    let text = json!({ "type": "string" });
    let event = json!({ "type": "object", "properties": { "id": text, "event": text, "data": data } });
    let stream = answer("text/event-stream", &event);
    operation("events", "What happens, as server-sent events", &parameters, stream, &[400, 503])
}

/// What `Query::duration` takes.
const DURATION: &str = "^([0-9]{1,5}ms|([0-9]{1,2}|[0-2][0-9]{2}|300)s|[0-5]m)$";

fn operation(id: &str, summary: &str, parameters: &[Value], good: Value, bad: &[u16]) -> Value {
    let mut responses = Map::new();
    responses.insert("200".to_owned(), good);
    for status in bad {
        let description = match status {
            400 => "The query can't be used",
            404 => "There is no such thing",
            _ => "Not now; try again",
        };
        let content = json!({ "application/json": { "schema": reference("Error") } });
        responses.insert(status.to_string(), json!({ "description": description, "content": content }));
    }
    json!({ "operationId": id, "summary": summary, "parameters": parameters, "responses": responses })
}

fn answer(content_type: &str, schema: &Value) -> Value {
    json!({ "description": "As of now", "content": { content_type: { "schema": schema } } })
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn name() -> Value {
    json!({
        "name": "name", "in": "path", "required": true, "description": "Its name, without regard to case.",
        "schema": { "type": "string", "minLength": 1 }
    })
}

fn query(name: &str, description: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": "query", "description": description, "schema": schema })
}

fn header(name: &str, description: &str) -> Value {
    json!({ "name": name, "in": "header", "description": description, "schema": { "type": "string" } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::routes;

    #[test]
    fn it_describes_every_path_and_no_other() {
        let document = document();
        let mut described: Vec<_> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        described.sort_unstable();
        assert_eq!(described, routes::PATHS);
    }

    #[test]
    fn what_it_refers_to_is_there() {
        let document = document();
        let text = document.to_string();
        let references: Vec<_> = text.split("#/components/schemas/").skip(1).collect();
        assert!(references.len() > 10);
        for reference in references {
            let name = reference.split('"').next().unwrap();
            assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
        }
    }
}
