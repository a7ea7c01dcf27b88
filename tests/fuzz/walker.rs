//! The walker and the rewriter, over messages of all APIs and versions and over what becomes of them when spoiled.

use bytes::Bytes;
use klamm::wire::{
    Class, Detail, Edits, Embedded, Form, Message, RequestHeader, Tail, Tape, WireError, api_keys,
    api_versions, batch_headers, walk_embedded, walk_request, walk_response,
};

use super::chance::Chance;
use super::corpus;
use super::grow::{self, Way, body};
use super::mutate::spoil;
use super::runner::run;
use super::world::World;

const LONG_NAME: &str = "a-name-that-is-longer-than-any-that-was-there-before-it-and-needs-two-bytes-of-length-\
                         in-a-compact-string-because-it-has-more-than-a-hundred-and-twenty-seven-bytes";

/// An API and version, mostly of those that there are.
pub(crate) fn api(chance: &mut Chance) -> (i16, i16) {
    if chance.one_in(50) {
        return (chance.next() as i16, chance.next() as i16);
    }
    let keys: Vec<i16> = api_keys().collect();
    let key = *chance.pick(&keys);
    let range = api_versions(key).unwrap();
    let version = range.lo + chance.below((range.hi - range.lo + 1) as usize) as i16;
    (key, version)
}

#[test]
fn requests_are_walked_and_rewritten() {
    let (world, corpus) = (World::new(), corpus::requests());
    run("requests", |chance| {
        let api = api(chance);
        let mut frame = match grow::message(Way::Request, api, &world.words, chance) {
            Some(frame) if !chance.one_in(10) => frame.to_vec(),
            _ => chance.pick(&corpus).clone(),
        };
        let is_whole = chance.one_in(4);
        if !is_whole {
            spoil(&mut frame, chance);
        }
        let frame = Bytes::from(frame);
        for detail in [Detail::Classified, Detail::Everything] {
            let mut tape = Tape::new();
            let Ok(header) = RequestHeader::parse(&frame) else {
                return;
            };
            if let Ok(walked) = walk_request(&header, &frame, detail, &mut tape) {
                let again = rewrite(walked, &frame, chance);
                let header = RequestHeader::parse(&again).unwrap();
                walk_request(&header, &again, detail, &mut Tape::new()).unwrap();
            }
        }
    });
}

#[test]
fn responses_are_walked_and_rewritten() {
    let world = World::new();
    run("responses", |chance| {
        let api = api(chance);
        let Some(frame) = grow::message(Way::Response, api, &world.words, chance) else {
            return;
        };
        let mut frame = frame.to_vec();
        if !chance.one_in(4) {
            spoil(&mut frame, chance);
        }
        let frame = Bytes::from(frame);
        for detail in [Detail::Classified, Detail::Everything] {
            let mut tape = Tape::new();
            if let Ok(walked) = walk_response(api, &frame, detail, &mut tape) {
                let again = rewrite(walked, &frame, chance);
                walk_response(api, &again, detail, &mut Tape::new()).unwrap();
            }
        }
    });
}

/// Without changes the frame is the same; with other names it is still a frame.
fn rewrite(walked: Message<'_>, frame: &Bytes, chance: &mut Chance) -> Bytes {
    let same = Edits::new().finish(walked, frame).unwrap();
    assert_eq!(body(&same), frame);
    let mut edits = Edits::new();
    for array in walked
        .all(Class::Topics)
        .filter(|array| array.form() == Form::Array)
    {
        for item in array.children() {
            match item.child_of(Class::TopicName) {
                _ if chance.one_in(3) => edits.remove_item(array, item),
                Some(name) if name.form() == Form::Text => {
                    edits.set_text(name, Some(*chance.pick(&["", "t", LONG_NAME])))
                }
                _ => {}
            }
        }
    }
    body(&edits.finish(walked, frame).unwrap())
}

#[test]
fn embedded_messages_and_batches_are_read() {
    run("embedded", |chance| {
        let mut bytes = match chance.below(3) {
            0 => b"\0\x01\0\0\0\x01\0\x06orders\xff\xff\xff\xff\0\0\0\0".to_vec(),
            1 => b"\0\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff".to_vec(),
            _ => vec![0; 61 + chance.below(200)],
        };
        spoil(&mut bytes, chance);
        for kind in [Embedded::Subscription, Embedded::Assignment] {
            let mut tape = Tape::new();
            if let Ok(walked) = walk_embedded(kind, &bytes, Tail::Anything, &mut tape) {
                Edits::new().finish_embedded(walked).unwrap();
            }
        }
        assert!(batch_headers(&bytes).count() <= bytes.len());
    });
}

/// One-byte elements: a frame that is all parts costs no more than its limit of parts.
#[test]
fn amplifiers_are_refused() {
    // Metadata v9: a compact array of topics of two bytes each, null name and no tags.
    let mut frame = b"\0\x03\0\x09\0\0\0\x01\xff\xff\0".to_vec();
    frame.extend([0x80, 0x89, 0x7a]);
    frame.resize(frame.len() + (4 << 20), 1);
    let header = RequestHeader::parse(&frame).unwrap();
    let mut tape = Tape::new();
    let walked = walk_request(&header, &frame, Detail::Everything, &mut tape);
    assert!(walked.is_err(), "{walked:?}");

    // DescribeGroups v0: 2-byte empty names, more of them than a request may have parts.
    let mut frame = b"\0\x0f\0\0\0\0\0\x01\xff\xff\0\x10\0\0".to_vec();
    frame.resize(frame.len() + (2 << 20), 0);
    let header = RequestHeader::parse(&frame).unwrap();
    let walked = walk_request(&header, &frame, Detail::Everything, &mut tape);
    assert!(
        matches!(walked, Err(WireError::TooManyParts { .. })),
        "{walked:?}"
    );
}
