//! The life of a group: FindCoordinator, JoinGroup, SyncGroup, Heartbeat, offsets, descriptions, LeaveGroup, deletion.

use std::ops::RangeInclusive;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, DeleteGroupsRequest, DescribeGroupsRequest,
    FindCoordinatorRequest, GroupId, HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest,
    ListGroupsRequest, OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest, SyncGroupRequest,
};
use kafka_protocol::protocol::{Encodable, Request, StrBytes};

use super::world::{VIRTUAL, VIRTUAL_BROKER, World, group, text, topic, world};

pub(crate) fn find_coordinator(world: &World, version: i16, group: &GroupId) {
    let mut request = FindCoordinatorRequest::default();
    if version >= 4 {
        request.coordinator_keys = vec![group.0.clone()];
    } else {
        request.key = group.0.clone();
    }
    let error = |response: &<FindCoordinatorRequest as Request>::Response| {
        response
            .coordinators
            .first()
            .map_or(response.error_code, |one| one.error_code)
    };
    let response = world.ask_until(version, &request, error);
    assert_eq!(error(&response), 0, "version {version}");
    let (node, port) = match response.coordinators.first() {
        Some(one) => (one.node_id.0, one.port),
        None => (response.node_id.0, response.port),
    };
    assert_eq!((node, port), (VIRTUAL_BROKER, 7001), "version {version}");
}

fn embedded<T: Encodable>(message: &T) -> Bytes {
    let mut out = BytesMut::from(&[0, 0][..]);
    message.encode(&mut out, 0).unwrap();
    out.freeze()
}

/// A member of the version's group: its id and generation.
fn join(world: &World, version: i16) -> (StrBytes, i32) {
    let subscription =
        ConsumerProtocolSubscription::default().with_topics(vec![text(VIRTUAL), text("later")]);
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(text("range"))
        .with_metadata(embedded(&subscription));
    let mut request = JoinGroupRequest::default()
        .with_group_id(group(version))
        .with_session_timeout_ms(30_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol]);
    if version >= 1 {
        request.rebalance_timeout_ms = 30_000;
    }
    let mut response = world.ask_until(version, &request, |response| response.error_code);
    if response.error_code == 79 {
        request.member_id = response.member_id.clone();
        response = world.ask_until(version, &request, |response| response.error_code);
    }
    assert_eq!(response.error_code, 0, "version {version}");
    assert_eq!(
        response.members[0].metadata,
        embedded(&subscription),
        "version {version}"
    );
    (response.member_id, response.generation_id)
}

fn assignment() -> Bytes {
    let assigned = TopicPartition::default()
        .with_topic(topic(VIRTUAL))
        .with_partitions(vec![0]);
    embedded(&ConsumerProtocolAssignment::default().with_assigned_partitions(vec![assigned]))
}

fn sync(world: &World, version: i16, member: &StrBytes, generation: i32, of: i16) {
    let given = SyncGroupRequestAssignment::default()
        .with_member_id(member.clone())
        .with_assignment(assignment());
    let mut request = SyncGroupRequest::default()
        .with_group_id(group(of))
        .with_generation_id(generation)
        .with_member_id(member.clone())
        .with_assignments(vec![given]);
    if version >= 5 {
        request = request
            .with_protocol_type(Some(text("consumer")))
            .with_protocol_name(Some(text("range")));
    }
    let response = world.ask(version, &request);
    assert_eq!(
        (response.error_code, response.assignment),
        (0, assignment()),
        "version {version}"
    );
}

/// The versions of an API that go with version `of` of JoinGroup: each is tried with some.
fn paired(of: i16, versions: RangeInclusive<i16>) -> i16 {
    versions.start() + of % (versions.end() - versions.start() + 1)
}

pub(crate) fn groups_live_and_die() {
    let world = world();
    for version in 0..=9 {
        find_coordinator(world, paired(version, 0..=6), &group(version));
        let (member, generation) = join(world, version);
        sync(world, paired(version, 0..=5), &member, generation, version);
        let heartbeat = HeartbeatRequest::default()
            .with_group_id(group(version))
            .with_generation_id(generation)
            .with_member_id(member.clone());
        assert_eq!(world.ask(paired(version, 0..=4), &heartbeat).error_code, 0);
        offsets(world, version, &member, generation);
        describe(world, version);
        leave(world, version, &member);
    }
}

fn offsets(world: &World, of: i16, member: &StrBytes, generation: i32) {
    let partition = OffsetCommitRequestPartition::default().with_committed_offset(1);
    let committed = OffsetCommitRequestTopic::default()
        .with_name(topic(VIRTUAL))
        .with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(group(of))
        .with_generation_id_or_member_epoch(generation)
        .with_member_id(member.clone())
        .with_topics(vec![committed]);
    let response = world.ask(paired(of, 2..=9), &request);
    assert_eq!(
        (
            &response.topics[0].name,
            response.topics[0].partitions[0].error_code
        ),
        (&topic(VIRTUAL), 0)
    );
    for version in 1..=7 {
        let asked = OffsetFetchRequestTopic::default()
            .with_name(topic(VIRTUAL))
            .with_partition_indexes(vec![0]);
        for topics in [Some(vec![asked]), if version == 1 { Some(vec![]) } else { None }] {
            let expected = usize::from(version > 1 || topics != Some(vec![]));
            let request = OffsetFetchRequest::default()
                .with_group_id(group(of))
                .with_topics(topics);
            let response = world.ask(version, &request);
            assert_eq!(response.topics.len(), expected);
            assert!(
                response
                    .topics
                    .iter()
                    .all(|t| t.name == topic(VIRTUAL) && t.partitions[0].committed_offset == 1)
            );
        }
    }
    for version in 8..=9 {
        let asked = OffsetFetchRequestTopics::default()
            .with_name(topic(VIRTUAL))
            .with_partition_indexes(vec![0]);
        for topics in [Some(vec![asked]), None] {
            let asked = OffsetFetchRequestGroup::default()
                .with_group_id(group(of))
                .with_topics(topics);
            let response = world.ask(version, &OffsetFetchRequest::default().with_groups(vec![asked]));
            assert_eq!(
                (&response.groups[0].group_id, response.groups[0].error_code),
                (&group(of), 0)
            );
            assert_eq!(response.groups[0].topics[0].partitions[0].committed_offset, 1);
        }
    }
}

fn describe(world: &World, of: i16) {
    let version = paired(of, 0..=6);
    let response = world.ask(
        version,
        &DescribeGroupsRequest::default().with_groups(vec![group(of)]),
    );
    let told = &response.groups[0];
    assert_eq!(
        (&told.group_id, told.error_code, told.members.len()),
        (&group(of), 0, 1),
        "version {version}"
    );
    assert_eq!(told.members[0].member_assignment, assignment());
    assert_eq!(told.members[0].client_host.as_str(), "/0.0.0.0");
    let response = world.ask(paired(of, 0..=5), &ListGroupsRequest::default());
    assert!(response.groups.iter().any(|listed| listed.group_id == group(of)));
}

fn leave(world: &World, of: i16, member: &StrBytes) {
    let version = paired(of, 0..=5);
    let request = LeaveGroupRequest::default().with_group_id(group(of));
    let request = if version >= 3 {
        request.with_members(vec![MemberIdentity::default().with_member_id(member.clone())])
    } else {
        request.with_member_id(member.clone())
    };
    assert_eq!(world.ask(version, &request).error_code, 0, "version {version}");
    let forgotten = OffsetDeleteRequestTopic::default()
        .with_name(topic(VIRTUAL))
        .with_partitions(vec![OffsetDeleteRequestPartition::default()]);
    let request = OffsetDeleteRequest::default()
        .with_group_id(group(of))
        .with_topics(vec![forgotten]);
    let response = world.ask(0, &request);
    assert_eq!(
        (response.error_code, response.topics[0].partitions[0].error_code),
        (0, 0)
    );
    let response = world.ask(
        paired(of, 0..=2),
        &DeleteGroupsRequest::default().with_groups_names(vec![group(of)]),
    );
    assert_eq!(response.results[0].group_id, group(of));
    // Its last offsets are gone, and the group may have gone with them.
    assert!([0, 69].contains(&response.results[0].error_code), "{response:?}");
}
