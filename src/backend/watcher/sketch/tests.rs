//! Answers of brokers, honest and not.

use kafka_protocol::messages::BrokerId;
use kafka_protocol::messages::metadata_response::{MetadataResponseBroker, MetadataResponsePartition};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::*;

fn broker(id: i32, host: &str, port: i32) -> MetadataResponseBroker {
    MetadataResponseBroker::default()
        .with_node_id(BrokerId(id))
        .with_host(StrBytes::from_string(host.to_owned()))
        .with_port(port)
}

fn answer(brokers: Vec<MetadataResponseBroker>) -> MetadataResponse {
    MetadataResponse::default()
        .with_cluster_id(Some(StrBytes::from_static_str("id")))
        .with_brokers(brokers)
}

fn topic(name: &'static str, error: i16, partitions: usize) -> MetadataResponseTopic {
    MetadataResponseTopic::default()
        .with_name(Some(StrBytes::from_static_str(name).into()))
        .with_error_code(error)
        .with_topic_id(Uuid::from_u128(1))
        .with_partitions(vec![MetadataResponsePartition::default(); partitions])
}

fn offer(
    apis: &[(i16, i16, i16)],
    supported: &[(&str, i16, i16)],
    finalized: &[(&str, i16, i16)],
    epoch: i64,
) -> Offer {
    let features = |list: &[(&str, i16, i16)]| {
        list.iter()
            .map(|&(name, low, high)| (name.to_owned(), low, high))
            .collect()
    };
    Offer {
        apis: ApiRanges(apis.iter().map(|&(key, low, high)| (key, (low, high))).collect()),
        features: Features {
            supported: features(supported),
            finalized: features(finalized),
            finalized_epoch: epoch,
            zk_migration_ready: false,
        },
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let good = || broker(1, "a", 9092);
    assert!(Sketch::read(&answer(vec![good()])).is_ok());
    let bad = [
        answer(vec![]),
        answer(vec![good()]).with_cluster_id(None),
        answer(vec![good()]).with_cluster_id(Some(StrBytes::from_static_str(""))),
        answer(vec![good(), good()]),
        answer(vec![broker(-1, "a", 9092)]),
        answer(vec![broker(1, "", 9092)]),
        answer(vec![broker(1, "a", 0)]),
        answer(vec![broker(1, "a", 65_536)]),
        answer(vec![broker(1, "a", -1)]),
    ];
    for answer in bad {
        assert!(Sketch::read(&answer).is_err(), "{answer:?}");
    }
}

#[test]
fn a_controller_that_is_no_broker_is_none() {
    let answer = answer(vec![broker(1, "a", 9092)]);
    let controller = |id| {
        Sketch::read(&answer.clone().with_controller_id(BrokerId(id)))
            .unwrap()
            .controller
    };
    assert_eq!(controller(1), Some(1));
    assert_eq!(controller(2), None);
    assert_eq!(controller(-1), None);
}

#[test]
fn an_unclear_topic_stays_as_it_was() {
    let answer = |error| answer(vec![broker(1, "a", 9092)]).with_topics(vec![topic("t", error, 2)]);
    let picture = |error, last: Option<&Topology>| Sketch::read(&answer(error)).unwrap().topology(&[], last);
    let exists = picture(0, None);
    assert_eq!(exists.topics[&"t".parse::<TopicName>().unwrap()].partitions, 2);
    assert_eq!(picture(5, Some(&exists)).topics, exists.topics);
    assert!(picture(5, None).topics.is_empty());
    assert!(
        picture(UNKNOWN_TOPIC_OR_PARTITION, Some(&exists))
            .topics
            .is_empty()
    );
    assert!(
        picture(TOPIC_AUTHORIZATION_FAILED, Some(&exists))
            .topics
            .is_empty()
    );
}

#[test]
fn only_common_versions_are_offered() {
    let offers = [
        offer(&[(0, 0, 13), (1, 4, 17), (2, 8, 9), (3, 0, 13)], &[], &[], 0),
        offer(&[(0, 3, 12), (1, 4, 18), (2, 1, 7)], &[], &[], 0),
    ];
    let common: Vec<_> = common_apis(&offers).0.into_iter().collect();
    assert_eq!(common, [(0, (3, 12)), (1, (4, 17))]);
    assert_eq!(common_apis(&[]), ApiRanges::default());
}

#[test]
fn features_are_what_all_support_and_the_latest_finalized() {
    let offers = [
        offer(&[], &[("g", 0, 1), ("m", 7, 25), ("x", 0, 1)], &[("g", 1, 1)], 9),
        offer(&[], &[("g", 0, 2), ("m", 8, 26)], &[("g", 0, 0)], 5),
    ];
    let common = common_features(&offers);
    assert_eq!(
        common.supported,
        [("g".to_owned(), 0, 1), ("m".to_owned(), 8, 25)]
    );
    assert_eq!(common.finalized, [("g".to_owned(), 1, 1)]);
    assert_eq!(common.finalized_epoch, 9);
}
