//! Takes the connections of shims, and turns what comes over them into events.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::event::Event;
use crate::execute::{Hello, LinkId};
use crate::model::AgentName;
use crate::shim::protocol::Report;
use crate::sys::process;
use crate::sys::shim_link::{ShimLink, ShimListener};

/// Whoever connects must introduce itself within this time.
const HELLO_WITHIN: Duration = Duration::from_secs(5);

/// Connections at once. The user that agents run as can open any number; each costs a descriptor.
const MOST_LINKS: usize = 8192;

/// Accepts until nobody listens to the events.
pub async fn accept(listener: ShimListener, events: mpsc::Sender<Event>) {
    let mut links = JoinSet::new();
    let mut last = 0;
    loop {
        tokio::select! {
            accepted = listener.accept(), if links.len() < MOST_LINKS => match accepted {
                Ok(link) => {
                    last += 1;
                    links.spawn(follow(LinkId(last), link, events.clone()));
                }
                Err(error) => {
                    // Out of descriptors, most likely: what is connected goes on, and the next try is in a while.
                    tracing::warn!(%error, "could not accept the connection of a shim");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(ended) = links.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "the connection of a shim failed");
                }
            }
        }
    }
}

/// One connection, from its hello to its end.
async fn follow(link: LinkId, mut connection: ShimLink, events: mpsc::Sender<Event>) {
    let peer = connection.peer();
    let hello = match tokio::time::timeout(HELLO_WITHIN, connection.next()).await {
        Ok(Ok(Some(Report::Hello { name, child, memo, .. }))) => AgentName::new(&name).ok().map(|agent| {
            let sender = connection.sender();
            Hello { link, sender, pid: peer.pid, uid: peer.uid, agent, child, memo }
        }),
        Ok(Ok(_) | Err(_)) | Err(_) => None,
    };
    let Some(hello) = hello else {
        tracing::warn!(pid = peer.pid, uid = peer.uid, "turned away a connection that did not introduce itself");
        return;
    };
    if events.send(Event::Hello(Box::new(hello))).await.is_err() {
        return;
    }
    loop {
        match connection.next().await {
            Ok(Some(report)) => {
                if events.send(Event::Report(link, report)).await.is_err() {
                    return;
                }
            }
            Ok(None) => break,
            Err(error) => {
                tracing::warn!(pid = peer.pid, %error, "ended the connection of a shim");
                break;
            }
        }
    }
    drop(connection);
    let shim_is_alive = process::is_alive(peer.pid);
    // If nobody listens any more, nobody needs to know.
    let _ = events.send(Event::LinkLost { link, shim_is_alive }).await;
}
