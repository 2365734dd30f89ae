//! What the agents use. It is measured when somebody asks, off the thread that answers, and once for all who ask at once.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use tokio::sync::Mutex;
use tokio::time::sleep;

use super::respond::{self, Answer};
use super::wire;
use crate::status::{AgentStatus, Mono, Snapshot};
use crate::sys::blocking;
use crate::sys::clock;
use crate::sys::usage::{ProcessTable, TreeUsage};

/// A measurement that is younger is used again.
const FRESH: Duration = Duration::from_millis(200);

/// One that is older says nothing of lately.
#[allow(clippy::duration_suboptimal_units, reason = "from_mins is younger than the oldest compiler we support")]
const LATELY: Duration = Duration::from_secs(60);

/// What one agent and all that it started use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Usage {
    pub(super) tree: TreeUsage,
    /// The share of one core since the measurement before, if that was lately.
    pub(super) load: Option<f64>,
}

/// Measures, and remembers the last two measurements.
#[derive(Debug, Default)]
pub(super) struct Meter(Mutex<Option<Measured>>);

#[derive(Debug)]
struct Measured {
    before: Option<Sample>,
    latest: Sample,
}

/// By the shim's pid.
#[derive(Clone, Debug)]
struct Sample {
    at: Mono,
    trees: HashMap<u32, TreeUsage>,
}

impl Meter {
    /// What the agents use, in their order: as far as they have a terminal. Takes [`FRESH`] where there was no measurement
    /// lately and the load is asked for.
    pub(super) async fn measure(
        &self,
        snapshot: &Snapshot,
        with_load: bool,
    ) -> io::Result<Vec<(Arc<AgentStatus>, Usage)>> {
        let mut measured = self.0.lock().await;
        let age = |sample: &Sample| clock::now().mono.since(sample.at);
        let fresh =
            measured.as_ref().is_some_and(|last| age(&last.latest) < FRESH && (last.before.is_some() || !with_load));
        if !fresh {
            let mut before = measured.take().map(|last| last.latest).filter(|latest| age(latest) <= LATELY);
            if with_load && before.as_ref().is_none_or(|before| age(before) < FRESH) {
                let first = if before.is_none() { Some(Sample::take(snapshot).await?) } else { before };
                sleep(FRESH).await;
                before = first;
            }
            *measured = Some(Measured { before, latest: Sample::take(snapshot).await? });
        }
        let Some(measured) = &*measured else { return Ok(Vec::new()) };
        let usage = |agent: &Arc<AgentStatus>| Some((Arc::clone(agent), measured.of(agent.terminal.as_deref()?.shim)?));
        Ok(snapshot.agents.iter().filter_map(usage).collect())
    }
}

impl Measured {
    fn of(&self, shim: u32) -> Option<Usage> {
        let tree = *self.latest.trees.get(&shim)?;
        let load = self.before.as_ref().and_then(|before| {
            let used = tree.cpu.saturating_sub(before.trees.get(&shim)?.cpu);
            let passed = self.latest.at.since(before.at);
            (!passed.is_zero()).then(|| used.as_secs_f64() / passed.as_secs_f64())
        });
        Some(Usage { tree, load })
    }
}

impl Sample {
    async fn take(snapshot: &Snapshot) -> io::Result<Self> {
        let shims: Vec<u32> =
            snapshot.agents.iter().filter_map(|agent| Some(agent.terminal.as_deref()?.shim)).collect();
        let read = move || {
            let (at, table) = (clock::now().mono, ProcessTable::read()?);
            let trees = shims.into_iter().filter_map(|shim| Some((shim, table.below(shim)?))).collect();
            Ok(Self { at, trees })
        };
        blocking::run(read).await?
    }
}

/// `/v1/usage`.
pub(super) async fn answer(meter: &Meter, snapshot: &Snapshot) -> Answer {
    match meter.measure(snapshot, true).await {
        Ok(usage) => respond::json(wire::usage(&usage)),
        Err(error) => respond::error(StatusCode::SERVICE_UNAVAILABLE, &format!("/proc can't be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: u64, cpu: u64) -> Sample {
        let tree = TreeUsage { cpu: Duration::from_millis(cpu), ..TreeUsage::default() };
        Sample { at: Mono(at * 1_000_000), trees: HashMap::from([(7, tree)]) }
    }

    #[test]
    fn the_load_is_what_was_used_between_two_measurements() {
        let load = |before, latest| Measured { before, latest }.of(7).map(|usage| usage.load);
        assert_eq!(load(Some(sample(0, 100)), sample(2000, 1100)), Some(Some(0.5)));
        assert_eq!(load(None, sample(2000, 1100)), Some(None));
        assert_eq!(load(Some(sample(2000, 100)), sample(2000, 100)), Some(None));
        // Another shim has that pid now.
        assert_eq!(load(Some(sample(0, 1100)), sample(2000, 100)), Some(Some(0.0)));
        assert!(Measured { before: None, latest: sample(0, 0) }.of(8).is_none());
    }
}
