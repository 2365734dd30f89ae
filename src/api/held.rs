//! Requests that take their time: followers of events, clients that wait for a change, clients that have something looked
//! at. So many at most, that whoever only asks always finds a connection.

use std::cell::Cell;
use std::rc::Rc;

/// How many requests may be held.
pub(super) struct Held {
    now: Rc<Cell<usize>>,
    most: usize,
}

/// One that is held.
pub(super) struct Hold(Rc<Cell<usize>>);

impl Held {
    pub(super) fn new(most: usize) -> Self {
        Self { now: Rc::default(), most }
    }

    /// Holds one more, if there is room.
    pub(super) fn take(&self) -> Option<Hold> {
        if self.now.get() >= self.most {
            return None;
        }
        self.now.set(self.now.get() + 1);
        Some(Hold(Rc::clone(&self.now)))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_given_back() {
        let held = Held::new(1);
        let one = held.take();
        assert!(one.is_some());
        assert!(held.take().is_none());
        drop(one);
        assert!(held.take().is_some());
    }
}
