//! Whether this node may vote, kept durably; every change of it goes through here, one at a time.

use std::io;

use tokio::sync::{Mutex, watch};

use crate::codec::layout::VoteV1;
use crate::store::{LogStore, STANDING, Standing, VOTE, WriterHandle};
use crate::types::Vote;

/// This node's standing in its cluster.
#[derive(Debug)]
pub(crate) struct StandingKeeper {
    now: watch::Sender<Standing>,
    log: LogStore,
    writer: WriterHandle,
    changing: Mutex<()>,
}

impl StandingKeeper {
    pub(crate) fn new(now: Standing, log: LogStore, writer: WriterHandle) -> Self {
        Self {
            now: watch::Sender::new(now),
            log,
            writer,
            changing: Mutex::default(),
        }
    }

    pub(crate) fn now(&self) -> Standing {
        *self.now.borrow()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Standing> {
        self.now.subscribe()
    }

    pub(crate) fn log(&self) -> &LogStore {
        &self.log
    }

    /// Whether this node has never promised anything.
    pub(crate) fn is_pristine(&self) -> bool {
        self.log.position() == (None, None)
    }

    /// Makes a node that has never promised anything a member of a cluster that is founded now; false when it has.
    pub(crate) async fn join(&self) -> io::Result<bool> {
        let _one = self.changing.lock().await;
        match self.now() {
            Standing::Rejoining { .. } => return Ok(false),
            _ if !self.is_pristine() => return Ok(false),
            Standing::Member => {}
            Standing::New => self.set(Standing::Member).await?,
        }
        Ok(true)
    }

    /// The cluster is older than this node's file. `highest` is the highest vote that this node may have given, and
    /// `threshold` the last entry that it may have acknowledged.
    pub(crate) async fn rejoin(&self, highest: Option<Vote>, threshold: u64) -> io::Result<()> {
        let _one = self.changing.lock().await;
        if self.now() != Standing::New {
            return Ok(());
        }
        // The vote goes first: with the standing alone, a crash in between would leave the node without it.
        if let Some(vote) = highest {
            self.writer.put(VOTE, &VoteV1::from(vote)).await?;
            self.log.set_vote(vote);
        }
        self.set(Standing::Rejoining { threshold }).await
    }

    /// This node's log holds all that it may have acknowledged.
    pub(crate) async fn caught_up(&self) -> io::Result<()> {
        let _one = self.changing.lock().await;
        self.set(Standing::Member).await
    }

    async fn set(&self, standing: Standing) -> io::Result<()> {
        self.writer.put(STANDING, &standing).await?;
        self.now.send_replace(standing);
        Ok(())
    }
}
