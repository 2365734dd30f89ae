//! Accepts connections and keeps their number in bounds.
//!
//! A client that only holds connections can't keep others out: when there is no room, be it by our own limit or by the
//! system's on file descriptors, the connection that has been idle for longest makes way, of those of the process that has
//! most. A process that has few keeps those on which it waits for an answer, or has just come to ask, for as long as others can
//! make way instead.
//! One descriptor is kept in reserve, so that there is always one connection to answer on, or to make way for the next.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::future::pending;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use nix::errno::Errno;
use tokio::sync::watch;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet, yield_now};
use tokio::time::{Instant, sleep_until, timeout};

use super::activity::{Activity, Order, Rank, Worth};
use super::routes::Router;
use super::share::{Share, Shares};
use super::{ApiError, Limits, connection};
use crate::sys::acceptor::Acceptor;

/// How long to wait where no event will tell that there is room again.
const BREATH: Duration = Duration::from_millis(20);

/// A client that comes to no descriptor so often takes that of somebody else who waits.
const PATIENCE: u32 = 5;

/// How long clients have fewer descriptors than their limit allows, once there were none left.
const LEAVE_ROOM: Duration = Duration::from_secs(10);

pub(super) struct Server {
    listener: Acceptor,
    router: Rc<Router>,
    limits: Limits,
    stop: watch::Receiver<Option<Duration>>,
    tasks: JoinSet<()>,
    connections: HashMap<Id, Connection>,
    shares: Shares,
    order: Order,
    /// Whoever has been what it is since before this has had a turn.
    turned_at: u64,
    reserve: Option<OwnedFd>,
    /// No connection is accepted before this.
    paused_until: Option<Instant>,
    /// How often in a row there was no descriptor for a client.
    refused: u32,
    /// No more connections than this while others can be closed for them, until then: descriptors are scarce.
    room: Option<(usize, Instant)>,
}

struct Connection {
    task: AbortHandle,
    activity: Activity,
    share: Share,
}

impl Server {
    pub(super) fn new(
        listener: Acceptor,
        router: Router,
        limits: Limits,
        stop: watch::Receiver<Option<Duration>>,
    ) -> Self {
        let reserve = listener.spare_descriptor();
        Self {
            listener,
            router: Rc::new(router),
            limits,
            stop,
            tasks: JoinSet::new(),
            connections: HashMap::new(),
            shares: Shares::default(),
            order: Order::default(),
            turned_at: 0,
            reserve,
            paused_until: None,
            refused: 0,
            room: None,
        }
    }

    /// Serves until told to stop, or until a connection's task panics. Runs in a `LocalSet`.
    pub(super) async fn run(mut self) -> Result<(), ApiError> {
        loop {
            tokio::select! {
                biased;
                stop = stopped(&mut self.stop) => return self.drain(stop).await,
                Some(ended) = self.tasks.join_next_with_id() => self.forget(ended)?,
                () = reached(self.paused_until) => self.paused_until = None,
                () = reached(self.room.map(|(_, until)| until)) => self.room = None,
                accepted = self.listener.accept(), if self.may_accept() => match accepted {
                    Ok(stream) => self.take(stream).await,
                    Err(error) => self.accept_failed(&error).await,
                },
            }
        }
    }

    /// Not while a closed connection still has its descriptor: there would seem to be none left, and more would be closed.
    fn may_accept(&self) -> bool {
        self.paused_until.is_none() && self.tasks.len() == self.connections.len()
    }

    async fn take(&mut self, stream: UnixStream) {
        self.refused = 0;
        let most = self.limits.max_connections;
        let (room, worst) = self.room.map_or((most, Rank::Blocked), |(room, _)| (room, Rank::Answering));
        if self.connections.len() >= room
            && !self.close_one(|rank| rank <= worst).await
            && self.connections.len() >= most
            && !self.close_one(|rank| rank == Rank::Young).await
        {
            // All of them wait for their answers. Their number is the limit, so this one is closed.
            return;
        }
        let stream = match tokio::net::UnixStream::from_std(stream) {
            Ok(stream) => stream,
            Err(error) => return tracing::debug!(%error, "the API could not serve a connection"),
        };
        let share = self.shares.take(stream.peer_cred().ok().and_then(|peer| peer.pid()));
        let activity = Activity::new(&self.order);
        let task = connection::run(stream, Rc::clone(&self.router), activity.clone(), self.limits, self.stop.clone());
        let task = self.tasks.spawn_local(task);
        self.connections.insert(task.id(), Connection { task, activity, share });
    }

    /// Closes the connection that can best be done without, if there is one of a rank that may go.
    async fn close_one(&mut self, may_go: impl Fn(Rank) -> bool + Copy) -> bool {
        if self.least(may_go).is_none_or(|(worth, _)| self.turned_at < worth.since) {
            turn_for_everyone().await;
            self.turned_at = self.order.now();
        }
        match self.least(may_go).and_then(|(_, id)| self.connections.remove(&id)) {
            Some(connection) => {
                connection.task.abort();
                true
            }
            None => false,
        }
    }

    fn least(&self, may_go: impl Fn(Rank) -> bool) -> Option<(Worth, Id)> {
        let now = Instant::now();
        let all = self.connections.iter().map(|(id, one)| {
            let size = one.share.size();
            (size, one.activity.worth(size, now), *id)
        });
        let able = all.filter(|(_, worth, _)| may_go(worth.rank));
        let least = able.min_by_key(|(size, worth, _)| (Reverse(*size), *worth));
        least.map(|(_, worth, id)| (worth, id))
    }

    async fn accept_failed(&mut self, error: &io::Error) {
        let errno = error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw);
        if errno == Errno::ECONNABORTED || errno == Errno::EINTR {
            return;
        }
        // Out of descriptors: the client that waits gets the reserve, and the next one that of an older connection.
        // Anything else passes, or doesn't; either way there is nothing better to do than to try again later.
        let out_of_descriptors = matches!(errno, Errno::EMFILE | Errno::ENFILE);
        if out_of_descriptors {
            let had_reserve = self.reserve.take().is_some();
            let made = self.make_room().await;
            if had_reserve {
                return;
            }
            // Nobody is shut out for long, not even by as many processes as there are descriptors.
            self.refused += 1;
            if !made && self.refused > PATIENCE {
                self.close_one(|_| true).await;
            }
        } else {
            tracing::debug!(%error, "the API could not accept a connection");
        }
        // After a close, too; then the end of its task ends the pause.
        self.paused_until = Some(Instant::now() + BREATH);
    }

    /// Gives back descriptors, and does without them for a while: whoever else needs one doesn't fight with clients for it.
    /// Who has few connections keeps those on which it waits. Whether any was closed.
    async fn make_room(&mut self) -> bool {
        let before = self.connections.len();
        let room = before / 2;
        self.room = Some((room, Instant::now() + LEAVE_ROOM));
        while self.connections.len() > room && self.close_one(|rank| rank <= Rank::Answering).await {}
        self.connections.len() < before
    }

    fn forget(&mut self, ended: Result<(Id, ()), JoinError>) -> Result<(), ApiError> {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) if error.is_cancelled() => error.id(),
            Err(error) => return Err(ApiError::Panicked(panic_text(error))),
        };
        self.connections.remove(&id);
        self.paused_until = None;
        if self.reserve.is_none() {
            self.reserve = self.listener.spare_descriptor();
        }
        Ok(())
    }

    /// Sends the answers that are under way and closes everything, within the time given.
    async fn drain(mut self, grace: Duration) -> Result<(), ApiError> {
        drop((self.listener, self.reserve));
        for connection in self.connections.values() {
            if connection.activity.is_idle() {
                connection.task.abort();
            }
        }
        let all_ended = async {
            while let Some(ended) = self.tasks.join_next().await {
                if let Err(error) = ended
                    && error.is_panic()
                {
                    return Err(ApiError::Panicked(panic_text(error)));
                }
            }
            Ok(())
        };
        // What is left then is dropped with its task.
        timeout(grace, all_ended).await.unwrap_or(Ok(()))
    }
}

/// When to stop, and how long that may take: at once if nobody is left who could ask for it.
async fn stopped(stop: &mut watch::Receiver<Option<Duration>>) -> Duration {
    stop.wait_for(Option::is_some).await.ok().and_then(|grace| *grace).unwrap_or_default()
}

/// Lets every connection do what it can do without waiting, so that one that has just come and asked is answered
/// before it is judged: a turn to be polled, one for the runtime to see what there is to read, one to read it, and one
/// to spare.
async fn turn_for_everyone() {
    for _ in 0..4 {
        yield_now().await;
    }
}

/// Waits for that time; for ever if there is none.
async fn reached(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}

fn panic_text(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(payload) => super::payload_text(payload.as_ref()),
        Err(error) => error.to_string(),
    }
}
