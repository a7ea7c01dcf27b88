//! Faults of batches.

/// Why a batch cannot be opened, or may not be produced. Holds nothing of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BatchFault {
    /// Formats 0 and 1 are older than Kafka 0.11; logs may still have them.
    #[error("record format {0} is not supported, only format 2 is")]
    Format(i8),
    #[error("compression type {0} is not known")]
    Codec(u8),
    #[error("the check sum of the batch is wrong")]
    Checksum,
    #[error("the batch is malformed")]
    Malformed,
    #[error("the batch would take more than {limit} bytes of memory")]
    TooLarge { limit: usize },
    #[error("a record has more than {limit} headers")]
    Headers { limit: usize },
    #[error("the records of a partition must be exactly one batch")]
    NotOneBatch,
    #[error("the count of records does not agree with the offsets of the batch")]
    Counts,
    #[error("clients may not write control batches")]
    Control,
}
