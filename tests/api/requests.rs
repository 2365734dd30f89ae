//! What is answered to whom.

use std::fmt::Write;
use std::sync::Arc;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client as HttpClient;
use hyperlocal::{UnixConnector, Uri};

use super::support::{Api, block_on, snapshot};

#[test]
fn health_says_that_it_runs() {
    let api = Api::with(&["a", "b"]);
    let response = api.get("/v1/health");
    assert_eq!(response.status, 200);
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let health = response.json();
    assert_eq!(health["state"], "running");
    assert!(health["uptime_seconds"].is_u64());
    assert_eq!(health["revision"], 1);
    assert_eq!((&health["agents"]["total"], &health["agents"]["running"]), (&2.into(), &2.into()));
    assert!(health.get("config_error").is_none());
}

#[test]
fn agents_are_listed_and_no_agents_are_an_empty_list() {
    let agents = Api::with(&["a", "b"]).get("/v1/agents?since=1&x").json();
    let names: Vec<_> = agents.as_array().unwrap().iter().map(|agent| agent["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "b"]);
    let first = &agents[0];
    assert!(first["running"].is_boolean() && first["session"].is_string() && first["restarts"].is_u64());
    assert_eq!(Api::with(&[]).get("/v1/agents").body, "[]");
}

#[test]
fn one_agent_is_found_by_name_in_any_case_and_encoding() {
    let api = Api::with(&["Claude Code", "rev-1", "rev-10", "äh/".trim_end_matches('/')]);
    for (path, name) in [
        ("rev-1", "rev-1"),
        ("REV-10", "rev-10"),
        ("claude%20code", "Claude Code"),
        ("%C3%A4h", "äh"),
        ("%72ev-1", "rev-1"),
    ] {
        let response = api.get(&format!("/v1/agents/{path}"));
        assert_eq!((response.status, response.json()["name"].as_str()), (200, Some(name)), "{path}");
    }
    for path in ["rev", "rev-11", "%ff", "a%2Fb", "%00"] {
        let response = api.get(&format!("/v1/agents/{path}"));
        assert_eq!((response.status, response.body.as_str()), (404, r#"{"error":"agent not found"}"#), "{path}");
    }
}

#[test]
fn unknown_paths_are_not_found() {
    let api = Api::with(&["a"]);
    for path in
        ["/", "/v1", "/v1/health/", "/v1/agents/", "/v1/agents/a/", "/v2/health", "//v1/health", "/v1/../v1/health"]
    {
        let response = api.get(path);
        assert_eq!((response.status, response.body.as_str()), (404, r#"{"error":"not found"}"#), "{path}");
        assert_eq!(response.header("content-type"), Some("application/json"));
    }
}

#[test]
fn a_whole_uri_is_a_request_too() {
    assert_eq!(Api::with(&[]).get("http://agentd/v1/health").status, 200);
}

#[test]
fn nothing_can_be_changed() {
    let api = Api::with(&["a"]);
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
        let response = api.connect().request(method, "/v1/agents");
        assert_eq!((response.status, response.header("allow")), (405, Some("GET, HEAD")), "{method}");
        assert_eq!(response.body, r#"{"error":"method not allowed"}"#);
    }
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let api = Api::with(&["a"]);
    let mut client = api.connect();
    for path in ["/v1/agents", "/v1/agents/a", "/v1/agents/nobody", "/"] {
        let get = client.get(path);
        let head = client.request("HEAD", path);
        assert_eq!(get.status, head.status, "{path}");
        assert_eq!(head.header("content-length"), Some(get.body.len().to_string().as_str()));
        let but_date = |headers: &[(String, String)]| -> Vec<_> {
            headers.iter().filter(|(name, _)| name != "date").cloned().collect()
        };
        assert_eq!(but_date(&get.headers), but_date(&head.headers));
    }
    // Were there a body, this would read it.
    assert_eq!(client.get("/v1/agents").status, 200);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let api = Api::with(&["a", "b"]);
    let mut client = api.connect();
    let mut requests = String::new();
    for turn in 0..500 {
        let name = if turn % 2 == 0 { "a" } else { "b" };
        write!(requests, "GET /v1/agents/{name} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    }
    client.send(requests);
    for turn in 0..500 {
        assert_eq!(client.read_response().json()["name"], if turn % 2 == 0 { "a" } else { "b" });
    }
}

#[test]
fn a_change_is_visible_at_once_also_on_an_open_connection() {
    let api = Api::with(&["a"]);
    let mut client = api.connect();
    assert_eq!(client.get("/v1/agents").json().as_array().unwrap().len(), 1);
    for revision in 2..100 {
        let names: Vec<_> = (0..revision).map(|number| format!("agent-{number:03}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        api.snapshots.send_replace(Arc::new(snapshot(revision, &names)));
        assert_eq!(client.get("/v1/agents").json().as_array().unwrap().len(), names.len());
        assert_eq!(client.get("/v1/health").json()["revision"], revision);
        assert_eq!(client.get(&format!("/v1/agents/{}", names[names.len() - 1])).status, 200);
    }
}

#[test]
fn the_last_snapshot_is_served_when_its_publisher_is_gone() {
    let api = Api::with(&["a"]);
    drop(api.snapshots);
    let mut stream = std::os::unix::net::UnixStream::connect(&api.path).unwrap();
    std::io::Write::write_all(&mut stream, b"GET /v1/agents/a HTTP/1.0\r\n\r\n").unwrap();
    assert!(std::io::read_to_string(stream).unwrap().starts_with("HTTP/1.0 200 OK"));
}

#[test]
fn an_ordinary_http_client_is_content() {
    let api = Api::with(&["a b"]);
    block_on(async {
        let client: HttpClient<UnixConnector, Empty<Bytes>> =
            HttpClient::builder(hyper_util::rt::TokioExecutor::new()).build(UnixConnector);
        for _ in 0..3 {
            let response = client.get(Uri::new(&api.path, "/v1/agents/a%20b").into()).await.unwrap();
            assert_eq!(response.status(), 200);
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert!(body.starts_with(br#"{"name":"a b","running":true,"session":"session","restarts":0,"#));
        }
    });
}
