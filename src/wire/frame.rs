//! Cuts a stream of bytes into frames. Pure: somebody else reads the socket.

use bytes::{Buf, Bytes, BytesMut};

/// The length prefix of a frame, in bytes.
const PREFIX_BYTES: usize = 4;

/// Why bytes cannot be frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("a frame of {length} bytes is announced, the limit is {limit}{}", looks_like(.first))]
    TooLong {
        length: usize,
        limit: usize,
        first: [u8; 4],
    },
    #[error("a frame of negative length is announced")]
    Negative,
}

/// What the first bytes would be in another protocol: the usual cause of a length out of range.
fn looks_like(first: &[u8; 4]) -> &'static str {
    match first {
        b"GET " | b"POST" | b"PUT " | b"HEAD" | b"OPTI" | b"DELE" => " (this looks like HTTP)",
        [0x16, 0x03, ..] => " (this looks like TLS)",
        b"SSH-" => " (this looks like SSH)",
        _ => "",
    }
}

/// What a buffer holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Framed {
    /// A whole frame without its length prefix.
    Frame(Bytes),
    /// Not yet a whole frame: at least this many more bytes are needed.
    Need(usize),
}

/// Cuts frames off a buffer that is filled from a socket.
#[derive(Debug, Clone, Copy)]
pub struct FrameReader {
    limit: usize,
}

impl FrameReader {
    /// Frames longer than `limit_bytes` are refused before anything is reserved for them.
    pub fn new(limit_bytes: usize) -> Self {
        Self { limit: limit_bytes }
    }

    /// Changes the limit, for instance once a client has logged in.
    pub fn set_limit(&mut self, limit_bytes: usize) {
        self.limit = limit_bytes;
    }

    /// Takes the first frame off the buffer, without copying it. Room for the rest is up to the caller: see
    /// [`Framed::Need`].
    pub fn take_frame(&self, buffer: &mut BytesMut) -> Result<Framed, FrameError> {
        let Some(first) = buffer.first_chunk::<PREFIX_BYTES>() else {
            return Ok(Framed::Need(PREFIX_BYTES - buffer.len()));
        };
        let length = usize::try_from(i32::from_be_bytes(*first)).map_err(|_| FrameError::Negative)?;
        if length > self.limit {
            return Err(FrameError::TooLong {
                length,
                limit: self.limit,
                first: *first,
            });
        }
        let whole = PREFIX_BYTES + length;
        if buffer.len() < whole {
            return Ok(Framed::Need(whole - buffer.len()));
        }
        buffer.advance(PREFIX_BYTES);
        Ok(Framed::Frame(buffer.split_to(length).freeze()))
    }
}
