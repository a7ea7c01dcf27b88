//! Answers that tell of topics which the view does not show wait for a look, and others wait behind them.

use bytes::BytesMut;
use kafka_protocol::messages::consumer_group_heartbeat_response::{Assignment, TopicPartitions};
use kafka_protocol::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, GroupId, HeartbeatRequest,
    HeartbeatResponse,
};
use kafka_protocol::protocol::{Encodable, StrBytes};

use super::testing::Does;
use super::*;

const CLASSIC: i16 = 12;
const MEMBER: i16 = 68;
/// A version of the classic heartbeat without tagged fields.
const CLASSIC_VERSION: i16 = 3;
const MEMBER_VERSION: i16 = 1;

fn encoded(message: &impl Encodable, version: i16) -> Vec<u8> {
    let mut body = BytesMut::new();
    message.encode(&mut body, version).unwrap();
    body.to_vec()
}

fn group() -> GroupId {
    GroupId(StrBytes::from_static_str("g"))
}

/// The heartbeats of two members, the second of a classic group.
fn two_heartbeats() -> Vec<u8> {
    let member = ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group())
        .with_member_id(StrBytes::from_static_str("m"))
        .with_member_epoch(1);
    let member = [&[0], &encoded(&member, MEMBER_VERSION)[..]].concat();
    let classic = encoded(
        &HeartbeatRequest::default().with_group_id(group()),
        CLASSIC_VERSION,
    );
    [
        request(MEMBER, MEMBER_VERSION, 1, &member),
        request(CLASSIC, CLASSIC_VERSION, 2, &classic),
    ]
    .concat()
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
    check(|frame| answers(frame, [9; 16]), 3).await;
}
