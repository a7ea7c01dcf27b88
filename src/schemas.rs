//! Schemas of records: how a part of a record names its schema, and whether it is as that says. Pure: schemas come from
//! elsewhere ([`SchemasAtHand`]), compiled once ([`Schema::compile`]).
//!
//! Whoever may register a schema, or write a record, is hostile: compiling is bounded by the length of the
//! text, and looking at a part by its length, whatever the schema says.

mod at_hand;
mod avro;
mod framed;
mod json_schema;
mod schema;

pub use at_hand::{NoSchema, NoSchemas, SchemaNeed, SchemasAtHand};
pub use framed::{FramedPart, KEY_HEADER, SchemaRef, UnframedPart, VALUE_HEADER};
pub use schema::{Schema, SchemaMismatch, UnusableSchema, WrittenSchema};

#[cfg(test)]
mod tests;
