//! What is proven with which real agent: each proof is a test, and a cell of the table in PROOFS.md.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

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
    /// Its provider never answers: it is told as stalled, and times out.
    Hangs,
    /// Its provider answers slowly: it is busy until it has succeeded.
    Slow,
}

const ALL: [(What, &str); 17] = [
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
    (What::Hangs, "no answer ever: stalled, then `timed_out`"),
    (What::Slow, "a slow answer: `busy`, then `succeeded`"),
];

/// What the ways to run the others rest on.
const UNTRIED: [(&str, &str); 4] = [
    ("cursor", "neither on npm nor on PyPI; from its documentation"),
    ("amp", "it works with its own service alone; from the help of @sourcegraph/amp of 2026-09-23"),
    ("crush", "its npm package fetches the program from elsewhere; from its source of 2026-08-21"),
    ("goose", "neither on npm nor on PyPI; from its documentation"),
];

/// Cells that stay empty, as far as it is known why.
const UNPROVABLE: [(&str, Mode, What, &str); 5] = [
    (
        "codex",
        Mode::Headless,
        What::Refused,
        "its sandbox refuses, and codex says nothing of it: the command isn't even an event",
    ),
    ("codex", Mode::Headless, What::Interrupted, "it exits with 1 and says nothing, as after a failure"),
    ("gemini-cli", Mode::Headless, What::Refused, "it doesn't offer the model what it may not use"),
    ("aider", Mode::Headless, What::Refused, "it asks; who answers no is who refuses, and it goes on"),
    ("aider", Mode::Headless, What::GoesOn, "its conversations have no names"),
];

/// Makes of each line a test, and of all of them the list.
macro_rules! proofs {
    (
        $($test:ident: $harness:literal, $package:ident, $mode:ident, $what:ident, $run:ident, $more:expr;)*
        @waiting $($name:ident: $whose:literal, $of:ident, $how:ident, $that:ident, $wait:ident, $also:expr;)*
    ) => {
        $(
            #[test]
            fn $test() {
                let mode = agentd::desired::harness::Mode::$mode.word();
                $run($harness, $package, &format!("mode = \"{mode}\"\n{}", $more));
            }
        )*

        /// They wait, some for minutes, and take no processor meanwhile: so they do it beside each other, and from the
        /// beginning, as tests are begun in the order of their names.
        #[test]
        fn a_few_wait_beside_each_other() {
            // Installed before, or their time would be that of the registry.
            for package in [$($of),*] {
                install::bin(package);
            }
            proofs::beside_each_other(&[$((stringify!($name), || {
                let mode = agentd::desired::harness::Mode::$how.word();
                $wait($whose, $of, &format!("mode = \"{mode}\"\n{}", $also));
            })),*]);
        }

        #[test]
        fn the_table_says_what_is_proven() {
            proofs::check(&[$(proofs::Proof {
                harness: $harness,
                package: $package,
                mode: agentd::desired::harness::Mode::$mode,
                what: proofs::What::$what,
            },)* $(proofs::Proof {
                harness: $whose,
                package: $of,
                mode: agentd::desired::harness::Mode::$how,
                what: proofs::What::$that,
            }),*]);
        }
    };
}

/// Some at once, and as soon as one is done the next: they wait for minutes, but start with much work. Who fails is named;
/// `AGENTD_TEST_ONLY` chooses by a part of the name.
pub fn beside_each_other(tests: &[(&str, fn())]) {
    const AT_ONCE: usize = 6;
    let only = std::env::var("AGENTD_TEST_ONLY").unwrap_or_default();
    let chosen: Vec<_> = tests.iter().filter(|(name, _)| name.contains(&only)).collect();
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((name, test)) = chosen.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if std::panic::catch_unwind(test).is_err() {
                        failed.lock().unwrap().push(*name);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{failed:?}");
}

/// Holds the table against the proofs; `UPDATE=1` writes it.
pub fn check(proofs: &[Proof]) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real_agents/PROOFS.md");
    let table = table(proofs);
    assert_is_one(&table);
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
                (None, Some(basis)) => format!("not tried: {basis}"),
                (Some(_), Some(_)) | (None, None) => panic!("{} is proven or not, not both", harness.name),
            };
            write!(text, "\n| {} ({of}) | {} |", harness.name, mode.word()).unwrap();
            for (what, _) in ALL {
                text += if here().any(|proof| proof.what == what) { " proven |" } else { " |" };
            }
        }
    }
    text += "\n\nEmpty, because:\n";
    for (harness, mode, what, why) in UNPROVABLE {
        let is_proven = |proof: &&Proof| proof.harness == harness && proof.mode == mode && proof.what == what;
        assert!(!proofs.iter().any(|proof| is_proven(&proof)), "{harness} is proven, or can't be, not both");
        let title = ALL.into_iter().find(|(of, _)| *of == what).unwrap().1;
        write!(text, "\n- {harness}, {}, {title}: {why}.", mode.word()).unwrap();
    }
    text + "\n"
}

/// A table is one only if each row has as many cells as its header, and no line is between them.
fn assert_is_one(text: &str) {
    let rows: Vec<&str> = text.lines().skip_while(|line| !line.starts_with('|')).collect();
    let rows: Vec<&str> = rows.into_iter().take_while(|line| line.starts_with('|')).collect();
    assert_eq!(rows.len(), text.lines().filter(|line| line.starts_with('|')).count());
    for row in rows {
        assert_eq!((row.matches('|').count() - 1, row.ends_with('|')), (ALL.len() + 2, true), "{row}");
    }
}
