//! The shim's protocol, both ends: what is read is written again as the same bytes, however it was cut, and what can't be
//! read is an error.
#![no_main]

use agentd::shim::protocol::{FrameBuffer, decode_order, decode_report, encode_order, encode_report};
use libfuzzer_sys::fuzz_target;

/// The frames of a stream, up to its first mistake.
fn frames(mut stream: &[u8], piece: usize) -> (Vec<Vec<u8>>, bool) {
    let mut buffer = FrameBuffer::new();
    let mut found = Vec::new();
    while !stream.is_empty() {
        let space = buffer.space();
        assert!(!space.is_empty());
        let count = space.len().min(piece.max(1)).min(stream.len());
        let (now, later) = stream.split_at(count);
        space[..count].copy_from_slice(now);
        stream = later;
        match buffer.advance(count) {
            Ok(frame) => found.extend(frame.map(|frame| frame.bytes().to_vec())),
            Err(_) => return (found, false),
        }
    }
    (found, !buffer.is_partial())
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, stream) = input;
    let whole = frames(stream, usize::MAX);
    assert_eq!(whole, frames(stream, usize::from(piece)));
    for frame in whole.0 {
        if let Ok(Some(report)) = decode_report(&frame) {
            let bytes = encode_report(&report).unwrap();
            let (again, _) = frames(&bytes, usize::MAX);
            assert_eq!(again.len(), 1);
            assert_eq!(decode_report(&again[0]).unwrap(), Some(report));
        }
        if let Ok(Some(order)) = decode_order(&frame) {
            let bytes = encode_order(&order).unwrap();
            let (again, _) = frames(&bytes, usize::MAX);
            assert_eq!(again.len(), 1);
            assert!(decode_order(&again[0]).unwrap() == Some(order));
        }
    }
});
