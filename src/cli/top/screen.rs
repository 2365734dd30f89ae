//! The terminal while it is ours, and its return to what it was: also after a panic.

use std::io::{self, Stdout, Write, stdout};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};

use super::state::State;
use super::view::{self, Areas};
use crate::desired::diagnostic::Look;

/// A screen of our own. Given back when it is dropped.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    look: Look,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn enter(look: Look) -> io::Result<Self> {
        enable_raw_mode()?;
        let entered = execute!(stdout(), EnterAlternateScreen)
            .and_then(|()| Terminal::new(CrosstermBackend::new(stdout())))
            .and_then(|mut terminal| terminal.clear().map(|()| terminal));
        match entered {
            Ok(terminal) => Ok(Self { terminal, look }),
            Err(error) => {
                leave();
                Err(error)
            }
        }
    }

    /// Draws, where the picture is another than the last one.
    pub(super) fn draw(&mut self, state: &mut State) -> io::Result<()> {
        let look = self.look;
        self.terminal.draw(|frame| {
            // How many rows there are is known only now.
            let rows = Areas::of(state, frame.area()).rows.height;
            state.list.fit(rows.into());
            view::draw(state, look, frame.buffer_mut());
        })?;
        Ok(())
    }

    /// Forgets what is there, so that all of it is drawn.
    pub(super) fn forget(&mut self) -> io::Result<()> {
        self.terminal.clear()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

/// A terminal that is gone takes nothing back.
fn leave() {
    let _ = disable_raw_mode();
    let _ = execute!(stdout(), LeaveAlternateScreen, Show);
    let _ = stdout().flush();
}

/// Gives the terminal back before a panic is told: with `panic = "abort"` nothing is dropped.
pub(super) fn leave_on_panic() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        leave();
        tell(info);
    }));
}
