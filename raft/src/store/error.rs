//! Why a data directory cannot be used, and what to do about it.

use std::io;
use std::path::PathBuf;

use crate::model::{Level, NodeId};

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the directory {} cannot be used", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error("cannot open {}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{} is in use by another process: one data directory serves one node", path.display())]
    InUse { path: PathBuf },
    #[error("{} has data already: put it away first if it is not needed any more", path.display())]
    NotEmpty { path: PathBuf },
    #[error("there is no {}: a node that has never run has left nothing", path.display())]
    Missing { path: PathBuf },
    #[error("{} belongs to node {owner}, not to node {id}: a data directory stays with its node", path.display())]
    OtherNode {
        path: PathBuf,
        owner: NodeId,
        id: NodeId,
    },
    #[error("{what} in {} is corrupt: {reason}. None of it is served; restore the file or, if other nodes hold the data, remove it so that this node fetches it again", path.display())]
    Corrupt {
        path: PathBuf,
        what: String,
        reason: String,
    },
    #[error(
        "{what} in {} was written by a newer version of klamm: it has format version {version}, but this version of klamm supports versions up to {highest} only. Nothing is damaged: start the version that wrote it, or a newer one. There is no way back to this one once the feature level of the cluster has been raised", path.display()
    )]
    Newer {
        path: PathBuf,
        what: String,
        version: Level,
        highest: Level,
    },
    #[error(
        "{} is encrypted, but no storage key is configured: name the file with its key in klamm.storage.key.file. Without that key nothing in it can be read; if the key is lost and other nodes hold the data, remove the directory and let this node fetch it again", path.display()
    )]
    NoKey { path: PathBuf },
    #[error(
        "{} is encrypted with a different storage key than the configured one: klamm.storage.key.file must name the key that it was last written with, or klamm.storage.key.previous.file that key if a new one has been created. If it is lost and other nodes hold the data, remove the directory and let this node fetch it again", path.display()
    )]
    OtherKey { path: PathBuf },
    #[error("{} cannot be rewritten with the encryption that the configuration asks for (which needs as much space again); it is unchanged", path.display())]
    Rewrite { path: PathBuf, source: Box<redb::Error> },
    #[error("the operating system provides no random bytes")]
    Random,
    #[error("the thread that writes the file cannot be started")]
    Thread(#[source] io::Error),
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: Box<redb::Error> },
}

impl StoreError {
    /// Whether it will be the same however often the file is opened.
    pub fn is_final(&self) -> bool {
        match self {
            Self::OtherNode { .. }
            | Self::NotEmpty { .. }
            | Self::Missing { .. }
            | Self::Corrupt { .. }
            | Self::Newer { .. }
            | Self::NoKey { .. }
            | Self::OtherKey { .. } => true,
            // Another process may end, a disk be mounted, space be made.
            Self::Directory { .. }
            | Self::File { .. }
            | Self::InUse { .. }
            | Self::Rewrite { .. }
            | Self::Random
            | Self::Thread(_)
            | Self::Read { .. } => false,
        }
    }
}
