//! Nothing of a user's is lost, whatever it is.

use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::cli::first_run::document::Place;

fn seed(format: Format, at: &[&str], put: Put) -> Seed {
    let place = Place::new(PathBuf::from("/file"), format);
    Seed { place, at: at.iter().map(|key| (*key).to_owned()).collect(), put, is_missing: true }
}

fn value(format: Format, at: &[&str], value: Value) -> Seed {
    seed(format, at, Put::Value(value))
}

/// The new text; the old one if there is nothing to do.
fn planted(format: Format, text: &str, seeds: &[Seed]) -> Result<String, String> {
    let seen = (!text.is_empty()).then_some(text.as_bytes());
    let new = plant(format, seen, &seeds.iter().collect::<Vec<_>>())?;
    Ok(new.map_or_else(|| text.to_owned(), |new| String::from_utf8(new).unwrap()))
}

#[test]
fn a_new_file_reads_well() {
    let seeds = [
        value(Format::Json, &["done"], json!(true)),
        seed(Format::Json, &["keys", "good"], Put::Word("k".into())),
        value(Format::Json, &["projects", "/a \"b\"", "trusted"], json!(true)),
    ];
    insta::assert_snapshot!(planted(Format::Json, "", &seeds).unwrap(), @r#"
    {
      "done": true,
      "keys": {
        "good": ["k"]
      },
      "projects": {
        "/a \"b\"": {
          "trusted": true
        }
      }
    }
    "#);
    let seeds = [
        value(Format::Toml, &["provider"], json!("p")),
        value(Format::Toml, &["providers", "p"], json!({ "key": "K", "name": "n" })),
        value(Format::Toml, &["projects", "/a \"b\"", "trust"], json!("yes")),
    ];
    insta::assert_snapshot!(planted(Format::Toml, "", &seeds).unwrap(), @r#"
    provider = "p"

    [providers.p]
    key = "K"
    name = "n"

    [projects.'/a "b"']
    trust = "yes"
    "#);
}

#[test]
fn what_a_user_wrote_stays_as_it_was_written() {
    let text = "// mine\n{\n    \"b\" : 1.50, // why\n    \"a\": {\"x\": [1,2]},\n    \"projects\": {}\n}\n";
    let new =
        planted(Format::CommentedJson, text, &[value(Format::CommentedJson, &["projects", "/w", "t"], json!(true))]);
    insta::assert_snapshot!(new.unwrap(), @r#"
    // mine
    {
        "b" : 1.50, // why
        "a": {"x": [1,2]},
        "projects": {
            "/w": {
                "t": true
            }
        }
    }
    "#);
    let text = "# mine\nmodel = 'x' # why\n\n[projects.\"/a\"]\ntrust = \"no\"  # never\n\n[tui]\nx = 1\n";
    let seeds = [
        value(Format::Toml, &["projects", "/b", "trust"], json!("yes")),
        value(Format::Toml, &["check"], json!(false)),
    ];
    insta::assert_snapshot!(planted(Format::Toml, text, &seeds).unwrap(), @r#"
    # mine
    model = 'x' # why
    check = false

    [projects."/a"]
    trust = "no"  # never

    [projects."/b"]
    trust = "yes"

    [tui]
    x = 1
    "#);
}

#[test]
fn what_is_there_stays_whatever_it_is() {
    for text in ["{\"a\": {\"b\": false}}", "{\"a\": {\"b\": null}}", "{\"a\": {\"b\": {}}}"] {
        assert_eq!(planted(Format::Json, text, &[value(Format::Json, &["a", "b"], json!(true))]).as_deref(), Ok(text));
    }
    let word = |text| planted(Format::Json, text, &[seed(Format::Json, &["l"], Put::Word("k".into()))]);
    assert_eq!(word("{\"l\": [\"k\"]}").as_deref(), Ok("{\"l\": [\"k\"]}"));
    assert_eq!(word("{\"l\": 3}").as_deref(), Ok("{\"l\": 3}"));
    assert_eq!(word("{\"l\": [\"j\"]}").as_deref(), Ok("{\"l\": [\"j\", \"k\"]}"));
    let inline = "a = { b = 'no' }\n";
    assert_eq!(planted(Format::Toml, inline, &[value(Format::Toml, &["a", "b"], json!("yes"))]).as_deref(), Ok(inline));
    let added = planted(Format::Toml, inline, &[value(Format::Toml, &["a", "c", "d"], json!("yes"))]).unwrap();
    assert_eq!(Format::Toml.parse(added.as_bytes()), Ok(json!({ "a": { "b": "no", "c": { "d": "yes" } } })));
}

#[test]
fn what_can_not_be_added_to_is_left() {
    let below = |format, text| planted(format, text, &[value(format, &["a", "b"], json!(true))]).unwrap_err();
    for text in ["{\"a\": 3}", "{\"a\": null}", "{\"a\": [1]}", "[1]", "3"] {
        assert!(below(Format::Json, text).contains("another shape"), "{text}");
    }
    assert!(below(Format::Toml, "a = 3").contains("another shape"));
    assert!(below(Format::Toml, "[[a]]\nb = 1").contains("another shape"));
    for text in ["{", "{\"a\": 1,}", "// x\n{}", "\u{feff}{}", " "] {
        assert!(below(Format::Json, text).contains("no JSON"), "{text:?}");
    }
    assert!(below(Format::Toml, "a = = 3").contains("no TOML"));
    // Programs take the last of them, an editor may take the first.
    assert!(below(Format::Json, "{\"a\": {}, \"a\": {\"c\": 1}}").contains("left as it is"));
}

fn document() -> impl Strategy<Value = Value> {
    let text = || prop_oneof![Just("a".to_owned()), Just("b".to_owned()), Just("/w \"x\"\\".to_owned()), ".{0,6}"];
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(4, 32, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    prop::collection::btree_map(prop_oneof![Just("a".to_owned()), "[a-c]{1,2}"], value, 0..4)
        .prop_map(|map| Value::Object(map.into_iter().collect()))
}

fn keys() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(
        prop_oneof![Just("a".to_owned()), Just("b".to_owned()), Just("/w \"x\"\\".to_owned()), ".{0,6}"],
        1..4,
    )
}

fn put() -> impl Strategy<Value = Put> {
    prop_oneof![Just(Put::Value(json!(true))), ".{0,6}".prop_map(|text| Put::Value(json!(text)))]
}

/// As people and programs write it.
fn written(format: Format, document: &Value, is_pretty: bool) -> String {
    match (format, is_pretty) {
        (Format::Toml, _) => {
            let table: toml_edit::DocumentMut = toml_text(document).parse().unwrap();
            table.to_string()
        }
        (Format::Json | Format::CommentedJson, true) => serde_json::to_string_pretty(document).unwrap(),
        (Format::Json | Format::CommentedJson, false) => document.to_string(),
    }
}

/// Inline, but for the outermost.
fn toml_text(document: &Value) -> String {
    fn inline(value: &Value) -> String {
        match value {
            Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
            Value::Object(entries) => {
                let entries = entries.iter().map(|(key, value)| format!("{} = {}", quoted(key), inline(value)));
                format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
            }
            Value::String(text) => quoted(text),
            Value::Number(number) if number.is_f64() => format!("{:?}", number.as_f64().unwrap()),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        }
    }
    fn quoted(text: &str) -> String {
        Value::from(text).to_string().replace('\x7f', "\\u007F")
    }
    let lines = document.as_object().unwrap().iter().map(|(key, value)| match value {
        Value::Object(entries) if !entries.is_empty() => {
            let lines = entries.iter().map(|(key, value)| format!("{} = {} # why\n", quoted(key), inline(value)));
            format!("\n[{}]\n{}", quoted(key), lines.collect::<String>())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            format!("{} = {}\n", quoted(key), inline(value))
        }
    });
    let (tables, simple): (Vec<_>, Vec<_>) = lines.partition(|line| line.starts_with('\n'));
    simple.concat() + &tables.concat()
}

proptest! {
    #[test]
    fn nothing_that_was_there_changes_and_a_second_time_changes_nothing(
        document in document(), is_pretty: bool, format in 0..3_usize,
        seeds in prop::collection::vec((keys(), put()), 1..4),
    ) {
        let format = [Format::Json, Format::CommentedJson, Format::Toml][format];
        let text = written(format, &document, is_pretty);
        let old = format.parse(text.as_bytes()).unwrap();
        let seeds: Vec<Seed> = seeds.into_iter()
            .map(|(at, put)| seed(format, &at.iter().map(String::as_str).collect::<Vec<_>>(), put))
            .collect();
        let Ok(new) = planted(format, &text, &seeds) else { return Ok(()) };
        let read = format.parse(new.as_bytes()).unwrap();
        assert_unchanged(&old, &read);
        for seed in &seeds {
            prop_assert!(find(&read, &seed.at).is_some());
        }
        prop_assert_eq!(planted(format, &new, &seeds).unwrap(), new);
    }

    /// Where nothing stands in the way, it is done.
    #[test]
    fn what_can_be_put_is_put(document in document(), is_pretty: bool, format in 0..3_usize, at in keys(), put in put()) {
        let format = [Format::Json, Format::CommentedJson, Format::Toml][format];
        let text = written(format, &document, is_pretty);
        let mut at = at;
        at.insert(0, "not there".to_owned());
        let seed = seed(format, &at.iter().map(String::as_str).collect::<Vec<_>>(), put);
        let new = planted(format, &text, std::slice::from_ref(&seed)).unwrap();
        let Put::Value(value) = &seed.put else { unreachable!() };
        let read = format.parse(new.as_bytes()).unwrap();
        prop_assert_eq!(find(&read, &at), Some(value));
    }
}

/// By itself, and not by what the code holds its own results against.
fn assert_unchanged(old: &Value, new: &Value) {
    match old.as_object() {
        Some(entries) => entries.iter().for_each(|(key, value)| assert_unchanged(value, &new[key])),
        None => assert_eq!(old, new),
    }
}
