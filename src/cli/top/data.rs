//! Asks the daemon, all the time and no more than there is to tell: the agents by a poll that is held until something changes,
//! the rest at its pace. When the daemon is gone, asks until it is back.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::header::ETAG;
use serde::Deserialize;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::cli::client::types::{Agent, Health, Usage};
use crate::cli::client::{Client, encode, refused};
use crate::cli::failure::Failure;
use crate::sys::clock;

/// What has become known.
#[derive(Debug)]
pub(super) enum Update {
    /// The agents, where they changed, and the daemon.
    World { agents: Option<Vec<Agent>>, health: Box<Health> },
    /// What they use; none if the daemon does not tell.
    Usage(Option<Vec<Usage>>),
    /// What an agent wrote last, or why that isn't known.
    Output { of: String, text: Result<String, String> },
    /// The daemon doesn't answer.
    Lost(String),
}

/// How long the daemon is asked to hold an answer.
const HOLD: &str = "/v1/agents?wait=30s";
const HELD_AT_MOST: Duration = Duration::from_secs(45);

/// Nobody sees more pictures than this.
const PICTURE: Duration = Duration::from_millis(100);
/// The pace where the daemon does not hold its answers, and of trying again.
const PACE: Duration = Duration::from_secs(1);
const USAGE_EVERY: Duration = Duration::from_secs(2);
/// A daemon that doesn't know the question may be replaced by one that does.
const ASK_AGAIN: Duration = Duration::from_secs(30);
/// As much as the highest terminal shows.
const LINES: usize = 120;

/// Starts asking. The agent whose output is wanted comes over `wanted`.
pub(super) fn start(client: &Client, wanted: watch::Receiver<Option<String>>) -> (JoinSet<()>, mpsc::Receiver<Update>) {
    // While nobody takes them, as when a person is attached, nothing is asked either.
    let (sender, updates) = mpsc::channel(4);
    let mut tasks = JoinSet::new();
    tasks.spawn(follow_agents(client.clone(), sender.clone()));
    tasks.spawn(follow_usage(client.clone(), sender.clone()));
    tasks.spawn(follow_output(client.clone(), wanted, sender));
    (tasks, updates)
}

async fn follow_agents(client: Client, updates: mpsc::Sender<Update>) {
    let mut tag: Option<String> = None;
    loop {
        let begun = clock::now().mono;
        let (update, pace) = match world(&client, &mut tag).await {
            Ok((agents, health)) => {
                let held = agents.is_some() && tag.is_some();
                (Update::World { agents, health: Box::new(health) }, if held { PICTURE } else { PACE })
            }
            Err(failure) => {
                tag = None;
                (Update::Lost(failure.to_string()), PACE)
            }
        };
        if updates.send(update).await.is_err() {
            return;
        }
        sleep(pace.saturating_sub(clock::now().mono.since(begun))).await;
    }
}

async fn world(client: &Client, tag: &mut Option<String>) -> Result<(Option<Vec<Agent>>, Health), Failure> {
    let agents = changed_agents(client, tag).await?;
    Ok((agents, client.health().await?))
}

/// The agents if they are others than at `tag`, which is then the new one.
async fn changed_agents(client: &Client, tag: &mut Option<String>) -> Result<Option<Vec<Agent>>, Failure> {
    let broken = |cause: String| Failure::Conversation { socket: client.socket().to_owned(), cause };
    let known = tag.clone();
    let headers: Vec<(&str, &str)> = known.as_deref().map(|tag| ("if-none-match", tag)).into_iter().collect();
    let path = if headers.is_empty() { "/v1/agents" } else { HOLD };
    let answer = async {
        let response = client.get(path, &headers).await?;
        let (status, new) = (response.status(), response.headers().get(ETAG).cloned());
        let body = response.into_body().collect().await.map_err(|error| broken(error.to_string()))?.to_bytes();
        Ok((status, new, body))
    };
    let (status, new, body) =
        timeout(HELD_AT_MOST, answer).await.unwrap_or_else(|_| Err(broken("it does not answer".to_owned())))?;
    if status == StatusCode::NOT_MODIFIED {
        return Ok(None);
    }
    if !status.is_success() {
        return Err(refused(status, &body));
    }
    *tag = new.and_then(|tag| tag.to_str().ok().map(ToOwned::to_owned));
    serde_json::from_slice(&body).map(Some).map_err(|error| broken(format!("it sent what isn't understood: {error}")))
}

async fn follow_usage(client: Client, updates: mpsc::Sender<Update>) {
    #[derive(Deserialize)]
    struct Body {
        agents: Vec<Usage>,
    }
    loop {
        let (update, pace) = match client.json::<Body>("/v1/usage").await {
            Ok(body) => (Some(Update::Usage(Some(body.agents))), USAGE_EVERY),
            Err(Failure::Refused { status: StatusCode::NOT_FOUND, .. }) => (Some(Update::Usage(None)), ASK_AGAIN),
            // Who follows the agents says so.
            Err(_) => (None, USAGE_EVERY),
        };
        if let Some(update) = update
            && updates.send(update).await.is_err()
        {
            return;
        }
        sleep(pace).await;
    }
}

/// An older daemon doesn't know the path at all, and says no more than that.
fn reason(message: String) -> String {
    if message == "not found" { "-".to_owned() } else { message }
}

async fn follow_output(client: Client, mut wanted: watch::Receiver<Option<String>>, updates: mpsc::Sender<Update>) {
    let mut last = None;
    loop {
        let of = wanted.borrow_and_update().clone();
        if let Some(of) = of {
            let path = format!("/v1/agents/{}/output?lines={LINES}&format=plain", encode(&of));
            let text = match client.text(&path).await {
                Ok(text) => Some(Ok(String::from_utf8_lossy(&text).into_owned())),
                Err(Failure::Refused { message, .. }) => Some(Err(reason(message))),
                Err(_) => None,
            };
            if let Some(text) = text {
                let news = Some((of.clone(), text.clone()));
                if news != last && updates.send(Update::Output { of, text }).await.is_err() {
                    return;
                }
                last = news;
            }
        }
        tokio::select! {
            () = sleep(PACE) => {}
            changed = wanted.changed() => if changed.is_err() { return },
        }
    }
}
