//! Writes down what the real agents say of themselves, into `tests/fixtures`.
//!
//!     cargo run --example capture [NAME…]
//!
//! runs each agent against the provider of `tests/real_agents`, in every case or in those whose name contains one of the
//! words. What differs each time (ids, times, paths) is written alike, so that a change of what is stored is a change of
//! what an agent says.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a tool for tests"
)]
#![allow(dead_code, missing_docs, reason = "the provider has more than is used here")]

mod agents;
mod by_hand;
mod cases;
mod headless;
mod hooks;
#[path = "../../tests/real_agents/install.rs"]
mod install;
mod interactive;
mod normal;
#[path = "../../tests/real_agents/provider/mod.rs"]
mod provider;
mod terminal;

use std::path::{Path, PathBuf};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [word, script, rest @ ..] = words.as_slice()
        && word == "try"
    {
        by_hand::run(script, rest);
        return;
    }
    let is_wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    for agent in agents::ALL {
        for case in cases::headless(agent) {
            if is_wanted(&format!("headless/{}/{}", agent.name, case.name)) {
                headless::capture(agent, &case);
            }
        }
        for case in cases::interactive(agent) {
            if is_wanted(&format!("interactive/{}/{}", agent.name, case.name)) {
                interactive::capture(agent, &case);
            }
        }
    }
}

/// Where what was captured is stored.
fn fixtures(kind: &str, agent: &agents::Agent) -> PathBuf {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(kind).join(agent.name);
    std::fs::create_dir_all(&place).unwrap();
    place
}
