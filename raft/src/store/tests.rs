//! The file: openraft's own suite, damage, torn writes, a disk that fails.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use openraft::storage::{IOFlushed, RaftLogStorage, RaftStateMachine};
use openraft::testing::log::{StoreBuilder, Suite};
use openraft::{EntryPayload, RaftLogReader, RaftSnapshotBuilder, StorageError};
use redb::StorageBackend;

mod sealed;

use super::*;
use crate::codec::{self, layout::EntryV1};
use crate::command::{Author, Command, Proposal, ProposalId};
use crate::model::Revision;
use crate::types::{LeaderId, LogEntry, LogId, TypeConfig, Vote};

struct Builder;

impl StoreBuilder<TypeConfig, LogStore, StateStore, tempfile::TempDir> for Builder {
    async fn build(&self) -> Result<(tempfile::TempDir, LogStore, StateStore), StorageError<TypeConfig>> {
        let directory = tempfile::tempdir().unwrap();
        let store = open(
            directory.path(),
            (OwnerClaim::Of(NodeId(0)), Level::NEWEST),
            &Storage::default(),
        )
        .unwrap();
        Ok((directory, store.log, store.states))
    }
}

#[tokio::test]
async fn openrafts_own_storage_suite_passes() {
    Suite::test_all(Builder).await.unwrap();
}

/// Heartbeats and votes go on while the disk is slow, and yet nothing is shown that a restart would not show.
#[tokio::test]
async fn what_is_committed_waits_for_no_disk_and_what_is_applied_does() {
    let (writer, mut stalled) = writer::stalled::writer();
    let mut log = LogStore::new(disk::LogContents::default(), None, None, writer.clone());
    let mut states = StateStore::new(None, Level::NEWEST, writer);
    log.save_committed(Some(id(0))).await.unwrap();
    assert_eq!(log.read_committed().await.unwrap(), Some(id(0)));
    let shown = states.watch();
    let before = shown.borrow().revision;
    let stream = futures::stream::iter([Ok((entry(3), None))]);
    let mut applying = std::pin::pin!(states.apply(stream));
    let early = tokio::time::timeout(Duration::from_millis(50), &mut applying).await;
    assert!(early.is_err(), "it is not on the disk yet");
    assert_eq!(shown.borrow().revision, before);
    assert_eq!(stalled.write_all(), [disk::COMMITTED]);
    applying.await.unwrap();
    assert_eq!(shown.borrow().revision, Revision(3));
}

/// A data directory that is written, then looked at as after a crash or a repair shop.
struct Bench {
    directory: tempfile::TempDir,
    storage: Storage,
}

impl Bench {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            storage: Storage::default(),
        }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("klamm.redb")
    }

    fn open(&self) -> Result<Store, StoreError> {
        open(
            self.directory.path(),
            (OwnerClaim::Of(NodeId(1)), Level::NEWEST),
            &self.storage,
        )
    }

    /// Opens the file as `bytes`.
    fn open_as(&self, bytes: &[u8]) -> Result<Store, StoreError> {
        fs::write(self.file(), bytes).unwrap();
        self.open()
    }

    /// Ten entries, of which five are in a snapshot too; the last is written last.
    async fn fill(&self) {
        let mut store = self.open().unwrap();
        append(&mut store, 0..9).await;
        store.log.save_vote(&Vote::new_committed(1, 1)).await.unwrap();
        store.log.save_committed(Some(id(8))).await.unwrap();
        let stream = (0..5).map(|index| Ok((entry(index), None)));
        store.states.apply(futures::stream::iter(stream)).await.unwrap();
        store
            .states
            .get_snapshot_builder()
            .await
            .build_snapshot()
            .await
            .unwrap();
        append(&mut store, 9..10).await;
        close(store);
    }
}

/// Waits until the file is closed.
fn close(store: Store) {
    let Store {
        log,
        states,
        writer,
        thread,
        ..
    } = store;
    drop((log, states, writer));
    thread.join().unwrap();
}

fn id(index: u64) -> LogId {
    LogId {
        leader_id: LeaderId { term: 1, node_id: 1 },
        index,
    }
}

/// An entry that can be found in the file.
fn entry(index: u64) -> LogEntry {
    let command = Command::PinCluster {
        cluster: format!("cluster-{index}").parse().unwrap(),
        kafka_cluster_id: format!("needle-{index}-"),
    };
    let id = ProposalId {
        boot: 1,
        sequence: index,
    };
    let proposal = Proposal {
        node: NodeId(1),
        id,
        settled: index,
        author: Author::example(),
        judged_at: Revision(1),
        command,
    };
    LogEntry {
        log_id: self::id(index),
        payload: EntryPayload::Normal(proposal),
    }
}

/// Returns when the entries are durable.
async fn append(store: &mut Store, range: std::ops::Range<u64>) {
    store
        .log
        .append(range.map(entry), IOFlushed::noop())
        .await
        .unwrap();
    store
        .writer
        .write(writer::FileChange::Append(Vec::new()))
        .await
        .unwrap();
}

fn corrupt(result: Result<Store, StoreError>) -> String {
    match result {
        Err(StoreError::Corrupt { what, .. }) => what,
        Err(error) => panic!("another error: {error:?}"),
        Ok(_) => panic!("damage was not found"),
    }
}

#[tokio::test]
async fn all_is_there_after_a_restart() {
    let bench = Bench::new();
    bench.fill().await;
    let mut store = bench.open().unwrap();
    assert_eq!(
        store.log.try_get_log_entries(..).await.unwrap(),
        (0..10).map(entry).collect::<Vec<_>>()
    );
    assert_eq!(
        store.log.read_vote().await.unwrap(),
        Some(Vote::new_committed(1, 1))
    );
    assert_eq!(store.log.read_committed().await.unwrap(), Some(id(8)));
    assert_eq!(store.states.applied_state().await.unwrap().0, Some(id(4)));
    assert_eq!(store.states.watch().borrow().pinned_clusters.len(), 5);
    close(store);
}

#[tokio::test]
async fn a_flipped_bit_in_an_entry_is_found_and_named() {
    let bench = Bench::new();
    bench.fill().await;
    let sound = fs::read(bench.file()).unwrap();
    // Entries beyond the snapshot are in the file once; redb may keep older pages with the same content.
    let mut named = false;
    for at in positions(&sound, b"needle-7-") {
        let mut damaged = sound.clone();
        damaged[at + 3] ^= 0x10;
        match bench.open_as(&damaged) {
            Err(StoreError::Corrupt { what, .. }) => named |= what == "log entry 7",
            Err(error) => panic!("another error: {error:?}"),
            // A page that nothing refers to any more.
            Ok(store) => close(store),
        }
    }
    assert!(named);
}

#[tokio::test]
async fn a_flipped_bit_in_the_snapshot_is_found_and_named() {
    let bench = Bench::new();
    bench.fill().await;
    let sound = fs::read(bench.file()).unwrap();
    let mut named = false;
    for at in positions(&sound, b"needle-2-") {
        let mut damaged = sound.clone();
        damaged[at + 3] ^= 0x10;
        match bench.open_as(&damaged) {
            Err(StoreError::Corrupt { what, .. }) => named |= what == "the snapshot",
            Err(error) => panic!("another error: {error:?}"),
            Ok(store) => close(store),
        }
    }
    assert!(named);
}

/// Whatever byte is hit, the node either refuses to start or has everything.
#[tokio::test]
async fn no_flipped_bit_anywhere_loses_an_entry_silently() {
    let bench = Bench::new();
    bench.fill().await;
    let sound = fs::read(bench.file()).unwrap();
    let used = sound.iter().rposition(|byte| *byte != 0).unwrap();
    let step = (used / 150).max(1);
    // The header, which says what is current, byte by byte; the rest in samples.
    let header = (0..320 * 8).step_by(9);
    for bit in header.chain((320 * 8..used * 8).step_by(step * 8 + 1)) {
        let mut damaged = sound.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        if let Ok(mut store) = bench.open_as(&damaged) {
            let entries = store.log.try_get_log_entries(..).await.unwrap();
            assert_eq!(entries, (0..10).map(entry).collect::<Vec<_>>(), "bit {bit}");
            assert_eq!(
                store.log.read_vote().await.unwrap(),
                Some(Vote::new_committed(1, 1))
            );
            close(store);
        }
    }
}

#[tokio::test]
async fn a_hole_in_the_log_is_found() {
    let bench = Bench::new();
    let mut store = bench.open().unwrap();
    append(&mut store, 0..3).await;
    append(&mut store, 4..6).await;
    close(store);
    assert_eq!(corrupt(bench.open()), "log entry 4");
}

#[tokio::test]
async fn a_purged_log_without_its_snapshot_is_found() {
    let bench = Bench::new();
    let mut store = bench.open().unwrap();
    append(&mut store, 0..3).await;
    store.log.purge(id(1)).await.unwrap();
    close(store);
    assert_eq!(corrupt(bench.open()), "the snapshot");
}

/// A crash in the middle of a write: the file holds any part of the new pages, and the old header.
#[tokio::test]
async fn a_torn_tail_that_was_not_acknowledged_is_repaired() {
    let bench = Bench::new();
    let mut store = bench.open().unwrap();
    append(&mut store, 0..5).await;
    let before = fs::read(bench.file()).unwrap();
    // One commit: the next one may write over pages that the first one gave up.
    let sixth = codec::encode(&EntryV1::from(&entry(5))).unwrap();
    store
        .writer
        .write(writer::FileChange::Append(vec![(5, sixth)]))
        .await
        .unwrap();
    let after = fs::read(bench.file()).unwrap();
    close(store);
    const PAGE: usize = 4096;
    let pages = before.len().max(after.len()).div_ceil(PAGE);
    for torn in 1..=pages {
        // The pages up to `torn` made it, the first of them, which holds the header, did not.
        let mut mixed = before.clone();
        mixed.resize(before.len().max(after.len()), 0);
        let end = (torn * PAGE).min(after.len());
        if end > PAGE {
            mixed[PAGE..end].copy_from_slice(&after[PAGE..end]);
        }
        let mut store = bench.open_as(&mixed).unwrap();
        let entries = store.log.try_get_log_entries(..).await.unwrap();
        assert_eq!(
            entries,
            (0..5).map(entry).collect::<Vec<_>>(),
            "{torn} of {pages} pages"
        );
        append(&mut store, 5..7).await;
        close(store);
    }
}

fn positions(bytes: &[u8], needle: &[u8]) -> Vec<usize> {
    let windows = bytes.windows(needle.len()).enumerate();
    let found: Vec<_> = windows
        .filter(|(_, window)| *window == needle)
        .map(|(at, _)| at)
        .collect();
    assert!(!found.is_empty());
    found
}

/// Memory that stops taking writes to the disk.
#[derive(Debug)]
struct FailingDisk {
    memory: redb::backends::InMemoryBackend,
    syncs_left: std::sync::atomic::AtomicUsize,
}

impl StorageBackend for FailingDisk {
    fn len(&self) -> io::Result<u64> {
        self.memory.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.memory.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.memory.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        use std::sync::atomic::Ordering::SeqCst;
        match self
            .syncs_left
            .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1))
        {
            Ok(_) => Ok(()),
            Err(_) => Err(io::Error::other("the disk is broken")),
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.memory.write(offset, data)
    }
}

const CHILD: &str = "KLAMM_TEST_FAILING_DISK";

/// The process that fails is this test again, in a child.
#[test]
fn a_failed_fsync_ends_the_process() {
    if std::env::var_os(CHILD).is_some() {
        write_until_the_disk_fails();
        return;
    }
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::tests::a_failed_fsync_ends_the_process"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert_eq!(child.status.code(), Some(74), "{child:?}");
}

fn write_until_the_disk_fails() {
    let disk = FailingDisk {
        memory: redb::backends::InMemoryBackend::new(),
        syncs_left: 40.into(),
    };
    let database = redb::Database::builder().create_with_backend(disk).unwrap();
    let (writer, _) = writer::start(disk::File { database, seal: None }).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        for _ in 0..40 {
            writer.put(VOTE, &NodeId(1)).await.unwrap();
        }
    });
}

/// For openraft a snapshot that cannot be made is the end of the node, and it would be the end again after a restart.
#[tokio::test]
async fn a_snapshot_that_cannot_be_made_is_told_and_tried_again() {
    let bench = Bench::new();
    let mut store = bench.open().unwrap();
    append(&mut store, 0..9).await;
    let stream = (0..5).map(|index| Ok((entry(index), None)));
    store.states.apply(futures::stream::iter(stream)).await.unwrap();
    let failures = store.states.watch_failures();
    store.states.try_again = Duration::ZERO;
    store.states.encode = |_| Err(codec::CodecError::TooLarge { bytes: 1 });

    let mut builder = store.states.get_snapshot_builder().await;
    let nothing = builder.build_snapshot().await.unwrap();
    assert_eq!(nothing.meta.last_log_id, None);
    assert_eq!(*failures.borrow(), 1);

    store.states.encode = codec::encode;
    let mut builder = store.states.get_snapshot_builder().await;
    let made = builder.build_snapshot().await.unwrap();
    assert_eq!(made.meta.last_log_id, Some(id(4)));
    assert_eq!(*failures.borrow(), 0);

    let stream = (5..8).map(|index| Ok((entry(index), None)));
    store.states.apply(futures::stream::iter(stream)).await.unwrap();
    store.states.encode = |_| Err(codec::CodecError::TooLarge { bytes: 1 });
    let mut builder = store.states.get_snapshot_builder().await;
    let before = builder.build_snapshot().await.unwrap();
    assert_eq!(before.meta.last_log_id, Some(id(4)), "the one that there is");
    assert_eq!(*failures.borrow(), 1);
}
