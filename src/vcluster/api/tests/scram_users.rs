//! SCRAM users of a virtual cluster, as `kafka-configs` asks for them.

use bytes::Bytes;
use kafka_protocol::messages::alter_user_scram_credentials_request::{
    ScramCredentialDeletion, ScramCredentialUpsertion,
};
use kafka_protocol::messages::describe_user_scram_credentials_request::UserName;
use kafka_protocol::messages::{
    AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse, DescribeClientQuotasRequest,
    DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse,
};
use klamm_raft::model::Operation::{Alter, Describe, DescribeConfigs};

use super::world::*;
use crate::authz::Resource;
use crate::vcluster::plan::{Attempt, CloseReason, Plan};

const SHA_256: i8 = 1;
const SHA_512: i8 = 2;

fn put(user: &str, mechanism: i8, iterations: i32) -> ScramCredentialUpsertion {
    ScramCredentialUpsertion::default()
        .with_name(text(user))
        .with_mechanism(mechanism)
        .with_iterations(iterations)
        .with_salt(Bytes::from_static(b"salt"))
        .with_salted_password(Bytes::from(vec![7; if mechanism == SHA_512 { 64 } else { 32 }]))
}

fn drop(user: &str, mechanism: i8) -> ScramCredentialDeletion {
    ScramCredentialDeletion::default()
        .with_name(text(user))
        .with_mechanism(mechanism)
}

fn alter(
    put: Vec<ScramCredentialUpsertion>,
    drop: Vec<ScramCredentialDeletion>,
) -> AlterUserScramCredentialsRequest {
    AlterUserScramCredentialsRequest::default()
        .with_upsertions(put)
        .with_deletions(drop)
}

fn codes(response: &AlterUserScramCredentialsResponse) -> Vec<(&str, i16)> {
    let results = response.results.iter();
    results
        .map(|result| (result.user.as_str(), result.error_code))
        .collect()
}

fn described(world: &World, users: &[&str]) -> DescribeUserScramCredentialsResponse {
    let users = users.iter().map(|user| UserName::default().with_name(text(user)));
    let request = DescribeUserScramCredentialsRequest::default().with_users(Some(users.collect()));
    world.ask(0, &request).replied()
}

/// Each would be answered, and the answer is many times as large as the request.
#[test]
fn too_many_users_are_no_request() {
    let world = World::new().asked_by_super_user();
    let (half, more) = (10_000, 10_001);
    let altered = |puts, drops| {
        world.ask(
            0,
            &alter(
                vec![put("a", SHA_256, 4096); puts],
                vec![drop("b", SHA_256); drops],
            ),
        )
    };
    assert_eq!(altered(half, more).closed(), CloseReason::BadRequest);
    assert!(!matches!(altered(half, half).planned.plan, Plan::Close(_)));
    let asked = |count| {
        let users = vec![UserName::default().with_name(text("a")); count];
        world.ask(
            0,
            &DescribeUserScramCredentialsRequest::default().with_users(Some(users)),
        )
    };
    assert_eq!(asked(half + more).closed(), CloseReason::BadRequest);
    assert!(!matches!(asked(half + half).planned.plan, Plan::Close(_)));
}

#[test]
fn credentials_are_put_described_and_deleted() {
    let mut world = World::new()
        .allow(Alter, Resource::CLUSTER)
        .allow(Describe, Resource::CLUSTER);
    let request = alter(
        vec![put("alice", SHA_256, 4096), put("bob", SHA_512, 8192)],
        vec![],
    );
    let (command, done) = world.ask(0, &request).changed();
    assert_eq!(codes(&done), [("alice", 0), ("bob", 0)]);
    world.apply(&command);
    let all = described(&world, &[]);
    let all: Vec<_> = all
        .results
        .iter()
        .map(|result| {
            let info = &result.credential_infos[0];
            (result.user.as_str(), info.mechanism, info.iterations)
        })
        .collect();
    assert_eq!(all, [("alice", SHA_256, 4096), ("bob", SHA_512, 8192)]);
    let some = described(&world, &["bob", "carol", "alice", "alice"]);
    let some: Vec<_> = some
        .results
        .iter()
        .map(|result| (result.user.as_str(), result.error_code))
        .collect();
    assert_eq!(some, [("alice", 92), ("bob", 0), ("carol", 91)]);

    let (command, done) = world
        .ask(0, &alter(vec![], vec![drop("alice", SHA_256)]))
        .changed();
    assert_eq!(codes(&done), [("alice", 0)]);
    world.apply(&command);
    assert_eq!(described(&world, &["alice"]).results[0].error_code, 91);
}

#[test]
fn what_cannot_be_is_refused_user_by_user() {
    let world = World::new().allow(Alter, Resource::CLUSTER);
    let short = put("short", SHA_256, 4096).with_salted_password(Bytes::from_static(b"x"));
    let request = alter(
        vec![
            put("", SHA_256, 4096),
            put(" a", SHA_256, 4096),
            put("few", SHA_256, 4095),
            put("good", SHA_256, 4096),
            put("many", SHA_256, 16_385),
            put("odd", 3, 4096),
            short,
            put("twice", SHA_256, 4096),
            put("twice", SHA_512, 4096),
        ],
        vec![drop("gone", SHA_256)],
    );
    let (_, done) = world.ask(0, &request).changed();
    let expected = [
        ("", 93),
        (" a", 93),
        ("few", 93),
        ("gone", 91),
        ("good", 0),
        ("many", 93),
        ("odd", 33),
        ("short", 93),
        ("twice", 92),
    ];
    assert_eq!(codes(&done), expected);
}

#[test]
fn nothing_is_told_or_reckoned_from_a_view_that_may_be_old() {
    let world = World::new()
        .allow(Alter, Resource::CLUSTER)
        .allow(Describe, Resource::CLUSTER);
    let lists = DescribeUserScramCredentialsRequest::default();
    let change = alter(vec![put("bob", SHA_256, 4096)], vec![drop("alice", SHA_256)]);
    world.ask_again(0, &lists, Attempt::First).needs_confirmation();
    world.ask_again(0, &change, Attempt::First).needs_confirmation();
    let listed = world.ask_again(0, &lists, Attempt::Unconfirmed).replied();
    assert_eq!((listed.error_code, listed.results.len()), (7, 0));
    let changed = world.ask_again(0, &change, Attempt::Unconfirmed).replied();
    assert_eq!(codes(&changed), [("alice", 7), ("bob", 7)]);
}

#[test]
fn rights_on_the_cluster_are_needed() {
    let world = World::new();
    let refused = world
        .ask(0, &alter(vec![put("alice", SHA_256, 4096)], vec![]))
        .replied();
    assert_eq!(codes(&refused), [("alice", 31)]);
    assert_eq!(described(&world, &["alice"]).error_code, 31);
    let refused = world.ask(1, &DescribeClientQuotasRequest::default()).replied();
    assert_eq!((refused.error_code, refused.entries), (31, None));
    let world = World::new().allow(DescribeConfigs, Resource::CLUSTER);
    let answered = world.ask(1, &DescribeClientQuotasRequest::default()).replied();
    assert_eq!((answered.error_code, answered.entries), (0, Some(vec![])));
}
