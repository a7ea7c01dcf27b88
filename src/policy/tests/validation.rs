//! Records that are as their schemas say, that are not, and of which nobody knows.

use std::sync::atomic::{AtomicBool, Ordering};

use klamm_raft::model::{RegistryName, SchemaCheck, SchemaFormat, ValidatedParts};

use super::*;
use crate::schemas::{NoSchema, Schema, SchemaRef, SchemasAtHand, VALUE_HEADER, WrittenSchema};

/// A registry that knows schema 1, which is in JSON Schema, and schema 2, which is in Avro.
#[derive(Debug, Default)]
struct Shelf {
    is_away: AtomicBool,
    is_late: AtomicBool,
}

impl SchemasAtHand for Shelf {
    fn schema(&self, registry: &RegistryName, id: SchemaRef) -> Result<Arc<Schema>, NoSchema> {
        let (kind, text) = match (registry.as_str(), id) {
            ("central", _) if self.is_away.load(Ordering::Relaxed) => return Err(NoSchema::Away),
            ("central", _) if self.is_late.load(Ordering::Relaxed) => return Err(NoSchema::NotYet),
            ("central", SchemaRef::Number(1)) => ("JSON", "{\"required\": [\"id\"]}"),
            ("central", SchemaRef::Number(2)) => ("AVRO", "\"string\""),
            ("central", _) => return Err(NoSchema::Unknown),
            _ => return Err(NoSchema::NoRegistry),
        };
        Ok(Arc::new(Schema::compile(&WrittenSchema {
            kind: Some(kind.to_owned()),
            text: text.to_owned(),
            has_references: false,
        })))
    }
}

const VALUES: ValidatedParts = ValidatedParts {
    value: true,
    key: false,
};

fn validate(phase: PolicyPhase, check: SchemaCheck, mode: Option<FailureMode>) -> Policy {
    let action = PolicyAction::ValidateSchema { parts: VALUES, check };
    Policy {
        failure_mode: mode,
        ..Policy::new(phase, action)
    }
}

fn by_schema(registry: &str, formats: &[SchemaFormat]) -> SchemaCheck {
    SchemaCheck::Schema {
        registry: registry.parse().unwrap(),
        formats: formats.iter().copied().collect(),
    }
}

fn by_id(registry: Option<&str>) -> SchemaCheck {
    SchemaCheck::Id {
        registry: registry.map(|name| name.parse().unwrap()),
    }
}

fn chain_with(policies: &Policies, phase: PolicyPhase, shelf: &Arc<Shelf>, may_wait: MayWait) -> PolicyChain {
    let chain = policies.chain(phase, &client("alice"), "orders");
    let mut chain = chain.expect("policies that concern the topic");
    chain.take(AtHand {
        schemas: Arc::<Shelf>::clone(shelf),
        may_wait,
        ..AtHand::nothing()
    });
    chain
}

/// The words with which values are refused, and whether that is for now; none where they go on.
fn refused(policy: Policy, shelf: &Arc<Shelf>, value: &[u8]) -> Option<(String, bool)> {
    refused_record(
        policy,
        shelf,
        SampleRecord {
            value: Some(value.to_vec()),
            ..record("", &[])
        },
    )
}

fn refused_record(policy: Policy, shelf: &Arc<Shelf>, record: SampleRecord) -> Option<(String, bool)> {
    let policies = compiled(&[("good", policy)]);
    let mut chain = chain_with(&policies, PolicyPhase::Produce, shelf, MayWait::NO);
    let mut workspace = Workspace::new(BatchBounds::default());
    match produced(&batch(&[record]), &mut chain, &mut workspace) {
        Ok(Produced::AsItCame) => None,
        Err(ProduceRefusal::Records(refused)) => {
            let reason = refused[0].reason.unwrap();
            Some((chain.words(reason), chain.is_for_now(reason)))
        }
        other => panic!("{other:?}"),
    }
}

fn of_produced(check: &SchemaCheck, value: &[u8]) -> Option<(String, bool)> {
    let policy = validate(PolicyPhase::Produce, check.clone(), None);
    refused(policy, &Arc::default(), value)
}

#[test]
fn values_are_json_have_an_id_or_are_as_their_schema_says() {
    let json = SchemaCheck::JsonSyntax;
    let (any_id, known_id) = (by_id(None), by_id(Some("central")));
    let schema = by_schema("central", &[]);
    let avro = by_schema("central", &[SchemaFormat::Avro]);
    let good: [(&SchemaCheck, &[u8]); 8] = [
        (&json, b" {\"a\": [1, null]} "),
        (&json, b"1"),
        (&any_id, b"\0\0\0\0\x09whatever"),
        (&known_id, b"\0\0\0\0\x01whatever"),
        (&schema, b"\0\0\0\0\x01{\"id\": 1}"),
        (&schema, b"\0\0\0\0\x02\x02a"),
        (&avro, b"\0\0\0\0\x02\x02a"),
        (&avro, b"\0\0\0\0\x02\0"),
    ];
    for (check, value) in good {
        assert_eq!(of_produced(check, value), None, "{check:?} {value:?}");
    }
    let bad: [(&SchemaCheck, &[u8], &str); 8] = [
        (&json, b"{\"a\": }", "the value is not JSON"),
        (
            &any_id,
            b"{}",
            "the value is of no schema: it does not begin with the id of a schema, and no header names one",
        ),
        (
            &known_id,
            b"\0\0\0\0\x09x",
            "the value cannot be validated: the schema registry knows no schema with this id",
        ),
        (
            &schema,
            b"{\"id\": 1}",
            "the value is of no schema: it does not begin with the id of a schema, and no header names one",
        ),
        (
            &schema,
            b"\0\0\0\0\x01{}",
            "the value is not as its schema says: required of the schema does not hold",
        ),
        (
            &schema,
            b"\0\0\0\0\x02\x04a",
            "the value is not as its schema says: it ends too early",
        ),
        (
            &schema,
            b"\0\0\0\0\0{}",
            "the value is of no schema: the id of its schema is no number that a schema can have",
        ),
        (
            &avro,
            b"\0\0\0\0\x01{\"id\": 1}",
            "the value is not as its schema says: the schema cannot be used, as its format is not among those that the policy names",
        ),
    ];
    for (check, value, why) in bad {
        let expected = (format!("by the policy good, {why}"), false);
        assert_eq!(of_produced(check, value), Some(expected), "{check:?} {value:?}");
    }
}

#[test]
fn a_header_names_the_schema_and_keys_are_looked_at_where_the_policy_says_so() {
    let with = |id: u8, value: &str| {
        let mut record = record(value, &[]);
        record.headers = vec![
            (VALUE_HEADER.as_bytes().to_vec(), Some(b"nonsense".to_vec())),
            (VALUE_HEADER.as_bytes().to_vec(), Some(vec![0, 0, 0, 0, id])),
        ];
        refused_record(
            validate(PolicyPhase::Produce, by_schema("central", &[]), None),
            &Arc::default(),
            record,
        )
    };
    assert_eq!(with(1, "{\"id\": 1}"), None);
    assert!(with(1, "{}").is_some() && with(9, "{\"id\": 1}").is_some());
    let parts = ValidatedParts {
        value: true,
        key: true,
    };
    let action = PolicyAction::ValidateSchema {
        parts,
        check: SchemaCheck::JsonSyntax,
    };
    let both = |key: Option<&str>, value: Option<&str>| {
        let mut record = record("", &[]);
        record.key = key.map(|key| key.as_bytes().to_vec());
        record.value = value.map(|value| value.as_bytes().to_vec());
        let policy = Policy::new(PolicyPhase::Produce, action.clone());
        refused_record(policy, &Arc::default(), record).map(|(why, _)| why)
    };
    assert_eq!(both(Some("1"), Some("{}")), None);
    // Null is good: compaction needs it.
    assert_eq!(both(None, None), None);
    let why = both(Some("k"), Some("{}")).unwrap();
    assert_eq!(why, "by the policy good, the key is not JSON");
}

fn consumed(mode: Option<FailureMode>, shelf: &Arc<Shelf>) -> Result<Vec<(String, Texts)>, (i64, String)> {
    let policy = validate(PolicyPhase::Consume, by_schema("central", &[]), mode);
    let policies = compiled(&[("good", policy)]);
    let mut chain = chain_with(&policies, PolicyPhase::Consume, shelf, MayWait::NO);
    let value = |id: char, text: &str| record(&format!("\0\0\0\0{id}{text}"), &[]);
    consume(
        &mut chain,
        &[
            value('\u{1}', "{\"id\":1}"),
            value('\u{1}', "{}"),
            value('\u{1}', "{\"id\":3}"),
        ],
    )
}

#[test]
fn a_failure_mode_says_what_becomes_of_bad_records() {
    let shelf = Arc::default();
    let of = |mode| consumed(mode, &shelf);
    assert_eq!(of(None).unwrap().len(), 1, "all before it");
    assert_eq!(of(Some(FailureMode::Refuse)), of(None));
    assert_eq!(of(Some(FailureMode::Skip)).unwrap().len(), 2);
    let passed = of(Some(FailureMode::Passthrough)).unwrap();
    assert!(passed.len() == 3 && passed.iter().all(|(_, headers)| headers.is_empty()));
    let marked = of(Some(FailureMode::Mark)).unwrap();
    let marks: Vec<&Texts> = marked.iter().map(|(_, headers)| headers).collect();
    let why = "the value is not as its schema says: required of the schema does not hold";
    assert!(marks[0].is_empty() && marks[2].is_empty());
    assert_eq!(
        marks[1],
        &[("klamm/policy-failure-good".to_owned(), why.to_owned())]
    );
}

#[test]
fn a_registry_that_is_away_turns_nothing_away_for_good() {
    let shelf = Arc::new(Shelf::default());
    shelf.is_away.store(true, Ordering::Relaxed);
    let value = b"\0\0\0\0\x01{\"id\": 1}";
    let of = |registry, mode| {
        let policy = validate(PolicyPhase::Produce, by_schema(registry, &[]), Some(mode));
        refused(policy, &shelf, value)
    };
    let for_now = |found: Option<(String, bool)>| found.is_some_and(|(_, is_for_now)| is_for_now);
    assert!(for_now(of("central", FailureMode::Refuse)));
    assert!(
        for_now(of("central", FailureMode::Mark)),
        "it would be marked for ever"
    );
    assert_eq!(of("central", FailureMode::Passthrough), None);
    // Skipped, a record would be gone for its consumer.
    assert!(consumed(Some(FailureMode::Skip), &shelf).is_err());
    assert_eq!(consumed(Some(FailureMode::Passthrough), &shelf).unwrap().len(), 3);
    // Where the node lacks the registry, nothing would ever be looked at.
    for mode in [FailureMode::Refuse, FailureMode::Passthrough, FailureMode::Mark] {
        let (why, is_for_now) = of("nowhere", mode).unwrap();
        assert!(
            is_for_now && why.contains("no such registry in klamm.registries"),
            "{why}"
        );
    }
}

#[test]
fn a_schema_that_is_not_there_yet_is_asked_for_and_all_is_done_again() {
    let policy = validate(PolicyPhase::Produce, by_schema("central", &[]), None);
    let policies = compiled(&[("good", policy)]);
    let shelf = Arc::new(Shelf::default());
    shelf.is_late.store(true, Ordering::Relaxed);
    let mut chain = chain_with(&policies, PolicyPhase::Produce, &shelf, MayWait::YES);
    let bytes = batch(&[
        record("\0\0\0\0\u{1}{\"id\":1}", &[]),
        record("\0\0\0\0\u{1}{\"id\":2}", &[]),
        record("\0\0\0\0\u{2}\0", &[]),
    ]);
    let mut workspace = Workspace::new(BatchBounds::default());
    let _ = produced(&bytes, &mut chain, &mut workspace);
    let (keys, schemas) = RecordNeed::sorted(chain.lacking());
    let ids: Vec<SchemaRef> = schemas.iter().map(|need| need.id).collect();
    assert!(keys.is_empty());
    assert_eq!(ids, [SchemaRef::Number(1), SchemaRef::Number(2)]);
    chain.restart();
    shelf.is_late.store(false, Ordering::Relaxed);
    assert_eq!(
        produced(&bytes, &mut chain, &mut workspace),
        Ok(Produced::AsItCame)
    );
    let (_, outcomes) = chain.outcomes().next().unwrap();
    assert_eq!((outcomes.passed, outcomes.refused), (3, 0));
}

#[test]
fn bad_records_are_counted_by_their_fate_and_failures_are_what_nobody_can_say() {
    let of = |value: &str, mode| {
        let policy = validate(PolicyPhase::Produce, by_schema("central", &[]), Some(mode));
        let policies = compiled(&[("good", policy)]);
        let mut chain = chain_with(&policies, PolicyPhase::Produce, &Arc::default(), MayWait::NO);
        let mut workspace = Workspace::new(BatchBounds::default());
        let _ = produced(&batch(&[record(value, &[])]), &mut chain, &mut workspace);
        let (_, outcomes) = chain.outcomes().next().unwrap();
        (outcomes.failed, outcomes.refused, outcomes.marked)
    };
    let bad = "\0\0\0\0\u{1}{}";
    assert_eq!(of(bad, FailureMode::Refuse), (0, 1, 0));
    assert_eq!(of(bad, FailureMode::Mark), (0, 0, 1));
    assert_eq!(of(bad, FailureMode::Passthrough), (1, 0, 0));
}

#[test]
fn what_cannot_be_carried_out_is_refused_when_it_is_put() {
    let put = |check, parts: ValidatedParts| {
        let action = PolicyAction::ValidateSchema { parts, check };
        check_of(&Policy::new(PolicyPhase::Consume, action))
    };
    assert_eq!(
        put(
            by_schema("r", &[SchemaFormat::Avro, SchemaFormat::JsonSchema]),
            VALUES
        ),
        None
    );
    let no_protobuf = put(by_schema("r", &[SchemaFormat::Protobuf]), VALUES).unwrap();
    assert!(
        no_protobuf.contains("schemas in Protobuf are not looked into yet"),
        "{no_protobuf}"
    );
    let nothing = put(SchemaCheck::JsonSyntax, ValidatedParts::default()).unwrap();
    assert!(nothing.starts_with("spec.action.parts"), "{nothing}");
    let cluster = Policy::new(
        PolicyPhase::Cluster,
        PolicyAction::ValidateSchema {
            parts: VALUES,
            check: SchemaCheck::JsonSyntax,
        },
    );
    assert!(check_of(&cluster).is_some());
}

fn check_of(policy: &Policy) -> Option<String> {
    check(policy).err().map(|fault| fault.to_string())
}
