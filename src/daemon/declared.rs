//! Reads what is declared: at the start, when it changes, when asked, and now and then in case nobody said so.

use std::path::Path;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::sync::mpsc;

use crate::desired::watch::Watcher;
use crate::desired::{self, Loaded, Presence, Sources};
use crate::event::Event;
use crate::sys::memory;
use crate::sys::systemd::ServiceManager;

/// Loads and watches until nobody listens to the events.
pub async fn follow(
    sources: Sources,
    mut hangups: Signal,
    resync: Duration,
    manager: ServiceManager,
    events: mpsc::Sender<Event>,
) {
    let mut watcher = match Watcher::new() {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::error!(%error, "changes are noticed only every {resync:?}: raise fs.inotify.max_user_instances");
            None
        }
    };
    let (mut seen_secrets, mut asked) = (false, false);
    let mut every = tokio::time::interval(resync);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let Some(loaded) = load(&sources, &mut seen_secrets).await else { return };
        if let Some(watcher) = &mut watcher {
            for (directory, error) in watcher.follow(&loaded.paths, &loaded.stamp) {
                tracing::warn!(directory = %directory.display(), %error, "is not watched");
            }
        }
        let stamp = loaded.stamp.clone();
        if events.send(Event::Loaded(Box::new(loaded))).await.is_err() {
            return;
        }
        if std::mem::take(&mut asked) && events.send(Event::Reloaded).await.is_err() {
            return;
        }
        every.reset();
        let mut is_fresh = true;
        loop {
            tokio::select! {
                changed = changed(&mut watcher) => {
                    if let Err(error) = changed {
                        tracing::error!(%error, "changes are noticed only every {resync:?}");
                        watcher = None;
                        continue;
                    }
                    break;
                }
                _ = hangups.recv() => {
                    tracing::info!("reads the configuration again, as asked");
                    manager.reloading();
                    asked = true;
                    break;
                }
                _ = every.tick() => {
                    if stamp.is_unread() || !stamp.is_current() {
                        break;
                    }
                    // Now, as nobody waits for anything that has to do with it any more.
                    if std::mem::take(&mut is_fresh) {
                        memory::give_back();
                    }
                }
            }
        }
    }
}

async fn changed(watcher: &mut Option<Watcher>) -> std::io::Result<()> {
    match watcher {
        Some(watcher) => watcher.changed().await,
        None => std::future::pending().await,
    }
}

/// Loads in a thread of its own: a disk that hangs must not hang the loop.
///
/// A secrets directory that goes away after it was there is a failure to read, not a wish to have no secrets.
async fn load(sources: &Sources, seen_secrets: &mut bool) -> Option<Loaded> {
    let reading = sources.clone();
    let mut loaded = tokio::task::spawn_blocking(move || desired::load(&reading)).await.ok()?;
    match loaded.secret_dir {
        Presence::Present => *seen_secrets = true,
        Presence::Absent if *seen_secrets => {
            let directory = sources.secret_dir.as_deref().unwrap_or(Path::new(""));
            loaded.refuse(directory, "the secrets directory is gone; agents keep the secrets that they have");
        }
        Presence::Absent => {}
    }
    Some(loaded)
}
