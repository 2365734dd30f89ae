//! Server-sent events, as the HTML standard defines their stream.

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// What to ask for to get those after it: the last id of the stream so far.
    pub id: Option<String>,
    /// Its type; empty if it was left out.
    pub kind: String,
    /// What it says.
    pub data: String,
}

/// Puts events together from what arrives in pieces of any size.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    /// The next byte is dropped if it is a line feed: it belongs to the carriage return before it.
    after_return: bool,
    /// Nothing of the stream was seen yet, which may begin with a byte order mark.
    has_begun: bool,
    id: Option<String>,
    kind: String,
    data: Option<String>,
}

/// A server that sends more than that in a line, or in an event, is no server of ours.
const LONGEST: usize = 16 * 1024 * 1024;

/// An event that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event is longer than 16 MiB")]
pub struct TooLong;

impl Parser {
    /// Takes what arrived and answers with the events that are complete by it.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut events = Vec::new();
        for &byte in bytes {
            let is_second_half = std::mem::take(&mut self.after_return) && byte == b'\n';
            match byte {
                b'\n' if is_second_half => {}
                b'\n' | b'\r' => {
                    self.after_return = byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    events.extend(self.end_of_line(&line)?);
                }
                _ => self.line.push(byte),
            }
        }
        if self.line.len() > LONGEST { Err(TooLong) } else { Ok(events) }
    }

    fn end_of_line(&mut self, line: &[u8]) -> Result<Option<Event>, TooLong> {
        let line = String::from_utf8_lossy(line);
        let mut line = &*line;
        if !std::mem::replace(&mut self.has_begun, true) {
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        if line.is_empty() {
            let kind = std::mem::take(&mut self.kind);
            return Ok(self.data.take().map(|data| Event { id: self.id.clone(), kind, data }));
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.kind),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            // A comment, the time to wait before the next connection, or something new.
            _ => {}
        }
        if self.data.as_ref().is_some_and(|data| data.len() > LONGEST) { Err(TooLong) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(id: Option<&str>, kind: &str, data: &str) -> Event {
        Event { id: id.map(str::to_owned), kind: kind.to_owned(), data: data.to_owned() }
    }

    fn all(text: &str) -> Vec<Event> {
        Parser::default().push(text.as_bytes()).unwrap()
    }

    #[test]
    fn events_are_put_together() {
        let text = ": alive\n\nid: a-1\nevent: transition\ndata: {\"x\":1}\n\ndata:  two\ndata\ndata:three\n\n";
        let expected = [event(Some("a-1"), "transition", "{\"x\":1}"), event(Some("a-1"), "", " two\n\nthree")];
        assert_eq!(all(text), expected);
    }

    #[test]
    fn the_rules_of_the_standard() {
        assert_eq!(all("\u{feff}data: x\r\n\r\ndata: y\r\rdata: z\n\n").len(), 3);
        assert_eq!(all("event: e\n\ndata: x\n\n"), [event(None, "", "x")], "without data there is no event");
        assert_eq!(all("data: x\n"), [], "what isn't complete is no event");
        assert_eq!(all("id: a\nid\ndata: x\n\n"), [event(Some(""), "", "x")]);
        assert_eq!(all("id: a\0b\nretry: 3\nnew: 1\ndata: x\n\n"), [event(None, "", "x")]);
        assert_eq!(all("data: a:b: c\n\n"), [event(None, "", "a:b: c")]);
    }

    #[test]
    fn nothing_grows_without_end() {
        let mut parser = Parser::default();
        assert_eq!(parser.push(&vec![b'x'; LONGEST + 1]), Err(TooLong));
    }

    proptest! {
        #[test]
        fn the_size_of_the_pieces_does_not_matter(
            text in "((id|event|data|:|x)(: ?)?[a-z é]{0,3}(\r\n|\n|\r)|\n){0,12}",
            size in 1_usize..9,
        ) {
            let mut parser = Parser::default();
            let pieces: Vec<Event> = text.as_bytes().chunks(size).flat_map(|part| parser.push(part).unwrap()).collect();
            prop_assert_eq!(pieces, all(&text));
        }
    }
}
