//! Valid messages of any API and version: the default one, whose arrays grow and whose fields take odd values. Uses the
//! wire engine's own tape to find them, so that it needs no table.

use bytes::Bytes;
use klamm::wire::{
    Class, Detail, Edits, Form, Item, Message, Node, RequestHeader, Segments, Tape, WireError, walk_request,
    walk_response,
};

use super::chance::Chance;

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Request,
    Response,
}

/// Texts that fields of some class take.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) topics: &'static [&'static str],
    pub(crate) groups: &'static [&'static str],
    pub(crate) others: &'static [&'static str],
    pub(crate) topic_ids: Vec<[u8; 16]>,
}

/// How often a message is walked and changed.
const ROUNDS: usize = 5;

/// Bytes of the `consumer` protocol: a subscription to `orders`, version 1; an assignment of `orders`.
const SUBSCRIPTION: &[u8] = b"\0\x01\0\0\0\x01\0\x06orders\xff\xff\xff\xff\0\0\0\0";
const ASSIGNMENT: &[u8] = b"\0\0\0\0\0\x01\0\x06orders\0\0\0\x01\0\0\0\0\xff\xff\xff\xff";

/// A frame without length prefix; `None` for an API or version that there is not.
pub(crate) fn message(way: Way, api: (i16, i16), words: &Words, chance: &mut Chance) -> Option<Bytes> {
    let correlation_id = chance.next() as i32;
    let (item, frame) = match way {
        Way::Request => {
            let item = Item::request(api.0, api.1).ok()?;
            let frame = item.request_frame(api, correlation_id, "fuzz").ok()?;
            (item, frame)
        }
        Way::Response => {
            let item = Item::response(api.0, api.1).ok()?;
            let frame = item.response_frame(api, correlation_id).ok()?;
            (item, frame)
        }
    };
    let mut frame = body(&frame);
    let mut tape = Tape::new();
    for _ in 0..=chance.below(ROUNDS) {
        let mut edits = Edits::new();
        let walked = walk(way, api, &frame, &mut tape).unwrap();
        let mut arrays = Vec::new();
        visit(walked.root(), &item, &mut arrays);
        for _ in 0..=chance.below(3) {
            if let Some((array, item)) = (!arrays.is_empty()).then(|| chance.pick(&arrays)) {
                extend(*array, item, &mut edits);
            }
        }
        for leaf in leaves(walked.root()) {
            if chance.one_in(2) {
                change(leaf, words, chance, &mut edits);
            }
        }
        // Some changes do not fit; then there is none this time.
        if let Ok(changed) = edits.finish(walked, &frame) {
            let changed = body(&changed);
            if walk(way, api, &changed, &mut tape).is_ok() {
                frame = changed;
            }
        }
    }
    Some(frame)
}

/// Walks a frame with every field on the tape.
fn walk<'a>(
    way: Way,
    api: (i16, i16),
    frame: &'a [u8],
    tape: &'a mut Tape,
) -> Result<Message<'a>, WireError> {
    match way {
        Way::Request => walk_request(&RequestHeader::parse(frame)?, frame, Detail::Everything, tape),
        Way::Response => walk_response(api, frame, Detail::Everything, tape),
    }
}

/// A frame in one piece, without its length prefix, which must be right.
pub(crate) fn body(frame: &Segments) -> Bytes {
    let whole: Vec<u8> = frame.0.iter().flat_map(|segment| segment.to_vec()).collect();
    let (prefix, rest) = whole.split_first_chunk().expect("a frame has a length prefix");
    assert_eq!(
        u32::from_be_bytes(*prefix) as usize,
        rest.len(),
        "the length prefix"
    );
    Bytes::from(whole).slice(4..)
}

/// Finds all arrays, each with an item for it.
fn visit<'a>(node: Node<'a>, item: &Item, arrays: &mut Vec<(Node<'a>, Item)>) {
    for child in node.children() {
        match child.form() {
            Form::Array => {
                let own = item.item(child.field());
                child.children().for_each(|element| visit(element, &own, arrays));
                arrays.push((child, own));
            }
            Form::Struct => visit(child, &item.item(child.field()), arrays),
            _ => {}
        }
    }
}

fn leaves(node: Node<'_>) -> Vec<Node<'_>> {
    let mut found = Vec::new();
    for child in node.children() {
        match child.form() {
            Form::Array | Form::Struct => found.extend(leaves(child)),
            _ => found.push(child),
        }
    }
    found
}

/// Adds an item to an array of structs; makes an empty array one of a single number or text.
fn extend(array: Node<'_>, item: &Item, edits: &mut Edits) {
    let is_plain = array.children().next().is_none() && !fits(item);
    match (is_plain, array.encoded().len()) {
        (false, _) => edits.append(array, item),
        (true, 1) => edits.replace(array.span(), &[2, 0, 0, 0, 0]),
        (true, _) => edits.replace(array.span(), &[0, 0, 0, 1, 0, 0, 0, 0]),
    }
}

/// Whether an item can be written at all: that of an array of numbers cannot.
fn fits(item: &Item) -> bool {
    item.response_frame((0, 0), 0).is_ok()
}

fn change(leaf: Node<'_>, words: &Words, chance: &mut Chance, edits: &mut Edits) {
    let highest = match leaf.form() {
        Form::Bool => 1,
        Form::Int8 => i64::from(i8::MAX),
        Form::Int16 => i64::from(i16::MAX),
        Form::Uint16 => i64::from(u16::MAX),
        Form::Int32 => i64::from(i32::MAX),
        Form::Int64 => i64::MAX,
        Form::Text => return edits.set_text(leaf, Some(text(leaf.class(), words, chance))),
        Form::Uuid => return edits.set_uuid(leaf, *chance.pick(&words.topic_ids)),
        Form::Bytes | Form::Records => return edits.set_bytes(leaf, Some(&content(chance))),
        Form::Float64 | Form::Struct | Form::Array => return,
    };
    let value = match chance.below(6) {
        0 => highest,
        1 if !matches!(leaf.form(), Form::Bool | Form::Uint16) => -1,
        2 if !matches!(leaf.form(), Form::Bool | Form::Uint16) => -highest - 1,
        3 => 0,
        4 => 1,
        _ => i64::from(chance.next() as u8).min(highest),
    };
    edits.set_int(leaf, value);
}

fn text(class: Class, words: &Words, chance: &mut Chance) -> &'static str {
    let of = match class {
        Class::TopicName => words.topics,
        Class::GroupId | Class::CoordinatorKey => words.groups,
        _ if chance.one_in(2) => words.topics,
        _ => words.others,
    };
    chance.pick::<&str>(of)
}

fn content(chance: &mut Chance) -> Vec<u8> {
    match chance.below(4) {
        0 => SUBSCRIPTION.to_vec(),
        1 => ASSIGNMENT.to_vec(),
        2 => Vec::new(),
        _ => {
            let length = chance.below(200);
            chance.bytes(length)
        }
    }
}
