//! An agent that leaves no room and no names on the disk.

use std::process::Command;

use crate::harness::Host;
use crate::threats::Siege;

/// A file system that is unmounted in the end.
struct Mounted(std::path::PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(&self.0).output());
    }
}

#[test]
fn a_full_disk_stops_nobody_from_being_started_and_stopped() {
    let Some(host) = Host::as_root() else { return };
    let (work, run) = (host.at("work"), host.at("run"));
    let options = format!("size=1m,nr_inodes=200,mode=755,uid={}", host.account.as_ref().unwrap().uid);
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(&work).output().unwrap();
    if !mount.status.success() {
        eprintln!("SKIPPED: nothing can be mounted here");
        return;
    }
    let _mounted = Mounted(work);
    assert!(run.exists());
    let script = "n=0; while touch name-$n 2>/dev/null; do n=$((n + 1)); done; rm -f name-0; \
         cat /dev/zero > fill 2>/dev/null; rm -f name-1; touch done; exec sleep 1000";
    let mut siege = Siege::begin(host, script, "");
    siege.host.file("done");
    siege.the_rest_still_works();
    drop(siege.daemon);
    siege.daemon = siege.host.start();
    siege.the_rest_still_works();
    siege.lift();
}
