//! Writes the records of a batch that takes the place of another: those that did not change are copied as they came,
//! neighbours together.

use std::ops::Range;

use crate::records::fault::BatchFault;
use crate::records::headers::RecordEdits;
use crate::records::record::Record;
use crate::records::varint;

/// The records that go on.
#[derive(Debug)]
pub(super) struct RecordWriter<'a> {
    body: &'a [u8],
    written: &'a mut Vec<u8>,
    /// Bytes to be copied before anything else is written.
    pending: Range<usize>,
    /// By how much the batch's first timestamp moves.
    shift: i64,
    limit: usize,
}

impl<'a> RecordWriter<'a> {
    pub(super) fn new(body: &'a [u8], written: &'a mut Vec<u8>, limit: usize) -> Self {
        written.clear();
        Self {
            body,
            written,
            pending: 0..0,
            shift: 0,
            limit,
        }
    }

    /// Moves the batch's first timestamp, before the first record.
    pub(super) fn shift(&mut self, shift: i64) {
        self.shift = shift;
    }

    /// Appends a record with its changes.
    pub(super) fn append(&mut self, record: &Record, edits: &RecordEdits) -> Result<(), BatchFault> {
        if self.shift == 0 && !edits.is_edited() {
            if self.pending.end != record.bytes.start {
                self.copy();
                self.pending.start = record.bytes.start;
            }
            self.pending.end = record.bytes.end;
            return self.has_room(self.pending.len());
        }
        self.copy();
        let timestamp_delta = record.timestamp_delta.wrapping_sub(self.shift);
        let unchanged = &self.body[record.after_timestamp..record.headers];
        let (key, value) = (edits.key(self.body, record), edits.value(self.body, record));
        let parts = match edits.is_rewritten() {
            true => varint::size(record.offset_delta.into()) + nullable_size(key) + nullable_size(value),
            false => unchanged.len(),
        };
        let headers = match edits.is_listed() {
            true => edits.written_bytes(self.body, record),
            false => record.bytes.end - record.headers,
        };
        let length = 1 + varint::size(timestamp_delta) + parts + headers;
        self.has_room(varint::length_size(length) + length)?;
        varint::write_length(self.written, length);
        self.written.push(self.body[record.attributes]);
        varint::write(self.written, timestamp_delta);
        if edits.is_rewritten() {
            varint::write(self.written, record.offset_delta.into());
            write_nullable(self.written, key);
            write_nullable(self.written, value);
        } else {
            self.written.extend_from_slice(unchanged);
        }
        match edits.is_listed() {
            true => edits.write(self.body, record, self.written),
            false => self
                .written
                .extend_from_slice(&self.body[record.headers..record.bytes.end]),
        }
        Ok(())
    }

    /// Copies what is left.
    pub(super) fn finish(&mut self) {
        self.copy();
    }

    fn has_room(&self, more: usize) -> Result<(), BatchFault> {
        match self.written.len() + more > self.limit {
            true => Err(BatchFault::TooLarge { limit: self.limit }),
            false => Ok(()),
        }
    }

    fn copy(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        self.written.extend_from_slice(&self.body[pending]);
    }
}

/// The bytes that a part takes, with its length.
fn nullable_size(part: Option<&[u8]>) -> usize {
    part.map_or(1, |part| varint::length_size(part.len()) + part.len())
}

fn write_nullable(out: &mut Vec<u8>, part: Option<&[u8]>) {
    match part {
        Some(part) => {
            varint::write_length(out, part.len());
            out.extend_from_slice(part);
        }
        None => varint::write(out, -1),
    }
}
