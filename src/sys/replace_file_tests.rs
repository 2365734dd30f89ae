//! Files that others change meanwhile, and locks that others hold.

use std::time::SystemTime;

use super::*;

#[test]
fn what_somebody_else_wrote_meanwhile_is_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let held = Held::take(&path, 99, false).unwrap();
    assert_eq!(held.read().unwrap(), None);
    std::fs::write(&path, "theirs").unwrap();
    assert!(!held.replace(None, b"ours").unwrap());
    assert!(!held.replace(Some(b"older"), b"ours").unwrap());
    assert_eq!(held.read().unwrap().unwrap(), b"theirs");
    assert!(held.replace(Some(b"theirs"), b"ours").unwrap());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    assert_eq!(std::fs::read(&path).unwrap(), b"ours");
}

/// As claude does: it reads under its lock, and writes what it read with a change of its own.
#[test]
fn who_holds_the_lock_of_the_program_itself_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let lock = dir.path().join("file.lock");
    std::fs::write(&path, "a").unwrap();
    std::fs::create_dir(&lock).unwrap();
    std::thread::scope(|scope| {
        let ours = scope.spawn(|| {
            let held = Held::take(&path, 99, true).unwrap();
            let seen = held.read().unwrap().unwrap();
            held.replace(Some(&seen), &[&seen, &b"c"[..]].concat()).unwrap()
        });
        let directory = || Flock::lock(File::open(dir.path()).unwrap(), FlockArg::LockExclusiveNonblock);
        while directory().is_ok() {
            std::hint::spin_loop();
        }
        std::fs::write(&path, "ab").unwrap();
        std::fs::remove_dir(&lock).unwrap();
        assert!(ours.join().unwrap());
    });
    assert_eq!(std::fs::read(&path).unwrap(), b"abc");
    assert!(!lock.exists());
}

#[test]
fn a_lock_whose_holder_died_is_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let lock = dir.path().join("file.lock");
    std::fs::create_dir(&lock).unwrap();
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    File::open(&lock).unwrap().set_modified(old).unwrap();
    let other = OtherLock::take(&dir.path().join("file")).unwrap();
    assert!(lock.exists());
    drop(other);
    assert!(!lock.exists());
}

/// Only root can set this stage.
#[test]
fn what_is_somebody_elses_is_left_alone() {
    if !geteuid().is_root() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, "theirs").unwrap();
    std::os::unix::fs::chown(&path, Some(1234), Some(1234)).unwrap();
    let held = Held::take(&path, 99, false).unwrap();
    assert!(matches!(held.replace(Some(b"theirs"), b"ours"), Err(ReplaceError::Foreign(1234))));
    drop(held);
    std::os::unix::fs::chown(&path, Some(0), Some(1234)).unwrap();
    Held::take(&path, 99, false).unwrap().replace(Some(b"theirs"), b"ours").unwrap();
    assert_eq!(path.metadata().unwrap().gid(), 1234, "its group stays");
    std::os::unix::fs::chown(dir.path(), Some(1234), None).unwrap();
    assert!(matches!(Held::take(&path, 99, false), Err(ReplaceError::Foreign(1234))));
}
