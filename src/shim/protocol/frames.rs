//! A stream of bytes, cut into frames.

use super::wire::{WireError, wipe};

/// The largest frame, its length field not counted. A prompt is one argument, so at most 131,071 bytes; the environment
/// and the arguments together are limited by the kernel to about 2 MiB.
pub const MAX_FRAME: usize = 4 << 20;

/// One whole frame: type and fields. Its memory is overwritten when it is dropped.
#[derive(PartialEq, Eq)]
pub struct Frame(Vec<u8>);

impl Frame {
    /// The type and the fields.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Without the content, which may be secret.
impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Frame").field(&self.0.len()).finish()
    }
}

/// Collects frames from a stream: read into [`space`](Self::space), then say with [`advance`](Self::advance) how much.
///
/// It asks for exactly what is missing, the length first, so that a frame is read to its final place and nothing of a
/// secret is left in a buffer that grew, or in one that is kept for the next frame.
#[derive(Debug, Default)]
pub struct FrameBuffer {
    length: [u8; 4],
    body: Option<Frame>,
    /// How much of the length, or else of the body, is there.
    filled: usize,
}

impl FrameBuffer {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a frame has begun but not ended: the stream must not end here.
    pub fn is_partial(&self) -> bool {
        self.body.is_some() || self.filled > 0
    }

    /// Where to read the next bytes to; never empty.
    pub fn space(&mut self) -> &mut [u8] {
        let whole = match &mut self.body {
            Some(frame) => frame.0.as_mut_slice(),
            None => self.length.as_mut_slice(),
        };
        whole.get_mut(self.filled..).unwrap_or_default()
    }

    /// `count` bytes were read into the space. Returns the frame that they complete.
    pub fn advance(&mut self, count: usize) -> Result<Option<Frame>, WireError> {
        self.filled = self.filled.saturating_add(count);
        match self.body.take() {
            Some(frame) if self.filled >= frame.0.len() => {
                self.filled = 0;
                Ok(Some(frame))
            }
            Some(frame) => {
                self.body = Some(frame);
                Ok(None)
            }
            None if self.filled >= self.length.len() => {
                self.filled = 0;
                let length = usize::try_from(u32::from_le_bytes(self.length)).unwrap_or(usize::MAX);
                match length {
                    0 => Err(WireError::Empty),
                    // Zeroed memory of this size is the kernel's until it is written to: a length alone costs nothing.
                    1..=MAX_FRAME => {
                        self.body = Some(Frame(vec![0; length]));
                        Ok(None)
                    }
                    _ => Err(WireError::TooLong(length)),
                }
            }
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds `bytes` in pieces of at most `piece`.
    fn frames(mut bytes: &[u8], piece: usize) -> Result<Vec<Vec<u8>>, WireError> {
        let mut buffer = FrameBuffer::new();
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let space = buffer.space();
            assert!(!space.is_empty());
            let count = space.len().min(piece).min(bytes.len());
            space[..count].copy_from_slice(&bytes[..count]);
            bytes = &bytes[count..];
            if let Some(frame) = buffer.advance(count)? {
                found.push(frame.bytes().to_vec());
            }
        }
        Ok(found)
    }

    #[test]
    fn frames_of_no_length_or_too_much_are_errors() {
        assert_eq!(frames(&[0; 4], 9), Err(WireError::Empty));
        let too_long = u32::try_from(MAX_FRAME + 1).expect("fits").to_le_bytes();
        assert_eq!(frames(&too_long, 9), Err(WireError::TooLong(MAX_FRAME + 1)));
        let just_fits = u32::try_from(MAX_FRAME).expect("fits").to_le_bytes();
        assert_eq!(frames(&just_fits, 9), Ok(vec![]));
    }

    #[test]
    fn a_stream_may_end_between_two_frames_and_nowhere_else() {
        let mut buffer = FrameBuffer::new();
        for _ in 0..2 {
            assert!(!buffer.is_partial());
            for byte in [2, 0, 0, 0, 9, 9] {
                buffer.space()[0] = byte;
                let frame = buffer.advance(1).expect("a frame");
                assert_eq!(buffer.is_partial(), frame.is_none());
            }
        }
    }

    #[test]
    fn the_content_is_not_in_debug_output() {
        assert_eq!(format!("{:?}", Frame(vec![115; 7])), "Frame(7)");
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..9), piece in 1usize..50) {
            let mut stream = Vec::new();
            for body in &bodies {
                stream.extend_from_slice(&u32::try_from(body.len()).expect("small").to_le_bytes());
                stream.extend_from_slice(body);
            }
            prop_assert_eq!(frames(&stream, piece), Ok(bodies));
        }

        #[test]
        fn nonsense_never_panics(stream in prop::collection::vec(any::<u8>(), 0..200), piece in 1usize..50) {
            let _ = frames(&stream, piece);
        }
    }
}
