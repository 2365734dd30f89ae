//! Logs to the systemd journal: the line that people read, and each of its fields by itself, for
//! `journalctl AGENTD_AGENT=reviewer`.
//!
//! The protocol is the journal's native one (systemd.io/JOURNAL_NATIVE_PROTOCOL): one datagram an entry. What doesn't fit
//! into one, or can't be sent, goes to standard error, which is the journal, too, only without the fields.

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;

use nix::sys::stat::fstat;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// Where the journal listens.
const SOCKET: &str = "/run/systemd/journal/socket";

/// What every field is called, before its own name.
const PREFIX: &str = "AGENTD_";

/// A `tracing` layer that writes to the journal.
#[derive(Debug)]
pub struct Journal {
    socket: UnixDatagram,
}

impl Journal {
    /// The journal, if standard error goes there: systemd says so in `$JOURNAL_STREAM`, by device and inode.
    pub fn behind_standard_error() -> Option<Self> {
        let stream = std::env::var("JOURNAL_STREAM").ok()?;
        let found = fstat(io::stderr().as_fd()).ok()?;
        if stream != format!("{}:{}", found.st_dev, found.st_ino) {
            return None;
        }
        let socket = UnixDatagram::unbound().ok()?;
        socket.connect(SOCKET).ok()?;
        // A journal that does not read must not hold up the agents.
        socket.set_nonblocking(true).ok()?;
        Some(Self { socket })
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let entry = Entry::of(event);
        let sent = self.socket.send(&entry.datagram());
        // The journal was started anew: its socket is another one now.
        let sent = sent.or_else(|_| self.socket.connect(SOCKET).and_then(|()| self.socket.send(&entry.datagram())));
        if sent.is_err() {
            let _ = writeln!(io::stderr(), "<{}>{}", entry.priority, entry.line());
        }
    }
}

/// One entry.
#[derive(Debug)]
struct Entry {
    priority: u8,
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Entry {
    fn of(event: &Event<'_>) -> Self {
        let level = *event.metadata().level();
        let mut entry = Self { priority: priority(level), message: String::new(), fields: Vec::new() };
        event.record(&mut entry);
        entry
    }

    /// What people read, which is what standard error would show.
    fn line(&self) -> String {
        let mut line = self.message.clone();
        for (name, value) in &self.fields {
            let _ = write!(line, "{}{name}={value}", if line.is_empty() { "" } else { " " });
        }
        line
    }

    fn datagram(&self) -> Vec<u8> {
        let mut datagram = Vec::new();
        put(&mut datagram, "MESSAGE", &self.line());
        put(&mut datagram, "PRIORITY", &self.priority.to_string());
        put(&mut datagram, "SYSLOG_IDENTIFIER", "agentd");
        for (name, value) in &self.fields {
            put(&mut datagram, &format!("{PREFIX}{}", name.to_ascii_uppercase().replace('.', "_")), value);
        }
        datagram
    }

    fn set(&mut self, field: &Field, value: String) {
        if field.name() == "message" {
            self.message = value;
        } else {
            self.fields.push((field.name(), value));
        }
    }
}

impl Visit for Entry {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, format!("{value:?}"));
    }
}

/// A value of several lines is written with its length, so that no value can pretend to be another field.
fn put(datagram: &mut Vec<u8>, name: &str, value: &str) {
    datagram.extend(name.as_bytes());
    if value.contains('\n') {
        datagram.push(b'\n');
        datagram.extend((value.len() as u64).to_le_bytes());
    } else {
        datagram.push(b'=');
    }
    datagram.extend(value.as_bytes());
    datagram.push(b'\n');
}

/// As syslog(3) counts.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// What is sent for an event.
    fn sent(log: impl FnOnce()) -> Vec<u8> {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        let subscriber = tracing_subscriber::registry().with(Journal { socket: ours });
        tracing::subscriber::with_default(subscriber, log);
        theirs.set_nonblocking(true).unwrap();
        let mut datagram = vec![0; 4096];
        let length = theirs.recv(&mut datagram).unwrap();
        datagram.truncate(length);
        datagram
    }

    #[test]
    fn an_entry_has_the_whole_line_and_each_field() {
        let text = sent(|| tracing::warn!(agent = "a", to = %"running", pid = 7, "changed state"));
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "MESSAGE=changed state agent=a to=running pid=7\nPRIORITY=4\nSYSLOG_IDENTIFIER=agentd\n\
             AGENTD_AGENT=a\nAGENTD_TO=running\nAGENTD_PID=7\n"
        );
    }

    #[test]
    fn a_value_of_several_lines_is_one_value() {
        let text = sent(|| tracing::error!("one\nPRIORITY=0"));
        let mut expected = b"MESSAGE\n".to_vec();
        expected.extend(14_u64.to_le_bytes());
        expected.extend(b"one\nPRIORITY=0\nPRIORITY=3\nSYSLOG_IDENTIFIER=agentd\n");
        assert_eq!(text, expected);
    }
}
