//! Records that are encrypted and decrypted.

use std::sync::atomic::{AtomicBool, Ordering};

use klamm_raft::model::{KeyName, OpenedParts, SealedParts};

use super::*;
use crate::envelope::{
    DATA_KEY_BYTES, DataKey, EnvelopeMark, KeysAtHand, MARK, NoKey, PinnedKey, RecordKeyNeed, SealingKey,
};
use crate::fuzz::chance::Chance;
use crate::fuzz::mutate::spoil;
use crate::fuzz::runner::run;

const SECRET: &str = "the secret value";

/// Keys whose data keys are wrapped by nothing.
#[derive(Debug, Default)]
struct Ring {
    is_away: AtomicBool,
    is_late: AtomicBool,
}

impl Ring {
    fn check(&self, key: &KeyName) -> Result<(), NoKey> {
        match key.as_str() {
            "payroll" | "other" if self.is_away.load(Ordering::Relaxed) => Err(NoKey::Away),
            "payroll" | "other" if self.is_late.load(Ordering::Relaxed) => Err(NoKey::NotYet),
            "payroll" | "other" => Ok(()),
            _ => Err(NoKey::Unknown),
        }
    }
}

impl KeysAtHand for Ring {
    fn sealing(&self, key: &KeyName) -> Result<Arc<SealingKey>, NoKey> {
        self.check(key)?;
        let bytes = [key.as_str().len() as u8; DATA_KEY_BYTES];
        let key = SealingKey::new(DataKey::new(&bytes).unwrap(), Box::from(bytes), [0; 4]);
        Ok(Arc::new(key))
    }

    fn opening(&self, key: &KeyName, wrapped: &[u8]) -> Result<Arc<DataKey>, NoKey> {
        self.check(key)?;
        let bytes: [u8; DATA_KEY_BYTES] = wrapped.try_into().map_err(|_| NoKey::Refused)?;
        Ok(Arc::new(DataKey::new(&bytes).unwrap()))
    }

    fn pinned(&self, key: &KeyName, version: Option<u32>) -> Result<Arc<PinnedKey>, NoKey> {
        self.check(key)?;
        match version.unwrap_or(1) {
            1 => Ok(Arc::new(PinnedKey::new(&[3; DATA_KEY_BYTES], 1).unwrap())),
            _ => Err(NoKey::Refused),
        }
    }
}

fn encrypt(key: &str, parts: SealedParts) -> Policy {
    let key = key.parse().unwrap();
    policy(PolicyPhase::Produce, PolicyAction::Encrypt { key, parts }, None)
}

fn decrypt(keys: &[&str], parts: OpenedParts) -> Policy {
    let keys = keys.iter().map(|key| key.parse().unwrap()).collect();
    policy(PolicyPhase::Consume, PolicyAction::Decrypt { keys, parts }, None)
}

const VALUE: SealedParts = SealedParts {
    value: true,
    key: false,
    headers: BTreeSet::new(),
};

const ALL: OpenedParts = OpenedParts {
    value: true,
    key: true,
    headers: true,
};

fn everything() -> SealedParts {
    SealedParts {
        value: true,
        key: true,
        headers: ["ssn".parse().unwrap(), "iban".parse().unwrap()].into(),
    }
}

fn chain_of(policies: &Policies, phase: PolicyPhase, ring: &Arc<Ring>) -> PolicyChain {
    let chain = policies.chain(phase, &client("alice"), "orders");
    let mut chain = chain.expect("policies that concern the topic");
    chain.take(at_hand(ring, MayWait::YES));
    chain
}

fn at_hand(ring: &Arc<Ring>, may_wait: MayWait) -> AtHand {
    AtHand {
        keys: Arc::<Ring>::clone(ring),
        may_wait,
        ..AtHand::nothing()
    }
}

/// One batch of what is produced, encrypted.
fn sealed(policy: Policy, records: &[SampleRecord]) -> Vec<SampleRecord> {
    let policies = compiled(&[("seal", policy)]);
    let mut chain = chain_of(&policies, PolicyPhase::Produce, &Arc::default());
    let mut workspace = Workspace::new(BatchBounds::default());
    let sent = batch(records);
    match produced(&sent, &mut chain, &mut workspace).unwrap() {
        Produced::AsItCame => records.to_vec(),
        Produced::Rewritten(bytes) => contents(&bytes),
    }
}

/// The records of batches, wherever they are in them.
fn contents(bytes: &[u8]) -> Vec<SampleRecord> {
    let records = read_records(bytes).into_iter().map(|record| SampleRecord {
        offset_delta: 0,
        timestamp_delta: 0,
        ..record
    });
    records.collect()
}

/// The records that a consumer gets; or the offset that is refused to it, why, and whether that is for now only.
fn opened(
    policy: Policy,
    ring: &Arc<Ring>,
    records: &[SampleRecord],
) -> Result<Vec<SampleRecord>, (i64, String, bool)> {
    let policies = compiled(&[("open", policy)]);
    let mut chain = chain_of(&policies, PolicyPhase::Consume, ring);
    let bytes = batch(records);
    let mut workspace = Workspace::new(BatchBounds::default());
    match fetched(&bytes, FetchRange::default(), &mut chain, &mut workspace) {
        Fetched::AsItCame => Ok(contents(&bytes)),
        Fetched::Rewritten(bytes) => Ok(contents(&bytes)),
        Fetched::Poisoned { offset, reason } => Err((offset, chain.words(reason), chain.is_for_now(reason))),
        Fetched::Unreadable { .. } => panic!("the batch is whole"),
    }
}

fn full(number: u8) -> SampleRecord {
    let mut record = record(
        SECRET,
        &[
            ("a", "1"),
            ("ssn", "078-05-1120"),
            ("iban", "x"),
            ("ssn", "second"),
        ],
    );
    record.key = Some(vec![b'k', number]);
    record.headers.push((b"ssn".to_vec(), None));
    record
}

fn holds(record: &SampleRecord, text: &str) -> bool {
    let is_in = |bytes: &Vec<u8>| bytes.windows(text.len()).any(|some| some == text.as_bytes());
    let headers = record.headers.iter().filter_map(|(_, value)| value.as_ref());
    record.key.iter().chain(&record.value).chain(headers).any(is_in)
}

#[test]
fn what_is_encrypted_is_decrypted_to_the_very_same() {
    let records: Vec<_> = (0..3).map(full).collect();
    let there = sealed(encrypt("payroll", everything()), &records);
    for (sealed, plain) in there.iter().zip(&records) {
        for secret in [SECRET, "078-05-1120", "second"] {
            assert!(holds(plain, secret) && !holds(sealed, secret), "{secret}");
        }
        assert_ne!(sealed.key, plain.key);
        // Headers keep their order and their names; null stays null; what is not named stays as it is.
        let names = |record: &SampleRecord| -> Vec<Vec<u8>> {
            record.headers.iter().map(|(name, _)| name.clone()).collect()
        };
        let mut expected = names(plain);
        expected.push(MARK.into());
        assert_eq!(names(sealed), expected);
        assert_eq!(sealed.headers[0], plain.headers[0]);
        assert_eq!(sealed.headers[4], plain.headers[4]);
    }
    // The same value twice is not the same.
    assert_ne!(there[0].value, there[1].value);
    let back = opened(decrypt(&["payroll"], ALL), &Arc::default(), &there);
    assert_eq!(back.unwrap(), records);
}

#[test]
fn the_same_keys_become_the_same_and_tombstones_stay_null() {
    let mut tombstone = full(0);
    tombstone.value = None;
    let nothing = SampleRecord {
        key: None,
        ..record("", &[])
    };
    let records = [full(0), full(1), tombstone, nothing];
    let parts = SealedParts {
        headers: BTreeSet::new(),
        ..everything()
    };
    let there = sealed(encrypt("payroll", parts), &records);
    assert_eq!(there[0].key, there[2].key);
    assert_ne!(there[0].key, there[1].key);
    assert_eq!(there[2].value, None);
    assert_eq!(there[3].key, None);
    let back = opened(decrypt(&["payroll"], ALL), &Arc::default(), &there).unwrap();
    assert_eq!(back, records);
    // Where nothing of a record is encrypted, nothing is said of it.
    let tombstone = [records[2].clone()];
    assert_eq!(sealed(encrypt("payroll", VALUE), &tombstone), tombstone);
}

#[test]
fn single_parts_are_decrypted_and_the_rest_stays_encrypted() {
    let records = [full(7)];
    let there = sealed(encrypt("payroll", everything()), &records);
    let value = OpenedParts {
        value: true,
        ..OpenedParts::default()
    };
    let some = opened(decrypt(&["payroll"], value), &Arc::default(), &there).unwrap();
    assert_eq!(some[0].value, records[0].value);
    assert!(!holds(&some[0], "078-05-1120") && some[0].key == there[0].key);
    let mark = some[0].headers.last().unwrap();
    let mark = EnvelopeMark::read(mark.1.as_ref().unwrap()).unwrap().sealed;
    assert!(!mark.value && mark.key && mark.headers);
    let rest = opened(decrypt(&["payroll"], ALL), &Arc::default(), &some).unwrap();
    assert_eq!(rest, records);
}

#[test]
fn what_was_changed_is_refused_at_its_offset_and_what_precedes_it_is_delivered() {
    let records: Vec<_> = (0..3).map(full).collect();
    let mut there = sealed(encrypt("payroll", VALUE), &records);
    // As it would be if somebody gave one record the value of another.
    there[1].value = there[0].value.clone();
    let some = opened(decrypt(&["payroll"], ALL), &Arc::default(), &there).unwrap();
    assert_eq!(some, records[..1]);
    let (offset, why, is_for_now) =
        opened(decrypt(&["payroll"], ALL), &Arc::default(), &there[1..2]).unwrap_err();
    assert_eq!((offset, is_for_now), (100, false));
    assert_eq!(
        why,
        "the policy open could not decrypt the record: the record was changed since it was encrypted, or is encrypted with another key"
    );
    // A policy may say otherwise, as of all records that it cannot judge.
    let mut lenient = decrypt(&["payroll"], ALL);
    lenient.failure_mode = Some(FailureMode::Skip);
    let left = opened(lenient, &Arc::default(), &there).unwrap();
    assert_eq!(left, [records[0].clone(), records[2].clone()]);
    // A value that is gone was not encrypted as null.
    there[0].value = None;
    assert!(opened(decrypt(&["payroll"], ALL), &Arc::default(), &there[..1]).is_err());
}

#[test]
fn a_policy_opens_only_what_its_keys_have_encrypted() {
    let there = sealed(encrypt("other", VALUE), &[full(0)]);
    let (_, why, is_for_now) = opened(decrypt(&["payroll"], ALL), &Arc::default(), &there).unwrap_err();
    assert!(
        why.ends_with("a key that the policy does not name") && !is_for_now,
        "{why}"
    );
    assert!(opened(decrypt(&["payroll", "other"], ALL), &Arc::default(), &there).is_ok());
    assert!(opened(decrypt(&[], ALL), &Arc::default(), &there).is_ok());
    // What is not encrypted goes through.
    let plain = [full(0)];
    assert_eq!(
        opened(decrypt(&["payroll"], ALL), &Arc::default(), &plain).unwrap(),
        plain
    );
}

#[test]
fn without_the_key_nothing_goes_through_whatever_the_policy_says() {
    for mode in [FailureMode::Refuse, FailureMode::Mark, FailureMode::Passthrough] {
        let mut seal = encrypt("nobody", VALUE);
        seal.failure_mode = Some(mode);
        let policies = compiled(&[("seal", seal)]);
        let mut chain = chain_of(&policies, PolicyPhase::Produce, &Arc::default());
        let mut workspace = Workspace::new(BatchBounds::default());
        let refused = produced(&batch(&[full(0)]), &mut chain, &mut workspace);
        let Err(ProduceRefusal::Records(refused)) = refused else {
            panic!("{refused:?}")
        };
        let reason = refused[0].reason.unwrap();
        assert!(chain.is_for_now(reason));
        assert_eq!(
            chain.words(reason),
            "the policy seal could not encrypt the record with the key nobody: this node has no such key in klamm.keys"
        );
        let there = sealed(encrypt("payroll", VALUE), &[full(0)]);
        let mut open = decrypt(&["payroll"], ALL);
        open.failure_mode = Some(mode);
        let ring = Arc::new(Ring::default());
        ring.is_away.store(true, Ordering::Relaxed);
        let (_, _, is_for_now) = opened(open, &ring, &there).unwrap_err();
        assert!(is_for_now);
    }
}

#[test]
fn a_key_that_is_not_there_yet_is_asked_for_and_all_is_done_again() {
    let there: Vec<_> = ["payroll", "other"]
        .iter()
        .flat_map(|key| sealed(encrypt(key, VALUE), &[full(0)]))
        .collect();
    let policies = compiled(&[("open", decrypt(&["payroll", "other"], ALL))]);
    let ring = Arc::new(Ring::default());
    ring.is_late.store(true, Ordering::Relaxed);
    let mut chain = chain_of(&policies, PolicyPhase::Consume, &ring);
    let bytes = batch(&there);
    let mut workspace = Workspace::new(BatchBounds::default());
    fetched(&bytes, FetchRange::default(), &mut chain, &mut workspace);
    let (lacking, _) = RecordNeed::sorted(chain.lacking());
    let names: Vec<&str> = lacking.iter().map(|need| need.key().as_str()).collect();
    assert_eq!(names, ["payroll", "other"]);
    assert!(
        lacking
            .iter()
            .all(|need| matches!(need, RecordKeyNeed::Opening { .. }))
    );
    chain.restart();
    // Nobody waits a second time.
    chain.take(at_hand(&ring, MayWait::NO));
    let again = fetched(&bytes, FetchRange::default(), &mut chain, &mut workspace);
    let Fetched::Poisoned { reason, .. } = again else {
        panic!("{again:?}")
    };
    assert!(chain.is_for_now(reason) && chain.lacking().is_empty());
    chain.restart();
    ring.is_late.store(false, Ordering::Relaxed);
    let at_last = fetched(&bytes, FetchRange::default(), &mut chain, &mut workspace);
    assert!(matches!(at_last, Fetched::Rewritten(_)), "{at_last:?}");
    assert_eq!(outcomes(&chain)[0].changed, 2);
}

/// As Kroxylicious writes them, whose key at Vault has the name `other`.
fn foreign() -> SampleRecord {
    use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[6; DATA_KEY_BYTES]).unwrap());
    let mut parcel = vec![32];
    parcel.extend_from_slice(SECRET.as_bytes());
    parcel.push(3);
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key([1; 12]), Aad::empty(), &mut parcel)
        .unwrap();
    let mut value = vec![0, 38, 5];
    value.extend_from_slice(b"other");
    value.extend_from_slice(&[6; DATA_KEY_BYTES]);
    value.push(0);
    value.extend_from_slice(&[1; 12]);
    value.extend_from_slice(&parcel);
    let mut there = record("", &[("a", "1")]);
    there.value = Some(value);
    there
        .headers
        .push((b"kroxylicious.io/encryption".to_vec(), Some(vec![1])));
    there
}

#[test]
fn records_of_another_gateway_are_read() {
    let there = [foreign()];
    let back = opened(decrypt(&["other"], ALL), &Arc::default(), &there).unwrap();
    assert_eq!(back, [record(SECRET, &[("a", "1")])]);
    let (_, why, _) = opened(decrypt(&["payroll"], ALL), &Arc::default(), &there).unwrap_err();
    assert!(why.ends_with("a key that the policy does not name"), "{why}");
    let mut changed = there;
    changed[0].value.as_mut().unwrap()[60] ^= 1;
    assert!(opened(decrypt(&["other"], ALL), &Arc::default(), &changed).is_err());
}

#[test]
fn what_is_encrypted_already_is_not_encrypted_again() {
    let there = sealed(encrypt("payroll", VALUE), &[full(0)]);
    let policies = compiled(&[("seal", encrypt("payroll", VALUE))]);
    let mut chain = chain_of(&policies, PolicyPhase::Produce, &Arc::default());
    let mut workspace = Workspace::new(BatchBounds::default());
    let refused = produced(&batch(&there), &mut chain, &mut workspace);
    let Err(ProduceRefusal::Records(refused)) = refused else {
        panic!("{refused:?}")
    };
    let reason = refused[0].reason.unwrap();
    assert!(
        !chain.is_for_now(reason)
            && chain
                .words(reason)
                .contains("a header of what is encrypted already")
    );
}

#[test]
fn later_policies_see_what_was_decrypted() {
    let json = record("{\"country\": \"CH\"}", &[]);
    let other = record("{\"country\": \"DE\"}", &[]);
    let there = sealed(encrypt("payroll", VALUE), &[json.clone(), other]);
    let mut open = decrypt(&["payroll"], ALL);
    open.priority = 1;
    // The condition of an earlier one has looked at the value, too.
    let mut before = skip("has(record.value.content.nothing)");
    before.priority = 0;
    before.failure_mode = Some(FailureMode::Refuse);
    before.condition = Some("false && record.value.content.nothing == 1".to_owned());
    let policies = compiled(&[
        ("before", before),
        ("open", open),
        ("swiss", skip("record.value.content.country != 'CH'")),
    ]);
    let mut chain = chain_of(&policies, PolicyPhase::Consume, &Arc::default());
    let mut workspace = Workspace::new(BatchBounds::default());
    let left = fetched(&batch(&there), FetchRange::default(), &mut chain, &mut workspace);
    let Fetched::Rewritten(left) = left else {
        panic!("{left:?}")
    };
    assert_eq!(read_records(&left)[0].value, json.value);
    assert_eq!(read_records(&left).len(), 1);
}

#[test]
fn encrypted_batches_are_not_compressed_and_all_codecs_are_read() {
    use crate::records::tests::sample::CODECS;
    for codec in CODECS {
        let policies = compiled(&[("seal", encrypt("payroll", VALUE))]);
        let mut chain = chain_of(&policies, PolicyPhase::Produce, &Arc::default());
        let mut workspace = Workspace::new(BatchBounds::default());
        let sent = SampleBatch::of(0, &["one", "two"]).with(codec);
        let rewritten = produced(&sent.bytes(), &mut chain, &mut workspace).unwrap();
        let Produced::Rewritten(bytes) = rewritten else {
            panic!("{rewritten:?}")
        };
        let got = read(&bytes).remove(0);
        assert_eq!(got.codec, crate::records::Codec::None, "{codec:?}");
        assert_eq!(got.records.len(), 2);
        assert_eq!(
            (got.producer, got.last_offset_delta, got.max_timestamp),
            (sent.producer, sent.last_offset_delta, sent.max_timestamp)
        );
    }
}

#[test]
fn what_makes_no_sense_is_refused_when_it_is_put() {
    let nothing = SealedParts::default();
    let mut consumed = encrypt("payroll", VALUE);
    consumed.phase = PolicyPhase::Consume;
    let mut produced = decrypt(&["payroll"], ALL);
    produced.phase = PolicyPhase::Produce;
    let many = SealedParts {
        headers: (0..65)
            .map(|number| format!("h{number}").parse().unwrap())
            .collect(),
        ..SealedParts::default()
    };
    for (policy, fault) in [
        (encrypt("payroll", nothing), PolicyFault::NoParts),
        (decrypt(&[], OpenedParts::default()), PolicyFault::NoParts),
        (consumed, PolicyFault::EncryptOfConsumed),
        (produced, PolicyFault::DecryptOfProduced),
        (
            encrypt("payroll", many),
            PolicyFault::TooManySealedHeaders { most: 64 },
        ),
    ] {
        assert_eq!(check(&policy), Err(fault));
    }
    assert_eq!(check(&encrypt("payroll", everything())), Ok(()));
}

/// Encrypted records, some as another gateway writes them, are spoiled in any part: each part that comes out is as it was before it was
/// encrypted, or as it came. What was not spoiled is decrypted.
#[test]
fn fuzz_encrypted_records() {
    let plain: Vec<_> = (0..4).map(full).collect();
    let ours = sealed(encrypt("payroll", everything()), &plain);
    let foreign = foreign();
    let ring = Arc::new(Ring::default());
    run("encrypted records", |chance| {
        let (mut stored, plain) = match chance.one_in(4) {
            true => (vec![foreign.clone()], vec![record(SECRET, &[("a", "1")])]),
            false => (ours.clone(), plain.clone()),
        };
        let spoiled = chance.below(stored.len());
        spoil_part(&mut stored[spoiled], chance);
        let mut open = decrypt(&[], ALL);
        let modes = [FailureMode::Refuse, FailureMode::Skip, FailureMode::Passthrough];
        open.failure_mode = Some(*chance.pick(&modes));
        let Ok(seen) = opened(open, &ring, &stored) else {
            return;
        };
        for record in &seen {
            let of_one = |number: usize| {
                let (plain, stored) = (&plain[number], &stored[number]);
                let is_either =
                    |seen: &Option<Vec<u8>>, plain: &Option<Vec<u8>>, stored: &Option<Vec<u8>>| {
                        seen == plain || seen == stored
                    };
                is_either(&record.value, &plain.value, &stored.value)
                    && is_either(&record.key, &plain.key, &stored.key)
            };
            assert!((0..stored.len()).any(of_one), "{record:?}");
        }
        let others = plain.iter().enumerate().filter(|(number, _)| *number < spoiled);
        for (_, whole) in others {
            assert!(seen.contains(whole), "{whole:?}");
        }
    });
}

/// Spoils the header that says what is encrypted, or one of the parts.
fn spoil_part(record: &mut SampleRecord, chance: &mut Chance) {
    let part = match chance.below(4) {
        0 => &mut record.value,
        1 => &mut record.key,
        2 => &mut chance_of(&mut record.headers, chance).1,
        _ => &mut record.headers.last_mut().unwrap().1,
    };
    spoil(part.get_or_insert_default(), chance);
}

fn chance_of<'a, T>(all: &'a mut [T], chance: &mut Chance) -> &'a mut T {
    let at = chance.below(all.len());
    &mut all[at]
}
