//! Answers that tell of topics which the view does not show wait for a look, and others wait behind them.

use kafka_protocol::messages::consumer_group_heartbeat_response::{Assignment, TopicPartitions};
use kafka_protocol::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, GroupId, HeartbeatRequest,
    HeartbeatResponse,
};
use kafka_protocol::protocol::StrBytes;
use tokio::io::AsyncWriteExt;

use super::messages::encoded;
use super::testing::Does;
use super::*;

const CLASSIC: i16 = 12;
const MEMBER: i16 = 68;
/// A version of the classic heartbeat without tagged fields.
const CLASSIC_VERSION: i16 = 3;
const MEMBER_VERSION: i16 = 1;

fn group() -> GroupId {
    GroupId(StrBytes::from_static_str("g"))
}

fn classic_heartbeat(correlation_id: i32) -> Vec<u8> {
    let body = HeartbeatRequest::default().with_group_id(group());
    request(
        CLASSIC,
        CLASSIC_VERSION,
        correlation_id,
        &encoded(&body, CLASSIC_VERSION),
    )
}

/// The heartbeats of two members, the second of a classic group.
fn two_heartbeats() -> Vec<u8> {
    let member = ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group())
        .with_member_id(StrBytes::from_static_str("m"))
        .with_member_epoch(1);
    let member = [&[0], &encoded(&member, MEMBER_VERSION)[..]].concat();
    [request(MEMBER, MEMBER_VERSION, 1, &member), classic_heartbeat(2)].concat()
}

fn answers(frame: &Bytes, assigned: [u8; 16]) -> Deed {
    if frame.starts_with(&CLASSIC.to_be_bytes()) {
        return Deed::Answer(encoded(&HeartbeatResponse::default(), CLASSIC_VERSION));
    }
    let topic = TopicPartitions::default().with_topic_id(uuid::Uuid::from_bytes(assigned));
    let assignment = Assignment::default().with_topic_partitions(vec![topic]);
    let answer = ConsumerGroupHeartbeatResponse::default().with_assignment(Some(assignment));
    Deed::Answer([&[0], &encoded(&answer, MEMBER_VERSION)[..]].concat())
}

async fn check(does: Does, looks: usize) {
    let gateway = Gateway::start(limits(), does).await;
    let mut client = gateway.log_in().await;
    client.send(&two_heartbeats()).await;
    for id in [1, 2] {
        assert_eq!(client.receive_id().await, Some(id));
        assert_eq!(gateway.refreshes.load(Ordering::SeqCst), looks);
    }
}

#[actix::test]
async fn an_answer_that_assigns_what_is_known_is_told_at_once() {
    check(|frame| answers(frame, [1; 16]), 0).await;
}

#[actix::test]
async fn an_answer_that_assigns_what_is_not_known_waits_for_a_few_looks_and_keeps_its_place() {
    check(|frame| answers(frame, [9; 16]), 5).await;
}

/// Waits until something is so.
async fn soon(is_so: impl Fn() -> bool) {
    for _ in 0..5_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it did not come");
}

/// Assigns a topic that nobody knows.
fn assigns_unknown(frame: &Bytes) -> Deed {
    answers(frame, [9; 16])
}

#[actix::test]
async fn requests_pause_and_go_on_while_an_answer_pauses() {
    let gateway = Gateway::start(limits(), assigns_unknown).await;
    gateway.change(|state| {
        state.spec.super_users.insert("alice".parse().unwrap());
    });
    let mut client = gateway.log_in().await;
    client.send(&two_heartbeats()).await;
    soon(|| gateway.refreshes.load(Ordering::SeqCst) > 0).await;
    // This one pauses too, before it is answered here; the next one is forwarded.
    client.send(&describe_acls(3)).await;
    client.send(&classic_heartbeat(4)).await;
    soon(|| gateway.broker.keys().len() == 3).await;
    assert!(
        gateway.refreshes.load(Ordering::SeqCst) < 3,
        "the first answer still waits"
    );
    for id in 1..=4 {
        assert_eq!(client.receive_id().await, Some(id));
    }
}

#[actix::test]
async fn an_answer_that_pauses_is_told_before_the_session_of_a_client_that_says_no_more_ends() {
    let gateway = Gateway::start(limits(), assigns_unknown).await;
    let mut client = gateway.log_in().await;
    client.send(&two_heartbeats()).await;
    client.socket.shutdown().await.unwrap();
    for id in [Some(1), Some(2), None] {
        assert_eq!(client.receive_id().await, id);
    }
    assert_eq!(gateway.ended("client_closed"), 1);
}
