//! The real binary on a real tmux, seen from outside.
#![allow(clippy::disallowed_methods, reason = "tests start processes and read clocks")]

mod harness;
mod lifecycle;
