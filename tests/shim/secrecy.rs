//! What the shim was given it forgets.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use agentd::shim::protocol::*;

use super::harness::*;

/// Every readable byte of a process's memory.
fn memory(pid: i32) -> Vec<u8> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).expect("maps, as root");
    let mut file = File::open(format!("/proc/{pid}/mem")).expect("memory, as root");
    let mut all = Vec::new();
    for line in maps.lines().filter(|line| line.contains(" r") && !line.contains("[v")) {
        let range = line.split(' ').next().and_then(|range| range.split_once('-')).expect("a range");
        let at = |text| u64::from_str_radix(text, 16).expect("an address");
        let size = usize::try_from(at(range.1) - at(range.0)).expect("fits");
        let mut bytes = vec![0; size];
        if file.seek(SeekFrom::Start(at(range.0))).is_ok() && file.read_exact(&mut bytes).is_ok() {
            all.extend(bytes);
        }
    }
    all
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|part| part == text)
}

#[test]
fn secrets_are_in_the_agent_and_nowhere_else() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED, as only root can look into a shim's memory");
        return;
    }
    // What an allocator does with memory that it gets back depends on the size.
    for size in [0, 1_000, 100_000] {
        forgets_secrets_of(size);
    }
}

fn forgets_secrets_of(size: usize) {
    let (mut shim, _daemon, mut link) = Shim::connected();
    // Made here, so that they are in no file; found in two halves, so that they are not in this test's own text either.
    let secrets: Vec<Vec<u8>> = (0..3).map(|n| format!("hush-{n}-{}", shim.marker).into_bytes()).collect();
    // Behind the bytes that an allocator writes to, and before the end, which it may give back to the kernel.
    let around = |start: &[u8], secret: &[u8]| [start, &[b'.'; 64], secret, &vec![b'.'; size]].concat();
    let mut start = shim.script("read x");
    start.argv.push(around(b"prompt ", &secrets[0]));
    start.env.push(around(b"ONE=", &secrets[1]));
    start.env.push(around(b"TWO=", &secrets[2]));
    start.env.push(around(b"LAST=", b"known"));
    link.send(&Order::Start(start));
    let pid = link.started();
    // The shim handles its orders one by one: when this is answered, the start is done with.
    let refused = shim.script("read x");
    link.send(&Order::Start(refused));
    link.not_started();
    let agent = std::fs::read(format!("/proc/{pid}/environ")).expect("environ");
    assert!(contains(&agent, &secrets[1]));
    let shim_memory = memory(shim.pid());
    assert!(contains(&shim_memory, b"tester"), "the search itself works");
    for secret in &secrets {
        for file in ["cmdline", "environ"] {
            let bytes = std::fs::read(format!("/proc/{}/{file}", shim.pid())).expect("proc");
            assert!(!contains(&bytes, secret));
        }
        let secret = String::from_utf8_lossy(&secret[..12]);
        assert!(!contains(&shim_memory, secret.as_bytes()), "{secret:?} is still there, with {size} bytes more");
    }
}

#[test]
fn nobody_else_may_look_into_the_shim() {
    use std::os::unix::fs::MetadataExt;
    let (shim, _daemon, _link) = Shim::connected();
    // A process that can't be dumped has its files given to root, whoever runs it, and no debugger gets in.
    let status = std::fs::metadata(format!("/proc/{}/mem", shim.pid())).expect("proc");
    assert_eq!((status.uid(), status.gid()), (0, 0));
    let status = std::fs::read_to_string(format!("/proc/{}/status", shim.pid())).expect("status");
    assert!(status.contains("Threads:\t1\n"));
}
