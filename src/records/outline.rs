//! The size of a records field that is to be opened, as far as headers say it.

use crate::records::batch::Batch;
use crate::records::bounds::BatchBounds;

/// The length, attributes, two differences, no key, no value, no headers: one byte each.
const LEAST_RECORD_BYTES: usize = 7;

/// The batches of a records field, without the last when it is cut off, and what it takes to open them. Nothing is
/// decompressed for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FieldOutline {
    pub batches: usize,
    /// The most records that they can have: as many as they claim, if there is room for them.
    pub records: usize,
    /// The most bytes that all batches together can become when they are decompressed: how much work it is.
    pub opened: usize,
    /// The most bytes that one of them can become: how much memory it takes. Two such buffers are needed when records are
    /// changed, and what the chain adds to them; and a copy of the field for the answer.
    pub largest: usize,
}

/// Walks over the headers, up to one that is not of format 2.
pub fn outline(records: &[u8], bounds: &BatchBounds) -> FieldOutline {
    let mut outline = FieldOutline::default();
    let mut rest = records;
    while let Ok(Some(batch)) = Batch::first(rest) {
        rest = &rest[batch.bytes.len()..];
        let codec = batch.codec();
        let opened = codec.map_or(0, |codec| codec.most(batch.payload(), bounds));
        outline.batches += 1;
        let claimed = usize::try_from(batch.header.records).unwrap_or_default();
        outline.records = outline
            .records
            .saturating_add(claimed.min(opened / LEAST_RECORD_BYTES));
        outline.opened = outline.opened.saturating_add(opened);
        outline.largest = outline.largest.max(opened);
    }
    outline
}
