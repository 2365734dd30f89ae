//! The resident process in each agent's pane: it forks the agent, waits for it, and reports to the daemon.
//!
//! It holds no policy and keeps no time: what it does, it was ordered to do. `std` and libc only.

pub mod protocol;
