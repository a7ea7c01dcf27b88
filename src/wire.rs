//! The wire engine: frames are walked and edited in place, not decoded. Pure: bytes in, bytes out.
//!
//! A **walk** goes over a frame once. It checks every length and count against the bytes that are left before anything is
//! allocated, refuses trailing bytes, and writes a flat [`Tape`]: one entry for each field that has a [`Class`] (topic
//! name, broker id, error code…), and for the arrays and structs around them. With [`Detail::Everything`] every field is
//! on the tape, which is how requests that the gateway answers itself are read. A field that is absent in the version,
//! or a tagged field that was not sent, is simply not there: its default applies.
//!
//! [`Edits`] then replace, remove and append. Counts of arrays and sizes of tagged fields follow by themselves, changes
//! inside of something removed are dropped, and what is not touched (records above all) is shared, not copied.
//! An [`Item`] is a message, or an item of an array, that is made from the schema.
//!
//! ```text
//! let header = RequestHeader::parse(&frame)?;
//! let mut tape = Tape::new();                                    // keep and reuse it
//! let message = walk_request(&header, &frame, Detail::Classified, &mut tape)?;
//! let mut edits = Edits::new();
//! for topics in message.all(Class::Topics) {                         // any API: arrays of structs that name a topic
//!     for topic in topics.children() {
//!         let Some(name) = topic.child_of(Class::TopicName) else { continue };   // or Class::TopicId
//!         match rename(name.text()) {
//!             Some(physical) => edits.set_text(name, Some(&physical)),
//!             None => edits.remove_item(topics, topic),
//!         }
//!         let partitions = topic.partitions();                   // an array of structs, or of plain i32s
//!     }
//! }
//! let upstream: Segments = edits.finish(message, &frame)?;       // with the 4-byte length prefix
//!
//! // Splicing a refusal into an answer:
//! let response = Item::response(api_key, version)?;
//! let mut refused = response.item(field::RESPONSES);             // an item of that array, in this version
//! refused.set(field::TOPIC, "t");
//! let mut partition = refused.item(field::PARTITIONS);
//! partition.set(field::PARTITION_INDEX, 0).set(field::ERROR_CODE, 29);
//! refused.push(field::PARTITIONS, partition);
//! edits.append(message.root().child(field::RESPONSES)?, &refused);
//!
//! // A whole answer from here:
//! let mut answer = Item::response(10, 0)?;
//! answer.set(field::ERROR_CODE, 15).set(field::NODE_ID, -1);
//! answer.response_frame((10, 0), header.correlation_id)?
//! ```
//!
//! The schema table is generated from Kafka's message definitions and `tests/schema/classes.txt` by
//! `KLAMM_BLESS=1 cargo test --test schema`.

mod cursor;
mod edits;
mod error;
mod frame;
mod header;
mod item;
mod lookalike;
mod message;
mod output;
mod program;
mod records;
mod schema;
mod segments;
mod tape;
mod walk;

pub(crate) use cursor::Cursor;
pub use edits::Edits;
pub use error::WireError;
pub use frame::{FrameError, FrameReader, Framed, Narrow};
pub use header::{RequestHeader, correlation_id};
pub use item::{Item, Value};
pub use lookalike::Lookalike;
pub use message::{Message, Node, Span};
pub use program::Detail;
pub(crate) use records::HEADER_BYTES;
pub use records::{BatchHeader, CarriedRecords, NoOtherId, batch_headers, set_producer_ids};
pub use schema::{Class, Field, Versions, api_keys, api_name, api_versions, field};
pub use segments::Segments;
pub use tape::{Form, Tape};
pub use walk::{Embedded, Tail, walk_embedded, walk_request, walk_response};

#[cfg(test)]
pub(crate) mod tests;
