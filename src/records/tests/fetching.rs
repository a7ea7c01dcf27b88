//! Records that are fetched: what a client gets of them.

use proptest::prelude::*;

use super::sample::{APPEND_TIME, CODECS, CONTROL, DELETE_HORIZON, TRANSACTIONAL, read, sign};
use super::*;
use crate::fuzz::chance::Chance;

type Spoil = fn(&mut Vec<u8>);

const FROM_START: FetchRange = FetchRange {
    from: None,
    limit: None,
    poison: PoisonHandling::AfterOthers,
};

fn from(offset: i64) -> FetchRange {
    FetchRange {
        from: Some(offset),
        limit: None,
        poison: PoisonHandling::AfterOthers,
    }
}

fn fetch(batches: &[SampleBatch], range: FetchRange) -> Fetched<&'static str> {
    fetched(&joined(batches), range, &mut by_value(), &mut workspace())
}

fn rewritten(batches: &[SampleBatch], range: FetchRange) -> Vec<SampleBatch> {
    match fetch(batches, range) {
        Fetched::Rewritten(records) => read(&records),
        other => panic!("{other:?}"),
    }
}

/// The filler for the records up to an offset.
fn filler(offset: i64) -> SampleBatch {
    let mut filler = SampleBatch::of(offset, &["\0\0\0\0\0\0"]);
    filler.records[0].key = Some(vec![0, 0, 0x7f, 0xff]);
    filler.attributes = CONTROL;
    (filler.base_timestamp, filler.max_timestamp) = (-1, -1);
    filler
}

/// Offsets and values of all records that are no control records.
fn values(batches: &[SampleBatch]) -> Vec<(i64, String)> {
    let data = batches.iter().filter(|batch| batch.attributes & CONTROL == 0);
    let visible = data.flat_map(SampleBatch::visible);
    visible
        .map(|record| (record.0, String::from_utf8(record.3.unwrap_or_default()).unwrap()))
        .collect()
}

#[test]
fn what_nobody_changes_is_as_it_came() {
    let batches = [
        SampleBatch::of(5, &["one", "two"]).with(Codec::Gzip),
        SampleBatch::marker(7),
        SampleBatch::of(9, &[]),
        SampleBatch::of(12, &["three"]).with(Codec::Snappy),
    ];
    assert_eq!(fetch(&batches, from(6)), Fetched::AsItCame);
    assert_eq!(fetch(&batches, FROM_START), Fetched::AsItCame);
    assert_eq!(fetch(&[], from(6)), Fetched::AsItCame);
}

#[test]
fn offsets_of_what_is_kept_never_change() {
    for codec in CODECS {
        let batch = SampleBatch::of(10, &["skip", "one", "skip", "two", "skip"]).with(codec);
        let got = rewritten(&[batch], FROM_START);
        assert_eq!(values(&got), [(11, "one".to_owned()), (13, "two".to_owned())]);
        assert_eq!(
            (got[0].base_offset, got[0].last_offset(), got[0].codec),
            (10, 13, codec)
        );
        assert_eq!(got[1..], [filler(14)]);
    }
}

#[test]
fn a_filler_is_always_the_same() {
    let mut wide = SampleBatch::of(300, &["skip"; 20]).with(Codec::Zstd);
    wide.producer = (77, 4, 500);
    wide.attributes = TRANSACTIONAL;
    for batch in [SampleBatch::of(319, &["skip"]), wide] {
        let Fetched::Rewritten(records) = fetch(&[batch], FROM_START) else {
            panic!("left out");
        };
        assert_eq!(records.len(), filler::FILLER_BYTES);
        assert_eq!(read(&records), [filler(319)]);
        assert_eq!(records[..], filler(319).bytes());
    }
}

#[test]
fn one_filler_stands_for_all_that_is_left_out_at_the_end() {
    let left_out = |offset| SampleBatch::of(offset, &["skip", "skip"]);
    let one = SampleBatch::of(4, &["one", "skip"]);
    let mut compacted = left_out(8);
    compacted.last_offset_delta = 5;
    let mut empty = SampleBatch::of(14, &[]);
    empty.last_offset_delta = 3;
    let got = rewritten(&[left_out(2), one, left_out(6), compacted, empty], FROM_START);
    assert_eq!(values(&got), [(4, "one".to_owned())]);
    assert_eq!(got[1..], [filler(17)]);
}

#[test]
fn batches_of_the_broker_stay_as_they_are() {
    let mut open = SampleBatch::of(0, &["skip", "skip"]);
    open.attributes = TRANSACTIONAL;
    open.producer = (4_000, 2, 0);
    let marker = SampleBatch::marker(2);
    let got = rewritten(&[open.clone(), marker.clone()], FROM_START);
    assert_eq!(
        got,
        std::slice::from_ref(&marker),
        "the marker moves the client on"
    );
    let mut next = open.clone();
    next.base_offset = 3;
    let got = rewritten(&[open, marker.clone(), next], FROM_START);
    assert_eq!(got, [marker, filler(4)]);
}

#[test]
fn what_is_left_out_is_not_told_by_times() {
    let mut batch = SampleBatch::of(0, &["skip", "one", "two", "skip"]).with(Codec::Lz4);
    let got = &rewritten(&[batch.clone()], FROM_START)[0];
    assert_eq!((got.base_timestamp, got.max_timestamp), (1_010, 1_020));
    assert_eq!(got.visible(), batch.visible()[1..3]);
    // The time at which the broker got the batch is that of its kept records too.
    batch.attributes = APPEND_TIME;
    batch.max_timestamp = 5_000;
    let got = &rewritten(&[batch.clone()], FROM_START)[0];
    assert_eq!((got.base_timestamp, got.max_timestamp), (1_010, 5_000));
    assert_eq!(got.visible(), batch.visible()[1..3]);
    // The first time is no record's.
    batch.attributes = DELETE_HORIZON;
    let got = &rewritten(&[batch.clone()], FROM_START)[0];
    assert_eq!((got.base_timestamp, got.max_timestamp), (1_000, 1_020));
    assert_eq!(got.visible(), batch.visible()[1..3]);
}

#[test]
fn records_before_the_offset_are_dropped_once_something_is_left_out() {
    let batch = SampleBatch::of(0, &["zero", "one", "two", "skip", "four"]);
    let got = rewritten(&[batch], from(2));
    assert_eq!(values(&got), [(2, "two".to_owned()), (4, "four".to_owned())]);
    // All that is left is before it.
    let got = rewritten(&[SampleBatch::of(0, &["zero", "one", "skip"])], from(2));
    assert_eq!(got, [filler(2)]);
    let got = rewritten(&[SampleBatch::of(0, &["zero", "skip", "two"])], from(2));
    assert_eq!(values(&got), [(2, "two".to_owned())]);
    let got = rewritten(&[SampleBatch::of(0, &["zero", "set", "two"])], from(2));
    assert_eq!(values(&got), [(2, "two".to_owned())]);
    // A client that asks from the middle of a batch sees of its beginning no more than anybody.
    let got = rewritten(&[SampleBatch::of(0, &["skip", "one", "two"])], from(2));
    assert_eq!(values(&got), [(2, "two".to_owned())]);
    let got = rewritten(&[SampleBatch::of(0, &["refuse", "one", "two"])], from(1));
    assert_eq!(values(&got), [(1, "one".to_owned()), (2, "two".to_owned())]);
}

#[test]
fn a_filler_never_holds_a_client_where_it_is() {
    // The whole batch is before what the client asks for.
    let got = fetch(&[SampleBatch::of(0, &["skip", "skip"])], from(2));
    assert_eq!(got, Fetched::Rewritten(Default::default()));
    let batches = [SampleBatch::of(0, &["skip", "skip", "refuse"])];
    let poisoned = |offset| Fetched::Poisoned {
        offset,
        reason: "as it asked",
    };
    assert_eq!(fetch(&batches, from(2)), poisoned(2));
    assert_eq!(rewritten(&batches, from(1)), [filler(1)]);
}

#[test]
fn all_before_a_refused_record_is_delivered() {
    let one = SampleBatch::of(0, &["one", "two"]).with(Codec::Zstd);
    let poison = SampleBatch::of(2, &["three", "skip", "refuse", "five"]).with(Codec::Gzip);
    let after = SampleBatch::of(6, &["six"]);
    let batches = [one.clone(), poison, after];
    let got = rewritten(&batches, from(1));
    assert_eq!(got[0], one);
    assert_eq!(values(&got[1..]), [(2, "three".to_owned())]);
    assert_eq!((got[1].last_offset(), got[2..].to_vec()), (2, vec![filler(3)]));
    // From there on there is nothing to deliver.
    let expected = Fetched::Poisoned {
        offset: 4,
        reason: "as it asked",
    };
    assert_eq!(fetch(&batches[1..], from(4)), expected);
    // Who goes past it gets what follows, and no more of it.
    let got = rewritten(&batches[1..], from(5));
    assert_eq!(values(&got), [(5, "five".to_owned()), (6, "six".to_owned())]);
}

#[test]
fn a_batch_that_cannot_be_opened_is_never_passed_on() {
    let good = SampleBatch::of(0, &["one"]);
    let bad = |spoil: Spoil| {
        let mut bytes = SampleBatch::of(1, &["two", "three"]).bytes();
        spoil(&mut bytes);
        bytes
    };
    let cases: [(Spoil, BatchFault); 6] = [
        (|bytes| bytes[16] = 1, BatchFault::Format(1)),
        (|bytes| bytes[80] ^= 1, BatchFault::Checksum),
        (|bytes| bytes[8] = 0x80, BatchFault::Malformed),
        (|bytes| bytes[11] = 40, BatchFault::Malformed),
        (
            |bytes| {
                bytes[22] = 6;
                sign(bytes);
            },
            BatchFault::Codec(6),
        ),
        (
            |bytes| {
                bytes[60] = 3;
                sign(bytes);
            },
            BatchFault::Malformed,
        ),
    ];
    for (spoil, fault) in cases {
        let offset = 2;
        let field = bad(spoil);
        let got = fetched(&field, from(2), &mut keep(), &mut workspace());
        assert_eq!(got, Fetched::Unreadable { offset, fault });
        let field = [good.bytes(), field].concat();
        let got = fetched(&field, from(0), &mut keep(), &mut workspace());
        assert_eq!(got, Fetched::Rewritten(good.bytes().into()), "{fault:?}");
    }
}

#[test]
fn a_batch_that_is_cut_off_is_left_out() {
    let batches = [SampleBatch::of(0, &["one"]), SampleBatch::of(1, &["skip", "two"])];
    let (first, field) = (batches[0].bytes(), joined(&batches));
    for cut in first.len() + 1..field.len() {
        let got = fetched(&field[..cut], from(0), &mut keep(), &mut workspace());
        assert_eq!(got, Fetched::Rewritten(first.clone().into()), "{cut}");
    }
    assert_eq!(
        fetched(&first[..50], from(0), &mut keep(), &mut workspace()),
        Fetched::Rewritten(Default::default())
    );
}

#[test]
fn an_answer_that_grows_is_cut_between_batches() {
    let set = |offset| SampleBatch::of(offset, &["set"]);
    let batches = [set(0), set(1), SampleBatch::of(2, &["skip"]), set(3)];
    let one = rewritten(&batches[..1], FROM_START)[0].bytes().len();
    let offsets = |limit| {
        let range = FetchRange {
            from: Some(0),
            limit: Some(limit),
            poison: PoisonHandling::AfterOthers,
        };
        let got = rewritten(&batches, range);
        let offsets = got.iter().map(|batch| batch.base_offset);
        offsets.collect::<Vec<_>>()
    };
    assert_eq!(offsets(0), [0], "one batch comes in any case");
    assert_eq!(offsets(2 * one - 1), [0]);
    assert_eq!(
        offsets(2 * one),
        [0, 1, 2],
        "what is left out after them is behind the client"
    );
    assert_eq!(offsets(3 * one), [0, 1, 3]);
    // What is as it came counts likewise.
    let batches = [SampleBatch::of(0, &["one"]), SampleBatch::of(1, &["two"])];
    let range = FetchRange {
        from: None,
        limit: Some(100),
        poison: PoisonHandling::AfterOthers,
    };
    let first = Fetched::Rewritten(batches[0].bytes().into());
    assert_eq!(fetch(&batches, range), first);
}

/// A log in which values say what becomes of records.
fn random_log(chance: &mut Chance) -> Vec<SampleBatch> {
    let words: &[&str] = match chance.below(4) {
        0 => &["keep"],
        1 => &["skip"],
        2 => &["skip", "keep", "keep", "set", "remove"],
        _ => &["skip", "skip", "skip", "skip", "keep", "refuse"],
    };
    let mut log = SampleBatch::random_log(chance);
    let data = log.iter_mut().filter(|batch| batch.attributes & CONTROL == 0);
    for record in data.flat_map(|batch| &mut batch.records) {
        record.value = Some(chance.pick(words).as_bytes().to_vec());
    }
    log
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Any log and any offset: exactly what may be seen is seen, as often as the client comes back, until the end.
    #[test]
    fn a_client_sees_what_it_may_and_comes_to_the_end(seed: u64) {
        let mut chance = Chance::new(seed);
        let log = random_log(&mut chance);
        let (start, end) = (log[0].base_offset, log.last().unwrap().last_offset() + 1);
        let mut position = start + chance.below((end - start) as usize) as i64;
        let data = log.iter().filter(|batch| batch.attributes & CONTROL == 0);
        let expected = data.flat_map(SampleBatch::visible).filter(|record| record.0 >= position);
        let is = |record: &Visible, word: &[u8]| record.3.as_deref() == Some(word);
        let expected: Vec<Visible> = expected
            .take_while(|record| !is(record, b"refuse"))
            .filter(|record| !is(record, b"skip"))
            .map(|record| (record.0, record.1, record.2.clone(), record.3.clone(), changed_by_value(&record)))
            .collect();
        let limit = chance.one_in(2).then(|| chance.below(2_000));
        let mut seen: Vec<Visible> = Vec::new();
        while position < end {
            let rest: Vec<_> = log.iter().filter(|batch| batch.last_offset() >= position).cloned().collect();
            let field = joined(&rest);
            let got = match fetch(&rest, FetchRange { from: Some(position), limit, poison: PoisonHandling::AfterOthers }) {
                Fetched::AsItCame => read(&field),
                Fetched::Rewritten(records) => {
                    prop_assert_ne!(&records[..], &field[..]);
                    read(&records)
                }
                Fetched::Poisoned { offset, .. } => {
                    prop_assert!(offset >= position);
                    let mut poison = rest.iter().flat_map(SampleBatch::visible).filter(|record| record.0 >= position);
                    let poison = poison.find(|record| !is(record, b"skip"));
                    prop_assert!(is(&poison.unwrap(), b"refuse"));
                    break;
                }
                Fetched::Unreadable { fault, .. } => panic!("{fault:?}"),
            };
            for batch in &got {
                prop_assert!(batch.visible().iter().all(|record| !is(record, b"skip") && !is(record, b"refuse")));
                let origin = log.iter().find(|origin| origin.base_offset == batch.base_offset);
                match batch.attributes & CONTROL != 0 && batch.producer.0 < 0 {
                    true => prop_assert_eq!(batch, &filler(batch.base_offset)),
                    false => prop_assert_eq!(
                        (origin.unwrap().producer, origin.unwrap().attributes, origin.unwrap().codec),
                        (batch.producer, batch.attributes, batch.codec)
                    ),
                }
                if batch.attributes & CONTROL == 0 {
                    seen.extend(batch.visible().into_iter().filter(|record| record.0 >= position));
                } else if batch.producer.0 >= 0 {
                    prop_assert_eq!(batch, origin.unwrap(), "the broker's own");
                }
            }
            let next = got.last().map(|batch| batch.last_offset() + 1);
            prop_assert!(next.is_some_and(|next| next > position), "{next:?} after {position}");
            position = next.unwrap();
        }
        prop_assert_eq!(seen, expected);
    }
}

/// A share consumer takes what is missing of what it acquired for gaps, and acknowledges them.
#[test]
fn a_share_consumer_is_told_of_poison_before_anything_else() {
    let bytes = SampleBatch::of(0, &["good", "refuse", "good"]).bytes();
    let range = FetchRange {
        from: None,
        limit: None,
        poison: PoisonHandling::First,
    };
    let mut workspace = Workspace::new(BatchBounds::default());
    let told = fetched(&bytes, range, &mut by_value(), &mut workspace);
    assert!(matches!(told, Fetched::Poisoned { offset: 1, .. }), "{told:?}");
}
