//! Bytes that nobody honest sends: no panic, no allocation beyond what the bytes are worth.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;

use super::differential::{each_version, frame, walk};
use super::sample::{OddTags, Random, Sampler};
use crate::wire::program::Detail;
use crate::wire::schema::{Class, MessageDef};
use crate::wire::tape::Tape;
use crate::wire::{
    CarriedRecords, Edits, Embedded, Form, RequestHeader, Tail, WireError, batch_headers, walk_embedded,
    walk_request,
};

/// A tape may hold this many entries for each byte of a frame.
const ENTRIES_PER_BYTE: usize = 3;

fn sample(def: &MessageDef, version: i16, seed: u64) -> Vec<u8> {
    let sampler = Sampler {
        odd_tags: OddTags::UnknownAndDefaults,
        ..Sampler::new(def, version)
    };
    frame(def, version, &sampler.message(def, seed)).to_vec()
}

/// Walks with a fresh tape, and checks what it cost.
fn try_walk(def: &MessageDef, version: i16, frame: &[u8]) -> Result<Result<(), WireError>> {
    let mut tape = Tape::new();
    let walked = walk(def, version, frame, (Detail::Everything, &mut tape)).map(drop);
    let allowed = (frame.len() * ENTRIES_PER_BYTE + 32).next_power_of_two();
    ensure!(
        tape.capacity() <= allowed,
        "{} entries for {} bytes",
        tape.capacity(),
        frame.len()
    );
    Ok(walked)
}

/// A message that is cut off anywhere is an error.
#[test]
fn truncated() -> Result<()> {
    each_version(|def, version, seed| {
        if seed > 0 {
            return Ok(());
        }
        let whole = sample(def, version, seed);
        let mut tape = Tape::new();
        for length in 0..whole.len() {
            let walked = walk(def, version, &whole[..length], (Detail::Classified, &mut tape));
            ensure!(walked.is_err(), "{length} of {} bytes pass", whole.len());
        }
        let mut longer = whole;
        longer.push(0);
        ensure!(
            try_walk(def, version, &longer)?.is_err(),
            "a trailing byte passes"
        );
        Ok(())
    })
}

/// A huge length or count anywhere costs nothing.
#[test]
fn huge_lengths() -> Result<()> {
    each_version(|def, version, seed| {
        if seed > 0 {
            return Ok(());
        }
        let whole = sample(def, version, seed);
        // The key and version of a request stay.
        for at in 4..whole.len().saturating_sub(5) {
            for huge in [
                &[0x7f, 0xff, 0xff, 0xff][..],
                &[0xff, 0xff, 0xff, 0xff, 0x0f],
                &[0x7f, 0xff],
            ] {
                let mut frame = whole.clone();
                frame[at..at + huge.len()].copy_from_slice(huge);
                let _refused_or_not = try_walk(def, version, &frame)?;
            }
        }
        Ok(())
    })
}

/// Damaged bytes are refused or walked; what is walked can be edited and walked again.
#[test]
fn damaged() -> Result<()> {
    let mut passed = 0;
    each_version(|def, version, seed| {
        let whole = sample(def, version, seed);
        let mut random = Random::new(seed + 1000);
        for _ in 0..40 {
            let mut damaged = whole.clone();
            for _ in 0..=random.below(3) {
                let at = 4 + random.below(damaged.len() - 4);
                damaged[at] ^= 1 << random.below(8);
            }
            if try_walk(def, version, &damaged)?.is_err() {
                continue;
            }
            passed += 1;
            let damaged = Bytes::from(damaged);
            let mut tape = Tape::new();
            let message = walk(def, version, &damaged, (Detail::Everything, &mut tape))?;
            let mut edits = Edits::new();
            for name in message
                .all(Class::TopicName)
                .filter(|name| name.form() == Form::Text)
            {
                edits.set_text(name, Some("another"));
            }
            let written: Bytes = super::joined(&edits.finish(message, &damaged)?)
                .split_off(4)
                .into();
            walk(def, version, &written, (Detail::Everything, &mut tape)).context("after an edit")?;
        }
        Ok(())
    })?;
    assert!(passed > 1000, "{passed}");
    Ok(())
}

/// A field that is tagged twice could be checked in one place and used in the other.
#[test]
fn tags_ascend() {
    // Fetch 17, no topics; the cluster id (tag 0) twice.
    let mut fetch = vec![0, 1, 0, 17, 0, 0, 0, 1, 0, 0, 0];
    fetch.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    fetch.extend([1, 1, 1]);
    let at = fetch.len() + 1;
    let once = [&fetch[..], &[1, 0, 2, 2, b'a']].concat();
    let twice = [&fetch[..], &[2, 0, 2, 2, b'a', 0, 2, 2, b'b']].concat();
    let mut tape = Tape::new();
    let mut check = |frame: &[u8]| {
        let header = RequestHeader::parse(frame)?;
        walk_request(&header, frame, Detail::Classified, &mut tape).map(drop)
    };
    assert_eq!(check(&once), Ok(()));
    assert_eq!(check(&twice), Err(WireError::BadTags { at: at + 4 }));
}

#[test]
fn text_is_utf8() {
    // Metadata 4, one topic.
    let frame = [
        0, 3, 0, 4, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 1, 0, 2, 0xc3, 0x28, 1,
    ];
    let header = RequestHeader::parse(&frame).expect("a header");
    let error = walk_request(&header, &frame, Detail::Classified, &mut Tape::new()).map(drop);
    assert_eq!(error, Err(WireError::NotUtf8 { at: 14 }));
}

/// A message of the consumer protocol may be older than it says, or newer than is known, and may have to be understood to
/// its last byte.
#[test]
fn embedded_messages() -> Result<()> {
    let mut subscription = vec![0, 3, 0, 0, 0, 1, 0, 1, b't', 0xff, 0xff, 0xff, 0xff];
    let version_0 = subscription.len();
    subscription.extend([0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 1, 0, 0, 0, 5]);
    let version_1 = subscription.len();
    subscription.extend([0, 0, 0, 7]);
    let version_2 = subscription.len();
    subscription.extend([0xff, 0xff]);
    let version_3 = subscription.len();
    subscription.push(0);
    let mut tape = Tape::new();
    for length in 0..=subscription.len() {
        let mut walked =
            |tail| walk_embedded(Embedded::Subscription, &subscription[..length], tail, &mut tape).is_ok();
        let is_whole = [version_0, version_1, version_2, version_3].contains(&length);
        assert_eq!(walked(Tail::Nothing), is_whole, "{length} bytes");
        assert_eq!(walked(Tail::Anything), length >= version_0, "{length} bytes");
    }
    subscription.pop();
    let message = walk_embedded(Embedded::Subscription, &subscription, Tail::Nothing, &mut tape)?;
    let mut edits = Edits::new();
    for name in message
        .all(Class::TopicName)
        .filter(|name| name.form() == Form::Text)
    {
        edits.set_text(name, Some("topic"));
    }
    let mut wanted = vec![0, 3, 0, 0, 0, 1, 0, 5];
    wanted.extend(b"topic");
    wanted.extend([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 5]);
    wanted.extend(b"topic");
    wanted.extend([0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 7, 0xff, 0xff]);
    assert_eq!(edits.finish_embedded(message)?, wanted);
    for version in [4, i16::MAX] {
        subscription[..2].copy_from_slice(&version.to_be_bytes());
        walk_embedded(Embedded::Subscription, &subscription, Tail::Nothing, &mut tape)?;
    }
    let version = -1_i16;
    subscription[..2].copy_from_slice(&version.to_be_bytes());
    let error = walk_embedded(Embedded::Subscription, &subscription, Tail::Anything, &mut tape).map(drop);
    assert_eq!(error, Err(WireError::UnknownVersion { key: -1, version }));
    Ok(())
}

#[test]
fn batches_are_read_as_far_as_they_go() {
    let mut batch = vec![0; 61];
    batch[7] = 42;
    batch[8..12].copy_from_slice(&(61_i32 - 12 + 5).to_be_bytes());
    batch[16] = 2;
    batch[22] = 1 << 4;
    batch[43..51].copy_from_slice(&77_i64.to_be_bytes());
    batch.extend([1; 5]);
    let two = batch.repeat(2);
    let headers: Vec<_> = batch_headers(&two).collect();
    assert_eq!(headers.len(), 2);
    assert!(headers[1].is_transactional() && !headers[1].is_control());
    assert_eq!((headers[1].base_offset, headers[1].producer_id), (42, 77));
    for length in 0..two.len() {
        let whole_headers = usize::from(length >= 61) + usize::from(length >= 66 + 61);
        assert_eq!(batch_headers(&two[..length]).count(), whole_headers, "{length}");
    }
    let mut counted = two.clone();
    counted[57..61].copy_from_slice(&7_i32.to_be_bytes());
    counted[66 + 57..66 + 61].copy_from_slice(&5_i32.to_be_bytes());
    for length in 0..=counted.len() {
        let CarriedRecords { bytes, records } = CarriedRecords::of(&counted[..length]);
        let of_whole = [(66, 7), (132, 5)].iter().filter(|(size, _)| length >= *size);
        let expected = of_whole.map(|(_, records)| records).sum::<u64>();
        assert_eq!((bytes, records), (length as u64, expected), "{length}");
    }
    // Markers are no records, and nobody has fewer than none.
    counted[22] |= 1 << 5;
    counted[66 + 57..66 + 61].fill(0xff);
    assert_eq!(CarriedRecords::of(&counted).records, 0);
    // A length that would not move on ends the walk.
    let mut negative = two;
    negative[8..12].fill(0xff);
    assert_eq!(batch_headers(&negative).count(), 0);
}
