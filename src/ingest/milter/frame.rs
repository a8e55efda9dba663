//! Frames: the milter protocol's packets.
//!
//! Takes a byte stream, gives frames: four bytes of length (big-endian, the command byte counted), one command byte,
//! the payload. The length is a stranger's word, so no memory is set aside for it: the buffer grows as bytes come.

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

/// The longest payload that is taken. MTAs send at most 64 KiB unless more is negotiated (1 MiB is the protocol's most).
pub const MAX_PAYLOAD: usize = 1024 * 1024;

/// How much room is made at once for a frame that is not all here.
const GROWTH: usize = 16 * 1024;

/// One packet, either way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What kind of packet it is.
    pub command: u8,
    /// The rest, as it stood.
    pub payload: Bytes,
}

/// Why a stream of bytes is not a stream of frames. There is no way back into step after it.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// A frame without a command byte.
    #[error("an empty frame")]
    Empty,
    /// A frame longer than is taken.
    #[error("a frame of {0} bytes, at most {MAX_PAYLOAD} and a command byte are taken")]
    TooLarge(usize),
    /// The stream failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Cuts bytes into frames and makes bytes of them.
#[derive(Debug, Clone, Copy, Default)]
pub struct FrameCodec;

impl Decoder for FrameCodec {
    type Item = Frame;
    type Error = FrameError;

    fn decode(&mut self, source: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        let Some(prefix) = source.first_chunk::<4>() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_be_bytes(*prefix)).unwrap_or(usize::MAX);
        if length == 0 {
            return Err(FrameError::Empty);
        }
        if length > MAX_PAYLOAD + 1 {
            return Err(FrameError::TooLarge(length));
        }
        let missing = (length + 4).saturating_sub(source.len());
        if missing > 0 {
            source.reserve(missing.min(GROWTH));
            return Ok(None);
        }
        source.advance(4);
        let mut payload = source.split_to(length).freeze();
        let command = payload.get_u8();
        Ok(Some(Frame { command, payload }))
    }
}

impl Encoder<&Frame> for FrameCodec {
    type Error = FrameError;

    fn encode(&mut self, frame: &Frame, out: &mut BytesMut) -> Result<(), FrameError> {
        if frame.payload.len() > MAX_PAYLOAD {
            return Err(FrameError::TooLarge(frame.payload.len()));
        }
        put(out, frame.command, |out| out.put_slice(&frame.payload));
        Ok(())
    }
}

/// Writes one frame whose payload `fill` appends.
///
/// Our own payloads are short (the judge bounds them); one that could not be told in four bytes is left out.
pub(super) fn put(out: &mut BytesMut, command: u8, fill: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    out.put_u32(0);
    out.put_u8(command);
    fill(out);
    let Ok(length) = u32::try_from(out.len() - start - 4) else {
        out.truncate(start);
        return;
    };
    if let Some(prefix) = out.get_mut(start..start + 4) {
        prefix.copy_from_slice(&length.to_be_bytes());
    }
}

/// Appends a string as the protocol writes them: ended by NUL, so a NUL inside is left out.
pub(super) fn put_string(out: &mut BytesMut, text: &[u8]) {
    for part in text.split(|byte| *byte == 0) {
        out.put_slice(part);
    }
    out.put_u8(0);
}

/// Takes a string up to its NUL from the front; nothing when there is no NUL.
pub(super) fn take_string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = memchr::memchr(0, rest)?;
    let (text, behind) = rest.split_at(end);
    *rest = behind.get(1..)?;
    Some(text)
}

/// Takes a number from the front.
pub(super) fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    let (number, behind) = rest.split_first_chunk::<4>()?;
    *rest = behind;
    Some(u32::from_be_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_may_come_byte_by_byte() {
        let mut buffer = BytesMut::new();
        for byte in b"\0\0\0\x03Hab\0\0\0\x01" {
            assert_eq!(FrameCodec.decode(&mut buffer).unwrap(), None);
            buffer.put_u8(*byte);
            if buffer.ends_with(b"b") {
                let frame = FrameCodec.decode(&mut buffer).unwrap().unwrap();
                assert_eq!(frame, Frame { command: b'H', payload: Bytes::from_static(b"ab") });
            }
        }
    }

    #[test]
    fn a_length_is_not_believed() {
        let mut buffer = BytesMut::from(&b"\0\x10\0\x01L"[..]);
        assert_eq!(FrameCodec.decode(&mut buffer).unwrap(), None);
        assert!(buffer.capacity() < 64 * 1024, "no memory is set aside for what has not come");
        let mut buffer = BytesMut::from(&b"\0\x10\0\x02L"[..]);
        assert!(matches!(FrameCodec.decode(&mut buffer), Err(FrameError::TooLarge(_))));
        let mut buffer = BytesMut::from(&b"\0\0\0\0"[..]);
        assert!(matches!(FrameCodec.decode(&mut buffer), Err(FrameError::Empty)));
    }
}
