//! Renaming inside subscriptions and assignments.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition as Assigned;
use kafka_protocol::messages::consumer_protocol_subscription::TopicPartition as Owned;
use kafka_protocol::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription, TopicName};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use klamm_raft::model::{AliasTopic, Neighbours};
use proptest::prelude::*;

use super::{NotUnderstood, RenameDirection};
use crate::vcluster::rename::{Names, Scope, Sources};
use crate::wire::{Embedded, Tail};

/// `orders` is physically `internal-orders`; `internal-orders` is no topic of the virtual cluster.
fn names() -> Arc<Names> {
    let home = "main".parse().unwrap();
    let alias = AliasTopic {
        physical_cluster: "main".parse().unwrap(),
        physical_name: "internal-orders".parse().unwrap(),
    };
    let aliases = BTreeMap::from([("orders".parse().unwrap(), alias)]);
    let sources = Sources {
        vcluster: &"v".parse().unwrap(),
        cluster: Some(&home),
        aliases: &aliases,
        topics: &BTreeMap::new(),
        holders: &BTreeMap::new(),
        neighbours: &Neighbours::default(),
        first_ids: None,
    };
    Names::compile(None, Scope::Aliases, sources)
}

fn rename(
    names: &Names,
    message: Embedded,
    direction: RenameDirection,
    bytes: &[u8],
) -> Result<Vec<u8>, NotUnderstood> {
    super::rename(names, (message, Tail::Anything), direction, bytes)
}

/// Renames what is understood, with the names of `names`.
fn renamed(message: Embedded, direction: RenameDirection, bytes: &[u8]) -> Vec<u8> {
    rename(&names(), message, direction, bytes).unwrap()
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn encode<T: Encodable>(version: i16, message: &T) -> Vec<u8> {
    let mut out = BytesMut::new();
    out.extend_from_slice(&version.to_be_bytes());
    message.encode(&mut out, version).unwrap();
    out.to_vec()
}

fn decode<T: Decodable>(bytes: &[u8]) -> T {
    let mut bytes = Bytes::copy_from_slice(bytes);
    let version = i16::from_be_bytes(bytes.split_to(2)[..].try_into().unwrap());
    let message = T::decode(&mut bytes, version).unwrap();
    assert!(bytes.is_empty());
    message
}

fn subscription(version: i16, topics: &[&str]) -> Vec<u8> {
    let mut message = ConsumerProtocolSubscription::default()
        .with_topics(topics.iter().map(|topic| text(topic)).collect())
        .with_user_data(Some(Bytes::from_static(b"internal-orders is not a name here")));
    if version >= 1 {
        let owned = topics.iter().map(|topic| {
            Owned::default()
                .with_topic(TopicName(text(topic)))
                .with_partitions(vec![0, 1])
        });
        message = message.with_owned_partitions(owned.collect());
    }
    if version >= 2 {
        message = message.with_generation_id(7);
    }
    if version >= 3 {
        message = message.with_rack_id(Some(text("rack")));
    }
    encode(version, &message)
}

fn assignment(topics: &[&str]) -> Vec<u8> {
    let assigned = topics.iter().map(|topic| {
        Assigned::default()
            .with_topic(TopicName(text(topic)))
            .with_partitions(vec![3])
    });
    encode(
        0,
        &ConsumerProtocolAssignment::default().with_assigned_partitions(assigned.collect()),
    )
}

#[test]
fn every_version_of_a_subscription_is_renamed_both_ways() {
    for version in 0..=3 {
        let client = subscription(version, &["orders", "none-such"]);
        let stored = renamed(Embedded::Subscription, RenameDirection::ToPhysical, &client);
        assert_eq!(
            stored,
            subscription(version, &["internal-orders", "v:none-such"]),
            "version {version}"
        );
        let back = renamed(Embedded::Subscription, RenameDirection::ToVirtual, &stored);
        assert_eq!(back, client, "version {version}");
    }
}

#[test]
fn a_name_that_equals_a_foreign_physical_topic_is_not_mistaken_for_it() {
    let client = subscription(0, &["internal-orders"]);
    let stored = renamed(Embedded::Subscription, RenameDirection::ToPhysical, &client);
    assert_eq!(stored, subscription(0, &["v:internal-orders"]));
}

#[test]
fn physical_names_without_an_alias_never_reach_a_client() {
    let stored = assignment(&["secret", "internal-orders", "w:other"]);
    let told = renamed(Embedded::Assignment, RenameDirection::ToVirtual, &stored);
    let told: ConsumerProtocolAssignment = decode(&told);
    let topics: Vec<_> = told
        .assigned_partitions
        .iter()
        .map(|one| one.topic.0.as_str())
        .collect();
    assert_eq!(topics, ["orders"]);
    assert_eq!(told.assigned_partitions[0].partitions, [3]);
}

#[test]
fn a_version_1_subscription_may_end_before_the_owned_partitions() {
    let mut client = subscription(0, &["orders"]);
    client[1] = 1;
    let stored = renamed(Embedded::Subscription, RenameDirection::ToPhysical, &client);
    let mut expected = subscription(0, &["internal-orders"]);
    expected[1] = 1;
    assert_eq!(stored, expected);
}

#[test]
fn what_follows_the_known_fields_stays_as_it_is() {
    let (client, stored) = (&["orders", "none-such"], &["internal-orders", "v:none-such"]);
    for version in 0..=3 {
        for (announced, rest) in [
            (version, &b"\0more"[..]),
            (4, b""),
            (4, b"\x01internal-orders"),
            (77, b"x"),
        ] {
            // A later version has the fields of all before it.
            if announced > 3 && version < 3 {
                continue;
            }
            let with_rest = |topics: &[&str]| {
                let mut bytes = subscription(version, topics);
                bytes[..2].copy_from_slice(&announced.to_be_bytes());
                [&bytes[..], rest].concat()
            };
            let check = |direction, from: &[&str], to: &[&str]| {
                let renamed = rename(&names(), Embedded::Subscription, direction, &with_rest(from));
                assert_eq!(renamed.unwrap(), with_rest(to), "version {announced}, {rest:?}");
            };
            check(RenameDirection::ToPhysical, client, stored);
            check(RenameDirection::ToVirtual, stored, client);
        }
    }
    let longer = [assignment(&["orders"]), vec![7; 3]].concat();
    let stored = renamed(Embedded::Assignment, RenameDirection::ToPhysical, &longer);
    assert_eq!(stored, [assignment(&["internal-orders"]), vec![7; 3]].concat());
    let strict = |bytes: &[u8]| {
        let assignment = (Embedded::Assignment, Tail::Nothing);
        super::rename(&names(), assignment, RenameDirection::ToPhysical, bytes)
    };
    assert_eq!(strict(&longer), Err(NotUnderstood));
    assert!(strict(&assignment(&["orders"])).is_ok());
}

#[test]
fn a_message_may_end_after_its_topics() {
    for version in [0, 1, 3] {
        let without_data = |topics: &[&str]| {
            let mut message = ConsumerProtocolSubscription::default();
            message.topics = topics.iter().map(|topic| text(topic)).collect();
            let mut bytes = encode(0, &message);
            bytes[1] = version;
            bytes.truncate(bytes.len() - 4);
            bytes
        };
        let client = without_data(&["orders", "none-such"]);
        let stored = renamed(Embedded::Subscription, RenameDirection::ToPhysical, &client);
        assert_eq!(stored, without_data(&["internal-orders", "v:none-such"]));
        let back = renamed(Embedded::Subscription, RenameDirection::ToVirtual, &stored);
        assert_eq!(back, client);
    }
}

#[test]
fn what_is_no_message_is_not_understood() {
    let whole = subscription(0, &["orders"]);
    let mut negative = whole.clone();
    negative[..2].copy_from_slice(&(-1_i16).to_be_bytes());
    let not_understood = |bytes: &[u8]| {
        let renamed = rename(
            &names(),
            Embedded::Subscription,
            RenameDirection::ToPhysical,
            bytes,
        );
        assert_eq!(renamed, Err(NotUnderstood), "{bytes:?}");
    };
    not_understood(&negative);
    not_understood(b"garbage");
    not_understood(&[0]);
    not_understood(&whole[..whole.len() - 1]);
    assert_eq!(
        rename(&names(), Embedded::Subscription, RenameDirection::ToPhysical, &[]),
        Ok(Vec::new())
    );
}

#[test]
fn subscriptions_of_too_many_topics_are_refused() {
    let understood = |count: usize| {
        let message = ConsumerProtocolSubscription::default().with_topics(vec![text(""); count]);
        let client = encode(0, &message);
        rename(
            &names(),
            Embedded::Subscription,
            RenameDirection::ToPhysical,
            &client,
        )
        .is_ok()
    };
    assert!(understood(200_000));
    assert!(!understood(300_000));
}

proptest! {
    #[test]
    fn hostile_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        for message in [Embedded::Subscription, Embedded::Assignment] {
            for direction in [RenameDirection::ToPhysical, RenameDirection::ToVirtual] {
                let _ = rename(&names(), message, direction, &bytes);
            }
        }
    }
}
