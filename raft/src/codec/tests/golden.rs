//! The bytes that each version writes, by type, as files that never change once the version is released.
//!
//! `golden/vN/TYPE.txt` has a name and the bytes in hexadecimal on each line. While a version is in development,
//! `KLAMM_BLESS=1 cargo test -p klamm-raft --lib golden` writes its files anew. When it is released, the digests of its
//! files are put into [`RELEASED`], and the next level is begun:
//! 1. raise `Level::NEWEST`, and say in `Command::level` and `Format::level` what the new level has;
//! 2. where a struct gets a field, keep the old layout as a type of its own, with conversions (`codec/layout.rs`);
//! 3. add the examples of the new level below, and bless them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use aws_lc_rs::digest;
use openraft::EntryPayload;

use super::*;
use crate::boots::{BootMark, BootMemories, BootMemory, BootNumber};
use crate::codec::layout::{EntryV1, LogIdV1, VoteV1};
use crate::founding::FoundingId;
use crate::lease::ProcessId;
use crate::model::{OverLimit, VclusterName};
use crate::network::message::examples;
use crate::outcome::{Outcome, Refusal};
use crate::store::Standing;
use crate::types::Vote;

/// Files of released versions, and their SHA-256.
const RELEASED: &[(&str, &str)] = &[
    (
        "v1/entry.txt",
        "525410c1e6b5fc892fa8d8640e7f4307882a96b59e905db1059aa7e0d9b5fda1",
    ),
    (
        "v1/log-id.txt",
        "7bdf3f310a8052cf149152fb3fa628260a1af0670424c598b98e9f88daa34827",
    ),
    (
        "v1/owner.txt",
        "36718a1bc2912b6ccaaa142ceae5d898b444db39ec9211b4283c42b8f6e235b9",
    ),
    (
        "v1/request.txt",
        "951b74629d932baab1cef0bb89d59aca57977837df22336cf921c17a62760ea0",
    ),
    (
        "v1/response.txt",
        "49cbf7da3eb06ee8b84c7af7a1c12e5037c2b7b75a34dd3df758c09175f44917",
    ),
    (
        "v1/snapshot.txt",
        "c99ecbd2efb2afbdc9881aea7c6e91a4081ef3e5444dd3996647b2a3873820c5",
    ),
    (
        "v1/standing.txt",
        "f93eacc70db2aa0c8d463f26271467695c75240a05b31a2a1619f62398bafeaa",
    ),
    (
        "v1/vote.txt",
        "4158340f6096c61b3762a168b9fcc4326333d24b980714bdd99df16f3a4fd5a0",
    ),
];

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

fn boots() -> BootMemories {
    let memory = BootMemory {
        mark: BootMark {
            number: BootNumber(300),
            process: ProcessId(u64::MAX),
        },
        shown: Revision(1234),
        term: 5,
    };
    BootMemories([(NodeId(3), memory)].into())
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
    written.check("standing", "joining", &Standing::Joining { admission: 7 });
    written.check("standing", "admitted", &Standing::Admitted { cluster });
    written.check("owner", "owner", &NodeId(3));
    written.check("boot", "number", &BootNumber(300));
    written.check("boots", "known", &boots());
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
    written.check("snapshot", "with-policies", &snapshot_of_level_2());
    for (name, request) in examples::requests() {
        written.check("request", name, &request);
    }
    for (name, response) in examples::responses() {
        written.check("response", name, &response);
    }
    written.finish();
}

/// A file of a released version is no longer blessed, and one that is not on the list would be.
#[test]
fn the_files_of_a_released_version_are_all_on_the_list() {
    let directory = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/codec/golden"));
    let versions: BTreeSet<&str> = RELEASED
        .iter()
        .filter_map(|(file, _)| file.split('/').next())
        .collect();
    assert!(versions.contains("v1"));
    for version in versions {
        for file in fs::read_dir(directory.join(version)).unwrap() {
            let file = format!("{version}/{}", file.unwrap().file_name().to_str().unwrap());
            assert!(is_released(&file), "{file}");
        }
    }
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

/// Answers are remembered in a state as well as sent: neither may be in what an older node reads.
#[test]
fn an_answer_has_the_level_of_what_it_refuses_with() {
    let snapshot = snapshot_of_level_2();
    assert!(!snapshot.state.policies.is_empty() && !snapshot.state.vclusters["partner"].policies.is_empty());
    assert_eq!(snapshot.state.vclusters["partner"].quotas.len(), 4);
    let record = &snapshot.state.proposals[&NodeId(1)];
    let remembered = record.boots.iter().flat_map(|boot| boot.outcomes.values());
    let last = remembered.last().unwrap();
    assert!(
        matches!(last, Outcome::Refused(Refusal::NoSuchPolicy(_))),
        "{last:?}"
    );
    assert_eq!(last.level(), Level::POLICIES);
    assert!(!snapshot.state.physical_clusters.is_empty() && !snapshot.state.cluster_reports.is_empty());
    let over = |limit| {
        Refusal::OverLimit(OverLimit {
            limit,
            vcluster: None,
            most: 1,
        })
    };
    assert_eq!(over(Limit::Policies).level(), Level::POLICIES);
    assert_eq!(over(Limit::Acls).level(), Level::FIRST);
}

#[test]
fn policies_of_nobody_are_refused() {
    let mut snapshot = snapshot_of_level_2();
    let partner = &snapshot.state.vclusters["partner"];
    assert!(!partner.policies.is_empty());
    let whole = encode(&snapshot).unwrap();
    assert_eq!(decode::<SnapshotV1>(&whole, Level::POLICIES).unwrap(), snapshot);
    let mut content = vec![Level::POLICIES.0];
    let policies = partner.policies.clone();
    Arc::make_mut(&mut snapshot.state).vclusters.remove("partner");
    write(&snapshot, &mut content).unwrap();
    let stray: BTreeMap<VclusterName, _> = [("partner".parse().unwrap(), policies)].into();
    write(
        &(&snapshot.state.policies, stray, &snapshot.state.groups),
        &mut content,
    )
    .unwrap();
    let checksum = crc32c::crc32c(&content).to_le_bytes();
    content.extend(checksum);
    let refused = decode::<SnapshotV1>(&content, Level::POLICIES).unwrap_err();
    assert!(matches!(refused, CodecError::AdditionToNobody(_)), "{refused}");
}

/// The next level: a command and a field of the state that the one before does not have.
#[test]
fn a_value_is_written_at_the_level_that_it_needs() {
    let next = EntryV1::from(&entry((
        0,
        Command::Next {
            text: "new".to_owned(),
        },
    )));
    let bytes = encode(&next).unwrap();
    assert_eq!((bytes[0], next.level()), (3, Level::NEXT));
    assert_eq!(decode::<EntryV1>(&bytes, Level::NEXT).unwrap(), next);
    let refused = decode::<EntryV1>(&bytes, Level::NEWEST).unwrap_err();
    assert!(matches!(refused, CodecError::Newer { .. }), "{refused}");

    let mut snapshot = snapshot_of_level_2();
    let before = encode(&snapshot).unwrap();
    Arc::make_mut(&mut snapshot.state).level = Level::NEXT;
    Arc::make_mut(&mut snapshot.state).next = Some("new".to_owned());
    let bytes = encode(&snapshot).unwrap();
    assert_eq!((before[0], bytes[0]), (2, 3));
    assert_eq!(decode::<SnapshotV1>(&bytes, Level::NEXT).unwrap(), snapshot);
    assert!(decode::<SnapshotV1>(&bytes, Level::NEWEST).is_err());
    let before = decode::<SnapshotV1>(&before, Level::NEXT).unwrap();
    assert_eq!((before.state.level, &before.state.next), (Level::NEWEST, &None));
}
