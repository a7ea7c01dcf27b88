//! A backup: the whole replicated state in one file that stands alone.
//!
//! ```text
//! "KLAMMBAK" │ length of the header, u32 LE │ header │ state, encrypted or in clear │ SHA-256 of all before it
//! ```
//! The header is in clear: it says of which cluster and of when the backup is. The state is the value that a snapshot of
//! that moment is, sealed as values on a node's disk are (AES-256-GCM-SIV), together with the header.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use serde::{Deserialize, Serialize};

use crate::codec::{self, CodecError, Format, MAX_VALUE_BYTES, layout::SnapshotV1};
use crate::founding::FoundingId;
use crate::model::{Level, Revision, State};
use crate::store::{Label, Seal, StorageKey, ValuePlace};
use crate::types::SnapshotMeta;

const MAGIC: &[u8; 8] = b"KLAMMBAK";
const LENGTH_BYTES: usize = 4;
/// A header is far smaller.
const MAX_HEADER_BYTES: usize = 4096;

/// Why a backup cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("it is not a backup of klamm")]
    NotABackup,
    #[error("the backup is damaged: {0}. Use another one")]
    Damaged(String),
    #[error(
        "the backup was made by a newer version of klamm: its state has format version {version}, but this version of klamm supports versions up to {highest} only. Use the version that made it, or a newer one"
    )]
    Newer { version: Level, highest: Level },
    #[error("the backup is encrypted: the file with its key is needed")]
    NoKey,
    #[error("the backup is encrypted with a different key")]
    OtherKey,
    #[error("the state takes {bytes} bytes, and a backup can have {MAX_VALUE_BYTES}")]
    TooLarge { bytes: usize },
    #[error("the state cannot be encoded: {0}")]
    Encode(String),
    #[error("the operating system provides no random bytes")]
    Random,
}

/// The facts of a backup that can be read without its key. Nobody vouches for them before it is opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupHeader {
    cluster: FoundingId,
    revision: Revision,
    level: Level,
    version: String,
    created_s: u64,
    /// None: the state is in clear.
    label: Option<Label>,
}

impl Format for BackupHeader {}

impl BackupHeader {
    /// The id of the cluster whose state it is.
    pub fn cluster_id(&self) -> String {
        self.cluster.to_string()
    }

    /// The revision that the cluster was at.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The feature level that the cluster had.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The version of klamm that made it.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The time at which it was made, in seconds since the Unix epoch, by the clock of the node that made it.
    pub fn created_s(&self) -> u64 {
        self.created_s
    }

    pub fn is_encrypted(&self) -> bool {
        self.label.is_some()
    }
}

/// The state of a cluster at one moment, and when that was.
#[derive(Clone, PartialEq, Eq)]
pub struct Backup {
    header: BackupHeader,
    state: Arc<State>,
}

impl fmt::Debug for Backup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The state has secrets.
        f.debug_struct("Backup")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

impl Backup {
    /// The largest file that is read.
    pub const MAX_BYTES: u64 = (MAX_VALUE_BYTES + 2 * MAX_HEADER_BYTES) as u64;

    pub(crate) fn new(state: Arc<State>, cluster: FoundingId, (version, created_s): (&str, u64)) -> Self {
        let header = BackupHeader {
            cluster,
            revision: state.revision,
            level: state.level,
            version: version.to_owned(),
            created_s,
            label: None,
        };
        Self { header, state }
    }

    pub fn header(&self) -> &BackupHeader {
        &self.header
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    /// The file: encrypted with the key, or in clear without one. It then holds the key that signs tokens, and what proves
    /// passwords, for everybody to read.
    ///
    /// # Errors
    /// When the state is too large, or the system provides no random bytes.
    pub fn encode(&self, key: Option<&StorageKey>) -> Result<Vec<u8>, BackupError> {
        let seal = key
            .map(Seal::fresh)
            .transpose()
            .map_err(|_| BackupError::Random)?;
        let header = BackupHeader {
            label: seal.as_ref().map(|seal| seal.label().clone()),
            ..self.header.clone()
        };
        let header = codec::encode(&header).map_err(unwritable)?;
        let snapshot = SnapshotV1::new(&SnapshotMeta::default(), self.state.clone());
        let mut body = codec::encode(&snapshot).map_err(unwritable)?;
        if let Some(seal) = &seal {
            seal.seal(ValuePlace::Backup(&header), &mut body)
                .map_err(|_| BackupError::Random)?;
        }
        let length =
            u32::try_from(header.len()).map_err(|_| BackupError::Encode("a long header".to_owned()))?;
        let mut file = [&MAGIC[..], &length.to_le_bytes(), &header, &body].concat();
        let sum = digest(&SHA256, &file);
        file.extend_from_slice(sum.as_ref());
        Ok(file)
    }

    /// Reads a file, all of it.
    ///
    /// # Errors
    /// When it is no backup, damaged, of a newer version, or encrypted with another key than this one.
    pub fn decode(file: &[u8], key: Option<&StorageKey>) -> Result<Self, BackupError> {
        let FileParts {
            header,
            header_bytes,
            body,
        } = parts(file)?;
        let mut body = body.to_vec();
        if let Some(label) = &header.label {
            let seal = Seal::of(key.ok_or(BackupError::NoKey)?, label).map_err(|_| BackupError::Random)?;
            let opened = seal
                .ok_or(BackupError::OtherKey)?
                .open(ValuePlace::Backup(header_bytes), &mut body);
            opened.map_err(|_| damaged("it cannot be decrypted, although the key is the right one"))?;
        }
        let snapshot: SnapshotV1 = codec::decode(&body, Level::NEWEST).map_err(unreadable)?;
        let state = snapshot.state;
        if (state.revision, state.level) != (header.revision, header.level) {
            return Err(damaged("its header is about another state"));
        }
        let header = BackupHeader {
            label: None,
            ..header
        };
        Ok(Self { header, state })
    }
}

/// Reads what can be read without the key, and looks whether the file is whole.
///
/// # Errors
/// When it is no backup, or damaged.
pub fn read_backup_header(file: &[u8]) -> Result<BackupHeader, BackupError> {
    parts(file).map(|parts| parts.header)
}

/// The parts of a file that is whole.
struct FileParts<'a> {
    header: BackupHeader,
    header_bytes: &'a [u8],
    body: &'a [u8],
}

fn parts(file: &[u8]) -> Result<FileParts<'_>, BackupError> {
    let rest = file.strip_prefix(MAGIC).ok_or(BackupError::NotABackup)?;
    let cut_off = || damaged("its end is missing");
    if file.len() as u64 > Backup::MAX_BYTES {
        return Err(damaged("it is longer than any backup"));
    }
    let (rest, sum) = rest.split_last_chunk::<SHA256_OUTPUT_LEN>().ok_or_else(cut_off)?;
    if digest(&SHA256, &file[..file.len() - SHA256_OUTPUT_LEN]).as_ref() != sum {
        return Err(damaged("its checksum does not agree with its content"));
    }
    let (length, rest) = rest.split_first_chunk::<LENGTH_BYTES>().ok_or_else(cut_off)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    if length > MAX_HEADER_BYTES {
        return Err(damaged("its header is too long"));
    }
    let (header_bytes, body) = rest.split_at_checked(length).ok_or_else(cut_off)?;
    let header = codec::decode(header_bytes, Level::FIRST).map_err(unreadable)?;
    Ok(FileParts {
        header,
        header_bytes,
        body,
    })
}

fn damaged(why: &str) -> BackupError {
    BackupError::Damaged(why.to_owned())
}

fn unwritable(error: CodecError) -> BackupError {
    match error {
        CodecError::TooLarge { bytes } => BackupError::TooLarge { bytes },
        error => BackupError::Encode(error.to_string()),
    }
}

fn unreadable(error: CodecError) -> BackupError {
    match error {
        CodecError::Newer { version, highest } => BackupError::Newer { version, highest },
        error => BackupError::Damaged(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::tests::snapshot_of_level_2;

    fn backup() -> Backup {
        let cluster = FoundingId::of([7; FoundingId::BYTES]);
        Backup::new(snapshot_of_level_2().state, cluster, ("1.2.3", 1_800_000_000))
    }

    #[test]
    fn what_is_written_is_read_encrypted_and_in_clear() {
        let backup = backup();
        let key = StorageKey::new([3; StorageKey::BYTES]);
        for key in [None, Some(&key)] {
            let file = backup.encode(key).expect("a file");
            let header = read_backup_header(&file).expect("a header");
            assert_eq!(header.is_encrypted(), key.is_some());
            assert_eq!(header.cluster_id(), "07".repeat(16));
            assert_eq!((header.version(), header.created_s()), ("1.2.3", 1_800_000_000));
            assert_eq!(Backup::decode(&file, key).expect("a backup"), backup);
        }
    }

    #[test]
    fn an_encrypted_file_shows_no_name_and_opens_with_its_key_alone() {
        let backup = backup();
        let name = backup.state().vclusters.keys().next().expect("one").to_string();
        let holds = |file: &[u8]| file.windows(name.len()).any(|part| part == name.as_bytes());
        assert!(holds(&backup.encode(None).expect("a file")));
        let file = backup
            .encode(Some(&StorageKey::new([3; StorageKey::BYTES])))
            .expect("a file");
        assert!(!holds(&file));
        let other = StorageKey::new([4; StorageKey::BYTES]);
        assert!(matches!(Backup::decode(&file, None), Err(BackupError::NoKey)));
        assert!(matches!(
            Backup::decode(&file, Some(&other)),
            Err(BackupError::OtherKey)
        ));
    }

    #[test]
    fn a_damaged_file_is_never_read() {
        let file = backup().encode(None).expect("a file");
        for at in (0..file.len()).step_by(97).chain([MAGIC.len(), file.len() - 1]) {
            let mut wrong = file.clone();
            wrong[at] ^= 0x40;
            assert!(Backup::decode(&wrong, None).is_err(), "byte {at}");
            assert!(Backup::decode(&file[..at], None).is_err(), "{at} bytes");
        }
        assert!(matches!(
            Backup::decode(b"PK", None),
            Err(BackupError::NotABackup)
        ));
    }

    /// Somebody who can write the file makes its checksum anew.
    fn summed(mut file: Vec<u8>) -> Vec<u8> {
        let content = file.len() - SHA256_OUTPUT_LEN;
        let sum = digest(&SHA256, &file[..content]);
        file[content..].copy_from_slice(sum.as_ref());
        file
    }

    #[test]
    fn the_header_of_an_encrypted_file_cannot_be_changed() {
        let key = StorageKey::new([3; StorageKey::BYTES]);
        let file = backup().encode(Some(&key)).expect("a file");
        let other = BackupHeader {
            created_s: 1_900_000_000,
            ..read_backup_header(&file).expect("a header")
        };
        let header = codec::encode(&other).expect("a header");
        let mut forged = file;
        forged[MAGIC.len() + LENGTH_BYTES..][..header.len()].copy_from_slice(&header);
        let forged = summed(forged);
        assert_eq!(
            read_backup_header(&forged).expect("whole").created_s(),
            1_900_000_000
        );
        assert!(matches!(
            Backup::decode(&forged, Some(&key)),
            Err(BackupError::Damaged(_))
        ));
    }

    #[test]
    fn a_header_that_lies_about_its_length_is_refused() {
        let mut file = backup().encode(None).expect("a file");
        file[MAGIC.len()..][..LENGTH_BYTES].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(
            read_backup_header(&summed(file)),
            Err(BackupError::Damaged(_))
        ));
    }
}
