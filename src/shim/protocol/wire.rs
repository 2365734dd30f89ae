//! The fields of a message: fixed-size little-endian integers, and byte strings with a `u32` length before them.

use std::fmt;

/// What is wrong with a message. A peer that sent one of these is not worth reading on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireError {
    /// A frame without even a type.
    Empty,
    /// A frame larger than [`MAX_FRAME`](super::MAX_FRAME).
    TooLong(usize),
    /// A field ends behind the end of its message.
    Truncated,
    /// A text is not UTF-8.
    NotText,
    /// A field has a value that this version has no meaning for.
    Unknown {
        /// The field.
        field: &'static str,
        /// Its value.
        value: u8,
    },
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("an empty message"),
            Self::TooLong(length) => write!(f, "a message of {length} bytes, which is too long"),
            Self::Truncated => f.write_str("a message that is cut short"),
            Self::NotText => f.write_str("a text that is not UTF-8"),
            Self::Unknown { field, value } => write!(f, "an unknown {field} ({value})"),
        }
    }
}

impl std::error::Error for WireError {}

/// Overwrites bytes that may be secret.
pub fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    // The optimizer would remove stores to memory that is about to be freed.
    std::hint::black_box(bytes);
}

/// Counts the bytes of a message, or writes them: a message is counted first, so that its buffer never moves, which
/// would leave copies of secrets behind.
pub(super) struct Writer {
    bytes: Option<Vec<u8>>,
    length: usize,
}

impl Writer {
    pub(super) fn counting() -> Self {
        Self { bytes: None, length: 0 }
    }

    pub(super) fn writing(capacity: usize) -> Self {
        Self { bytes: Some(Vec::with_capacity(capacity)), length: 0 }
    }

    pub(super) fn length(&self) -> usize {
        self.length
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes.unwrap_or_default()
    }

    pub(super) fn raw(&mut self, value: &[u8]) {
        self.length = self.length.saturating_add(value.len());
        if let Some(bytes) = &mut self.bytes {
            bytes.extend_from_slice(value);
        }
    }

    pub(super) fn u8(&mut self, value: u8) {
        self.raw(&[value]);
    }

    pub(super) fn flag(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.raw(&value.to_le_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.raw(&value.to_le_bytes());
    }

    pub(super) fn i32(&mut self, value: i32) {
        self.raw(&value.to_le_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.raw(&value.to_le_bytes());
    }

    /// A length that doesn't fit makes the message too long for a frame anyway, which its encoder reports.
    pub(super) fn size(&mut self, value: usize) {
        self.u32(u32::try_from(value).unwrap_or(u32::MAX));
    }

    pub(super) fn bytes(&mut self, value: &[u8]) {
        self.size(value.len());
        self.raw(value);
    }

    pub(super) fn list(&mut self, values: &[Vec<u8>]) {
        self.size(values.len());
        for value in values {
            self.bytes(value);
        }
    }
}

/// Reads the fields of one message.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether nothing is left, as after the last field of an earlier version's message.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn raw(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let (value, rest) = self.0.split_at_checked(length).ok_or(WireError::Truncated)?;
        self.0 = rest;
        Ok(value)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (value, rest) = self.0.split_first_chunk::<N>().ok_or(WireError::Truncated)?;
        self.0 = rest;
        Ok(*value)
    }

    pub(super) fn u8(&mut self) -> Result<u8, WireError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    /// Any value but 0 is true.
    pub(super) fn flag(&mut self) -> Result<bool, WireError> {
        Ok(self.u8()? != 0)
    }

    pub(super) fn u16(&mut self) -> Result<u16, WireError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, WireError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn i32(&mut self) -> Result<i32, WireError> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, WireError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], WireError> {
        let length = self.u32()?;
        self.raw(usize::try_from(length).map_err(|_| WireError::Truncated)?)
    }

    pub(super) fn text(&mut self) -> Result<String, WireError> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| WireError::NotText)
    }

    /// Appends to `values`, so that what was read before an error is still the owner's to wipe. Nothing is reserved for
    /// the announced count: each item takes bytes that must be there.
    pub(super) fn list(&mut self, values: &mut Vec<Vec<u8>>) -> Result<(), WireError> {
        for _ in 0..self.u32()? {
            values.push(self.bytes()?.to_vec());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_of_what_is_wiped() {
        let mut bytes = *b"secret";
        wipe(&mut bytes);
        assert_eq!(bytes, [0; 6]);
    }

    #[test]
    fn an_error_says_what_the_peer_sent() {
        let text = |error: WireError| format!("it sent {error}");
        assert_eq!(text(WireError::Empty), "it sent an empty message");
        assert_eq!(text(WireError::TooLong(9)), "it sent a message of 9 bytes, which is too long");
        assert_eq!(
            text(WireError::Unknown { field: "state of a child", value: 7 }),
            "it sent an unknown state of a child (7)"
        );
    }
}
