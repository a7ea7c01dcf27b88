//! One batch in, one batch out.

use proptest::prelude::*;

use super::sample::{APPEND_TIME, CODECS, CONTROL, TRANSACTIONAL, read, sign};
use super::*;
use crate::fuzz::chance::Chance;

type Edit = fn(&mut Draft<'_>);

fn rewritten<C: Chain<Reason = &'static str>>(batch: &SampleBatch, chain: &mut C) -> SampleBatch {
    match produced(&batch.bytes(), chain, &mut workspace()) {
        Ok(Produced::Rewritten(records)) => {
            let mut batches = read(&records);
            assert_eq!(batches.len(), 1);
            batches.remove(0)
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(records: &[u8], expected: BatchFault) {
    let result = produced(records, &mut keep(), &mut workspace());
    assert_eq!(result, Err(ProduceRefusal::Batch(expected)));
}

#[test]
fn a_batch_that_nobody_changes_is_the_one_that_came() {
    for codec in CODECS {
        let batch = SampleBatch::of(0, &["one", "two"]).with(codec);
        let result = produced(&batch.bytes(), &mut by_value(), &mut workspace());
        assert_eq!(result, Ok(Produced::AsItCame), "{codec:?}");
    }
}

#[test]
fn only_headers_change_and_all_else_stays() {
    for codec in CODECS {
        let mut batch = SampleBatch::of(0, &["one", "set", "three", "remove", "five"]).with(codec);
        batch.attributes = TRANSACTIONAL;
        batch.producer = (17, 3, 99);
        for record in &mut batch.records {
            record.key = Some(vec![1]);
            record.headers = [("a", Some("1")), ("b", None), ("a", Some("")), ("b", Some("2"))]
                .map(|(name, value)| (name.into(), value.map(Into::into)))
                .to_vec();
        }
        let mut expected = batch.clone();
        for (record, visible) in expected.records.iter_mut().zip(batch.visible()) {
            record.headers = changed_by_value(&visible);
        }
        assert_ne!(expected, batch);
        assert_eq!(rewritten(&batch, &mut by_value()), expected, "{codec:?}");
    }
}

#[test]
fn headers_change_as_a_list_does() {
    let batch = SampleBatch::of(0, &["x"]);
    let pair = |name: &str, value: Option<&str>| (name.into(), value.map(Into::into));
    let after = |edit: Edit| {
        let mut batch = batch.clone();
        batch.records[0].headers = vec![pair("a", Some("1")), pair("b", None), pair("a", Some("2"))];
        let mut chain = By(|record: &mut Draft<'_>| {
            edit(record);
            Verdict::Keep
        });
        match produced(&batch.bytes(), &mut chain, &mut workspace()) {
            Ok(Produced::Rewritten(records)) => Some(read(&records)[0].records[0].headers.clone()),
            Ok(Produced::AsItCame) => None,
            Err(refusal) => panic!("{refusal:?}"),
        }
    };
    let edits: [(Edit, Option<Vec<Pair>>); 8] = [
        (|record| record.remove_header("c"), None),
        (|record| record.remove_header("a"), Some(vec![pair("b", None)])),
        (
            |record| record.set_header("a", Some(b"2")),
            Some(vec![pair("b", None), pair("a", Some("2"))]),
        ),
        (
            |record| record.set_header("b", None),
            Some(vec![pair("a", Some("1")), pair("a", Some("2")), pair("b", None)]),
        ),
        (
            |record| record.add_header("b", Some(b"")),
            Some(vec![
                pair("a", Some("1")),
                pair("b", None),
                pair("a", Some("2")),
                pair("b", Some("")),
            ]),
        ),
        (
            |record| {
                record.remove_header("a");
                record.remove_header("b");
            },
            Some(Vec::new()),
        ),
        (
            |record| {
                record.set_header("n", Some(b"1"));
                record.set_header("n", Some(b"2"));
                record.remove_header("a");
            },
            Some(vec![pair("b", None), pair("n", Some("2"))]),
        ),
        (
            |record| {
                record.add_header("n", None);
                record.remove_header("n");
                record.remove_header("a");
                record.set_header("b", None);
            },
            Some(vec![pair("b", None)]),
        ),
    ];
    for (number, (edit, expected)) in edits.into_iter().enumerate() {
        assert_eq!(after(edit), expected, "{number}");
    }
}

#[test]
fn a_header_that_is_there_already_is_no_change() {
    let mut batch = SampleBatch::of(0, &["set"]);
    batch.records[0].headers = vec![(b"b".to_vec(), None), (b"a".to_vec(), Some(b"new".to_vec()))];
    let result = produced(&batch.bytes(), &mut by_value(), &mut workspace());
    assert_eq!(result, Ok(Produced::AsItCame));
    // Not the last: it moves there.
    batch.records[0].headers.reverse();
    rewritten(&batch, &mut by_value());
}

#[test]
fn refused_records_are_named_up_to_a_hundred() {
    let batch = SampleBatch::of(0, &["set", "refuse", "one", "skip", "refuse"]).with(Codec::Lz4);
    let expected = [(1, Some("as it asked")), (3, None), (4, Some("as it asked"))];
    let expected = expected.map(|(index, reason)| RefusedRecord { index, reason });
    let result = produced(&batch.bytes(), &mut by_value(), &mut workspace());
    assert_eq!(result, Err(ProduceRefusal::Records(expected.to_vec())));

    let batch = SampleBatch::of(0, &["refuse"; 250]);
    match produced(&batch.bytes(), &mut by_value(), &mut workspace()) {
        Err(ProduceRefusal::Records(named)) => assert_eq!(named.len(), 100),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_broker_would_refuse_is_refused() {
    let batch = SampleBatch::of(0, &["one", "two", "three"]);
    refused(b"", BatchFault::NotOneBatch);
    refused(&batch.bytes().repeat(2), BatchFault::NotOneBatch);
    refused(&[batch.bytes(), vec![0]].concat(), BatchFault::NotOneBatch);
    let bytes = batch.bytes();
    for cut in [1, 16, 17, 60, 61, bytes.len() - 1] {
        refused(&bytes[..cut], BatchFault::Malformed);
    }
    let mut control = batch.clone();
    control.attributes = CONTROL;
    refused(&control.bytes(), BatchFault::Control);
    let mut gap = batch.clone();
    gap.records[2].offset_delta = 3;
    refused(&gap.bytes(), BatchFault::Counts);
    gap.last_offset_delta = 3;
    refused(&gap.bytes(), BatchFault::Counts);
    let mut empty = batch.clone();
    empty.records.clear();
    empty.last_offset_delta = -1;
    refused(&empty.bytes(), BatchFault::Counts);

    let changed = |at: usize, byte: u8| {
        let mut bytes = batch.bytes();
        bytes[at] = byte;
        bytes
    };
    for (at, byte, expected) in [
        (16, 0, BatchFault::Format(0)),
        (16, 1, BatchFault::Format(1)),
        (16, 3, BatchFault::Format(3)),
        (22, 1, BatchFault::Checksum),
        (70, 0xee, BatchFault::Checksum),
    ] {
        refused(&changed(at, byte), expected);
    }
    let signed = |at, byte| {
        let mut bytes = changed(at, byte);
        sign(&mut bytes);
        bytes
    };
    refused(&signed(22, 5), BatchFault::Codec(5));
    refused(&signed(22, 1), BatchFault::Malformed);
    // One record fewer than there are, or one more.
    let mut fewer = signed(60, 2);
    fewer[26] = 1;
    sign(&mut fewer);
    refused(&fewer, BatchFault::Malformed);
    let mut more = signed(60, 4);
    more[26] = 3;
    sign(&mut more);
    refused(&more, BatchFault::Malformed);
}

#[test]
fn a_chain_sees_what_is_there() {
    let mut batch = SampleBatch::of(40, &["one", "two"]).with(Codec::Zstd);
    batch.records[1].key = Some(b"key".to_vec());
    batch.records[0].value = None;
    batch.records[1].headers = vec![(b"h".to_vec(), None)];
    let mut seen = Vec::new();
    let mut chain = By(|record: &mut Draft<'_>| {
        let headers = record
            .headers()
            .map(|header| (header.name.to_vec(), header.value.map(Into::into)));
        seen.push((
            record.offset(),
            record.timestamp(),
            record.key().map(Into::into),
            record.value().map(Into::into),
            headers.collect::<Vec<Pair>>(),
        ));
        Verdict::Keep
    });
    produced(&batch.bytes(), &mut chain, &mut workspace()).unwrap();
    assert_eq!(seen, batch.visible());
}

proptest! {
    /// Any batch that a producer may send, any edit: what is read afterwards is what a list would have become.
    #[test]
    fn any_batch_keeps_all_but_what_was_changed(seed: u64) {
        let mut chance = Chance::new(seed);
        let mut batch = SampleBatch::random(0, &mut chance);
        batch.attributes &= !(CONTROL | APPEND_TIME);
        for (index, record) in (0..).zip(&mut batch.records) {
            record.offset_delta = index;
            if chance.one_in(2) {
                record.value = Some(chance.pick(&["set", "remove", "keep"]).as_bytes().to_vec());
            }
        }
        batch.last_offset_delta = batch.records.len() as i32 - 1;
        if batch.records.is_empty() {
            return Ok(());
        }
        let mut expected = batch.clone();
        for (record, visible) in expected.records.iter_mut().zip(batch.visible()) {
            record.headers = changed_by_value(&visible);
        }
        let bytes = batch.bytes();
        match produced(&bytes, &mut by_value(), &mut workspace()) {
            Ok(Produced::AsItCame) => prop_assert_eq!(&expected, &batch),
            Ok(Produced::Rewritten(records)) => {
                prop_assert_ne!(&expected, &batch);
                prop_assert_eq!(&read(&records), &[expected]);
            }
            Err(refusal) => prop_assert!(false, "{refusal:?}"),
        }
    }
}
