//! The state as openraft sees it: commands go in, everybody watches what comes out, snapshots go to disk.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use openraft::entry::RaftEntry;
use openraft::storage::{EntryResponder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend, RaftSnapshotBuilder};
use tokio::sync::watch;

use super::disk::SNAPSHOT;
use super::writer::{FileChange, WriterHandle, invalid};
use crate::codec::{self, CodecError, layout::SnapshotV1};
use crate::machine;
use crate::model::{Level, Revision, State};
use crate::outcome::Outcome;
use crate::types::{LogEntry, LogId, Snapshot, SnapshotMeta, StoredMembership, TypeConfig};

/// The wait after a failed snapshot before the next attempt.
const TRY_AGAIN: Duration = Duration::from_secs(30);

/// The state in memory, and where its snapshots go.
#[derive(Debug)]
pub(crate) struct StateStore {
    state: Arc<State>,
    applied: Option<LogId>,
    membership: StoredMembership,
    states: watch::Sender<Arc<State>>,
    /// The highest format that is known here.
    highest: Level,
    writer: WriterHandle,
    pub(super) encode: Encode,
    pub(super) try_again: Duration,
    /// How often in a row no snapshot could be made.
    failures: watch::Sender<u64>,
}

impl StateStore {
    /// The state of `snapshot`, or an empty one.
    pub(super) fn new(
        snapshot: Option<(SnapshotMeta, Arc<State>)>,
        highest: Level,
        writer: WriterHandle,
    ) -> Self {
        let (meta, state) = snapshot.unwrap_or_default();
        Self {
            applied: meta.last_log_id,
            membership: meta.last_membership,
            states: watch::Sender::new(state.clone()),
            state,
            highest,
            writer,
            encode: codec::encode,
            try_again: TRY_AGAIN,
            failures: watch::Sender::default(),
        }
    }

    /// How often in a row no snapshot could be made.
    pub(crate) fn watch_failures(&self) -> watch::Receiver<u64> {
        self.failures.subscribe()
    }

    /// Every state from now on. It skips some when they follow each other fast.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<State>> {
        self.states.subscribe()
    }
}

/// The state that entries are applied to. A large state takes its time, so this happens on a thread of its own: that
/// which keeps the cluster together does not wait.
pub(super) struct Applying {
    pub(super) state: Arc<State>,
    applied: Option<LogId>,
    pub(super) membership: StoredMembership,
}

impl Applying {
    /// Begins with a snapshot, or with nothing.
    pub(super) fn of(snapshot: Option<(SnapshotMeta, Arc<State>)>) -> Self {
        let (meta, state) = snapshot.unwrap_or_default();
        Self {
            state,
            applied: meta.last_log_id,
            membership: meta.last_membership,
        }
    }

    pub(super) fn apply(&mut self, entry: LogEntry) -> Outcome {
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

/// Reads a snapshot, on a thread of its own.
pub(crate) async fn read_snapshot(bytes: Vec<u8>, highest: Level) -> io::Result<(SnapshotV1, Vec<u8>)> {
    let read = move || {
        let decoded = codec::decode(&bytes, highest).map_err(invalid)?;
        Ok((decoded, bytes))
    };
    tokio::task::spawn_blocking(read)
        .await
        .map_err(io::Error::other)?
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
        let mut taken = Vec::new();
        while let Some(item) = entries.next().await {
            taken.push(item?);
        }
        // The committed index was handed in before: a node that is started again shows no less than is shown from here on.
        self.writer.flushed().await?;
        let mut applying = Applying {
            state: self.state.clone(),
            applied: self.applied,
            membership: self.membership.clone(),
        };
        let apply = move || {
            let mut answers = Vec::new();
            for (entry, responder) in taken {
                let outcome = applying.apply(entry);
                answers.extend(responder.map(|responder| (responder, outcome)));
            }
            (applying, answers)
        };
        let (applied, answers) = tokio::task::spawn_blocking(apply)
            .await
            .map_err(io::Error::other)?;
        self.state = applied.state;
        self.applied = applied.applied;
        self.membership = applied.membership;
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
            highest: self.highest,
            writer: self.writer.clone(),
            encode: self.encode,
            try_again: self.try_again,
            failures: self.failures.clone(),
        }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, snapshot: Vec<u8>) -> io::Result<()> {
        let (decoded, snapshot) = read_snapshot(snapshot, self.highest).await?;
        self.writer
            .write(FileChange::Put {
                key: SNAPSHOT,
                value: snapshot,
            })
            .await?;
        self.state = decoded.state;
        self.applied = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        self.states.send_replace(self.state.clone());
        tracing::info!(revision = %self.state.revision, "the state comes from a snapshot of another node");
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        match self.writer.read_snapshot().await? {
            Some(bytes) => snapshot_of(bytes, self.highest).await.map(Some),
            None => Ok(None),
        }
    }
}

/// A maker of the bytes of a snapshot.
pub(super) type Encode = fn(&SnapshotV1) -> Result<Vec<u8>, CodecError>;

/// Writes a snapshot of one state.
#[derive(Debug)]
pub(crate) struct SnapshotBuilder {
    meta: SnapshotMeta,
    state: Arc<State>,
    highest: Level,
    writer: WriterHandle,
    encode: Encode,
    try_again: Duration,
    failures: watch::Sender<u64>,
}

impl SnapshotBuilder {
    /// Gives openraft the snapshot that there is already, or the empty one, which changes nothing. It would ask again at
    /// once, so this takes a while.
    async fn put_off(&self, error: &CodecError) -> io::Result<Snapshot> {
        self.failures.send_modify(|failures| *failures += 1);
        tracing::error!(
            %error,
            "no snapshot of the replicated state can be made, so the log grows: delete ACLs, alias topics or service accounts that nobody needs"
        );
        tokio::time::sleep(self.try_again).await;
        if let Some(bytes) = self.writer.read_snapshot().await? {
            return snapshot_of(bytes, self.highest).await;
        }
        let meta = SnapshotMeta::default();
        let empty = SnapshotV1::new(&meta, Arc::default());
        let snapshot = codec::encode(&empty).map_err(invalid)?;
        Ok(Snapshot { meta, snapshot })
    }
}

async fn snapshot_of(bytes: Vec<u8>, highest: Level) -> io::Result<Snapshot> {
    let (decoded, snapshot) = read_snapshot(bytes, highest).await?;
    let meta = decoded.meta().map_err(invalid)?;
    Ok(Snapshot { meta, snapshot })
}

impl RaftSnapshotBuilder<TypeConfig> for SnapshotBuilder {
    type SnapshotData = Vec<u8>;

    /// The snapshot is durable when this returns: the log that it covers may then go. For openraft a snapshot that cannot
    /// be made is the end of the node. Here it is told, the log stays, and it is tried again later.
    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let snapshot = SnapshotV1::new(&self.meta, self.state.clone());
        let encode = self.encode;
        let encoded = tokio::task::spawn_blocking(move || encode(&snapshot)).await;
        let bytes = match encoded.map_err(io::Error::other)? {
            Ok(bytes) => bytes,
            Err(error) => return self.put_off(&error).await,
        };
        self.failures.send_replace(0);
        self.writer
            .write(FileChange::Put {
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
