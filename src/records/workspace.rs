//! The memory in which batches are opened.

use crate::records::batch::{Batch, Numbers};
use crate::records::bounds::BatchBounds;
use crate::records::codec::{Codec, Codecs};
use crate::records::headers::RecordEdits;

/// The most bytes that a buffer keeps between two fields.
const KEPT_BYTES: usize = 1 << 20;

/// The most bytes that a batch may have in Kafka's format, with room for what compression adds to what it cannot compress.
const MOST_BYTES: usize = 1 << 30;

/// Buffers and the states of codecs. Each thread that works on records has one and keeps it; between two fields a buffer
/// keeps 1 MiB at most.
#[derive(Debug)]
pub struct Workspace {
    pub(super) bounds: BatchBounds,
    pub(super) codecs: Codecs,
    /// The records of a batch, decompressed.
    pub(super) opened: Vec<u8>,
    /// The records that its rewritten batch will have.
    pub(super) written: Vec<u8>,
    /// Those, compressed.
    pub(super) packed: Vec<u8>,
    pub(super) edits: RecordEdits,
}

impl Workspace {
    pub fn new(bounds: BatchBounds) -> Self {
        let bounds = BatchBounds {
            most: bounds.most.min(MOST_BYTES),
            ..bounds
        };
        Self {
            bounds,
            codecs: Codecs::default(),
            opened: Vec::new(),
            written: Vec::new(),
            packed: Vec::new(),
            edits: RecordEdits::default(),
        }
    }

    /// Appends a batch with the records that were written, in the codec that it was opened with.
    pub(super) fn seal(&mut self, batch: &Batch<'_>, numbers: &Numbers, out: &mut Vec<u8>) {
        self.seal_in(batch.codec().unwrap_or(Codec::None), batch, numbers, out);
    }

    /// Appends a batch with the records that were written, in this codec.
    pub(super) fn seal_in(&mut self, codec: Codec, batch: &Batch<'_>, numbers: &Numbers, out: &mut Vec<u8>) {
        let written = match codec {
            Codec::None => Codec::None,
            codec => self.codecs.close(codec, &self.written, &mut self.packed),
        };
        let payload = match written {
            Codec::None => &self.written,
            _ => &self.packed,
        };
        batch.seal(written, payload, numbers, out);
    }

    /// Gives back what an uncommonly large batch took.
    pub(super) fn shrink(&mut self) {
        for buffer in [&mut self.opened, &mut self.written, &mut self.packed] {
            buffer.clear();
            buffer.shrink_to(KEPT_BYTES);
        }
        self.edits.shrink(KEPT_BYTES);
    }
}
