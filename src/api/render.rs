//! Bodies, made when they are first asked for and kept until the snapshot changes: a client that asks often costs the
//! same whether there is one agent or a thousand, and nobody asking costs nothing.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use hyper::body::Bytes;

use super::wire;
use crate::status::{AgentStatus, Now, Snapshot};

/// The bodies of the latest revision that was asked for.
#[derive(Default)]
pub(super) struct Renderer {
    agents: RefCell<List>,
    /// By revision and by uptime in seconds.
    health: RefCell<Option<(u64, u64, Bytes)>>,
}

impl Renderer {
    /// All agents.
    pub(super) fn agents(&self, snapshot: &Snapshot) -> Bytes {
        let mut list = self.agents.borrow_mut();
        if list.revision != Some(snapshot.revision) {
            *list = list.of_next(snapshot);
        }
        list.body.clone()
    }

    /// The daemon itself.
    pub(super) fn health(&self, snapshot: &Snapshot, now: Now) -> Bytes {
        let uptime = now.mono.since(snapshot.started.mono).as_secs();
        let mut health = self.health.borrow_mut();
        match &*health {
            Some((revision, at, body)) if (*revision, *at) == (snapshot.revision, uptime) => body.clone(),
            Some(_) | None => {
                let body = wire::health(snapshot, now);
                *health = Some((snapshot.revision, uptime, body.clone()));
                body
            }
        }
    }
}

/// The list of all agents, with what is needed to make the next one of it: an agent that hasn't changed is copied. With
/// one changed among 1,000 that was measured at 0.09 ms from request to answer, against 1.1 ms with all made anew.
#[derive(Default)]
struct List {
    revision: Option<u64>,
    body: Bytes,
    /// In the order of the body: an agent and where it stands there.
    parts: Vec<(Arc<AgentStatus>, Range<usize>)>,
}

impl List {
    fn of_next(&self, snapshot: &Snapshot) -> Self {
        let (open, comma, close) = wire::LIST;
        let mut body = Vec::with_capacity(self.body.len() + ROOM);
        let mut parts = Vec::with_capacity(snapshot.agents.len());
        // Both are sorted by name, so that one walk finds what both have.
        let mut old = self.parts.iter().peekable();
        body.push(open);
        for agent in &snapshot.agents {
            if !parts.is_empty() {
                body.push(comma);
            }
            let start = body.len();
            while old.next_if(|(status, _)| status.name < agent.name).is_some() {}
            let same = old.peek().filter(|(status, _)| Arc::ptr_eq(status, agent));
            match same.and_then(|(_, range)| self.body.get(range.clone())) {
                Some(json) => body.extend_from_slice(json),
                None => wire::append_agent(&mut body, agent),
            }
            parts.push((Arc::clone(agent), start..body.len()));
        }
        body.push(close);
        Self { revision: Some(snapshot.revision), body: Bytes::from(body), parts }
    }
}

/// For what an agent or two have more to say than the last time.
const ROOM: usize = 1024;

/// The agent of that name. The case matters only where two names differ in nothing else, as they may while one of
/// them, no longer declared, is being stopped.
pub(super) fn find<'a>(snapshot: &'a Snapshot, name: &str) -> Option<&'a Arc<AgentStatus>> {
    if let Ok(exact) = snapshot.agents.binary_search_by(|agent| agent.name.as_str().cmp(name)) {
        return snapshot.agents.get(exact);
    }
    snapshot.agents.iter().find(|agent| is_same_name(agent.name.as_str(), name))
}

fn is_same_name(one: &str, other: &str) -> bool {
    if one.is_ascii() && other.is_ascii() {
        return one.eq_ignore_ascii_case(other);
    }
    let lower = |name: &str| name.chars().flat_map(char::to_lowercase).collect::<Vec<_>>();
    lower(one) == lower(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{AgentName, SessionName, State};

    fn snapshot(names: &[&str]) -> Snapshot {
        let agent = |name: &&str| {
            let (name, session) = (AgentName::new(name).unwrap(), SessionName::new("s").unwrap());
            Arc::new(AgentStatus::new(name, session, "custom", State::Pending))
        };
        Snapshot { agents: names.iter().map(agent).collect(), ..Snapshot::default() }
    }

    #[test]
    fn a_body_is_made_once_a_revision() {
        let renderer = Renderer::default();
        let mut snapshot = snapshot(&["a"]);
        let first = renderer.agents(&snapshot);
        assert_eq!(renderer.agents(&snapshot).as_ptr(), first.as_ptr());
        snapshot.revision += 1;
        assert_ne!(renderer.agents(&snapshot).as_ptr(), first.as_ptr());

        let first = renderer.health(&snapshot, Now::default());
        assert_eq!(renderer.health(&snapshot, Now::default()).as_ptr(), first.as_ptr());
        let later = Now { mono: crate::status::Mono(1_000_000_000), ..Now::default() };
        assert_ne!(renderer.health(&snapshot, later), first);
    }

    #[test]
    fn a_list_made_of_the_last_one_is_the_list_made_anew() {
        let renderer = Renderer::default();
        let mut current = snapshot(&["b", "d", "f"]);
        assert_eq!(renderer.agents(&Snapshot::default()), "[]");
        let steps: [&dyn Fn(&mut Snapshot); 5] = [
            &|_| {},
            &|now| Arc::make_mut(&mut now.agents[1]).restarts = 7,
            &|now| drop(now.agents.remove(0)),
            &|now| now.agents.splice(0..1, snapshot(&["a", "c", "dd"]).agents).for_each(drop),
            &|now| now.agents.clear(),
        ];
        for step in steps {
            current.revision += 1;
            step(&mut current);
            let body = renderer.agents(&current);
            assert_eq!(body, Renderer::default().agents(&current));
            let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let names: Vec<_> = json.as_array().unwrap().iter().map(|agent| agent["name"].as_str().unwrap()).collect();
            assert_eq!(names, current.agents.iter().map(|agent| agent.name.as_str()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_agent_is_found_in_any_case_and_by_its_exact_name_first() {
        let snapshot = snapshot(&["Rev", "rev-1", "rev-10", "ÄRGER"]);
        let found = |name| find(&snapshot, name).map(|agent| agent.name.as_str().to_owned());
        assert_eq!(found("rev").as_deref(), Some("Rev"));
        assert_eq!(found("REV-1").as_deref(), Some("rev-1"));
        assert_eq!(found("ärger").as_deref(), Some("ÄRGER"));
        assert_eq!(found("rev-"), None);
        let twins = self::snapshot(&["Twin", "twin"]);
        for name in ["Twin", "twin"] {
            assert_eq!(find(&twins, name).unwrap().name.as_str(), name);
        }
    }
}
