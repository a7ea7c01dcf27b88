//! The filler, which stands for records that a client may not see, so that its position moves on past them: a control batch
//! of one record, of a type that no client knows and every client passes over. docs/decisions/0014 says why.

use crate::wire::HEADER_BYTES;

/// The control bit, and no codec.
const ATTRIBUTES: i16 = 1 << 5;

/// A record of 16 bytes: no attributes, no difference of time or offset. Its key is version 0 of a control record's key and
/// a type that Kafka does not use; its value is as long as that of a transaction's marker, for those who read it before
/// they look at the type. No headers.
const RECORD: [u8; 17] = [32, 0, 0, 0, 8, 0, 0, 0x7f, 0xff, 12, 0, 0, 0, 0, 0, 0, 0];

/// Bytes that a filler takes.
pub(super) const FILLER_BYTES: usize = HEADER_BYTES + RECORD.len();

/// Appends a filler for the records up to an offset. But for the offset and the leader's epoch, which clients keep with
/// their position, it is always the same: nothing of what it stands for can be told by it.
pub(super) fn append(offset: i64, leader_epoch: i32, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&offset.to_be_bytes());
    out.extend_from_slice(&((FILLER_BYTES - 12) as u32).to_be_bytes());
    out.extend_from_slice(&leader_epoch.to_be_bytes());
    // The format, and room for the check sum.
    out.extend_from_slice(&[2, 0, 0, 0, 0]);
    let summed = out.len();
    out.extend_from_slice(&ATTRIBUTES.to_be_bytes());
    // The last offset is the first; no time, first and last.
    out.extend_from_slice(&0_i32.to_be_bytes());
    out.extend_from_slice(&[0xff; 8 + 8]);
    // No producer: id, epoch, sequence.
    out.extend_from_slice(&[0xff; 8 + 2 + 4]);
    out.extend_from_slice(&1_i32.to_be_bytes());
    out.extend_from_slice(&RECORD);
    let sum = crc32c::crc32c(&out[summed..]);
    out[summed - 4..summed].copy_from_slice(&sum.to_be_bytes());
    debug_assert_eq!(out.len() - start, FILLER_BYTES);
}
