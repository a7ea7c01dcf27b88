//! Bytes that lie: nothing panics, and no memory is taken that the bytes only claim.

use super::sample::{CODECS, SampleRecord, read, sign, signed};
use super::*;
use crate::fuzz::mutate::spoil;
use crate::fuzz::runner::run;
use crate::records::codec::Codecs;

/// One batch with these bytes for records.
fn with_payload(codec: Codec, count: i32, payload: &[u8]) -> Vec<u8> {
    let mut batch = SampleBatch::of(0, &[]).with(codec).bytes();
    batch.extend(payload);
    let length = batch.len() as i32 - 12;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    batch[23..27].copy_from_slice(&(count.wrapping_sub(1)).to_be_bytes());
    batch[57..61].copy_from_slice(&count.to_be_bytes());
    sign(&mut batch);
    batch
}

fn fault_of(batch: &[u8], workspace: &mut Workspace) -> BatchFault {
    let produce = produced(batch, &mut keep(), workspace);
    let fetch = fetched(batch, FetchRange::default(), &mut keep(), workspace);
    match (produce, fetch) {
        (Err(ProduceRefusal::Batch(fault)), Fetched::Unreadable { fault: other, .. }) if fault == other => {
            fault
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn counts_and_lengths_that_lie_are_refused() {
    let mut headers = Vec::new();
    // No attributes, no deltas, no key, no value, 2^31 - 1 headers.
    let mut body = vec![0, 0, 0, 1, 1];
    signed(i32::MAX.into(), &mut body);
    signed(body.len() as i64, &mut headers);
    headers.extend(body);
    let mut workspace = workspace();
    let mut refuse = |count, payload: &[u8]| {
        let fault = fault_of(&with_payload(Codec::None, count, payload), &mut workspace);
        assert_eq!(fault, BatchFault::Malformed, "{payload:?}");
    };
    refuse(1, &headers);
    refuse(i32::MAX, &[2, 0]);
    refuse(1, &[0xfe, 0xff, 0xff, 0xff, 0x0f]);
    refuse(1, &[0xff, 0xff, 0xff, 0xff, 0xff]);
    refuse(1, &[0x01]);
    // A key, a value, a name or a value of a header that is longer than its record; a name that is null.
    for body in [
        &[0, 0, 0, 100, 1, 0][..],
        &[0, 0, 0, 3, 1, 0],
        &[0, 0, 0, 1, 100, 0],
        &[0, 0, 0, 1, 1, 2, 100, 1],
        &[0, 0, 0, 1, 1, 2, 1, 1],
        &[0, 0, 0, 1, 1, 2, 0, 100],
        &[0, 0, 0, 1, 1, 1],
        &[0, 0, 0, 1, 1, 0, 0],
        &[0, 0, 0, 1, 1],
    ] {
        let mut record = vec![body.len() as u8 * 2];
        record.extend(body);
        refuse(1, &record);
    }
}

#[test]
fn what_grows_too_much_is_given_up() {
    let zeros = vec![0; 3 << 20];
    let bounds = BatchBounds {
        most: 2 << 20,
        ..BatchBounds::default()
    };
    let mut workspace = Workspace::new(bounds);
    for codec in &CODECS[1..] {
        let mut packed = Vec::new();
        Codecs::default().close(*codec, &zeros, &mut packed);
        let batch = with_payload(*codec, 1, &packed);
        let limit = bounds.decompressed(packed.len());
        let fault = fault_of(&batch, &mut workspace);
        assert_eq!(fault, BatchFault::TooLarge { limit }, "{codec:?}");
        let outline = outline(&batch, &bounds);
        assert_eq!((outline.batches, outline.largest), (1, limit), "{codec:?}");
        let capacity = workspace.opened.capacity();
        assert!(capacity <= 1 << 20, "{codec:?}: {capacity} bytes stay taken");
    }
}

#[test]
fn edits_that_grow_too_much_are_given_up() {
    let batch = SampleBatch::of(0, &["x"; 1_000]);
    let bounds = BatchBounds {
        most: 100_000,
        ..BatchBounds::default()
    };
    let long = [7; 1_000];
    let mut chain = By(|record: &mut Draft<'_>| {
        record.add_header("long", Some(&long));
        Verdict::Keep
    });
    let mut workspace = Workspace::new(bounds);
    let expected = BatchFault::TooLarge { limit: 100_000 };
    let result = produced(&batch.bytes(), &mut chain, &mut workspace);
    assert_eq!(result, Err(ProduceRefusal::Batch(expected)));
}

#[test]
fn numbers_at_their_ends_wrap() {
    let mut batch = SampleBatch::of(i64::MAX, &["skip", "set", "skip"]);
    batch.base_timestamp = i64::MIN;
    batch.records[1].timestamp_delta = -5;
    let field = batch.bytes();
    for from in [None, Some(i64::MIN), Some(i64::MAX)] {
        let range = FetchRange {
            from,
            limit: Some(0),
            poison: PoisonHandling::AfterOthers,
        };
        fetched(&field, range, &mut by_value(), &mut workspace());
    }
    batch.records[1] = SampleRecord {
        offset_delta: i32::MAX,
        timestamp_delta: i64::MAX,
        ..batch.records[1].clone()
    };
    batch.last_offset_delta = i32::MAX;
    fetched(
        &batch.bytes(),
        FetchRange::default(),
        &mut by_value(),
        &mut workspace(),
    );
}

/// Spoiled batches, signed again so that what is behind the check sum is read: what comes out can be read, and the memory
/// that stays taken is bounded.
#[test]
fn fuzz_batches_of_records() {
    let mut workspace = workspace();
    run("batches of records", |chance| {
        let mut log = SampleBatch::random_log(chance);
        for record in log.iter_mut().flat_map(|batch| &mut batch.records) {
            record.value = Some(
                chance
                    .pick(&["skip", "set", "keep", "refuse"])
                    .as_bytes()
                    .to_vec(),
            );
        }
        let mut field = Vec::new();
        for batch in &log {
            let mut bytes = batch.bytes();
            if chance.one_in(2) {
                let header: [u8; 61] = *bytes.first_chunk().unwrap();
                spoil(&mut bytes, chance);
                // Mostly the length is right, and the rest is read.
                if bytes.len() >= 61 && chance.below(4) > 0 {
                    bytes[..17].copy_from_slice(&header[..17]);
                    let length = bytes.len() as i32 - 12;
                    bytes[8..12].copy_from_slice(&length.to_be_bytes());
                    sign(&mut bytes);
                }
            }
            field.extend(bytes);
        }
        let range = FetchRange {
            from: chance.one_in(2).then(|| chance.next() as i64 % 1_000),
            limit: chance.one_in(2).then(|| chance.below(5_000)),
            poison: PoisonHandling::AfterOthers,
        };
        if let Fetched::Rewritten(records) = fetched(&field, range, &mut by_value(), &mut workspace) {
            let whole = fetched(&records, FetchRange::default(), &mut keep(), &mut workspace);
            assert_eq!(whole, Fetched::AsItCame, "what was written can be read");
        }
        let first = &field[..log[0].bytes().len().min(field.len())];
        if let Ok(Produced::Rewritten(records)) = produced(first, &mut by_value(), &mut workspace) {
            assert_eq!(read(&records).len(), 1);
        }
        outline(&field, &BatchBounds::default());
    });
}

/// Headers take two bytes, compressed next to nothing, and many times as much once they are looked at.
#[test]
fn a_record_with_headers_without_end_is_refused() {
    let mut batch = SampleBatch::of(0, &["value"]).with(Codec::Zstd);
    batch.records[0].headers = vec![(Vec::new(), None); 5000];
    let bytes = batch.bytes();
    let mut workspace = Workspace::new(BatchBounds::default());
    let refused = produced(&bytes, &mut keep(), &mut workspace).unwrap_err();
    assert_eq!(
        refused,
        ProduceRefusal::Batch(BatchFault::Headers { limit: 4096 })
    );
}
