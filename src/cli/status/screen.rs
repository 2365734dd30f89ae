//! A terminal that is drawn on in place and left as it was found, however that ends.

use std::io::{self, IsTerminal, Stdout, Write};

use ratatui::crossterm::cursor::{Hide, MoveTo, Show};
use ratatui::crossterm::event::{self, Event, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::terminal::{
    self, BeginSynchronizedUpdate, Clear, ClearType, DisableLineWrap, EnableLineWrap, EndSynchronizedUpdate,
    EnterAlternateScreen, LeaveAlternateScreen,
};
use ratatui::crossterm::{execute, queue};
use tokio::sync::mpsc;

/// Columns and rows of the terminal on standard output; none if it isn't one.
pub(super) fn size() -> Option<(usize, usize)> {
    if !io::stdout().is_terminal() {
        return None;
    }
    // A terminal that doesn't know says 0.
    let known = |cells: u16, usual| if cells == 0 { usual } else { usize::from(cells) };
    terminal::size().ok().map(|(columns, rows)| (known(columns, 80), known(rows, 24)))
}

/// What the reader wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// To see it again: the terminal has another size.
    Redraw,
    /// To leave.
    Quit,
}

/// The terminal while it is ours.
#[derive(Debug)]
pub(super) struct Screen {
    out: Stdout,
}

impl Screen {
    pub(super) fn open() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        let mut screen = Self { out: io::stdout() };
        execute!(screen.out, EnterAlternateScreen, Hide, DisableLineWrap)?;
        // A release build aborts on a panic and drops nothing; the message must be readable, too.
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            restore(&mut io::stdout());
            report(info);
        }));
        Ok(screen)
    }

    /// Shows these lines and nothing else.
    pub(super) fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        let rows = size().map_or(usize::MAX, |(_, rows)| rows);
        queue!(self.out, BeginSynchronizedUpdate, MoveTo(0, 0))?;
        for (number, line) in lines.iter().take(rows).enumerate() {
            let feed: &[u8] = if number == 0 { b"" } else { b"\r\n" };
            self.out.write_all(feed)?;
            // Before the text: behind one that fills the line, it would take the last character.
            queue!(self.out, Clear(ClearType::UntilNewLine))?;
            self.out.write_all(line.as_bytes())?;
        }
        if lines.len() < rows {
            self.out.write_all(b"\r\n")?;
            queue!(self.out, Clear(ClearType::FromCursorDown))?;
        }
        queue!(self.out, EndSynchronizedUpdate)?;
        self.out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore(&mut self.out);
    }
}

fn restore(out: &mut Stdout) {
    // There is no other terminal to try it on.
    let _ = execute!(out, EnableLineWrap, Show, LeaveAlternateScreen);
    let _ = terminal::disable_raw_mode();
}

/// What the reader types. The thread ends with the process: nothing can wake it from its read.
pub(super) fn wishes() -> mpsc::UnboundedReceiver<Wish> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if wish(&event).is_some_and(|wish| sender.send(wish).is_err()) {
                return;
            }
        }
    });
    receiver
}

fn wish(event: &Event) -> Option<Wish> {
    match event {
        Event::Resize(..) => Some(Wish::Redraw),
        Event::Key(key) if key.kind != KeyEventKind::Release => quits(*key).then_some(Wish::Quit),
        Event::Key(_) | Event::FocusGained | Event::FocusLost | Event::Mouse(_) | Event::Paste(_) => None,
    }
}

fn quits(key: KeyEvent) -> bool {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code.as_char() {
        Some('c' | 'd') => control,
        Some('q' | 'Q') => !control,
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use ratatui::crossterm::event::KeyCode;

    use super::*;

    #[test]
    fn some_keys_leave_and_a_new_size_redraws() {
        let key = |code, modifiers| wish(&Event::Key(KeyEvent::new(code, modifiers)));
        assert_eq!(key(KeyCode::Char('q'), KeyModifiers::NONE), Some(Wish::Quit));
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Wish::Quit));
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::NONE), None);
        assert_eq!(key(KeyCode::Enter, KeyModifiers::NONE), None);
        assert_eq!(wish(&Event::Resize(80, 24)), Some(Wish::Redraw));
    }
}
