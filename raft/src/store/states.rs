//! The state as openraft sees it: commands go in, everybody watches what comes out, snapshots go to disk.

use std::io;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use openraft::entry::RaftEntry;
use openraft::storage::{EntryResponder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend, RaftSnapshotBuilder};
use tokio::sync::watch;

use super::disk::SNAPSHOT;
use super::writer::{Change, WriterHandle, invalid};
use crate::codec::{self, layout::SnapshotV1};
use crate::machine;
use crate::model::{Revision, State};
use crate::outcome::Outcome;
use crate::types::{Entry, LogId, Snapshot, SnapshotMeta, StoredMembership, TypeConfig};

/// The state in memory, and where its snapshots go.
#[derive(Debug)]
pub(crate) struct StateStore {
    state: Arc<State>,
    applied: Option<LogId>,
    membership: StoredMembership,
    states: watch::Sender<Arc<State>>,
    writer: WriterHandle,
}

impl StateStore {
    /// The state of `snapshot`, or an empty one.
    pub(super) fn new(snapshot: Option<(SnapshotMeta, Arc<State>)>, writer: WriterHandle) -> Self {
        let (meta, state) = snapshot.unwrap_or_default();
        Self {
            applied: meta.last_log_id,
            membership: meta.last_membership,
            states: watch::Sender::new(state.clone()),
            state,
            writer,
        }
    }

    /// Every state from now on. It skips some when they follow each other fast.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<State>> {
        self.states.subscribe()
    }

    fn apply_entry(&mut self, entry: Entry) -> Outcome {
        let id = entry.log_id();
        self.applied = Some(id);
        let revision = Revision(id.index);
        let state = Arc::make_mut(&mut self.state);
        match entry.payload {
            EntryPayload::Normal(proposal) => machine::apply(state, proposal, revision),
            EntryPayload::Blank => {
                state.revision = revision;
                Outcome::Unchanged
            }
            EntryPayload::Membership(membership) => {
                state.revision = revision;
                self.membership = StoredMembership::new(Some(id), membership);
                Outcome::Unchanged
            }
        }
    }
}

impl RaftStateMachine<TypeConfig> for StateStore {
    type SnapshotData = Vec<u8>;
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.applied, self.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin + OptionalSend,
    {
        let mut answers = Vec::new();
        while let Some(item) = entries.next().await {
            let (entry, responder) = item?;
            let outcome = self.apply_entry(entry);
            if let Some(responder) = responder {
                answers.push((responder, outcome));
            }
        }
        self.states.send_replace(self.state.clone());
        for (responder, outcome) in answers {
            responder.send(outcome);
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        let meta = SnapshotMeta {
            last_log_id: self.applied,
            last_membership: self.membership.clone(),
        };
        SnapshotBuilder {
            meta,
            state: self.state.clone(),
            writer: self.writer.clone(),
        }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, snapshot: Vec<u8>) -> io::Result<()> {
        let decoded: SnapshotV1 = codec::decode(&snapshot).map_err(invalid)?;
        self.writer
            .write(Change::Put {
                key: SNAPSHOT,
                value: snapshot,
            })
            .await?;
        self.state = decoded.state;
        self.applied = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        self.states.send_replace(self.state.clone());
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        let Some(bytes) = self.writer.read_snapshot().await? else {
            return Ok(None);
        };
        let decoded: SnapshotV1 = codec::decode(&bytes).map_err(invalid)?;
        let meta = decoded.meta().map_err(invalid)?;
        Ok(Some(Snapshot {
            meta,
            snapshot: bytes,
        }))
    }
}

/// Writes a snapshot of one state.
#[derive(Debug)]
pub(crate) struct SnapshotBuilder {
    meta: SnapshotMeta,
    state: Arc<State>,
    writer: WriterHandle,
}

impl RaftSnapshotBuilder<TypeConfig> for SnapshotBuilder {
    type SnapshotData = Vec<u8>;

    /// The snapshot is durable when this returns: the log that it covers may then go.
    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let snapshot = SnapshotV1::new(&self.meta, self.state.clone());
        let encoded = tokio::task::spawn_blocking(move || codec::encode(&snapshot)).await;
        let bytes = encoded.map_err(io::Error::other)?.map_err(invalid)?;
        self.writer
            .write(Change::Put {
                key: SNAPSHOT,
                value: bytes.clone(),
            })
            .await?;
        Ok(Snapshot {
            meta: self.meta.clone(),
            snapshot: bytes,
        })
    }
}
