//! Messages to bytes and back.

use super::frames::MAX_FRAME;
use super::wire::{Reader, WireError, Writer};
use super::{ChildReport, Ended, NotStarted, Notice, Order, Report, Start, Step};

/// The whole frame of a report.
pub fn encode_report(report: &Report) -> Result<Vec<u8>, WireError> {
    encode(|writer| write_report(writer, report))
}

/// The whole frame of an order. It may hold secrets: [`wipe`](super::wipe) it after use.
pub fn encode_order(order: &Order) -> Result<Vec<u8>, WireError> {
    encode(|writer| write_order(writer, order))
}

/// Reads the body of a frame; `None` if it is a message that only later versions know.
pub fn decode_report(body: &[u8]) -> Result<Option<Report>, WireError> {
    let (kind, reader) = open(body)?;
    read_report(kind, reader)
}

/// Reads the body of a frame; `None` if it is a message that only later versions know.
pub fn decode_order(body: &[u8]) -> Result<Option<Order>, WireError> {
    let (kind, reader) = open(body)?;
    read_order(kind, reader)
}

fn encode(write: impl Fn(&mut Writer)) -> Result<Vec<u8>, WireError> {
    let mut count = Writer::counting();
    write(&mut count);
    let length = count.length();
    if length > MAX_FRAME {
        return Err(WireError::TooLong(length));
    }
    let mut writer = Writer::writing(length.saturating_add(4));
    writer.size(length);
    write(&mut writer);
    Ok(writer.finish())
}

fn open(body: &[u8]) -> Result<(u8, Reader<'_>), WireError> {
    let (kind, fields) = body.split_first().ok_or(WireError::Empty)?;
    Ok((*kind, Reader::new(fields)))
}

fn write_report(to: &mut Writer, report: &Report) {
    match report {
        Report::Hello { version, name, child, memo, notices } => {
            to.u8(1);
            to.u16(*version);
            to.bytes(name.as_bytes());
            // With a length, so that a child may gain fields in a later version.
            let mut count = Writer::counting();
            write_child(&mut count, child);
            to.size(count.length());
            write_child(to, child);
            to.bytes(memo);
            // Without any it is as version 1 wrote it.
            if !notices.is_empty() {
                write_notices(to, notices);
            }
        }
        Report::Forked { run, pid } => {
            to.u8(2);
            to.u64(*run);
            to.u32(*pid);
        }
        Report::Started { run, pid, at } => {
            to.u8(3);
            to.u64(*run);
            to.u32(*pid);
            to.u64(*at);
        }
        Report::NotStarted(not_started) => {
            to.u8(4);
            write_not_started(to, not_started);
        }
        Report::Ended(ended) => {
            to.u8(5);
            write_ended(to, ended);
        }
        Report::TreeEmpty { run } => {
            to.u8(6);
            to.u64(*run);
        }
        Report::Noticed { run, notices } => {
            to.u8(7);
            to.u64(*run);
            write_notices(to, notices);
        }
    }
}

fn write_notices(to: &mut Writer, notices: &[Notice]) {
    to.size(notices.len());
    for Notice { at, text } in notices {
        to.u64(*at);
        to.bytes(text);
    }
}

fn write_child(to: &mut Writer, child: &ChildReport) {
    match child {
        ChildReport::None => to.u8(0),
        ChildReport::Starting { run, pid } => {
            to.u8(1);
            to.u64(*run);
            // No process has the pid 0.
            to.u32(pid.unwrap_or(0));
        }
        ChildReport::Running { run, pid, at } => {
            to.u8(2);
            to.u64(*run);
            to.u32(*pid);
            to.u64(*at);
        }
        ChildReport::NotStarted(not_started) => {
            to.u8(3);
            write_not_started(to, not_started);
        }
        ChildReport::Ended(ended) => {
            to.u8(4);
            write_ended(to, ended);
        }
    }
}

fn write_not_started(to: &mut Writer, not_started: &NotStarted) {
    let NotStarted { run, step, errno, at } = not_started;
    to.u64(*run);
    to.u8(match step {
        Step::Fork => 0,
        Step::Workdir => 1,
        Step::Exec => 2,
    });
    to.i32(*errno);
    to.u64(*at);
}

fn write_ended(to: &mut Writer, ended: &Ended) {
    let Ended { run, wait_status, terminal_lost, cpu_micros, max_rss_kib, started_at, at, tree_empty } = ended;
    to.u64(*run);
    to.i32(*wait_status);
    to.flag(*terminal_lost);
    to.u64(*cpu_micros);
    to.u64(*max_rss_kib);
    to.u64(*started_at);
    to.u64(*at);
    to.flag(*tree_empty);
}

fn read_report(kind: u8, mut from: Reader<'_>) -> Result<Option<Report>, WireError> {
    Ok(Some(match kind {
        1 => Report::Hello {
            version: from.u16()?,
            name: from.text()?,
            child: read_child(Reader::new(from.bytes()?))?,
            memo: from.bytes()?.to_vec(),
            notices: if from.is_empty() { Vec::new() } else { read_notices(&mut from)? },
        },
        2 => Report::Forked { run: from.u64()?, pid: from.u32()? },
        3 => Report::Started { run: from.u64()?, pid: from.u32()?, at: from.u64()? },
        4 => Report::NotStarted(read_not_started(from)?),
        5 => Report::Ended(read_ended(from)?),
        6 => Report::TreeEmpty { run: from.u64()? },
        7 => Report::Noticed { run: from.u64()?, notices: read_notices(&mut from)? },
        _ => return Ok(None),
    }))
}

fn read_child(mut from: Reader<'_>) -> Result<ChildReport, WireError> {
    Ok(match from.u8()? {
        0 => ChildReport::None,
        1 => ChildReport::Starting { run: from.u64()?, pid: Some(from.u32()?).filter(|pid| *pid != 0) },
        2 => ChildReport::Running { run: from.u64()?, pid: from.u32()?, at: from.u64()? },
        3 => ChildReport::NotStarted(read_not_started(from)?),
        4 => ChildReport::Ended(read_ended(from)?),
        value => return Err(WireError::Unknown { field: "state of a child", value }),
    })
}

fn read_notices(from: &mut Reader<'_>) -> Result<Vec<Notice>, WireError> {
    // No room is made on the peer's word: each has its bytes, or there is an error.
    let count = from.u32()?;
    (0..count).map(|_| Ok(Notice { at: from.u64()?, text: from.bytes()?.to_vec() })).collect()
}

fn read_not_started(mut from: Reader<'_>) -> Result<NotStarted, WireError> {
    let run = from.u64()?;
    let step = match from.u8()? {
        0 => Step::Fork,
        1 => Step::Workdir,
        2 => Step::Exec,
        value => return Err(WireError::Unknown { field: "step of a launch", value }),
    };
    Ok(NotStarted { run, step, errno: from.i32()?, at: from.u64()? })
}

fn read_ended(mut from: Reader<'_>) -> Result<Ended, WireError> {
    Ok(Ended {
        run: from.u64()?,
        wait_status: from.i32()?,
        terminal_lost: from.flag()?,
        cpu_micros: from.u64()?,
        max_rss_kib: from.u64()?,
        started_at: from.u64()?,
        at: from.u64()?,
        tree_empty: from.flag()?,
    })
}

fn write_order(to: &mut Writer, order: &Order) {
    match order {
        Order::Start(Start { run, hold, memo, line, workdir, argv, env, notify, before, filter }) => {
            to.u8(1);
            to.u64(*run);
            to.flag(*hold);
            to.bytes(memo);
            to.bytes(line.as_bytes());
            to.bytes(workdir);
            to.list(argv);
            to.list(env);
            // Without any of these it is as version 1 wrote it.
            if !(notify.is_empty() && before.is_empty() && filter.is_empty()) {
                to.bytes(notify);
                to.list(before);
                to.list(filter);
            }
        }
        Order::Go { run } => {
            to.u8(2);
            to.u64(*run);
        }
        Order::Abort { run, errno } => {
            to.u8(3);
            to.u64(*run);
            to.i32(*errno);
        }
        Order::Signal { run, signal } => {
            to.u8(4);
            to.u64(*run);
            to.i32(*signal);
        }
        Order::KillTree { run } => {
            to.u8(5);
            to.u64(*run);
        }
        Order::Note { run, memo, line } => {
            to.u8(6);
            to.u64(*run);
            to.bytes(memo);
            to.bytes(line.as_bytes());
        }
        Order::Quit => to.u8(7),
    }
}

fn read_order(kind: u8, mut from: Reader<'_>) -> Result<Option<Order>, WireError> {
    Ok(Some(match kind {
        1 => {
            // Filled in place: what it owns is wiped, also when a later field is wrong.
            let mut start = Start {
                run: from.u64()?,
                hold: from.flag()?,
                memo: from.bytes()?.to_vec(),
                line: from.text()?,
                workdir: from.bytes()?.to_vec(),
                argv: Vec::new(),
                env: Vec::new(),
                notify: Vec::new(),
                before: Vec::new(),
                filter: Vec::new(),
            };
            from.list(&mut start.argv)?;
            from.list(&mut start.env)?;
            // As version 1 wrote it, it ends here.
            if !from.is_empty() {
                start.notify = from.bytes()?.to_vec();
                from.list(&mut start.before)?;
                from.list(&mut start.filter)?;
            }
            Order::Start(start)
        }
        2 => Order::Go { run: from.u64()? },
        3 => Order::Abort { run: from.u64()?, errno: from.i32()? },
        4 => Order::Signal { run: from.u64()?, signal: from.i32()? },
        5 => Order::KillTree { run: from.u64()? },
        6 => Order::Note { run: from.u64()?, memo: from.bytes()?.to_vec(), line: from.text()? },
        7 => Order::Quit,
        _ => return Ok(None),
    }))
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
