//! A frame as a list of byte ranges, written with one vectored write.

use bytes::{Buf, Bytes};
use smallvec::SmallVec;

/// A whole frame to be written: length prefix first. Payload is shared with the frame that it came from, never copied.
#[derive(Clone, Default)]
pub struct Segments(pub SmallVec<[Bytes; 4]>);

/// Shows no content: a frame may hold a password.
impl std::fmt::Debug for Segments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Segments({} bytes)", self.len())
    }
}

impl Segments {
    /// The number of bytes that a write of these segments takes.
    pub fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// All of it in one piece, copied.
    pub fn joined(&self) -> Bytes {
        self.0.concat().into()
    }

    /// The frame in one piece, copied, without its length prefix.
    pub fn body(&self) -> Bytes {
        let mut bytes = self.joined();
        bytes.advance(bytes.len().min(4));
        bytes
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Bytes::is_empty)
    }
}
