//! `agentd filter DIALECT`: stands between what an agent without a terminal writes, one event a line, and its pane. A person
//! reads there what the agent says and does, and the shim is told how it goes.
//!
//! It ends when there is no more to read, and not before: not by a signal that is meant for the agent, and not when nobody
//! sees what it writes, as the agent would be ended by that.

use std::io::{self, BufRead, BufReader, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::dialect::{Dialect, Moment, Said, Stream};
use crate::model::Notices;
use crate::sys::notify::Listener;
use crate::sys::{clock, filter, local_time};

/// No more of a line is kept, in bytes.
pub(super) const LONGEST_LINE: usize = 8 * 1024 * 1024;

/// At the end, a shim that has not taken in what was told before by then, does not hear of the rest.
const HEARD_WITHIN: Duration = Duration::from_secs(5);

/// Whose events they are.
#[derive(Debug, Args)]
pub struct Flags {
    #[arg(value_name = "DIALECT")]
    dialect: String,
}

/// Reads, shows and tells, until there is no more.
pub fn run(flags: &Flags) -> ExitCode {
    // Without it, it ends when a signal says so, like any program.
    let _ = filter::outlive_signals();
    let mut stream = Dialect::of(&flags.dialect).map(Stream::new);
    let mut outlet =
        Outlet { pane: Some(io::stdout()), listener: Listener::from_environment(), untold: Notices::new() };
    each_line(BufReader::with_capacity(64 * 1024, io::stdin()), |line| {
        let said = match (line, &mut stream) {
            (Line::Whole(line), Some(stream)) => stream.line(line, now()),
            (Line::Begun(line), Some(stream)) => stream.begun(line),
            (Line::Begun(_), None) => Said::default(),
            // Of a harness that isn't understood, all is shown.
            (Line::Whole(line), None) => Said { text: [line, b"\n"].concat(), ..Said::default() },
            (Line::TooLong(bytes), _) => Said { text: passed_over(bytes).into_bytes(), ..Said::default() },
        };
        outlet.put(said);
    });
    if let Some(mut stream) = stream {
        outlet.put(stream.end(now()));
    }
    outlet.close();
    ExitCode::SUCCESS
}

/// When it is, and where.
pub(super) fn now() -> Moment {
    let now = clock::now().wall;
    Moment { unix: now.0 / 1_000_000_000, utc_offset: local_time::utc_offset(now) }
}

fn passed_over(bytes: u64) -> String {
    format!("agentd: passed over a line of {} MiB\n", bytes.div_ceil(1024 * 1024))
}

/// Where it goes.
struct Outlet<W> {
    /// None once nobody reads there any more.
    pane: Option<W>,
    listener: Option<Listener>,
    /// What the shim has not heard yet.
    untold: Notices,
}

impl<W: Write> Outlet<W> {
    fn put(&mut self, said: Said) {
        if !said.text.is_empty()
            && let Some(pane) = &mut self.pane
            && pane.write_all(&said.text).and_then(|()| pane.flush()).is_err()
        {
            self.pane = None;
        }
        if !said.notices.is_empty() {
            self.untold.update(said.notices);
            self.tell();
        }
    }

    /// What can't be told now is told with what comes next.
    fn tell(&mut self) {
        if self.listener.as_ref().is_none_or(|listener| listener.tell(&self.untold.encode())) {
            self.untold = Notices::new();
        }
    }

    fn close(mut self) {
        if !self.untold.is_empty()
            && let Some(listener) = &self.listener
        {
            listener.wait(HEARD_WITHIN);
            self.tell();
        }
    }
}

/// A line without its end, what there is of it so far, or how long it would have been.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    Whole(&'a [u8]),
    Begun(&'a [u8]),
    TooLong(u64),
}

/// Reads lines until there are no more. What can't be read is the end.
fn each_line(mut input: impl BufRead, mut take: impl FnMut(Line<'_>)) {
    let mut line = Vec::new();
    let mut length = 0_u64;
    loop {
        let chunk = match input.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => &[],
        };
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let part = &chunk[..end.unwrap_or(chunk.len())];
        length = length.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX));
        if line.len() + part.len() <= LONGEST_LINE {
            line.extend_from_slice(part);
        }
        let is_over = chunk.is_empty();
        let read = part.len() + usize::from(end.is_some());
        if end.is_some() || (is_over && length > 0) {
            let is_whole = u64::try_from(line.len()).is_ok_and(|kept| kept == length);
            take(if is_whole { Line::Whole(&line) } else { Line::TooLong(length) });
            length = 0;
            // A long one was an exception, and its memory is given back.
            line = Vec::new();
        } else if !is_over && u64::try_from(line.len()).is_ok_and(|kept| kept == length) {
            take(Line::Begun(&line));
        }
        input.consume(read);
        if is_over {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8], capacity: usize) -> Vec<Result<Vec<u8>, u64>> {
        let mut lines = Vec::new();
        each_line(BufReader::with_capacity(capacity, text), |line| {
            lines.push(match line {
                Line::Whole(line) => Ok(line.to_vec()),
                Line::Begun(_) => return,
                Line::TooLong(bytes) => Err(bytes),
            });
        });
        lines
    }

    #[test]
    fn lines_are_whole_however_they_come() {
        for capacity in [1, 2, 3, 7, 100] {
            let expected: Vec<Result<Vec<u8>, u64>> = ["one", "", "two", "three"].map(|line| Ok(line.into())).into();
            assert_eq!(lines(b"one\n\ntwo\nthree", capacity), expected);
            assert_eq!(lines(b"", capacity), []);
            assert_eq!(lines(b"\n", capacity), [Ok(Vec::new())]);
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_not_kept() {
        let longest = vec![b'x'; LONGEST_LINE];
        let text = [&longest[..], b"\n", &longest, b"y\nend"].concat();
        let bytes = u64::try_from(LONGEST_LINE).unwrap() + 1;
        assert_eq!(lines(&text, 65_536), [Ok(longest), Err(bytes), Ok(b"end".to_vec())]);
        assert_eq!(passed_over(bytes), "agentd: passed over a line of 9 MiB\n");
    }

    #[test]
    fn a_pane_that_is_gone_ends_nothing() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut outlet = Outlet { pane: Some(Gone), listener: None, untold: Notices::new() };
        outlet.put(Said { text: b"x".to_vec(), ..Said::default() });
        assert!(outlet.pane.is_none());
        outlet.put(Said { text: b"x".to_vec(), ..Said::default() });
    }
}
