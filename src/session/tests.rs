//! Sessions over real sockets: a client, a gateway, a broker.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;

use super::testing::{Client, Deed, Gateway, framed, request};
use super::*;

mod any_broker;
mod changes;
mod data;
mod endings;
mod held;
mod limits;
mod messages;
mod passwords;
mod policies;
mod quotas;
mod relay;
mod share;
mod switching;
mod undecided;
mod usage;

const HEARTBEAT: i16 = 12;
const METADATA: i16 = 3;
const API_VERSIONS: i16 = 18;

/// A Heartbeat (version 0) of the group `g`.
fn heartbeat(correlation_id: i32) -> Vec<u8> {
    request(HEARTBEAT, 0, correlation_id, b"\0\x01g\0\0\0\x01\0\x01m")
}

/// Answers each Heartbeat at once.
fn prompt(_: &Bytes) -> Deed {
    Deed::Answer(vec![0, 0])
}

/// Answers each Heartbeat after a while.
fn slow(_: &Bytes) -> Deed {
    Deed::Later(Duration::from_millis(150), vec![0, 0])
}

fn limits() -> Limits {
    Limits {
        failed_login_delay: Duration::from_millis(10),
        drain_spread: Duration::from_millis(10),
        drain_visit: Duration::from_millis(100),
        ..Limits::default()
    }
}

#[actix::test]
async fn a_request_reaches_the_broker_and_its_answer_the_client() {
    let gateway = Gateway::start(limits(), prompt).await;
    let mut client = gateway.log_in().await;
    client.send(&heartbeat(5)).await;
    assert_eq!(client.receive().await.unwrap().as_ref(), [0, 0, 0, 5, 0, 0]);
    assert_eq!(gateway.broker.keys(), [HEARTBEAT]);
}

#[actix::test]
async fn a_broker_that_refuses_the_gateway_is_counted_and_not_blamed_on_the_client() {
    let gateway = Gateway::start(limits(), |_| Deed::Answer(vec![0, 30])).await;
    let mut client = gateway.log_in().await;
    client.send(&heartbeat(5)).await;
    assert_eq!(client.receive().await.unwrap().as_ref(), [0, 0, 0, 5, 0xff, 0xff]);
    let metrics = gateway.metrics.encode().unwrap();
    let refused = metrics
        .lines()
        .find(|line| line.starts_with("klamm_gateway_refused_total"));
    assert!(refused.is_some_and(|line| line.ends_with(" 1")), "{refused:?}");
}

#[actix::test]
async fn a_pipeline_is_answered_in_order_within_its_bound() {
    let limits = Limits {
        max_in_flight: 3,
        ..limits()
    };
    let gateway = Gateway::start(limits, prompt).await;
    let mut client = gateway.log_in().await;
    let requests: Vec<u8> = (10..210).flat_map(heartbeat).collect();
    client.send(&requests).await;
    for id in 10..210 {
        assert_eq!(client.receive_id().await, Some(id));
    }
}

#[actix::test]
async fn no_more_than_the_bound_is_in_flight() {
    let limits = Limits {
        max_in_flight: 3,
        ..limits()
    };
    let gateway = Gateway::start(limits, |_| Deed::Nothing).await;
    let mut client = gateway.log_in().await;
    client
        .send(&(0..10).flat_map(heartbeat).collect::<Vec<u8>>())
        .await;
    while gateway.broker.keys().len() < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(gateway.broker.keys().len(), 3);
}

/// DescribeAcls (version 1) of everything.
fn describe_acls(correlation_id: i32) -> Vec<u8> {
    request(29, 1, correlation_id, b"\x01\xff\xff\x01\xff\xff\xff\xff\x01\x01")
}

#[actix::test]
async fn what_is_told_as_the_truth_waits_until_the_node_is_known_to_be_up_to_date() {
    const REQUEST_TIMED_OUT: [u8; 2] = [0, 7];
    let gateway = Gateway::start(limits(), prompt).await;
    gateway.change(|state| {
        state.spec.super_users.insert("alice".parse().unwrap());
    });
    let mut client = gateway.log_in().await;
    for (is_alone, error) in [
        (true, REQUEST_TIMED_OUT),
        (false, [0, 0]),
        (true, REQUEST_TIMED_OUT),
    ] {
        gateway.is_alone.store(is_alone, Ordering::SeqCst);
        client.send(&describe_acls(5)).await;
        client.send(&heartbeat(6)).await;
        // The correlation id, how long to wait, the error.
        let answer = client.receive().await.unwrap();
        assert_eq!(
            (&answer[..4], &answer[8..10]),
            (&[0, 0, 0, 5][..], &error[..]),
            "{is_alone}"
        );
        assert_eq!(client.receive_id().await, Some(6));
    }
}

#[actix::test]
async fn an_answer_made_here_waits_for_the_brokers() {
    let gateway = Gateway::start(limits(), slow).await;
    let mut client = gateway.log_in().await;
    client.send(&heartbeat(5)).await;
    client.send(&request(API_VERSIONS, 0, 6, b"")).await;
    client.send(&heartbeat(7)).await;
    for id in 5..8 {
        assert_eq!(client.receive_id().await, Some(id));
    }
}

#[actix::test]
async fn versions_are_told_before_login_and_after() {
    let gateway = Gateway::start(limits(), prompt).await;
    let mut client = gateway.connect().await;
    client.send(&request(API_VERSIONS, 0, 3, b"")).await;
    assert_eq!(client.receive_id().await, Some(3));
    client.log_in("alice", &gateway.token()).await;
    client.send(&request(API_VERSIONS, 0, 4, b"")).await;
    assert_eq!(client.receive_id().await, Some(4));
    assert_eq!(
        gateway.broker.connections.load(Ordering::SeqCst),
        0,
        "nothing went upstream"
    );
}

#[actix::test]
async fn a_login_may_come_without_request_headers() {
    let gateway = Gateway::start(limits(), prompt).await;
    let mut client = gateway.connect().await;
    client.send(&request(17, 0, 1, b"\0\x05PLAIN")).await;
    assert!(client.receive().await.is_some());
    client
        .send(&framed(format!("\0alice\0{}", gateway.token()).as_bytes()))
        .await;
    assert_eq!(client.receive().await, Some(Bytes::new()));
    client.send(&heartbeat(5)).await;
    assert_eq!(client.receive_id().await, Some(5));
}

#[actix::test]
async fn a_session_authenticates_again() {
    let gateway = Gateway::start(limits(), prompt).await;
    let mut client = gateway.log_in().await;
    client.send(&heartbeat(5)).await;
    assert_eq!(client.receive_id().await, Some(5));
    tokio::time::sleep(Duration::from_millis(1050)).await;
    client.log_in("alice", &gateway.token()).await;
    client.send(&heartbeat(6)).await;
    assert_eq!(client.receive_id().await, Some(6));
}

#[actix::test]
async fn a_clean_lane_serves_the_next_session() {
    let gateway = Gateway::start(limits(), prompt).await;
    for _ in 0..3 {
        let mut client = gateway.log_in().await;
        client.send(&heartbeat(5)).await;
        assert!(client.receive().await.is_some());
        drop(client);
        gateway.expect_sessions(0).await;
    }
    assert_eq!(gateway.broker.connections.load(Ordering::SeqCst), 1);
}

#[actix::test]
async fn a_lane_with_requests_in_flight_serves_nobody_else() {
    let limits = Limits {
        drain_timeout: Duration::from_millis(50),
        ..limits()
    };
    let gateway = Gateway::start(limits, |_| Deed::Nothing).await;
    for _ in 0..2 {
        let mut client = gateway.log_in().await;
        client.send(&heartbeat(5)).await;
        while gateway.broker.keys().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(client);
        gateway.expect_sessions(0).await;
        gateway.broker.seen.lock().unwrap().clear();
    }
    assert_eq!(gateway.broker.connections.load(Ordering::SeqCst), 2);
}

#[actix::test]
async fn an_idle_session_lends_its_lane() {
    let limits = Limits {
        tidy_after: Duration::from_millis(50),
        ..limits()
    };
    let gateway = Gateway::start(limits, prompt).await;
    let (mut first, mut second) = (gateway.log_in().await, gateway.log_in().await);
    for _ in 0..3 {
        for client in [&mut first, &mut second] {
            client.send(&heartbeat(5)).await;
            assert_eq!(client.receive_id().await, Some(5));
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    assert_eq!(gateway.broker.connections.load(Ordering::SeqCst), 1);
}

#[actix::test]
async fn a_lane_that_ends_while_idle_is_replaced() {
    /// Closes when asked by the correlation id 99, and answers before.
    fn closes(frame: &Bytes) -> Deed {
        if frame[7] == 99 {
            Deed::Close
        } else {
            Deed::Answer(vec![0, 0])
        }
    }
    let gateway = Gateway::start(limits(), closes).await;
    let (mut client, mut other) = (gateway.log_in().await, gateway.log_in().await);
    client.send(&heartbeat(5)).await;
    assert_eq!(client.receive_id().await, Some(5));
    gateway.broker.close_all();
    tokio::time::sleep(Duration::from_millis(50)).await;
    client.send(&heartbeat(6)).await;
    assert_eq!(client.receive_id().await, Some(6));
    other.send(&heartbeat(99)).await;
    assert_eq!(other.receive().await, None);
    client.send(&heartbeat(7)).await;
    assert_eq!(
        client.receive_id().await,
        Some(7),
        "another session's broken lane is not this one's"
    );
}
