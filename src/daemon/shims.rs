//! Takes the connections of shims, and turns what comes over them into events.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::event::Event;
use crate::execute::{Hello, LinkId};
use crate::model::AgentName;
use crate::shim::protocol::Report;
use crate::sys::shim_link::{ShimLink, ShimListener, ShimReader};

/// Whoever connects must introduce itself within this time.
const HELLO_WITHIN: Duration = Duration::from_secs(5);

/// A shim that ends lets go of its connection a moment before its process is seen to have ended.
const ENDS_WITHIN: Duration = Duration::from_millis(200);

/// Connections at once. The user that agents run as can open any number; each costs a descriptor.
const MOST_LINKS: usize = 8192;

/// Accepts until nobody listens to the events.
pub async fn accept(listener: ShimListener, events: mpsc::Sender<Event>) {
    let mut links = JoinSet::new();
    let (mut last, mut is_told) = (0, false);
    loop {
        tokio::select! {
            accepted = listener.accept(), if links.len() < MOST_LINKS => match accepted {
                Ok(link) => {
                    is_told = false;
                    last += 1;
                    links.spawn(follow(LinkId(last), link, events.clone()));
                }
                Err(error) => {
                    // Out of descriptors, most likely: what is connected goes on, and the next try is in a while.
                    if !std::mem::replace(&mut is_told, true) {
                        tracing::warn!(
                            %error,
                            "can't take the connection of a shim, and no agent starts until that is over: \
                             more files may be opened with LimitNOFILE= in agentd's unit, or `ulimit -n`"
                        );
                    }
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
async fn follow(link: LinkId, connection: ShimLink, events: mpsc::Sender<Event>) {
    let ShimLink { peer, mut reader, sender } = connection;
    let process = peer.process.map(Arc::new);
    let (wanted, unwanted) = oneshot::channel();
    let hello = match tokio::time::timeout(HELLO_WITHIN, reader.next()).await {
        Ok(Ok(Some(Report::Hello { version, name, child, memo, notices }))) => {
            AgentName::new(&name).ok().map(|agent| Hello {
                link,
                sender,
                version,
                pid: peer.pid,
                process: process.clone(),
                uid: peer.uid,
                agent,
                child,
                memo,
                notices,
                reports: Vec::new(),
                wanted,
            })
        }
        Ok(Ok(_) | Err(_)) | Err(_) => None,
    };
    let Some(hello) = hello else {
        tracing::warn!(pid = peer.pid, uid = peer.uid, "turned away a connection that did not introduce itself");
        return;
    };
    if events.send(Event::Hello(Box::new(hello))).await.is_err() {
        return;
    }
    tokio::select! {
        // The executor has turned it away, or needs it no longer.
        _ = unwanted => return,
        () = pass_reports(link, &mut reader, peer.pid, &events) => {}
    }
    drop(reader);
    let shim_is_alive = match process {
        Some(process) => tokio::time::timeout(ENDS_WITHIN, process.ended()).await.is_err(),
        None => false,
    };
    // If nobody listens any more, nobody needs to know.
    let _ = events.send(Event::LinkLost { link, shim_is_alive }).await;
}

/// Passes on what a shim reports, until the connection ends.
async fn pass_reports(link: LinkId, reader: &mut ShimReader, pid: u32, events: &mpsc::Sender<Event>) {
    loop {
        match reader.next().await {
            Ok(Some(report)) => {
                if events.send(Event::Report(link, report)).await.is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(pid, %error, "ended the connection of a shim");
                return;
            }
        }
    }
}
