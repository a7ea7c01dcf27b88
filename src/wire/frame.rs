//! Cuts a stream of bytes into frames. Pure: somebody else reads the socket.

use bytes::{Buf, Bytes, BytesMut};

use crate::wire::lookalike::Lookalike;

/// The length prefix of a frame, in bytes.
const PREFIX_BYTES: usize = 4;
/// The key of its API, with which a request begins.
const KEY_BYTES: usize = 2;

/// The bounds of requests of some APIs, which take more than their own size once they are read.
#[derive(Debug, Clone, Copy)]
pub struct Narrow {
    /// Whether it holds for this API.
    pub is_for: fn(i16) -> bool,
    /// The longest request.
    pub bytes: usize,
    /// How often its own size a request takes.
    pub copies: usize,
}

/// Why bytes cannot be frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("a frame of {length} bytes is announced, but the limit is {limit}{}", guess(.first))]
    TooLong {
        length: usize,
        limit: usize,
        first: [u8; 4],
    },
    #[error("a frame of negative length is announced")]
    Negative,
}

/// Another protocol is the usual cause of a length out of range.
fn guess(first: &[u8; PREFIX_BYTES]) -> String {
    Lookalike::of(*first).map_or_else(String::new, |other| format!(" (this looks like {other})"))
}

/// The contents of a buffer.
#[derive(Clone, PartialEq, Eq)]
pub enum Framed {
    /// A whole frame without its length prefix.
    Frame(Bytes),
    /// Not yet a whole frame: at least this many more bytes are needed.
    Need(usize),
}

/// Shows no content: a frame may hold a password.
impl std::fmt::Debug for Framed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Frame(frame) => write!(f, "Frame({} bytes)", frame.len()),
            Self::Need(bytes) => write!(f, "Need({bytes} bytes)"),
        }
    }
}

/// Cuts frames off a buffer that is filled from a socket.
#[derive(Debug, Clone, Copy)]
pub struct FrameReader {
    limit: usize,
    narrow: Option<Narrow>,
}

impl FrameReader {
    /// Frames longer than `limit_bytes` are refused before anything is reserved for them.
    pub fn new(limit_bytes: usize) -> Self {
        Self {
            limit: limit_bytes,
            narrow: None,
        }
    }

    /// Changes the limits, for instance once a client has logged in: all frames are requests then.
    pub fn set_limits(&mut self, limit_bytes: usize, narrow: Narrow) {
        self.limit = limit_bytes;
        self.narrow = Some(narrow);
    }

    /// The bounds of the request that begins with these bytes, its length prefix included, beside the limit for all.
    pub fn narrow(&self, buffer: &[u8]) -> Option<Narrow> {
        let [.., high, low] = buffer.first_chunk::<{ PREFIX_BYTES + KEY_BYTES }>()?;
        let key = i16::from_be_bytes([*high, *low]);
        self.narrow.filter(|narrow| (narrow.is_for)(key))
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
        let key_end = PREFIX_BYTES + KEY_BYTES;
        if self.narrow.is_some() && length >= KEY_BYTES && buffer.len() < key_end {
            return Ok(Framed::Need(key_end - buffer.len()));
        }
        if let Some(narrow) = self.narrow(buffer)
            && length > narrow.bytes
        {
            return Err(FrameError::TooLong {
                length,
                limit: narrow.bytes,
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

#[cfg(test)]
mod tests {
    use super::*;

    const READER: FrameReader = FrameReader {
        limit: 1000,
        narrow: None,
    };

    /// Whatever pieces a stream comes in, the frames are the same.
    #[test]
    fn cuts_a_stream() -> Result<(), FrameError> {
        let frames: Vec<Bytes> = (0..20_u8).map(|n| vec![n; usize::from(n) * 7].into()).collect();
        let mut stream = Vec::new();
        for frame in &frames {
            stream.extend((frame.len() as u32).to_be_bytes());
            stream.extend(frame);
        }
        for piece in 1..50 {
            let (mut buffer, mut found) = (BytesMut::new(), Vec::new());
            for bytes in stream.chunks(piece) {
                buffer.extend_from_slice(bytes);
                while let Framed::Frame(frame) = READER.take_frame(&mut buffer)? {
                    found.push(frame);
                }
            }
            assert_eq!(found, frames, "in pieces of {piece}");
            assert!(buffer.is_empty());
        }
        Ok(())
    }

    #[test]
    fn says_how_much_is_needed() {
        let need = |bytes: &[u8]| READER.take_frame(&mut BytesMut::from(bytes));
        assert_eq!(need(&[]), Ok(Framed::Need(4)));
        assert_eq!(need(&[0, 0, 1]), Ok(Framed::Need(1)));
        assert_eq!(need(&[0, 0, 1, 0, 7]), Ok(Framed::Need(255)));
    }

    /// Requests of some APIs have a limit of their own, which their first six bytes are enough for.
    #[test]
    fn some_requests_are_refused_by_their_key() {
        let mut reader = READER;
        let narrow = Narrow {
            is_for: |key| key == 30,
            bytes: 500,
            copies: 4,
        };
        reader.set_limits(1000, narrow);
        let take = |bytes: &[u8]| reader.take_frame(&mut BytesMut::from(bytes));
        assert_eq!(take(&[0, 0, 3, 0]), Ok(Framed::Need(2)), "whose it is");
        assert_eq!(take(&[0, 0, 3, 0, 0, 3]), Ok(Framed::Need(766)));
        assert_eq!(take(&[0, 0, 1, 0xf4, 0, 30]), Ok(Framed::Need(498)));
        let refused = take(&[0, 0, 1, 0xf5, 0, 30]).unwrap_err().to_string();
        assert!(
            refused.ends_with("of 501 bytes is announced, but the limit is 500"),
            "{refused}"
        );
        let frame = |bytes: &'static [u8]| Ok(Framed::Frame(Bytes::from_static(bytes)));
        assert_eq!(take(&[0, 0, 0, 1, 7]), frame(&[7]), "it has no key");
        assert_eq!(take(&[0, 0, 0, 0]), frame(&[]));
    }

    /// A length over the limit is refused from its four bytes, with a hint at what else it may be.
    #[test]
    fn refuses_what_is_no_frame() {
        let message = |bytes: &[u8]| match READER.take_frame(&mut BytesMut::from(bytes)) {
            Err(error) => error.to_string(),
            Ok(framed) => format!("{framed:?}"),
        };
        assert!(message(b"GET / HTTP/1.1").ends_with("the limit is 1000 (this looks like HTTP)"));
        assert!(message(&[0x16, 3, 1, 2, 0]).contains("(this looks like TLS"));
        assert!(message(&[0, 0, 3, 233]).starts_with("a frame of 1001 bytes is announced"));
        assert_eq!(message(&[0, 0, 3, 232]), "Need(1000 bytes)");
        assert_eq!(
            message(&[0xff, 0, 0, 0]),
            "a frame of negative length is announced"
        );
    }
}
