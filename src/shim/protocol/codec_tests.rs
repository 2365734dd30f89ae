//! The wire format, held to the byte: shims outlive upgrades of the daemon.

use proptest::prelude::*;

use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|c| c.to_digit(16)).map(|d| u8::try_from(d).expect("a digit")).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn body(frame: &[u8]) -> &[u8] {
    let (length, body) = frame.split_first_chunk::<4>().expect("a length");
    assert_eq!(usize::try_from(u32::from_le_bytes(*length)).expect("fits"), body.len());
    body
}

#[track_caller]
fn golden_report(report: &Report, bytes: &str) {
    assert_eq!(encode_report(report), Ok(hex(bytes)));
    assert_eq!(decode_report(body(&hex(bytes))).as_ref(), Ok(&Some(report.clone())));
}

#[track_caller]
fn golden_order(order: &Order, bytes: &str) {
    assert_eq!(encode_order(order), Ok(hex(bytes)));
    assert_eq!(decode_order(body(&hex(bytes))).as_ref(), Ok(&Some(order.clone())));
}

fn ended() -> Ended {
    Ended {
        run: 7,
        wait_status: 0x0200,
        terminal_lost: false,
        cpu_micros: 0x0102,
        max_rss_kib: 0x0304,
        started_at: 8,
        at: 9,
        tree_empty: true,
    }
}

#[test]
fn reports_look_as_version_1_wrote_them() {
    let hello = |child| Report::Hello { version: 1, name: "ab".to_owned(), child, memo: vec![0xff], notices: vec![] };
    golden_report(&hello(ChildReport::None), "13000000 01 0100 02000000 6162 01000000 00 01000000 ff");
    golden_report(
        &hello(ChildReport::Starting { run: 7, pid: None }),
        "1f000000 01 0100 02000000 6162 0d000000 01 0700000000000000 00000000 01000000 ff",
    );
    golden_report(
        &hello(ChildReport::Running { run: 7, pid: 5, at: 9 }),
        "27000000 01 0100 02000000 6162 15000000 02 0700000000000000 05000000 0900000000000000 01000000 ff",
    );
    let not_started = NotStarted { run: 7, step: Step::Exec, errno: 2, at: 9 };
    golden_report(
        &hello(ChildReport::NotStarted(not_started.clone())),
        "28000000 01 0100 02000000 6162 16000000 03 0700000000000000 02 02000000 0900000000000000 01000000 ff",
    );
    golden_report(
        &hello(ChildReport::Ended(ended())),
        "41000000 01 0100 02000000 6162 2f000000 04 0700000000000000 00020000 00 0201000000000000 0403000000000000
         0800000000000000 0900000000000000 01 01000000 ff",
    );
    golden_report(&Report::Forked { run: 7, pid: 5 }, "0d000000 02 0700000000000000 05000000");
    golden_report(&Report::Started { run: 7, pid: 5, at: 9 }, "15000000 03 0700000000000000 05000000 0900000000000000");
    golden_report(&Report::NotStarted(not_started), "16000000 04 0700000000000000 02 02000000 0900000000000000");
    golden_report(
        &Report::Ended(ended()),
        "2f000000 05 0700000000000000 00020000 00 0201000000000000 0403000000000000 0800000000000000
         0900000000000000 01",
    );
    golden_report(&Report::TreeEmpty { run: 7 }, "09000000 06 0700000000000000");
}

#[test]
fn orders_look_as_version_1_wrote_them() {
    let start = Start {
        run: 7,
        hold: true,
        memo: vec![1],
        line: "l".to_owned(),
        workdir: b"/".to_vec(),
        argv: vec![b"a".to_vec(), vec![]],
        env: vec![b"K=V".to_vec()],
        notify: vec![],
        before: vec![],
        filter: vec![],
    };
    golden_order(
        &Order::Start(start),
        "31000000 01 0700000000000000 01 01000000 01 01000000 6c 01000000 2f 02000000 01000000 61 00000000
         01000000 03000000 4b3d56",
    );
    golden_order(&Order::Go { run: 7 }, "09000000 02 0700000000000000");
    golden_order(&Order::Abort { run: 7, errno: 1 }, "0d000000 03 0700000000000000 01000000");
    golden_order(&Order::Signal { run: 7, signal: 15 }, "0d000000 04 0700000000000000 0f000000");
    golden_order(&Order::KillTree { run: 7 }, "09000000 05 0700000000000000");
    let note = Order::Note { run: 7, memo: vec![1], line: "l".to_owned() };
    golden_order(&note, "13000000 06 0700000000000000 01000000 01 01000000 6c");
    golden_order(&Order::Quit, "01000000 07");
}

#[test]
fn messages_look_as_version_2_wrote_them() {
    let notices = vec![Notice { at: 9, text: b"A=b".to_vec() }, Notice { at: 1, text: vec![] }];
    let (name, child, memo) = ("ab".to_owned(), ChildReport::None, vec![]);
    golden_report(
        &Report::Hello { version: 2, name, child, memo, notices: notices.clone() },
        "31000000 01 0200 02000000 6162 01000000 00 00000000 02000000 0900000000000000 03000000 413d62
         0100000000000000 00000000",
    );
    golden_report(
        &Report::Noticed { run: 7, notices },
        "28000000 07 0700000000000000 02000000 0900000000000000 03000000 413d62 0100000000000000 00000000",
    );
    let start = Start {
        run: 7,
        hold: false,
        memo: vec![],
        line: String::new(),
        workdir: b"/".to_vec(),
        argv: vec![b"a".to_vec()],
        env: vec![],
        notify: b"/n".to_vec(),
        before: vec![b"b".to_vec()],
        filter: vec![b"f".to_vec(), b"g".to_vec()],
    };
    golden_order(
        &Order::Start(start),
        "41000000 01 0700000000000000 00 00000000 00000000 01000000 2f 01000000 01000000 61 00000000
         02000000 2f6e 01000000 01000000 62 02000000 01000000 66 01000000 67",
    );
}

#[test]
fn what_a_later_version_adds_is_skipped() {
    assert_eq!(decode_order(&[200, 1, 2, 3]), Ok(None));
    assert_eq!(decode_report(&[200]), Ok(None));
    assert_eq!(decode_order(&hex("02 0700000000000000 ffff")), Ok(Some(Order::Go { run: 7 })));
    let longer_child = hex("01 0100 00000000 03000000 00 eeee 01000000 ff");
    let (name, child, memo) = (String::new(), ChildReport::None, vec![0xff]);
    let hello = Report::Hello { version: 1, name, child, memo, notices: vec![] };
    assert_eq!(decode_report(&longer_child), Ok(Some(hello)));
}

#[test]
fn nonsense_is_named() {
    assert_eq!(decode_order(&[]), Err(WireError::Empty));
    assert_eq!(decode_order(&[2, 1]), Err(WireError::Truncated));
    assert_eq!(decode_order(&hex("06 0700000000000000 00000000 01000000 ff")), Err(WireError::NotText));
    let step = hex("04 0700000000000000 09 02000000 0900000000000000");
    assert_eq!(decode_report(&step), Err(WireError::Unknown { field: "step of a launch", value: 9 }));
    let child = hex("01 0100 00000000 01000000 09 00000000");
    assert_eq!(decode_report(&child), Err(WireError::Unknown { field: "state of a child", value: 9 }));
}

#[test]
fn a_message_larger_than_a_frame_is_refused_by_its_writer() {
    let note = Order::Note { run: 1, memo: vec![0; MAX_FRAME], line: String::new() };
    assert!(matches!(encode_order(&note), Err(WireError::TooLong(_))));
    // Its type, its run and two lengths are 17 bytes.
    let fits = Order::Note { run: 1, memo: vec![0; MAX_FRAME - 17], line: String::new() };
    let frame = encode_order(&fits).expect("fits");
    assert_eq!(body(&frame).len(), MAX_FRAME);
}

#[test]
fn the_environment_is_not_in_debug_output() {
    let start = Start {
        run: 1,
        hold: false,
        memo: vec![],
        line: String::new(),
        workdir: vec![],
        argv: vec![b"prompt-7".to_vec()],
        env: vec![b"KEY=secret-7".to_vec()],
        notify: vec![],
        before: vec![],
        filter: vec![],
    };
    let text = format!("{:?}", Order::Start(start));
    assert!(text.contains("run: 1"), "{text}");
    assert!(!text.contains("115") && !text.contains("secret"), "{text}");
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..20)
}

fn any_not_started() -> impl Strategy<Value = NotStarted> {
    let step = prop_oneof![Just(Step::Fork), Just(Step::Workdir), Just(Step::Exec)];
    (any::<u64>(), step, any::<i32>(), any::<u64>()).prop_map(|(run, step, errno, at)| NotStarted {
        run,
        step,
        errno,
        at,
    })
}

fn any_ended() -> impl Strategy<Value = Ended> {
    any::<(u64, i32, bool, u64, u64, u64, u64, bool)>().prop_map(
        |(run, wait_status, terminal_lost, cpu_micros, max_rss_kib, started_at, at, tree_empty)| Ended {
            run,
            wait_status,
            terminal_lost,
            cpu_micros,
            max_rss_kib,
            started_at,
            at,
            tree_empty,
        },
    )
}

fn any_child() -> impl Strategy<Value = ChildReport> {
    prop_oneof![
        Just(ChildReport::None),
        (any::<u64>(), prop::option::of(1u32..)).prop_map(|(run, pid)| ChildReport::Starting { run, pid }),
        any::<(u64, u32, u64)>().prop_map(|(run, pid, at)| ChildReport::Running { run, pid, at }),
        any_not_started().prop_map(ChildReport::NotStarted),
        any_ended().prop_map(ChildReport::Ended),
    ]
}

fn any_report() -> impl Strategy<Value = Report> {
    let notice = || (any::<u64>(), bytes()).prop_map(|(at, text)| Notice { at, text });
    let notices = || prop::collection::vec(notice(), 0..4);
    prop_oneof![
        (any::<u16>(), ".{0,9}", any_child(), bytes(), notices()).prop_map(|(version, name, child, memo, notices)| {
            Report::Hello { version, name, child, memo, notices }
        }),
        any::<(u64, u32)>().prop_map(|(run, pid)| Report::Forked { run, pid }),
        any::<(u64, u32, u64)>().prop_map(|(run, pid, at)| Report::Started { run, pid, at }),
        any_not_started().prop_map(Report::NotStarted),
        any_ended().prop_map(Report::Ended),
        any::<u64>().prop_map(|run| Report::TreeEmpty { run }),
        (any::<u64>(), notices()).prop_map(|(run, notices)| Report::Noticed { run, notices }),
    ]
}

fn any_order() -> impl Strategy<Value = Order> {
    let list = || prop::collection::vec(bytes(), 0..5);
    let added = (bytes(), list(), list());
    let start = (any::<u64>(), any::<bool>(), bytes(), ".{0,9}", bytes(), list(), list(), added).prop_map(
        |(run, hold, memo, line, workdir, argv, env, (notify, before, filter))| {
            Order::Start(Start { run, hold, memo, line, workdir, argv, env, notify, before, filter })
        },
    );
    prop_oneof![
        start,
        any::<u64>().prop_map(|run| Order::Go { run }),
        any::<(u64, i32)>().prop_map(|(run, errno)| Order::Abort { run, errno }),
        any::<(u64, i32)>().prop_map(|(run, signal)| Order::Signal { run, signal }),
        any::<u64>().prop_map(|run| Order::KillTree { run }),
        (any::<u64>(), bytes(), ".{0,9}").prop_map(|(run, memo, line)| Order::Note { run, memo, line }),
        Just(Order::Quit),
    ]
}

proptest! {
    #[test]
    fn reports_come_back(report in any_report()) {
        let frame = encode_report(&report).expect("small");
        prop_assert_eq!(decode_report(body(&frame)), Ok(Some(report)));
    }

    #[test]
    fn orders_come_back(order in any_order()) {
        let frame = encode_order(&order).expect("small");
        prop_assert_eq!(decode_order(body(&frame)), Ok(Some(order)));
    }

    #[test]
    fn a_cut_message_is_an_error(order in any_order(), cut in any::<prop::sample::Index>()) {
        let frame = encode_order(&order).expect("small");
        let body = body(&frame);
        let mut version_1 = order.clone();
        if let Order::Start(start) = &mut version_1 {
            (start.notify, start.before, start.filter) = (vec![], vec![], vec![]);
        }
        let read = decode_order(&body[..cut.index(body.len())]);
        prop_assert!(read.is_err() || (read == Ok(Some(version_1.clone())) && version_1 != order));
    }

    #[test]
    fn nonsense_never_panics(kind in 0u8..10, fields in prop::collection::vec(any::<u8>(), 0..100)) {
        let mut body = vec![kind];
        body.extend(fields);
        let _ = decode_order(&body);
        let _ = decode_report(&body);
    }
}
