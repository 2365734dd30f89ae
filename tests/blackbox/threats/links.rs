//! What an agent puts in the place of files that root works with.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::declare::{Record, agent};
use crate::harness::{Host, until};
use crate::threats::Siege;

const ROOTS: &str = "what only root may read";

/// A file of root's that nobody else may read, and its directory.
fn roots_own(host: &Host) -> PathBuf {
    let directory = host.at("roots");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("file"), ROOTS).unwrap();
    fs::set_permissions(directory.join("file"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
    directory.join("file")
}

/// As [`roots_own`] made it.
fn is_untouched(file: &Path) {
    let meta = fs::metadata(file).unwrap();
    assert_eq!((meta.uid(), meta.gid(), meta.mode() & 0o7777), (0, 0, 0o600));
    assert_eq!(fs::read_to_string(file).unwrap(), ROOTS);
    let directory = fs::metadata(file.parent().unwrap()).unwrap();
    assert_eq!((directory.uid(), directory.gid(), directory.mode() & 0o7777), (0, 0, 0o700));
}

#[test]
fn sockets_that_are_swapped_for_links_and_fifos_gain_nothing_of_roots() {
    let Some(host) = Host::as_root() else { return };
    let target = roots_own(&host);
    // While daemons come and go: they make, own and remove what is there.
    let script = host.fill_in(
        "cd $DIR/run/agentd; n=0; while [ $n -lt 400 ]; do n=$((n + 1)); \
         for name in shim.sock tmux.sock shim.sock.lock lock .shim.sock; do \
           rm -f $name; ln -s $DIR/roots/file $name; rm -f $name; ln -s $DIR/roots $name; rm -f $name; mkfifo $name; done; \
         done; touch $DIR/work/done; exec sleep 1000",
    );
    let mut siege = Siege::begin(host, &script, "");
    while !siege.host.at("work/done").exists() {
        drop(siege.daemon);
        siege.daemon = siege.host.spawn();
        // Whatever it makes of what it finds, it is for it to say: that it goes on is another test's.
        let mut looks = 0;
        until("it to have tried", || {
            looks += 1;
            (looks > 50 || siege.host.at("work/done").exists()).then_some(())
        });
        is_untouched(&target);
    }
    is_untouched(&target);
}

#[test]
fn a_workdir_that_is_swapped_leads_nobody_where_only_root_may_go() {
    let Some(host) = Host::as_root() else { return };
    let target = roots_own(&host);
    let script = host.fill_in(
        "n=0; while [ $n -lt 300 ]; do n=$((n + 1)); \
         rm -rf swapped; mkdir swapped; rm -rf swapped; ln -s $DIR/roots swapped; rm -f swapped; mkfifo swapped; done; \
         rm -f swapped; ln -s $DIR/roots swapped; touch done; exec sleep 1000",
    );
    let siege = Siege::begin(host, &script, "");
    let inside = agent(
        "inside",
        &["/bin/sh", "-c", "pwd -P >> $DIR/work/places"],
        "restart = \"always\"\nbackoff = \"1ms\"\nbackoff_max = \"5ms\"",
    );
    let inside = inside.replace("workdir = \"$DIR/work\"", "workdir = \"$DIR/work/swapped\"");
    siege.host.configure(&[Siege::bystander(), agent("attacker", &["/bin/sh", "-c", &script], ""), inside].concat());
    siege.host.file("done");
    until("the last place to be refused", || {
        let error = siege.daemon.agent("inside")["error"].to_string();
        error.contains("ermission denied").then_some(())
    });
    let places = fs::read_to_string(siege.host.at("work/places")).unwrap_or_default();
    assert!(!places.contains("roots"), "{places}");
    is_untouched(&target);
    siege.the_rest_still_works();
}

#[test]
fn a_prompt_file_that_is_swapped_shows_nobody_what_only_root_may_read() {
    let Some(host) = Host::as_root() else { return };
    let target = roots_own(&host);
    let prompt = host.at("work/prompt.md");
    fs::write(&prompt, "first").unwrap();
    host.own(&prompt);
    let table = agent(
        "asked",
        &["$PROBE", "record", "seen", "wait", "--", "{prompt}"],
        "prompt_file = \"$DIR/work/prompt.md\"",
    );
    host.configure(&[Siege::bystander(), table].concat());
    let daemon = host.start();
    daemon.wait_states(&[("bystander", "running"), ("asked", "running")]);
    let refused = |what: &str| {
        until(what, || {
            let health = daemon.get("/v1/health").1;
            health["config_error"].to_string().contains("prompt.md").then_some(())
        });
    };
    let replace = |make: &dyn Fn(&Path)| {
        make(&host.at("work/.new"));
        fs::rename(host.at("work/.new"), &prompt).unwrap();
    };
    let accepted =
        || until("the prompt to be taken", || daemon.get("/v1/health").1["config_error"].is_null().then_some(()));
    // The agents' user's own, as one of root's would be root's wish.
    let uid = host.account.as_ref().map(|account| account.uid);
    replace(&|new| {
        symlink(&target, new).unwrap();
        std::os::unix::fs::lchown(new, uid, uid).unwrap();
    });
    refused("the link to be refused");
    replace(&|new| {
        fs::write(new, "second").unwrap();
        host.own(new);
    });
    accepted();
    replace(&|new| nix::unistd::mkfifo(new, nix::sys::stat::Mode::S_IRWXU).unwrap());
    refused("the fifo to be refused");
    replace(&|new| symlink("/dev/zero", new).unwrap());
    refused("the device to be refused");
    until("the second prompt to have been given", || {
        let seen = Record::read(&host, "seen");
        seen.arguments.iter().any(|argument| argument == b"second").then_some(())
    });
    for pid in host.processes() {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&line).contains(ROOTS));
    }
    Siege { daemon, host }.the_rest_still_works();
}
