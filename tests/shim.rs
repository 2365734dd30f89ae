//! The real shim in a real terminal, and a daemon that speaks the protocol.
#![allow(
    unsafe_code,
    missing_docs,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::wildcard_imports,
    clippy::wildcard_enum_match_arm,
    clippy::print_stderr,
    clippy::items_after_statements,
    reason = "a test"
)]

#[path = "shim/daemon_away.rs"]
mod daemon_away;
#[path = "shim/harness.rs"]
mod harness;
#[path = "shim/launch.rs"]
mod launch;
#[path = "shim/lifecycle.rs"]
mod lifecycle;
#[path = "shim/notices.rs"]
mod notices;
#[path = "shim/secrecy.rs"]
mod secrecy;
#[path = "shim/terminal.rs"]
mod terminal;
#[path = "shim/tmux.rs"]
mod tmux;
#[path = "shim/tree.rs"]
mod tree;
