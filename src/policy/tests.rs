//! Policies on records: each action, failure mode, scope and order, on batches that are made and read by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use klamm_raft::model::{
    FailureMode, HeaderAction, Policy, PolicyAction, PolicyId, PolicyPhase, PolicyScope, TopicPattern,
};
use proptest::prelude::*;

use super::vocabulary::Named;
use super::*;
use crate::authz::Principal;
use crate::expression::Condition;
use crate::records::tests::sample::{CONTROL, SampleBatch, SampleRecord, read};
use crate::records::{
    BatchBounds, FetchRange, Fetched, ProduceRefusal, Produced, Workspace, fetched, outline, produced,
};

mod acls;
mod cipher;
mod failures;
mod scopes;
mod validation;

fn policy(phase: PolicyPhase, action: PolicyAction, condition: Option<&str>) -> Policy {
    Policy {
        condition: condition.map(str::to_owned),
        ..Policy::new(phase, action)
    }
}

fn skip(condition: &str) -> Policy {
    policy(PolicyPhase::Consume, PolicyAction::SkipRecord, Some(condition))
}

fn require(condition: &str) -> Policy {
    let description = "each order names its customer".to_owned();
    policy(
        PolicyPhase::Produce,
        PolicyAction::Require { description },
        Some(condition),
    )
}

fn set(key: &str, value: &str) -> HeaderAction {
    HeaderAction::Set {
        key: key.parse().unwrap(),
        value: value.to_owned(),
    }
}

fn modify(phase: PolicyPhase, actions: &[HeaderAction], condition: Option<&str>) -> Policy {
    let actions = actions.to_vec();
    policy(phase, PolicyAction::ModifyHeaders { actions }, condition)
}

fn own(name: &str, account: Option<&str>) -> PolicyId {
    PolicyId {
        name: name.parse().unwrap(),
        scope: account.map_or(PolicyScope::All, |account| {
            PolicyScope::Account(account.parse().unwrap())
        }),
    }
}

/// Policies of one virtual cluster, for all of its accounts.
fn compiled(policies: &[(&str, Policy)]) -> Policies {
    let policies = policies
        .iter()
        .map(|(name, policy)| (own(name, None), policy.clone()));
    Policies::compile(&BTreeMap::new(), &policies.collect(), &GroupMembers::new())
}

fn client(name: &str) -> Arc<PolicyContext> {
    Arc::new(PolicyContext {
        vcluster: "sales".parse().unwrap(),
        auth: AuthType::Plain,
        principal: Principal::user(name),
        client_id: Some("app-1".into()),
        client_address: "192.0.2.7".into(),
    })
}

fn consume_chain(policies: &Policies) -> PolicyChain {
    let chain = policies.chain(PolicyPhase::Consume, &client("alice"), "orders");
    chain.expect("policies that concern the topic")
}

fn record(value: &str, headers: &[(&str, &str)]) -> SampleRecord {
    let mut record = SampleRecord::new(0, value);
    record.headers = headers
        .iter()
        .map(|(name, value)| (name.as_bytes().to_vec(), Some(value.as_bytes().to_vec())))
        .collect();
    record
}

fn batch(records: &[SampleRecord]) -> Vec<u8> {
    let mut batch = SampleBatch::of(100, &vec![""; records.len()]);
    for (made, record) in batch.records.iter_mut().zip(records) {
        made.key.clone_from(&record.key);
        made.value.clone_from(&record.value);
        made.headers.clone_from(&record.headers);
    }
    batch.bytes()
}

/// Headers as texts.
type Texts = Vec<(String, String)>;

fn texts(record: &SampleRecord) -> Texts {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let headers = record.headers.iter();
    headers
        .map(|(name, value)| {
            (
                text(name),
                value.as_deref().map_or_else(|| "null".to_owned(), text),
            )
        })
        .collect()
}

fn read_records(bytes: &[u8]) -> Vec<SampleRecord> {
    let batches = read(bytes)
        .into_iter()
        .filter(|batch| batch.attributes & CONTROL == 0);
    batches.flat_map(|batch| batch.records).collect()
}

/// The values and headers that a consumer gets; or the offset that is refused to it, and why.
fn consume(chain: &mut PolicyChain, records: &[SampleRecord]) -> Result<Vec<(String, Texts)>, (i64, String)> {
    let bytes = batch(records);
    let mut workspace = Workspace::new(BatchBounds::default());
    let left = match fetched(&bytes, FetchRange::default(), chain, &mut workspace) {
        Fetched::AsItCame => read_records(&bytes),
        Fetched::Rewritten(bytes) => read_records(&bytes),
        Fetched::Poisoned { offset, reason } => return Err((offset, chain.words(reason))),
        Fetched::Unreadable { .. } => panic!("the batch is whole"),
    };
    let shown = |record: &SampleRecord| {
        let value = record.value.clone().unwrap_or_default();
        (String::from_utf8_lossy(&value).into_owned(), texts(record))
    };
    Ok(left.iter().map(shown).collect())
}

fn values(consumed: Result<Vec<(String, Texts)>, (i64, String)>) -> Vec<String> {
    consumed.unwrap().into_iter().map(|(value, _)| value).collect()
}

/// The headers that a broker gets; or the places of the records that are refused, and why.
fn produce(policies: &Policies, records: &[SampleRecord]) -> Result<Vec<Texts>, Vec<(i32, String)>> {
    let bytes = batch(records);
    let Some(mut chain) = policies.chain(PolicyPhase::Produce, &client("alice"), "orders") else {
        return Ok(records.iter().map(texts).collect());
    };
    let mut workspace = Workspace::new(BatchBounds::default());
    match produced(&bytes, &mut chain, &mut workspace) {
        Ok(Produced::AsItCame) => Ok(records.iter().map(texts).collect()),
        Ok(Produced::Rewritten(bytes)) => Ok(read_records(&bytes).iter().map(texts).collect()),
        Err(ProduceRefusal::Records(refused)) => Err(refused
            .into_iter()
            .map(|refused| (refused.index, chain.words(refused.reason.unwrap())))
            .collect()),
        Err(ProduceRefusal::Batch(fault)) => panic!("{fault}"),
    }
}

fn pairs(headers: &[(&str, &str)]) -> Texts {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    headers.iter().map(pair).collect()
}

fn outcomes(chain: &PolicyChain) -> Vec<RecordOutcomes> {
    chain.outcomes().map(|(_, outcomes)| outcomes).collect()
}

#[test]
fn a_filter_shows_each_customer_its_own() {
    let policies = compiled(&[("only-mine", skip("record.headers['customer'] != 'a'"))]);
    let mut chain = consume_chain(&policies);
    let records = [
        record("1", &[("customer", "a")]),
        record("2", &[("customer", "b")]),
        record("3", &[]),
        record("4", &[("customer", "a"), ("customer", "b")]),
        record("5", &[("customer", "b"), ("customer", "a")]),
    ];
    assert_eq!(values(consume(&mut chain, &records)), ["1", "5"]);
    let expected = RecordOutcomes {
        passed: 2,
        skipped: 3,
        failed: 1,
        ..RecordOutcomes::default()
    };
    assert_eq!(outcomes(&chain), [expected]);
}

#[test]
fn a_filter_looks_into_json_and_keys() {
    let filter = |condition: &str, record: SampleRecord| {
        let policies = compiled(&[("filter", skip(condition))]);
        consume(&mut consume_chain(&policies), &[record])
            .unwrap()
            .is_empty()
    };
    let content = "record.value.content.order['customer'] != 'a'";
    assert!(!filter(content, record(r#"{"order":{"customer":"a"}}"#, &[])));
    assert!(filter(content, record(r#"{"order":{"customer":"b"}}"#, &[])));
    assert!(filter(content, record(r#"{"order":{}}"#, &[])), "absent");
    assert!(filter(content, record("customer=a", &[])), "no JSON");
    let tombstone = SampleRecord {
        value: None,
        key: Some(b"a-1".to_vec()),
        ..record("", &[])
    };
    assert!(filter(content, tombstone.clone()), "a tombstone has no content");
    assert!(!filter("!record.key.startsWith('a-')", tombstone.clone()));
    assert!(!filter("record.value != null", tombstone.clone()));
    assert!(!filter("has(record.value.content)", tombstone));
    let bytes = SampleRecord {
        key: Some(vec![0xff]),
        ..record("x", &[])
    };
    assert!(
        filter("record.key == 'a'", bytes),
        "bytes that are no text are withheld"
    );
    assert!(filter(
        "'b' in record.allHeaders['c']",
        record("x", &[("c", "b"), ("c", "a")])
    ));
    assert!(!filter(
        "record.headers['c'] == 'b'",
        record("x", &[("c", "b"), ("c", "a")])
    ));
}

#[test]
fn headers_are_changed_one_policy_after_the_other() {
    let remove = HeaderAction::Remove {
        key: "secret".parse().unwrap(),
    };
    let phase = PolicyPhase::Produce;
    let first = modify(
        phase,
        &[
            set("tenant", "${context.vcluster.name}/${context.client.id}"),
            remove,
        ],
        None,
    );
    let mut second = modify(
        phase,
        &[set("seen", "<${record.headers.tenant}>")],
        Some("'tenant' in record.headers"),
    );
    second.priority = 101;
    let mut never = modify(phase, &[set("never", "x")], Some("'secret' in record.headers"));
    never.priority = 102;
    // Of the same priority, by name; the priority comes first.
    let policies = compiled(&[("z-first", first), ("a-second", second), ("a-never", never)]);
    let records = [
        record(
            "1",
            &[("secret", "x"), ("other", "y"), ("secret", "z"), ("other", "y")],
        ),
        record("2", &[("tenant", "forged")]),
    ];
    let expected = [
        pairs(&[
            ("other", "y"),
            ("other", "y"),
            ("tenant", "sales/app-1"),
            ("seen", "<sales/app-1>"),
        ]),
        pairs(&[("tenant", "sales/app-1"), ("seen", "<sales/app-1>")]),
    ];
    assert_eq!(produce(&policies, &records).unwrap(), expected);
}

#[test]
fn a_header_that_is_there_is_kept_and_keys_that_match_go() {
    let phase = PolicyPhase::Produce;
    let set_if_absent = |key: &str, value: &str| HeaderAction::SetIfAbsent {
        key: key.parse().unwrap(),
        value: value.to_owned(),
    };
    let remove = |pattern: &str| HeaderAction::RemoveMatching {
        pattern: pattern.parse().unwrap(),
    };
    let actions = [
        remove("x-.*|b"),
        set_if_absent("origin", "${context.client.id}"),
        set_if_absent("b", "made"),
        set("last", "1"),
    ];
    let policies = compiled(&[("p", modify(phase, &actions, None))]);
    let mut records = [
        record(
            "1",
            &[
                ("x-a", "1"),
                ("origin", "theirs"),
                ("klamm/x", "2"),
                ("ax-b", "3"),
                ("b", "4"),
            ],
        ),
        record(
            "2",
            &[
                ("x-", "1"),
                ("b", "2"),
                ("bb", "3"),
                ("origin", "a"),
                ("origin", "b"),
            ],
        ),
    ];
    records[1].headers.push((vec![0xff], None));
    let made = produce(&policies, &records).unwrap();
    let first = pairs(&[
        ("origin", "theirs"),
        ("klamm/x", "2"),
        ("ax-b", "3"),
        ("b", "made"),
        ("last", "1"),
    ]);
    let second = pairs(&[
        ("bb", "3"),
        ("origin", "a"),
        ("origin", "b"),
        ("b", "made"),
        ("last", "1"),
    ]);
    assert_eq!(made, [first, second], "what is no text goes, too");
    // Nothing of what cannot be looked at stays.
    let all_but_a = compiled(&[("p", modify(phase, &[remove("b.*")], None))]);
    let long = "a".repeat(40_000);
    let made = produce(
        &all_but_a,
        &[record("1", &[("a", "1"), (&long, "2"), ("b", "3")])],
    )
    .unwrap();
    assert_eq!(made, [pairs(&[("a", "1")])]);
    // Everything but what the gateway itself says.
    let everything = compiled(&[("p", modify(phase, &[remove(".*")], None))]);
    let made = produce(&everything, &[record("1", &[("a", "1"), ("klamm/x", "2")])]).unwrap();
    assert_eq!(made, [pairs(&[("klamm/x", "2")])]);
    let refused = check(&modify(phase, &[set("a", ""), remove("a(")], None)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "spec.action.actions[1].key: the regular expression is invalid"
    );
}

#[test]
fn policies_of_one_priority_take_effect_by_name() {
    let phase = PolicyPhase::Consume;
    let policies = compiled(&[
        (
            "b",
            modify(phase, &[set("order", "b")], Some("record.headers.order == 'a'")),
        ),
        ("a", modify(phase, &[set("order", "a")], None)),
    ]);
    let mut chain = consume_chain(&policies);
    let names: Vec<String> = chain.outcomes().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(
        consume(&mut chain, &[record("", &[])]).unwrap()[0].1,
        pairs(&[("order", "b")])
    );
}

#[test]
fn a_record_that_was_withheld_meets_no_further_policy() {
    let mut later = modify(PolicyPhase::Consume, &[set("x", "y")], None);
    later.priority = 200;
    let policies = compiled(&[("filter", skip("record.value == '1'")), ("later", later)]);
    let mut chain = consume_chain(&policies);
    let consumed = consume(&mut chain, &[record("1", &[]), record("2", &[])]).unwrap();
    assert_eq!(consumed, [("2".to_owned(), pairs(&[("x", "y")]))]);
    assert_eq!(outcomes(&chain)[1].changed, 1);
    assert_eq!(outcomes(&chain)[1].passed, 0);
}

#[test]
fn a_batch_that_does_not_meet_a_requirement_is_refused_with_each_record() {
    let policies = compiled(&[("customers", require("'customer' in record.headers"))]);
    let good = record("1", &[("customer", "a")]);
    assert!(produce(&policies, std::slice::from_ref(&good)).is_ok());
    let refused = produce(&policies, &[good, record("2", &[]), record("3", &[])]).unwrap_err();
    let words = "each order names its customer".to_owned();
    assert_eq!(refused, [(1, words.clone()), (2, words)]);
}

#[test]
fn a_condition_on_the_request_is_decided_before_a_record_is_looked_at() {
    let idle = |policies: &Policies, phase| policies.chain(phase, &client("alice"), "orders").is_none();
    let phase = PolicyPhase::Produce;
    for (condition, expected) in [
        ("context.auth.principal.name != 'alice'", true),
        ("context.topic.name == 'x' && record.value == 'x'", true),
        (
            "record.value == 'x' && context.client.address == '198.51.100.1'",
            true,
        ),
        ("context.auth.principal.name == 'alice'", false),
        ("context.auth.type == 'sasl_plain' && record.value == 'x'", false),
    ] {
        let filter = compiled(&[("p", skip(condition))]);
        assert_eq!(idle(&filter, PolicyPhase::Consume), expected, "{condition}");
        assert!(idle(&filter, phase), "it is for what is consumed");
        let changes = compiled(&[("p", modify(phase, &[set("a", "b")], Some(condition)))]);
        assert_eq!(idle(&changes, phase), expected, "{condition}");
        let required = compiled(&[("p", require(&format!("!({condition})")))]);
        assert_eq!(idle(&required, phase), expected, "{condition}");
    }
    assert!(compiled(&[]).is_empty());
    let mut disabled = skip("true");
    disabled.enabled = false;
    assert!(compiled(&[("p", disabled)]).is_empty());
    // What is true of all records is true of each.
    let policies = compiled(&[("p", skip("context.topic.name == 'orders'"))]);
    assert_eq!(
        values(consume(&mut consume_chain(&policies), &[record("1", &[])])),
        Vec::<String>::new()
    );
    let policies = compiled(&[("p", require("context.client.id == 'x'"))]);
    assert_eq!(produce(&policies, &[record("1", &[])]).unwrap_err().len(), 1);
}

#[test]
fn each_name_has_its_value() {
    let mut sample = record(r#"{"a":1}"#, &[("h", "v")]);
    sample.key = Some(b"k".to_vec());
    for (condition, named) in [
        ("context.auth.type == 'sasl_plain'", Named::AuthType),
        ("context.auth.principal.name == 'alice'", Named::PrincipalName),
        ("context.client.id == 'app-1'", Named::ClientId),
        ("context.client.address == '192.0.2.7'", Named::ClientAddress),
        ("context.vcluster.name == 'sales'", Named::VclusterName),
        ("context.topic.name == 'orders'", Named::TopicName),
        ("record.key == 'k'", Named::Key),
        ("record.value == '{\"a\":1}'", Named::Value),
        ("record.value.content.a == 1", Named::Content),
        (
            "record.headers.h == 'v' && record.headers.all(h, h == 'h')",
            Named::Headers,
        ),
        (
            "record.allHeaders.h == ['v'] && size(record.allHeaders) == 1",
            Named::AllHeaders,
        ),
        ("record.timestamp == 1000", Named::Timestamp),
        ("record.partition == 3", Named::Partition),
        ("record.offset == 100", Named::Offset),
    ] {
        assert_eq!(
            Named::by_name(
                condition
                    .split(' ')
                    .next()
                    .unwrap()
                    .trim_end_matches(".a")
                    .trim_end_matches(".h")
            ),
            Some(named)
        );
        // What is not so is shown.
        let policies = compiled(&[("p", skip(&format!("record.offset == 100 && {condition}")))]);
        let mut chain = consume_chain(&policies);
        chain.enter(3);
        assert_eq!(
            values(consume(&mut chain, std::slice::from_ref(&sample))),
            Vec::<String>::new(),
            "{condition}"
        );
        assert_eq!(outcomes(&chain)[0].failed, 0, "{condition}");
        let on_produce = Condition::compile(condition, vocabulary::of(PolicyPhase::Produce));
        assert_eq!(on_produce.is_err(), named == Named::Offset, "{condition}");
    }
}

#[test]
fn a_policy_that_cannot_be_carried_out_is_told_with_the_place() {
    let told = |policy: &Policy| check(policy).unwrap_err().to_string();
    assert!(
        told(&skip("record.valu == 'x'"))
            .starts_with("spec.condition: at 0: the name \"record.valu\" is not known; there are")
    );
    let produce = PolicyPhase::Produce;
    let bad = modify(produce, &[set("a", "b"), set("c", "${record.offset}")], None);
    assert!(told(&bad).starts_with("spec.action.actions[1].value: at 2: the name \"record.offset\""));
    let none = modify(produce, &[], None);
    assert!(told(&none).starts_with("spec.action.actions:"));
    let mut wrong = skip("true");
    wrong.phase = produce;
    assert!(told(&wrong).starts_with("spec.action.type: skip_record is for consume only"));
    let mut wrong = require("true");
    wrong.phase = PolicyPhase::Consume;
    assert!(told(&wrong).starts_with("spec.action.type: require is for produce only"));
    let mut wrong = require("true");
    wrong.condition = None;
    assert!(told(&wrong).starts_with("spec.condition: require needs"));
    let mut wrong = require("true");
    wrong.failure_mode = Some(FailureMode::Skip);
    assert!(told(&wrong).starts_with("spec.failureMode: skip"));
    assert_eq!(check(&skip("true")), Ok(()));
    let everything = policy(PolicyPhase::Consume, PolicyAction::SkipRecord, None);
    assert_eq!(check(&everything), Ok(()));
}

proptest! {
    /// Memory is taken for what records can become before they are looked at.
    #[test]
    fn records_grow_by_no_more_than_was_foreseen(
        templates in proptest::collection::vec(proptest::sample::select(vec![
            "", "constant", "${context.client.id}", "${context.topic.name} and ${record.key}", "${record.value}${record.value}",
            "${record.headers['a']}", "${record.value.content}", "${record.timestamp}", "${record.partition}",
        ]), 1..4),
        records in proptest::collection::vec(("[a-z0-9]{0,40}|-?[1-9]e[0-9]{1,3}", "[a-z]{0,20}"), 1..20),
        is_marked: bool,
    ) {
        let actions: Vec<_> = (0..).zip(&templates).map(|(n, template)| set(&format!("header-{n}"), template)).collect();
        let mut changing = modify(PolicyPhase::Produce, &actions, None);
        changing.failure_mode = is_marked.then_some(FailureMode::Mark);
        let records: Vec<_> = records.iter().map(|(value, header)| {
            let mut record = record(value, &[("a", header)]);
            record.key = Some(value.clone().into_bytes());
            record
        }).collect();
        let bytes = batch(&records);
        let bounds = BatchBounds::default();
        let chain = compiled(&[("p", changing)]).chain(PolicyPhase::Produce, &client("alice"), "orders");
        let mut chain = chain.expect("a policy that concerns the topic");
        let came = outline(&bytes, &bounds);
        let foreseen = came.opened + chain.growth(came.records, came.opened);
        if let Ok(Produced::Rewritten(edited)) = produced(&bytes, &mut chain, &mut Workspace::new(bounds)) {
            let edited = outline(&edited, &bounds).opened;
            prop_assert!(edited <= foreseen, "{} bytes became {}, and {} were foreseen", came.opened, edited, foreseen);
        }
    }

    /// Whatever the records hold, no condition makes a policy panic, and one that has no answer shows nothing.
    #[test]
    fn a_filter_shows_no_record_that_it_cannot_judge(
        value in proptest::collection::vec(any::<u8>(), 0..40),
        name in "[a-c]{0,2}",
    ) {
        let mut record = record("", &[]);
        record.value = Some(value.clone());
        record.headers = vec![(name.into_bytes(), Some(value.clone())), (value, None)];
        for condition in [
            "record.value != 'x'",
            "record.value.content.a != 'x'",
            "record.headers['a'] != 'x'",
            "record.allHeaders['a'].exists(v, v != 'x')",
            "record.value.content.exists(n, n != 'x') || record.headers.exists(n, n != 'b')",
        ] {
            let policies = compiled(&[("p", skip(condition))]);
            let mut chain = consume_chain(&policies);
            let shown = consume(&mut chain, std::slice::from_ref(&record)).unwrap();
            let outcomes = outcomes(&chain)[0];
            prop_assert_eq!(outcomes.passed + outcomes.skipped, 1);
            prop_assert_eq!(shown.len() as u64, outcomes.passed);
            prop_assert!(outcomes.failed <= outcomes.skipped);
        }
    }
}
