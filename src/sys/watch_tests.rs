//! Directories that come, go and are taken for each other.

use std::time::Duration;

use super::*;

struct Ground {
    dir: tempfile::TempDir,
    events: DirectoryEvents,
}

impl Ground {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), events: DirectoryEvents::new().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Takes events until there is one like `wanted`; what came before it too.
    async fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
        let mut all = Vec::new();
        let until = async {
            while !all.iter().any(&wanted) {
                all.extend(self.events.next().await.unwrap());
            }
        };
        tokio::time::timeout(Duration::from_secs(20), until).await.expect("never came");
        all
    }

    /// The changes up to the creation of `mark` in the same directory.
    async fn changes_until(&mut self, mark: &str) -> Vec<(String, Change)> {
        let name = std::ffi::OsStr::new(mark);
        let is_mark =
            |event: &Event| matches!(event, Event::Entry { name: n, change: Change::Closed, .. } if n == name);
        let events = self.until(is_mark).await;
        let change = |event| match event {
            Event::Entry { name, change, .. } => Some((name.to_string_lossy().into_owned(), change)),
            Event::Gone(_) | Event::Lost => None,
        };
        events.into_iter().filter_map(change).filter(|(name, _)| name != mark).collect()
    }
}

#[tokio::test]
async fn a_rename_is_told_by_both_names_and_a_read_not_at_all() {
    let mut ground = Ground::new();
    std::fs::write(ground.path("a"), "1").unwrap();
    ground.events.watch(&ground.path("")).unwrap();
    std::fs::read(ground.path("a")).unwrap();
    std::fs::read_dir(ground.path("")).unwrap().for_each(drop);
    std::fs::rename(ground.path("a"), ground.path("b")).unwrap();
    std::fs::remove_file(ground.path("b")).unwrap();
    std::fs::write(ground.path("mark"), "").unwrap();
    let changes = ground.changes_until("mark").await;
    let expected = [("a", Change::Left), ("b", Change::Arrived), ("b", Change::Left)];
    assert_eq!(changes, expected.map(|(name, change)| (name.to_owned(), change)));
}

#[tokio::test]
async fn a_read_wakes_nobody() {
    let mut ground = Ground::new();
    std::fs::write(ground.path("a"), "1").unwrap();
    ground.events.watch(&ground.path("")).unwrap();
    for _ in 0..100 {
        std::fs::read(ground.path("a")).unwrap();
    }
    let woken = tokio::time::timeout(Duration::from_millis(200), ground.events.next()).await;
    assert!(woken.is_err(), "{woken:?}");
}

#[tokio::test]
async fn a_directory_in_the_place_of_another_is_watched_when_asked_again() {
    let mut ground = Ground::new();
    let sub = ground.path("sub");
    for round in 0..20 {
        std::fs::create_dir_all(&sub).unwrap();
        let first = ground.events.watch(&sub).unwrap();
        if round % 2 == 0 {
            std::fs::remove_dir(&sub).unwrap();
        } else {
            std::fs::rename(&sub, ground.path(&format!("old{round}"))).unwrap();
        }
        std::fs::create_dir(&sub).unwrap();
        if round % 3 == 0 {
            // Early: whether the end of the old one is still told, or taken for the end of this one, is a race.
            ground.events.watch(&sub).unwrap();
        } else {
            ground.until(|event| matches!(event, Event::Gone(_))).await;
        }
        // `notify` may forget the path after it has told of the end, and with it the new watch: the slow resync asks
        // again, and so does this.
        let second = loop {
            let second = ground.events.watch(&sub).unwrap();
            std::fs::write(sub.join("x"), "1").unwrap();
            let is_told = |event: &Event| matches!(event, Event::Entry { directory, change: Change::Closed, .. } if *directory == second);
            let told = async { while !ground.events.next().await.unwrap().iter().any(is_told) {} };
            if tokio::time::timeout(Duration::from_millis(500), told).await.is_ok() {
                break second;
            }
        };
        std::fs::remove_file(sub.join("x")).unwrap();
        ground.events.unwatch(first);
        ground.events.unwatch(second);
    }
}

#[tokio::test]
async fn two_paths_of_one_directory_are_one_watch() {
    let mut ground = Ground::new();
    std::fs::create_dir(ground.path("a")).unwrap();
    // A link does here what a second mount does elsewhere.
    std::os::unix::fs::symlink("a", ground.path("b")).unwrap();
    let a = ground.events.watch(&ground.path("a")).unwrap();
    assert_eq!(ground.events.watch(&ground.path("b")).unwrap(), a);
    std::fs::write(ground.path("b/x"), "1").unwrap();
    ground.until(|event| matches!(event, Event::Entry { directory, .. } if *directory == a)).await;
    // The first path now leads elsewhere: the directory is known by the other one.
    std::fs::rename(ground.path("a"), ground.path("c")).unwrap();
    std::fs::remove_file(ground.path("b")).unwrap();
    std::os::unix::fs::symlink("c", ground.path("b")).unwrap();
    ground.until(|event| *event == Event::Gone(a)).await;
    assert_eq!(ground.events.watch(&ground.path("b")).unwrap(), a);
    std::fs::write(ground.path("c/y"), "1").unwrap();
    ground.until(|event| matches!(event, Event::Entry { name, .. } if name == "y")).await;
}

#[tokio::test]
async fn more_events_than_anybody_takes_are_told_as_lost() {
    let mut ground = Ground::new();
    ground.events.watch(&ground.path("")).unwrap();
    for n in 0..2 * MOST_WAITING {
        std::fs::write(ground.path("x"), n.to_string()).unwrap();
    }
    let events = ground.until(|event| *event == Event::Lost).await;
    assert!(events.len() <= MOST_WAITING + 1);
    // And it goes on.
    std::fs::write(ground.path("mark"), "").unwrap();
    ground.changes_until("mark").await;
}

#[tokio::test]
async fn what_is_no_directory_is_not_watched() {
    let mut ground = Ground::new();
    std::fs::write(ground.path("file"), "").unwrap();
    let kind = |result: io::Result<Directory>| result.unwrap_err().kind();
    assert_eq!(kind(ground.events.watch(&ground.path("file"))), io::ErrorKind::NotADirectory);
    assert_eq!(kind(ground.events.watch(&ground.path("none"))), io::ErrorKind::NotFound);
}
