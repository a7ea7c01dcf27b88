//! Reads frames from one side. Buffers grow with what arrives, not with what is announced; a large frame is read
//! straight into its final buffer; a side that is silent holds no buffer at all.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::budget::{Budget, FREE_FRAME_BYTES, Share, Wait};
use super::end::End;
use crate::wire::{FrameError, FrameReader, Framed, Lookalike, Narrow};

/// The length prefix of a frame, in bytes.
const PREFIX_BYTES: usize = 4;

/// The least that is read while the length of the next frame is not known, in bytes.
const MIN_READ_BYTES: usize = 4 << 10;

/// Frames up to this size are read several at a time, in bytes.
const SMALL_FRAME_BYTES: usize = 32 << 10;

/// How much more than the last frame is read while the length of the next is not known, in bytes: a read that is not
/// filled tells that nothing is left, and saves the next one.
const READ_MARGIN_BYTES: usize = 512;

/// How much memory an announced length alone can reserve, in bytes. Beyond it the buffer at most doubles.
const MAX_TRUSTED_BYTES: usize = 4 << 20;

/// An empty buffer of up to this size is left to the next side of this thread that reads, in bytes.
const KEPT_BYTES: usize = 3 * MIN_READ_BYTES;

thread_local! {
    /// The buffer of a side that fell silent. Sides take turns, so that one is enough for all whose frames are small.
    static SPARE: Cell<BytesMut> = Cell::default();
}

/// A whole frame, without its length prefix.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) bytes: Bytes,
    /// The part of the budget that its memory takes, if that is much. Frames of one read have one memory.
    pub(super) share: Option<Rc<Share>>,
}

/// The reason for which a client is closed that sends such a length.
pub(super) fn end_of(error: FrameError) -> End {
    match error {
        FrameError::TooLong { first, .. } => Lookalike::of(first).map_or(End::FrameLength, End::NotKafka),
        FrameError::Negative => End::FrameLength,
    }
}

/// The result of one read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filled {
    Bytes(usize),
    End,
}

/// The front of the frames to come: what there is of the one that is not whole yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameFront {
    Nothing,
    /// It is not read any further before others give back what they hold.
    AwaitsMemory,
    /// So many bytes, which nobody counts.
    Small(usize),
    /// So many bytes, and the budget carries all that are to come.
    Large(usize),
}

/// The bytes that one side has sent and that are not taken yet.
#[derive(Debug)]
pub(super) struct Inbound {
    buffer: BytesMut,
    /// The room that the buffer had before anything was read into it.
    room_bytes: usize,
    reader: FrameReader,
    /// The whole size of the frame at the front, once it is known.
    frame_bytes: Option<usize>,
    /// The size of the last frame: a guess at the next one's.
    typical_bytes: usize,
    /// The part of the budget that the buffer takes, and for how many bytes it is.
    share: Option<(Rc<Share>, usize)>,
    wait: Option<Wait>,
}

impl Inbound {
    pub(super) fn new(max_frame_bytes: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            room_bytes: 0,
            reader: FrameReader::new(max_frame_bytes),
            frame_bytes: None,
            typical_bytes: 0,
            share: None,
            wait: None,
        }
    }

    /// From now on frames are requests, with these limits.
    pub(super) fn set_limits(&mut self, max_frame_bytes: usize, narrow: Narrow) {
        self.reader.set_limits(max_frame_bytes, narrow);
    }

    /// Whether a frame has begun to arrive.
    pub(super) fn has_partial(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The front of the next frame, after a read.
    pub(super) fn front(&self) -> FrameFront {
        match self.frame_bytes {
            _ if self.buffer.is_empty() => FrameFront::Nothing,
            _ if self.wait.is_some() => FrameFront::AwaitsMemory,
            Some(frame_bytes) if frame_bytes > FREE_FRAME_BYTES => FrameFront::Large(self.buffer.len()),
            _ => FrameFront::Small(self.buffer.len()),
        }
    }

    /// The next frame that is there as a whole.
    pub(super) fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        self.frame_bytes = None;
        let is_narrow = self.reader.narrow(&self.buffer).is_some();
        match self.reader.take_frame(&mut self.buffer)? {
            Framed::Frame(bytes) => {
                // The next one of these is not read before what it takes is reserved.
                if !is_narrow {
                    self.typical_bytes = PREFIX_BYTES + bytes.len();
                }
                let share = self.share.as_ref().map(|(share, _)| Rc::clone(share));
                if self.buffer.is_empty() {
                    self.share = None;
                }
                Ok(Some(Frame { bytes, share }))
            }
            Framed::Need(missing) => {
                let knows_length = self.buffer.len() >= PREFIX_BYTES;
                self.frame_bytes = knows_length.then(|| self.buffer.len() + missing);
                Ok(None)
            }
        }
    }

    /// Reads once, after [`Self::next_frame`] gave none.
    pub(super) fn poll_fill<R: AsyncRead + Unpin>(
        &mut self,
        io: &mut R,
        cx: &mut Context<'_>,
        budget: &Budget,
    ) -> Poll<io::Result<Filled>> {
        let room = match self.frame_bytes {
            Some(frame_bytes) if frame_bytes > FREE_FRAME_BYTES => {
                if self.poll_share(frame_bytes, budget, cx).is_pending() {
                    return Poll::Pending;
                }
                // To the end of the frame and no further, so that nothing of the next one must be moved.
                let trusted = MAX_TRUSTED_BYTES.max(2 * self.buffer.len());
                frame_bytes.min(trusted) - self.buffer.len()
            }
            Some(frame_bytes) => (frame_bytes - self.buffer.len()).max(self.affordable_bytes(budget)),
            None => self.affordable_bytes(budget),
        };
        self.reserve(room);
        let read = {
            let mut space = (&mut self.buffer).limit(room);
            pin!(io.read_buf(&mut space)).poll(cx)
        };
        match read {
            Poll::Pending => {
                self.rest();
                Poll::Pending
            }
            Poll::Ready(Ok(0)) => Poll::Ready(Ok(Filled::End)),
            Poll::Ready(Ok(count)) => Poll::Ready(Ok(Filled::Bytes(count))),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        }
    }

    /// Makes room for so many bytes more.
    fn reserve(&mut self, room: usize) {
        if !self.buffer.is_empty() {
            self.buffer.reserve(room);
            return;
        }
        // A frame that is somewhat larger than the last one need not be moved to fit.
        let room = room + room / 8;
        if self.buffer.capacity() == 0 && room <= KEPT_BYTES {
            self.buffer = SPARE.take();
        }
        self.buffer.reserve(room);
        self.room_bytes = self.buffer.capacity();
    }

    /// Nothing is expected at once: holds no buffer unless a frame has begun. One that is small, and of which no frame
    /// is in use, is for whoever reads next.
    pub(super) fn rest(&mut self) {
        if !self.buffer.is_empty() {
            return;
        }
        self.share = None;
        let mut buffer = std::mem::take(&mut self.buffer);
        if self.room_bytes <= KEPT_BYTES && buffer.try_reclaim(self.room_bytes) {
            SPARE.set(buffer);
        }
    }

    /// How much is read while the length of the next frame is not known: it is expected to be as long as the last, and
    /// small ones are expected to come in numbers.
    fn expected_bytes(&self) -> usize {
        if self.typical_bytes <= SMALL_FRAME_BYTES {
            (4 * self.typical_bytes).clamp(MIN_READ_BYTES, FREE_FRAME_BYTES)
        } else {
            self.typical_bytes.min(MAX_TRUSTED_BYTES) + READ_MARGIN_BYTES
        }
    }

    /// The bytes of it that the budget has now.
    fn affordable_bytes(&mut self, budget: &Budget) -> usize {
        let bytes = self.expected_bytes();
        if bytes <= FREE_FRAME_BYTES + READ_MARGIN_BYTES || self.is_covered(bytes) {
            return bytes;
        }
        match budget.try_take(bytes) {
            Some(share) => {
                self.share = Some((Rc::new(share), bytes));
                bytes
            }
            None => MIN_READ_BYTES,
        }
    }

    fn is_covered(&self, bytes: usize) -> bool {
        self.share.as_ref().is_some_and(|(_, covered)| *covered >= bytes)
    }

    /// Has the budget carry the frame at the front, and what becomes of it where that is more.
    fn poll_share(&mut self, frame_bytes: usize, budget: &Budget, cx: &mut Context<'_>) -> Poll<()> {
        let copies = self.reader.narrow(&self.buffer).map_or(1, |narrow| narrow.copies);
        let frame_bytes = frame_bytes * copies;
        if self.is_covered(frame_bytes) {
            return Poll::Ready(());
        }
        // What it had is given back first: who waits must not hold what others wait for.
        self.share = None;
        let share = match &mut self.wait {
            Some(wait) => ready!(wait.poll(cx)),
            None => match budget.take(frame_bytes) {
                Ok(share) => share,
                Err(wait) => {
                    let wait = self.wait.insert(wait);
                    ready!(wait.poll(cx))
                }
            },
        };
        self.wait = None;
        self.share = Some((Rc::new(share), frame_bytes));
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests;
