//! Speaks to systemd, where it listens: what the service is doing, that it is alive, and its log ([`journal`]).
//!
//! The protocol is sd_notify(3). Without `$NOTIFY_SOCKET` nothing is sent, and nothing is an error: agentd does its work
//! whether or not somebody hears of it.

pub mod journal;

use std::path::PathBuf;
use std::time::Duration;

use sd_notify::NotifyState;

use crate::model::Mono;

/// Whoever takes longer asks again before that is over.
const EXTENSION_MICROS: u32 = 30_000_000;

/// The service manager that started this process, if one did that wants to be told.
#[derive(Clone, Copy, Debug)]
pub struct ServiceManager {
    listens: bool,
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// As the environment says.
    pub fn from_environment() -> Self {
        let listens = std::env::var_os("NOTIFY_SOCKET").is_some();
        let watchdog = sd_notify::watchdog_enabled().filter(|limit| listens && !limit.is_zero());
        Self { listens, watchdog }
    }

    /// Whether it hears what is said.
    pub fn listens(self) -> bool {
        self.listens
    }

    /// The proof of life that it wants, if it wants one.
    pub fn pulse(self) -> Option<Pulse> {
        // Half the limit, as sd_watchdog_enabled(3) asks, so that one beat that comes late is not the end.
        self.watchdog.map(|limit| Pulse { manager: self, every: limit / 2, next: Mono(0) })
    }

    /// The service does what it is for.
    pub fn ready(self) {
        self.tell(&[NotifyState::Ready]);
    }

    /// The configuration is being read, as asked. [`Self::ready`] ends it.
    pub fn reloading(self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.tell(&[NotifyState::Reloading, now]),
            Err(error) => tracing::debug!(%error, "could not read the clock for the service manager"),
        }
    }

    /// The service is about to end.
    pub fn stopping(self) {
        self.tell(&[NotifyState::Stopping]);
    }

    /// One line for `systemctl status`.
    pub fn status(self, line: &str) {
        self.tell(&[NotifyState::Status(line)]);
    }

    /// What is going on, a start or a stop, takes half a minute longer from now on.
    pub fn extend_timeout(self) {
        self.tell(&[NotifyState::ExtendTimeoutUsec(EXTENSION_MICROS)]);
    }

    fn tell(self, what: &[NotifyState<'_>]) {
        if self.listens
            && let Err(error) = sd_notify::notify(what)
        {
            tracing::debug!(%error, "could not tell the service manager");
        }
    }
}

/// Says again and again that the event loop turns.
#[derive(Clone, Copy, Debug)]
pub struct Pulse {
    manager: ServiceManager,
    every: Duration,
    next: Mono,
}

impl Pulse {
    /// Says it, if it is time to; when it is next.
    pub fn beat(&mut self, now: Mono) -> Mono {
        if now >= self.next {
            self.manager.tell(&[NotifyState::Watchdog]);
            self.next = now.after(self.every);
        }
        self.next
    }
}

/// Where systemd has put the credentials of this service (systemd.exec(5), `LoadCredential=`).
pub fn credentials_dir() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from).filter(|dir| dir.is_absolute())
}
