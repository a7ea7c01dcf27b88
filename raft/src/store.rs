//! The durable side: one file, `klamm.redb`, with the log, the vote and the latest snapshot.
//!
//! ```text
//!   openraft core ──▶ LogStore ──┐  jobs   ┌────────────┐ one fsync for all  ┌────────────┐
//!   openraft sm   ──▶ StateStore ┴────────▶│ writer     ├───────────────────▶│ klamm.redb │
//!                          │               │ (a thread) │  then the callbacks└────────────┘
//!                          ▼               └────────────┘
//!                 watch<Arc<State>>
//! ```
//! The log is read from the file once, at the start, when every checksum is looked at; afterwards it is served from
//! memory. The state lives in memory: it is the latest snapshot plus the log up to the committed index, which is
//! durable before anything is applied, so that a restart never shows an older state than was shown before.

mod disk;
mod log;
mod states;
mod writer;

pub use disk::StoreError;
pub(crate) use disk::{STANDING, Standing, VOTE};
pub(crate) use log::LogStore;
pub(crate) use states::{StateStore, read_snapshot};
pub(crate) use writer::WriterHandle;

use std::path::Path;
use std::thread::JoinHandle;

use crate::model::NodeId;

/// What a data directory holds, opened.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) log: LogStore,
    pub(crate) states: StateStore,
    pub(crate) standing: Standing,
    pub(crate) writer: WriterHandle,
    /// Ends, with the file closed, when everything above is dropped.
    pub(crate) thread: JoinHandle<()>,
}

/// Opens, and creates where it does not exist, the store of node `id` in `data_dir`. Looks at every checksum.
pub(crate) fn open(data_dir: &Path, id: NodeId) -> Result<Store, StoreError> {
    let (database, contents) = disk::open(data_dir, id)?;
    let (writer, thread) = writer::start(database).map_err(StoreError::Thread)?;
    Ok(Store {
        log: LogStore::new(contents.log, contents.vote, contents.committed, writer.clone()),
        states: StateStore::new(contents.snapshot, writer.clone()),
        standing: contents.standing,
        writer,
        thread,
    })
}

#[cfg(test)]
mod tests;
