//! The description of the fields, held against what the loader does.

use super::*;
use crate::desired::fields::FIELDS;
use crate::desired::harness::Harnesses;
use crate::desired::reference::{DURATION, Kind, Preset, REFERENCE};

/// An agent that has this one field.
fn with(name: &str, value: &str) -> String {
    let harness = if name == "command" { "custom" } else { "claude-code" };
    let harness = if name == "harness" { String::new() } else { format!("harness = \"{harness}\"\n") };
    let prompt = if ["command", "mode"].contains(&name) { "prompt = \"x\"\n" } else { "" };
    format!("[agent]\n{harness}{prompt}{name} = {value}\n")
}

#[test]
fn every_field_is_described_and_nothing_else() {
    let mut described: Vec<&str> = REFERENCE.iter().map(|field| field.name).collect();
    let mut fields = FIELDS.to_vec();
    described.sort_unstable();
    fields.sort_unstable();
    assert_eq!(described, fields);
}

#[test]
fn the_defaults_are_the_ones_of_the_loader() {
    let bare = desired("[agent]\nharness = \"claude-code\"\n");
    for field in &REFERENCE {
        if let Preset::Value(value) = field.preset {
            assert_eq!(desired(&with(field.name, value)), bare, "{}", field.name);
        }
    }
    for field in REFERENCE.iter().filter(|field| field.name != "harness") {
        assert!(!matches!(field.preset, Preset::Required), "{}", field.name);
    }
}

#[test]
fn the_examples_are_taken_and_words_are_the_known_ones() {
    for field in &REFERENCE {
        assert!(!field.examples.is_empty());
        let words = match field.kind {
            Kind::Word(words) | Kind::Name(words) => words(),
            Kind::Text(_)
            | Kind::Flag
            | Kind::Whole { .. }
            | Kind::Dollars
            | Kind::Duration { .. }
            | Kind::Texts { .. }
            | Kind::Variables(_)
            | Kind::Table(_) => vec![],
        };
        let words = words.iter().map(|(word, _)| format!("{word:?}"));
        for value in field.examples.iter().map(|value| (*value).to_owned()).chain(words) {
            let ground = Ground::new(with(field.name, &value));
            ground.write("secrets/ANTHROPIC_API_KEY", "x");
            std::fs::create_dir(ground.path("prompts")).unwrap();
            ground.write("prompts/review.md", "x");
            assert!(ground.report().starts_with("ok"), "{}", ground.report());
        }
    }
}

#[test]
fn bounds_are_the_ones_of_the_loader() {
    for field in &REFERENCE {
        if let Kind::Whole { least, most } = field.kind {
            let taken = |value: i64| report(&with(field.name, &value.to_string())).starts_with("ok");
            let (least, most) = (i64::from(least), i64::from(most));
            assert_eq!([least - 1, least, most, most + 1].map(taken), [false, true, true, false], "{}", field.name);
        }
        if let Kind::Dollars = field.kind {
            let taken = |value: &str| report(&with(field.name, value)).starts_with("ok");
            for value in ["0", "0.0", "-1", "1_000_000", "nan", "inf", "\"1\""] {
                assert!(!taken(value), "{value}");
            }
            for value in ["0.000_001", "1", "1e3", "999_999.9"] {
                assert!(taken(value), "{value}: {}", report(&with(field.name, value)));
            }
        }
        if let Kind::Duration { zero } = field.kind {
            assert_eq!(report(&with(field.name, "\"0s\"")).starts_with("ok"), zero, "{}", field.name);
        }
    }
}

#[test]
fn the_pattern_of_durations_is_the_one_of_the_loader() {
    let pattern = regex::Regex::new(DURATION).unwrap();
    for text in [
        "30s",
        "1h30m",
        "1.5h",
        "2h 30m",
        " 300ms ",
        ".5s",
        "1.s",
        "1 hour 2 mins",
        "1M",
        "3µs",
        "3μs",
        "1y2w",
        "",
        " ",
        "3",
        "s",
        "-3s",
        "3x",
        "1h30",
        "1,5h",
        "1e3s",
        "3ſ",
        "1.5.2s",
        "3s x",
        "3 s",
        "3S",
        "Inf",
    ] {
        assert_eq!(pattern.is_match(text), crate::desired::duration::parse(text).is_ok(), "{text:?}");
    }
}

#[test]
fn every_harness_but_the_open_one_knows_its_secret() {
    for harness in Harnesses::builtin().iter() {
        assert_eq!(harness.secret.is_none(), harness.takes_command, "{}", harness.name);
    }
}
