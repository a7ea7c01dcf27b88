//! Looks at the headers of record batches, never at records. Bounds-checked: a fetch response may end in a batch that is
//! cut off.

mod crc32c;

use std::ops::Range;

use smallvec::SmallVec;

use crate::wire::cursor::Cursor;

/// The bytes of a batch header of format 2.
pub(crate) const HEADER_BYTES: usize = 61;
/// The bytes before those that the length of a batch counts.
const UNCOUNTED_BYTES: usize = 12;
const CODEC: i16 = 0b111;
const TRANSACTIONAL: i16 = 1 << 4;
const CONTROL: i16 = 1 << 5;

/// The header of a record batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    pub base_offset: i64,
    pub attributes: i16,
    /// -1 when the producer is not idempotent.
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
    pub records: i32,
}

impl BatchHeader {
    /// Whether the batch belongs to a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    /// Kafka's number of the codec that its records are compressed with.
    pub fn codec(&self) -> i16 {
        self.attributes & CODEC
    }

    /// Whether the batch is a marker of a transaction's end.
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    /// The first batch's header and the bytes that the whole batch takes.
    pub(crate) fn parse(records: &[u8]) -> Option<(Self, usize)> {
        let header = records.get(..HEADER_BYTES)?;
        let mut cursor = Cursor::new(header, 0);
        let base_offset = cursor.i64().ok()?;
        let length = usize::try_from(cursor.i32().ok()?).ok()?;
        let _leader_epoch = cursor.i32().ok()?;
        let magic = cursor.i8().ok()?;
        let size = UNCOUNTED_BYTES + length;
        if magic != 2 || size < HEADER_BYTES {
            return None;
        }
        let _crc = cursor.i32().ok()?;
        let attributes = cursor.i16().ok()?;
        cursor.take(4 + 8 + 8).ok()?;
        let producer_id = cursor.i64().ok()?;
        let producer_epoch = cursor.i16().ok()?;
        let base_sequence = cursor.i32().ok()?;
        let records = cursor.i32().ok()?;
        let header = Self {
            base_offset,
            attributes,
            producer_id,
            producer_epoch,
            base_sequence,
            records,
        };
        Some((header, size))
    }
}

/// The headers of the batches of a records field. Ends at the first that is cut off or is not of format 2.
pub fn batch_headers(records: &[u8]) -> impl Iterator<Item = BatchHeader> {
    let mut rest = records;
    std::iter::from_fn(move || {
        let (header, size) = BatchHeader::parse(rest)?;
        rest = &rest[size.min(rest.len())..];
        Some(header)
    })
}

/// How much a records field carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CarriedRecords {
    pub bytes: u64,
    /// Those of whole batches of format 2, by their headers; markers of the ends of transactions are none.
    pub records: u64,
}

impl CarriedRecords {
    /// Adds others.
    pub fn add(&mut self, others: Self) {
        self.bytes += others.bytes;
        self.records += others.records;
    }

    /// Looks at the headers of the batches of a records field.
    pub fn of(records: &[u8]) -> Self {
        let mut carried = Self {
            bytes: records.len() as u64,
            records: 0,
        };
        let mut rest = records;
        while let Some((header, size)) = BatchHeader::parse(rest) {
            let Some(after) = rest.get(size..) else {
                break;
            };
            if !header.is_control() {
                carried.records += u64::try_from(header.records).unwrap_or_default();
            }
            rest = after;
        }
        carried
    }
}

/// A producer id cannot be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no other id for a producer")]
pub struct NoOtherId;

/// Gives the producers of all batches of a records field other ids.
pub fn set_producer_ids(
    records: &mut [u8],
    other: impl Fn(&BatchHeader) -> Option<i64>,
) -> Result<(), NoOtherId> {
    let mut changes: SmallVec<[(usize, [u8; 8], usize); 2]> = SmallVec::new();
    with_producer_ids(records, other, |place, bytes| {
        let mut written = [0; 8];
        written[..bytes.len()].copy_from_slice(bytes);
        changes.push((place.start, written, bytes.len()));
    })?;
    for (at, bytes, len) in changes {
        records[at..at + len].copy_from_slice(&bytes[..len]);
    }
    Ok(())
}

/// Where a batch has what changes with its producer, in bytes from its start.
const CRC: Range<usize> = 17..21;
const PRODUCER_ID: Range<usize> = 43..51;

/// Gives the producers of all batches other ids: `change` gets places in the records, and what is to be written there.
/// Check sums are corrected without reading what they cover, so one that was wrong stays wrong.
pub(super) fn with_producer_ids(
    records: &[u8],
    other: impl Fn(&BatchHeader) -> Option<i64>,
    mut change: impl FnMut(Range<usize>, &[u8]),
) -> Result<(), NoOtherId> {
    let mut at = 0;
    while let Some((header, size)) = records.get(at..).and_then(BatchHeader::parse) {
        if header.producer_id >= 0 && at + size <= records.len() {
            let id = other(&header).ok_or(NoOtherId)?;
            if id != header.producer_id {
                let mut crc = [0; 4];
                crc.copy_from_slice(&records[at + CRC.start..at + CRC.end]);
                let difference = (header.producer_id ^ id).to_be_bytes();
                let crc = u32::from_be_bytes(crc) ^ crc32c::of_change(difference, size - PRODUCER_ID.end);
                change(at + CRC.start..at + CRC.end, &crc.to_be_bytes());
                change(at + PRODUCER_ID.start..at + PRODUCER_ID.end, &id.to_be_bytes());
            }
        }
        at = at.saturating_add(size).min(records.len());
    }
    Ok(())
}
