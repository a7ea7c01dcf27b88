//! Rules on groups, offsets and ACLs.

use super::*;

#[test]
fn groups_are_joined_as_rules_demand() {
    let text_of = "request.groupId.startsWith('team-') && request.sessionTimeoutMs <= 10000";
    let world = partner(&[demand(RequestKind::JoinGroup, text_of)]);
    let join = |group: &str, session| {
        JoinGroupRequest::default()
            .with_group_id(group_id(group))
            .with_session_timeout_ms(session)
    };
    for version in 0..=9 {
        for (group, session) in [("other", 10_000), ("team-a", 10_001)] {
            let told = world.ask(version, &join(group, session)).replied();
            assert_eq!(told.error_code, POLICY_VIOLATION, "version {version}");
        }
        world.exchange(version, &join("team-a", 10_000), |_| JoinGroupResponse::default());
    }
    let world = partner(&[demand(
        RequestKind::ConsumerGroupHeartbeat,
        "request.memberEpoch > 0 || request.rebalanceTimeoutMs <= 1000",
    )]);
    let beat = |epoch, timeout| {
        ConsumerGroupHeartbeatRequest::default()
            .with_group_id(group_id("app"))
            .with_member_epoch(epoch)
            .with_rebalance_timeout_ms(timeout)
            .with_subscribed_topic_names(Some(vec![topic_name("orders")]))
    };
    for version in 0..=1 {
        let told = world.ask(version, &beat(0, 1001)).replied();
        assert_eq!(
            (told.error_code, told.error_message.as_deref()),
            (POLICY_VIOLATION, Some(WORDS))
        );
        // Whoever leaves may always do so.
        for request in [beat(0, 1000), beat(5, -1), beat(-1, 5000), beat(-2, 5000)] {
            world.exchange(version, &request, |_| ConsumerGroupHeartbeatResponse::default());
        }
    }
}

#[test]
fn whoever_may_be_no_member_any_more_is_told_to_join_again() {
    const REBALANCE_IN_PROGRESS: i16 = 27;
    let world = partner(&[demand(
        RequestKind::Heartbeat,
        "request.groupId.startsWith('team-') && request.memberId == 'm' && request.memberEpoch == 3",
    )]);
    let beat = |group: &str, generation| {
        HeartbeatRequest::default()
            .with_group_id(group_id(group))
            .with_member_id(text("m"))
            .with_generation_id(generation)
    };
    for version in 0..=4 {
        for (group, generation) in [("other", 3), ("team-a", 4)] {
            let asked = world.ask(version, &beat(group, generation));
            assert_eq!(asked.planned.ruled.refused()[0].item, format!("group {group}"));
            assert_eq!(
                asked.replied().error_code,
                REBALANCE_IN_PROGRESS,
                "version {version}"
            );
        }
        world.exchange(version, &beat("team-a", 3), |_| HeartbeatResponse::default());
    }
}

#[test]
fn offsets_are_committed_and_fetched_as_rules_demand() {
    let kinds = [
        RequestKind::OffsetCommit,
        RequestKind::OffsetFetch,
        RequestKind::TxnOffsetCommit,
    ];
    let world = partner(&[rule(
        &kinds,
        "request.groupId.startsWith('team-')",
        RuleEffect::Refuse,
    )]);
    let is_refused = |plan: &Plan| matches!(plan, Plan::Reply(_));
    for version in 2..=9 {
        let commit = |group: &str| {
            let topic = OffsetCommitRequestTopic::default()
                .with_name(topic_name("orders"))
                .with_partitions(vec![OffsetCommitRequestPartition::default()]);
            OffsetCommitRequest::default()
                .with_group_id(group_id(group))
                .with_topics(vec![topic])
        };
        let told = world.ask(version, &commit("app")).replied();
        assert_eq!(
            told.topics[0].partitions[0].error_code, POLICY_VIOLATION,
            "version {version}"
        );
        assert!(!is_refused(&world.ask(version, &commit("team-a")).planned.plan));
    }
    for version in 1..=9 {
        let fetch = |group: &str| match version {
            8.. => OffsetFetchRequest::default().with_groups(vec![
                OffsetFetchRequestGroup::default().with_group_id(group_id(group)),
            ]),
            _ => {
                let topic = OffsetFetchRequestTopic::default()
                    .with_name(topic_name("orders"))
                    .with_partition_indexes(vec![0]);
                OffsetFetchRequest::default()
                    .with_group_id(group_id(group))
                    .with_topics(Some(vec![topic]))
            }
        };
        let told = world.ask(version, &fetch("app")).replied();
        let error = match version {
            8.. => told.groups[0].error_code,
            2.. => told.error_code,
            _ => told.topics[0].partitions[0].error_code,
        };
        assert_eq!(error, POLICY_VIOLATION, "version {version}");
        assert!(!is_refused(&world.ask(version, &fetch("team-a")).planned.plan));
    }
    for version in 0..=3 {
        let commit = |group: &str| {
            let topic = TxnOffsetCommitRequestTopic::default()
                .with_name(topic_name("orders"))
                .with_partitions(vec![TxnOffsetCommitRequestPartition::default()]);
            TxnOffsetCommitRequest::default()
                .with_transactional_id(transactional_id("t"))
                .with_group_id(group_id(group))
                .with_topics(vec![topic])
        };
        let told = world.ask(version, &commit("app")).replied();
        assert_eq!(
            told.topics[0].partitions[0].error_code, POLICY_VIOLATION,
            "version {version}"
        );
        assert!(!is_refused(&world.ask(version, &commit("team-a")).planned.plan));
    }
}

#[test]
fn acls_are_changed_as_rules_demand_and_others_beside_them() {
    let of_all = "request.resourceName != '*' && request.principal.startsWith('User:') && request.permission == 'allow'
        && request.operation == 'read' && request.patternType == 'literal' && request.resourceType == 'topic'";
    let world = partner(&[
        demand(RequestKind::CreateAcls, of_all),
        demand(
            RequestKind::DeleteAcls,
            "request.resourceName != null && request.operation != 'any'",
        ),
    ]);
    let creation = |name: &str| {
        AclCreation::default()
            .with_resource_type(2)
            .with_resource_name(text(name))
            .with_resource_pattern_type(3)
            .with_principal(text("User:bob"))
            .with_host(text("*"))
            .with_operation(3)
            .with_permission_type(3)
    };
    for version in 1..=3 {
        let request = CreateAclsRequest::default().with_creations(vec![creation("*"), creation("orders")]);
        let asked = world.ask(version, &request);
        let Plan::Need(crate::vcluster::plan::Need::Change { command, .. }) = &asked.planned.plan else {
            panic!("{:?}", asked.planned.plan)
        };
        let klamm_raft::command::Command::CreateAcls { acls, .. } = &**command else {
            panic!("{command:?}")
        };
        let names: Vec<_> = acls.iter().map(|acl| acl.pattern.name.as_str()).collect();
        assert_eq!(names, ["orders"]);
        let refused = world
            .ask(
                version,
                &CreateAclsRequest::default().with_creations(vec![creation("*")]),
            )
            .replied();
        assert_eq!(refused.results[0].error_code, POLICY_VIOLATION);
        assert_eq!(refused.results[0].error_message.as_deref(), Some(WORDS));

        let filter = |name: Option<&str>| {
            DeleteAclsFilter::default()
                .with_resource_type_filter(2)
                .with_resource_name_filter(name.map(text))
                .with_pattern_type_filter(3)
                .with_operation(3)
                .with_permission_type(3)
        };
        let request = DeleteAclsRequest::default().with_filters(vec![filter(None), filter(Some("none"))]);
        let told = world.ask(version, &request).replied();
        let errors: Vec<_> = told
            .filter_results
            .iter()
            .map(|result| result.error_code)
            .collect();
        assert_eq!(errors, [POLICY_VIOLATION, 0]);
    }
}
