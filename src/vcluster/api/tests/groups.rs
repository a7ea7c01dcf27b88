//! Groups: coordinators, members and their embedded messages, descriptions, lists and deletions.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition as Assigned;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    BrokerId, ConsumerProtocolAssignment, ConsumerProtocolSubscription, DeleteGroupsRequest,
    DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse, FindCoordinatorRequest,
    FindCoordinatorResponse, HeartbeatRequest, HeartbeatResponse, InitProducerIdRequest,
    InitProducerIdResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse,
    ListGroupsRequest, ListGroupsResponse, SyncGroupRequest, SyncGroupResponse,
};
use kafka_protocol::protocol::Encodable;
use klamm_raft::model::Operation::{ClusterAction, Delete, Describe, IdempotentWrite, Read, Write};

use super::world::*;
use crate::authz::Resource;

fn in_group() -> World {
    World::new().allow(Read, Resource::group("app"))
}

fn encoded<T: Encodable>(version: i16, message: &T) -> Bytes {
    let mut out = BytesMut::from(&version.to_be_bytes()[..]);
    message.encode(&mut out, version).unwrap();
    out.freeze()
}

fn subscription(topics: &[&str]) -> Bytes {
    let topics = topics.iter().map(|topic| text(topic)).collect();
    encoded(1, &ConsumerProtocolSubscription::default().with_topics(topics))
}

fn assignment(topic: &str) -> Bytes {
    let assigned = Assigned::default()
        .with_topic(topic_name(topic))
        .with_partitions(vec![0]);
    encoded(
        0,
        &ConsumerProtocolAssignment::default().with_assigned_partitions(vec![assigned]),
    )
}

fn one_key(version: i16, key_type: i8, key: &str) -> FindCoordinatorRequest {
    let request = match version {
        4.. => FindCoordinatorRequest::default().with_coordinator_keys(vec![text(key)]),
        _ => FindCoordinatorRequest::default().with_key(text(key)),
    };
    if version >= 1 {
        request.with_key_type(key_type)
    } else {
        request
    }
}

fn coordinator_101(version: i16, request: &FindCoordinatorRequest) -> FindCoordinatorResponse {
    at_broker(version, request, 101)
}

fn at_broker(version: i16, request: &FindCoordinatorRequest, id: i32) -> FindCoordinatorResponse {
    let host = text("b101.broker.internal");
    if version >= 4 {
        let found = |key: &kafka_protocol::protocol::StrBytes| {
            assert!(key.starts_with("partner:"));
            Coordinator::default()
                .with_key(key.clone())
                .with_node_id(BrokerId(id))
                .with_host(host.clone())
                .with_port(9092)
                .with_error_message(Some(text("at broker.internal")))
        };
        let coordinators = request.coordinator_keys.iter().map(found).collect();
        return FindCoordinatorResponse::default().with_coordinators(coordinators);
    }
    assert!(request.key.starts_with("partner:"));
    let found = FindCoordinatorResponse::default()
        .with_node_id(BrokerId(id))
        .with_host(host)
        .with_port(9092);
    if version >= 1 {
        found.with_error_message(Some(text("at broker.internal")))
    } else {
        found
    }
}

/// Error, node, host and port of the only coordinator in an answer.
fn told(version: i16, response: &FindCoordinatorResponse) -> (i16, i32, String, i32) {
    if version >= 4 {
        let one = &response.coordinators[0];
        return (one.error_code, one.node_id.0, one.host.to_string(), one.port);
    }
    (
        response.error_code,
        response.node_id.0,
        response.host.to_string(),
        response.port,
    )
}

const COORDINATOR_VERSIONS: [i16; 6] = [0, 1, 3, 4, 5, 6];

#[test]
fn a_coordinator_is_a_virtual_broker() {
    let world = in_group();
    for version in COORDINATOR_VERSIONS {
        let request = one_key(version, 0, "app");
        let response = world.exchange(version, &request, |upstream| coordinator_101(version, &upstream));
        assert_eq!(
            told(version, &response),
            (0, 1, "gateway".to_owned(), 7001),
            "version {version}"
        );
        if version >= 4 {
            assert_eq!(response.coordinators[0].key, text("app"));
        }
        let response = world.exchange(version, &request, |upstream| at_broker(version, &upstream, 103));
        assert_eq!(
            told(version, &response),
            (15, -1, String::new(), -1),
            "103 has no slot"
        );
    }
}

#[test]
fn coordinators_are_refused_by_key_and_type() {
    for version in COORDINATOR_VERSIONS {
        let world = World::new();
        let refused = |world: &World, key_type| {
            told(
                version,
                &world.ask(version, &one_key(version, key_type, "app")).replied(),
            )
        };
        let nobody = |error| (error, -1, String::new(), -1);
        assert_eq!(refused(&world, 0), nobody(30));
        if version >= 1 {
            assert_eq!(refused(&world, 1), nobody(53));
            let world = World::new().allow(Describe, Resource::transactional_id("app"));
            let request = one_key(version, 1, "app");
            let response = world.exchange(version, &request, |upstream| coordinator_101(version, &upstream));
            assert_eq!(told(version, &response), (0, 1, "gateway".to_owned(), 7001));
            assert_eq!(refused(&world, 9), nobody(42));
            assert_eq!(refused(&world, 2), nobody(if version >= 6 { 31 } else { 42 }));
            let world = World::new().allow(ClusterAction, Resource::CLUSTER);
            assert_eq!(refused(&world, 2), nobody(42));
        }
    }
    let request = FindCoordinatorRequest::default().with_coordinator_keys(vec![text("app"), text("other")]);
    let response = in_group().exchange(4, &request, |upstream| coordinator_101(4, &upstream));
    let keys: Vec<_> = response
        .coordinators
        .iter()
        .map(|one| (one.key.as_str(), one.error_code))
        .collect();
    assert_eq!(keys, [("app", 0), ("other", 30)]);
    let world = World::without_home().allow(Read, Resource::group("app"));
    assert_eq!(told(4, &world.ask(4, &one_key(4, 0, "app")).replied()).0, 15);
}

fn join(protocol_type: &str, metadata: Bytes) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(text("range"))
        .with_metadata(metadata);
    JoinGroupRequest::default()
        .with_group_id(group_id("app"))
        .with_protocol_type(text(protocol_type))
        .with_protocols(vec![protocol])
}

fn leader(metadata: Bytes) -> JoinGroupResponse {
    let member = JoinGroupResponseMember::default()
        .with_member_id(text("m"))
        .with_metadata(metadata);
    JoinGroupResponse::default()
        .with_leader(text("m"))
        .with_member_id(text("m"))
        .with_protocol_name(Some(text("range")))
        .with_members(vec![member])
}

#[test]
fn members_subscribe_to_virtual_topics() {
    let world = in_group();
    for version in [0, 2, 5, 6, 7, 9] {
        let request = join("consumer", subscription(&["orders", "later"]));
        let response = world.exchange(version, &request, |upstream: JoinGroupRequest| {
            assert_eq!(upstream.group_id, group_id("partner:app"));
            assert_eq!(
                upstream.protocols[0].metadata,
                subscription(&["int-orders", "partner:later"])
            );
            leader(subscription(&["int-orders", "partner:later", "int-foreign"]))
        });
        assert_eq!(response.members[0].metadata, subscription(&["orders", "later"]));
    }
}

#[test]
fn what_members_say_to_each_other_need_not_be_understood() {
    let world = in_group();
    let exchanged = |world: &World, group: &str, kind: &str, said: &Bytes| {
        let request = join(kind, said.clone()).with_group_id(group_id(group));
        let response = world.exchange(9, &request, |upstream: JoinGroupRequest| {
            assert_eq!(upstream.protocols[0].metadata, *said);
            leader(said.clone())
        });
        response.members[0].metadata.clone()
    };
    let garbage = Bytes::from_static(b"\x00\x09anything at all");
    for kind in ["connect", "consumer"] {
        assert_eq!(exchanged(&world, "app", kind, &garbage), garbage);
    }
    let standard = World::standard().asked_by_super_user();
    assert_eq!(exchanged(&standard, "app", "consumer", &garbage), garbage);
    assert!(
        exchanged(&standard, "shared", "consumer", &garbage).is_empty(),
        "others may have written it"
    );
    assert_eq!(exchanged(&standard, "shared", "connect", &garbage), garbage);
    // As they are, names included.
    let all = World::passthrough().asked_by_super_user();
    for said in [garbage, subscription(&["orders", "int-orders"])] {
        assert_eq!(exchanged(&all, "app", "consumer", &said), said);
    }
}

#[test]
fn members_of_a_version_that_is_to_come_are_understood_as_far_as_it_is_known() {
    let world = in_group();
    let newer = |topic: &str| {
        let topics = ConsumerProtocolSubscription::default().with_topics(vec![text(topic)]);
        let mut said = encoded(3, &topics).to_vec();
        said[1] = 4;
        said.extend(b"something new");
        Bytes::from(said)
    };
    let response = world.exchange(
        9,
        &join("consumer", newer("orders")),
        |upstream: JoinGroupRequest| {
            assert_eq!(upstream.protocols[0].metadata, newer("int-orders"));
            leader(newer("int-orders"))
        },
    );
    assert_eq!(response.members[0].metadata, newer("orders"));
    let member = DescribedGroupMember::default().with_member_metadata(newer("int-orders"));
    let request = DescribeGroupsRequest::default().with_groups(vec![group_id("app")]);
    let world = world.allow(Describe, Resource::group("app"));
    let response = world.exchange(5, &request, |_| {
        let group = DescribedGroup::default()
            .with_group_id(group_id("partner:app"))
            .with_protocol_type(text("consumer"))
            .with_members(vec![member]);
        DescribeGroupsResponse::default().with_groups(vec![group])
    });
    assert_eq!(response.groups[0].members[0].member_metadata, newer("orders"));
}

#[test]
fn assignments_are_renamed_whether_or_not_the_version_says_what_they_are() {
    let world = in_group();
    for version in [0, 3, 4, 5] {
        let given = SyncGroupRequestAssignment::default()
            .with_member_id(text("m"))
            .with_assignment(assignment("orders"));
        let mut request = SyncGroupRequest::default()
            .with_group_id(group_id("app"))
            .with_assignments(vec![given]);
        if version >= 5 {
            request = request
                .with_protocol_type(Some(text("consumer")))
                .with_protocol_name(Some(text("range")));
        }
        let response = world.exchange(version, &request, |upstream: SyncGroupRequest| {
            assert_eq!(upstream.assignments[0].assignment, assignment("int-orders"));
            SyncGroupResponse::default().with_assignment(assignment("int-orders"))
        });
        assert_eq!(response.assignment, assignment("orders"));
        if version < 5 {
            request.assignments[0].assignment = Bytes::from_static(b"connect");
            let response = world.exchange(version, &request, |upstream: SyncGroupRequest| {
                SyncGroupResponse::default().with_assignment(upstream.assignments[0].assignment.clone())
            });
            assert_eq!(response.assignment, Bytes::from_static(b"connect"));
        }
    }
    let request = SyncGroupRequest::default().with_group_id(group_id("app"));
    assert_eq!(
        World::new().ask(5, &request).replied().error_code,
        23,
        "before the group is looked at"
    );
}

#[test]
fn members_need_read_on_the_group() {
    let world = World::new().allow(Describe, Resource::group("app"));
    for version in [0, 6, 9] {
        let response = world
            .ask(version, &join("consumer", subscription(&["orders"])))
            .replied();
        assert_eq!((response.error_code, response.generation_id), (30, -1));
        assert_eq!(response.protocol_name.is_none(), version >= 7);
    }
    let heartbeat = HeartbeatRequest::default().with_group_id(group_id("app"));
    let leave = LeaveGroupRequest::default().with_group_id(group_id("app"));
    for version in [0, 4] {
        assert_eq!(world.ask(version, &heartbeat).replied().error_code, 30);
        assert_eq!(world.ask(version, &leave).replied().error_code, 30);
        let response = in_group().exchange(version, &heartbeat, |upstream: HeartbeatRequest| {
            assert_eq!(upstream.group_id, group_id("partner:app"));
            HeartbeatResponse::default().with_error_code(27)
        });
        assert_eq!(response.error_code, 27);
        in_group().exchange(version, &leave, |upstream: LeaveGroupRequest| {
            assert_eq!(upstream.group_id, group_id("partner:app"));
            LeaveGroupResponse::default()
        });
    }
    let nameless = HeartbeatRequest::default();
    assert_eq!(
        World::new()
            .asked_by_super_user()
            .ask(4, &nameless)
            .replied()
            .error_code,
        24
    );
}

fn described(id: &str, error: i16) -> DescribedGroup {
    let member = DescribedGroupMember::default()
        .with_member_id(text("m"))
        .with_client_host(text("/10.9.8.7"))
        .with_member_metadata(subscription(&["int-orders"]))
        .with_member_assignment(assignment("int-orders"));
    DescribedGroup::default()
        .with_group_id(group_id(id))
        .with_error_code(error)
        .with_protocol_type(text("consumer"))
        .with_members(if error == 0 { vec![member] } else { vec![] })
}

#[test]
fn groups_are_described_with_virtual_members() {
    for version in [0, 3, 5, 6] {
        let world = in_group();
        let groups = ["app", "other", "more"].map(group_id).to_vec();
        let request = DescribeGroupsRequest::default()
            .with_groups(groups)
            .with_include_authorized_operations(version >= 3);
        let asked = world.ask(version, &request);
        assert_eq!(asked.denied(), ["Describe Group other", "Describe Group more"]);
        let response = asked.forwarded(|upstream: DescribeGroupsRequest| {
            assert_eq!(upstream.groups, [group_id("partner:app")]);
            let mut group = described("partner:app", 0);
            if version >= 3 {
                group.authorized_operations = 3400;
            }
            DescribeGroupsResponse::default().with_groups(vec![group])
        });
        let told: Vec<_> = response
            .groups
            .iter()
            .map(|g| (g.group_id.0.as_str(), g.error_code))
            .collect();
        assert_eq!(told, [("other", 30), ("more", 30), ("app", 0)]);
        let member = &response.groups[2].members[0];
        assert_eq!(member.client_host, text("/0.0.0.0"));
        assert_eq!(member.member_metadata, subscription(&["orders"]));
        assert_eq!(member.member_assignment, assignment("orders"));
        if version >= 3 {
            assert_eq!(response.groups[2].authorized_operations, 264);
            assert_eq!(response.groups[1].authorized_operations, i32::MIN);
        }
    }
}

#[test]
fn a_group_that_is_not_there_is_called_as_the_client_calls_it() {
    let request = DescribeGroupsRequest::default().with_groups(vec![group_id("app")]);
    let response = in_group().exchange(6, &request, |_| {
        let group =
            described("partner:app", 69).with_error_message(Some(text("Group partner:app not found.")));
        DescribeGroupsResponse::default().with_groups(vec![group])
    });
    assert_eq!(
        (response.groups[0].error_code, &response.groups[0].error_message),
        (69, &Some(text("Group app not found.")))
    );
}

#[test]
fn lists_hold_this_virtual_clusters_groups_that_may_be_described() {
    let listed = |world: &World, version| {
        let response = world.exchange(version, &ListGroupsRequest::default(), |_| {
            let group = |id: &str| ListedGroup::default().with_group_id(group_id(id));
            let groups = ["partner:app", "partner:other", "partner2:app", "app"].map(group);
            ListGroupsResponse::default().with_groups(groups.to_vec())
        });
        response
            .groups
            .iter()
            .map(|group| group.group_id.to_string())
            .collect::<Vec<_>>()
    };
    for version in [0, 3, 5] {
        assert!(listed(&World::new(), version).is_empty());
        assert_eq!(listed(&in_group(), version), ["app"]);
        let world = World::new().allow(Describe, Resource::CLUSTER);
        assert_eq!(listed(&world, version), ["app", "other"]);
    }
}

#[test]
fn groups_are_deleted_one_by_one() {
    for version in 0..=2 {
        let world = World::new().allow(Delete, Resource::group("app"));
        let names = ["other", "app", "other"].map(group_id);
        let request = DeleteGroupsRequest::default().with_groups_names(names.to_vec());
        let response = world.exchange(version, &request, |upstream: DeleteGroupsRequest| {
            assert_eq!(upstream.groups_names, [group_id("partner:app")]);
            let result = DeletableGroupResult::default()
                .with_group_id(group_id("partner:app"))
                .with_error_code(68);
            DeleteGroupsResponse::default().with_results(vec![result])
        });
        let told: Vec<_> = response
            .results
            .iter()
            .map(|r| (r.group_id.0.as_str(), r.error_code))
            .collect();
        assert_eq!(told, [("app", 68), ("other", 30)]);
    }
}

#[test]
fn producer_ids_are_for_idempotent_producers() {
    let idempotent = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_transaction_timeout_ms(1);
    let given =
        |_| InitProducerIdResponse::default().with_producer_id(kafka_protocol::messages::ProducerId(9));
    for version in [0, 2, 4, 5] {
        let asked = World::new();
        let refused = asked.ask(version, &idempotent);
        assert_eq!(refused.denied(), ["IdempotentWrite Cluster kafka-cluster"]);
        let response = refused.replied();
        assert_eq!(
            (
                response.error_code,
                response.producer_id.0,
                response.producer_epoch
            ),
            (31, -1, -1)
        );
        for world in [
            World::new().allow(Write, Resource::topic("any")),
            World::new().allow(IdempotentWrite, Resource::CLUSTER),
        ] {
            assert_eq!(world.exchange(version, &idempotent, given).producer_id.0, 9);
        }
    }
}
