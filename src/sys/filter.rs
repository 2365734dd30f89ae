//! What a process needs that stands between two others: to outlive what ends them, and to wait for neither for ever.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};

use super::clock;

/// Keeps the signals that end a whole foreground from this thread, which must be the only one: what they ask for has come
/// when there is no more to read.
pub fn outlive_signals() -> io::Result<()> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT] {
        signals.add(signal);
    }
    Ok(signals.thread_block()?)
}

/// What can be read until the end, within this time; of more than `most` bytes nothing, but all of it is read, as the
/// writer may not expect that nobody does.
pub fn read_within(mut input: impl Read + AsFd, most: usize, time: Duration) -> Vec<u8> {
    let deadline = clock::now().mono.after(time);
    let mut all = Vec::new();
    let mut chunk = [0; 16 * 1024];
    loop {
        let left = deadline.since(clock::now().mono);
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        let ready = poll(&mut [PollFd::new(input.as_fd(), PollFlags::POLLIN)], timeout);
        match (ready, left.is_zero()) {
            (Ok(0), _) | (_, true) => return all,
            (Ok(_), false) => {}
            (Err(_), false) => continue,
        }
        match input.read(&mut chunk) {
            Ok(0) => return if all.len() > most { Vec::new() } else { all },
            Ok(length) if all.len() <= most => all.extend_from_slice(&chunk[..length]),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return all,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_is_there_is_read_and_what_is_not_is_not_waited_for() {
        let (hears, mut says) = io::pipe().unwrap();
        says.write_all(b"one two").unwrap();
        assert_eq!(read_within(&hears, 100, Duration::from_millis(20)), b"one two");
        says.write_all(b"three").unwrap();
        drop(says);
        assert_eq!(read_within(&hears, 100, Duration::from_secs(60)), b"three");
    }

    #[test]
    fn too_much_is_read_and_thrown_away() {
        let (hears, mut says) = io::pipe().unwrap();
        let writer = std::thread::spawn(move || says.write_all(&vec![b'x'; 500_000]));
        assert_eq!(read_within(&hears, 100_000, Duration::from_secs(60)), b"");
        writer.join().unwrap().unwrap();
    }
}
