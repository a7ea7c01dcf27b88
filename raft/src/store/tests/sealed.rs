//! A file under a storage key: nothing in it is in clear, it opens under its key only, and changes how it is kept.

use super::*;

fn key(byte: u8) -> Option<StorageKey> {
    Some(StorageKey::new([byte; 32]))
}

fn kept(key: Option<StorageKey>, previous: Option<StorageKey>) -> Storage {
    Storage { key, previous }
}

impl Bench {
    fn kept(storage: Storage) -> Self {
        Self {
            storage,
            ..Self::new()
        }
    }

    /// From now on.
    fn keep(&mut self, key: Option<StorageKey>, previous: Option<StorageKey>) {
        self.storage = kept(key, previous);
    }

    /// Whether any entry or the snapshot can be read in any file of the directory.
    fn is_in_clear(&self) -> bool {
        let files = fs::read_dir(self.directory.path()).unwrap();
        let bytes = files.flat_map(|file| fs::read(file.unwrap().path()).unwrap());
        let bytes: Vec<u8> = bytes.collect();
        bytes.windows(7).any(|window| window == b"needle-")
    }

    /// All that was filled in is there, and more can be written.
    async fn check(&self) {
        let mut store = self.open().unwrap();
        let entries = store.log.try_get_log_entries(..).await.unwrap();
        assert_eq!(entries, (0..10).map(entry).collect::<Vec<_>>());
        let vote = store.log.read_vote().await.unwrap();
        assert_eq!(vote, Some(Vote::new_committed(1, 1)));
        assert_eq!(store.states.applied_state().await.unwrap().0, Some(id(4)));
        let snapshot = store.states.get_current_snapshot().await.unwrap().unwrap();
        assert_eq!(snapshot.meta.last_log_id, Some(id(4)));
        append(&mut store, 10..11).await;
        store.log.truncate_after(Some(id(9))).await.unwrap();
        close(store);
    }
}

struct SealedBuilder;

impl StoreBuilder<TypeConfig, LogStore, StateStore, tempfile::TempDir> for SealedBuilder {
    async fn build(&self) -> Result<(tempfile::TempDir, LogStore, StateStore), StorageError<TypeConfig>> {
        let directory = tempfile::tempdir().unwrap();
        let store = open(
            directory.path(),
            (OwnerClaim::Of(NodeId(0)), Level::NEWEST),
            &kept(key(1), None),
        )
        .unwrap();
        Ok((directory, store.log, store.states))
    }
}

#[tokio::test]
async fn openrafts_own_storage_suite_passes_under_a_key() {
    Suite::test_all(SealedBuilder).await.unwrap();
}

#[tokio::test]
async fn nothing_is_in_clear_under_a_key() {
    let clear = Bench::new();
    clear.fill().await;
    assert!(clear.is_in_clear(), "the needles are there to be found");
    let bench = Bench::kept(kept(key(1), None));
    bench.fill().await;
    bench.check().await;
    assert!(!bench.is_in_clear());
}

#[tokio::test]
async fn a_wrong_or_missing_key_is_not_called_damage_and_changes_nothing() {
    let mut bench = Bench::kept(kept(key(1), None));
    bench.fill().await;
    bench.keep(None, None);
    let missing = bench.open().unwrap_err();
    assert!(matches!(missing, StoreError::NoKey { .. }), "{missing}");
    for (now, previous) in [(key(2), None), (key(2), key(3)), (None, key(2))] {
        bench.keep(now, previous);
        let wrong = bench.open().unwrap_err();
        assert!(matches!(wrong, StoreError::OtherKey { .. }), "{wrong}");
        for text in [wrong.to_string(), missing.to_string()] {
            assert!(
                text.contains("klamm.storage.key.file") && !text.contains("corrupt"),
                "{text}"
            );
        }
    }
    bench.keep(key(1), None);
    bench.check().await;
}

#[tokio::test]
async fn a_directory_is_written_anew_when_it_is_to_be_kept_in_another_way() {
    let mut bench = Bench::new();
    bench.fill().await;
    // A node that ended while it did so has left this behind.
    let left = rewrite::beside(&bench.file());
    for (now, previous, is_in_clear) in [
        (key(1), None, false),
        (key(2), key(1), false),
        // The old key may stay named.
        (key(2), key(1), false),
        (None, key(2), true),
        (None, None, true),
        (key(3), None, false),
    ] {
        fs::write(&left, b"needle-left-").unwrap();
        bench.keep(now.clone(), previous);
        bench.check().await;
        assert_eq!(bench.is_in_clear(), is_in_clear, "{now:?}");
        assert!(!left.exists());
        bench.keep(now, None);
        bench.check().await;
    }
}

#[tokio::test]
async fn damage_under_a_key_is_found_and_named() {
    let bench = Bench::kept(kept(key(1), None));
    bench.fill().await;
    let swap = |one: u64, other: u64| {
        let database = redb::Database::open(bench.file()).unwrap();
        let writing = database.begin_write().unwrap();
        {
            use redb::ReadableTable;
            let mut log = writing.open_table(disk::LOG).unwrap();
            let bytes = |index| log.get(index).unwrap().unwrap().value().to_vec();
            let (first, second) = (bytes(one), bytes(other));
            log.insert(one, second.as_slice()).unwrap();
            log.insert(other, first.as_slice()).unwrap();
        }
        writing.commit().unwrap();
    };
    swap(6, 7);
    assert_eq!(
        corrupt(bench.open()),
        "log entry 6",
        "a value opens in its place only"
    );
    swap(6, 7);
    bench.check().await;
}

/// As without a key: a write that was torn is gone, and nothing before it.
#[tokio::test]
async fn a_torn_write_under_a_key_is_no_wrong_key() {
    const PAGE: usize = 4096;
    let bench = Bench::kept(kept(key(1), None));
    let mut store = bench.open().unwrap();
    append(&mut store, 0..5).await;
    let before = fs::read(bench.file()).unwrap();
    // One commit: the next one may write over pages that the first one gave up.
    let sixth = codec::encode(&EntryV1::from(&entry(5))).unwrap();
    let sixth = writer::FileChange::Append(vec![(5, sixth)]);
    store.writer.write(sixth).await.unwrap();
    let mut torn = fs::read(bench.file()).unwrap();
    close(store);
    // All pages but the one that says what is current.
    torn[..PAGE].copy_from_slice(&before[..PAGE]);
    let mut store = bench.open_as(&torn).unwrap();
    let entries = store.log.try_get_log_entries(..).await.unwrap();
    assert_eq!(entries, (0..5).map(entry).collect::<Vec<_>>());
    close(store);
}
