//! Policies that look at headers, keys and values of each record, and those that encrypt and decrypt it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use allocation_counter::measure;
use bytes::Bytes;
use klamm::authz::Principal;
use klamm::envelope::{DATA_KEY_BYTES, DataKey, KeysAtHand, NoKey, PinnedKey, SealingKey};
use klamm::policy::{AuthType, Policies, PolicyChain, PolicyContext};
use klamm::records::{BatchBounds, FetchRange, Fetched, Produced, Workspace, fetched, produced};
use klamm_raft::model::{KeyName, OpenedParts, Policy, PolicyAction, PolicyId, PolicyPhase, SealedParts};

use crate::records::batch;

/// A condition that each record meets.
const CONDITION: &str = "'customer' in record.headers && record.headers['customer'].startsWith('a') \
    && record.key == null && record.value.content.order.lines[1].country == 'DE' \
    && record.headers.customer in ['b', 'a']";

/// A judge of records that come in batches.
struct Judge {
    chain: PolicyChain,
    workspace: Workspace,
}

impl Judge {
    fn new(policy: Policy) -> Self {
        let id = PolicyId::of_all("p".parse().unwrap());
        let phase = policy.phase;
        let policies = Policies::compile(
            &BTreeMap::new(),
            &BTreeMap::from([(id, policy)]),
            &BTreeMap::new(),
        );
        let context = Arc::new(PolicyContext {
            vcluster: "v".parse().unwrap(),
            auth: AuthType::Plain,
            principal: Principal::user("alice"),
            client_id: None,
            client_address: "192.0.2.7".into(),
        });
        Self {
            chain: policies.chain(phase, &context, "orders").unwrap(),
            workspace: Workspace::new(BatchBounds::default()),
        }
    }

    /// A judge that encrypts or decrypts all that can be.
    fn with_keys(phase: PolicyPhase, action: PolicyAction) -> Self {
        let mut judge = Self::new(Policy::new(phase, action));
        judge.chain.take(Arc::new(OneKey::new()), false);
        judge
    }

    /// Encrypts a batch.
    fn seal(&mut self, batch: &[u8]) -> Bytes {
        match produced(batch, &mut self.chain, &mut self.workspace) {
            Ok(Produced::Rewritten(sealed)) => sealed,
            other => panic!("{other:?}"),
        }
    }

    /// Decrypts a batch.
    fn open(&mut self, batch: &[u8]) {
        let result = fetched(batch, FetchRange::default(), &mut self.chain, &mut self.workspace);
        assert!(matches!(result, Fetched::Rewritten(_)), "{result:?}");
    }

    /// Judges a batch in which nothing is changed.
    fn judge(&mut self, batch: &[u8]) {
        let result = produced(batch, &mut self.chain, &mut self.workspace);
        assert_eq!(result, Ok(Produced::AsItCame));
    }
}

const VALUE: &[u8] =
    br#"{"id":"8f14","order":{"lines":[{"price":1,"country":"IT"},{"price":3,"country":"DE"}]}}"#;

/// A key that is always at hand.
#[derive(Debug)]
struct OneKey {
    sealing: Arc<SealingKey>,
    opening: Arc<DataKey>,
    pinned: Arc<PinnedKey>,
}

impl OneKey {
    fn new() -> Self {
        let bytes = [7; DATA_KEY_BYTES];
        let key = || DataKey::new(&bytes).unwrap();
        Self {
            sealing: Arc::new(SealingKey::new(key(), Box::from(&bytes[..]), [0; 4])),
            opening: Arc::new(key()),
            pinned: Arc::new(PinnedKey::new(&bytes, 1).unwrap()),
        }
    }
}

impl KeysAtHand for OneKey {
    fn sealing(&self, _: &KeyName) -> Result<Arc<SealingKey>, NoKey> {
        Ok(Arc::clone(&self.sealing))
    }

    fn opening(&self, _: &KeyName, _: &[u8]) -> Result<Arc<DataKey>, NoKey> {
        Ok(Arc::clone(&self.opening))
    }

    fn pinned(&self, _: &KeyName, _: Option<u32>) -> Result<Arc<PinnedKey>, NoKey> {
        Ok(Arc::clone(&self.pinned))
    }
}

#[test]
fn policies_allocate_nothing_for_each_record() {
    let action = PolicyAction::Require {
        description: String::new(),
    };
    let mut judge = Judge::new(Policy {
        condition: Some(CONDITION.to_owned()),
        ..Policy::new(PolicyPhase::Produce, action)
    });
    let (few, many) = (batch(1, VALUE), batch(5_000, VALUE));
    // Buffers get their sizes.
    judge.judge(&many);
    let for_one = measure(|| judge.judge(&few)).count_total;
    let for_many = measure(|| judge.judge(&many)).count_total;
    assert!(
        for_many <= for_one,
        "{for_many} for many records, {for_one} for one"
    );
}

/// The bytes of what comes of a batch, which grow in steps.
const ALLOWED: u64 = 32;

#[test]
fn encryption_allocates_nothing_for_each_record() {
    let key: KeyName = "payroll".parse().unwrap();
    let parts = SealedParts {
        value: true,
        key: true,
        headers: BTreeSet::from(["customer".parse().unwrap()]),
    };
    let mut seal = Judge::with_keys(
        PolicyPhase::Produce,
        PolicyAction::Encrypt {
            key: key.clone(),
            parts,
        },
    );
    let parts = OpenedParts {
        value: true,
        key: true,
        headers: true,
    };
    let keys = BTreeSet::from([key]);
    let mut open = Judge::with_keys(PolicyPhase::Consume, PolicyAction::Decrypt { keys, parts });
    let plain = batch(5_000, VALUE);
    // Buffers get their sizes.
    let sealed = seal.seal(&plain);
    open.open(&sealed);
    let for_sealing = measure(|| drop(seal.seal(&plain))).count_total;
    let for_opening = measure(|| open.open(&sealed)).count_total;
    assert!(
        for_sealing <= ALLOWED && for_opening <= ALLOWED,
        "{for_sealing} to encrypt, {for_opening} to decrypt"
    );
}
