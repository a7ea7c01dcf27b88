//! The lines about policies: which of them looked at which request, and what came of it. And records that cannot be judged.

use kafka_protocol::messages::{FetchResponse, ProduceResponse};
use kafka_protocol::protocol::Decodable;
use klamm_raft::model::{
    AclName, AclRule, HeaderAction, Operation, PatternType, Permission, Policy, PolicyAction, PolicyId,
    PolicyPhase, RequestKind, RequestRule, RequestSetting, ResourceType, RuleEffect, SealedParts,
};
use serde_json::json;
use tracing::Level;

use super::messages::{FETCH_VERSION, PRODUCE, PRODUCE_VERSION, fetch, produce, read, written};
use super::testing::Log;
use super::*;
use crate::authz::Principal;
use crate::keys::testing::{PLAINTEXT, Service, vault};
use crate::records::tests::sample::SampleBatch;

/// The target of lines about each request that policies look at.
const EACH: &str = "klamm::policies";
const AUDIT: &str = "klamm::audit";

const KAFKA_STORAGE_ERROR: i16 = 56;

/// A batch of these values for `topic1`.
fn write(values: &[&str]) -> Vec<u8> {
    produce(5, 1, SampleBatch::of(0, values).bytes().into())
}

/// Takes every batch, and gives one of two records.
fn broker(frame: &Bytes) -> Deed {
    match frame.starts_with(&PRODUCE.to_be_bytes()) {
        true => written(0),
        false => read(SampleBatch::of(0, &["good", "secret"]).bytes().into()),
    }
}

fn policy(phase: PolicyPhase, condition: Option<&str>, action: PolicyAction) -> Policy {
    Policy {
        condition: condition.map(str::to_owned),
        ..Policy::new(phase, action)
    }
}

fn header(phase: PolicyPhase) -> Policy {
    let actions = vec![HeaderAction::Set {
        key: "customer".parse().unwrap(),
        value: "a".to_owned(),
    }];
    policy(phase, None, PolicyAction::ModifyHeaders { actions })
}

fn require(condition: &str) -> Policy {
    let description = "values are good".to_owned();
    policy(
        PolicyPhase::Produce,
        Some(condition),
        PolicyAction::Require { description },
    )
}

fn rule(kind: RequestKind, rule: &str, otherwise: RuleEffect) -> Policy {
    let rule = RequestRule {
        requests: [kind].into(),
        rule: rule.to_owned(),
        description: "so it must be".to_owned(),
        otherwise,
    };
    policy(
        PolicyPhase::Cluster,
        None,
        PolicyAction::RequestRules { rules: vec![rule] },
    )
}

fn right(permission: Permission, operations: &[Operation]) -> Policy {
    let rule = AclRule {
        permission,
        resource_type: ResourceType::Topic,
        operations: operations.to_vec(),
        names: vec![AclName {
            pattern_type: PatternType::Literal,
            name: "topic1".to_owned(),
        }],
    };
    let principals = ["User:alice".to_owned()].into();
    let condition = "context.auth.principal.name == 'alice'";
    policy(
        PolicyPhase::Cluster,
        Some(condition),
        PolicyAction::Acls {
            principals,
            rules: vec![rule],
        },
    )
}

/// Asks as `alice` under one policy, which is called `mine`, and gives what is told of each request and in the audit log.
/// The address of the client, which is another each time, is left out.
async fn told(policy: Policy, request: &[u8], level: Level) -> (Vec<String>, Vec<String>) {
    let (log, _guard) = Log::start(level);
    let gateway = Gateway::start(limits(), broker).await;
    gateway.change(|state| {
        if matches!(policy.action, PolicyAction::Acls { .. }) {
            state.spec.super_users.clear();
        }
        let id = PolicyId::of_all("mine".parse().unwrap());
        state.policies.insert(id, policy);
    });
    let mut client = gateway.log_in().await;
    client.send(request).await;
    client.receive_id().await;
    let lines = |target| {
        let lines = log.lines_of(target).into_iter();
        let lines = lines.filter(|line| line.contains("policy="));
        lines.map(|line| without_peer(&line)).collect()
    };
    (lines(EACH), lines(AUDIT))
}

fn without_peer(line: &str) -> String {
    let words = line.split(' ').filter(|word| !word.starts_with("peer="));
    words.collect::<Vec<_>>().join(" ")
}

/// The line about the policy `mine` and a request of this API.
fn line(api: &str, outcome: &str) -> Vec<String> {
    vec![format!(
        "{outcome} event=\"policy\" vcluster=partner1 principal=User:alice policy=mine request=\"{api}\" correlation_id=5"
    )]
}

#[actix::test]
async fn each_kind_of_policy_is_found_at_each_request_that_it_looks_at() {
    let override_size = RuleEffect::Override {
        settings: [(RequestSetting::MaxBytes, "1000".to_owned())].into(),
    };
    let skip = policy(
        PolicyPhase::Consume,
        Some("record.value == 'secret'"),
        PolicyAction::SkipRecord,
    );
    let values = ["good", "good"];
    for (policy, request, api, outcome) in [
        (
            header(PolicyPhase::Produce),
            write(&values),
            "Produce",
            "2 changed",
        ),
        (header(PolicyPhase::Consume), fetch(5), "Fetch", "2 changed"),
        (skip, fetch(5), "Fetch", "1 skipped, 1 passed"),
        (
            require("record.value == 'good'"),
            write(&values),
            "Produce",
            "2 passed",
        ),
        (
            rule(RequestKind::Fetch, "request.maxBytes < 1000", override_size),
            fetch(5),
            "Fetch",
            "1 overridden",
        ),
        (
            rule(RequestKind::Produce, "request.acks == -1", RuleEffect::Observe),
            write(&values),
            "Produce",
            "1 observed",
        ),
        (
            right(Permission::Allow, &[Operation::Write]),
            write(&values),
            "Produce",
            "allowed",
        ),
    ] {
        let (each, audit) = told(policy.clone(), &request, Level::DEBUG).await;
        assert_eq!(each, line(api, outcome));
        assert!(audit.is_empty(), "nothing is refused: {audit:?}");
        let (each, _) = told(policy, &request, Level::INFO).await;
        assert!(each.is_empty(), "nobody asked for it: {each:?}");
    }
}

#[actix::test]
async fn whatever_is_refused_is_in_the_audit_log_with_the_policy() {
    let actions = vec![HeaderAction::Remove {
        key: "x".parse().unwrap(),
    }];
    let unjudged = policy(
        PolicyPhase::Consume,
        Some("record.headers['x'] == 'y'"),
        PolicyAction::ModifyHeaders { actions },
    );
    let read_only = policy(PolicyPhase::Cluster, None, PolicyAction::ReadOnly);
    let poisoned = "records were refused: offset 0: the policy mine could not judge the record: its condition has no \
                    answer: something that the expression names does not exist";
    let records = |why: &str| {
        format!(
            "{why} event=\"records_refused\" vcluster=partner1 principal=User:alice policy=\"mine\" topic=\"topic1\" partition=0"
        )
    };
    let request = |item: &str, why: &str| {
        format!(
            "a policy refused it: {why} event=\"request_refused\" vcluster=partner1 principal=User:alice policy=mine item=\"{item}\""
        )
    };
    for (policy, asked, expected) in [
        (
            require("record.value == 'good'"),
            write(&["good", "bad"]),
            records("records were refused: Record 1: values are good"),
        ),
        (unjudged, fetch(5), records(poisoned)),
        (
            rule(RequestKind::Produce, "request.acks == -1", RuleEffect::Refuse),
            write(&["good"]),
            request("partition 0 of topic topic1", "so it must be"),
        ),
        (
            read_only,
            write(&["good"]),
            request("topic topic1", "the topic is read-only"),
        ),
    ] {
        let (_, audit) = told(policy, &asked, Level::INFO).await;
        assert_eq!(audit, [expected]);
    }
    let denied = right(Permission::Deny, &[Operation::Write]);
    let (_, audit) = told(denied, &write(&["good"]), Level::INFO).await;
    assert_eq!(audit.len(), 1, "{audit:?}");
    assert!(
        audit[0].ends_with("event=\"denied\" vcluster=partner1 policy=\"mine\""),
        "{audit:?}"
    );
    assert!(audit[0].contains("permissionType=DENY]"), "{audit:?}");
    // A right that is lacking is lacking whatever policies there are.
    let other = right(Permission::Allow, &[Operation::Read]);
    let (_, audit) = told(other, &write(&["good"]), Level::INFO).await;
    assert!(audit.is_empty(), "{audit:?}");
}

/// While others keep the memory: whoever writes or reads is told to try again, and no record goes on unjudged.
#[actix::test]
async fn what_cannot_be_judged_for_want_of_memory_may_be_tried_again() {
    let few = Limits {
        max_policy_bytes: 1 << 20,
        need_timeout: Duration::from_millis(100),
        ..limits()
    };
    let large = |_: &Bytes| {
        read(
            SampleBatch::of(0, &["secret", &"x".repeat(30_000)])
                .bytes()
                .into(),
        )
    };
    let gateway = Gateway::start(few, large).await;
    gateway.change(|state| {
        for (name, phase) in [("mine", PolicyPhase::Produce), ("theirs", PolicyPhase::Consume)] {
            let id = PolicyId::of_all(name.parse().unwrap());
            state.policies.insert(id, header(phase));
        }
    });
    let mut client = gateway.log_in().await;
    let alice = gateway
        .shared
        .purses
        .of(gateway.door.metrics.name(), &Principal::user("alice"));
    let all = alice.policies.take(1 << 20).expect("nobody else has any");
    client.send(&write(&[&"x".repeat(30_000)])).await;
    let answer = client.receive().await.unwrap();
    let answer = ProduceResponse::decode(&mut answer.slice(4..), PRODUCE_VERSION).unwrap();
    let error = answer.responses[0].partition_responses[0].error_code;
    assert_eq!(error, KAFKA_STORAGE_ERROR);
    assert!(gateway.broker.keys().is_empty(), "no record goes on");
    assert_eq!(fetched(&mut client).await, (KAFKA_STORAGE_ERROR, false));
    drop(all);
    assert_eq!(fetched(&mut client).await, (0, true));
}

/// The error that a batch is answered with.
async fn sent(client: &mut Client, batch: &[u8]) -> i16 {
    client.send(batch).await;
    let answer = client.receive().await.unwrap();
    let answer = ProduceResponse::decode(&mut answer.slice(4..), PRODUCE_VERSION).unwrap();
    answer.responses[0].partition_responses[0].error_code
}

/// Small records and large ones wait for a key of a service, and take no memory meanwhile. Where none comes the client may try again.
#[actix::test]
async fn records_wait_for_the_key_of_a_service() {
    let (service, dir) = (Service::start(), tempfile::tempdir().unwrap());
    let few = Limits {
        max_policy_bytes: 1 << 20,
        ..limits()
    };
    let gateway = Gateway::keyed(few, broker, vault(&service, dir.path())).await;
    gateway.change(|state| {
        let parts = SealedParts {
            value: true,
            ..SealedParts::default()
        };
        let key = "payroll".parse().unwrap();
        let seal = policy(PolicyPhase::Produce, None, PolicyAction::Encrypt { key, parts });
        state
            .policies
            .insert(PolicyId::of_all("mine".parse().unwrap()), seal);
    });
    let mut client = gateway.log_in().await;
    service.answers(503, json!({}));
    assert_eq!(sent(&mut client, &write(&["plain"])).await, KAFKA_STORAGE_ERROR);
    assert!(gateway.broker.keys().is_empty(), "nothing goes on");
    let key = json!({ "data": { "plaintext": PLAINTEXT, "ciphertext": "vault:v1:abc" } });
    service.answers(200, key);
    tokio::time::sleep(Duration::from_millis(600)).await;
    let large = "plain".repeat(10_000);
    for value in ["plain", &large, "plain"] {
        assert_eq!(sent(&mut client, &write(&[value])).await, 0);
    }
    assert_eq!(service.calls(), 2, "one failed, and one made a key for all");
    assert_eq!(gateway.metrics.node.policies.memory.get(), 0);
    let seen = gateway.broker.seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 3);
    for frame in seen {
        let holds = |text: &[u8]| frame.windows(text.len()).any(|some| some == text);
        assert!(holds(b"vault:v1:abc") && !holds(b"plain"));
    }
}

/// The error of a fetch, and whether there are records.
async fn fetched(client: &mut Client) -> (i16, bool) {
    client.send(&fetch(6)).await;
    let answer = client.receive().await.unwrap();
    let answer = FetchResponse::decode(&mut answer.slice(4..), FETCH_VERSION).unwrap();
    let partition = &answer.responses[0].partitions[0];
    let has_records = partition
        .records
        .as_ref()
        .is_some_and(|records| !records.is_empty());
    (partition.error_code, has_records)
}
