//! tmux by itself: sessions made through one control client as fast as it takes them.

use std::io::Write;
use std::process::Stdio;

use crate::ground::{Ground, now};

/// Makes so many sessions, pipelined; from the first command to the last child's main, nanoseconds.
pub fn start_all(ground: &Ground, count: usize) -> u64 {
    let socket = ground.at("run/bare.sock");
    let mut server = ground.command("tmux");
    let mut server = server.args(["-u", "-D", "-f", "/dev/null", "-S"]).arg(&socket).spawn().unwrap();
    crate::supervisors::wait_for(&socket);
    let mut client = ground.command("tmux");
    client.args(["-N", "-u", "-C", "-S"]).arg(&socket).args([
        "new-session",
        "-A",
        "-s",
        "_",
        "-f",
        "no-output",
        "--",
        "cat",
    ]);
    let mut client = client.stdin(Stdio::piped()).spawn().unwrap();
    let mut input = client.stdin.take().unwrap();
    let begin = now();
    for number in 0..count {
        let [child, stamps, index] = ground.words(number);
        writeln!(input, "new-session -d -x 200 -y 50 -s a{number} -- {child} {stamps} {index}").unwrap();
    }
    input.flush().unwrap();
    let (_, last) = ground.all(count);
    // Its children end with their terminals.
    server.kill().unwrap();
    server.wait().unwrap();
    client.wait().unwrap();
    last - begin
}
