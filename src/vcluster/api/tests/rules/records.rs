//! Rules on what is produced and fetched.

use super::*;

/// A request for partitions 0 and 1 of `orders`.
fn produce(world: &World, version: i16, acks: i16, batches: [Vec<u8>; 2]) -> ProduceRequest {
    let topic = match version {
        13.. => TopicProduceData::default().with_topic_id(world.virtual_id("orders")),
        _ => TopicProduceData::default().with_name(topic_name("orders")),
    };
    let partitions = (0..).zip(batches).map(|(index, batch)| {
        PartitionProduceData::default()
            .with_index(index)
            .with_records(Some(Bytes::from(batch)))
    });
    ProduceRequest::default()
        .with_acks(acks)
        .with_topic_data(vec![topic.with_partition_data(partitions.collect())])
}

#[test]
fn what_is_produced_is_as_rules_demand_or_its_partition_stays_here() {
    const ZSTD: u8 = 4;
    for (text, good, bad) in [
        ("request.compression == 'zstd'", batch(ZSTD, -1), batch(0, -1)),
        (
            "request.compression in ['zstd', 'lz4']",
            batch(ZSTD, -1),
            batch(1, -1),
        ),
        ("request.idempotent", batch(0, 7), batch(0, -1)),
        // Nobody knows what a batch of old is.
        ("request.compression != 'gzip'", batch(0, -1), {
            let mut old = batch(0, -1);
            old[16] = 1;
            old
        }),
    ] {
        let world = partner(&[demand(RequestKind::Produce, text)]);
        for version in [3, 8, 12, 13] {
            let request = produce(&world, version, -1, [good.clone(), bad.clone()]);
            let asked = world.ask(version, &request);
            assert_eq!(
                asked.planned.ruled.refused()[0].item,
                "partition 1 of topic orders"
            );
            let response = asked.forwarded(|upstream| {
                let partitions = &upstream.topic_data[0].partition_data;
                assert_eq!(partitions.len(), 1, "{text}, version {version}");
                assert_eq!(partitions[0].index, 0);
                ProduceResponse::default()
            });
            let partition = &response.responses[0].partition_responses[0];
            assert_eq!((partition.index, partition.error_code), (1, POLICY_VIOLATION));
            if version >= 8 {
                assert!(
                    partition.error_message.as_ref().unwrap().starts_with(WORDS),
                    "{text}"
                );
            }
        }
    }
}

#[test]
fn acks_are_demanded_of_the_whole_request() {
    let world = partner(&[demand(RequestKind::Produce, "request.acks == -1")]);
    let request = |acks| produce(&world, 9, acks, [batch(0, -1), batch(0, -1)]);
    let told = world.ask(9, &request(1)).replied();
    let errors: Vec<_> = told.responses[0]
        .partition_responses
        .iter()
        .map(|p| p.error_code)
        .collect();
    assert_eq!(errors, [POLICY_VIOLATION; 2]);
    assert!(matches!(
        world.ask(9, &request(0)).planned.plan,
        Plan::Close(CloseReason::UnansweredRefusal)
    ));
    world.exchange(9, &request(-1), |upstream| {
        assert_eq!(upstream.topic_data[0].partition_data.len(), 2);
        ProduceResponse::default()
    });
}

#[test]
fn rules_come_before_policies_on_records() {
    let require = Policy {
        phase: PolicyPhase::Produce,
        condition: Some("record.value == 'other'".to_owned()),
        ..policy(PolicyAction::Require {
            description: "other values".to_owned(),
        })
    };
    let world = partner(&[
        demand(RequestKind::Produce, "request.compression == 'none'"),
        require,
    ]);
    let request = produce(&world, 9, -1, [batch(0, -1), batch(2, -1)]);
    let told = world.ask(9, &request).replied();
    let mut told: Vec<_> = told.responses[0]
        .partition_responses
        .iter()
        .map(|partition| (partition.index, partition.error_code))
        .collect();
    told.sort_unstable();
    assert_eq!(told[1], (1, POLICY_VIOLATION));
    assert_ne!(told[0].1, POLICY_VIOLATION);
    assert_ne!(told[0].1, 0);
}

#[test]
fn fetches_get_what_rules_set() {
    let world = partner(&[set(
        RequestKind::Fetch,
        "request.isolationLevel == 'read_committed' && request.maxBytes <= 1000",
        &[
            (RequestSetting::IsolationLevel, "read_committed"),
            (RequestSetting::MaxBytes, "1000"),
            (RequestSetting::MinBytes, "10"),
            (RequestSetting::MaxWaitMs, "100"),
        ],
    )]);
    for version in [4, 11, 12, 17] {
        let request = fetch(&world, version, &["orders", "bills"]);
        world.exchange(version, &request, |upstream| {
            assert_eq!(upstream.isolation_level, 1, "version {version}");
            assert_eq!(
                (upstream.max_bytes, upstream.min_bytes, upstream.max_wait_ms),
                (1000, 10, 100)
            );
            assert_eq!(upstream.topics.len(), 2);
            FetchResponse::default()
        });
    }
}

#[test]
fn a_topic_that_rules_do_not_let_be_fetched_is_left_out() {
    let world = partner(&[Policy {
        topics: [TopicPattern::Literal("orders".parse().unwrap())].into(),
        ..demand(RequestKind::Fetch, "request.isolationLevel == 'read_committed'")
    }]);
    for version in [4, 11, 12, 17] {
        let response = world.exchange(
            version,
            &fetch(&world, version, &["orders", "bills"]),
            |upstream| {
                assert_eq!(upstream.topics.len(), 1, "version {version}");
                FetchResponse::default()
            },
        );
        assert_eq!(response.responses[0].partitions[0].error_code, TOPIC_DENIED);
        let told = world.ask(version, &fetch(&world, version, &["orders"])).replied();
        assert_eq!(told.responses[0].partitions[0].error_code, TOPIC_DENIED);
    }
}
