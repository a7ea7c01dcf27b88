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
pub(crate) use disk::{BOOT, BOOTS, OwnerClaim, STANDING, Standing, VOTE};
pub use error::StoreError;
pub(crate) use left::{Left, owner, put_aside, put_back, read_left};
pub(crate) use log::LogStore;
pub(crate) use seal::{Label, Seal, ValuePlace};
pub use seal::{Storage, StorageKey};
pub(crate) use states::{StateStore, read_snapshot};
pub(crate) use writer::WriterHandle;

use std::io;
use std::path::Path;
use std::thread::JoinHandle;

use tokio::sync::watch;

use crate::boots::{BootMemories, BootNumber};
use crate::codec;
use crate::model::{Level, NodeId};

/// A data directory, opened.
#[derive(Debug)]
pub(crate) struct Store {
    /// None while the file belongs to nobody.
    pub(crate) owner: Option<NodeId>,
    pub(crate) log: LogStore,
    pub(crate) states: StateStore,
    pub(crate) standing: watch::Sender<Standing>,
    /// The number of this start. None for a node that knows no level with starts.
    pub(crate) boot: watch::Sender<Option<BootNumber>>,
    /// Of other nodes, as an earlier process knew them.
    pub(crate) boots: BootMemories,
    pub(crate) writer: WriterHandle,
    /// Ends, with the file closed, when everything above is dropped.
    pub(crate) thread: JoinHandle<()>,
}

impl Store {
    /// The log, the states, and the thread: it ends when the first two are dropped, and whoever else writes.
    pub(crate) fn parts(self) -> (LogStore, StateStore, JoinHandle<()>) {
        (self.log, self.states, self.thread)
    }

    /// Returns when the file is closed, so that somebody else may open it.
    pub(crate) fn close(self) {
        let (log, states, thread) = self.parts();
        drop((log, states));
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
    let boot = (highest >= Level::MEMBERS).then(|| contents.boot.next());
    if let Some(boot) = boot {
        count_start(&file, boot).map_err(|source| StoreError::Read {
            path: data_dir.join(disk::FILE_NAME),
            source: Box::new(source),
        })?;
    }
    let (writer, thread) = writer::start(file).map_err(StoreError::Thread)?;
    Ok(Store {
        owner: contents.owner,
        log: LogStore::new(contents.log, contents.vote, contents.committed, writer.clone()),
        states: StateStore::new(contents.snapshot, highest, writer.clone()),
        standing: watch::Sender::new(contents.standing),
        boot: watch::Sender::new(boot),
        boots: contents.boots,
        writer,
        thread,
    })
}

/// Makes the number of this start durable, before anybody is told.
fn count_start(file: &disk::File, boot: BootNumber) -> Result<(), redb::Error> {
    let value = codec::encode(&boot).map_err(io::Error::other)?;
    writer::commit_alone(file, vec![writer::FileChange::Put { key: BOOT, value }])
}

#[cfg(test)]
mod tests;
