//! Offsets of share groups: described, altered and deleted as far as groups and topics are the caller's.

use kafka_protocol::messages::alter_share_group_offsets_request::{
    AlterShareGroupOffsetsRequestPartition, AlterShareGroupOffsetsRequestTopic,
};
use kafka_protocol::messages::delete_share_group_offsets_request::DeleteShareGroupOffsetsRequestTopic;
use kafka_protocol::messages::delete_share_group_offsets_response::DeleteShareGroupOffsetsResponseTopic;
use kafka_protocol::messages::describe_share_group_offsets_request::{
    DescribeShareGroupOffsetsRequestGroup, DescribeShareGroupOffsetsRequestTopic,
};
use kafka_protocol::messages::describe_share_group_offsets_response::{
    DescribeShareGroupOffsetsResponseGroup, DescribeShareGroupOffsetsResponsePartition,
    DescribeShareGroupOffsetsResponseTopic,
};
use kafka_protocol::messages::{
    AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse, DeleteShareGroupOffsetsRequest,
    DeleteShareGroupOffsetsResponse, DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse,
};
use klamm_raft::model::Operation::{Delete, Describe, Read};

use super::world::*;
use crate::authz::Resource;

fn asked(group: &str, topics: Option<&[&str]>) -> DescribeShareGroupOffsetsRequest {
    let topic = |name: &&str| {
        DescribeShareGroupOffsetsRequestTopic::default()
            .with_topic_name(topic_name(name))
            .with_partitions(vec![0])
    };
    DescribeShareGroupOffsetsRequest::default().with_groups(vec![
        DescribeShareGroupOffsetsRequestGroup::default()
            .with_group_id(group_id(group))
            .with_topics(topics.map(|topics| topics.iter().map(topic).collect())),
    ])
}

fn offsets(topics: &[&str]) -> DescribeShareGroupOffsetsResponse {
    let topic = |name: &&str| {
        DescribeShareGroupOffsetsResponseTopic::default()
            .with_topic_name(topic_name(name))
            .with_topic_id(physical_id(name))
            .with_partitions(vec![
                DescribeShareGroupOffsetsResponsePartition::default().with_start_offset(7),
            ])
    };
    DescribeShareGroupOffsetsResponse::default().with_groups(vec![
        DescribeShareGroupOffsetsResponseGroup::default()
            .with_group_id(group_id("partner:app"))
            .with_topics(topics.iter().map(topic).collect()),
    ])
}

/// Topic, offset and error.
fn told(response: &DescribeShareGroupOffsetsResponse) -> Vec<(String, i64, i16)> {
    let topics = response.groups.iter().flat_map(|group| &group.topics);
    topics
        .map(|topic| {
            let partition = &topic.partitions[0];
            (
                topic.topic_name.to_string(),
                partition.start_offset,
                partition.error_code,
            )
        })
        .collect()
}

#[test]
fn offsets_are_described_as_far_as_topics_are() {
    let world = World::new()
        .allow(Describe, Resource::group("app"))
        .allow(Describe, Resource::topic("orders"));
    let named = asked("app", Some(&["orders", "bills"]));
    let response = world.exchange(0, &named, |upstream: DescribeShareGroupOffsetsRequest| {
        let group = &upstream.groups[0];
        assert_eq!(group.group_id, group_id("partner:app"));
        let topics = group.topics.as_ref().unwrap();
        assert_eq!(topics.len(), 1);
        assert_eq!(topics[0].topic_name, topic_name("int-orders"));
        offsets(&["int-orders"])
    });
    assert_eq!(response.groups[0].group_id, group_id("app"));
    assert_eq!(response.groups[0].topics[0].topic_id, world.virtual_id("orders"));
    assert_eq!(
        told(&response),
        [("orders".into(), 7, 0), ("bills".into(), -1, 29)]
    );
    let response = world.exchange(0, &asked("app", None), |_| offsets(&["int-orders", "int-bills"]));
    assert_eq!(told(&response), [("orders".into(), 7, 0)]);
    let response = world.ask(0, &asked("other", None)).replied();
    assert_eq!(response.groups[0].error_code, 30);
}

#[test]
fn offsets_are_altered_of_topics_that_may_be_read() {
    let world = World::new()
        .allow(Read, Resource::group("app"))
        .allow(Read, Resource::topic("orders"));
    let topic = |name: &str| {
        AlterShareGroupOffsetsRequestTopic::default()
            .with_topic_name(topic_name(name))
            .with_partitions(vec![AlterShareGroupOffsetsRequestPartition::default()])
    };
    let request = |group: &str| {
        AlterShareGroupOffsetsRequest::default()
            .with_group_id(group_id(group))
            .with_topics(vec![topic("orders"), topic("bills")])
    };
    let mut answer = AlterShareGroupOffsetsResponse::default();
    for error in [0, 68] {
        answer.error_code = error;
        let response = world.exchange(0, &request("app"), |upstream: AlterShareGroupOffsetsRequest| {
            assert_eq!(upstream.group_id, group_id("partner:app"));
            assert_eq!(upstream.topics.len(), 1);
            assert_eq!(upstream.topics[0].topic_name, topic_name("int-orders"));
            answer.clone()
        });
        assert_eq!(response.error_code, error);
        let refused = response.responses.iter().map(|topic| &topic.topic_name);
        let expected: &[_] = if error == 0 { &[&topic_name("bills")] } else { &[] };
        assert_eq!(refused.collect::<Vec<_>>(), expected);
    }
    assert_eq!(world.ask(0, &request("other")).replied().error_code, 30);
}

#[test]
fn offsets_are_deleted_by_those_who_may_delete_the_group() {
    let world = World::new()
        .allow(Delete, Resource::group("app"))
        .allow(Read, Resource::topic("orders"));
    let topic = |name: &str| DeleteShareGroupOffsetsRequestTopic::default().with_topic_name(topic_name(name));
    let request = DeleteShareGroupOffsetsRequest::default()
        .with_group_id(group_id("app"))
        .with_topics(["orders", "bills", "ghost"].map(topic).into());
    let response = world.exchange(0, &request, |upstream: DeleteShareGroupOffsetsRequest| {
        assert_eq!(upstream.topics, [topic("int-orders")]);
        let done = DeleteShareGroupOffsetsResponseTopic::default()
            .with_topic_name(topic_name("int-orders"))
            .with_topic_id(physical_id("int-orders"));
        DeleteShareGroupOffsetsResponse::default().with_responses(vec![done])
    });
    let told: Vec<_> = response
        .responses
        .iter()
        .map(|topic| (topic.topic_name.to_string(), topic.error_code))
        .collect();
    assert_eq!(
        told,
        [("orders".into(), 0), ("bills".into(), 29), ("ghost".into(), 29)]
    );
    let denied = response.responses[1].error_message.as_ref();
    assert_eq!(denied, Some(&text("Topic authorization failed.")));
    let reader = World::new().allow(Read, Resource::group("app"));
    assert_eq!(reader.ask(0, &request).replied().error_code, 30);
}
