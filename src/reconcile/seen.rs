//! What an agent's terminal shows of what it does: of one that tells nothing of itself, and of one that tells it was busy and
//! has come to rest without a word, as some do that a person interrupts; or that it waits, and is not asking any more. Of one
//! whose terminal has a title that says it, that.

use std::time::Duration;

use super::Action;
use super::memory::{AgentMemory, Phase};
use super::turn::Turn;
use crate::model::{Activity, Doing, Mono, Screen, Shown, Shows};

/// A terminal that was written to within this time is busy: more than the eight seconds that the kernel is exact to and the
/// five between two looks.
const BUSY_FOR: Duration = Duration::from_secs(15);

/// One whose screen moves all the time while it works doesn't, if nothing was written there for this long; however busy the
/// host is.
const STILL_FOR: Duration = Duration::from_secs(20);

/// What is written is on the screen within this time.
const SHOWN_WITHIN: Duration = Duration::from_secs(1);

/// A question is on the screen this long after it was told.
const SHOWN_AFTER: Duration = Duration::from_secs(2);

impl Turn<'_, '_> {
    /// Takes in what was seen of a running agent's terminal, if nothing better is known.
    pub(super) fn see(&mut self, memory: &mut AgentMemory) {
        if !matches!(memory.phase, Phase::Running { .. }) {
            return;
        }
        if memory.declared.policy.shows == Shows::Title {
            self.see_title(memory);
        } else if memory.is_doubtful() {
            self.doubt(memory);
        } else if memory.told.activity.is_some() {
            memory.seen = None;
        } else {
            self.see_terminal(memory);
        }
    }

    /// It told that it works, or waits. Its terminal may know better, until there is anything new.
    ///
    /// What it waits on takes the place of its prompt, or stands beside it. So a prompt speaks against that only after a
    /// screen without one.
    fn doubt(&mut self, memory: &mut AgentMemory) {
        let all_told = memory.told.clone();
        let (Some(last), Some(told)) = (self.last_life(memory), &all_told.activity) else { return };
        let (heard, is_waiting) = (all_told.heard.unwrap_or_default(), told.activity == Activity::Waiting);
        memory.pulse.has_shown_question &= is_waiting;
        // Whoever types at the prompt brings no question back.
        let news = if is_waiting { heard } else { last };
        memory.seen = match memory.seen.take().filter(|before| before.source != Doing::SEEN) {
            Some(rest) if rest.activity == Activity::Idle && news <= rest.since => {
                memory.seen = Some(rest);
                return;
            }
            // It has begun again, of which it may have told the same as before.
            Some(before) => {
                let since = if before.activity == Activity::Idle { news } else { before.since };
                Some(Doing { since: since.max(told.since), ..told.clone() })
            }
            None => None,
        };
        let must_be_still = !is_waiting || memory.pulse.has_shown_question;
        let due = if must_be_still { last.after(STILL_FOR) } else { heard.after(SHOWN_AFTER) };
        if self.world.now.mono < due {
            self.world.wake(due);
            return;
        }
        let Some(seat) = self.seat else { return };
        if must_be_still && seat.output.is_none_or(|output| output.looked < due) {
            self.world.actions.push(Action::Look { agent: self.name.clone() });
            return;
        }
        let is_new = |shown: &&Shown| shown.run == memory.run && shown.asked >= due;
        match seat.shown.as_ref().filter(is_new).map(|shown| &shown.screen) {
            None => self.read(memory),
            Some(Screen::Prompt | Screen::Typed(_)) if must_be_still => {
                memory.seen = Some(doing(Activity::Idle, last, Doing::SCREEN));
            }
            Some(Screen::Dialog(_) | Screen::Other(_)) if !must_be_still => {
                memory.pulse.has_shown_question = true;
                self.doubt(memory);
            }
            // Whatever that is, it is not known to rest.
            Some(
                Screen::Prompt
                | Screen::Typed(_)
                | Screen::Working
                | Screen::Asking(_)
                | Screen::Asked
                | Screen::Dialog(_)
                | Screen::Other(_)
                | Screen::Unknown(_),
            ) => {}
        }
    }

    /// Its title says what it does, where it doesn't itself. It is read with all that is written, and once more when that was
    /// the last.
    fn see_title(&mut self, memory: &mut AgentMemory) {
        let Some((seat, output)) = self.seat.and_then(|seat| Some((seat, seat.output?))) else {
            return self.see_terminal(memory);
        };
        let Some(shown) = seat.shown.as_ref().filter(|shown| shown.run == memory.run) else {
            return self.read(memory);
        };
        let (asked, now) = (shown.asked, self.world.now.mono);
        let is_last_at = output.until.after(SHOWN_WITHIN);
        if asked < output.at.min(now) || (asked < is_last_at && is_last_at <= now) {
            return self.read(memory);
        }
        if asked < is_last_at {
            self.world.wake(is_last_at);
        }
        let has_told = memory.told.activity.is_some();
        // A turn's end is told as it is shown.
        let is_newer = !has_told || memory.told.heard.is_none_or(|heard| heard <= asked);
        let seen = match &shown.screen {
            Screen::Asked => return,
            Screen::Working => is_newer.then_some((Activity::Busy, "")),
            Screen::Asking(question) => is_newer.then_some((Activity::Waiting, question.as_str())),
            Screen::Prompt | Screen::Typed(_) => (!has_told).then_some((Activity::Idle, "")),
            Screen::Dialog(_) | Screen::Other(_) | Screen::Unknown(_) if has_told => None,
            Screen::Dialog(_) | Screen::Other(_) | Screen::Unknown(_) => return self.see_terminal(memory),
        };
        let before = memory.seen.take();
        memory.seen = seen.map(|(activity, question)| match before {
            Some(before) if before.activity == activity && before.question == question => before,
            _ => Doing { question: question.to_owned(), ..doing(activity, asked, Doing::TITLE) },
        });
    }

    fn see_terminal(&mut self, memory: &mut AgentMemory) {
        let Some(output) = self.seat.and_then(|seat| seat.output) else {
            memory.seen = None;
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
            _ => doing(if is_busy { Activity::Busy } else { Activity::Idle }, last, Doing::SEEN),
        });
    }
}

fn doing(activity: Activity, since: Mono, source: &str) -> Doing {
    Doing { activity, since, source: source.to_owned(), question: String::new() }
}

#[cfg(test)]
#[path = "seen_tests.rs"]
mod tests;
