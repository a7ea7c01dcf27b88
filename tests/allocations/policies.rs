//! Policies that look at headers, keys and values of each record, those that encrypt and decrypt it, and those that look whether it
//! is as its schema says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use allocation_counter::measure;
use bytes::Bytes;
use klamm::authz::Principal;
use klamm::envelope::{DATA_KEY_BYTES, DataKey, KeysAtHand, NoKey, PinnedKey, SealingKey};
use klamm::policy::{AtHand, AuthType, Policies, PolicyChain, PolicyContext};
use klamm::records::{BatchBounds, FetchRange, Fetched, Produced, Workspace, fetched, produced};
use klamm::schemas::{NoSchema, Schema, SchemaRef, SchemasAtHand, WrittenSchema};
use klamm_raft::model::{
    KeyName, OpenedParts, Policy, PolicyAction, PolicyId, PolicyPhase, RegistryName, SchemaCheck,
    SealedParts, ValidatedParts,
};

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

    /// Fails if more is allocated for many records with this value than for one.
    fn allocates_for_no_record(&mut self, value: &'static [u8]) {
        let (few, many) = (batch(1, value), batch(5_000, value));
        // Buffers get their sizes.
        self.judge(&many);
        let for_one = measure(|| self.judge(&few)).count_total;
        let for_many = measure(|| self.judge(&many)).count_total;
        assert!(
            for_many <= for_one,
            "{for_many} for many records, {for_one} for one"
        );
    }

    /// A judge that encrypts or decrypts all that can be.
    fn with_keys(phase: PolicyPhase, action: PolicyAction) -> Self {
        let mut judge = Self::new(Policy::new(phase, action));
        judge.chain.take(AtHand {
            keys: Arc::new(OneKey::new()),
            ..AtHand::nothing()
        });
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
    judge.allocates_for_no_record(VALUE);
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

/// A registry that knows one schema, which is always at hand.
#[derive(Debug)]
struct OneSchema(Arc<Schema>);

impl SchemasAtHand for OneSchema {
    fn schema(&self, _: &RegistryName, _: SchemaRef) -> Result<Arc<Schema>, NoSchema> {
        Ok(Arc::clone(&self.0))
    }
}

/// A judge of values, with a registry that has this schema, in this format.
fn validating(check: SchemaCheck, kind: &str, text: &str) -> Judge {
    let parts = ValidatedParts {
        value: true,
        key: false,
    };
    let action = PolicyAction::ValidateSchema { parts, check };
    let mut judge = Judge::new(Policy::new(PolicyPhase::Produce, action));
    judge.chain.take(AtHand {
        schemas: Arc::new(OneSchema(Arc::new(Schema::compile(&WrittenSchema {
            kind: Some(kind.to_owned()),
            text: text.to_owned(),
            has_references: false,
        })))),
        ..AtHand::nothing()
    });
    judge
}

const JSON_SCHEMA: &str = r#"{"type": "object", "required": ["id"], "properties": {"id": {"pattern": "^[0-9a-f]+$"},
    "order": {"properties": {"lines": {"items": {"properties": {"price": {"minimum": 1}, "country": {"enum": ["IT", "DE"]}}}}}}}}"#;

const AVRO_SCHEMA: &str = r#"{"type": "record", "name": "R", "fields": [{"name": "id", "type": "string"}, {"name": "tags",
    "type": {"type": "map", "values": ["null", "long"]}}]}"#;

#[test]
fn validation_allocates_nothing_for_each_record() {
    let schema = || SchemaCheck::Schema {
        registry: "central".parse().unwrap(),
        formats: BTreeSet::new(),
    };
    let framed = |value: &[u8]| [b"\0\0\0\0\x01", value].concat();
    for (mut judge, value) in [
        (
            validating(SchemaCheck::JsonSyntax, "JSON", "true"),
            VALUE.to_vec(),
        ),
        (validating(schema(), "JSON", JSON_SCHEMA), framed(VALUE)),
        (
            validating(schema(), "AVRO", AVRO_SCHEMA),
            framed(b"\x02a\x04\x02b\0\x02c\x02\x0a\0"),
        ),
    ] {
        let value: &'static [u8] = value.leak();
        judge.allocates_for_no_record(value);
    }
}
