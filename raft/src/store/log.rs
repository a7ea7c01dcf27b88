//! The log as openraft sees it: served from memory, written by the writer.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::ops::RangeBounds;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::{LogState, OptionalSend, RaftLogReader};

use super::disk::{COMMITTED, LogContents, VOTE};
use super::writer::{FileChange, WriterHandle, invalid};
use crate::codec::{
    self,
    layout::{EntryV1, LogIdV1, VoteV1},
};
use crate::types::{LogEntry, LogId, TypeConfig, Vote};

/// The log, the vote and the committed index. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct LogStore {
    memory: Arc<Mutex<Memory>>,
    writer: WriterHandle,
}

/// The part of the log that is on disk or on its way there.
#[derive(Debug)]
struct Memory {
    purged: Option<LogId>,
    entries: BTreeMap<u64, LogEntry>,
    vote: Option<Vote>,
    committed: Option<LogId>,
}

impl LogStore {
    pub(super) fn new(
        log: LogContents,
        vote: Option<Vote>,
        committed: Option<LogId>,
        writer: WriterHandle,
    ) -> Self {
        let memory = Memory {
            purged: log.purged,
            entries: log.entries,
            vote,
            committed,
        };
        Self {
            memory: Arc::new(Mutex::new(memory)),
            writer,
        }
    }

    /// The vote, and the id of the last entry.
    pub(crate) fn position(&self) -> (Option<Vote>, Option<LogId>) {
        let memory = self.memory();
        (memory.vote, memory.last())
    }

    /// The last entry that is known to be committed.
    pub(crate) fn committed(&self) -> Option<LogId> {
        self.memory().committed
    }

    /// Reads the term of the vote. It keeps nothing open.
    pub(crate) fn term(&self) -> impl Fn() -> u64 + Send + Sync + use<> {
        let memory = Arc::clone(&self.memory);
        move || {
            let memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
            memory.vote.map_or(0, |vote| vote.leader_id.term)
        }
    }

    /// The vote was written by somebody else, before openraft runs.
    pub(crate) fn set_vote(&self, vote: Vote) {
        self.memory().vote = Some(vote);
    }

    /// Nobody panics while holding the lock, so a poisoned one is as good.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn last(&self) -> Option<LogId> {
        self.entries
            .last_key_value()
            .map(|(_, entry)| entry.log_id)
            .or(self.purged)
    }
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<R>(&mut self, range: R) -> io::Result<Vec<LogEntry>>
    where
        R: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let range = (range.start_bound().cloned(), range.end_bound().cloned());
        Ok(self
            .memory()
            .entries
            .range(range)
            .map(|(_, entry)| entry.clone())
            .collect())
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self.memory().vote)
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        let memory = self.memory();
        Ok(LogState {
            last_purged_log_id: memory.purged,
            last_log_id: memory.last(),
        })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        self.writer.put(VOTE, &VoteV1::from(*vote)).await?;
        self.memory().vote = Some(*vote);
        Ok(())
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        if self.memory().committed == committed {
            return Ok(());
        }
        // Nobody waits for the disk here, since heartbeats and votes would wait as well: what is applied does.
        if let Some(id) = committed {
            let value = codec::encode(&LogIdV1::from(id)).map_err(invalid)?;
            let change = FileChange::Put {
                key: COMMITTED,
                value,
            };
            self.writer.write_later(change).await?;
        }
        self.memory().committed = committed;
        Ok(())
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        Ok(self.memory().committed)
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = LogEntry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<LogEntry> = entries.into_iter().collect();
        let mut bytes = Vec::with_capacity(entries.len());
        for entry in &entries {
            let encoded = codec::encode(&EntryV1::from(entry)).map_err(invalid)?;
            bytes.push((entry.log_id.index, encoded));
        }
        self.memory()
            .entries
            .extend(entries.into_iter().map(|entry| (entry.log_id.index, entry)));
        self.writer.write_then(FileChange::Append(bytes), callback).await
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        let from = last.map_or(0, |last| last.index + 1);
        self.memory().entries.split_off(&from);
        self.writer.write(FileChange::Truncate { from }).await
    }

    async fn purge(&mut self, id: LogId) -> io::Result<()> {
        {
            let mut memory = self.memory();
            memory.entries = memory.entries.split_off(&(id.index + 1));
            memory.purged = Some(id);
        }
        let bytes = codec::encode(&LogIdV1::from(id)).map_err(invalid)?;
        self.writer
            .write_later(FileChange::Purge {
                upto: id.index,
                id: bytes,
            })
            .await
    }
}
