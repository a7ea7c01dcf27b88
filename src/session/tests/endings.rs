//! Every way in which a session ends.

use super::testing::Does;
use super::*;
use crate::authz::Principal;
use crate::session::census::Load;

async fn expect_closed(mut client: Client, gateway: &Gateway, reason: &str) {
    assert_eq!(client.receive().await, None);
    gateway.expect_end(reason).await;
}

#[actix::test]
async fn nothing_is_served_before_login() {
    let gateway = Gateway::start(limits(), prompt).await;
    for frame in [
        heartbeat(1),
        request(METADATA, 1, 1, b"\0\0\0\0"),
        request(999, 0, 1, b""),
    ] {
        let mut client = gateway.connect().await;
        client.send(&frame).await;
        expect_closed(client, &gateway, "not_logged_in").await;
    }
    assert_eq!(gateway.broker.connections.load(Ordering::SeqCst), 0);
}

#[actix::test]
async fn a_refused_login_is_answered_and_closed() {
    let gateway = Gateway::start(limits(), prompt).await;
    let mut client = gateway.connect().await;
    assert_eq!(client.try_log_in("alice", "guess").await, 58);
    expect_closed(client, &gateway, "login_refused").await;
    let text = gateway.metrics.encode().unwrap();
    assert!(
        text.contains(r#"klamm_login_failures_total{reason="invalid_token",vcluster="partner1"} 1"#),
        "{text}"
    );
}

#[actix::test]
async fn a_refused_login_is_answered_late() {
    let delay = Duration::from_millis(200);
    let limits = Limits {
        failed_login_delay: delay,
        ..limits()
    };
    let gateway = Gateway::start(limits, prompt).await;
    let mut client = gateway.connect().await;
    let begun = Instant::now();
    client.try_log_in("alice", "guess").await;
    assert!(begun.elapsed() >= delay);
}

#[actix::test]
async fn a_connection_that_does_not_log_in_is_closed() {
    let limits = Limits {
        login_timeout: Duration::from_millis(50),
        ..limits()
    };
    let gateway = Gateway::start(limits, prompt).await;
    expect_closed(gateway.connect().await, &gateway, "login_timeout").await;
}

#[actix::test]
async fn a_session_without_traffic_is_closed() {
    let limits = Limits {
        idle_timeout: Duration::from_millis(100),
        ..limits()
    };
    let gateway = Gateway::start(limits, prompt).await;
    expect_closed(gateway.log_in().await, &gateway, "idle").await;
}

#[actix::test]
async fn a_frame_that_does_not_get_on_is_closed() {
    let limits = Limits {
        frame_timeout: Duration::from_millis(100),
        ..limits()
    };
    let gateway = Gateway::start(limits, prompt).await;
    let mut client = gateway.log_in().await;
    client.send(&[0, 0, 1]).await;
    expect_closed(client, &gateway, "slow_frame").await;
}

#[actix::test]
async fn other_protocols_are_recognised() {
    let gateway = Gateway::start(limits(), prompt).await;
    for (start, reason) in [
        (&b"GET / HTTP/1.1\r\n"[..], "not_kafka_http"),
        (&[0x16, 3, 1, 0, 200, 1], "not_kafka_tls"),
        (b"SSH-2.0-x\r\n", "not_kafka_ssh"),
        (&[0x7f, 0xff, 0xff, 0xff], "frame_length"),
        (&[0xff; 4], "frame_length"),
    ] {
        let mut client = gateway.connect().await;
        client.send(start).await;
        expect_closed(client, &gateway, reason).await;
    }
}

#[actix::test]
async fn frames_before_login_are_small() {
    let gateway = Gateway::start(limits(), prompt).await;
    let mut client = gateway.connect().await;
    client.send(&(65_537_u32).to_be_bytes()).await;
    expect_closed(client, &gateway, "frame_length").await;
    let mut client = gateway.log_in().await;
    client.send(&(65_537_u32).to_be_bytes()).await;
    client.send(&[0; 100]).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(gateway.ended("frame_length"), 1, "after login they may be long");
}

#[actix::test]
async fn frames_that_are_no_requests_end_the_session() {
    let gateway = Gateway::start(limits(), prompt).await;
    for frame in [
        framed(b""),
        framed(b"\0"),
        framed(b"\0\x11"),
        framed(b"\0\x11\0\x01\0\0\0\x01\x7f\xff"),
    ] {
        let mut client = gateway.connect().await;
        client.send(&frame).await;
        expect_closed(client, &gateway, "bad_request").await;
    }
}

#[actix::test]
async fn a_lost_lane_with_requests_in_flight_ends_the_session() {
    let gateway = Gateway::start(limits(), |_| Deed::Close).await;
    let mut client = gateway.log_in().await;
    client.send(&heartbeat(5)).await;
    expect_closed(client, &gateway, "upstream_lost").await;
}

#[actix::test]
async fn a_broker_that_cannot_be_reached_ends_the_session() {
    let gateway = Gateway::start(limits(), prompt).await;
    gateway.broker.stop();
    let mut client = gateway.log_in().await;
    client.send(&heartbeat(5)).await;
    expect_closed(client, &gateway, "upstream_unavailable").await;
}

#[actix::test]
async fn a_broker_that_answers_nonsense_ends_the_session() {
    let gateway = Gateway::start(limits(), |_| Deed::Raw(vec![0, 0])).await;
    let mut client = gateway.log_in().await;
    client.send(&heartbeat(5)).await;
    expect_closed(client, &gateway, "bad_upstream").await;
}

#[actix::test]
async fn a_deleted_account_ends_the_session_at_its_next_request() {
    let gateway = Gateway::start(limits(), prompt).await;
    let mut client = gateway.log_in().await;
    gateway.change(|state| state.accounts.clear());
    client.send(&heartbeat(5)).await;
    expect_closed(client, &gateway, "account_deleted").await;
    assert!(gateway.broker.keys().is_empty());
}

#[actix::test]
async fn a_withdrawn_token_ends_an_idle_session_when_the_node_says_so() {
    let gateway = Gateway::start(limits(), prompt).await;
    let client = gateway.log_in().await;
    gateway.change(|state| state.tokens.clear());
    gateway.orders.send_modify(|orders| orders.recheck += 1);
    expect_closed(client, &gateway, "token_withdrawn").await;
}

#[actix::test]
async fn an_expired_session_serves_nothing() {
    let gateway = Gateway::start(limits(), prompt).await;
    gateway.expire_tokens_in(1);
    let mut client = gateway.log_in().await;
    tokio::time::sleep(Duration::from_millis(2050)).await;
    client.send(&heartbeat(5)).await;
    expect_closed(client, &gateway, "session_expired").await;
    assert!(gateway.broker.keys().is_empty());
}

#[actix::test]
async fn draining_finishes_what_is_in_flight() {
    let gateway = Gateway::start(limits(), slow).await;
    let mut client = gateway.log_in().await;
    client.send(&heartbeat(5)).await;
    while gateway.broker.keys().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    gateway
        .orders
        .send_modify(|orders| orders.mode = SessionMode::Drain);
    assert_eq!(client.receive_id().await, Some(5));
    expect_closed(client, &gateway, "drained").await;
}

#[actix::test]
async fn draining_does_not_wait_for_ever() {
    let limits = Limits {
        drain_timeout: Duration::from_millis(100),
        ..limits()
    };
    let gateway = Gateway::start(limits, |_| Deed::Nothing).await;
    let mut client = gateway.log_in().await;
    client.send(&heartbeat(5)).await;
    gateway
        .orders
        .send_modify(|orders| orders.mode = SessionMode::Drain);
    expect_closed(client, &gateway, "drained").await;
}

#[actix::test]
async fn a_closed_address_ends_its_sessions_at_once() {
    let gateway = Gateway::start(limits(), |_| Deed::Nothing).await;
    let mut client = gateway.log_in().await;
    client.send(&heartbeat(5)).await;
    gateway
        .orders
        .send_modify(|orders| orders.mode = SessionMode::Close(End::AddressGone));
    expect_closed(client, &gateway, "address_gone").await;
}

#[actix::test]
async fn what_was_sent_before_the_client_left_is_carried_out() {
    let gateway = Gateway::start(limits(), slow).await;
    let mut client = gateway.log_in().await;
    client.send(&heartbeat(5)).await;
    drop(client);
    gateway.expect_sessions(0).await;
    assert_eq!(gateway.broker.keys(), [HEARTBEAT]);
}

#[actix::test]
async fn a_large_frame_that_stops_is_closed_and_its_memory_given_back() {
    let limits = Limits {
        frame_stall_timeout: Duration::from_millis(300),
        ..limits()
    };
    let gateway = Gateway::start(limits, prompt).await;
    let mut client = gateway.log_in().await;
    client.send(&(100_u32 << 20).to_be_bytes()).await;
    client.send(&[0; 70_000]).await;
    while gateway.shared.metrics.buffered_bytes.get() < 100 << 20 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    expect_closed(client, &gateway, "slow_frame").await;
    gateway.expect_sessions(0).await;
    assert_eq!(gateway.shared.metrics.buffered_bytes.get(), 0);
}

#[actix::test]
async fn an_answer_that_never_ends_ends_the_session() {
    let limits = Limits {
        answer_stall_timeout: Duration::from_millis(100),
        ..limits()
    };
    /// The prefix of a small answer and of a large one, and a few bytes.
    const BEGINNINGS: [Does; 2] = [
        |_| Deed::Begin(vec![0, 0, 0, 100, 1, 2, 3]),
        |_| Deed::Begin(vec![0, 0x7f, 0, 0, 1, 2, 3]),
    ];
    for does in BEGINNINGS {
        let gateway = Gateway::start(limits, does).await;
        let mut client = gateway.log_in().await;
        client.send(&heartbeat(5)).await;
        expect_closed(client, &gateway, "upstream_stalled").await;
        gateway.expect_sessions(0).await;
        assert_eq!(gateway.shared.metrics.buffered_bytes.get(), 0);
    }
}

#[actix::test]
async fn a_session_that_loses_its_seat_is_answered_what_it_asked() {
    let limits = Limits {
        max_connections: 1,
        ..limits()
    };
    let gateway = Gateway::start(limits, slow).await;
    let mut client = gateway.log_in().await;
    client.send(&heartbeat(5)).await;
    while gateway.broker.keys().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (vcluster, other) = ("other".parse().unwrap(), Principal::user("other"));
    let from = gateway.address.ip();
    let mut newcomer = gateway.census.admit(&Load::default(), from);
    let seated = newcomer.log_in((&vcluster, &other), from, Instant::now());
    assert_eq!(seated, Ok(()));
    assert_eq!(client.receive_id().await, Some(5));
    assert_eq!(client.receive().await, None);
    gateway.expect_end("seat_given_away").await;
}
