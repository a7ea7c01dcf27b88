//! Whether this node may vote, kept durably; every change of it goes through here, one at a time.

use std::io;

use tokio::sync::{Mutex, watch};

use crate::boots::{BootMemories, BootNumber};
use crate::codec::layout::VoteV1;
use crate::founding::FoundingId;
use crate::model::NodeId;
use crate::store::{BOOT, BOOTS, LogStore, STANDING, Standing, Store, VOTE, WriterHandle};
use crate::types::Vote;

/// This node's standing in its cluster.
#[derive(Debug)]
pub(crate) struct StandingKeeper {
    now: watch::Sender<Standing>,
    boot: watch::Sender<Option<BootNumber>>,
    log: LogStore,
    writer: WriterHandle,
    changing: Mutex<()>,
}

impl StandingKeeper {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            now: store.standing.clone(),
            boot: store.boot.clone(),
            log: store.log.clone(),
            writer: store.writer.clone(),
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

    /// Makes a node that has never promised anything a member of a cluster that is founded now; false when it has. A founder
    /// that did not come to an end founds again, under another id.
    pub(crate) async fn join(&self, cluster: FoundingId) -> io::Result<bool> {
        let _one = self.changing.lock().await;
        let member = Standing::Member { cluster };
        match self.now() {
            Standing::Rejoining { .. } | Standing::Joining { .. } | Standing::Admitted { .. } => {
                return Ok(false);
            }
            _ if !self.is_pristine() => return Ok(false),
            now if now == member => {}
            Standing::Member { .. } | Standing::New => self.set(member).await?,
        }
        Ok(true)
    }

    /// The cluster is older than this node's file. `highest` is the highest vote that this node may have given, and
    /// `threshold` the last entry that it may have acknowledged; `told` is the latest start of it that others know.
    pub(crate) async fn rejoin(
        &self,
        cluster: FoundingId,
        (highest, threshold): (Option<Vote>, u64),
        told: BootNumber,
    ) -> io::Result<()> {
        let _one = self.changing.lock().await;
        if self.now() != Standing::New {
            return Ok(());
        }
        let own = *self.boot.borrow();
        if let Some(own) = own
            && own <= told
        {
            let later = told.next();
            self.writer.put(BOOT, &later).await?;
            self.boot.send_replace(Some(later));
        }
        // The vote goes first: with the standing alone, a crash in between would leave the node without it.
        if let Some(vote) = highest {
            self.writer.put(VOTE, &VoteV1::from(vote)).await?;
            self.log.set_vote(vote);
        }
        self.set(Standing::Rejoining { cluster, threshold }).await
    }

    /// The random number under which this node asks to be admitted: the one that it asked under before, if there is one.
    pub(crate) async fn asks_admission(&self, fresh: u64) -> io::Result<u64> {
        let _one = self.changing.lock().await;
        match self.now() {
            Standing::Joining { admission } => Ok(admission),
            _ => {
                self.set(Standing::Joining { admission: fresh }).await?;
                Ok(fresh)
            }
        }
    }

    /// The data directory is that of one of the nodes that found a cluster.
    pub(crate) async fn claims(&self, id: NodeId) -> io::Result<()> {
        let _one = self.changing.lock().await;
        self.writer.own(id).await
    }

    /// A cluster that there was has taken this node in, as `id`.
    pub(crate) async fn admitted(&self, id: NodeId, cluster: FoundingId) -> io::Result<()> {
        let _one = self.changing.lock().await;
        // The number goes first: without the standing, it is asked for once more.
        self.writer.own(id).await?;
        self.set(Standing::Admitted { cluster }).await
    }

    /// This node's log holds all that it may have acknowledged.
    pub(crate) async fn caught_up(&self) -> io::Result<()> {
        let _one = self.changing.lock().await;
        match self.now().cluster() {
            Some(cluster) => self.set(Standing::Member { cluster }).await,
            None => Ok(()),
        }
    }

    /// Keeps what is known of the starts of other nodes.
    pub(crate) async fn remember(&self, boots: &BootMemories) -> io::Result<()> {
        self.writer.put(BOOTS, boots).await
    }

    async fn set(&self, standing: Standing) -> io::Result<()> {
        self.writer.put(STANDING, &standing).await?;
        self.now.send_replace(standing);
        Ok(())
    }
}
