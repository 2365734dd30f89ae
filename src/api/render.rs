//! Bodies, made when they are first asked for and kept until the snapshot changes: a client that asks often costs the
//! same whether there is one agent or a thousand, and nobody asking costs nothing.

use std::cell::RefCell;
use std::sync::Arc;

use hyper::body::Bytes;

use super::wire;
use crate::status::{AgentStatus, Now, Snapshot};

/// The bodies of the latest revision that was asked for.
#[derive(Default)]
pub(super) struct Renderer {
    agents: RefCell<Option<(u64, Bytes)>>,
    /// By revision and by uptime in seconds.
    health: RefCell<Option<((u64, u64), Bytes)>>,
}

impl Renderer {
    /// All agents. Serialized whole: 1,000 agents take a fifth of a millisecond, once a revision, which no way to reuse
    /// the unchanged ones would make worth its code.
    pub(super) fn agents(&self, snapshot: &Snapshot) -> Bytes {
        cached(&self.agents, snapshot.revision, || wire::agents(snapshot))
    }

    /// The daemon itself.
    pub(super) fn health(&self, snapshot: &Snapshot, now: Now) -> Bytes {
        let uptime = now.mono.since(snapshot.started.mono).as_secs();
        cached(&self.health, (snapshot.revision, uptime), || wire::health(snapshot, now))
    }
}

fn cached<K: Copy + PartialEq>(slot: &RefCell<Option<(K, Bytes)>>, key: K, make: impl FnOnce() -> Bytes) -> Bytes {
    let mut slot = slot.borrow_mut();
    match &*slot {
        Some((of, body)) if *of == key => body.clone(),
        Some(_) | None => {
            let body = make();
            *slot = Some((key, body.clone()));
            body
        }
    }
}

/// The agent of that name. The case matters only where two names differ in nothing else, as they may while one of
/// them, no longer declared, is being stopped.
pub(super) fn find<'a>(snapshot: &'a Snapshot, name: &str) -> Option<&'a Arc<AgentStatus>> {
    if let Ok(exact) = snapshot.agents.binary_search_by(|agent| agent.name.as_str().cmp(name)) {
        return snapshot.agents.get(exact);
    }
    let folded = || name.chars().flat_map(char::to_lowercase);
    snapshot.agents.iter().find(|agent| agent.name.as_str().chars().flat_map(char::to_lowercase).eq(folded()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{AgentName, SessionName, State};

    fn snapshot(names: &[&str]) -> Snapshot {
        let agent = |name: &&str| {
            Arc::new(AgentStatus {
                name: AgentName::new(name).unwrap(),
                session: SessionName::new("s").unwrap(),
                harness: "custom".into(),
                state: State::Pending,
                restarts: 0,
                pid: None,
                started_at: None,
                last_end: None,
                next_restart_at: None,
                error: None,
            })
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
