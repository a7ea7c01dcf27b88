//! Messages read from a tape and built anew by the item builder: as they were, or changed as edits change them.

use anyhow::{Result, bail, ensure};

use super::differential::{each_version, frame, walk};
use super::joined;
use super::sample::{OddTags, Random, Sampler, field_of};
use crate::wire::Edits;
use crate::wire::item::{Item, Value};
use crate::wire::message::{Message, Node};
use crate::wire::program::Detail;
use crate::wire::schema::{Direction, FieldDef, Kind, MessageDef};
use crate::wire::tape::{Form, Tape};

/// The fate of the parts of a message: nothing, or random changes that depend on where a part is.
#[derive(Clone, Copy)]
enum Fate {
    Kept,
    Changed(u64),
}

impl Fate {
    /// Whether one of `n` fates befalls what begins at a byte.
    fn befalls(self, start: usize, n: usize) -> bool {
        match self {
            Self::Kept => false,
            Self::Changed(seed) => Random::new(seed * 1_000_003 + start as u64).below(n) == 0,
        }
    }

    /// An item builder leaves an empty tagged array out, edits leave it empty: such arrays keep their items.
    fn removes(self, array: &FieldDef, start: usize) -> bool {
        array.tag.is_none() && self.befalls(start, 4)
    }

    fn appends_to(self, array: Node<'_>) -> bool {
        self.befalls(array.span().range().start, 3)
    }

    fn sets(self, value: Node<'_>) -> bool {
        self.befalls(value.span().range().start, 3)
    }
}

const TEXT: &str = "another text, long enough for a size to need a second byte when it is repeated: \
                    0123456789012345678901234567890123456789012345678901234567890123456789";

/// A message as the table has it.
fn blank(def: &MessageDef, version: i16) -> Result<Item> {
    Ok(match def.direction {
        Direction::Request => Item::request(def.key, version)?,
        _ => Item::response(def.key, version)?,
    })
}

/// A struct built anew from what a walk found.
fn rebuild(fate: Fate, mut item: Item, fields: &'static [FieldDef], node: Node<'_>) -> Result<Item> {
    for child in node.children() {
        let def = field_of(fields, child.field());
        let value = if def.is_array {
            array(fate, &item, def, child)?
        } else {
            single(fate, &item, def, child)?
        };
        item.set(child.field(), value);
    }
    Ok(item)
}

fn array(fate: Fate, parent: &Item, def: &'static FieldDef, node: Node<'_>) -> Result<Value> {
    if let Kind::Struct(fields) = def.kind {
        let mut items = Vec::new();
        for child in node
            .children()
            .filter(|child| !fate.removes(def, child.span().range().start))
        {
            items.push(rebuild(fate, parent.item(def.name), fields, child)?);
        }
        if fate.appends_to(node) {
            items.push(parent.item(def.name));
        } else if node.is_null() {
            return Ok(Value::Null);
        }
        return Ok(Value::Items(items));
    }
    if node.is_null() {
        return Ok(Value::Null);
    }
    Ok(match def.kind {
        Kind::Text => Value::list(node.children().filter_map(Node::text)),
        Kind::Int64 => Value::list(node.values().map(|(_, bytes)| i64::from_be_bytes(bytes))),
        Kind::Int16 => Value::list(node.values().map(|(_, bytes)| i16::from_be_bytes(bytes))),
        Kind::Int8 => Value::list(node.values().map(|(_, bytes)| i8::from_be_bytes(bytes))),
        Kind::Uuid => Value::list(node.uuids().map(|(_, uuid)| uuid)),
        Kind::Int32 => {
            let kept = node
                .i32s()
                .filter(|(span, _)| !fate.removes(def, span.range().start));
            Value::list(kept.map(|(_, number)| number))
        }
        _ => bail!("no such array"),
    })
}

fn single(fate: Fate, parent: &Item, def: &'static FieldDef, node: Node<'_>) -> Result<Value> {
    if let Kind::Struct(fields) = def.kind {
        return if node.is_null() {
            Ok(Value::Null)
        } else {
            Ok(rebuild(fate, parent.item(def.name), fields, node)?.into())
        };
    }
    let is_set = fate.sets(node);
    Ok(match node.form() {
        Form::Text if is_set => TEXT.into(),
        Form::Uuid if is_set => [5; 16].into(),
        Form::Int16 | Form::Int32 if is_set => 1234.into(),
        Form::Text => node.text().into(),
        Form::Bytes | Form::Records => node.bytes().into(),
        Form::Uuid => node.uuid().into(),
        Form::Float64 => node.float().into(),
        _ => node.int().into(),
    })
}

/// Makes the changes as edits, in an order that is not that of the bytes.
fn edit(fate: Fate, edits: &mut Edits, item: &Item, fields: &'static [FieldDef], node: Node<'_>) {
    let children: Vec<Node<'_>> = node.children().collect();
    for child in children.into_iter().rev() {
        let def = field_of(fields, child.field());
        match def.kind {
            Kind::Struct(fields) if def.is_array => {
                if fate.appends_to(child) {
                    edits.append(child, &item.item(def.name));
                }
                for inner in child.children() {
                    if fate.removes(def, inner.span().range().start) {
                        edits.remove_item(child, inner);
                    }
                    edit(fate, edits, &item.item(def.name), fields, inner);
                }
            }
            Kind::Struct(fields) => edit(fate, edits, &item.item(def.name), fields, child),
            Kind::Int32 if def.is_array => {
                for (span, _) in child
                    .i32s()
                    .filter(|(span, _)| fate.removes(def, span.range().start))
                {
                    edits.remove_element(child, span);
                }
            }
            _ if def.is_array || !fate.sets(child) => {}
            Kind::Text => edits.set_text(child, Some(TEXT)),
            Kind::Uuid => edits.set_uuid(child, [5; 16]),
            Kind::Int16 | Kind::Int32 => edits.set_int(child, 1234),
            _ => {}
        }
    }
}

fn built(fate: Fate, def: &'static MessageDef, version: i16, message: Message<'_>) -> Result<Vec<u8>> {
    let mut written = Vec::new();
    rebuild(fate, blank(def, version)?, def.fields, message.root())?.write(&mut written)?;
    Ok(frame(def, version, &written).to_vec())
}

/// Every field of every message can be read from a tape and set in an item; the bytes are the same.
#[test]
fn as_it_was() -> Result<()> {
    let mut tape = Tape::new();
    each_version(|def, version, seed| {
        let sampler = Sampler {
            odd_tags: OddTags::None,
            ..Sampler::new(def, version)
        };
        let frame = frame(def, version, &sampler.message(def, seed));
        let message = walk(def, version, &frame, (Detail::Everything, &mut tape))?;
        let written = built(Fate::Kept, def, version, message)?;
        ensure!(written == frame, "\n{frame:x?}\n{written:x?}");
        Ok(())
    })
}

/// Removing, appending and setting in place gives what building the changed message gives.
#[test]
fn changed() -> Result<()> {
    let mut tape = Tape::new();
    let mut changed = 0;
    each_version(|def, version, seed| {
        let fate = Fate::Changed(seed);
        let sampler = Sampler {
            odd_tags: OddTags::None,
            ..Sampler::new(def, version)
        };
        let frame = frame(def, version, &sampler.message(def, seed));
        let message = walk(def, version, &frame, (Detail::Everything, &mut tape))?;
        let wanted = built(fate, def, version, message)?;
        let mut edits = Edits::new();
        edit(
            fate,
            &mut edits,
            &blank(def, version)?,
            def.fields,
            message.root(),
        );
        let written = joined(&edits.finish(message, &frame)?);
        ensure!(
            written[4..] == wanted[..],
            "\n{frame:x?}\n{:x?}\n{wanted:x?}",
            &written[4..]
        );
        changed += usize::from(wanted != frame);
        Ok(())
    })?;
    assert!(changed > 4000, "{changed}");
    Ok(())
}
