//! Policies on the records of Produce, Fetch and ShareFetch: what a broker gets, what a client gets.

use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::share_fetch_response::{
    PartitionData as SharePartition, ShareFetchableTopicResponse,
};
use kafka_protocol::messages::{
    FetchRequest, FetchResponse, GroupId, ProduceRequest, ProduceResponse, ShareFetchRequest,
    ShareFetchResponse,
};
use klamm_raft::model::Operation::{Read, Write};
use klamm_raft::model::{Policy, PolicyAction, PolicyId, PolicyPhase, TopicPattern};

use super::world::*;
use crate::authz::Resource;
use crate::records::tests::sample::SampleBatch;
use crate::vcluster::plan::{Attempt, CloseReason, Need, Plan};
use crate::vcluster::record_work::RecordResults;

const PRODUCE: [i16; 4] = [3, 8, 12, 13];
const FETCH: [i16; 4] = [4, 11, 12, 17];

const INVALID_RECORD: i16 = 87;
const CORRUPT_MESSAGE: i16 = 2;
const STORAGE_ERROR: i16 = 56;

fn policy(phase: PolicyPhase, condition: &str, action: PolicyAction) -> Policy {
    Policy {
        topics: [TopicPattern::Literal("orders".parse().unwrap())].into(),
        condition: Some(condition.to_owned()),
        ..Policy::new(phase, action)
    }
}

/// Values of `orders` that are written must begin with `good`.
fn rule() -> Policy {
    let description = "values begin with good".to_owned();
    policy(
        PolicyPhase::Produce,
        "record.value.startsWith('good')",
        PolicyAction::Require { description },
    )
}

/// Of those that are read, none that begins with `secret` is told.
fn filter() -> Policy {
    policy(
        PolicyPhase::Consume,
        "record.value.startsWith('secret')",
        PolicyAction::SkipRecord,
    )
}

fn world(policies: &[Policy]) -> World {
    let mut world = World::new()
        .allow(Write, Resource::topic("orders"))
        .allow(Write, Resource::topic("bills"))
        .allow(Read, Resource::topic("orders"))
        .allow(Read, Resource::topic("bills"))
        .allow(Read, Resource::group("app"));
    put(&mut world, policies);
    world
}

fn put(world: &mut World, policies: &[Policy]) {
    for (number, policy) in policies.iter().enumerate() {
        let id = PolicyId::of_all(format!("policy-{number}").parse().unwrap());
        world.change(|state| {
            state.policies.insert(id, policy.clone());
        });
    }
}

fn batch(values: &[&str]) -> Bytes {
    SampleBatch::of(0, values).bytes().into()
}

/// A request for a topic, with the records of each partition.
fn topic(world: &World, version: i16, name: &str, partitions: &[&[&str]]) -> TopicProduceData {
    let topic = match version {
        13.. => TopicProduceData::default().with_topic_id(world.virtual_id(name)),
        _ => TopicProduceData::default().with_name(topic_name(name)),
    };
    let partitions = (0..).zip(partitions).map(|(index, values)| {
        PartitionProduceData::default()
            .with_index(index)
            .with_records(Some(batch(values)))
    });
    topic.with_partition_data(partitions.collect())
}

fn produce(topics: Vec<TopicProduceData>) -> ProduceRequest {
    ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(1000)
        .with_topic_data(topics)
}

fn accept(request: &ProduceRequest) -> ProduceResponse {
    let responses = request.topic_data.iter().map(|topic| {
        let partitions = topic.partition_data.iter().map(|partition| {
            PartitionProduceResponse::default()
                .with_index(partition.index)
                .with_base_offset(42)
        });
        TopicProduceResponse::default()
            .with_name(topic.name.clone())
            .with_topic_id(topic.topic_id)
            .with_partition_responses(partitions.collect())
    });
    ProduceResponse::default().with_responses(responses.collect())
}

/// `number of partitions: partition error, …` of each topic of an answer.
fn told(response: &ProduceResponse) -> Vec<String> {
    let of_topic = |topic: &TopicProduceResponse| {
        let partitions = topic.partition_responses.iter();
        let mut errors: Vec<_> = partitions
            .map(|p| format!("{} {}", p.index, p.error_code))
            .collect();
        errors.sort();
        errors.join(", ")
    };
    response.responses.iter().map(of_topic).collect()
}

#[test]
fn a_batch_that_breaks_a_rule_stays_here_and_others_of_its_topic_go_on() {
    let world = world(&[rule()]);
    for version in PRODUCE {
        let orders = topic(
            &world,
            version,
            "orders",
            &[&["good 1", "bad", "good 2"], &["good 3"]],
        );
        let bills = topic(&world, version, "bills", &[&["bad"]]);
        let request = produce(vec![orders, bills]);
        let response = world
            .ask(version, &request)
            .forwarded(|upstream: ProduceRequest| {
                let sent: Vec<_> = upstream
                    .topic_data
                    .iter()
                    .map(|topic| topic.partition_data.iter().map(|p| p.index).collect::<Vec<_>>())
                    .collect();
                assert_eq!(sent, [vec![1], vec![0]]);
                accept(&upstream)
            });
        assert_eq!(
            told(&response),
            [format!("0 {INVALID_RECORD}, 1 0"), "0 0".to_owned()]
        );
        let partitions = &response.responses[0].partition_responses;
        let refused = partitions.iter().find(|p| p.error_code != 0).unwrap();
        assert_eq!(refused.base_offset, -1);
        if version >= 8 {
            let [record] = refused.record_errors.as_slice() else {
                panic!("{refused:?}")
            };
            assert_eq!(record.batch_index, 1);
            let words = record.batch_index_error_message.as_ref().unwrap();
            assert!(words.contains("values begin with good"), "{words}");
            assert!(
                refused
                    .error_message
                    .as_ref()
                    .unwrap()
                    .contains("values begin with good")
            );
        }
    }
}

#[test]
fn a_request_of_which_nothing_is_left_is_answered_here() {
    let world = world(&[rule()]);
    for version in PRODUCE {
        let request = produce(vec![topic(&world, version, "orders", &[&["bad"], &["bad"]])]);
        let asked = world.ask(version, &request);
        assert_eq!(asked.errors(), ["INVALID_RECORD"]);
        let response = asked.replied();
        assert_eq!(
            told(&response),
            [format!("0 {INVALID_RECORD}, 1 {INVALID_RECORD}")]
        );
        let unanswered = produce(vec![topic(&world, version, "orders", &[&["bad"]])]).with_acks(0);
        assert_eq!(
            world.ask(version, &unanswered).closed(),
            CloseReason::UnansweredRefusal
        );
    }
}

/// Nobody who may not write learns of rules, and nobody's records are looked at who may not.
#[test]
fn rights_come_before_rules() {
    let mut world = World::new();
    put(&mut world, &[rule()]);
    let request = produce(vec![topic(&world, 12, "orders", &[&["bad"]])]);
    let response = world.ask(12, &request).replied();
    assert_eq!(told(&response), ["0 29"]);
}

#[test]
fn producers_of_rewritten_batches_are_marked_like_others() {
    let actions = vec![klamm_raft::model::HeaderAction::Set {
        key: "tenant".parse().unwrap(),
        value: "${context.client.id}".to_owned(),
    }];
    let mut set = policy(
        PolicyPhase::Produce,
        "true",
        PolicyAction::ModifyHeaders { actions },
    );
    set.condition = None;
    let world = world(&[set]);
    let idempotent = |name| {
        let mut batch = SampleBatch::of(0, &["value"]);
        batch.producer = (7, 0, 0);
        let mut topic = topic(&world, 12, name, &[&[]]);
        topic.partition_data[0].records = Some(batch.bytes().into());
        topic
    };
    let request = produce(vec![idempotent("orders"), idempotent("bills")]);
    world.ask(12, &request).forwarded(|upstream: ProduceRequest| {
        let records = |topic: usize| {
            upstream.topic_data[topic].partition_data[0]
                .records
                .clone()
                .unwrap()
        };
        let decoded: Vec<_> = [records(0), records(1)]
            .map(|mut records| {
                let set = kafka_protocol::records::RecordBatchDecoder::decode(&mut records).unwrap();
                set.records.into_iter().next().unwrap()
            })
            .into();
        assert!(decoded[0].producer_id > 7, "{}", decoded[0].producer_id);
        assert_eq!(decoded[0].producer_id, decoded[1].producer_id);
        let tenant = |record: &kafka_protocol::records::Record| {
            record
                .headers
                .iter()
                .next()
                .map(|(_, value)| value.clone().unwrap())
        };
        assert_eq!(tenant(&decoded[0]).as_deref(), Some(&b"client"[..]));
        assert_eq!(tenant(&decoded[1]), None);
        accept(&upstream)
    });
}

/// Nobody gives out producer ids there yet: that is said of a rewritten batch as of any other.
#[test]
fn an_id_that_nobody_gave_out_is_unknown_in_a_rewritten_batch_too() {
    const UNKNOWN_PRODUCER_ID: i16 = 59;
    let actions = vec![klamm_raft::model::HeaderAction::Remove {
        key: "n".parse().unwrap(),
    }];
    let mut remove = policy(
        PolicyPhase::Produce,
        "true",
        PolicyAction::ModifyHeaders { actions },
    );
    remove.condition = None;
    let mut world = world(&[remove]);
    world.change(|state| state.mark = None);
    let mut batch = SampleBatch::of(0, &["value"]);
    batch.producer = (7, 0, 0);
    batch.records[0].headers = vec![(b"n".to_vec(), None)];
    let mut topic = topic(&world, 12, "orders", &[&[]]);
    topic.partition_data[0].records = Some(batch.bytes().into());
    let response = world.ask(12, &produce(vec![topic])).replied();
    assert_eq!(told(&response), [format!("0 {UNKNOWN_PRODUCER_ID}")]);
}

fn fetch(world: &World, version: i16, names: &[&str]) -> FetchRequest {
    let topics = names.iter().map(|name| {
        let topic = match version {
            13.. => FetchTopic::default().with_topic_id(world.virtual_id(name)),
            _ => FetchTopic::default().with_topic(topic_name(name)),
        };
        let partition = FetchPartition::default()
            .with_partition(3)
            .with_fetch_offset(0)
            .with_partition_max_bytes(1 << 20);
        topic.with_partitions(vec![partition])
    });
    FetchRequest::default()
        .with_max_bytes(1 << 20)
        .with_topics(topics.collect())
}

fn serve(request: &FetchRequest, values: &[&str]) -> FetchResponse {
    let responses = request.topics.iter().map(|topic| {
        let data = PartitionData::default()
            .with_partition_index(3)
            .with_high_watermark(99)
            .with_records(Some(batch(values)));
        FetchableTopicResponse::default()
            .with_topic(topic.topic.clone())
            .with_topic_id(topic.topic_id)
            .with_partitions(vec![data])
    });
    FetchResponse::default().with_responses(responses.collect())
}

/// The values that a consumer of a partition would get.
fn values(records: Option<&Bytes>) -> Vec<String> {
    let mut records = records.cloned().unwrap_or_default();
    let batches = kafka_protocol::records::RecordBatchDecoder::decode_all(&mut records).unwrap();
    let records = batches.into_iter().flat_map(|batch| batch.records);
    records
        .filter(|record| !record.control)
        .map(|record| String::from_utf8(record.value.unwrap().to_vec()).unwrap())
        .collect()
}

#[test]
fn a_filter_withholds_records_of_its_topic_only() {
    let world = world(&[filter()]);
    for version in FETCH {
        let request = fetch(&world, version, &["orders", "bills"]);
        let response = world
            .ask(version, &request)
            .forwarded(|upstream| serve(&upstream, &["public", "secret", "last"]));
        let told: Vec<_> = response
            .responses
            .iter()
            .map(|topic| {
                let partition = &topic.partitions[0];
                assert_eq!((partition.error_code, partition.high_watermark), (0, 99));
                values(partition.records.as_ref())
            })
            .collect();
        assert_eq!(told, [vec!["public", "last"], vec!["public", "secret", "last"]]);
    }
}

#[test]
fn a_share_fetch_is_filtered_too() {
    let world = world(&[filter()]);
    let request = ShareFetchRequest::default()
        .with_group_id(Some(GroupId(text("app"))))
        .with_member_id(Some(text("m")))
        .with_share_session_epoch(0)
        .with_topics(vec![
            kafka_protocol::messages::share_fetch_request::FetchTopic::default()
                .with_topic_id(world.virtual_id("orders"))
                .with_partitions(vec![
                    kafka_protocol::messages::share_fetch_request::FetchPartition::default(),
                ]),
        ]);
    let response = world.ask(1, &request).forwarded(|upstream: ShareFetchRequest| {
        let partition = SharePartition::default().with_records(Some(batch(&["secret", "public"])));
        let topic = ShareFetchableTopicResponse::default()
            .with_topic_id(upstream.topics[0].topic_id)
            .with_partitions(vec![partition]);
        ShareFetchResponse::default().with_responses(vec![topic])
    });
    let partition = &response.responses[0].partitions[0];
    assert_eq!(values(partition.records.as_ref()), ["public"]);
}

/// A record that cannot be judged ends what is delivered; at the beginning it is an error.
#[test]
fn what_cannot_be_judged_is_an_error_in_its_place() {
    let mut strict = filter();
    strict.condition = Some("record.headers['n'] == 'x'".to_owned());
    strict.failure_mode = Some(klamm_raft::model::FailureMode::Refuse);
    let world = world(&[strict]);
    let request = fetch(&world, 12, &["orders"]);
    let asked = world.ask(12, &request);
    let response = asked.forwarded(|upstream| serve(&upstream, &["without headers"]));
    let partition = &response.responses[0].partitions[0];
    assert_eq!(partition.error_code, CORRUPT_MESSAGE);
    assert!(partition.records.as_ref().is_none_or(Bytes::is_empty));
}

/// Somebody waited for records when a filter was put: what comes is judged by it, or asked for again where not enough is
/// known of the request.
#[test]
fn a_policy_that_comes_while_somebody_waits_holds_for_the_answer() {
    for (before, expected_error) in [(vec![rule()], 0), (vec![], STORAGE_ERROR)] {
        let mut world = world(&before);
        let request = fetch(&world, 12, &["orders"]);
        let waiting = world.ask_again(12, &request, Attempt::First).waiting();
        put(&mut world, &[filter()]);
        let response: FetchResponse =
            world.answers::<FetchRequest>(12, waiting, |upstream| serve(&upstream, &["secret", "public"]));
        let partition = &response.responses[0].partitions[0];
        assert_eq!(partition.error_code, expected_error);
        let expected: &[&str] = if expected_error == 0 { &["public"] } else { &[] };
        assert_eq!(values(partition.records.as_ref()), expected);
    }
}

/// Between two looks at a request, more of it may be allowed: all that is there then is judged together.
#[test]
fn what_is_allowed_while_records_are_judged_is_judged_too() {
    let mut world = World::new().allow(Write, Resource::topic("orders"));
    put(
        &mut world,
        &[{
            let mut everywhere = rule();
            everywhere.topics = Default::default();
            everywhere
        }],
    );
    let orders = topic(&world, 12, "orders", &[&["good"]]);
    let bills = topic(&world, 12, "bills", &[&["bad"]]);
    let frame = encode_request(12, &produce(vec![orders, bills]));
    let mut results = RecordResults::NONE;
    for round in 0..3 {
        let plan = world.plan_judged((frame.clone(), &results), Attempt::First);
        let Plan::Need(Need::Records { work, .. }) = plan else {
            assert!(
                round == 2 && matches!(plan, Plan::Forward(_)),
                "{round}: {plan:?}"
            );
            return;
        };
        results = run(*work);
        // The policies stay as they are.
        let policies = world.view.policies.clone();
        world = world.allow(Write, Resource::topic("bills"));
        world.view.policies = policies;
    }
    panic!("it is judged again and again");
}

/// However many batches are refused, the records that are named are few.
#[test]
fn an_answer_names_few_records() {
    let world = world(&[rule()]);
    let bad: Vec<&str> = vec!["bad"; 60];
    let partitions: Vec<&[&str]> = vec![&bad; 5];
    let request = produce(vec![topic(&world, 12, "orders", &partitions)]);
    let response = world.ask(12, &request).replied();
    let partitions = &response.responses[0].partition_responses;
    let named: usize = partitions.iter().map(|p| p.record_errors.len()).sum();
    assert_eq!((partitions.len(), named), (5, 100));
    assert!(partitions.iter().all(|p| p.error_message.is_some()));
}
