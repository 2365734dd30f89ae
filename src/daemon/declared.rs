//! Reads what is declared: at the start, when it changes, when asked, and now and then in case nobody said so.
//!
//! What could not be read for a reason that is none of the file's (no descriptor, a disk that fails) is read again by itself,
//! soon and then ever more seldom: nothing will be seen to change when it can be read.

use std::path::Path;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::sync::mpsc;

use super::retry::Retry;
use crate::desired::watch::Watcher;
use crate::desired::{self, Loaded, Presence, Sources};
use crate::event::Event;
use crate::sys::systemd::ServiceManager;
use crate::sys::{blocking, memory};

/// A watcher, if one can be had. That none can is told once.
fn made(watch: &mut Retry, resync: Duration) -> Option<Watcher> {
    let made = Watcher::new();
    if let Err(error) = &made
        && watch.is_fresh()
    {
        tracing::error!(%error, "changes are noticed only every {resync:?}: raise fs.inotify.max_user_instances");
    }
    watch.note(made.is_ok());
    made.ok()
}

/// Loads and watches until nobody listens to the events.
pub async fn follow(
    sources: Sources,
    mut hangups: Signal,
    resync: Duration,
    manager: ServiceManager,
    events: mpsc::Sender<Event>,
) {
    let mut watcher = None;
    let mut watch = Retry::default();
    let (mut seen_secrets, mut asked) = (false, false);
    let (mut read, mut is_retry, mut told) = (Retry::default(), false, None);
    let mut every = tokio::time::interval(resync);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        if watcher.is_none() {
            watcher = made(&mut watch, resync);
        }
        let loaded = load(&sources, &mut seen_secrets).await;
        if let Some(watcher) = &mut watcher {
            for (directory, error) in watcher.follow(&loaded.paths, &loaded.stamp) {
                tracing::warn!(directory = %directory.display(), %error, "is not watched");
            }
        }
        let stamp = loaded.stamp.clone();
        read.note(!stamp.is_unread());
        let error = loaded.result.as_ref().err().map(ToString::to_string);
        // A retry that finds what was found before is nobody's news.
        let is_news = !std::mem::take(&mut is_retry) || error.is_none() || error != told;
        told = error;
        if is_news && events.send(Event::Loaded(Box::new(loaded))).await.is_err() {
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
                        watch.note(false);
                        continue;
                    }
                    break;
                }
                () = watch.passed() => {
                    watcher = made(&mut watch, resync);
                    if watcher.is_some() {
                        break;
                    }
                }
                _ = hangups.recv() => {
                    tracing::info!("reads the configuration again, as asked");
                    manager.reloading();
                    asked = true;
                    break;
                }
                () = read.passed() => {
                    is_retry = true;
                    break;
                }
                _ = every.tick() => {
                    if !stamp.is_current() {
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
async fn load(sources: &Sources, seen_secrets: &mut bool) -> Loaded {
    let reading = sources.clone();
    let mut loaded = match blocking::run(move || desired::load(&reading)).await {
        Ok(loaded) => loaded,
        Err(error) => return desired::unread(sources, &error),
    };
    match loaded.secret_dir {
        Presence::Present => *seen_secrets = true,
        Presence::Absent if *seen_secrets => {
            let directory = sources.secret_dir.as_deref().unwrap_or(Path::new(""));
            loaded.refuse(directory, "the secrets directory is gone; agents keep the secrets that they have");
        }
        Presence::Absent => {}
    }
    loaded
}
