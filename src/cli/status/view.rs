//! What the daemon says of agents, with what they use.

use std::collections::HashMap;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::header::ETAG;
use serde::Deserialize;
use serde_json::Value;

use crate::cli::client::types::{Agent, Health, Usage};
use crate::cli::client::{Client, refused};
use crate::cli::failure::Failure;

/// An answer that takes longer isn't waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// All that a table shows.
#[derive(Debug, Default)]
pub(super) struct View {
    /// Of the list of agents; an older daemon has none.
    pub(super) etag: Option<String>,
    /// By name.
    pub(super) agents: Vec<Agent>,
    /// By name of the agent; an older daemon tells nothing.
    pub(super) usage: HashMap<String, Usage>,
    pub(super) health: Health,
}

impl View {
    pub(super) async fn fetch(client: &Client) -> Result<Self, Failure> {
        let (etag, agents) = agents(client).await?;
        let usage = usage::<Usage>(client).await?.into_iter().map(|usage| (usage.name.clone(), usage)).collect();
        Ok(Self { etag, agents, usage, health: client.health().await? })
    }

    /// Whether it says the same, apart from what the agents use.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let error = |view: &Self| view.health.config_error.as_ref().map(|error| error.message.clone());
        let agents = self.agents.len() == other.agents.len()
            && self.agents.iter().zip(&other.agents).all(|(one, other)| one.is_same(other));
        agents && error(self) == error(other) && self.health.state == other.health.state
    }
}

async fn agents(client: &Client) -> Result<(Option<String>, Vec<Agent>), Failure> {
    let broken = |cause: String| Failure::Conversation { socket: client.socket().to_owned(), cause };
    let answer = async {
        let response = client.get("/v1/agents", &[]).await?;
        let (status, etag) = (response.status(), response.headers().get(ETAG).cloned());
        let body = response.into_body().collect().await.map_err(|error| broken(error.to_string()))?.to_bytes();
        if !status.is_success() {
            return Err(refused(status, &body));
        }
        let agents = serde_json::from_slice(&body).map_err(|error| broken(error.to_string()))?;
        Ok((etag.and_then(|etag| etag.to_str().ok().map(ToOwned::to_owned)), agents))
    };
    let late = |_| Err(broken(format!("it did not answer within {} s", ANSWER_WITHIN.as_secs())));
    tokio::time::timeout(ANSWER_WITHIN, answer).await.unwrap_or_else(late)
}

/// What the agents use; nothing from a daemon that doesn't know.
async fn usage<T: serde::de::DeserializeOwned>(client: &Client) -> Result<Vec<T>, Failure> {
    #[derive(Deserialize)]
    struct Body<T> {
        agents: Vec<T>,
    }
    match client.json::<Body<T>>("/v1/usage").await {
        Ok(body) => Ok(body.agents),
        Err(Failure::Refused { status: StatusCode::NOT_FOUND, .. }) => Ok(Vec::new()),
        Err(failure) => Err(failure),
    }
}

/// The daemon's own objects, each with its usage.
pub(super) async fn merged(client: &Client) -> Result<Vec<Value>, Failure> {
    let agents = client.json("/v1/agents").await?;
    Ok(merge(agents, usage(client).await?))
}

fn merge(mut agents: Vec<Value>, usage: Vec<Value>) -> Vec<Value> {
    let mut usage: HashMap<String, Value> = usage
        .into_iter()
        .filter_map(|mut usage| {
            let Value::String(name) = usage.as_object_mut()?.remove("name")? else { return None };
            Some((name, usage))
        })
        .collect();
    for agent in &mut agents {
        let name = agent.get("name").and_then(Value::as_str);
        if let Some(usage) = name.and_then(|name| usage.remove(name))
            && let Some(agent) = agent.as_object_mut()
        {
            agent.insert("usage".to_owned(), usage);
        }
    }
    agents
}

/// Those with these names, in that order; all of them if there are no names.
pub(super) fn select<T>(agents: Vec<T>, names: &[String], name: impl Fn(&T) -> &str) -> Result<Vec<T>, Failure> {
    if names.is_empty() {
        return Ok(agents);
    }
    let mut places = Vec::new();
    for wanted in names {
        let exact = agents.iter().position(|agent| name(agent) == wanted);
        // As the daemon does it.
        let similar = || agents.iter().position(|agent| name(agent).to_lowercase() == wanted.to_lowercase());
        match exact.or_else(similar) {
            Some(place) if places.contains(&place) => {}
            Some(place) => places.push(place),
            None => {
                let known = agents.iter().map(|agent| name(agent).to_owned()).collect();
                return Err(Failure::NoSuchAgent { name: wanted.clone(), known });
            }
        }
    }
    let mut agents: Vec<Option<T>> = agents.into_iter().map(Some).collect();
    Ok(places.into_iter().filter_map(|place| agents.get_mut(place).and_then(Option::take)).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn select(names: &[&str]) -> Result<Vec<String>, Failure> {
        let agents = ["a", "B", "straße"].map(str::to_owned).to_vec();
        super::select(agents, &names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), String::as_str)
    }

    #[test]
    fn agents_are_found_as_the_daemon_finds_them() {
        assert_eq!(select(&[]).unwrap(), ["a", "B", "straße"]);
        assert_eq!(select(&["b", "A", "B"]).unwrap(), ["B", "a"]);
        let failure = select(&["a", "x"]).unwrap_err();
        assert!(matches!(failure, Failure::NoSuchAgent { name, known } if name == "x" && known.len() == 3));
    }

    #[test]
    fn usage_is_put_into_its_agent_and_nothing_is_lost() {
        let agents = vec![json!({"name": "a", "new_field": [1]}), json!({"name": "b"})];
        let usage = vec![json!({"name": "a", "cpu_seconds": 1.5, "more": 1}), json!({"name": "gone"}), json!(3)];
        let expected = vec![
            json!({"name": "a", "new_field": [1], "usage": {"cpu_seconds": 1.5, "more": 1}}),
            json!({"name": "b"}),
        ];
        assert_eq!(merge(agents, usage), expected);
    }
}
