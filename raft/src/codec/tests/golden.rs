//! The bytes that each version writes, by type, as files that never change once the version is released.
//!
//! `golden/vN/TYPE.txt` has a name and the bytes in hexadecimal on each line. While a version is in development,
//! `KLAMM_BLESS=1 cargo test -p klamm-raft --lib golden` writes its files anew. When it is released, the digests of its
//! files are put into [`RELEASED`], and the next level is begun:
//! 1. raise `Level::NEWEST`, and say in `Command::level` and `Format::level` what the new level has;
//! 2. where a struct gets a field, keep the old layout as a type of its own, with conversions (`codec/layout.rs`);
//! 3. add the examples of the new level below, and bless them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use aws_lc_rs::digest;
use openraft::EntryPayload;

use super::*;
use crate::codec::layout::{EntryV1, LogIdV1, VoteV1};
use crate::founding::FoundingId;
use crate::network::message::examples;
use crate::store::Standing;
use crate::types::Vote;

/// Files of released versions, and their SHA-256.
const RELEASED: &[(&str, &str)] = &[];

/// The lines of the golden files as they are written today, by file.
#[derive(Default)]
struct Written(BTreeMap<String, Vec<String>>);

impl Written {
    /// Adds a value, which must read back, to the file of its type and version.
    fn check<T: Format>(&mut self, of: &str, name: &str, value: &T) {
        let bytes = encode(value).unwrap();
        let read = decode::<T>(&bytes, value.level()).unwrap();
        assert_eq!(encode(&read).unwrap(), bytes, "{name}");
        let file = format!("v{}/{of}.txt", value.level());
        self.0
            .entry(file)
            .or_default()
            .push(format!("{name} {}", hex(&bytes)));
    }

    /// Compares every line with the golden files; with KLAMM_BLESS those of versions in development are written instead.
    fn finish(self) {
        let directory = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/codec/golden"));
        for (file, lines) in self.0 {
            let path = directory.join(&file);
            if std::env::var_os("KLAMM_BLESS").is_some() && !is_released(&file) {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, lines.join("\n") + "\n").unwrap();
                continue;
            }
            let golden =
                fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            for (golden, written) in golden.lines().zip(&lines) {
                assert_eq!(
                    golden,
                    written,
                    "{file}: it is written differently than it was. {}",
                    help(&file)
                );
            }
            assert_eq!(golden.lines().count(), lines.len(), "{file}. {}", help(&file));
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_released(file: &str) -> bool {
    RELEASED.iter().any(|(released, _)| *released == file)
}

fn help(file: &str) -> &'static str {
    match is_released(file) {
        true => {
            "Its version is released: what nodes have on their disks is written so. Begin the next level, as golden.rs says"
        }
        false => "Its version is in development: KLAMM_BLESS=1 writes the file anew",
    }
}

#[test]
fn every_type_is_written_and_read_as_ever() {
    let mut written = Written::default();
    written.check("vote", "committed", &VoteV1::from(Vote::new_committed(7, 3)));
    written.check("log-id", "log-id", &LogIdV1::from(id(1)));
    written.check("standing", "new", &Standing::New);
    let (cluster, threshold) = (FoundingId::of([0xa5; FoundingId::BYTES]), 1000);
    written.check("standing", "member", &Standing::Member { cluster });
    written.check(
        "standing",
        "rejoining",
        &Standing::Rejoining { cluster, threshold },
    );
    written.check("owner", "owner", &NodeId(3));
    let of_raft = [
        ("blank", EntryPayload::Blank),
        ("membership", EntryPayload::Membership(membership())),
    ];
    for (name, payload) in of_raft {
        let log_id = id(1);
        written.check("entry", name, &EntryV1::from(&LogEntry { log_id, payload }));
    }
    for (index, command) in commands().into_iter().enumerate() {
        let name = command.name();
        written.check("entry", name, &EntryV1::from(&entry((index, command))));
    }
    written.check("snapshot", "snapshot", &snapshot());
    for (name, request) in examples::requests() {
        written.check("request", name, &request);
    }
    for (name, response) in examples::responses() {
        written.check("response", name, &response);
    }
    written.finish();
}

#[test]
fn what_is_released_is_as_it_was() {
    let directory = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/codec/golden"));
    for (file, sha256) in RELEASED {
        let content = fs::read(directory.join(file)).unwrap();
        let found = hex(digest::digest(&digest::SHA256, &content).as_ref());
        assert_eq!(found, *sha256, "{file} was changed, and its version is released");
    }
}

/// The next level: a command and a field of the state that the first one does not have.
#[test]
fn a_value_is_written_at_the_level_that_it_needs() {
    let next = EntryV1::from(&entry((
        0,
        Command::Next {
            text: "new".to_owned(),
        },
    )));
    let bytes = encode(&next).unwrap();
    assert_eq!((bytes[0], next.level()), (2, Level::NEXT));
    assert_eq!(decode::<EntryV1>(&bytes, Level::NEXT).unwrap(), next);
    let refused = decode::<EntryV1>(&bytes, Level::FIRST).unwrap_err();
    assert!(matches!(refused, CodecError::Newer { .. }), "{refused}");

    let mut snapshot = snapshot();
    let first = encode(&snapshot).unwrap();
    Arc::make_mut(&mut snapshot.state).level = Level::NEXT;
    Arc::make_mut(&mut snapshot.state).next = Some("new".to_owned());
    let bytes = encode(&snapshot).unwrap();
    assert_eq!((first[0], bytes[0]), (1, 2));
    assert_eq!(decode::<SnapshotV1>(&bytes, Level::NEXT).unwrap(), snapshot);
    assert!(decode::<SnapshotV1>(&bytes, Level::FIRST).is_err());
    let before = decode::<SnapshotV1>(&first, Level::NEXT).unwrap();
    assert_eq!((before.state.level, &before.state.next), (Level::FIRST, &None));
}
