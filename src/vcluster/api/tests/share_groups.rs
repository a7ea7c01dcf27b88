//! Share groups: sessions of fetches of which a part is refused, acknowledgements, heartbeats and descriptions.

use kafka_protocol::messages::share_acknowledge_request::{AcknowledgePartition, AcknowledgeTopic};
use kafka_protocol::messages::share_fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use kafka_protocol::messages::share_fetch_response::{PartitionData, ShareFetchableTopicResponse};
use kafka_protocol::messages::share_group_describe_response::{
    Assignment, DescribedGroup, Member, TopicPartitions,
};
use kafka_protocol::messages::{
    ShareAcknowledgeRequest, ShareAcknowledgeResponse, ShareFetchRequest, ShareFetchResponse,
    ShareGroupDescribeRequest, ShareGroupDescribeResponse, ShareGroupHeartbeatRequest,
    ShareGroupHeartbeatResponse,
};
use klamm_raft::model::Operation::{Describe, Read};
use uuid::Uuid;

use super::world::*;
use crate::authz::Resource;
use crate::vcluster::plan::Attempt;

const FOREIGN: Uuid = Uuid::from_bytes([0xee; 16]);

fn reader() -> World {
    World::new()
        .allow(Read, Resource::group("app"))
        .allow(Read, Resource::topic("orders"))
}

fn fetch(world: &World, epoch: i32, topics: &[&str]) -> ShareFetchRequest {
    let partitions = || vec![FetchPartition::default().with_partition_index(1)];
    let topics = topics.iter().map(|name| {
        FetchTopic::default()
            .with_topic_id(world.virtual_id(name))
            .with_partitions(partitions())
    });
    ShareFetchRequest::default()
        .with_group_id(Some(group_id("app")))
        .with_member_id(Some(text("m")))
        .with_share_session_epoch(epoch)
        .with_topics(topics.collect())
}

fn data(ids: &[Uuid]) -> ShareFetchResponse {
    let responses = ids.iter().map(|id| {
        let partition = PartitionData::default()
            .with_partition_index(1)
            .with_records(Some("r".into()));
        ShareFetchableTopicResponse::default()
            .with_topic_id(*id)
            .with_partitions(vec![partition])
    });
    ShareFetchResponse::default().with_responses(responses.collect())
}

/// Topic, error and error of the acknowledgement.
fn told(response: &ShareFetchResponse) -> Vec<(Uuid, i16, i16)> {
    let responses = response.responses.iter();
    responses
        .map(|topic| {
            let partition = &topic.partitions[0];
            (
                topic.topic_id,
                partition.error_code,
                partition.acknowledge_error_code,
            )
        })
        .collect()
}

#[test]
fn a_session_begins_with_what_may_be_read() {
    let world = reader();
    let (orders, bills) = (world.virtual_id("orders"), world.virtual_id("bills"));
    let asked = world.ask(1, &fetch(&world, 0, &["orders", "bills"]));
    assert_eq!(asked.denied(), ["Read Topic bills"]);
    assert_eq!(asked.errors(), ["TOPIC_AUTHORIZATION_FAILED"]);
    let response = asked.forwarded(|upstream: ShareFetchRequest| {
        assert_eq!(upstream.group_id, Some(group_id("partner:app")));
        assert_eq!(upstream.topics.len(), 1);
        assert_eq!(upstream.topics[0].topic_id, physical_id("int-orders"));
        data(&[physical_id("int-orders")])
    });
    assert_eq!(told(&response), [(orders, 0, 0), (bills, 29, 29)]);
    let response = world.ask(1, &fetch(&world, 0, &["bills"])).replied();
    assert_eq!(told(&response), [(bills, 29, 29)], "no session begins");
    let stranger = World::new();
    assert_eq!(
        stranger
            .ask(1, &fetch(&stranger, 0, &["orders"]))
            .replied()
            .error_code,
        30
    );
}

fn forgotten(id: Uuid) -> ForgottenTopic {
    ForgottenTopic::default()
        .with_topic_id(id)
        .with_partitions(vec![0])
}

#[test]
fn a_session_goes_on_by_what_changes() {
    let world = reader();
    let mut request = fetch(&world, 3, &["bills"]);
    request.forgotten_topics_data = vec![forgotten(world.virtual_id("orders"))];
    let response = world.exchange(1, &request, |upstream: ShareFetchRequest| {
        assert!(
            upstream.topics.is_empty(),
            "the broker counts the request all the same"
        );
        assert_eq!(
            upstream.forgotten_topics_data,
            [forgotten(physical_id("int-orders"))]
        );
        data(&[])
    });
    assert_eq!(told(&response), [(world.virtual_id("bills"), 29, 29)]);
}

#[test]
fn a_topic_that_was_deleted_is_forgotten_by_the_broker() {
    let bills = Resource::topic("bills");
    for world in [
        reader().allow(Read, bills),
        World::passthrough().asked_by_super_user(),
    ] {
        let name = |topic: &'static str| match world.view.names.is_transparent() {
            true => ["int-", topic].concat(),
            false => topic.to_owned(),
        };
        let (orders, bills) = (name("orders"), name("bills"));
        let id = world.virtual_id(&bills);
        let world = world.without_topic("int-bills");
        let mut request = fetch(&world, 3, &[&orders]);
        let response = world.exchange(1, &request, |_| {
            let mut data = data(&[physical_id("int-orders"), physical_id("int-bills")]);
            data.responses[1].partitions[0].error_code = 100;
            data
        });
        assert_eq!(
            told(&response),
            [(world.virtual_id(&orders), 0, 0), (id, 100, told(&response)[1].2)],
            "the client is told which topic is gone"
        );
        request.forgotten_topics_data = vec![forgotten(id)];
        world.exchange(1, &request, |upstream: ShareFetchRequest| {
            assert_eq!(
                upstream.forgotten_topics_data,
                [forgotten(physical_id("int-bills"))]
            );
            data(&[])
        });
        // An alias was removed: records of its topic are nobody's.
        let response = world.exchange(1, &request, |_| data(&[physical_id("int-bills")]));
        assert_eq!((response.error_code, told(&response)), (122, vec![]));
    }
}

#[test]
fn a_session_with_a_topic_that_nobody_knows_is_of_no_use() {
    let world = reader();
    let mut request = fetch(&world, 3, &["orders"]);
    request.forgotten_topics_data = vec![forgotten(FOREIGN)];
    world.ask(1, &request).needs_fresh_topics();
    let asked = world.ask_again(1, &request, Attempt::AfterRefresh);
    assert_eq!(asked.errors(), ["SHARE_SESSION_NOT_FOUND"]);
    let response = asked.replied();
    assert_eq!((response.error_code, told(&response)), (122, vec![]));
}

#[test]
fn what_may_not_be_read_any_more_ends_the_session() {
    let world = reader();
    for hidden in [physical_id("int-bills"), FOREIGN] {
        let response = world.exchange(1, &fetch(&world, 3, &[]), |_| {
            data(&[physical_id("int-orders"), hidden])
        });
        assert_eq!((response.error_code, told(&response)), (122, vec![]));
    }
    let response = world.exchange(1, &fetch(&world, 3, &["bills"]), |_| {
        ShareFetchResponse::default().with_error_code(123)
    });
    assert_eq!((response.error_code, told(&response)), (123, vec![]));
}

#[test]
fn acknowledgements_need_read_on_the_topic() {
    let world = reader();
    let topics = ["orders", "bills"].map(|name| {
        AcknowledgeTopic::default()
            .with_topic_id(world.virtual_id(name))
            .with_partitions(vec![AcknowledgePartition::default().with_partition_index(1)])
    });
    let request = ShareAcknowledgeRequest::default()
        .with_group_id(Some(group_id("app")))
        .with_member_id(Some(text("m")))
        .with_topics(topics.to_vec());
    let response = world.exchange(1, &request, |upstream: ShareAcknowledgeRequest| {
        assert_eq!(upstream.topics.len(), 1);
        assert_eq!(upstream.topics[0].topic_id, physical_id("int-orders"));
        ShareAcknowledgeResponse::default()
    });
    assert_eq!(response.responses[0].topic_id, world.virtual_id("bills"));
    assert_eq!(response.responses[0].partitions[0].error_code, 29);
    assert_eq!(World::new().ask(1, &request).replied().error_code, 30);
}

#[test]
fn members_subscribe_by_name_and_are_described() {
    let world = reader().allow(Describe, Resource::topic("orders"));
    let beat = |name| {
        ShareGroupHeartbeatRequest::default()
            .with_group_id(group_id("app"))
            .with_subscribed_topic_names(Some(vec![topic_name(name)]))
    };
    world.exchange(1, &beat("orders"), |upstream: ShareGroupHeartbeatRequest| {
        assert_eq!(
            upstream.subscribed_topic_names,
            Some(vec![topic_name("int-orders")])
        );
        ShareGroupHeartbeatResponse::default()
    });
    assert_eq!(world.ask(1, &beat("bills")).replied().error_code, 29);

    let group = |topic: &str| {
        let assigned = TopicPartitions::default()
            .with_topic_name(topic_name(topic))
            .with_topic_id(physical_id(topic));
        let member = Member::default()
            .with_client_host(text("/10.9.8.7"))
            .with_subscribed_topic_names(vec![topic_name(topic)])
            .with_assignment(Assignment::default().with_topic_partitions(vec![assigned]));
        DescribedGroup::default()
            .with_group_id(group_id("partner:app"))
            .with_members(vec![member])
    };
    let request = ShareGroupDescribeRequest::default().with_group_ids(vec![group_id("app")]);
    let describe = |topic: &'static str| {
        world.exchange(1, &request, |_| {
            ShareGroupDescribeResponse::default().with_groups(vec![group(topic)])
        })
    };
    let shown = describe("int-orders");
    let member = &shown.groups[0].members[0];
    assert_eq!(member.client_host.as_str(), "/0.0.0.0");
    assert_eq!(member.subscribed_topic_names, [topic_name("orders")]);
    assert_eq!(
        member.assignment.topic_partitions[0].topic_name,
        topic_name("orders")
    );
    let hidden = describe("int-bills");
    assert_eq!(
        (hidden.groups[0].error_code, hidden.groups[0].members.len()),
        (29, 0)
    );
}
