//! The wire engine as its users see it.

mod differential;
mod edits;
mod hostile;
mod items;
mod kafka_clients;
mod rebuild;
pub(crate) mod sample;

use anyhow::{Context, Result};
use bytes::Bytes;

use super::*;

fn joined(segments: &Segments) -> Vec<u8> {
    segments.0.iter().flat_map(|part| part.to_vec()).collect()
}

/// The frame of a request without its length prefix.
fn request(key: i16, version: i16, item: &Item) -> Result<Bytes> {
    Ok(joined(&item.request_frame((key, version), 7, "client")?)
        .split_off(4)
        .into())
}

fn response(key: i16, version: i16, item: &Item) -> Result<Bytes> {
    Ok(joined(&item.response_frame((key, version), 7)?)
        .split_off(4)
        .into())
}

fn produce(version: i16, names: &[&str], records: &Bytes) -> Result<Item> {
    let mut item = Item::request(0, version)?;
    item.set(field::ACKS, -1).set(field::TIMEOUT_MS, 1000);
    for name in names {
        let mut topic = item.item(field::TOPIC_DATA);
        topic.set(field::NAME, *name);
        let mut partition = topic.item(field::PARTITION_DATA);
        partition
            .set(field::INDEX, 3)
            .set(field::RECORDS, records.clone());
        topic.push(field::PARTITION_DATA, partition);
        item.push(field::TOPIC_DATA, topic);
    }
    Ok(item)
}

#[test]
fn renames_removes_and_appends() -> Result<()> {
    for version in 3..=12 {
        let records = Bytes::from(vec![9; 100_000]);
        let frame = request(0, version, &produce(version, &["a", "secret", "b"], &records)?)?;
        let header = RequestHeader::parse(&frame)?;
        assert_eq!(header.client_id(&frame), Some("client"));
        let mut tape = Tape::new();
        let message = walk_request(&header, &frame, Detail::Classified, &mut tape)?;
        let mut edits = Edits::new();
        for topics in message.all(Class::Topics) {
            for topic in topics.children() {
                let name = topic.child_of(Class::TopicName).context("a name")?;
                edits.set_text(name, Some(&format!("physical-{}", name.text().context("text")?)));
                if name.text() == Some("secret") {
                    edits.remove_item(topics, topic);
                }
                let partition = topic
                    .partitions()
                    .and_then(|p| p.children().next())
                    .context("a partition")?;
                assert_eq!(partition.partition_index(), Some(3));
                assert_eq!(
                    partition.child_of(Class::Records).and_then(Node::bytes),
                    Some(&records[..])
                );
            }
            let extra = produce(version, &["c"], &records)?;
            let mut topic = extra.item(field::TOPIC_DATA);
            topic.set(field::NAME, "c");
            edits.append(topics, &topic);
        }
        let segments = edits.finish(message, &frame)?;
        assert!(
            segments
                .0
                .iter()
                .filter(|part| part.len() >= 100_000 && part.len() < 101_000)
                .count()
                == 2
        );
        let mut wanted = produce(version, &["physical-a", "physical-b"], &records)?;
        let mut topic = wanted.item(field::TOPIC_DATA);
        topic.set(field::NAME, "c");
        wanted.push(field::TOPIC_DATA, topic);
        assert_eq!(
            joined(&segments),
            joined(&wanted.request_frame((0, version), 7, "client")?)
        );
    }
    Ok(())
}

#[test]
fn nothing_is_copied_without_edits() -> Result<()> {
    let frame = request(0, 9, &produce(9, &["a"], &Bytes::from(vec![1; 10_000]))?)?;
    let mut tape = Tape::new();
    let message = walk_request(
        &RequestHeader::parse(&frame)?,
        &frame,
        Detail::Classified,
        &mut tape,
    )?;
    let segments = Edits::new().finish(message, &frame)?;
    assert_eq!(segments.0.len(), 2);
    assert_eq!(segments.0[1].as_ptr(), frame.as_ptr());
    Ok(())
}

#[test]
fn a_count_costs_nothing() -> Result<()> {
    let mut frame = request(3, 1, &Item::request(3, 1)?)?.to_vec();
    let at = frame.len() - 4;
    frame[at..].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff]);
    let mut tape = Tape::new();
    let error = walk_request(
        &RequestHeader::parse(&frame)?,
        &frame,
        Detail::Everything,
        &mut tape,
    )
    .unwrap_err();
    assert_eq!(error, WireError::BadLength { at });
    Ok(())
}

/// An edit inside a tagged field changes the size of the field.
#[test]
fn tagged_fields_follow_their_content() -> Result<()> {
    let build = |host: &str| -> Result<Bytes> {
        let mut item = Item::response(1, 17)?;
        let mut node = item.item(field::NODE_ENDPOINTS);
        node.set(field::NODE_ID, 1)
            .set(field::HOST, host)
            .set(field::PORT, 9092);
        item.push(field::NODE_ENDPOINTS, node);
        response(1, 17, &item)
    };
    let long = "h".repeat(300);
    let frame = build("short")?;
    let mut tape = Tape::new();
    let message = walk_response((1, 17), &frame, Detail::Classified, &mut tape)?;
    let mut edits = Edits::new();
    edits.set_text(message.first(Class::Host).context("a host")?, Some(&long));
    assert_eq!(joined(&edits.finish(message, &frame)?)[4..], build(&long)?);
    Ok(())
}
