//! Looks at terminals: when something was last written to one, and what it shows.

use std::sync::Arc;

use crate::dialect::screens::{self, Title, input::Input};
use crate::model::{AgentName, AgentSpec, Observed, Output, RunId, Screen, Shown};
use crate::sys::clock;
use crate::sys::last_output::Terminal;
use crate::sys::tmux::command::{self, PaneState};

use super::{Executor, What};

/// So many characters of a value tell of it.
const TELLING: usize = 8;

impl Executor {
    /// Notes at once when its terminal was last written to. Who can't be looked at has just lived.
    pub(super) fn look(&mut self, agent: &AgentName, observed: &mut Observed) {
        let shim = self.places.get(agent).and_then(|place| Some(place.pane.as_ref()?.pane_pid));
        let now = clock::now();
        let stamp = shim.map(|shim| Terminal::of(shim).and_then(|terminal| terminal.stamp()));
        let output = match stamp {
            Some(Ok(stamp)) => stamp.output(now),
            unknown => {
                tracing::warn!(%agent, ?unknown, "could not look at its terminal");
                Output { at: now.mono, until: now.mono, looked: now.mono }
            }
        };
        if let Some(seat) = observed.seats.get_mut(agent) {
            seat.output = Some(output);
        }
        self.changed = true;
    }

    /// Asks what its terminal shows; the outcome says.
    pub(super) fn read(
        &mut self,
        agent: &AgentName,
        run: RunId,
        (harness, spec): (Arc<str>, Option<Arc<AgentSpec>>),
        observed: &mut Observed,
    ) {
        let Some(seat) = observed.seats.get_mut(agent) else { return };
        let asked = clock::now().mono;
        let shown = move |screen| Shown { run, asked, screen };
        seat.shown = Some(shown(Screen::Asked));
        let Some((id, control, pane)) = self.places.pane(agent) else {
            seat.shown = Some(shown(Screen::Unknown("its pane is not known".to_owned())));
            self.changed = true;
            return;
        };
        let lines = control.send(command::look(&pane.pane_id));
        let name = agent.clone();
        self.report_later(agent.clone(), id, async move {
            let screen = match lines.await {
                Ok(mut lines) if !lines.is_empty() => {
                    let first = lines.remove(0);
                    let (state, title) = PaneState::parse(&first).unzip();
                    screen(&harness, spec.as_deref(), state, title.unwrap_or_default(), &lines)
                }
                Ok(_) => Screen::Unknown("its pane is gone".to_owned()),
                Err(error) => Screen::Unknown(error.to_string()),
            };
            tracing::debug!(agent = %name, "has read its screen");
            What::Shown(shown(screen))
        });
    }
}

/// What a screen says, without any value of the agent's environment.
fn screen(harness: &str, spec: Option<&AgentSpec>, state: Option<PaneState>, title: &str, lines: &[String]) -> Screen {
    if let Some(dialog) = screens::dialog(harness, lines) {
        return Screen::Dialog(dialog.to_owned());
    }
    let values = |spec: &AgentSpec| -> Vec<String> {
        spec.launch.env.values().map(|value| String::from_utf8_lossy(value.expose()).into_owned()).collect()
    };
    match screens::title(harness, title) {
        Some(Title::Busy) => return Screen::Working,
        Some(Title::Waiting) => {
            // What may not be shown of it need not be: it waits.
            let question = |spec: &AgentSpec| without(&screens::question(harness, title, lines), &values(spec));
            return Screen::Asking(spec.map(question).unwrap_or_default());
        }
        None => {}
    }
    let cursor = state.map_or((0, 0), |state| (state.column, state.row));
    let is_at_work = screens::works(harness, lines);
    let inputs: Vec<Input> = screens::inputs(harness, lines, cursor).filter(|_| !is_at_work).collect();
    if inputs.iter().any(Input::is_empty) {
        return Screen::Prompt;
    }
    let Some(spec) = spec else {
        return Screen::Unknown("what may be shown of it is not known".to_owned());
    };
    let words = without(&screens::last_words(lines), &values(spec));
    if inputs.iter().any(Input::is_begun) { Screen::Typed(words) } else { Screen::Other(words) }
}

/// A text without words that tell of a value: that are in it, or have a good part of it. A frame may have broken it.
fn without(text: &str, values: &[impl AsRef<str>]) -> String {
    let tells = |word: &str, value: &str| {
        let is_in = word.chars().count() >= TELLING && value.contains(word);
        let has = value.len() >= TELLING && word.as_bytes().windows(TELLING).any(|part| has_part(value, part));
        is_in || has
    };
    let told = |word: &str| values.iter().any(|value| tells(word, value.as_ref()));
    text.split(' ').map(|word| if told(word) { "***" } else { word }).collect::<Vec<_>>().join(" ")
}

fn has_part(value: &str, part: &[u8]) -> bool {
    value.as_bytes().windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_tell_of_a_secret_are_left_out() {
        let key = ["sk-ant-0123456789abcdef", "C"];
        assert_eq!(without("the key sk-ant-0123456789abcdef is C", &key), "the key *** is C");
        assert_eq!(without("key: sk-ant-0123 456789abcdef.", &key), "key: *** ***");
        assert_eq!(without("sk-...89abcdef", &key), "***");
        assert_eq!(without("nothing of it", &key), "nothing of it");
        assert_eq!(without("", &key), "");
    }
}
