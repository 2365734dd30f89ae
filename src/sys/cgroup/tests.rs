#![allow(clippy::disallowed_methods, clippy::print_stderr, reason = "tests' children, and a loud skip")]

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command};

use super::root::{parse_cgroup, parse_mountinfo};
use super::*;

/// A base around a process of our own, that stands for the tmux server.
struct Base {
    server: Child,
    root: CgroupRoot,
}

impl Base {
    fn new() -> Option<Self> {
        let mut server = Command::new("sleep").arg("1000").spawn().expect("sleep");
        match CgroupRoot::find_or_create(server.id()) {
            Ok(root) => Some(Self { server, root }),
            Err(reason) => {
                server.kill().expect("killed");
                server.wait().expect("waited");
                eprintln!("SKIPPED, as there are no cgroups to be had here: {reason}");
                None
            }
        }
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        for name in self.root.agents().unwrap_or_default() {
            if let Ok(cgroup) = self.root.agent(&name) {
                let _ = cgroup.kill();
            }
        }
        let _ = self.server.kill();
        let _ = self.server.wait();
        let (Some(own), Some(name)) = (self.root.path().parent(), self.root.path().file_name()) else { return };
        if let Ok(own) = std::fs::File::open(own) {
            let own = OwnedFd::from(own);
            // The kernel lets go of the dead a moment after they were waited for.
            while remove_tree(&own, Path::new(name), MAX_DEPTH).is_err_and(|e| e.raw_os_error() == Some(libc::EBUSY)) {}
        }
    }
}

#[test]
fn the_mount_and_the_own_cgroup_are_read_as_the_kernel_writes_them() {
    let text = "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
                40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n\
                41 31 0:38 /a\\040b /sys/fs/cgroup/uni\\040fied rw,relatime shared:9 - cgroup2 cgroup2 rw\n";
    let (mount, root) = parse_mountinfo(text).expect("found");
    assert_eq!((mount, root), (PathBuf::from("/sys/fs/cgroup/uni fied"), PathBuf::from("/a b")));
    assert_eq!(parse_mountinfo("1 2 0:1 / / rw - ext4 /dev/sda rw\n"), None);
    assert_eq!(parse_cgroup("4:memory:/x\n0::/a/b\n"), Some(PathBuf::from("/a/b")));
    assert_eq!(parse_cgroup("4:memory:/x\n"), None);
    assert_eq!(parse_cgroup("0::/../x\n"), None);
    assert_eq!(parse_cgroup("0::/gone (deleted)\n"), None);
}

#[test]
fn a_base_is_found_again_by_the_server_in_its_leaf() {
    let Some(base) = Base::new() else { return };
    let again = CgroupRoot::find_or_create(base.server.id()).expect("found");
    assert_eq!(again.path(), base.root.path());
    assert!(base.root.path().ends_with(format!("agentd-{}", base.server.id())));
    assert!(base.root.agents().expect("list").is_empty());
    assert!(base.root.existing_agent("a").expect("looked").is_none());
    base.root.agent("a").expect("made");
    assert_eq!(again.agents().expect("list"), ["a"]);
    assert!(again.existing_agent("a").expect("looked").is_some());
    for name in ["", "a/b", "a\nb"] {
        assert!(base.root.agent(name).is_err());
    }
}

#[tokio::test]
async fn everything_in_it_dies_and_is_known_to_be_gone() {
    let Some(base) = Base::new() else { return };
    let cgroup = base.root.agent("victim").expect("made");
    assert!(!cgroup.populated().expect("read"));
    cgroup.empty().await.expect("empty from the start");

    // It waits until it is placed; then it leaves its session and its parent, and deep below makes cgroups of its own.
    let nested = base.root.path().join("victim.agent/a/b");
    let script = format!(
        "read x; trap '' TERM INT HUP; mkdir -p '{0}'; (setsid sh -c 'echo $$ > {0}/cgroup.procs; echo up; sleep 1000' &); sleep 1000",
        nested.display()
    );
    let mut agent = Command::new("sh");
    agent.args(["-c", &script]).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut agent = agent.spawn().expect("sh");
    cgroup.place(agent.id()).expect("placed");
    writeln!(agent.stdin.take().expect("piped")).expect("told");
    let mut up = [0; 3];
    agent.stdout.as_mut().expect("piped").read_exact(&mut up).expect("up");
    assert!(cgroup.populated().expect("read"));

    let mut waiting = Box::pin(cgroup.empty());
    tokio::select! {
        biased;
        _ = &mut waiting => panic!("not empty yet"),
        () = tokio::task::yield_now() => {}
    }
    cgroup.kill().expect("killed");
    waiting.as_mut().await.expect("empty");
    drop(waiting);
    assert!(!cgroup.populated().expect("read"));
    agent.wait().expect("waited");
    cgroup.remove().expect("removed, and what was below it");
    assert!(base.root.agents().expect("list").is_empty());
}

#[test]
fn an_agent_can_not_move_itself_out() {
    let Some(base) = Base::new() else { return };
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED, as only root can become somebody else");
        return;
    }
    let cgroup = base.root.agent("prisoner").expect("made");
    let path = base.root.path().display();
    let script = format!(
        "read x; for to in '{path}' '{path}/tmux' '{path}/..' '{path}/other.agent'; do echo $$ > $to/cgroup.procs && exit 1; done 2>/dev/null
         mkdir '{path}/mine' 2>/dev/null && exit 2; exit 0"
    );
    let other = base.root.agent("other").expect("made");
    let mut agent = Command::new("sh");
    agent.args(["-c", &script]).stdin(std::process::Stdio::piped()).uid(65534).gid(65534);
    let mut agent = agent.spawn().expect("sh");
    cgroup.place(agent.id()).expect("placed");
    writeln!(agent.stdin.take().expect("piped")).expect("told");
    assert!(agent.wait().expect("waited").success(), "it got out");
    drop(other);
}

#[test]
fn a_server_that_is_gone_is_no_base() {
    let mut gone = Command::new("true").spawn().expect("true");
    gone.wait().expect("waited");
    assert!(matches!(CgroupRoot::find_or_create(gone.id()), Err(Unavailable::Unplaced(_) | Unavailable::NotMounted)));
}
