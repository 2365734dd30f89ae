//! What is proven with which real agent: each proof is a test, and a cell of the table in PROOFS.md.

use std::fmt::Write as _;
use std::path::Path;

use agentd::desired::harness::{Harnesses, Mode};

/// A proof, which is a test.
pub struct Proof {
    pub harness: &'static str,
    /// With its version.
    pub package: &'static str,
    pub mode: Mode,
    pub what: What,
}

/// What is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It is given its prompt, and answers; then it ends, or keeps its screen and is stopped.
    Answers,
    /// Its provider refuses its key: it is held until that is another one.
    WrongKey,
    /// Its provider is broken for once: it is restarted.
    Broken,
    /// Its provider limits its rate: it is restarted later.
    RateLimit,
    /// It uses a tool, and tells what it used of its model.
    Tool,
    /// A tool is refused: that is no success.
    Refused,
    /// It is interrupted: that is no success either.
    Interrupted,
    /// It is stopped while it waits for its provider, and leaves no process.
    Stops,
    /// Its own interrupt is enough to stop it.
    Interrupt,
    /// It is killed at work, also while no agentd runs, and goes on with its conversation.
    GoesOn,
    /// In an empty home that is prepared, it asks nobody anything.
    Unattended,
    /// It tells when it works and when it rests, beside the user's own hooks, and with no file of the user's touched.
    Tells,
    /// It waits for a person, and tells what for.
    Asks,
    /// It has answered and rests, and is nudged: its provider is asked what was typed.
    Nudged,
    /// A person interrupts it with Escape, and it is seen to rest; while a tool of it takes its time, it is not.
    Escaped,
}

const ALL: [(What, &str); 15] = [
    (What::Answers, "answers its prompt"),
    (What::Tool, "uses a tool, and tells its usage"),
    (What::WrongKey, "a wrong key: `auth_failed`, held"),
    (What::RateLimit, "429: `rate_limited`"),
    (What::Broken, "500: `failed`, restarted"),
    (What::Refused, "a refused tool: `permission_denied`"),
    (What::Interrupted, "SIGINT: `interrupted`"),
    (What::Stops, "is stopped at work, and leaves nothing"),
    (What::Interrupt, "its own interrupt is enough"),
    (What::GoesOn, "killed at work, it goes on with its conversation"),
    (What::Unattended, "prepared, it starts unattended in an empty home"),
    (What::Tells, "tells when it works and when it rests"),
    (What::Asks, "tells what it asks a person"),
    (What::Nudged, "idle, it is nudged"),
    (What::Escaped, "interrupted by Escape, it is idle again; in a long tool call not"),
];

/// What the ways to run the others rest on.
const UNTRIED: [(&str, &str); 6] = [
    ("cursor", "its documentation"),
    ("copilot", "the help of @github/copilot@1.0.102"),
    ("amp", "the help of @sourcegraph/amp of 2026-09-23"),
    ("crush", "its source of 2026-08-21"),
    ("aider", "the help of aider-chat 0.86.2"),
    ("goose", "its documentation"),
];

/// Makes of each line a test, and of all of them the list.
macro_rules! proofs {
    ($($test:ident: $harness:literal, $package:ident, $mode:ident, $what:ident, $run:ident, $more:expr;)*) => {
        $(
            #[test]
            fn $test() {
                let mode = agentd::desired::harness::Mode::$mode.word();
                $run($harness, $package, &format!("mode = \"{mode}\"\n{}", $more));
            }
        )*

        #[test]
        fn the_table_says_what_is_proven() {
            proofs::check(&[$(proofs::Proof {
                harness: $harness,
                package: $package,
                mode: agentd::desired::harness::Mode::$mode,
                what: proofs::What::$what,
            }),*]);
        }
    };
}

/// Holds the table against the proofs; `UPDATE=1` writes it.
pub fn check(proofs: &[Proof]) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real_agents/PROOFS.md");
    let table = table(proofs);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &table).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == table, "PROOFS.md isn't what the tests prove: UPDATE=1 cargo test --test real_agents the_table");
}

fn table(proofs: &[Proof]) -> String {
    let mut text = String::from(
        "# What is proven of each harness\n\nMade from the tests beside it, which run the real program under the real daemon, against a \
         provider on loopback. A cell\nis proven when its test passes; an empty one is unknown.\n\n| harness | mode |",
    );
    for (_, title) in ALL {
        write!(text, " {title} |").unwrap();
    }
    text += "\n|---|---|";
    text += &"---|".repeat(ALL.len());
    for harness in Harnesses::builtin().iter().filter(|harness| !harness.takes_command) {
        for mode in Mode::ALL.into_iter().filter(|mode| harness.has(*mode)) {
            let here = || proofs.iter().filter(|proof| *harness.name == *proof.harness && proof.mode == mode);
            let package = proofs.iter().find(|proof| *harness.name == *proof.harness).map(|proof| proof.package);
            let basis = UNTRIED.iter().find(|(name, _)| *harness.name == **name).map(|(_, basis)| basis);
            let of = match (package, basis) {
                (Some(package), None) => format!("`{package}`"),
                (None, Some(basis)) => format!("not tried; from {basis}"),
                (Some(_), Some(_)) | (None, None) => panic!("{} is proven or not, not both", harness.name),
            };
            write!(text, "\n| {} ({of}) | {} |", harness.name, mode.word()).unwrap();
            for (what, _) in ALL {
                text += if here().any(|proof| proof.what == what) { " proven |" } else { " |" };
            }
        }
    }
    text + "\n"
}
