//! Edits that meet each other, and edits that cannot be.

use anyhow::{Context, Result};
use bytes::Bytes;

use super::{joined, request};
use crate::wire::message::{Message, Node};
use crate::wire::{Class, Detail, Edits, Item, RequestHeader, Tape, WireError, field, walk_request};

/// Metadata requests name topics, in version 4 without tags.
fn metadata(names: Option<&[&str]>) -> Result<Bytes> {
    let mut item = Item::request(3, 4)?;
    let topics = names.map(|names| {
        let topic = |name: &&str| {
            let mut topic = item.item(field::TOPICS);
            topic.set(field::NAME, *name);
            topic
        };
        names.iter().map(topic).collect::<Vec<_>>()
    });
    item.set(field::TOPICS, topics);
    request(3, 4, &item)
}

/// Walks, edits and writes; gives the frame without its prefix.
fn edited(frame: &Bytes, edit: impl Fn(Message<'_>, &mut Edits)) -> Result<Bytes, WireError> {
    let mut tape = Tape::new();
    let header = RequestHeader::parse(frame)?;
    let message = walk_request(&header, frame, Detail::Classified, &mut tape)?;
    let mut edits = Edits::new();
    edit(message, &mut edits);
    Ok(joined(&edits.finish(message, frame)?).split_off(4).into())
}

fn topics(message: Message<'_>) -> Option<(Node<'_>, Vec<Node<'_>>)> {
    let array = message.all(Class::Topics).next()?;
    Some((array, array.children().collect()))
}

/// An item inside of a removed item goes with it, whichever came first.
#[test]
fn removal_wins_over_what_is_inside() -> Result<()> {
    let frame = metadata(Some(&["a", "b", "c"]))?;
    let renamed = edited(&frame, |message, edits| {
        if let Some((array, items)) = topics(message) {
            edits.remove_item(array, items[0]);
            for name in message.all(Class::TopicName) {
                edits.set_text(name, Some("x"));
            }
            edits.remove_item(array, items[2]);
        }
    })?;
    assert_eq!(renamed, metadata(Some(&["x"]))?);
    Ok(())
}

/// An array that is null becomes one of what is appended; one that loses all its items is empty, not null.
#[test]
fn null_and_empty_arrays() -> Result<()> {
    let filled = edited(&metadata(None)?, |message, edits| {
        if let Some((array, _)) = topics(message) {
            for name in ["a", "b"] {
                let mut topic = Item::request(3, 4)
                    .map(|item| item.item(field::TOPICS))
                    .expect("Metadata 4");
                topic.set(field::NAME, name);
                edits.append(array, &topic);
            }
        }
    })?;
    assert_eq!(filled, metadata(Some(&["a", "b"]))?);
    let emptied = edited(&metadata(Some(&["a", "b"]))?, |message, edits| {
        if let Some((array, items)) = topics(message) {
            items.iter().for_each(|item| edits.remove_item(array, *item));
        }
    })?;
    assert_eq!(emptied, metadata(Some(&[]))?);
    Ok(())
}

#[test]
fn edits_that_overlap() -> Result<()> {
    let frame = metadata(Some(&["a", "b"]))?;
    let twice = edited(&frame, |message, edits| {
        for _ in 0..2 {
            message
                .all(Class::TopicName)
                .for_each(|name| edits.set_text(name, Some("x")));
        }
    });
    assert!(
        matches!(twice, Err(WireError::OverlappingEdits { .. })),
        "{twice:?}"
    );
    let removed_twice = edited(&frame, |message, edits| {
        if let Some((array, items)) = topics(message) {
            edits.remove_item(array, items[0]);
            edits.remove_item(array, items[0]);
        }
    });
    assert!(
        matches!(removed_twice, Err(WireError::OverlappingEdits { .. })),
        "{removed_twice:?}"
    );
    Ok(())
}

#[test]
fn values_that_do_not_fit() -> Result<()> {
    let frame = metadata(Some(&["a"]))?;
    let long = "x".repeat(32_768);
    for value in [None, Some(&long[..])] {
        let error = edited(&frame, |message, edits| {
            message
                .all(Class::TopicName)
                .for_each(|name| edits.set_text(name, value));
        });
        assert_eq!(error, Err(WireError::BadValue { field: field::NAME }));
    }
    let error = edited(&frame, |message, edits| {
        message
            .all(Class::TopicName)
            .for_each(|name| edits.set_int(name, 1));
    });
    assert_eq!(error, Err(WireError::BadValue { field: field::NAME }));
    // Only arrays have items.
    let topic = Item::request(3, 4)?.item(field::TOPICS);
    let error = edited(&frame, |message, edits| {
        message
            .all(Class::TopicName)
            .for_each(|name| edits.append(name, &topic));
    });
    assert_eq!(error, Err(WireError::BadValue { field: field::NAME }));
    Ok(())
}

/// Numbers are set and elements removed in place.
#[test]
fn numbers() -> Result<()> {
    let offsets = |partitions: &[i32], timestamp: i64| -> Result<Bytes> {
        let mut item = Item::request(2, 1)?;
        item.set(field::REPLICA_ID, -1);
        let mut topic = item.item(field::TOPICS);
        for index in partitions {
            let mut partition = topic.item(field::PARTITIONS);
            partition
                .set(field::PARTITION_INDEX, *index)
                .set(field::TIMESTAMP, timestamp);
            topic.push(field::PARTITIONS, partition);
        }
        item.push(field::TOPICS, topic);
        request(2, 1, &item)
    };
    let changed = edited(&offsets(&[1, 2, 3], 9)?, |message, edits| {
        for partitions in message.all(Class::Partitions) {
            for partition in partitions.children() {
                match partition.partition_index() {
                    Some(2) => edits.remove_item(partitions, partition),
                    Some(index) => {
                        let node = partition
                            .child_of(Class::PartitionIndex)
                            .expect("it has an index");
                        edits.set_int(node, i64::from(index) + 10);
                    }
                    None => {}
                }
            }
        }
    })?;
    assert_eq!(changed, offsets(&[11, 13], 9)?);
    Ok(())
}

/// A frame cannot cost more than so many entries.
#[test]
fn entries_are_limited() -> Result<()> {
    let mut frame = metadata(Some(&[]))?.to_vec();
    let at = frame.len() - 5;
    let allow_auto_creation = frame.split_off(at + 4);
    let count = 150_000_u32;
    frame[at..].copy_from_slice(&count.to_be_bytes());
    frame.resize(frame.len() + count as usize * 2, 0);
    frame.extend(allow_auto_creation);
    let mut tape = Tape::new();
    let header = RequestHeader::parse(&frame)?;
    let error = walk_request(&header, &frame, Detail::Classified, &mut tape).map(drop);
    assert!(matches!(error, Err(WireError::TooManyParts { .. })), "{error:?}");
    walk_request(&header, &metadata(None)?, Detail::Classified, &mut tape)
        .map(drop)
        .context("used again")?;
    assert!(
        tape.capacity() < 10_000,
        "a tape gives back what one frame needed"
    );
    Ok(())
}

/// Names of one byte cannot blow a frame up without bound.
#[test]
fn growth_is_limited() -> Result<()> {
    let frame = metadata(Some(&["a"; 1000]))?;
    let rename_to = |length| {
        let name = "x".repeat(length);
        edited(&frame, |message, edits| {
            message
                .all(Class::TopicName)
                .for_each(|node| edits.set_text(node, Some(&name)));
        })
    };
    assert_eq!(rename_to(16_000).map(|frame| frame.len() / 1_000_000), Ok(16));
    let error = rename_to(17_000);
    assert_eq!(error, Err(WireError::GrowsTooMuch { limit: 16 << 20 }));
    Ok(())
}

/// Records that take the place of others are shared, whatever their length; those of removed partitions go with them.
#[test]
fn records_are_replaced_without_a_copy() -> Result<()> {
    let produce = |contents: &[&Bytes]| {
        let mut item = Item::request(0, 13)?;
        let mut topic = item.item(field::TOPIC_DATA);
        for (index, records) in (0_i32..).zip(contents) {
            let mut partition = topic.item(field::PARTITION_DATA);
            partition
                .set(field::INDEX, index)
                .set(field::RECORDS, Bytes::clone(records));
            topic.push(field::PARTITION_DATA, partition);
        }
        item.push(field::TOPIC_DATA, topic);
        request(0, 13, &item)
    };
    let [small, large, larger] = [10, 5000, 70_000].map(|len| Bytes::from(vec![7; len]));
    let frame = produce(&[&small, &large, &small, &large])?;
    let mut tape = Tape::new();
    let header = RequestHeader::parse(&frame)?;
    let message = walk_request(&header, &frame, Detail::Classified, &mut tape)?;
    let mut edits = Edits::new();
    let others = [&larger, &small, &large, &larger];
    for (node, other) in message.all(Class::Records).zip(others) {
        edits.set_records(node, other.clone());
    }
    let array = message.all(Class::Partitions).next().context("partitions")?;
    let removed = array.children().nth(3).context("four partitions")?;
    edits.remove_item(array, removed);
    let written = edits.finish(message, &frame)?;
    assert!(written.0.iter().any(|part| part.as_ptr() == larger.as_ptr()));
    assert!(written.0.iter().any(|part| part.as_ptr() == large.as_ptr()));
    let expected = produce(&[&larger, &small, &large])?;
    assert_eq!(Bytes::from(joined(&written).split_off(4)), expected);
    Ok(())
}
