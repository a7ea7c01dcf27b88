//! DescribeAcls, CreateAcls, DeleteAcls: who may, what is proposed, and both answers to it.

use kafka_protocol::messages::create_acls_request::AclCreation;
use kafka_protocol::messages::delete_acls_request::DeleteAclsFilter;
use kafka_protocol::messages::{
    CreateAclsRequest, CreateAclsResponse, DeleteAclsRequest, DeleteAclsResponse, DescribeAclsRequest,
    DescribeAclsResponse,
};
use kafka_protocol::protocol::Request;
use klamm_raft::command::Command;
use klamm_raft::model::Operation::{Alter, Create, Describe, Read};
use klamm_raft::model::{
    AclName, AclRule, PatternType, Permission, Policy, PolicyAction, PolicyId, PolicyPhase, ResourceType,
};
use klamm_raft::outcome::{Outcome, Refusal};

use super::world::{World, decode_response, text};
use crate::authz::{DenyRule, Resource};
use crate::vcluster::api;
use crate::vcluster::plan::{Attempt, ChangeResult, ChangeUnavailable, CloseReason, Need, Plan};

const VERSIONS: std::ops::RangeInclusive<i16> = 1..=3;
const REQUEST_TIMED_OUT: i16 = 7;
const POLICY_VIOLATION: i16 = 44;
const CLUSTER_AUTHORIZATION_FAILED: i16 = 31;
const INVALID_REQUEST: i16 = 42;

/// `User:bob` may read the topics of a pattern.
fn creation(name: &str, pattern_type: i8) -> AclCreation {
    AclCreation::default()
        .with_resource_type(2)
        .with_resource_name(text(name))
        .with_resource_pattern_type(pattern_type)
        .with_principal(text("User:bob"))
        .with_host(text("*"))
        .with_operation(3)
        .with_permission_type(3)
}

fn create(creations: &[AclCreation]) -> CreateAclsRequest {
    CreateAclsRequest::default().with_creations(creations.to_vec())
}

/// A filter for topics, by name or all.
fn filter(name: Option<&str>) -> DeleteAclsFilter {
    DeleteAclsFilter::default()
        .with_resource_type_filter(2)
        .with_resource_name_filter(name.map(text))
        .with_pattern_type_filter(1)
        .with_principal_filter(None)
        .with_host_filter(None)
        .with_operation(1)
        .with_permission_type(1)
}

fn delete(filters: &[DeleteAclsFilter]) -> DeleteAclsRequest {
    DeleteAclsRequest::default().with_filters(filters.to_vec())
}

/// Lists everything.
fn describe() -> DescribeAclsRequest {
    DescribeAclsRequest::default()
        .with_resource_type_filter(1)
        .with_resource_name_filter(None)
        .with_pattern_type_filter(1)
        .with_principal_filter(None)
        .with_host_filter(None)
        .with_operation(1)
        .with_permission_type(1)
}

/// `error message` of each creation.
fn created(response: &CreateAclsResponse) -> Vec<String> {
    let results = response.results.iter();
    results
        .map(|result| format!("{} {:?}", result.error_code, result.error_message.as_deref()))
        .collect()
}

/// `error message: names` of each filter.
fn deleted(response: &DeleteAclsResponse) -> Vec<String> {
    let results = response.filter_results.iter().map(|result| {
        let mut names: Vec<_> = result
            .matching_acls
            .iter()
            .map(|acl| acl.resource_name.to_string())
            .collect();
        names.sort();
        format!(
            "{} {:?}: {}",
            result.error_code,
            result.error_message.as_deref(),
            names.join(" ")
        )
    });
    results.collect()
}

/// `type pattern-type name: principal host operation permission` of each entry.
fn described(response: &DescribeAclsResponse) -> Vec<String> {
    assert_eq!(
        (response.error_code, response.error_message.as_deref()),
        (0, Some(""))
    );
    let mut entries = Vec::new();
    for resource in &response.resources {
        let pattern = format!(
            "{} {} {}",
            resource.resource_type,
            resource.pattern_type,
            resource.resource_name.as_str()
        );
        for acl in &resource.acls {
            let (operation, permission) = (acl.operation, acl.permission_type);
            entries.push(format!(
                "{pattern}: {} {} {operation} {permission}",
                acl.principal.as_str(),
                acl.host.as_str()
            ));
        }
    }
    entries
}

/// Expects that a change is proposed; gives it, and the answer to a result of it.
fn proposed<Q: Request>(
    world: &World,
    version: i16,
    request: &Q,
    result: ChangeResult,
) -> (Command, Q::Response) {
    let plan = world.ask(version, request).planned.plan;
    let Plan::Need(Need::Change {
        command,
        pending,
        judged_at,
        ..
    }) = plan
    else {
        panic!("{plan:?}")
    };
    assert_eq!(judged_at, world.view.revision);
    let answer = api::changed(pending, result);
    (*command, decode_response::<Q>(version, &answer))
}

#[test]
fn without_the_right_on_the_cluster_each_item_is_refused() {
    let world = World::new().allow(Describe, Resource::CLUSTER);
    for version in VERSIONS {
        let asked = world.ask(version, &create(&[creation("a", 3), creation("", 99)]));
        assert_eq!(asked.denied(), ["Alter Cluster kafka-cluster"]);
        let refusal = "31 Some(\"The request needs ALTER permission.\")";
        assert_eq!(created(&asked.replied()), [refusal; 2]);
        assert!(world.ask(version, &create(&[])).replied().results.is_empty());
        let response = world
            .ask(version, &delete(&[filter(None), filter(Some("a"))]))
            .replied();
        assert_eq!(
            deleted(&response),
            [format!("{refusal}: "), format!("{refusal}: ")]
        );
    }
    let world = World::new().allow(Create, Resource::CLUSTER);
    for version in VERSIONS {
        let response = world.ask(version, &describe()).replied();
        assert_eq!(response.error_code, CLUSTER_AUTHORIZATION_FAILED);
        assert!(response.resources.is_empty());
    }
}

#[test]
fn a_denial_says_which_rule_it_follows() {
    let granted = World::new().allow(Alter, Resource::CLUSTER);
    for (world, by_default) in [
        (World::new(), true),
        (granted.deny(Alter, Resource::CLUSTER), false),
    ] {
        let denied = world.ask(3, &create(&[creation("a", 3)])).planned.denied;
        assert_eq!(denied.count, 1);
        assert_eq!(denied.listed[0].rule == DenyRule::Default, by_default);
    }
}

#[test]
fn alter_on_the_cluster_creates_and_lists() {
    let mut world = World::new().allow(Alter, Resource::CLUSTER);
    let request = create(&[
        creation("a", 3),
        creation("", 3),
        creation("a", 4),
        creation("a", 3),
    ]);
    let bad = "42 Some(\"Invalid empty resource name\")";
    for version in VERSIONS {
        let (command, response) = proposed(&world, version, &request, Ok(Outcome::Updated));
        let Command::CreateAcls { vcluster, acls } = command else {
            panic!("{command:?}")
        };
        assert_eq!((vcluster.as_str(), acls.len()), ("partner", 2));
        assert_eq!(
            created(&response),
            ["0 Some(\"\")", bad, "0 Some(\"\")", "0 Some(\"\")"]
        );
        let (_, response) = proposed(&world, version, &request, Err(ChangeUnavailable));
        assert_eq!(created(&response), ["7 None", bad, "7 None", "7 None"]);
    }
    let (command, _) = proposed(&world, 3, &request, Ok(Outcome::Updated));
    world.apply(&command);
    for version in VERSIONS {
        assert_eq!(
            described(&world.ask(version, &describe()).replied()),
            [
                "2 3 a: User:bob * 3 3",
                "2 4 a: User:bob * 3 3",
                "4 3 kafka-cluster: User:alice * 7 3"
            ]
        );
        let response = world.ask(version, &request).replied();
        assert_eq!(
            created(&response)[0],
            "0 Some(\"\")",
            "what exists needs no change"
        );
    }
}

#[test]
fn deletion_lists_what_each_filter_removed() {
    let mut world = World::new().asked_by_super_user();
    let (command, _) = proposed(
        &world,
        3,
        &create(&[creation("a", 3), creation("a", 4), creation("b", 3)]),
        Ok(Outcome::Updated),
    );
    world.apply(&command);
    let request = delete(&[
        filter(Some("a")),
        filter(None),
        filter(Some("c")),
        filter(None).with_operation(99),
        filter(None).with_pattern_type_filter(99),
    ]);
    let (entry, pattern) = (
        "42 Some(\"Unknown entryFilter.\"): ",
        "42 Some(\"Unknown patternFilter.\"): ",
    );
    for version in VERSIONS {
        let (command, response) = proposed(&world, version, &request, Ok(Outcome::Updated));
        let Command::DeleteAcls { vcluster, acls } = command else {
            panic!("{command:?}")
        };
        assert_eq!((vcluster.as_str(), acls.len()), ("partner", 3));
        assert_eq!(
            deleted(&response),
            ["0 None: a a", "0 None: a a b", "0 None: ", entry, pattern]
        );
        assert!(
            response.filter_results[0]
                .matching_acls
                .iter()
                .all(|acl| acl.error_code == 0)
        );
        let gone = Refusal::NoSuchVcluster("partner".parse().unwrap());
        let (_, response) = proposed(&world, version, &request, Ok(Outcome::Refused(gone)));
        let errors: Vec<_> = response
            .filter_results
            .iter()
            .map(|result| result.error_code)
            .collect();
        assert_eq!(
            errors,
            [
                POLICY_VIOLATION,
                POLICY_VIOLATION,
                0,
                INVALID_REQUEST,
                INVALID_REQUEST
            ]
        );
        let response = world.ask(version, &delete(&[filter(Some("c"))])).replied();
        assert_eq!(
            deleted(&response),
            ["0 None: "],
            "what matches nothing needs no change"
        );
    }
    let (command, _) = proposed(&world, 3, &request, Ok(Outcome::Updated));
    world.apply(&command);
    assert!(described(&world.ask(3, &describe()).replied()).is_empty());
}

/// A policy lets Bob read the topics that begin with `a`.
fn rights_of_bob() -> Policy {
    let name = AclName {
        pattern_type: PatternType::Prefixed,
        name: "a".to_owned(),
    };
    let action = PolicyAction::Acls {
        principals: ["User:bob".to_owned()].into(),
        rules: vec![AclRule {
            permission: Permission::Allow,
            resource_type: ResourceType::Topic,
            operations: vec![Read],
            names: vec![name],
        }],
    };
    Policy {
        condition: Some("context.auth.principal.name == 'bob'".to_owned()),
        ..Policy::new(PolicyPhase::Cluster, action)
    }
}

#[test]
fn acls_that_a_policy_brings_are_listed_and_stay() {
    let mut world = World::new().asked_by_super_user();
    world.change(|state| {
        let id = PolicyId::of_all("rights".parse().unwrap());
        state.policies.insert(id, rights_of_bob());
    });
    let (command, _) = proposed(&world, 3, &create(&[creation("a", 3)]), Ok(Outcome::Created));
    world.apply(&command);
    let both = ["2 3 a: User:bob * 3 3", "2 4 a: User:bob * 3 3"];
    let why = "This ACL comes from the policy rights of virtual cluster partner: it is changed there, by the operator of the gateway.";
    for version in VERSIONS {
        assert_eq!(described(&world.ask(version, &describe()).replied()), both);
        // Of both, one goes, and it is said of the other why it does not.
        let (command, response) = proposed(
            &world,
            version,
            &delete(&[filter(Some("a"))]),
            Ok(Outcome::Deleted),
        );
        let Command::DeleteAcls { acls, .. } = command else {
            panic!("{command:?}")
        };
        assert_eq!(acls.len(), 1);
        assert_eq!(acls[0].pattern.pattern_type, PatternType::Literal);
        let matching = &response.filter_results[0].matching_acls;
        let told: Vec<_> = matching
            .iter()
            .map(|acl| (acl.error_code, acl.error_message.as_deref()))
            .collect();
        assert_eq!(told, [(0, None), (POLICY_VIOLATION, Some(why))]);
        // For that one alone nothing is changed.
        let prefixed = filter(Some("a")).with_pattern_type_filter(4);
        let response = world.ask(version, &delete(&[prefixed])).replied();
        let matching = &response.filter_results[0].matching_acls;
        assert_eq!((matching.len(), matching[0].error_code), (1, POLICY_VIOLATION));
        assert_eq!(response.filter_results[0].error_code, 0);
    }
    world.change(|state| state.policies.clear());
    assert_eq!(described(&world.ask(3, &describe()).replied()), both[..1]);
}

/// An old view knows entries that are gone and misses some that are there: nobody is told of it, and no change is
/// reckoned from it.
#[test]
fn nothing_is_told_or_reckoned_from_a_view_that_may_be_old() {
    let world = World::new().asked_by_super_user();
    let unconfirmed = |error: i16, message: Option<&str>| {
        assert_eq!(error, REQUEST_TIMED_OUT);
        assert!(message.unwrap().contains("cannot confirm"), "{message:?}");
    };
    for version in VERSIONS {
        let (lists, adds) = (describe(), create(&[creation("a", 3), creation("", 3)]));
        let drops = delete(&[filter(Some("c")), filter(None)]);
        world
            .ask_again(version, &lists, Attempt::First)
            .needs_confirmation();
        world
            .ask_again(version, &adds, Attempt::First)
            .needs_confirmation();
        world
            .ask_again(version, &drops, Attempt::First)
            .needs_confirmation();

        let listed = world.ask_again(version, &lists, Attempt::Unconfirmed).replied();
        unconfirmed(listed.error_code, listed.error_message.as_deref());
        assert!(listed.resources.is_empty());
        let added = world.ask_again(version, &adds, Attempt::Unconfirmed).replied();
        assert_eq!(added.results.len(), 2);
        for result in &added.results {
            unconfirmed(result.error_code, result.error_message.as_deref());
        }
        let dropped = world.ask_again(version, &drops, Attempt::Unconfirmed).replied();
        assert_eq!(dropped.filter_results.len(), 2);
        for result in &dropped.filter_results {
            unconfirmed(result.error_code, result.error_message.as_deref());
            assert!(result.matching_acls.is_empty());
        }
    }
    // Who may not is told so without anybody else being asked.
    let nobody = World::new();
    assert_eq!(
        nobody
            .ask_again(3, &describe(), Attempt::Unconfirmed)
            .replied()
            .error_code,
        CLUSTER_AUTHORIZATION_FAILED
    );
}

#[test]
fn a_zero_is_no_request_whoever_asks() {
    for world in [World::new(), World::new().asked_by_super_user()] {
        for version in VERSIONS {
            let zero = create(&[creation("a", 3), creation("a", 0)]);
            assert_eq!(world.ask(version, &zero).closed(), CloseReason::BadRequest);
            let zero = delete(&[filter(None).with_permission_type(0)]);
            assert_eq!(world.ask(version, &zero).closed(), CloseReason::BadRequest);
            let zero = describe().with_operation(0);
            assert_eq!(world.ask(version, &zero).closed(), CloseReason::BadRequest);
        }
    }
}

#[test]
fn a_filter_value_spoils_all_creations() {
    let world = World::new().asked_by_super_user();
    for version in VERSIONS {
        let request = create(&[creation("a", 3), creation("b", 2)]);
        assert_eq!(created(&world.ask(version, &request).replied()), ["-1 None"; 2]);
    }
}

#[test]
fn too_many_creations_are_a_policy_violation_each() {
    let world = World::new().asked_by_super_user();
    let creations: Vec<_> = (0..=10_000)
        .map(|number| creation(&number.to_string(), 3))
        .collect();
    let results = created(&world.ask(3, &create(&creations)).replied());
    assert_eq!(results.len(), creations.len());
    let refusal = "44 Some(\"Unable to perform excessively large batch operation.\")";
    assert!(results.iter().all(|result| result == refusal));
}

/// Each would be answered, and the answer is many times as large as the request.
#[test]
fn too_many_items_are_no_request_whoever_asks() {
    for world in [World::new(), World::new().asked_by_super_user()] {
        let creations = vec![creation("t", 3); 20_001];
        assert_eq!(
            world.ask(2, &create(&creations)).closed(),
            CloseReason::BadRequest
        );
        let filters = vec![filter(Some("t")); 20_001];
        assert_eq!(world.ask(2, &delete(&filters)).closed(), CloseReason::BadRequest);
        let few = world.ask(2, &create(&creations[..20_000]));
        assert!(!matches!(few.planned.plan, Plan::Close(_)));
    }
}

#[test]
fn the_quoted_principal_of_a_refusal_has_an_end() {
    let world = World::new().asked_by_super_user();
    let nobody = creation("a", 3).with_principal(text(&"x".repeat(30_000)));
    for version in VERSIONS {
        let results = created(
            &world
                .ask(version, &create(std::slice::from_ref(&nobody)))
                .replied(),
        );
        assert!(
            results[0].starts_with("42 Some(\"Could not parse principal from `xxx"),
            "{}",
            results[0]
        );
        assert!(results[0].len() < 2_000);
    }
}

#[test]
fn declared_acls_are_listed_hold_and_are_not_changed_by_clients() {
    let world = World::new().allow(Alter, Resource::CLUSTER).with_declared_acls();
    const WHY: &str = "44 Some(\"The ACLs of this virtual cluster are declared in its spec.acls (aclMode REST_API): they are \
                       changed there, not by Kafka clients.\")";
    for version in VERSIONS {
        let creations = [creation("a", 3), creation("", 3)];
        let answer = world.ask(version, &create(&creations)).replied();
        assert_eq!(created(&answer), [WHY; 2]);
        let answer = world
            .ask(version, &delete(&[filter(None), filter(Some("a"))]))
            .replied();
        assert_eq!(deleted(&answer), [format!("{WHY}: "), format!("{WHY}: ")]);
        let listed = described(&world.ask(version, &describe()).replied());
        assert_eq!(listed.len(), 1, "{listed:?}");
    }
    // Who may not change ACLs is told that first.
    let world = World::new().with_declared_acls();
    let answer = world.ask(3, &create(&[creation("a", 3)])).replied();
    assert_eq!(answer.results[0].error_code, CLUSTER_AUTHORIZATION_FAILED);
}
