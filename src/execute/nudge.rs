//! Types a line into an agent's terminal as a person would, and only where nobody else does: at an empty prompt that is
//! known, and never into a dialog. That it arrived, and was taken, is read back.

use std::sync::Arc;
use std::time::Duration;

use crate::dialect::screens::{self, input::Input};
use crate::model::{AgentName, Mono, Observed};
use crate::sys::clock;
use crate::sys::tmux::command::{self, PaneState};
use crate::sys::tmux::control::Control;

use super::{Executor, What};

/// Who has pressed a key at a terminal within this time may be about to press another.
const HANDS_OFF: Duration = Duration::from_secs(60);

/// What was typed is seen within this, and what was submitted gone.
const SEEN_WITHIN: Duration = Duration::from_secs(5);

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Some take an Enter for a part of what was pasted right before it.
const BREATH: Duration = Duration::from_millis(500);

/// One line for one pane.
struct Nudge {
    control: Control,
    pane: String,
    session: String,
    harness: Arc<str>,
    text: Arc<str>,
}

/// What is at a prompt.
struct Seen {
    is_empty: bool,
    has_line: bool,
}

impl Executor {
    /// Types a line; the outcome says whether it was submitted.
    pub(super) fn nudge(
        &mut self,
        agent: &AgentName,
        (harness, text): (Arc<str>, Arc<str>),
        at: Mono,
        observed: &mut Observed,
    ) {
        let Some((id, control, pane)) = self.places.pane(agent) else {
            if let Some(seat) = observed.seats.get_mut(agent) {
                seat.nudged = Some((at, Err("its pane is not known".to_owned())));
            }
            self.changed = true;
            return;
        };
        let (pane, session) = (pane.pane_id.clone(), pane.session_id.clone());
        let nudge = Nudge { control, pane, session, harness, text };
        self.report_later(agent.clone(), id, async move { What::Nudged(at, nudge.submit().await) });
    }
}

impl Nudge {
    async fn submit(&self) -> Result<(), String> {
        self.hands_off().await?;
        if !self.look().await?.is_empty {
            return Err("there is no empty prompt on its screen".to_owned());
        }
        self.run(command::paste(&self.pane, &self.text)).await?;
        if !self.until(true).await? {
            return Err("its prompt does not show what was typed, which may still be there".to_owned());
        }
        tokio::time::sleep(BREATH).await;
        self.hands_off().await?;
        self.run(command::press_enter(&self.pane)).await?;
        if self.until(false).await? {
            return Ok(());
        }
        Err("what was typed is still at its prompt, although Enter was pressed".to_owned())
    }

    /// Whether it is nobody else's turn.
    async fn hands_off(&self) -> Result<(), String> {
        let now = clock::now().wall.0 / 1_000_000_000;
        for client in self.run(command::list_clients(&self.session)).await? {
            let typed = client.trim().parse::<u64>().map_err(|_| "tmux does not tell who types".to_owned())?;
            if now.saturating_sub(typed) < HANDS_OFF.as_secs() {
                return Err("somebody types at its terminal".to_owned());
            }
        }
        Ok(())
    }

    /// Whether the line comes to be there, or not to be there any more.
    async fn until(&self, is_there: bool) -> Result<bool, String> {
        let begun = clock::now().mono;
        loop {
            if self.look().await?.has_line == is_there {
                return Ok(true);
            }
            if clock::now().mono.since(begun) >= SEEN_WITHIN {
                return Ok(false);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// What is at its prompt; an error if nothing may be typed there at all.
    async fn look(&self) -> Result<Seen, String> {
        let mut lines = self.run(command::look(&self.pane)).await?;
        let state = if lines.is_empty() { None } else { PaneState::parse(&lines.remove(0)).map(|(state, _)| state) };
        let state = state.ok_or("its pane is gone")?;
        if !state.takes_keys {
            return Err("somebody scrolls in its pane, or its input is switched off".to_owned());
        }
        if let Some(dialog) = screens::dialog(&self.harness, &lines) {
            return Err(format!("it {dialog}"));
        }
        let cursor = (state.column, state.row);
        let inputs: Vec<Input> = screens::inputs(&self.harness, &lines, cursor).collect();
        Ok(Seen {
            is_empty: inputs.iter().any(Input::is_empty),
            has_line: inputs.iter().any(|input| input.has(&self.text)),
        })
    }

    async fn run(&self, line: command::Line) -> Result<Vec<String>, String> {
        self.control.send(line).await.map_err(|error| error.to_string())
    }
}
