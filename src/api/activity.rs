//! What a connection is doing, so that the server knows which one it can best do without.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

/// A client may follow on one connection while it asks on another.
const FEW: usize = 2;

/// On a busy machine it takes a client a moment to ask, once it is connected.
const ASKS_WITHIN: Duration = Duration::from_millis(500);

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// Waits for a request, or for the rest of a half-sent one.
    Idle,
    /// A request is being answered.
    Answering,
    /// The client doesn't read the answer.
    Blocked {
        /// More of the answer is still to be made.
        answering: bool,
    },
}

/// Counts what happens on all connections of a server: which of two things was first is all that is asked of it.
#[derive(Clone, Default)]
pub(super) struct Order(Rc<Cell<u64>>);

impl Order {
    fn next(&self) -> u64 {
        self.0.set(self.0.get() + 1);
        self.0.get()
    }

    /// The latest that has happened.
    pub(super) fn now(&self) -> u64 {
        self.0.get()
    }
}

/// How badly a connection would be missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Worth {
    pub(super) rank: Rank,
    /// When it became what it is.
    pub(super) since: u64,
}

/// What counts first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Idle,
    Blocked,
    /// Its client would miss an answer that it waits for.
    Answering,
    /// It has just come, and its process has no more than [`FEW`]: its client is about to ask.
    Young,
    /// Its client waits for an answer, and its process has no more than [`FEW`].
    OneOfFew,
}

/// The activity of one connection, shared by its service, its stream and the server.
#[derive(Clone)]
pub(super) struct Activity(Rc<Inner>);

struct Inner {
    doing: Cell<Doing>,
    since: Cell<u64>,
    order: Order,
    /// When it will have had its time to ask; none once it has.
    young_until: Cell<Option<Instant>>,
}

impl Activity {
    pub(super) fn new(order: &Order) -> Self {
        let since = Cell::new(order.next());
        let young_until = Cell::new(Some(Instant::now() + ASKS_WITHIN));
        Self(Rc::new(Inner { doing: Cell::new(Doing::Idle), since, order: order.clone(), young_until }))
    }

    /// A request has arrived; it is being answered for as long as the answer lives.
    pub(super) fn begin(&self) -> Answering {
        self.0.young_until.set(None);
        self.become_doing(match self.0.doing.get() {
            Doing::Idle | Doing::Answering => Doing::Answering,
            Doing::Blocked { .. } => Doing::Blocked { answering: true },
        });
        Answering(self.clone())
    }

    fn end(&self) {
        self.become_doing(match self.0.doing.get() {
            Doing::Idle | Doing::Answering => Doing::Idle,
            Doing::Blocked { .. } => Doing::Blocked { answering: false },
        });
    }

    /// The client doesn't read.
    pub(super) fn blocked(&self) {
        let doing = self.0.doing.get();
        if !matches!(doing, Doing::Blocked { .. }) {
            self.become_doing(Doing::Blocked { answering: doing == Doing::Answering });
        }
    }

    /// The client has been sent all that there is.
    pub(super) fn drained(&self) {
        match self.0.doing.get() {
            Doing::Blocked { answering: true } => self.become_doing(Doing::Answering),
            Doing::Blocked { answering: false } => self.become_doing(Doing::Idle),
            Doing::Idle | Doing::Answering => {}
        }
    }

    fn become_doing(&self, doing: Doing) {
        self.0.doing.set(doing);
        self.0.since.set(self.0.order.next());
    }

    /// Whether nothing would be lost with the connection.
    pub(super) fn is_idle(&self) -> bool {
        self.0.doing.get() == Doing::Idle
    }

    /// How easily it can be done without now, as one of so many of its process: the least first.
    pub(super) fn worth(&self, share: usize, now: Instant) -> Worth {
        let is_young = || self.0.young_until.get().is_some_and(|until| now < until);
        let rank = match self.0.doing.get() {
            Doing::Idle if share <= FEW && is_young() => Rank::Young,
            Doing::Idle => Rank::Idle,
            Doing::Blocked { .. } => Rank::Blocked,
            Doing::Answering if share > FEW => Rank::Answering,
            Doing::Answering => Rank::OneOfFew,
        };
        Worth { rank, since: self.0.since.get() }
    }
}

/// A request that is being answered.
pub(super) struct Answering(Activity);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_idle_goes_first_then_the_longest_blocked_and_last_one_that_is_answered() {
        let order = Order::default();
        let [first, second, third] = [(); 3].map(|()| Activity::new(&order));
        let later = Instant::now() + ASKS_WITHIN;
        assert!(first.worth(3, later) < second.worth(3, later) && second.worth(3, later) < third.worth(3, later));
        drop(first.begin());
        assert!(second.worth(3, later) < first.worth(3, later), "it was idle for longer");
        let answering = second.begin();
        assert_eq!(second.worth(3, later).rank, Rank::Answering);
        assert!(second.worth(3, later) < second.worth(2, later), "its process has many");
        third.blocked();
        assert!(first.worth(3, later) < third.worth(3, later));
        second.blocked();
        assert!(third.worth(3, later) < second.worth(3, later));
        second.drained();
        assert_eq!(second.worth(3, later).rank, Rank::Answering, "the rest of its answer is still to be made");
        drop(answering);
        assert!(second.is_idle());
    }

    #[test]
    fn one_that_has_just_come_has_its_time_to_ask_once_and_if_its_process_has_few() {
        let (order, now) = (Order::default(), Instant::now());
        let connection = Activity::new(&order);
        assert_eq!([2, 3].map(|share| connection.worth(share, now).rank), [Rank::Young, Rank::Idle]);
        assert_eq!(connection.worth(1, Instant::now() + ASKS_WITHIN).rank, Rank::Idle);
        let asked = Activity::new(&order);
        drop(asked.begin());
        assert_eq!(asked.worth(1, now).rank, Rank::Idle, "it keeps its connection for the next time");
    }
}
