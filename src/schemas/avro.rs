//! Schemas in Avro, compiled, and its binary form, which is walked where it lies: nothing is built of it.
//!
//! Values of some types have no bytes, so that a few bytes can stand for any number of them, and types may hold themselves. So the
//! work for a value is bounded by its length, and its depth by [`MAX_DEPTH`]. What the bounds do not allow is refused. Logical types are
//! notes, and not looked at.

mod compile;
mod walk;

use crate::schemas::schema::{SchemaMismatch, UnusableSchema};

/// The most types that a value is of, each within the other.
const MAX_DEPTH: u32 = 200;

/// A place among the types.
type TypeId = usize;

/// A schema with all types that it names.
#[derive(Debug)]
pub(super) struct AvroSchema {
    types: Vec<AvroType>,
    root: TypeId,
}

/// One type.
#[derive(Debug)]
enum AvroType {
    /// Its name is known, and what it is comes later.
    Begun,
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    Text,
    Fixed {
        bytes: usize,
    },
    Enum {
        symbols: usize,
    },
    Array(TypeId),
    Map(TypeId),
    Union(Vec<TypeId>),
    Record(Vec<TypeId>),
}

impl AvroSchema {
    /// Compiles a schema.
    pub(super) fn compile(text: &str) -> Result<Self, UnusableSchema> {
        let written = serde_json::from_str(text).map_err(|_| UnusableSchema::Malformed)?;
        compile::compile(&written)
    }

    /// Whether bytes are one value as the schema says, and no more.
    pub(super) fn validate(&self, bytes: &[u8]) -> Result<(), SchemaMismatch> {
        walk::validate(self, bytes)
    }
}
