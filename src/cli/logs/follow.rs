//! What is new on a terminal, told from two looks at it.
//!
//! A program that writes line by line moves its text up: the end of what was seen is found again, and what follows is
//! new. One that draws in place leaves no such end: then the lines that weren't there before are new. The last line may
//! be half written, so it is held back until another follows it or it stays as it is.

use super::ansi::Line;

/// Above that many comparisons, all that lies between what is equal at both ends counts as changed.
const MOST_COMPARISONS: usize = 4_000_000;

/// How it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// It follows what was there.
    Written,
    /// It is where something else was.
    Redrawn,
    /// Most of what was there is gone: nobody saw what may have been in between.
    Replaced,
}

/// What has come.
#[derive(Debug)]
pub(super) struct News {
    pub(super) lines: Vec<Line>,
    pub(super) how: How,
}

/// One who looks again and again.
#[derive(Debug)]
pub(super) struct Follower {
    seen: Vec<Line>,
    /// The last one of `seen` was not shown yet.
    holds_last: bool,
}

impl Follower {
    /// All of `seen` was shown.
    pub(super) fn new(seen: Vec<Line>) -> Self {
        Self { seen, holds_last: false }
    }

    /// What is to be shown after another look.
    pub(super) fn look(&mut self, now: Vec<Line>) -> News {
        if same(&now, &self.seen) {
            let held = if std::mem::take(&mut self.holds_last) { self.seen.last().cloned() } else { None };
            return News { lines: held.into_iter().collect(), how: How::Written };
        }
        let (mut lines, how) = if let Some(from) = self.continuation(&now) {
            (now.get(from..).unwrap_or_default().to_vec(), How::Written)
        } else {
            let lines = changed(self.shown(), &now);
            let all = now.iter().filter(|line| !line.text.is_empty()).count();
            let how = if lines.len() * 2 > all { How::Replaced } else { How::Redrawn };
            (lines, how)
        };
        self.holds_last = lines.last().is_some_and(|last| now.last() == Some(last)) && lines.pop().is_some();
        self.seen = now;
        News { lines, how }
    }

    fn shown(&self) -> &[Line] {
        let count = self.seen.len().saturating_sub(usize::from(self.holds_last));
        self.seen.get(..count).unwrap_or_default()
    }

    /// From where on `now` is to be shown, if it goes on after what was seen.
    fn continuation(&self, now: &[Line]) -> Option<usize> {
        let Some(last) = self.seen.last().filter(|_| !now.is_empty()) else { return Some(0) };
        if let Some(at) = place(&self.seen, now) {
            let is_shown = !self.holds_last && now.get(at).is_some_and(|line| line.text == last.text);
            return Some(at + usize::from(is_shown));
        }
        // What is held back may have become something else: nobody has seen it.
        if !self.holds_last {
            return None;
        }
        if self.shown().is_empty() { Some(0) } else { place(self.shown(), now).map(|at| at + 1) }
    }
}

fn same(one: &[Line], other: &[Line]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.text == other.text)
}

/// Where the last line of `seen` is now, if the lines before it are those before it now, without some that have scrolled
/// away. That last line may have grown since.
fn place(seen: &[Line], now: &[Line]) -> Option<usize> {
    let (last, before) = seen.split_last()?;
    (0..=before.len()).find_map(|gone| {
        let before = before.get(gone..).unwrap_or_default();
        let grew = now.get(before.len()).is_some_and(|line| line.text.starts_with(&last.text));
        (grew && same(before, now.get(..before.len()).unwrap_or_default())).then_some(before.len())
    })
}

/// The lines of `now` that are not in `before`, by their longest common subsequence; without the empty ones.
fn changed(before: &[Line], now: &[Line]) -> Vec<Line> {
    let start = before.iter().zip(now).take_while(|(one, other)| one.text == other.text).count();
    let (before, now) = (before.get(start..).unwrap_or_default(), now.get(start..).unwrap_or_default());
    let end = before.iter().rev().zip(now.iter().rev()).take_while(|(one, other)| one.text == other.text).count();
    let before = before.get(..before.len() - end).unwrap_or_default();
    let now = now.get(..now.len() - end).unwrap_or_default();
    let new = if before.len().saturating_mul(now.len()) > MOST_COMPARISONS {
        now.iter().collect()
    } else {
        not_common(before, now)
    };
    new.into_iter().filter(|line| !line.text.is_empty()).cloned().collect()
}

fn not_common<'a>(before: &[Line], now: &'a [Line]) -> Vec<&'a Line> {
    let columns = now.len() + 1;
    // At [i][j]: how much the rests from i and from j have in common.
    let mut common = vec![0_u32; (before.len() + 1) * columns];
    let at = |i: usize, j: usize| i * columns + j;
    let value = |common: &[u32], i, j| common.get(at(i, j)).copied().unwrap_or(0);
    for (i, old) in before.iter().enumerate().rev() {
        for (j, new) in now.iter().enumerate().rev() {
            let best = if old.text == new.text {
                value(&common, i + 1, j + 1) + 1
            } else {
                value(&common, i + 1, j).max(value(&common, i, j + 1))
            };
            if let Some(cell) = common.get_mut(at(i, j)) {
                *cell = best;
            }
        }
    }
    let (mut i, mut new) = (0, Vec::new());
    for (j, line) in now.iter().enumerate() {
        while i < before.len() && before.get(i).is_some_and(|old| old.text != line.text) {
            if value(&common, i + 1, j) < value(&common, i, j + 1) {
                break;
            }
            i += 1;
        }
        if before.get(i).is_some_and(|old| old.text == line.text) {
            i += 1;
        } else {
            new.push(line);
        }
    }
    new
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(text: &str) -> Vec<Line> {
        let line = |text: &str| Line { text: text.to_owned(), shown: text.to_owned() };
        if text.is_empty() { Vec::new() } else { text.split('|').map(line).collect() }
    }

    fn text(lines: &[Line]) -> String {
        lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("|")
    }

    /// What each look shows, `~` before what was redrawn and `!` before what has replaced all.
    fn looks(looks: &[&str]) -> Vec<String> {
        let mut looks = looks.iter();
        let mut follower = Follower::new(lines(looks.next().unwrap()));
        looks
            .map(|look| {
                let News { lines, how } = follower.look(lines(look));
                let sign = match how {
                    How::Written => "",
                    How::Redrawn => "~",
                    How::Replaced => "!",
                };
                sign.to_owned() + &text(&lines)
            })
            .collect()
    }

    #[test]
    fn what_follows_is_shown_when_it_is_complete() {
        assert_eq!(looks(&["a|b", "a|b|c|d", "a|b|c|d|e", "a|b|c|d|e", "a|b|c|d|e"]), ["c", "d", "e", ""]);
        assert_eq!(looks(&["", "a", "a"]), ["", "a"]);
        assert_eq!(looks(&["a", "a|hal", "a|half||x", "a|half||x"]), ["", "half|", "x"]);
        assert_eq!(looks(&["a", "a|10%", "a|20%", "a|20%"]), ["", "", "20%"]);
    }

    #[test]
    fn what_has_scrolled_away_does_not_matter() {
        assert_eq!(looks(&["a|b|c", "b|c|d", "d|e|f", "d|e|f"]), ["", "d|e", "f"]);
    }

    #[test]
    fn a_line_that_was_shown_and_grows_is_shown_again() {
        assert_eq!(looks(&["a|$", "a|$ ls", "a|$ ls|x", "a|$ ls|x"]), ["", "$ ls", "x"]);
    }

    #[test]
    fn what_is_drawn_in_place_is_shown_by_what_changed() {
        let screens = ["title|one|0%|bar", "title|one|50%|bar", "title|one|two|99%|bar", "title|one|two|99%|bar"];
        assert_eq!(looks(&screens), ["~50%", "~two|99%", ""]);
    }

    #[test]
    fn a_gap_is_no_drawing() {
        assert_eq!(looks(&["a|b|c", "x|y|z", "x|y|z"]), ["!x|y", "z"]);
        assert_eq!(looks(&["a|b|c", "b|x|y|z", "x|y|z|u"]), ["!x|y", "z"]);
    }

    #[test]
    fn a_screen_that_was_cleared_is_no_news() {
        assert_eq!(looks(&["a|b", "", "", "c", "c"]), ["", "", "", "c"]);
    }

    proptest! {
        #[test]
        fn a_program_that_writes_lines_is_shown_line_by_line(
            batches in prop::collection::vec(1_usize..5, 1..12),
            window in 6_usize..12,
        ) {
            let mut written: Vec<Line> = lines("start");
            let view = |written: &[Line]| written[written.len().saturating_sub(window)..].to_vec();
            let mut follower = Follower::new(view(&written));
            let mut shown = lines("start");
            for batch in batches {
                for _ in 0..batch {
                    written.extend(lines(&format!("line {}", written.len())));
                }
                shown.extend(follower.look(view(&written)).lines);
            }
            shown.extend(follower.look(view(&written)).lines);
            prop_assert_eq!(text(&shown), text(&written));
        }

        #[test]
        fn what_changed_is_what_a_slow_look_finds(before in "[abc](\\|[abc]){0,8}", now in "[abcd](\\|[abcd]){0,8}") {
            let new = changed(&lines(&before), &lines(&now));
            let is_new = |line: &Line| line.text == "d";
            prop_assert!(lines(&now).iter().filter(|line| is_new(line)).all(|line| new.contains(line)));
            prop_assert!(new.len() <= lines(&now).len());
        }
    }
}
