//! The real binary on a real tmux, seen from outside.
#![allow(clippy::disallowed_methods, reason = "tests start processes and read clocks")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]

mod account;
mod adoption_race;
mod arguments;
mod asked;
mod attach;
mod canned;
mod cgroups;
mod changes;
mod clocks;
mod completions;
mod daemon_killed;
mod declare;
mod descriptors;
mod diff;
mod doctor;
mod events;
mod exits;
mod files;
mod flags;
mod follow;
mod harness;
mod held_load;
mod launch_failures;
mod lifecycle;
mod limits;
mod logs;
mod metrics;
mod names;
mod prepare;
mod root_mode;
mod screen;
mod secrets;
mod send;
mod service;
mod shim_trouble;
mod shutdown;
mod status;
mod stop;
mod strangers;
mod terminal;
mod threats;
mod tmux_trouble;
mod top;
mod written;
