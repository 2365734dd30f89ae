//! How many of the connections are one process's. Who takes many makes way with its own before anybody else has to.

use std::collections::HashMap;
use std::rc::{Rc, Weak};

/// The processes that are connected.
#[derive(Default)]
pub(super) struct Shares(HashMap<Option<i32>, Weak<()>>);

/// The part of one connection in what its process has.
pub(super) struct Share(Rc<()>);

impl Shares {
    /// One more for this process. Those of which the system doesn't tell are taken for one.
    pub(super) fn take(&mut self, process: Option<i32>) -> Share {
        if let Some(share) = self.0.get(&process).and_then(Weak::upgrade) {
            return Share(share);
        }
        self.0.retain(|_, others| others.strong_count() > 0);
        let share = Rc::new(());
        self.0.insert(process, Rc::downgrade(&share));
        Share(share)
    }
}

impl Share {
    /// How many its process has.
    pub(super) fn size(&self) -> usize {
        Rc::strong_count(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_process_is_counted_for_itself() {
        let mut shares = Shares::default();
        let [first, second, other] = [Some(1), Some(1), Some(2)].map(|process| shares.take(process));
        assert_eq!([first.size(), second.size(), other.size()], [2, 2, 1]);
        drop((first, other));
        assert_eq!(second.size(), 1);
        assert_eq!(shares.take(None).size(), 1);
        assert_eq!(shares.0.len(), 2, "who is gone is forgotten");
    }
}
