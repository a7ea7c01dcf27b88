//! Changes that clients ask for: answered in their order, and judged again when rights were taken away meanwhile.

use kafka_protocol::messages::create_acls_request::AclCreation;
use kafka_protocol::messages::{CreateAclsRequest, CreateAclsResponse};
use kafka_protocol::protocol::{Decodable, StrBytes};
use klamm_raft::outcome::{Outcome, Refusal};

use super::messages::encoded;
use super::*;

const CREATE_ACLS: i16 = 30;
const REQUEST_TIMED_OUT: i16 = 7;
const CLUSTER_AUTHORIZATION_FAILED: i16 = 31;

fn create_acls(correlation_id: i32) -> Vec<u8> {
    let acl = AclCreation::default()
        .with_resource_type(2)
        .with_resource_name(StrBytes::from_static_str("topic1"))
        .with_resource_pattern_type(3)
        .with_principal(StrBytes::from_static_str("User:bob"))
        .with_host(StrBytes::from_static_str("*"))
        .with_operation(3)
        .with_permission_type(3);
    let body = encoded(&CreateAclsRequest::default().with_creations(vec![acl]), 1);
    request(CREATE_ACLS, 1, correlation_id, &body)
}

/// The correlation id and the error of the next answer.
async fn answer(client: &mut Client) -> (i32, i16) {
    let mut answer = client.receive().await.unwrap();
    let id = i32::from_be_bytes(*answer.first_chunk().unwrap());
    let answer = CreateAclsResponse::decode(&mut answer.split_off(4), 1).unwrap();
    (id, answer.results[0].error_code)
}

/// A gateway where alice may make changes, and of which the first ones come to this.
async fn gateway(limits: Limits, outcomes: impl IntoIterator<Item = Outcome>) -> Gateway {
    let gateway = Gateway::start(limits, prompt).await;
    gateway.change(|state| {
        state.spec.super_users.insert("alice".parse().unwrap());
    });
    gateway.outcomes.lock().unwrap().extend(outcomes);
    gateway
}

fn outdated(times: usize) -> impl Iterator<Item = Outcome> {
    std::iter::repeat_n(Outcome::Refused(Refusal::Outdated), times)
}

#[actix::test]
async fn changes_are_answered_one_after_the_other() {
    let gateway = gateway(limits(), []).await;
    let mut client = gateway.log_in().await;
    for id in 5..8 {
        client.send(&create_acls(id)).await;
    }
    client.send(&heartbeat(8)).await;
    for id in 5..8 {
        let no_change_can_be_made_here = REQUEST_TIMED_OUT;
        assert_eq!(answer(&mut client).await, (id, no_change_can_be_made_here));
    }
    assert_eq!(client.receive_id().await, Some(8));
}

#[actix::test]
async fn a_change_that_is_outdated_is_judged_again_and_made() {
    let outcomes = outdated(3).chain([Outcome::Created]);
    let gateway = gateway(limits(), outcomes).await;
    let mut client = gateway.log_in().await;
    client.send(&create_acls(5)).await;
    assert_eq!(answer(&mut client).await, (5, 0));
    assert!(gateway.outcomes.lock().unwrap().is_empty());
}

#[actix::test]
async fn a_change_whose_author_has_lost_the_right_is_refused_when_it_is_judged_again() {
    const MANY: usize = 1000;
    let gateway = gateway(limits(), outdated(MANY)).await;
    let mut client = gateway.log_in().await;
    client.send(&create_acls(5)).await;
    while gateway.outcomes.lock().unwrap().len() == MANY {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    gateway.change(|state| state.spec.super_users.clear());
    assert_eq!(answer(&mut client).await, (5, CLUSTER_AUTHORIZATION_FAILED));
}

#[actix::test]
async fn a_change_is_not_judged_for_ever() {
    let limits = Limits {
        need_timeout: Duration::from_millis(100),
        ..limits()
    };
    let gateway = gateway(limits, outdated(10_000)).await;
    let mut client = gateway.log_in().await;
    client.send(&create_acls(5)).await;
    assert_eq!(answer(&mut client).await, (5, REQUEST_TIMED_OUT));
    assert!(!gateway.outcomes.lock().unwrap().is_empty());
}
