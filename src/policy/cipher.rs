//! Encrypts and decrypts parts of records, one record after the other. What is needed for more than one is kept between them,
//! so that a record takes no memory of its own.

use std::collections::BTreeSet;
use std::sync::Arc;

use klamm_raft::model::{KeyName, OpenedParts, SealedParts};

use crate::envelope::{
    DataKey, DueWhen, EnvelopeMark, FOREIGN_MARK, ForeignEnvelope, Forged, KeysAtHand, MARK, MalformedMark,
    NoKey, PinnedKey, RecordKeyNeed, SEALED_BYTES, Sealed, SealedPart, SealingKey, SpentKey, associated,
};
use crate::expression::TextGrowth;
use crate::records::Draft;

/// The bytes of a wrapped data key, as key files and services make them, with the numbers around it: not more than so many.
const MOST_WRAPPED_BYTES: usize = 512;

/// Why a record is neither encrypted nor decrypted. The words hold nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum CipherFault {
    #[error("{0}")]
    NoKey(NoKey),
    #[error("{0}")]
    Forged(#[from] Forged),
    #[error("{0}")]
    Mark(#[from] MalformedMark),
    #[error("it has a header of what is encrypted already")]
    AlreadySealed,
    #[error("it is encrypted with a key that the policy does not name")]
    OtherKey,
}

impl CipherFault {
    /// Whether the same may go well a little later.
    pub(super) fn is_for_now(self) -> bool {
        matches!(self, Self::NoKey(why) if why.is_for_now())
    }
}

/// Why a record is not through yet, or never will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CipherStop {
    /// It needs a key that has to be waited for.
    Lacks(RecordKeyNeed),
    Fault(CipherFault),
}

impl From<CipherFault> for CipherStop {
    fn from(fault: CipherFault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Forged> for CipherStop {
    fn from(forged: Forged) -> Self {
        Self::Fault(forged.into())
    }
}

impl From<MalformedMark> for CipherStop {
    fn from(malformed: MalformedMark) -> Self {
        Self::Fault(malformed.into())
    }
}

impl From<SpentKey> for CipherStop {
    /// There is another one soon.
    fn from(_: SpentKey) -> Self {
        Self::Fault(CipherFault::NoKey(NoKey::Away))
    }
}

/// The encryption of a policy.
#[derive(Debug)]
pub(super) struct SealAction {
    pub(super) key: KeyName,
    pub(super) parts: SealedParts,
}

/// The decryption of a policy.
#[derive(Debug)]
pub(super) struct OpenAction {
    /// The keys with which a record may be encrypted; any, where there is none.
    pub(super) keys: BTreeSet<KeyName>,
    pub(super) parts: OpenedParts,
}

/// The keys at hand, and buffers.
#[derive(Debug, Default)]
pub(super) struct Cipher {
    sealing: Option<Arc<SealingKey>>,
    pinned: Option<Arc<PinnedKey>>,
    opened: Option<OpenedRecordKey>,
    /// The key of the last record, by its name.
    named: Option<KeyName>,
    associated: Vec<u8>,
    /// The header that says what is encrypted.
    mark: Vec<u8>,
    /// The record's key as the broker has it.
    record_key: Vec<u8>,
}

/// The data key of the last record.
#[derive(Debug)]
struct OpenedRecordKey {
    name: KeyName,
    wrapped: Box<[u8]>,
    key: Arc<DataKey>,
}

impl SealAction {
    /// The parts that this record has.
    fn of(&self, record: &Draft<'_>) -> Sealed {
        let is_named = |name: &[u8]| self.names(name);
        Sealed {
            value: self.parts.value && record.value().is_some(),
            key: self.parts.key && record.key().is_some(),
            headers: !self.parts.headers.is_empty()
                && record
                    .headers()
                    .any(|header| header.value.is_some() && is_named(header.name)),
        }
    }

    /// The most that it adds to a record: the header, and a tag and a nonce for each part. Parts are made beside the record, and
    /// what goes on is not compressed any more.
    pub(super) fn growth(&self) -> TextGrowth {
        let names: usize = self
            .parts
            .headers
            .iter()
            .map(|name| name.as_str().len() + 1)
            .sum();
        let mark = MARK.len() + self.key.as_str().len() + names + MOST_WRAPPED_BYTES;
        TextGrowth {
            bytes: mark + (2 + self.parts.headers.len()) * SEALED_BYTES,
            copies: 2,
        }
    }

    fn names(&self, name: &[u8]) -> bool {
        std::str::from_utf8(name).is_ok_and(|name| self.parts.headers.contains(name))
    }
}

impl OpenAction {
    fn wants(&self, sealed: Sealed) -> Sealed {
        let OpenedParts { value, key, headers } = self.parts;
        sealed.and(Sealed { value, key, headers })
    }
}

impl Cipher {
    /// Encrypts the parts of a record; false where it has none of them. A value that is null stays null.
    pub(super) fn seal(
        &mut self,
        with: &SealAction,
        record: &mut Draft<'_>,
        keys: &dyn KeysAtHand,
    ) -> Result<bool, CipherStop> {
        let wanted = with.of(record);
        if wanted.is_nothing() {
            return Ok(false);
        }
        if record.has_header(MARK) || record.has_header(FOREIGN_MARK) {
            return Err(CipherFault::AlreadySealed.into());
        }
        let key = self.sealing_key(with, keys)?;
        record.unstage();
        if wanted.key
            && let Some(pinned) = &self.pinned
        {
            associated(&mut self.associated, &with.key, SealedPart::Key, None);
            record.stage_key(|buffer, from| pinned.seal(&self.associated, buffer, from))?;
        }
        let record_key = record.staged_key().or_else(|| record.key());
        if wanted.headers {
            self.record_key.clear();
            self.record_key.extend_from_slice(record_key.unwrap_or_default());
        }
        let has_key = record_key.is_some();
        if wanted.value {
            associated(&mut self.associated, &with.key, SealedPart::Value, record_key);
            record.stage_value(|buffer, from| key.seal(&self.associated, buffer, from))?;
        }
        if wanted.headers {
            let record_key = has_key.then_some(&self.record_key[..]);
            record.stage_headers(
                |name| with.names(name),
                |name, buffer, from| {
                    associated(
                        &mut self.associated,
                        &with.key,
                        SealedPart::Header(name),
                        record_key,
                    );
                    key.seal(&self.associated, buffer, from)
                },
            )?;
        }
        record.commit();
        EnvelopeMark::say(&mut self.mark, wanted);
        record.set_header(MARK, Some(&self.mark));
        record.seal();
        Ok(true)
    }

    /// The key that seals now. The header that goes with it is written once.
    fn sealing_key(
        &mut self,
        with: &SealAction,
        keys: &dyn KeysAtHand,
    ) -> Result<Arc<SealingKey>, CipherStop> {
        if let Some(key) = self.sealing.as_ref().filter(|key| key.due() != DueWhen::Spent) {
            return Ok(Arc::clone(key));
        }
        let lacks = || RecordKeyNeed::Sealing(with.key.clone());
        if with.parts.key {
            let pinned = keys.pinned(&with.key, None);
            self.pinned = Some(pinned.map_err(|why| stop(why, lacks))?);
        }
        let key = keys.sealing(&with.key).map_err(|why| stop(why, lacks))?;
        let version = self.pinned.as_ref().map_or(0, |pinned| pinned.version());
        let names = with.parts.headers.iter().map(|name| name.as_str());
        EnvelopeMark::write(&mut self.mark, &with.key, (version, key.wrapped()), names);
        self.sealing = Some(Arc::clone(&key));
        Ok(key)
    }

    /// Decrypts the parts of a record; false where none of them is encrypted.
    pub(super) fn open(
        &mut self,
        with: &OpenAction,
        record: &mut Draft<'_>,
        keys: &dyn KeysAtHand,
    ) -> Result<bool, CipherStop> {
        let mut bytes = std::mem::take(&mut self.mark);
        let opened = if copied(record, MARK, &mut bytes) {
            self.open_marked(with, record, keys, &mut bytes)
        } else if copied(record, FOREIGN_MARK, &mut bytes) {
            self.open_foreign(with, record, keys, &bytes)
        } else {
            Ok(false)
        };
        self.mark = bytes;
        opened
    }

    /// Decrypts a value that another gateway has encrypted.
    fn open_foreign(
        &mut self,
        with: &OpenAction,
        record: &mut Draft<'_>,
        keys: &dyn KeysAtHand,
        header: &[u8],
    ) -> Result<bool, CipherStop> {
        let Some(value) = record.value().filter(|_| with.parts.value) else {
            return Ok(false);
        };
        let envelope = ForeignEnvelope::read(header, value)?;
        let name = self.named(with, envelope.key)?;
        let key = self.opening_key(&name, envelope.wrapped, keys)?;
        let nonce_at = envelope.nonce_at();
        record.unstage();
        record.stage_value(|buffer, from| ForeignEnvelope::open(&key, nonce_at, buffer, from))?;
        record.commit();
        record.remove_header(FOREIGN_MARK);
        Ok(true)
    }

    fn open_marked(
        &mut self,
        with: &OpenAction,
        record: &mut Draft<'_>,
        keys: &dyn KeysAtHand,
        bytes: &mut [u8],
    ) -> Result<bool, CipherStop> {
        let mark = EnvelopeMark::read(bytes)?;
        let wanted = with.wants(mark.sealed);
        if wanted.is_nothing() {
            return Ok(false);
        }
        let name = self.named(with, mark.key)?;
        let key = self.opening_key(&name, mark.wrapped, keys)?;
        record.unstage();
        let has_key = record.key().is_some();
        self.record_key.clear();
        self.record_key
            .extend_from_slice(record.key().unwrap_or_default());
        if wanted.key {
            let pinned = keys.pinned(&name, Some(mark.pinned));
            let lacks = || RecordKeyNeed::Sealing(name.clone());
            let pinned = pinned.map_err(|why| stop(why, lacks))?;
            associated(&mut self.associated, &name, SealedPart::Key, None);
            let there = record.stage_key(|buffer, from| pinned.open(&self.associated, buffer, from))?;
            is_there(there)?;
        }
        let record_key = has_key.then_some(&self.record_key[..]);
        if wanted.value {
            associated(&mut self.associated, &name, SealedPart::Value, record_key);
            let there = record.stage_value(|buffer, from| key.open(&self.associated, buffer, from))?;
            is_there(there)?;
        }
        if wanted.headers {
            let there = record.stage_headers(
                |name| mark.names(name),
                |header, buffer, from| {
                    let part = SealedPart::Header(header);
                    associated(&mut self.associated, &name, part, record_key);
                    key.open(&self.associated, buffer, from)
                },
            )?;
            is_there(there)?;
        }
        record.commit();
        let left = mark.sealed.without(wanted);
        if left.is_nothing() {
            record.remove_header(MARK);
        } else {
            EnvelopeMark::say(bytes, left);
            record.set_header(MARK, Some(bytes));
        }
        Ok(true)
    }

    /// The key that a record names, if the policy lets it.
    fn named(&mut self, with: &OpenAction, name: &str) -> Result<KeyName, CipherFault> {
        if let Some(known) = self.named.as_ref().filter(|known| known.as_str() == name) {
            return Ok(known.clone());
        }
        let named = match with.keys.is_empty() {
            true => name.parse().map_err(|_| CipherFault::Mark(MalformedMark)),
            false => with.keys.get(name).cloned().ok_or(CipherFault::OtherKey),
        };
        self.named = Some(named?);
        self.named.clone().ok_or(CipherFault::OtherKey)
    }

    fn opening_key(
        &mut self,
        name: &KeyName,
        wrapped: &[u8],
        keys: &dyn KeysAtHand,
    ) -> Result<Arc<DataKey>, CipherStop> {
        let is_same = |known: &&OpenedRecordKey| *known.wrapped == *wrapped && known.name == *name;
        if let Some(known) = self.opened.as_ref().filter(is_same) {
            return Ok(Arc::clone(&known.key));
        }
        let key = keys.opening(name, wrapped).map_err(|why| {
            stop(why, || RecordKeyNeed::Opening {
                key: name.clone(),
                wrapped: wrapped.into(),
            })
        })?;
        self.opened = Some(OpenedRecordKey {
            name: name.clone(),
            wrapped: wrapped.into(),
            key: Arc::clone(&key),
        });
        Ok(key)
    }
}

/// Copies the value of the last header of a name; whether there is one.
fn copied(record: &Draft<'_>, name: &str, out: &mut Vec<u8>) -> bool {
    let named = record.headers().filter(|header| header.name == name.as_bytes());
    let Some(last) = named.last() else { return false };
    out.clear();
    out.extend_from_slice(last.value.unwrap_or_default());
    true
}

/// A part that is said to be encrypted is there.
fn is_there(there: bool) -> Result<(), Forged> {
    match there {
        true => Ok(()),
        false => Err(Forged),
    }
}

fn stop(why: NoKey, lacks: impl FnOnce() -> RecordKeyNeed) -> CipherStop {
    match why {
        NoKey::NotYet => CipherStop::Lacks(lacks()),
        other => CipherStop::Fault(CipherFault::NoKey(other)),
    }
}
