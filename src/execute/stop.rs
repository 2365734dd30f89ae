//! Stops: signals to what runs, and the end of a seat with all that ran in it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{AgentName, Child, Mono, Observed, RunId, SeatState, SessionName};
use crate::reconcile::StopSignal;
use crate::shim::protocol::Order;
use crate::sys::cgroup::Cgroup;
use crate::sys::orphans::Orphans;
use crate::sys::process::{self, Sweep};
use crate::sys::tmux::command;

use super::place::Place;
use super::start::{RUN_VARIABLE, run_marker};
use super::{Executor, LinkId, Server, What};

/// A cgroup that was killed is waited for this long; then the sweep goes on and says so.
const EMPTY_WITHIN: Duration = Duration::from_secs(5);

/// A tmux server that was asked to end is waited for this long.
const SERVER_ENDS_WITHIN: Duration = Duration::from_millis(300);

/// A server that is busy is not waited for to say who is on it.
const ANSWERS_WITHIN: Duration = Duration::from_millis(200);

/// A shim whose session is closed is killed after this.
const SHIM_ENDS_WITHIN: Duration = Duration::from_millis(500);

impl Server {
    /// Ends the server. Nobody may be left who would connect to it again, as that starts another.
    pub async fn end(self) {
        let Self { process, cgroups, .. } = self;
        // It ends by SIGTERM as by kill-server, but doesn't have to be spoken to. One that is gone can't be asked, and
        // one that may not be asked may not be killed either, which is what is reported.
        let _asked = process.signal(libc::SIGTERM);
        if tokio::time::timeout(SERVER_ENDS_WITHIN, process.ended()).await.is_err() {
            // It listens no longer and holds nothing that runs, but takes leave of each terminal (utempter(8)): some
            // milliseconds for each.
            tracing::info!("the tmux server closes its last terminals, and ends by itself");
        }
        if let Some(Err(error)) = cgroups.map(|root| root.remove_own()) {
            tracing::debug!(%error, "could not remove the agents' cgroup");
        }
    }
}

impl Executor {
    /// One step of a stop.
    pub(super) fn signal(
        &mut self,
        agent: &AgentName,
        run: RunId,
        signal: StopSignal,
        observed: &mut Observed,
        now: Mono,
    ) {
        if self.withdraw(agent, run, observed, now) {
            return;
        }
        let Some(place) = self.places.get(agent) else { return };
        tracing::debug!(%agent, ?signal, "asks its program to end");
        match signal {
            StopSignal::Interrupt => self.order(agent, Order::Signal { run: run.0, signal: libc::SIGINT }),
            StopSignal::Terminate => self.order(agent, Order::Signal { run: run.0, signal: libc::SIGTERM }),
            StopSignal::TypeCtrlC(times) => match &place.pane {
                Some(pane) => {
                    let (agent, answer) =
                        (agent.clone(), place.control.send(command::type_ctrl_c(&pane.pane_id, times)));
                    self.tasks.spawn(async move {
                        if let Err(error) = answer.await {
                            tracing::warn!(%agent, %error, "could not type C-c");
                        }
                    });
                }
                None => self.order(agent, Order::Signal { run: run.0, signal: libc::SIGINT }),
            },
            StopSignal::KillTree => {
                if let Some(cgroup) = &place.cgroup
                    && let Err(error) = cgroup.kill()
                {
                    tracing::warn!(%agent, %error, "could not kill its cgroup");
                }
                self.order(agent, Order::KillTree { run: run.0 });
            }
        }
    }

    /// The shim says that nothing is left of a run: believed when the cgroup says so too.
    pub(super) fn hold_until_cgroup_is_empty(&mut self, agent: &AgentName, child: &mut Child) {
        let Child::Ended { run, tree_empty, .. } = child else { return };
        let Some(place) = self.places.get(agent).filter(|_| *tree_empty) else { return };
        let Some(cgroup) = place.cgroup.clone().filter(|cgroup| cgroup.populated().unwrap_or(false)) else { return };
        *tree_empty = false;
        let (run, id) = (*run, place.id);
        let name = agent.clone();
        self.report_later(agent.clone(), id, async move {
            kill_cgroup(&name, &cgroup).await;
            What::CgroupEmpty(run)
        });
    }

    /// Closes a seat.
    pub(super) fn close(&mut self, agent: &AgentName, observed: &mut Observed, now: Mono) {
        if self.places.get(agent).is_none() {
            // It was refused: there is no session.
            observed.seats.remove(agent);
            self.changed = true;
        }
        let Some(seat) = observed.seats.get_mut(agent) else { return };
        // Ended and empty, or never begun: then there is nothing to look for.
        let idle = matches!(seat.state, SeatState::Ready(Child::None | Child::Ended { tree_empty: true, .. }));
        seat.state = SeatState::Closing { since: now };
        self.sweep(agent, idle);
    }

    /// A shim's connection has ended. If its process has too, what it left is swept; if not, it may come back.
    pub fn link_lost(&mut self, link: LinkId, shim_is_alive: bool, observed: &mut Observed, now: Mono) {
        self.lost_early(link);
        let Some(agent) = self.places.detach(link) else { return };
        let Some(seat) = observed.seats.get_mut(&agent) else { return };
        match &seat.state {
            SeatState::Closing { .. } | SeatState::Sweeping | SeatState::Refused { .. } => {}
            SeatState::Opening { .. } | SeatState::Ready(_) if shim_is_alive => {
                tracing::warn!(%agent, "the connection of its shim was lost; the shim is alive");
                seat.state = SeatState::Opening { since: now };
            }
            SeatState::Ready(Child::None | Child::Ended { tree_empty: true, .. }) => {
                seat.state = SeatState::Sweeping;
                self.sweep(&agent, true);
            }
            SeatState::Opening { .. } | SeatState::Ready(_) => {
                seat.state = SeatState::Sweeping;
                self.sweep(&agent, false);
            }
        }
    }

    /// Hands out the tmux server, whatever is on it.
    pub fn take_server(&mut self) -> Option<Server> {
        self.server.take()
    }

    /// Everything is about to be stopped, for the server to be ended. Looks who else is on it while it has time to answer:
    /// later it is busy with sessions that close.
    pub async fn begin_the_end(&mut self) {
        if self.ends_all.is_none() {
            self.ends_all = Some(self.others().await.unwrap_or_default());
        }
    }

    /// There is another server, or is to be: what is stopped may be started again.
    pub fn begin_again(&mut self) {
        self.ends_all = None;
    }

    /// The end of all agents is the end of what shims left: some may have come, or not have been seen to yet.
    pub async fn end_orphans(&self) {
        kill_orphans(self.ground.orphans(None)).await;
    }

    /// Hands out the server to be ended, unless somebody else has a session on it. Who makes one while it is too busy to tell
    /// loses it.
    pub async fn release_server(&mut self) -> Option<Server> {
        let others = self.others().await.or(self.ends_all.take()).unwrap_or_default();
        let server = self.server.take()?;
        if others.is_empty() {
            return Some(server);
        }
        tracing::warn!(sessions = ?others, "leaves the tmux server running, as it has sessions that are not agentd's");
        None
    }

    /// The sessions that are not ours, if the server tells soon.
    async fn others(&self) -> Option<BTreeSet<String>> {
        let answer = self.server.as_ref()?.control.send(command::list_panes());
        let rows = tokio::time::timeout(ANSWERS_WITHIN, answer).await.ok()?.ok()?;
        let panes = rows.iter().filter_map(|row| command::parse_pane(row));
        let others = panes.filter(|pane| pane.agent.is_empty() && pane.session_name != SessionName::CONTROL);
        Some(others.map(|pane| pane.session_name).collect())
    }

    /// Closes the session, then kills whatever is left of its shim and of its run; `Swept` when all is gone.
    fn sweep(&mut self, agent: &AgentName, idle: bool) {
        self.order(agent, Order::Quit);
        let leaves = self.ends_all.is_some();
        let Some(place) = self.places.get_mut(agent) else { return };
        let id = place.id;
        // A session closes with its shim. It is waited for only where there may be another with its name.
        let closes_itself = leaves && place.shim.is_some();
        let pane = place.pane.as_ref().filter(|_| !closes_itself);
        let closed = pane.map(|pane| place.control.send(command::kill_session(&pane.session_id)));
        let marker = marker_to_sweep(agent, place, idle);
        // One that was found, and whose shim never came to say what it ran.
        let unknown = (place.run.is_none() && place.shim.is_none()).then(|| self.ground.orphans(Some(agent)));
        let (cgroup, shim) = (place.cgroup.take(), place.shim.clone());
        let name = agent.clone();
        self.report_later(agent.clone(), id, async move {
            if let Some(closed) = closed {
                // An error says that the session or the server is gone already.
                let _ = closed.await;
            }
            if let Some(shim) = shim
                && let Err(error) = process::wait_or_kill(&shim, SHIM_ENDS_WITHIN).await
            {
                tracing::error!(agent = %name, %error, "could not end its shim");
            }
            if let Some(cgroup) = cgroup {
                kill_cgroup(&name, &cgroup).await;
                remove_cgroup(&name, cgroup);
            } else if let Some(marker) = marker {
                let marker = format!("{RUN_VARIABLE}={marker}");
                match tokio::time::timeout(EMPTY_WITHIN, process::kill_by_marker(marker.as_bytes())).await {
                    Ok(Ok(sweep)) if sweep.refused.is_empty() => {}
                    left => tracing::error!(agent = %name, ?left, "could not kill all that it started"),
                }
            } else if let Some(orphans) = unknown {
                kill_orphans(orphans).await;
            }
            What::Swept
        });
    }
}

/// What the processes of a run that may still be alive carry in their environment.
fn marker_to_sweep(agent: &AgentName, place: &Place, idle: bool) -> Option<String> {
    place.run.filter(|_| !idle).map(|run| run_marker(agent, run))
}

/// Kills what shims left that were killed while nobody looked.
pub(super) async fn kill_orphans(orphans: Orphans) {
    match tokio::time::timeout(EMPTY_WITHIN, orphans.kill()).await {
        Ok(Ok(Sweep { killed: 0, .. })) => {}
        Ok(Ok(Sweep { killed, .. })) => {
            tracing::warn!(killed, "killed what agents had left whose shims were killed unseen");
        }
        left => tracing::error!(?left, "could not kill what agents had left whose shims were killed unseen"),
    }
}

/// Only when nobody else looks at it any more; else the next run uses it, or the next sweep removes it.
fn remove_cgroup(agent: &AgentName, cgroup: Arc<Cgroup>) {
    if let Some(Err(error)) = Arc::into_inner(cgroup).map(Cgroup::remove) {
        tracing::debug!(%agent, %error, "could not remove its cgroup");
    }
}

async fn kill_cgroup(agent: &AgentName, cgroup: &Cgroup) {
    if !cgroup.populated().unwrap_or(false) {
        return;
    }
    if let Err(error) = cgroup.kill() {
        tracing::warn!(%agent, %error, "could not kill its cgroup");
        return;
    }
    match tokio::time::timeout(EMPTY_WITHIN, cgroup.empty()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%agent, %error, "could not watch its cgroup"),
        Err(_) => tracing::error!(%agent, "processes of it can't be killed: the kernel holds them"),
    }
}
