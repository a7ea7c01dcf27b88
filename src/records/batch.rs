//! One batch: its header, how it is opened, and how another takes its place.

use crate::records::bounds::BatchBounds;
use crate::records::codec::{Codec, Codecs};
use crate::records::fault::BatchFault;
use crate::records::record::Record;
use crate::wire::{BatchHeader, Cursor, HEADER_BYTES};

/// Where the header has what is read or changed here, in bytes from its start.
mod place {
    use std::ops::Range;

    pub(super) const LENGTH: Range<usize> = 8..12;
    pub(super) const LEADER_EPOCH: usize = 12;
    pub(super) const MAGIC: usize = 16;
    pub(super) const CRC: Range<usize> = 17..21;
    pub(super) const ATTRIBUTES: Range<usize> = 21..23;
    pub(super) const LAST_OFFSET_DELTA: Range<usize> = 23..27;
    pub(super) const BASE_TIMESTAMP: Range<usize> = 27..35;
    pub(super) const MAX_TIMESTAMP: Range<usize> = 35..43;
    pub(super) const COUNT: Range<usize> = 57..61;
    /// Behind the length, which counts from here; behind the check sum, which does likewise.
    pub(super) const COUNTED: usize = LENGTH.end;
    pub(super) const SUMMED: usize = CRC.end;
}

/// The timestamps are the broker's: all records have the header's.
const APPEND_TIME: i16 = 1 << 3;

/// The first timestamp is when tombstones may be deleted.
const DELETE_HORIZON: i16 = 1 << 6;

/// A whole batch of format 2.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) header: BatchHeader,
    pub(super) leader_epoch: i32,
    pub(super) last_offset_delta: i32,
    base_timestamp: i64,
    max_timestamp: i64,
}

/// The numbers of a header that may change with the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) records: i32,
    pub(super) last_offset_delta: i32,
    pub(super) base_timestamp: i64,
    pub(super) max_timestamp: i64,
}

impl<'a> Batch<'a> {
    /// The first batch of a records field; none at its end, or where it is cut off.
    pub(super) fn first(records: &'a [u8]) -> Result<Option<Self>, BatchFault> {
        let Some(&[magic]) = records[place::MAGIC.min(records.len())..].first_chunk::<1>() else {
            return Ok(None);
        };
        let length = number(records, place::LENGTH.start).map(i32::from_be_bytes);
        let Ok(length) = usize::try_from(length.unwrap_or_default()) else {
            return Err(BatchFault::Malformed);
        };
        match magic.cast_signed() {
            2 => {}
            other => return Err(BatchFault::Format(other)),
        }
        let size = place::COUNTED + length;
        if size < HEADER_BYTES {
            return Err(BatchFault::Malformed);
        }
        Ok(records.get(..size).and_then(Self::whole))
    }

    fn whole(bytes: &'a [u8]) -> Option<Self> {
        let (header, _) = BatchHeader::parse(bytes)?;
        let leader_epoch = Cursor::new(bytes, place::LEADER_EPOCH).i32().ok()?;
        let mut cursor = Cursor::new(bytes, place::LAST_OFFSET_DELTA.start);
        Some(Self {
            bytes,
            header,
            leader_epoch,
            last_offset_delta: cursor.i32().ok()?,
            base_timestamp: cursor.i64().ok()?,
            max_timestamp: cursor.i64().ok()?,
        })
    }

    /// Whether it has no records: compaction leaves such, for what they say of their producer.
    pub(super) fn is_empty(&self) -> bool {
        self.header.records == 0 && self.payload().is_empty()
    }

    pub(super) fn last_offset(&self) -> i64 {
        self.offset(self.last_offset_delta)
    }

    pub(super) fn offset(&self, delta: i32) -> i64 {
        self.header.base_offset.wrapping_add(delta.into())
    }

    pub(super) fn timestamp(&self, record: &Record) -> i64 {
        match self.has(APPEND_TIME) {
            true => self.max_timestamp,
            false => self.base_timestamp.wrapping_add(record.timestamp_delta),
        }
    }

    fn has(&self, bit: i16) -> bool {
        self.header.attributes & bit != 0
    }

    pub(super) fn codec(&self) -> Result<Codec, BatchFault> {
        Codec::of(self.header.attributes)
    }

    /// The records as they stand in the batch, mostly compressed.
    pub(super) fn payload(&self) -> &'a [u8] {
        &self.bytes[HEADER_BYTES..]
    }

    /// Whether the bytes are those that were written.
    pub(super) fn check_sum(&self) -> Result<(), BatchFault> {
        let stored = number(self.bytes, place::CRC.start).map(u32::from_be_bytes);
        match stored == Some(crc32c::crc32c(&self.bytes[place::SUMMED..])) {
            true => Ok(()),
            false => Err(BatchFault::Checksum),
        }
    }

    /// The records without compression.
    pub(super) fn open<'b>(
        &self,
        codecs: &mut Codecs,
        bounds: &BatchBounds,
        opened: &'b mut Vec<u8>,
    ) -> Result<&'b [u8], BatchFault>
    where
        'a: 'b,
    {
        match self.codec()? {
            Codec::None => Ok(self.payload()),
            codec => {
                codecs.open(codec, self.payload(), bounds, opened)?;
                Ok(opened)
            }
        }
    }

    /// The numbers of the header as they are.
    pub(super) fn numbers(&self) -> Numbers {
        Numbers {
            records: self.header.records,
            last_offset_delta: self.last_offset_delta,
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
        }
    }

    /// By how much the first timestamp is to be moved when `first` becomes the first record: what is left out must not be
    /// told by it.
    pub(super) fn shift_to(&self, first: &Record) -> i64 {
        match self.has(DELETE_HORIZON) {
            true => 0,
            false => first.timestamp_delta,
        }
    }

    /// The header's numbers for records of which the newest has this timestamp.
    pub(super) fn numbers_of(
        &self,
        records: i32,
        last_offset_delta: i32,
        (shift, newest): (i64, i64),
    ) -> Numbers {
        let max_timestamp = match self.has(APPEND_TIME) {
            true => self.max_timestamp,
            false => newest,
        };
        Numbers {
            records,
            last_offset_delta,
            base_timestamp: self.base_timestamp.wrapping_add(shift),
            max_timestamp,
        }
    }

    /// Appends a batch with other records, and with all else that this one has.
    pub(super) fn seal(&self, codec: Codec, payload: &[u8], numbers: &Numbers, out: &mut Vec<u8>) {
        let start = out.len();
        out.reserve(HEADER_BYTES + payload.len());
        out.extend_from_slice(&self.bytes[..HEADER_BYTES]);
        out.extend_from_slice(payload);
        let batch = &mut out[start..];
        let length = (batch.len() - place::COUNTED) as u32;
        let attributes = codec.in_attributes(self.header.attributes);
        batch[place::LENGTH].copy_from_slice(&length.to_be_bytes());
        batch[place::ATTRIBUTES].copy_from_slice(&attributes.to_be_bytes());
        batch[place::LAST_OFFSET_DELTA].copy_from_slice(&numbers.last_offset_delta.to_be_bytes());
        batch[place::BASE_TIMESTAMP].copy_from_slice(&numbers.base_timestamp.to_be_bytes());
        batch[place::MAX_TIMESTAMP].copy_from_slice(&numbers.max_timestamp.to_be_bytes());
        batch[place::COUNT].copy_from_slice(&numbers.records.to_be_bytes());
        let sum = crc32c::crc32c(&batch[place::SUMMED..]);
        batch[place::CRC].copy_from_slice(&sum.to_be_bytes());
    }
}

/// Four bytes at a place.
fn number(bytes: &[u8], at: usize) -> Option<[u8; 4]> {
    bytes.get(at..)?.first_chunk().copied()
}
