//! How a part of a record says of which schema it is: by the bytes that Confluent's serializers put before it, or by a header.

use std::fmt;

use uuid::Uuid;

/// The headers in which newer serializers name the schema of the value and of the key.
pub const VALUE_HEADER: &str = "__value_schema_id";
pub const KEY_HEADER: &str = "__key_schema_id";

/// The first byte, before an id that is a number, and before one that is a UUID.
const NUMBERED: u8 = 0;
const UNIQUE: u8 = 1;

/// The schema that a part names. It stays what it is for as long as its registry knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SchemaRef {
    Number(i32),
    Unique([u8; 16]),
}

impl fmt::Display for SchemaRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Unique(bytes) => Uuid::from_bytes(*bytes).fmt(f),
        }
    }
}

/// A part that names its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FramedPart<'a> {
    pub schema: SchemaRef,
    /// The part without what names the schema.
    pub payload: &'a [u8],
}

/// Why nobody knows of which schema a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnframedPart {
    #[error("it does not begin with the id of a schema, and no header names one")]
    Nothing,
    #[error("its header that names a schema is malformed")]
    Header,
    #[error("the id of its schema is no number that a schema can have")]
    Number,
}

impl<'a> FramedPart<'a> {
    /// Reads a part, and the header that may name its schema. The header counts where both are there, as for who reads them.
    ///
    /// # Errors
    /// Neither names a schema.
    pub fn read(part: &'a [u8], header: Option<&[u8]>) -> Result<Self, UnframedPart> {
        match header {
            Some(header) => {
                // Protobuf has the place of the message behind it.
                let (schema, _) = named(header).ok_or(UnframedPart::Header)?;
                let payload = part;
                Ok(Self { schema, payload })
            }
            None if part.first() == Some(&NUMBERED) => {
                let (schema, payload) = named(part).ok_or(UnframedPart::Nothing)?;
                Ok(Self { schema, payload })
            }
            None => Err(UnframedPart::Nothing),
        }
        .and_then(|framed| match framed.schema {
            SchemaRef::Number(..=0) => Err(UnframedPart::Number),
            _ => Ok(framed),
        })
    }
}

/// The id that bytes begin with, and the rest.
fn named(bytes: &[u8]) -> Option<(SchemaRef, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    match *first {
        NUMBERED => {
            let (id, rest) = rest.split_first_chunk()?;
            Some((SchemaRef::Number(i32::from_be_bytes(*id)), rest))
        }
        UNIQUE => {
            let (id, rest) = rest.split_first_chunk()?;
            Some((SchemaRef::Unique(*id), rest))
        }
        _ => None,
    }
}
