//! The lines about policies: which of them looked at which request, and what came of it.

use bytes::BytesMut;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{FetchRequest, FetchResponse, ProduceRequest, ProduceResponse, TopicName};
use kafka_protocol::protocol::{Encodable, StrBytes};
use klamm_raft::model::{
    AclName, AclRule, HeaderAction, Operation, PatternType, Permission, Policy, PolicyAction, PolicyId,
    PolicyPhase, RequestKind, RequestRule, RequestSetting, ResourceType, RuleEffect,
};
use tracing::Level;

use super::testing::{Log, PHYSICAL_TOPIC};
use super::*;
use crate::records::tests::sample::SampleBatch;

const PRODUCE: (i16, i16) = (0, 7);
const FETCH: (i16, i16) = (1, 11);

/// The target of lines about each request that policies look at.
const EACH: &str = "klamm::policies";
const AUDIT: &str = "klamm::audit";

fn topic(name: &'static str) -> TopicName {
    TopicName(StrBytes::from_static_str(name))
}

fn encoded(message: &impl Encodable, version: i16) -> Vec<u8> {
    let mut body = BytesMut::new();
    message.encode(&mut body, version).unwrap();
    body.to_vec()
}

fn asked((key, version): (i16, i16), body: &impl Encodable) -> Vec<u8> {
    request(key, version, 5, &encoded(body, version))
}

/// A batch of these values for `topic1`.
fn produce(values: &[&str]) -> Vec<u8> {
    let records = SampleBatch::of(0, values).bytes().into();
    let partition = PartitionProduceData::default().with_records(Some(records));
    let topic = TopicProduceData::default()
        .with_name(topic("topic1"))
        .with_partition_data(vec![partition]);
    let body = ProduceRequest::default()
        .with_acks(1)
        .with_timeout_ms(1000)
        .with_topic_data(vec![topic]);
    asked(PRODUCE, &body)
}

fn fetch() -> Vec<u8> {
    let partition = FetchPartition::default().with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default()
        .with_topic(topic("topic1"))
        .with_partitions(vec![partition]);
    let body = FetchRequest::default()
        .with_session_epoch(-1)
        .with_topics(vec![topic]);
    asked(FETCH, &body)
}

/// Takes every batch, and gives one of two records.
fn broker(frame: &Bytes) -> Deed {
    if frame.starts_with(&PRODUCE.0.to_be_bytes()) {
        let topic = TopicProduceResponse::default()
            .with_name(topic(PHYSICAL_TOPIC))
            .with_partition_responses(vec![PartitionProduceResponse::default()]);
        let answer = ProduceResponse::default().with_responses(vec![topic]);
        return Deed::Answer(encoded(&answer, PRODUCE.1));
    }
    let records = SampleBatch::of(0, &["good", "secret"]).bytes().into();
    let topic = FetchableTopicResponse::default()
        .with_topic(topic(PHYSICAL_TOPIC))
        .with_partitions(vec![PartitionData::default().with_records(Some(records))]);
    let answer = FetchResponse::default().with_responses(vec![topic]);
    Deed::Answer(encoded(&answer, FETCH.1))
}

fn policy(phase: PolicyPhase, condition: Option<&str>, action: PolicyAction) -> Policy {
    Policy {
        phase,
        priority: 100,
        enabled: true,
        description: String::new(),
        labels: Default::default(),
        topics: Default::default(),
        condition: condition.map(str::to_owned),
        action,
        failure_mode: None,
        spelling: None,
        times: Default::default(),
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
            produce(&values),
            "Produce",
            "2 changed",
        ),
        (header(PolicyPhase::Consume), fetch(), "Fetch", "2 changed"),
        (skip, fetch(), "Fetch", "1 skipped, 1 passed"),
        (
            require("record.value == 'good'"),
            produce(&values),
            "Produce",
            "2 passed",
        ),
        (
            rule(RequestKind::Fetch, "request.maxBytes < 1000", override_size),
            fetch(),
            "Fetch",
            "1 overridden",
        ),
        (
            rule(RequestKind::Produce, "request.acks == -1", RuleEffect::Observe),
            produce(&values),
            "Produce",
            "1 observed",
        ),
        (
            right(Permission::Allow, &[Operation::Write]),
            produce(&values),
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
            produce(&["good", "bad"]),
            records("records were refused: Record 1: values are good"),
        ),
        (unjudged, fetch(), records(poisoned)),
        (
            rule(RequestKind::Produce, "request.acks == -1", RuleEffect::Refuse),
            produce(&["good"]),
            request("partition 0 of topic topic1", "so it must be"),
        ),
        (
            read_only,
            produce(&["good"]),
            request("topic topic1", "the topic is read-only"),
        ),
    ] {
        let (_, audit) = told(policy, &asked, Level::INFO).await;
        assert_eq!(audit, [expected]);
    }
    let denied = right(Permission::Deny, &[Operation::Write]);
    let (_, audit) = told(denied, &produce(&["good"]), Level::INFO).await;
    assert_eq!(audit.len(), 1, "{audit:?}");
    assert!(
        audit[0].ends_with("event=\"denied\" vcluster=partner1 policy=\"mine\""),
        "{audit:?}"
    );
    assert!(audit[0].contains("permissionType=DENY]"), "{audit:?}");
    // A right that is lacking is lacking whatever policies there are.
    let other = right(Permission::Allow, &[Operation::Read]);
    let (_, audit) = told(other, &produce(&["good"]), Level::INFO).await;
    assert!(audit.is_empty(), "{audit:?}");
}
