//! The real binary on a real tmux, seen from outside.
#![allow(clippy::disallowed_methods, reason = "tests start processes and read clocks")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]

mod account;
mod adoption_race;
mod arguments;
mod cgroups;
mod changes;
mod clocks;
mod daemon_killed;
mod declare;
mod doctor;
mod exits;
mod files;
mod flags;
mod harness;
mod launch_failures;
mod lifecycle;
mod names;
mod root_mode;
mod secrets;
mod shim_trouble;
mod shutdown;
mod stop;
mod strangers;
mod terminal;
mod tmux_trouble;
