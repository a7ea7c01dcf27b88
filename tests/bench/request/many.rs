//! Messages with many items: Metadata of 10,000 topics, and a rebalance of a consumer group of 100 members.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    BrokerId, ConsumerProtocolAssignment, ConsumerProtocolSubscription, GroupId, JoinGroupRequest,
    JoinGroupResponse, MetadataRequest, MetadataResponse, SyncGroupRequest, SyncGroupResponse,
};
use kafka_protocol::protocol::{Encodable, StrBytes};
use klamm::backend::topology::{PhysicalTopic, Topology};
use klamm_raft::model::{AliasTopic, ResourceType, State, TopicName};
use uuid::Uuid;

use crate::world::{BROKER, CLUSTER, Exchange, answer_frame, request_frame, topic, vcluster};

const TOPICS: u128 = 10_000;
const MEMBERS: usize = 100;
/// The number of topics that each member reads.
const SUBSCRIBED: u128 = 10;

/// A state with many aliases, and what its physical cluster has.
pub(crate) fn with_many(mut state: State, mut topology: Topology) -> (State, Topology) {
    let own = state.vclusters.get_mut(&vcluster()).expect("it was created");
    let own = Arc::make_mut(own);
    let mut grant = own.acls.first().expect("topics are granted").clone();
    grant.pattern.resource_type = ResourceType::Group;
    own.acls.insert(grant);
    for number in 0..TOPICS {
        let physical = format!("physical-{number}").parse::<TopicName>();
        let physical = physical.expect("it is a valid name");
        let found = PhysicalTopic {
            id: *id(number).as_bytes(),
            partitions: 1,
        };
        Arc::make_mut(&mut topology.topics).insert(physical.clone(), found);
        let alias = AliasTopic {
            physical_cluster: CLUSTER.parse().expect("it is a valid id"),
            physical_name: physical,
        };
        own.aliases.insert(
            format!("topic-{number}").parse().expect("it is a valid name"),
            alias,
        );
    }
    (state, topology)
}

/// The requests that such a virtual cluster is asked.
pub(crate) fn exchanges() -> Vec<Exchange> {
    vec![metadata(), join(), sync()]
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128((0x4000_8000 << 64) | (number + 1))
}

fn text(text: String) -> StrBytes {
    StrBytes::from_string(text)
}

fn metadata() -> Exchange {
    let broker = MetadataResponseBroker::default()
        .with_node_id(BrokerId(BROKER))
        .with_host(StrBytes::from_static_str("broker.internal"))
        .with_port(9092);
    let partition = MetadataResponsePartition::default()
        .with_leader_id(BrokerId(BROKER))
        .with_replica_nodes(vec![BrokerId(BROKER)])
        .with_isr_nodes(vec![BrokerId(BROKER)]);
    let topics = (0..TOPICS).map(|number| {
        MetadataResponseTopic::default()
            .with_name(Some(topic(format!("physical-{number}"))))
            .with_topic_id(id(number))
            .with_partitions(vec![partition.clone()])
    });
    let answer = MetadataResponse::default()
        .with_brokers(vec![broker])
        .with_cluster_id(Some(StrBytes::from_static_str("physical-cluster")))
        .with_controller_id(BrokerId(BROKER))
        .with_topics(topics.collect());
    Exchange {
        name: "metadata of 10,000 topics (13)",
        request: request_frame(13, &MetadataRequest::default().with_topics(None)),
        answer: answer_frame::<MetadataRequest>(13, &answer),
    }
}

/// The bytes of a member, of version 3 of the `consumer` protocol.
fn embedded(message: &impl Encodable) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(3);
    message.encode(&mut bytes, 3).expect("it can be encoded");
    bytes.freeze()
}

fn subscription(prefix: &str) -> Bytes {
    let names = (0..SUBSCRIBED).map(|number| text(format!("{prefix}-{number}")));
    embedded(&ConsumerProtocolSubscription::default().with_topics(names.collect()))
}

fn assignment(prefix: &str) -> Bytes {
    let assigned = (0..SUBSCRIBED).map(|number| {
        TopicPartition::default()
            .with_topic(topic(format!("{prefix}-{number}")))
            .with_partitions(vec![0, 1])
    });
    embedded(&ConsumerProtocolAssignment::default().with_assigned_partitions(assigned.collect()))
}

/// The leader joins, and is told of everybody.
fn join() -> Exchange {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(StrBytes::from_static_str("range"))
        .with_metadata(subscription("topic"));
    let request = JoinGroupRequest::default()
        .with_group_id(GroupId(StrBytes::from_static_str("app")))
        .with_protocol_type(StrBytes::from_static_str("consumer"))
        .with_protocols(vec![protocol]);
    let members = (0..MEMBERS).map(|number| {
        JoinGroupResponseMember::default()
            .with_member_id(text(format!("member-{number}")))
            .with_metadata(subscription("physical"))
    });
    let answer = JoinGroupResponse::default()
        .with_protocol_type(Some(StrBytes::from_static_str("consumer")))
        .with_protocol_name(Some(StrBytes::from_static_str("range")))
        .with_members(members.collect());
    Exchange {
        name: "a leader of 100 members joins (9)",
        request: request_frame(9, &request),
        answer: answer_frame::<JoinGroupRequest>(9, &answer),
    }
}

/// The leader says who reads what.
fn sync() -> Exchange {
    let assignments = (0..MEMBERS).map(|number| {
        SyncGroupRequestAssignment::default()
            .with_member_id(text(format!("member-{number}")))
            .with_assignment(assignment("topic"))
    });
    let request = SyncGroupRequest::default()
        .with_group_id(GroupId(StrBytes::from_static_str("app")))
        .with_protocol_type(Some(StrBytes::from_static_str("consumer")))
        .with_protocol_name(Some(StrBytes::from_static_str("range")))
        .with_assignments(assignments.collect());
    let answer = SyncGroupResponse::default()
        .with_protocol_type(Some(StrBytes::from_static_str("consumer")))
        .with_protocol_name(Some(StrBytes::from_static_str("range")))
        .with_assignment(assignment("physical"));
    Exchange {
        name: "its leader assigns 100 members (5)",
        request: request_frame(5, &request),
        answer: answer_frame::<SyncGroupRequest>(5, &answer),
    }
}
