use super::*;
use crate::model::{Interrupt, Policy, Restart};
use std::time::Duration;

pub(super) fn policy() -> Policy {
    Policy {
        restart: Restart::No,
        max_restarts: None,
        backoff: Duration::from_secs(3),
        backoff_max: Duration::from_secs(60),
        timeout: None,
        grace_period: Duration::from_secs(30),
        interrupt: Interrupt::Sigint,
    }
}
