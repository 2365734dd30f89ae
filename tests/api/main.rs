//! The API as its clients see it: the real server on a real socket, spoken to in bytes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on fails")]

mod abuse;
mod following;
mod requests;
mod support;
