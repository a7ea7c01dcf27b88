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
//! durable before anything is applied, so that a restart never shows an older state than was shown before. With a storage
//! key, the writer seals every value on its way to the file.

mod begin;
mod disk;
mod error;
mod left;
mod log;
mod rewrite;
mod seal;
mod states;
mod writer;

pub(crate) use begin::{Beginning, begin};
pub(crate) use disk::{OwnerClaim, STANDING, Standing, VOTE};
pub use error::StoreError;
pub(crate) use left::{Left, owner, put_aside, put_back, read_left};
pub(crate) use log::LogStore;
pub(crate) use seal::{Label, Seal, ValuePlace};
pub use seal::{Storage, StorageKey};
pub(crate) use states::{StateStore, read_snapshot};
pub(crate) use writer::WriterHandle;

use std::path::Path;
use std::thread::JoinHandle;

use tokio::sync::watch;

use crate::model::{Level, NodeId};

/// A data directory, opened.
#[derive(Debug)]
pub(crate) struct Store {
    /// None while the file belongs to nobody.
    pub(crate) owner: Option<NodeId>,
    pub(crate) log: LogStore,
    pub(crate) states: StateStore,
    pub(crate) standing: watch::Sender<Standing>,
    pub(crate) writer: WriterHandle,
    /// Ends, with the file closed, when everything above is dropped.
    pub(crate) thread: JoinHandle<()>,
}

impl Store {
    /// Returns when the file is closed, so that somebody else may open it.
    pub(crate) fn close(self) {
        let Self {
            owner: _,
            log,
            states,
            standing,
            writer,
            thread,
        } = self;
        drop((log, states, standing, writer));
        if thread.join().is_err() {
            tracing::error!("the storage writer ended with a panic");
        }
    }
}

/// Opens, and creates where it does not exist, the store in `data_dir`. Looks at every checksum, and rewrites what is not kept as `storage` says. It reads formats up to `highest`.
pub(crate) fn open(
    data_dir: &Path,
    (claim, highest): (OwnerClaim, Level),
    storage: &Storage,
) -> Result<Store, StoreError> {
    let (file, contents) = disk::open(data_dir, (claim, highest), storage)?;
    let (writer, thread) = writer::start(file).map_err(StoreError::Thread)?;
    Ok(Store {
        owner: contents.owner,
        log: LogStore::new(contents.log, contents.vote, contents.committed, writer.clone()),
        states: StateStore::new(contents.snapshot, highest, writer.clone()),
        standing: watch::Sender::new(contents.standing),
        writer,
        thread,
    })
}

#[cfg(test)]
mod tests;
