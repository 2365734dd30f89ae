//! Keeps the service manager told: one line on the agents, and that a stop which takes its time is under way.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::status::{Phase, Snapshot, summary};
use crate::sys::systemd::ServiceManager;

/// Changes that come closer together than this are told as one.
const AT_MOST_EVERY: Duration = Duration::from_millis(100);

/// How often a stop is said to be under way. That it comes to an end is the stop ladder's business: every rung has its
/// time.
const STOPPING_EVERY: Duration = Duration::from_secs(10);

/// Tells until there is nothing more to tell.
pub async fn follow(mut snapshots: watch::Receiver<Arc<Snapshot>>, manager: ServiceManager) {
    let mut told = String::new();
    let mut still_stopping = tokio::time::interval(STOPPING_EVERY);
    loop {
        let (line, phase) = {
            let snapshot = snapshots.borrow_and_update();
            (summary::line(&snapshot), snapshot.phase)
        };
        if line != told {
            manager.status(&line);
            told = line;
        }
        tokio::select! {
            changed = snapshots.changed() => {
                if changed.is_err() {
                    // The loop has ended, and so will this task, by the hand of whoever started it.
                    std::future::pending::<()>().await;
                }
                tokio::time::sleep(AT_MOST_EVERY).await;
            }
            _ = still_stopping.tick(), if phase == Phase::Stopping => manager.extend_timeout(),
        }
    }
}
