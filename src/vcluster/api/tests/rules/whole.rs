//! Rules on whatever a client asks, and topics that nobody changes.

use kafka_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ElectLeadersRequest,
    ElectLeadersResponse,
};

use super::*;

const PREFERRED: i8 = 0;
const UNCLEAN: i8 = 1;

#[test]
fn whoever_may_not_ask_at_all_is_refused_everything_and_told_where_there_is_room() {
    let world = whole(&[demand(
        RequestKind::Any,
        "has(context.client.id) && context.client.id.startsWith('app-')",
    )]);
    let asked = world.ask(7, &create(vec![topic("a", 1, 1)]));
    assert_eq!(asked.planned.ruled.refused()[0].item, "request CreateTopics");
    assert_eq!(
        asked.planned.denied.count, 0,
        "the authorizer has nothing to do with it"
    );
    let told = created(&asked.replied());
    assert_eq!(told, [("a".to_owned(), POLICY_VIOLATION, Some(WORDS.to_owned()))]);
    let fetched = world.ask(12, &fetch(&world, 12, &["int-orders"])).replied();
    assert_eq!(fetched.responses[0].partitions[0].error_code, TOPIC_DENIED);
    let join = JoinGroupRequest::default().with_group_id(group_id("app"));
    assert_eq!(world.ask(5, &join).replied().error_code, GROUP_DENIED);

    let world = whole(&[demand(
        RequestKind::Any,
        "request.api != 'JoinGroup' && request.version >= 0",
    )]);
    world.exchange(7, &create(vec![topic("a", 1, 1)]), |_| {
        CreateTopicsResponse::default()
    });
    assert_eq!(world.ask(5, &join).replied().error_code, GROUP_DENIED);
}

#[test]
fn a_read_only_topic_is_read_and_not_changed() {
    let world = whole(&[Policy {
        topics: [TopicPattern::Prefixed("int-o".parse().unwrap())].into(),
        ..policy(PolicyAction::ReadOnly)
    }]);
    let told = world.ask(7, &create(vec![topic("int-other", 1, 1)])).replied();
    assert_eq!(told.topics[0].error_code, TOPIC_DENIED);
    let grow = CreatePartitionsTopic::default()
        .with_name(topic_name("int-orders"))
        .with_count(9);
    let asked = world.ask(3, &CreatePartitionsRequest::default().with_topics(vec![grow]));
    assert_eq!(asked.planned.denied.count, 0);
    let counted = RequestOutcomes {
        refused: 1,
        ..RequestOutcomes::default()
    };
    assert_eq!(outcomes(&asked), [counted]);
    assert_eq!(asked.replied().results[0].error_code, TOPIC_DENIED);
    for version in [1, 5, 6] {
        let request = match version {
            6.. => DeleteTopicsRequest::default().with_topics(vec![
                DeleteTopicState::default().with_name(Some(topic_name("int-orders"))),
            ]),
            _ => DeleteTopicsRequest::default().with_topic_names(vec![topic_name("int-orders")]),
        };
        let told = world.ask(version, &request).replied();
        assert_eq!(told.responses[0].error_code, TOPIC_DENIED, "version {version}");
    }
    let by_id = DeleteTopicState::default().with_topic_id(physical_id("int-orders"));
    let request = DeleteTopicsRequest::default().with_topics(vec![by_id]);
    assert_eq!(
        world.ask(6, &request).replied().responses[0].error_code,
        TOPIC_DENIED
    );
    let records = DeleteRecordsTopic::default()
        .with_name(topic_name("int-orders"))
        .with_partitions(vec![DeleteRecordsPartition::default()]);
    let request = DeleteRecordsRequest::default().with_topics(vec![records]);
    let told = world.ask(2, &request).replied();
    assert_eq!(told.topics[0].partitions[0].error_code, TOPIC_DENIED);
    let topics = ["int-orders", "int-bills"].map(|name| {
        let partition = PartitionProduceData::default().with_records(Some(Bytes::from(batch(0, -1))));
        TopicProduceData::default()
            .with_name(topic_name(name))
            .with_partition_data(vec![partition])
    });
    let request = ProduceRequest::default()
        .with_acks(-1)
        .with_topic_data(topics.into());
    let told = world.exchange(9, &request, |upstream| {
        assert_eq!(upstream.topic_data.len(), 1);
        ProduceResponse::default()
    });
    assert_eq!(told.responses[0].partition_responses[0].error_code, TOPIC_DENIED);
    world.exchange(12, &fetch(&world, 12, &["int-orders"]), |_| {
        FetchResponse::default()
    });
}

#[test]
fn replicas_of_a_read_only_topic_stay_where_they_are_and_lose_nothing() {
    let world = whole(&[Policy {
        topics: [TopicPattern::Prefixed("int-o".parse().unwrap())].into(),
        ..policy(PolicyAction::ReadOnly)
    }]);
    let topics = ["int-orders", "int-bills"].map(|name| {
        let partition = ReassignablePartition::default().with_replicas(Some(vec![BrokerId(2)]));
        ReassignableTopic::default()
            .with_name(topic_name(name))
            .with_partitions(vec![partition])
    });
    let reassign = AlterPartitionReassignmentsRequest::default().with_topics(topics.into());
    let told = world.exchange(0, &reassign, |upstream| {
        let topics: Vec<_> = upstream.topics.iter().map(|topic| topic.name.clone()).collect();
        assert_eq!(topics, [topic_name("int-bills")]);
        let replicas = upstream.topics[0].partitions[0].replicas.clone();
        assert_eq!(replicas, Some(vec![BrokerId(102)]));
        AlterPartitionReassignmentsResponse::default()
    });
    assert_eq!(told.responses[0].name, topic_name("int-orders"));
    assert_eq!(told.responses[0].partitions[0].error_code, TOPIC_DENIED);

    let named = |names: &[&str]| {
        let topics = names.iter().map(|name| {
            TopicPartitions::default()
                .with_topic(topic_name(name))
                .with_partitions(vec![0])
        });
        Some(topics.collect::<Vec<_>>())
    };
    let elect = |kind, topics| {
        ElectLeadersRequest::default()
            .with_election_type(kind)
            .with_topic_partitions(topics)
    };
    // The replica that is to lead has all records.
    for topics in [named(&["int-orders"]), None] {
        world.exchange(2, &elect(PREFERRED, topics), |_| ElectLeadersResponse::default());
    }
    let told = world.exchange(
        2,
        &elect(UNCLEAN, named(&["int-orders", "int-bills"])),
        |upstream| {
            assert_eq!(upstream.topic_partitions, named(&["int-bills"]));
            ElectLeadersResponse::default()
        },
    );
    assert_eq!(told.replica_election_results[0].topic, topic_name("int-orders"));
    let partition = &told.replica_election_results[0].partition_result[0];
    assert_eq!(partition.error_code, TOPIC_DENIED);
    let asked = world.ask(2, &elect(UNCLEAN, None));
    assert_eq!(asked.planned.ruled.refused()[0].item, "all topics");
    assert_eq!(asked.replied().error_code, TOPIC_DENIED);
    let free = whole(&[]);
    free.exchange(2, &elect(UNCLEAN, None), |_| ElectLeadersResponse::default());
}
