//! The errors of a frame, or of what the gateway wants to make of it.

use crate::wire::schema::Field;

/// Why bytes are not a message, or a message cannot become bytes. Holds nothing that a client sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("API key {0} is unknown")]
    UnknownApi(i16),
    #[error("version {version} of API key {key} is unknown")]
    UnknownVersion { key: i16, version: i16 },
    #[error("a value at byte {at} extends past the end of its container")]
    Truncated { at: usize },
    #[error("a length or count at byte {at} is out of range")]
    BadLength { at: usize },
    #[error("the value at byte {at} is null, which is not allowed")]
    UnexpectedNull { at: usize },
    #[error("the varint at byte {at} is too long")]
    BadVarint { at: usize },
    #[error("the tags at byte {at} are not in ascending order")]
    BadTags { at: usize },
    #[error("the text at byte {at} is not UTF-8")]
    NotUtf8 { at: usize },
    #[error("the message ends at byte {at}, but more bytes follow")]
    TrailingBytes { at: usize },
    #[error("the message has more than {limit} parts")]
    TooManyParts { limit: usize },
    #[error("a message would grow by more than {limit} bytes")]
    GrowsTooMuch { limit: usize },
    /// Two edits of one frame overlap: a defect of the gateway.
    #[error("two edits overlap at byte {at}")]
    OverlappingEdits { at: usize },
    /// A value does not fit a field: a defect of the gateway.
    #[error("field {field:?} cannot hold the value that it was given")]
    BadValue { field: Field },
    /// A message has no such field in this version, and the field may not be left out: a defect of the gateway.
    #[error("the message has no field {field:?} in this version")]
    NoSuchField { field: Field },
}
