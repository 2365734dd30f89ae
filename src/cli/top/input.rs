//! Bytes from a terminal as keys. Only those that mean something here; all others are passed over, whole.

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Escape,
    Backspace,
    Interrupt,
    Suspend,
    Redraw,
    Char(char),
}

/// Puts keys together that arrive in pieces.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    pending: Vec<u8>,
}

impl Decoder {
    /// The keys that are whole now.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<Key> {
        self.pending.extend_from_slice(bytes);
        let mut keys = Vec::new();
        let mut rest = &self.pending[..];
        while let Some((length, key)) = next(rest) {
            keys.extend(key);
            rest = &rest[length..];
        }
        self.pending = rest.to_vec();
        keys
    }

    /// Whether more may come. An escape character that stays alone is the key.
    pub(super) fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Nothing more came in time.
    pub(super) fn flush(&mut self) -> Vec<Key> {
        let alone = self.pending.first() == Some(&0x1b);
        self.pending.clear();
        if alone { vec![Key::Escape] } else { Vec::new() }
    }
}

/// The length of the first key, and which it is; none before it is whole.
fn next(bytes: &[u8]) -> Option<(usize, Option<Key>)> {
    match bytes {
        [] | [0x1b] | [0x1b, b'O'] => None,
        [0x1b, b'[', rest @ ..] => {
            let end = rest.iter().position(|byte| (0x40..=0x7e).contains(byte))?;
            Some((end + 3, sequence(&rest[..=end])))
        }
        [0x1b, b'O', last, ..] => Some((3, sequence(&[*last]))),
        // No key has Alt here: two keys, that came at once over a slow line.
        [0x1b, _, ..] => Some((1, Some(Key::Escape))),
        [byte, ..] if byte.is_ascii() => Some((1, single(*byte))),
        _ => character(bytes),
    }
}

fn sequence(text: &[u8]) -> Option<Key> {
    match text {
        b"A" => Some(Key::Up),
        b"B" => Some(Key::Down),
        b"H" | b"1~" | b"7~" => Some(Key::Home),
        b"F" | b"4~" | b"8~" => Some(Key::End),
        b"M" => Some(Key::Enter),
        b"5~" => Some(Key::PageUp),
        b"6~" => Some(Key::PageDown),
        _ => None,
    }
}

fn single(byte: u8) -> Option<Key> {
    match byte {
        b'\r' | b'\n' => Some(Key::Enter),
        0x7f | 0x08 => Some(Key::Backspace),
        0x02 => Some(Key::PageUp),
        0x06 => Some(Key::PageDown),
        0x03 => Some(Key::Interrupt),
        0x0c => Some(Key::Redraw),
        0x1a => Some(Key::Suspend),
        b' '..=b'~' => Some(Key::Char(char::from(byte))),
        _ => None,
    }
}

/// A character of several bytes. What is none is passed over.
fn character(bytes: &[u8]) -> Option<(usize, Option<Key>)> {
    let start = &bytes[..bytes.len().min(4)];
    let valid = match std::str::from_utf8(start) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() > 0 => std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default(),
        Err(error) if error.error_len().is_none() => return None,
        Err(_) => "",
    };
    Some(valid.chars().next().map_or((1, None), |c| (c.len_utf8(), (!c.is_control()).then_some(Key::Char(c)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        Decoder::default().feed(bytes)
    }

    #[test]
    fn terminals_spell_keys_in_several_ways() {
        let spelled = b"\x1b[A\x1bOB\x1b[5~\x1b[6~\x1b[H\x1b[4~\r\x7fj\xc3\xa4\x03";
        let pressed = [Key::Up, Key::Down, Key::PageUp, Key::PageDown, Key::Home, Key::End, Key::Enter, Key::Backspace];
        assert_eq!(keys(spelled), [&pressed[..], &[Key::Char('j'), Key::Char('ä'), Key::Interrupt]].concat());
    }

    #[test]
    fn what_means_nothing_here_is_passed_over_whole() {
        assert_eq!(keys(b"\x1b[1;5Cq"), [Key::Char('q')]);
        assert_eq!(keys(b"\x1b[<0;10;20Mq"), [Key::Char('q')]);
        assert_eq!(keys(b"\x00\xff\xc3(q"), [Key::Char('('), Key::Char('q')]);
    }

    #[test]
    fn pieces_are_put_together_and_a_lone_escape_is_the_key() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.feed(b"\x1b"), []);
        assert!(decoder.is_waiting());
        assert_eq!(decoder.feed(b"["), []);
        assert_eq!(decoder.feed(b"B"), [Key::Down]);
        assert!(!decoder.is_waiting());
        assert_eq!(decoder.feed(b"\x1b"), []);
        assert_eq!(decoder.flush(), [Key::Escape]);
        assert_eq!(decoder.feed(b"\x1b/\x1b\x1b[A"), [Key::Escape, Key::Char('/'), Key::Escape, Key::Up]);
        assert_eq!(decoder.feed(b"\xc3"), []);
        assert_eq!(decoder.feed(b"\xa4"), [Key::Char('ä')]);
        assert_eq!(decoder.flush(), []);
    }
}
