//! Writes requests down as plain values. A field that a version does not have is left out, so that one description
//! serves all versions.

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType};
use klamm::wire::{Field, Item, Value};

/// The value of a field.
#[derive(Debug, Clone)]
pub(crate) enum Is {
    Plain(Value),
    /// An array of structs.
    Items(Vec<Fields>),
    /// A struct.
    One(Fields),
}

pub(crate) type Fields = Vec<(Field, Is)>;

pub(crate) fn is(field: Field, value: impl Into<Value>) -> (Field, Is) {
    (field, Is::Plain(value.into()))
}

pub(crate) fn null(field: Field) -> (Field, Is) {
    (field, Is::Plain(Value::Null))
}

pub(crate) fn items(field: Field, items: Vec<Fields>) -> (Field, Is) {
    (field, Is::Items(items))
}

pub(crate) fn one(field: Field, fields: Fields) -> (Field, Is) {
    (field, Is::One(fields))
}

/// An array of numbers or texts.
pub(crate) fn list<T: Into<Value>>(field: Field, values: impl IntoIterator<Item = T>) -> (Field, Is) {
    let values: Vec<Value> = values.into_iter().map(Into::into).collect();
    (field, Is::Plain(Value::List(values)))
}

/// Sets all fields that the item has in its version.
pub(crate) fn fill(item: &mut Item, fields: &Fields) {
    for (field, value) in fields {
        if !item.has(*field) {
            continue;
        }
        match value {
            Is::Plain(value) => {
                item.set(*field, value.clone());
            }
            Is::Items(all) => {
                item.set(*field, Value::Empty);
                let made: Vec<Item> = all
                    .iter()
                    .map(|fields| filled(item.item(*field), fields))
                    .collect();
                item.set(*field, Value::Items(made));
            }
            Is::One(fields) => {
                let made = filled(item.item(*field), fields);
                item.set(*field, made);
            }
        }
    }
}

fn filled(mut item: Item, fields: &Fields) -> Item {
    fill(&mut item, fields);
    item
}

/// Who wrote a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writer {
    Plain,
    Idempotent {
        producer: i64,
        epoch: i16,
        sequence: i32,
    },
    Transactional {
        producer: i64,
        epoch: i16,
        sequence: i32,
    },
}

/// When the test began: records that are older may be deleted under it.
pub(crate) fn now_ms() -> i64 {
    static NOW: LazyLock<i64> = LazyLock::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or_default()
    });
    *NOW
}

/// A batch of one record, the same for both sides.
pub(crate) fn batch(writer: Writer, text: &str) -> Bytes {
    let (producer_id, producer_epoch, sequence) = match writer {
        Writer::Plain => (-1, -1, -1),
        Writer::Idempotent {
            producer,
            epoch,
            sequence,
        }
        | Writer::Transactional {
            producer,
            epoch,
            sequence,
        } => (producer, epoch, sequence),
    };
    let record = Record {
        transactional: matches!(writer, Writer::Transactional { .. }),
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id,
        producer_epoch,
        timestamp_type: TimestampType::Creation,
        offset: 0,
        sequence,
        timestamp: now_ms(),
        key: None,
        value: Some(Bytes::copy_from_slice(text.as_bytes())),
        headers: kafka_protocol::indexmap::IndexMap::default(),
    };
    let mut bytes = BytesMut::new();
    let options = RecordEncodeOptions {
        version: 2,
        compression: Compression::None,
    };
    RecordBatchEncoder::encode(&mut bytes, &[record], &options).expect("a small batch");
    bytes.freeze()
}
