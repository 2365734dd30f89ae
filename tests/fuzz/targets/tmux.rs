//! What tmux says: blocks of control mode, however they are cut, and rows of panes.
#![no_main]

use agentd::fuzzing::blocks;
use agentd::sys::tmux::command::{list_panes, new_session, parse_pane};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, stream) = input;
    let found = blocks(stream, 8192);
    assert_eq!(found, blocks(stream, usize::from(piece)));
    for line in found.iter().flatten().flatten() {
        assert!(!line.contains('\n'));
        let Some(row) = parse_pane(line) else { continue };
        assert!(row.session_id.starts_with('$') && row.pane_id.starts_with('%'));
        assert!(!row.session_id.contains(' ') && !row.agent.contains('|'));
    }
    // What is written: one line each, whatever is in the names.
    let text = String::from_utf8_lossy(stream);
    let command = new_session(&text, &text, text.as_ref().as_ref(), text.as_ref().as_ref());
    assert!(!command.text.contains(['\n', '\r']));
    assert_eq!((command.commands, list_panes().commands), (1, 1));
});
