//! What becomes of the files.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::Barrier;

use serde_json::{Value, json};

use super::super::first_run::document::Format;
use super::super::first_run::{Ask, Put};
use super::*;

fn seed(path: &Path, at: &[&str]) -> Seed {
    let place = Place { path: path.to_owned(), format: Format::Json, is_locked: true };
    let at = at.iter().map(|key| (*key).to_owned()).collect();
    Seed { place, at, put: Put::Value(json!(true)), is_missing: true }
}

fn plant_one(path: &Path, at: &[&str]) -> Result<(), String> {
    let seed = seed(path, at);
    plant(&seed.place, &[&seed])
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_file_is_made_for_its_user_alone_and_one_that_is_there_keeps_its_mode() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/file.json");
    plant_one(&path, &["a"]).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().mode() & 0o7777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    plant_one(&path, &["b"]).unwrap();
    assert_eq!((mode(&path), read(&path)), (0o640, json!({ "a": true, "b": true })));
    assert_eq!(names(path.parent().unwrap()), ["file.json"], "nothing is left");
}

#[test]
fn what_is_complete_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file.json");
    plant_one(&path, &["a"]).unwrap();
    let before = path.metadata().unwrap();
    plant_one(&path, &["a"]).unwrap();
    assert_eq!(path.metadata().unwrap().ino(), before.ino());
}

#[test]
fn a_link_is_followed_and_stays() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("dotfiles")).unwrap();
    let (link, file) = (dir.path().join("link.json"), dir.path().join("dotfiles/file.json"));
    symlink("middle.json", &link).unwrap();
    symlink("dotfiles/file.json", dir.path().join("middle.json")).unwrap();
    for key in ["a", "b"] {
        plant_one(&link, &[key]).unwrap();
        assert!(link.is_symlink() && !file.is_symlink());
    }
    assert_eq!(read(&file), json!({ "a": true, "b": true }));
    symlink("loop.json", dir.path().join("loop.json")).unwrap();
    assert!(plant_one(&dir.path().join("loop.json"), &["a"]).is_err());
}

#[test]
fn what_is_broken_or_no_file_is_told_and_left() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file.json");
    fs::write(&path, "{ sk-secret").unwrap();
    let told = plant_one(&path, &["a"]).unwrap_err();
    assert!(told.starts_with("is no JSON") && !told.contains("sk-secret"), "{told}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "{ sk-secret");
    let told = plant_one(dir.path(), &["a"]).unwrap_err();
    assert!(told.contains("a directory"), "{told}");
}

#[test]
fn many_that_write_into_one_file_lose_nothing_of_each_other() {
    const WRITERS: usize = 8;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file.json");
    let together = Barrier::new(WRITERS);
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (path, together) = (&path, &together);
            scope.spawn(move || {
                together.wait();
                for turn in 0..5 {
                    plant_one(path, &["projects", &format!("{writer}-{turn}")]).unwrap();
                }
            });
        }
    });
    assert_eq!(read(&path)["projects"].as_object().unwrap().len(), WRITERS * 5);
    assert_eq!(names(dir.path()), ["file.json"]);
}

#[test]
fn it_says_what_it_could_not_do_and_does_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let (good, bad) = (dir.path().join("good.json"), dir.path().join("bad.json"));
    fs::write(&bad, "{ \"a\": 3 }").unwrap();
    let ask = |what: &str, seeds| Ask { what: what.to_owned(), weight: Weight::Waits, seeds };
    let asked = Asked {
        asks: vec![
            ask("it asks one", vec![seed(&good, &["a"])]),
            ask("it asks another", vec![seed(&bad, &["a", "b"])]),
            ask("it asks a third", Vec::new()),
        ],
        broken: Vec::new(),
    };
    let failures = answer(&asked);
    assert_eq!(failures.len(), 2, "{failures:?}");
    assert!(failures[0].starts_with("it asks a third;") && failures[1].contains("bad.json is of another shape"));
    assert_eq!(read(&good), json!({ "a": true }));
}
