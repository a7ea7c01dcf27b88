//! The record engine: record batches of format 2 are opened, judged record by record, edited and closed again. Pure: bytes
//! in, bytes out. It knows nothing of policies, and nothing of the messages around a records field.
//!
//! A [`Chain`] looks at each record as a [`Draft`]: keeps it, changes its headers, skips it (when it is fetched) or refuses
//! it. [`produced`] makes one batch of one batch. [`fetched`] makes what a client may see of a partition's answer, so that
//! its position moves on past what it may not see. Batches in which nothing changed are forwarded as they came, still
//! compressed.
//!
//! ```text
//! let mut workspace = Workspace::new(BatchBounds::default());       // keep and reuse it: it has the buffers
//! match produced(records, &mut chain, &mut workspace) {
//!     Ok(Produced::AsItCame) => …                                   // send on what came
//!     Ok(Produced::Rewritten(records)) => …
//!     Err(ProduceRefusal::Records(refused)) => …                    // INVALID_RECORD with these indexes
//!     Err(ProduceRefusal::Batch(fault)) => …
//! }
//! match fetched(records, FetchRange { from: Some(offset), limit: Some(max_bytes) }, &mut chain, &mut workspace) { … }
//! ```
//!
//! Bounds: a batch whose bytes claim more than there is, is refused before anything is allocated by the claim, and one that
//! grows beyond [`BatchBounds`] when it is decompressed (or edited) is given up there.

mod batch;
mod bounds;
mod chain;
mod codec;
mod draft;
mod fault;
mod fetch;
mod filler;
mod headers;
mod outline;
mod produce;
mod record;
mod varint;
mod workspace;
mod writer;

pub use bounds::BatchBounds;
pub use chain::{Chain, Verdict};
pub use codec::Codec;
pub use draft::Draft;
pub use fault::BatchFault;
pub use fetch::{FetchRange, Fetched, PoisonHandling, fetched};
pub use headers::{Headers, RecordHeader};
pub use outline::{FieldOutline, outline};
pub use produce::{ProduceRefusal, Produced, RefusedRecord, produced};
pub use workspace::Workspace;

#[cfg(test)]
pub(crate) mod tests;
