//! What an agent does that tells nothing of itself: what its terminal shows of it.

use std::time::Duration;

use super::memory::{AgentMemory, Phase};
use super::turn::Turn;
use crate::model::{Activity, Doing, Mono};

/// A terminal that was written to within this time is busy: more than the eight seconds that the kernel is exact to and the
/// five between two looks.
const BUSY_FOR: Duration = Duration::from_secs(15);

impl Turn<'_, '_> {
    /// Takes in what was seen of a running agent's terminal, if nothing better is known.
    pub(super) fn see(&mut self, memory: &mut AgentMemory) {
        let is_running = matches!(memory.phase, Phase::Running { .. });
        let output = self.seat.and_then(|seat| seat.output).filter(|_| is_running && memory.told.activity.is_none());
        let Some(output) = output else {
            if is_running {
                memory.seen = None;
            }
            return;
        };
        let started = memory.started.map(|started| started.mono).unwrap_or_default();
        // What an earlier run wrote says nothing of this one.
        let last = output.at.max(started);
        let quiet_at = last.after(BUSY_FOR);
        let is_busy = self.world.now.mono < quiet_at;
        if is_busy {
            self.world.wake(quiet_at);
        }
        memory.seen = Some(match &memory.seen {
            Some(doing) if is_busy && doing.activity == Activity::Busy => doing.clone(),
            _ => doing(if is_busy { Activity::Busy } else { Activity::Idle }, last),
        });
    }
}

fn doing(activity: Activity, since: Mono) -> Doing {
    Doing { activity, since, source: Doing::SEEN.to_owned(), question: String::new() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::fake::{Fake, SECOND, name, policy, spec};
    use super::*;
    use crate::model::{Notices, Output, Told};

    /// An agent that runs since 100 s.
    fn running() -> Fake {
        let mut fake = Fake::new();
        fake.declare(spec("a", 1, policy()));
        fake.settle();
        fake
    }

    fn write(fake: &mut Fake, at: u64) {
        let output = Output { at: Mono(at * SECOND), until: Mono(at * SECOND), looked: fake.now.mono };
        fake.observed.seats.get_mut(&name("a")).unwrap().output = Some(output);
        fake.settle();
    }

    fn does(fake: &Fake) -> Option<(Activity, u64)> {
        let doing = fake.memory.agents[&name("a")].doing()?;
        Some((doing.activity, doing.since.0 / SECOND))
    }

    #[test]
    fn a_terminal_is_busy_until_it_has_been_quiet_for_long_enough() {
        let mut fake = running();
        assert_eq!((does(&fake), fake.wake_at), (None, None), "nobody has looked yet");
        write(&mut fake, 50);
        assert_eq!(does(&fake), Some((Activity::Busy, 100)), "what an earlier run wrote is not counted");
        fake.pass(Duration::from_secs(10));
        write(&mut fake, 109);
        assert_eq!(does(&fake), Some((Activity::Busy, 100)), "it goes on");
        fake.pass(Duration::from_secs(13));
        assert_eq!(does(&fake), Some((Activity::Busy, 100)));
        fake.pass(Duration::from_secs(1));
        assert_eq!(does(&fake), Some((Activity::Idle, 109)));
        assert_eq!(fake.wake_at, None, "an idle agent wakes nobody");
        write(&mut fake, 123);
        assert_eq!(does(&fake), Some((Activity::Busy, 123)));
    }

    #[test]
    fn what_it_tells_itself_always_wins() {
        let mut fake = running();
        write(&mut fake, 99);
        let run = fake.memory.agents[&name("a")].run;
        let mut told = Told::of(run);
        let mut tell = |fake: &mut Fake, text: &[u8]| {
            told.hear(&Notices::parse(text), fake.now.mono);
            fake.observed.seats.get_mut(&name("a")).unwrap().told = Arc::new(told.clone());
            fake.settle();
        };
        tell(&mut fake, b"ACTIVITY=waiting");
        assert_eq!(does(&fake), Some((Activity::Waiting, 100)));
        assert_eq!((fake.memory.agents[&name("a")].is_watched(), fake.wake_at), (false, None));
        tell(&mut fake, b"ACTIVITY=");
        assert_eq!(does(&fake), Some((Activity::Busy, 100)), "it has taken that back");
        assert!(fake.memory.agents[&name("a")].is_watched());
    }
}
