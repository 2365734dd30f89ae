//! Real files on real inotify. Tests wait for reports; a time is only how long a failure takes, or how long nothing is
//! reported: a slow machine makes no test fail.

use std::os::unix::fs::symlink;

use crate::desired::settle::{BURST_MAX, QUIET};
use crate::desired::{Sources, load};

use super::*;

struct Ground {
    dir: tempfile::TempDir,
    watcher: Watcher,
}

impl Ground {
    /// A configuration at `config`, secrets in `secrets`, as `prepare` makes them.
    fn new(prepare: impl FnOnce(&Path)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        prepare(dir.path());
        let mut ground = Self { dir, watcher: Watcher::new().unwrap() };
        ground.load();
        ground
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// As careful writers do it.
    fn replace(&self, name: &str, content: &str) {
        self.write(&format!("{name}.tmp"), content);
        std::fs::rename(self.path(&format!("{name}.tmp")), self.path(name)).unwrap();
    }

    fn relink(&self, name: &str, target: &str) {
        symlink(target, self.path("..new")).unwrap();
        std::fs::rename(self.path("..new"), self.path(name)).unwrap();
    }

    fn load(&mut self) {
        let loaded = load(&Sources {
            secret_dir: Some(self.path("secrets")),
            ..Sources::new(self.path("jcard.toml"), PathBuf::from("/home/u"))
        });
        assert!(self.watcher.follow(&loaded.paths, &loaded.stamp).is_empty());
    }

    /// Waits for a report, loads, and says how long it took.
    async fn changed(&mut self) -> Duration {
        let before = clock::now().mono;
        let report = tokio::time::timeout(Duration::from_secs(20), self.watcher.changed()).await;
        report.expect("no report").unwrap();
        let took = clock::now().mono.since(before);
        self.load();
        took
    }

    /// Takes events, however long they take to come, until one of them is this.
    async fn hear(&mut self, wanted: impl Fn(&Self, &Event) -> bool) {
        let heard = async {
            loop {
                let events = self.watcher.events.next().await.unwrap();
                self.watcher.take(&events);
                if events.iter().any(|event| wanted(self, event)) {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), heard).await.expect("not heard");
    }

    /// Waits until a change is complete by itself, and for its report.
    async fn complete(&mut self) {
        self.hear(|ground, _| ground.watcher.settle == Settle::Complete).await;
        self.changed().await;
    }

    /// Makes a change of several steps, of which there is one report. On a busy machine the steps, or what is heard of them,
    /// come too late to be one change: that proves nothing, and is tried again.
    async fn one_report(&mut self, steps: impl Fn(&Self)) {
        for _attempt in 0..20 {
            steps(self);
            self.changed().await;
            let mut reports = 1;
            while tokio::time::timeout(2 * BURST_MAX, self.watcher.changed()).await.is_ok() {
                self.load();
                reports += 1;
            }
            if reports == 1 {
                return;
            }
        }
        panic!("never one report");
    }

    /// Nothing is reported within twice the longest time that anything takes to settle.
    async fn calm(&mut self) {
        let report = tokio::time::timeout(2 * BURST_MAX, self.watcher.changed()).await;
        assert!(report.is_err(), "a report of nothing");
    }
}

const CONFIG: &str = "[agent]\nharness = \"codex\"\nprompt_file = \"p.md\"\n";

fn plain(dir: &Path) {
    std::fs::create_dir(dir.join("secrets")).unwrap();
    std::fs::write(dir.join("jcard.toml"), CONFIG).unwrap();
    std::fs::write(dir.join("p.md"), "do it").unwrap();
    std::fs::write(dir.join("secrets/A"), "1").unwrap();
}

#[tokio::test]
async fn a_rename_is_complete_at_once_and_a_write_when_it_is_closed() {
    let mut ground = Ground::new(plain);
    for name in ["jcard.toml", "p.md"] {
        ground.replace(name, CONFIG);
        ground.complete().await;
        ground.write(name, CONFIG);
        ground.complete().await;
    }
    ground.replace("secrets/A", "2");
    ground.changed().await;
    ground.replace("secrets/B", "2");
    ground.changed().await;
    std::fs::remove_file(ground.path("secrets/B")).unwrap();
    ground.changed().await;
    ground.calm().await;
}

#[tokio::test]
async fn a_write_that_is_not_closed_is_reported_after_a_quiet_time() {
    use std::io::Write;
    let mut ground = Ground::new(plain);
    let mut file = std::fs::OpenOptions::new().append(true).open(ground.path("jcard.toml")).unwrap();
    file.write_all(b"# more\n").unwrap();
    assert!(ground.changed().await >= QUIET);
    drop(file);
}

#[tokio::test]
async fn a_truncation_that_is_closed_waits_for_what_is_written_next() {
    let mut ground = Ground::new(plain);
    let rewrite = |ground: &Ground| ["", CONFIG].iter().for_each(|text| ground.write("jcard.toml", text));
    ground.one_report(rewrite).await;
    let replace = |ground: &Ground| {
        std::fs::rename(ground.path("jcard.toml"), ground.path("jcard.toml~")).unwrap();
        ground.write("jcard.toml", CONFIG);
    };
    ground.one_report(replace).await;
}

#[tokio::test]
async fn a_file_that_was_closed_empty_is_unfinished() {
    let mut ground = Ground::new(plain);
    ground.write("jcard.toml", "");
    ground.hear(|_, event| matches!(event, Event::Entry { change: Change::Closed, .. })).await;
    let settle = ground.watcher.settle;
    assert!(matches!(settle, Settle::Unfinished { .. }), "{settle:?}");
}

#[tokio::test]
async fn what_a_load_saw_is_not_reported_after_it() {
    let mut ground = Ground::new(plain);
    ground.replace("jcard.toml", "# none\n");
    ground.hear(|ground, _| ground.watcher.settle == Settle::Complete).await;
    ground.load();
    ground.calm().await;
}

#[tokio::test]
async fn a_directory_is_no_report_without_the_file_that_it_is_for_and_is_watched_all_the_same() {
    let mut ground = Ground::new(|dir| {
        plain(dir);
        std::fs::write(dir.join("jcard.toml"), CONFIG.replace("p.md", "prompts/p.md")).unwrap();
    });
    std::fs::create_dir(ground.path("prompts")).unwrap();
    ground.calm().await;
    ground.replace("prompts/p.md", "do it");
    ground.complete().await;
}

#[test]
fn a_directory_with_two_paths_is_of_interest_for_both() {
    let mut ground = Ground::new(plain);
    symlink(".", ground.path("same")).unwrap();
    let interest = |name: &str, is_secret_dir| Interest {
        directory: ground.path("."),
        names: [name.into()].into(),
        is_secret_dir,
    };
    let wanted = [(ground.path(""), interest("a", false)), (ground.path("same"), interest("b", true))].into();
    let (interests, problems) = ground.watcher.watch_all(&wanted);
    assert!(problems.is_empty());
    let merged: Vec<_> = interests.values().map(|one| (one.names.len(), one.is_secret_dir)).collect();
    assert_eq!(merged, [(2, true)]);
}

#[tokio::test]
async fn secrets_that_come_one_after_the_other_are_one_report() {
    let mut ground = Ground::new(plain);
    ground.one_report(|ground| (0..20).for_each(|n| ground.replace(&format!("secrets/S{n}"), "1"))).await;
}

#[tokio::test]
async fn other_files_reads_and_our_own_load_are_not_reported() {
    let mut ground = Ground::new(plain);
    ground.write("other.toml", "x");
    ground.write("jcard.toml.swp", "x");
    ground.write("secrets/.hidden", "x");
    ground.write("secrets/HALF.tmp", "x");
    std::fs::read(ground.path("jcard.toml")).unwrap();
    ground.load();
    ground.calm().await;
}

#[tokio::test]
async fn links_are_followed_hop_by_hop() {
    let mut ground = Ground::new(|dir| {
        for generation in ["1", "2"] {
            std::fs::create_dir_all(dir.join("store").join(generation)).unwrap();
            std::fs::write(dir.join("store").join(generation).join("jcard.toml"), "# none\n").unwrap();
        }
        symlink("store/1", dir.join("current")).unwrap();
        symlink("current/jcard.toml", dir.join("jcard.toml")).unwrap();
        std::fs::create_dir(dir.join("secrets")).unwrap();
    });
    ground.relink("current", "store/2");
    ground.complete().await;
    // Nobody cares for the old generation, and the new one is watched.
    ground.write("store/1/jcard.toml", "# other\n");
    ground.calm().await;
    ground.replace("store/2/jcard.toml", "# other\n");
    ground.complete().await;
    ground.relink("jcard.toml", "store/1/jcard.toml");
    ground.complete().await;
}

#[tokio::test]
async fn a_kubernetes_volume_is_one_report_a_swap() {
    let mut ground = Ground::new(|dir| {
        plain(dir);
        for generation in ["..1", "..2", "..3"] {
            std::fs::create_dir_all(dir.join("secrets").join(generation)).unwrap();
            std::fs::write(dir.join("secrets").join(generation).join("TOKEN"), generation).unwrap();
        }
        symlink("..1", dir.join("secrets/..data")).unwrap();
        symlink("..data/TOKEN", dir.join("secrets/TOKEN")).unwrap();
    });
    for (old, new) in [("secrets/..1", "..2"), ("secrets/..2", "..3")] {
        ground.relink("secrets/..data", new);
        std::fs::remove_dir_all(ground.path(old)).unwrap();
        ground.complete().await;
        ground.calm().await;
    }
}

#[tokio::test]
async fn a_sops_nix_generation_is_one_report_a_swap() {
    let mut ground = Ground::new(|dir| {
        plain(dir);
        std::fs::rename(dir.join("secrets"), dir.join("1")).unwrap();
        std::fs::create_dir(dir.join("2")).unwrap();
        std::fs::write(dir.join("2/A"), "2").unwrap();
        symlink("1", dir.join("secrets")).unwrap();
    });
    ground.relink("secrets", "2");
    std::fs::remove_dir_all(ground.path("1")).unwrap();
    ground.complete().await;
    ground.calm().await;
    ground.replace("2/A", "3");
    ground.changed().await;
}

#[tokio::test]
async fn what_is_missing_is_seen_when_it_comes() {
    let mut ground = Ground::new(|_| {});
    std::fs::create_dir(ground.path("secrets")).unwrap();
    ground.changed().await;
    ground.replace("secrets/A", "1");
    ground.changed().await;
    ground.replace("jcard.toml", CONFIG);
    ground.changed().await;
    ground.write("p.md", "do it");
    ground.changed().await;
    std::fs::remove_dir_all(ground.path("secrets")).unwrap();
    ground.changed().await;
    std::fs::create_dir(ground.path("secrets")).unwrap();
    ground.write("secrets/A", "1");
    ground.changed().await;
    ground.calm().await;
}

#[tokio::test]
async fn a_change_between_the_load_and_the_watch_is_not_lost() {
    let mut ground = Ground::new(plain);
    let loaded = load(&Sources {
        secret_dir: Some(ground.path("secrets")),
        ..Sources::new(ground.path("jcard.toml"), PathBuf::from("/home/u"))
    });
    ground.watcher = Watcher::new().unwrap();
    ground.replace("p.md", "something else");
    ground.watcher.follow(&loaded.paths, &loaded.stamp);
    ground.changed().await;
}

#[tokio::test]
async fn a_wait_that_is_given_up_loses_nothing() {
    let mut ground = Ground::new(plain);
    ground.replace("secrets/A", "2");
    for _ in 0..3 {
        tokio::select! {
            biased;
            _ = ground.watcher.changed() => break,
            () = tokio::task::yield_now() => {}
        }
    }
    ground.replace("secrets/A", "3");
    ground.changed().await;
    // On a busy machine the first change is due before the second is heard of, which then has a report of its own.
    let _ = tokio::time::timeout(2 * BURST_MAX, ground.watcher.changed()).await;
    ground.load();
    ground.calm().await;
}
