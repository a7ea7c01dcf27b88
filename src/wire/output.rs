//! Puts a frame together from copied and shared parts. Knows no message.

use std::cell::Cell;
use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

use crate::wire::error::WireError;
use crate::wire::segments::Segments;

/// A shared part shorter than this is copied: one more segment costs more.
const SHARE_FROM_BYTES: usize = 4096;

/// Frames of which up to this much is copied are put together in a block that they share.
const SMALL_BYTES: usize = 1 << 10;

/// The size of a block. A frame that waits for its reader keeps its block, so this is what a small one can cost.
const BLOCK_BYTES: usize = 1 << 12;

thread_local! {
    /// The rest of this thread's block: small frames lie in it one behind the other, and once the last of them is
    /// written it is used again. So a steady flow of them allocates nothing.
    static BLOCK: Cell<Option<BytesMut>> = const { Cell::new(None) };
}

/// A frame that is being put together.
#[derive(Debug)]
pub(in crate::wire) struct FrameOutput<'a> {
    frame: &'a Bytes,
    copied: BytesMut,
    is_in_block: bool,
    done: Segments,
    expected: usize,
}

impl<'a> FrameOutput<'a> {
    /// Begins with the length prefix of a frame of `size` bytes; parts are shared with `frame`. There is room for
    /// `to_copy` bytes of parts that are copied.
    pub(in crate::wire) fn new(frame: &'a Bytes, size: usize, to_copy: usize) -> Result<Self, WireError> {
        let prefix = i32::try_from(size).map_err(|_| WireError::BadLength { at: 0 })?;
        let to_copy = 4 + to_copy;
        let is_in_block = to_copy <= SMALL_BYTES;
        let mut copied = if is_in_block {
            let mut block = BLOCK
                .take()
                .unwrap_or_else(|| BytesMut::with_capacity(BLOCK_BYTES));
            block.reserve(to_copy);
            block
        } else {
            BytesMut::with_capacity(to_copy)
        };
        copied.put_i32(prefix);
        Ok(Self {
            frame,
            copied,
            is_in_block,
            done: Segments::default(),
            expected: size + 4,
        })
    }

    /// Whether a part of this length is copied.
    pub(in crate::wire) const fn is_copied(len: usize) -> bool {
        len < SHARE_FROM_BYTES
    }

    /// Goes on with bytes of the frame.
    pub(in crate::wire) fn share(&mut self, range: Range<usize>) {
        if Self::is_copied(range.len()) {
            self.copied.put_slice(&self.frame[range]);
        } else {
            self.flush();
            self.done.0.push(self.frame.slice(range));
        }
    }

    /// Goes on with bytes of somebody else, shared unless they are few.
    pub(in crate::wire) fn add(&mut self, bytes: Bytes) {
        if Self::is_copied(bytes.len()) {
            self.copied.put_slice(&bytes);
        } else {
            self.flush();
            self.done.0.push(bytes);
        }
    }

    /// Goes on with other bytes.
    pub(in crate::wire) fn copy(&mut self, bytes: &[u8]) {
        self.copied.put_slice(bytes);
    }

    fn flush(&mut self) {
        if !self.copied.is_empty() {
            self.done.0.push(self.copied.split().freeze());
        }
    }

    pub(in crate::wire) fn finish(mut self) -> Segments {
        self.flush();
        if self.is_in_block {
            BLOCK.set(Some(self.copied));
        }
        debug_assert_eq!(self.done.len(), self.expected, "the length prefix is right");
        self.done
    }
}
