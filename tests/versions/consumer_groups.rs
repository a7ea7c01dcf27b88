//! The life of a group of KIP-848 in every version: it is joined by name and by expression, described and left.

use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, GroupId,
};

use super::groups::find_coordinator;
use super::world::{VIRTUAL, World, text, topic, world};

fn beat(
    world: &World,
    version: i16,
    request: &ConsumerGroupHeartbeatRequest,
) -> ConsumerGroupHeartbeatResponse {
    let response = world.ask_until(version, request, |response| response.error_code);
    assert_eq!(response.error_code, 0, "version {version}: {response:?}");
    response
}

pub(crate) fn members_come_and_go() {
    let world = world();
    for (version, pattern) in [(0, None), (1, None), (1, Some("ord[a-z]+"))] {
        let group = GroupId(text(&format!("members-{version}-{}", pattern.is_some())));
        find_coordinator(world, 4, &group);
        let member = text("00000000-0000-4000-8000-000000000001");
        let join = ConsumerGroupHeartbeatRequest::default()
            .with_group_id(group.clone())
            .with_member_id(member)
            .with_rebalance_timeout_ms(30_000)
            .with_topic_partitions(Some(vec![]));
        let join = match pattern {
            Some(pattern) => join.with_subscribed_topic_regex(Some(text(pattern))),
            None => join.with_subscribed_topic_names(Some(vec![topic(VIRTUAL), topic("later")])),
        };
        let joined = beat(world, version, &join);
        let assigned = joined
            .assignment
            .expect("the only member gets what there is")
            .topic_partitions;
        assert_eq!(assigned.len(), 1, "version {version}");
        assert_eq!(
            (assigned[0].topic_id, &assigned[0].partitions[..]),
            (world.topic_id(), &[0][..])
        );
        describe(world, version, &group, pattern.is_some());
        let leave = ConsumerGroupHeartbeatRequest::default()
            .with_group_id(group)
            .with_member_id(joined.member_id.expect("the broker says who it is"))
            .with_member_epoch(-1);
        assert_eq!(beat(world, version, &leave).member_epoch, -1);
    }
}

fn describe(world: &World, version: i16, group: &GroupId, by_pattern: bool) {
    let request = ConsumerGroupDescribeRequest::default()
        .with_group_ids(vec![group.clone()])
        .with_include_authorized_operations(true);
    let response = world.ask(version, &request);
    let told = &response.groups[0];
    assert_eq!(
        (&told.group_id, told.error_code, told.authorized_operations),
        (group, 0, 3400)
    );
    let member = &told.members[0];
    let mut names: Vec<&str> = member
        .subscribed_topic_names
        .iter()
        .map(|name| name.as_str())
        .collect();
    names.sort_unstable();
    let expected: &[&str] = if by_pattern {
        &[VIRTUAL]
    } else {
        &["later", VIRTUAL]
    };
    assert_eq!((&names[..], member.client_host.as_str()), (expected, "/0.0.0.0"));
    for assignment in [&member.assignment, &member.target_assignment] {
        let topic = &assignment.topic_partitions[0];
        assert_eq!(
            (topic.topic_name.as_str(), topic.topic_id),
            (VIRTUAL, world.topic_id())
        );
    }
}
