use std::io::{Read, Write};
use std::os::unix::net::UnixStream as Stream;

use super::*;
use crate::shim::protocol::{ChildReport, Start, VERSION, decode_order, encode_report};

async fn pair() -> (tempfile::TempDir, ShimListener, Stream, ShimLink) {
    let dir = tempfile::tempdir().expect("tempdir");
    let path = dir.path().join("shim.sock");
    let listener = ShimListener::new(std::os::unix::net::UnixListener::bind(&path).expect("bind")).expect("listen");
    let shim = Stream::connect(&path).expect("connect");
    let link = listener.accept().await.expect("accept");
    (dir, listener, shim, link)
}

fn hello(name: &str) -> Report {
    Report::Hello {
        version: VERSION,
        name: name.to_owned(),
        child: ChildReport::None,
        memo: vec![1, 2],
        notices: vec![],
    }
}

fn note(size: usize) -> Order {
    Order::Note { run: 1, memo: vec![7; size], line: String::new() }
}

fn read_order(shim: &mut Stream, frames: &mut FrameBuffer) -> Order {
    loop {
        let count = shim.read(frames.space()).expect("read");
        assert!(count > 0);
        if let Some(frame) = frames.advance(count).expect("frame") {
            return decode_order(frame.bytes()).expect("order").expect("known");
        }
    }
}

#[tokio::test]
async fn reports_and_orders_pass_and_the_peer_is_known() {
    let (_dir, _listener, mut shim, mut link) = pair().await;
    let own = (std::process::id(), nix::unistd::getuid().as_raw(), nix::unistd::getgid().as_raw());
    assert_eq!((link.peer.pid, link.peer.uid, link.peer.gid), own);
    let process = link.peer.process.expect("a pidfd");
    assert!(!process.has_ended().expect("poll"));
    let bytes = encode_report(&hello("a")).expect("small");
    for piece in bytes.chunks(3) {
        shim.write_all(piece).expect("write");
    }
    assert_eq!(link.reader.next().await.expect("read"), Some(hello("a")));
    let start = Start {
        run: 1,
        hold: true,
        memo: vec![],
        line: "l".to_owned(),
        workdir: b"/".to_vec(),
        argv: vec![vec![b'x'; 131_071]],
        env: vec![b"A=B".to_vec()],
        notify: vec![],
        before: vec![],
        filter: vec![],
    };
    link.sender.send(Order::Start(start.clone())).expect("sent");
    link.sender.clone().send(Order::Quit).expect("sent");
    let reading = std::thread::spawn(move || {
        let mut frames = FrameBuffer::new();
        let orders = [read_order(&mut shim, &mut frames), read_order(&mut shim, &mut frames)];
        drop(shim);
        orders
    });
    // What didn't fit at once is written while the reader waits.
    assert_eq!(link.reader.next().await.expect("end"), None);
    assert_eq!(reading.join().expect("joined"), [Order::Start(start), Order::Quit]);
}

#[tokio::test]
async fn a_cancelled_read_loses_nothing() {
    let (_dir, _listener, mut shim, mut link) = pair().await;
    let bytes = encode_report(&hello("a")).expect("small");
    for byte in bytes.chunks(1) {
        shim.write_all(byte).expect("write");
        tokio::select! {
            biased;
            report = link.reader.next() => {
                assert_eq!(report.expect("read"), Some(hello("a")));
                return;
            }
            () = tokio::task::yield_now() => {}
        }
    }
    assert_eq!(link.reader.next().await.expect("read"), Some(hello("a")));
}

#[tokio::test]
async fn who_does_not_read_is_cut_off_and_told_by_both_ends() {
    let (_dir, _listener, _shim, mut link) = pair().await;
    let mut sent = 0;
    let refused = loop {
        match link.sender.send(note(1 << 20)) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
        assert!(sent < 64);
    };
    assert!(matches!(refused, LinkError::NotReading), "{refused}");
    assert!(sent >= 7);
    assert!(matches!(link.reader.next().await, Err(LinkError::NotReading)));
}

#[tokio::test]
async fn an_order_wakes_a_reader_that_waits() {
    let (_dir, _listener, mut shim, mut link) = pair().await;
    let sender = link.sender.clone();
    let waiting = tokio::spawn(async move { link.reader.next().await });
    tokio::task::yield_now().await;
    // More than a socket holds.
    sender.send(note(3 << 20)).expect("queued");
    let reading = std::thread::spawn(move || {
        let order = read_order(&mut shim, &mut FrameBuffer::new());
        shim.write_all(&encode_report(&hello("b")).expect("small")).expect("write");
        order
    });
    assert_eq!(waiting.await.expect("joined").expect("read"), Some(hello("b")));
    assert_eq!(reading.join().expect("joined"), note(3 << 20));
}

#[tokio::test]
async fn floods_and_nonsense_end_the_connection() {
    for report in [Report::TreeEmpty { run: 1 }, Report::Noticed { run: 1, notices: vec![] }] {
        let (_dir, _listener, mut shim, mut link) = pair().await;
        let flood = std::thread::spawn(move || {
            let bytes = encode_report(&report).expect("small");
            while shim.write_all(&bytes).is_ok() {}
        });
        let error = loop {
            if let Err(error) = link.reader.next().await {
                break error;
            }
        };
        assert!(matches!(error, LinkError::Flooding), "{error}");
        drop(link);
        flood.join().expect("joined");
    }

    for (nonsense, expected) in [
        (&[0_u8, 0, 0, 0][..], "an empty message"),
        (&[255, 255, 255, 255][..], "too long"),
        (&[2, 0, 0, 0, 2, 1][..], "cut short"),
        (&[9, 0, 0, 0, 2][..], "within a message"),
    ] {
        let (_dir, _listener, mut shim, mut link) = pair().await;
        shim.write_all(nonsense).expect("write");
        drop(shim);
        let error = link.reader.next().await.expect_err("nonsense");
        assert!(error.to_string().contains(expected), "{error}");
    }
}
