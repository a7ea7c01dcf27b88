//! Frames that wait to be written to one side, written vectored. It knows no Kafka.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncWrite;

use super::budget::Share;
use crate::wire::Segments;

/// The most parts that one write takes.
const MAX_WRITE_PARTS: usize = 32;

/// Frames of more parts than this have their small parts copied together.
const MAX_FRAME_PARTS: usize = 6;

/// Parts up to this size are small.
const SMALL_PART_BYTES: usize = 2 << 10;

/// The frames that wait, in order.
#[derive(Debug, Default)]
pub(super) struct Outbound {
    parts: VecDeque<Bytes>,
    queued_bytes: usize,
    written_bytes: u64,
    /// Shares of the budget, each with the count of written bytes at which it is given back.
    shares: VecDeque<(u64, Rc<Share>)>,
    needs_flush: bool,
}

impl Outbound {
    /// Appends a frame.
    pub(super) fn push(&mut self, frame: Segments, share: Option<Rc<Share>>) {
        self.queued_bytes += frame.len();
        if frame.0.len() > MAX_FRAME_PARTS {
            self.push_joined(frame);
        } else {
            self.parts
                .extend(frame.0.into_iter().filter(|part| !part.is_empty()));
        }
        if let Some(share) = share {
            self.hold(share);
        }
    }

    /// Keeps memory until all that waits now is written; not at all, if nothing does.
    pub(super) fn hold(&mut self, share: Rc<Share>) {
        if self.queued_bytes == 0 {
            return;
        }
        let end = self.written_bytes + self.queued_bytes as u64;
        self.shares.push_back((end, share));
    }

    /// Copies runs of small parts together, so that a frame of a thousand names does not take dozens of writes. Large
    /// parts, which is where records are, stay shared.
    fn push_joined(&mut self, frame: Segments) {
        let mut joined = BytesMut::new();
        for part in frame.0 {
            if part.len() <= SMALL_PART_BYTES {
                joined.extend_from_slice(&part);
            } else {
                if !joined.is_empty() {
                    self.parts.push_back(joined.split().freeze());
                }
                self.parts.push_back(part);
            }
        }
        if !joined.is_empty() {
            self.parts.push_back(joined.freeze());
        }
    }

    /// The bytes that wait.
    pub(super) fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// The bytes that were written since the beginning.
    pub(super) fn written_bytes(&self) -> u64 {
        self.written_bytes
    }

    /// Whether everything has left.
    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty() && !self.needs_flush
    }

    /// Writes as much as the socket takes; gives the number of bytes, 0 when nothing waits.
    pub(super) fn poll_write<W: AsyncWrite + Unpin>(
        &mut self,
        io: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.parts.is_empty() {
            if self.needs_flush {
                ready!(Pin::new(io).poll_flush(cx))?;
                self.needs_flush = false;
            }
            return Poll::Ready(Ok(0));
        }
        let mut slices = [IoSlice::new(&[]); MAX_WRITE_PARTS];
        let mut count = 0;
        for (slice, part) in slices.iter_mut().zip(&self.parts) {
            *slice = IoSlice::new(part);
            count += 1;
        }
        let written = match &slices[..count] {
            [only] => ready!(Pin::new(io).poll_write(cx, only))?,
            several => ready!(Pin::new(io).poll_write_vectored(cx, several))?,
        };
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.needs_flush = true;
        self.advance(written);
        Poll::Ready(Ok(written))
    }

    fn advance(&mut self, written: usize) {
        self.queued_bytes -= written;
        self.written_bytes += written as u64;
        let mut left = written;
        while let Some(part) = self.parts.front_mut() {
            if part.len() > left {
                part.advance(left);
                break;
            }
            left -= part.len();
            self.parts.pop_front();
        }
        while self
            .shares
            .front()
            .is_some_and(|(end, _)| *end <= self.written_bytes)
        {
            self.shares.pop_front();
        }
    }

    /// Gives up memory that is not in use.
    pub(super) fn shrink(&mut self) {
        if self.parts.is_empty() {
            self.parts = VecDeque::new();
            self.shares = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests;
