//! Speaks to systemd, where it listens: what the service is doing, that it is alive, and its log ([`journal`]).
//!
//! The protocol is sd_notify(3). Without `$NOTIFY_SOCKET` nothing is sent, and nothing is an error: agentd does its work
//! whether or not somebody hears of it.

pub mod journal;

use std::path::PathBuf;
use std::time::Duration;

use sd_notify::NotifyState;

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

    /// How often [`Self::alive`] is to be said, so that one that comes late is not the end: half the limit, as
    /// sd_watchdog_enabled(3) asks.
    pub fn alive_every(self) -> Option<Duration> {
        self.watchdog.map(|limit| limit / 2)
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

    /// The event loop turns.
    pub fn alive(self) {
        self.tell(&[NotifyState::Watchdog]);
    }

    /// What is going on, a start or a stop, takes this much longer from now on.
    pub fn extend_timeout(self, by: Duration) {
        let microseconds = u32::try_from(by.as_micros()).unwrap_or(u32::MAX);
        self.tell(&[NotifyState::ExtendTimeoutUsec(microseconds)]);
    }

    fn tell(self, what: &[NotifyState<'_>]) {
        if self.listens
            && let Err(error) = sd_notify::notify(what)
        {
            tracing::debug!(%error, "could not tell the service manager");
        }
    }
}

/// Where systemd has put the credentials of this service (systemd.exec(5), `LoadCredential=`).
pub fn credentials_dir() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from).filter(|dir| dir.is_absolute())
}
