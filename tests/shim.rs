//! The real shim in a real terminal, and a daemon that speaks the protocol.
#![allow(
    unsafe_code,
    missing_docs,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::wildcard_imports,
    clippy::wildcard_enum_match_arm,
    reason = "a test"
)]

#[path = "shim/harness.rs"]
mod harness;
#[path = "shim/lifecycle.rs"]
mod lifecycle;
